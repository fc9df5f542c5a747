//! Types of columns and return values, as the wire describes them.

use crate::simulator::wire_type::WireType;

/// `SQL_Latin1_General_CP1_CI_AS`: locale 1033, the comparison flags, sort order 52.
pub(super) const COLLATION: [u8; 5] = [0x09, 0x04, 0xD0, 0x00, 0x34];

/// Types of the wire.
pub(super) const NULL: u8 = 0x1F;
pub(super) const TINY_INT: u8 = 0x30;
pub(super) const BIT: u8 = 0x32;
pub(super) const SMALL_INT: u8 = 0x34;
pub(super) const INT: u8 = 0x38;
pub(super) const SMALL_DATE_TIME: u8 = 0x3A;
pub(super) const REAL: u8 = 0x3B;
pub(super) const MONEY: u8 = 0x3C;
pub(super) const DATE_TIME: u8 = 0x3D;
pub(super) const FLOAT: u8 = 0x3E;
pub(super) const SMALL_MONEY: u8 = 0x7A;
pub(super) const BIG_INT: u8 = 0x7F;
pub(super) const GUID: u8 = 0x24;
pub(super) const INT_N: u8 = 0x26;
pub(super) const DATE: u8 = 0x28;
pub(super) const TIME: u8 = 0x29;
pub(super) const DATE_TIME_2: u8 = 0x2A;
pub(super) const DATE_TIME_OFFSET: u8 = 0x2B;
pub(super) const VARIANT: u8 = 0x62;
pub(super) const BIT_N: u8 = 0x68;
pub(super) const DECIMAL_N: u8 = 0x6A;
pub(super) const NUMERIC_N: u8 = 0x6C;
pub(super) const FLOAT_N: u8 = 0x6D;
pub(super) const MONEY_N: u8 = 0x6E;
pub(super) const DATE_TIME_N: u8 = 0x6F;
pub(super) const VAR_BINARY: u8 = 0xA5;
pub(super) const VAR_CHAR: u8 = 0xA7;
pub(super) const BINARY: u8 = 0xAD;
pub(super) const CHAR: u8 = 0xAF;
pub(super) const NVAR_CHAR: u8 = 0xE7;
pub(super) const NCHAR: u8 = 0xEF;
pub(super) const XML: u8 = 0xF1;

/// Stands for the length of `max` types.
pub(super) const MAX_LENGTH: u16 = 0xFFFF;
/// The length of a `sql_variant`, as servers give it.
const VARIANT_LENGTH: u32 = 8009;

/// What servers say for the length of every decimal column, as captured of precisions 10, 20 and
/// 25: the room that the longest takes. Its values are as short as their precision allows.
const LONGEST_DECIMAL: u8 = 17;

/// How many bytes the digits of a decimal take, its sign included.
pub(super) const fn decimal_length(precision: u8) -> u8 {
    match precision {
        0..=9 => 5,
        10..=19 => 9,
        20..=28 => 13,
        _ => 17,
    }
}

