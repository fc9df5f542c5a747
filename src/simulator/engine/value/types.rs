//! Types: their names, and which one wins where two meet.

use crate::simulator::wire_type::WireType;
use crate::transport::SqlValue;

/// The type's name in messages and in `INFORMATION_SCHEMA`.
pub(crate) const fn type_name(kind: WireType) -> &'static str {
    match kind {
        WireType::Bit => "bit",
        WireType::TinyInt => "tinyint",
        WireType::SmallInt => "smallint",
        WireType::Int => "int",
        WireType::BigInt => "bigint",
        WireType::Real => "real",
        WireType::Float => "float",
        WireType::Decimal { .. } => "numeric",
        WireType::NVarChar(_) => "nvarchar",
        WireType::NChar(_) => "nchar",
        WireType::VarChar(_) => "varchar",
        WireType::Char(_) => "char",
        WireType::VarBinary(_) => "varbinary",
        WireType::Binary(_) => "binary",
        WireType::UniqueIdentifier => "uniqueidentifier",
        WireType::DateTime => "datetime",
        WireType::DateTime2(_) => "datetime2",
        WireType::Date => "date",
        WireType::SmallDateTime => "smalldatetime",
        WireType::Time(_) => "time",
        WireType::DateTimeOffset(_) => "datetimeoffset",
        WireType::Money => "money",
        WireType::SmallMoney => "smallmoney",
        WireType::Xml => "xml",
        WireType::Variant => "sql_variant",
    }
}

pub(crate) const fn is_text(kind: WireType) -> bool {
    matches!(
        kind,
        WireType::NVarChar(_)
            | WireType::NChar(_)
            | WireType::VarChar(_)
            | WireType::Char(_)
            | WireType::Xml
    )
}

/// The higher one's type is the type of a comparison, a sum, a CASE.
const fn precedence(kind: WireType) -> u8 {
    match kind {
        WireType::Variant => 30,
        WireType::DateTimeOffset(_) => 29,
        WireType::DateTime2(_) => 28,
        WireType::DateTime => 27,
        WireType::SmallDateTime => 26,
        WireType::Date => 25,
        WireType::Time(_) => 24,
        WireType::Float => 23,
        WireType::Real => 22,
        WireType::Decimal { .. } => 21,
        WireType::Money => 20,
        WireType::Xml => 14,
        WireType::SmallMoney | WireType::BigInt => 19,
        WireType::Int => 18,
        WireType::SmallInt => 17,
        WireType::TinyInt => 16,
        WireType::Bit => 15,
        WireType::UniqueIdentifier => 12,
        WireType::NVarChar(_) => 11,
        WireType::NChar(_) => 10,
        WireType::VarChar(_) => 9,
        WireType::Char(_) => 8,
        WireType::VarBinary(_) => 7,
        WireType::Binary(_) => 6,
    }
}

/// The type that holds values of both.
pub(crate) fn common_type(one: WireType, other: WireType) -> WireType {
    let (high, low) = if precedence(one) >= precedence(other) {
        (one, other)
    } else {
        (other, one)
    };
    let longer = |a: Option<u16>, b: Option<u16>| Some(a?.max(b?));
    let length = |kind| match kind {
        WireType::NVarChar(length) | WireType::VarChar(length) | WireType::VarBinary(length) => {
            length
        }
        WireType::NChar(length) | WireType::Char(length) | WireType::Binary(length) => Some(length),
        _ => Some(0),
    };
    match high {
        WireType::NVarChar(a) => WireType::NVarChar(longer(a, length(low))),
        WireType::VarChar(a) => WireType::VarChar(longer(a, length(low))),
        WireType::VarBinary(a) => WireType::VarBinary(longer(a, length(low))),
        WireType::NChar(a) if one != other => WireType::NVarChar(longer(Some(a), length(low))),
        WireType::Char(a) if one != other => WireType::VarChar(longer(Some(a), length(low))),
        WireType::Binary(a) if one != other => WireType::VarBinary(longer(Some(a), length(low))),
        WireType::Decimal { precision, scale } => {
            let (other_whole, other_scale) = match low {
                WireType::Decimal { precision, scale } => (precision.saturating_sub(scale), scale),
                WireType::BigInt => (19, 0),
                WireType::Money => (15, 4),
                WireType::SmallMoney => (6, 4),
                _ => (10, 0),
            };
            let scale_needed = scale.max(other_scale);
            let whole = precision.saturating_sub(scale).max(other_whole);
            WireType::Decimal {
                precision: whole.saturating_add(scale_needed).min(38),
                scale: scale_needed,
            }
        }
        kind => kind,
    }
}

/// The type of a value that nothing else tells the type of (a variant, a parameter).
pub(crate) fn kind_of(value: &SqlValue) -> WireType {
    let length = |units: usize, most: u16| {
        u16::try_from(units.max(1))
            .ok()
            .filter(|units| *units <= most)
    };
    match value {
        SqlValue::Null => WireType::Int,
        SqlValue::Bit(_) => WireType::Bit,
        SqlValue::Int(value) if i32::try_from(*value).is_ok() => WireType::Int,
        SqlValue::Int(_) => WireType::BigInt,
        SqlValue::Float(_) => WireType::Float,
        SqlValue::Decimal { unscaled, scale } => {
            let digits = unscaled.unsigned_abs().to_string().len();
            WireType::Decimal {
                precision: u8::try_from(digits).unwrap_or(38).max(*scale).clamp(1, 38),
                scale: *scale,
            }
        }
        SqlValue::Text(text) => WireType::NVarChar(length(text.encode_utf16().count(), 4000)),
        SqlValue::Bytes(bytes) => WireType::VarBinary(length(bytes.len(), 8000)),
        SqlValue::Guid(_) => WireType::UniqueIdentifier,
        SqlValue::DateTime(_) => WireType::DateTime2(7),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_higher_type_wins_and_is_wide_enough() {
        assert_eq!(
            common_type(WireType::VarChar(Some(5)), WireType::NVarChar(Some(3))),
            WireType::NVarChar(Some(5))
        );
        assert_eq!(
            common_type(WireType::NVarChar(None), WireType::VarChar(Some(3))),
            WireType::NVarChar(None)
        );
        assert_eq!(
            common_type(WireType::Int, WireType::NVarChar(Some(3))),
            WireType::Int
        );
        assert_eq!(
            common_type(
                WireType::Int,
                WireType::Decimal {
                    precision: 5,
                    scale: 2
                }
            ),
            WireType::Decimal {
                precision: 12,
                scale: 2
            }
        );
    }
}
