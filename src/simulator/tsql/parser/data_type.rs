//! Types.

use super::Parser;
use crate::simulator::server_error::Result;
use crate::simulator::tsql::token::TokenKind;
use crate::simulator::wire_type::WireType;

/// What stands in parentheses behind a type's name.
enum Length {
    None,
    Max,
    Numbers(Vec<u16>),
}

impl Parser<'_> {
    /// A type, and how it was written.
    pub(super) fn data_type(&mut self) -> Result<(WireType, String)> {
        if self.is_word("sys") && self.peek_at(1).is_symbol(".") {
            self.at += 2;
        }
        let mut name = self.type_name()?;
        let length = self.type_length()?;
        let Some(kind) = wire_type(&name, &length) else {
            return Err(match name.as_str() {
                "hierarchyid" | "geography" | "geometry" | "cursor" => {
                    self.unsupported(format_args!("the type {name}"))
                }
                _ => self.error(243, format!("Type {name} is not a defined system type.")),
            });
        };
        match length {
            Length::None => {}
            Length::Max => name.push_str("(max)"),
            Length::Numbers(numbers) => {
                let numbers: Vec<String> = numbers.iter().map(u16::to_string).collect();
                name = format!("{name}({})", numbers.join(","));
            }
        }
        Ok((kind, name))
    }

    fn type_name(&mut self) -> Result<String> {
        let name = match self.next().kind {
            TokenKind::Word(name) | TokenKind::Quoted(name) => name.to_ascii_lowercase(),
            _ => {
                self.at = self.at.saturating_sub(1);
                return Err(self.unexpected());
            }
        };
        let second = match name.as_str() {
            "double" if self.take_word("precision") => return Ok("float".to_owned()),
            "national" => self.name()?.to_ascii_lowercase(),
            "character" => "char".to_owned(),
            _ => return Ok(name),
        };
        let base = if self.take_word("varying") {
            "varchar"
        } else {
            "char"
        };
        Ok(if name == "national" && second.starts_with("char") {
            format!("n{base}")
        } else {
            base.to_owned()
        })
    }

    fn type_length(&mut self) -> Result<Length> {
        if !self.take_symbol("(") {
            return Ok(Length::None);
        }
        if self.take_word("max") {
            self.expect_symbol(")")?;
            return Ok(Length::Max);
        }
        let numbers = self.list(Self::integer)?;
        self.expect_symbol(")")?;
        Ok(Length::Numbers(numbers))
    }
}

fn wire_type(name: &str, length: &Length) -> Option<WireType> {
    let number = |at: usize, default: u16| match length {
        Length::Numbers(numbers) => numbers.get(at).copied().unwrap_or(default),
        _ => default,
    };
    let byte = |at: usize, default: u8| u8::try_from(number(at, default.into())).ok();
    let sized = match length {
        Length::Max => None,
        _ => Some(number(0, 1)),
    };
    Some(match name {
        "bit" => WireType::Bit,
        "tinyint" => WireType::TinyInt,
        "smallint" => WireType::SmallInt,
        "int" | "integer" => WireType::Int,
        "bigint" => WireType::BigInt,
        "real" => WireType::Real,
        "float" if number(0, 53) <= 24 => WireType::Real,
        "float" => WireType::Float,
        "decimal" | "numeric" | "dec" => WireType::Decimal {
            precision: byte(0, 18).filter(|precision| (1..=38).contains(precision))?,
            scale: byte(1, 0).filter(|scale| *scale <= 38)?,
        },
        "money" => WireType::Money,
        "smallmoney" => WireType::SmallMoney,
        "nvarchar" => WireType::NVarChar(sized),
        "ntext" => WireType::NVarChar(None),
        "xml" => WireType::Xml,
        "sysname" => WireType::NVarChar(Some(128)),
        "nchar" => WireType::NChar(number(0, 1)),
        "varchar" => WireType::VarChar(sized),
        "text" => WireType::VarChar(None),
        "char" => WireType::Char(number(0, 1)),
        "varbinary" => WireType::VarBinary(sized),
        "image" => WireType::VarBinary(None),
        "binary" => WireType::Binary(number(0, 1)),
        "timestamp" | "rowversion" => WireType::Binary(8),
        "uniqueidentifier" => WireType::UniqueIdentifier,
        "datetime" => WireType::DateTime,
        "smalldatetime" => WireType::SmallDateTime,
        "time" => WireType::Time(byte(0, 7).filter(|digits| *digits <= 7)?),
        "datetimeoffset" => WireType::DateTimeOffset(byte(0, 7).filter(|digits| *digits <= 7)?),
        "datetime2" => WireType::DateTime2(byte(0, 7).filter(|digits| *digits <= 7)?),
        "date" => WireType::Date,
        "sql_variant" => WireType::Variant,
        _ => return None,
    })
}