/// Writes `TYPE_INFO`. What can't be NULL has a type of fixed length where there is one: clients
/// read a nullable type without the nullable flag wrongly.
pub(super) fn put_type(out: &mut Vec<u8>, kind: WireType, nullable: bool) {
    let either = |with_length: [u8; 2], fixed: u8| {
        if nullable {
            with_length.to_vec()
        } else {
            vec![fixed]
        }
    };
    match kind {
        WireType::Bit => out.extend(either([BIT_N, 1], BIT)),
        WireType::TinyInt => out.extend(either([INT_N, 1], TINY_INT)),
        WireType::SmallInt => out.extend(either([INT_N, 2], SMALL_INT)),
        WireType::Int => out.extend(either([INT_N, 4], INT)),
        WireType::BigInt => out.extend(either([INT_N, 8], BIG_INT)),
        WireType::Real => out.extend(either([FLOAT_N, 4], REAL)),
        WireType::Float => out.extend(either([FLOAT_N, 8], FLOAT)),
        WireType::DateTime => out.extend(either([DATE_TIME_N, 8], DATE_TIME)),
        WireType::SmallDateTime => out.extend(either([DATE_TIME_N, 4], SMALL_DATE_TIME)),
        WireType::Money => out.extend(either([MONEY_N, 8], MONEY)),
        WireType::SmallMoney => out.extend(either([MONEY_N, 4], SMALL_MONEY)),
        WireType::Decimal { precision, scale } => {
            out.extend([NUMERIC_N, LONGEST_DECIMAL, precision, scale]);
        }
        WireType::NVarChar(length) => put_text(out, NVAR_CHAR, length.map(bytes_of)),
        WireType::NChar(length) => put_text(out, NCHAR, Some(bytes_of(length))),
        WireType::VarChar(length) => put_text(out, VAR_CHAR, length),
        WireType::Char(length) => put_text(out, CHAR, Some(length)),
        WireType::VarBinary(length) => put_binary(out, VAR_BINARY, length),
        WireType::Binary(length) => put_binary(out, BINARY, Some(length)),
        WireType::UniqueIdentifier => out.extend([GUID, 16]),
        WireType::DateTime2(scale) => out.extend([DATE_TIME_2, scale]),
        WireType::Date => out.push(DATE),
        WireType::Time(scale) => out.extend([TIME, scale]),
        WireType::DateTimeOffset(scale) => out.extend([DATE_TIME_OFFSET, scale]),
        // Without a schema.
        WireType::Xml => out.extend([XML, 0]),
        WireType::Variant => {
            out.push(VARIANT);
            out.extend(VARIANT_LENGTH.to_le_bytes());
        }
    }
}

const fn bytes_of(characters: u16) -> u16 {
    characters.saturating_mul(2)
}

fn put_binary(out: &mut Vec<u8>, kind: u8, length: Option<u16>) {
    out.push(kind);
    out.extend(length.unwrap_or(MAX_LENGTH).to_le_bytes());
}

fn put_text(out: &mut Vec<u8>, kind: u8, length: Option<u16>) {
    put_binary(out, kind, length);
    out.extend(COLLATION);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_described_byte_by_byte() {
        for (kind, expected) in [
            (WireType::Bit, "6801"),
            (WireType::TinyInt, "2601"),
            (WireType::SmallInt, "2602"),
            (WireType::Int, "2604"),
            (WireType::BigInt, "2608"),
            (WireType::Real, "6d04"),
            (WireType::Float, "6d08"),
            (
                WireType::Decimal {
                    precision: 25,
                    scale: 0,
                },
                "6c111900",
            ),
            (WireType::NVarChar(Some(128)), "e700010904d00034"),
            (WireType::NVarChar(None), "e7ffff0904d00034"),
            (WireType::NChar(1), "ef02000904d00034"),
            (WireType::VarChar(Some(8000)), "a7401f0904d00034"),
            (WireType::VarChar(None), "a7ffff0904d00034"),
            (WireType::Char(1), "af01000904d00034"),
            (WireType::VarBinary(Some(20)), "a51400"),
            (WireType::VarBinary(None), "a5ffff"),
            (WireType::Binary(16), "ad1000"),
            (WireType::UniqueIdentifier, "2410"),
            (WireType::DateTime, "6f08"),
            (WireType::DateTime2(7), "2a07"),
            (WireType::Date, "28"),
            (WireType::SmallDateTime, "6f04"),
            (WireType::Money, "6e08"),
            (WireType::SmallMoney, "6e04"),
            (WireType::Time(3), "2903"),
            (WireType::DateTimeOffset(7), "2b07"),
            (WireType::Xml, "f100"),
            (WireType::Variant, "62491f0000"),
        ] {
            let mut out = Vec::new();
            put_type(&mut out, kind, true);
            assert_eq!(hex::encode(out), expected, "{kind:?}");
        }
    }

    #[test]
    fn what_is_never_null_has_a_fixed_type() {
        let mut out = Vec::new();
        for kind in [
            WireType::Bit,
            WireType::TinyInt,
            WireType::SmallInt,
            WireType::Int,
            WireType::BigInt,
            WireType::Real,
            WireType::Float,
            WireType::DateTime,
            WireType::SmallDateTime,
            WireType::Money,
            WireType::SmallMoney,
        ] {
            put_type(&mut out, kind, false);
        }
        assert_eq!(hex::encode(out), "323034387f3b3e3d3a3c7a");
    }
}
