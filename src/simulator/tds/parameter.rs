//! Parameters of procedure calls: their types and values, read.

use crate::simulator::tds::column::{
    BIG_INT, BINARY, BIT, BIT_N, CHAR, DATE, DATE_TIME, DATE_TIME_2, DATE_TIME_N, DATE_TIME_OFFSET,
    DECIMAL_N, FLOAT, FLOAT_N, GUID, INT, INT_N, MAX_LENGTH, MONEY, MONEY_N, NCHAR, NULL,
    NUMERIC_N, NVAR_CHAR, REAL, SMALL_DATE_TIME, SMALL_INT, SMALL_MONEY, TIME, TINY_INT,
    VAR_BINARY, VAR_CHAR, VARIANT, XML,
};
use crate::simulator::tds::cursor::{Cursor, RequestError, utf16_text};
use crate::simulator::tds::short_value::short_value;
use crate::simulator::tds::{code_page, variant};
use crate::simulator::wire_type::WireType;
use crate::transport::SqlValue;

const IMAGE: u8 = 0x22;
const TEXT: u8 = 0x23;
const NTEXT: u8 = 0x63;
const USER_DEFINED: u8 = 0xF0;
const TABLE: u8 = 0xF3;

/// The total length of a value in chunks that is NULL.
const CHUNKS_NULL: u64 = u64::MAX;

type Read<T> = Result<T, RequestError>;

/// Reads `TYPE_INFO` and the value after it.
pub(super) fn read(cursor: &mut Cursor<'_>) -> Read<(WireType, SqlValue)> {
    let kind = cursor.u8()?;
    match kind {
        NULL => Ok((WireType::NVarChar(Some(1)), SqlValue::Null)),
        TINY_INT | BIT | SMALL_INT | INT | BIG_INT | REAL | FLOAT | MONEY | SMALL_MONEY
        | DATE_TIME | SMALL_DATE_TIME => {
            let (wire, length) = fixed(kind);
            let bytes = cursor.bytes(length)?;
            Ok((wire, short_value(wire, bytes)?))
        }
        INT_N | BIT_N | FLOAT_N | MONEY_N | DATE_TIME_N | GUID => {
            let wire = of_length(kind, cursor.u8()?)?;
            Ok((wire, nullable_short(cursor, wire)?))
        }
        DECIMAL_N | NUMERIC_N => {
            let [_, precision, scale] = cursor.array()?;
            if precision == 0 || precision > 38 || scale > precision {
                return Err(RequestError::Malformed("a decimal has no such precision"));
            }
            let wire = WireType::Decimal { precision, scale };
            Ok((wire, nullable_short(cursor, wire)?))
        }
        DATE => Ok((WireType::Date, nullable_short(cursor, WireType::Date)?)),
        TIME | DATE_TIME_2 | DATE_TIME_OFFSET => {
            let wire = of_scale(kind, cursor.u8()?)?;
            Ok((wire, nullable_short(cursor, wire)?))
        }
        VARIANT => Ok((WireType::Variant, variant::read(cursor)?)),
        NVAR_CHAR | NCHAR | VAR_CHAR | CHAR | VAR_BINARY | BINARY => long(cursor, kind),
        TEXT | NTEXT | IMAGE => old_long(cursor, kind),
        XML => {
            if cursor.u8()? != 0 {
                return Err(RequestError::Unsupported("typed XML parameters".to_owned()));
            }
            let bytes = chunks(cursor)?;
            value_of(WireType::Xml, bytes.as_deref().map(without_mark))
        }
        TABLE => Err(RequestError::Unsupported(
            "table-valued parameters".to_owned(),
        )),
        USER_DEFINED => Err(RequestError::Unsupported(
            "parameters of types of the CLR".to_owned(),
        )),
        other => Err(RequestError::Unsupported(format!(
            "parameters of type {other:#04x}"
        ))),
    }
}

/// A type without a length, and the length it has.
pub(super) const fn fixed(kind: u8) -> (WireType, usize) {
    match kind {
        TINY_INT => (WireType::TinyInt, 1),
        BIT => (WireType::Bit, 1),
        SMALL_INT => (WireType::SmallInt, 2),
        INT => (WireType::Int, 4),
        BIG_INT => (WireType::BigInt, 8),
        REAL => (WireType::Real, 4),
        FLOAT => (WireType::Float, 8),
        SMALL_MONEY => (WireType::SmallMoney, 4),
        MONEY => (WireType::Money, 8),
        SMALL_DATE_TIME => (WireType::SmallDateTime, 4),
        _ => (WireType::DateTime, 8),
    }
}

/// A type that its scale makes definite.
pub(super) fn of_scale(kind: u8, scale: u8) -> Read<WireType> {
    match (kind, scale) {
        (TIME, 0..=7) => Ok(WireType::Time(scale)),
        (DATE_TIME_2, 0..=7) => Ok(WireType::DateTime2(scale)),
        (DATE_TIME_OFFSET, 0..=7) => Ok(WireType::DateTimeOffset(scale)),
        _ => Err(RequestError::Malformed("a type has no such scale")),
    }
}

/// XML may begin with a mark that tells the order of its bytes.
fn without_mark(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(&[0xFF, 0xFE]).unwrap_or(bytes)
}

/// A type that its length makes definite.
fn of_length(kind: u8, length: u8) -> Read<WireType> {
    match (kind, length) {
        (INT_N, 1) => Ok(WireType::TinyInt),
        (INT_N, 2) => Ok(WireType::SmallInt),
        (INT_N, 4) => Ok(WireType::Int),
        (INT_N, 8) => Ok(WireType::BigInt),
        (BIT_N, 1) => Ok(WireType::Bit),
        (FLOAT_N, 4) => Ok(WireType::Real),
        (FLOAT_N, 8) => Ok(WireType::Float),
        (MONEY_N, 4) => Ok(WireType::SmallMoney),
        (MONEY_N, 8) => Ok(WireType::Money),
        (DATE_TIME_N, 4) => Ok(WireType::SmallDateTime),
        (DATE_TIME_N, 8) => Ok(WireType::DateTime),
        (GUID, 16) => Ok(WireType::UniqueIdentifier),
        _ => Err(RequestError::Malformed("a type has no such length")),
    }
}

/// A value behind its length of one byte; zero is NULL.
fn nullable_short(cursor: &mut Cursor<'_>, wire: WireType) -> Read<SqlValue> {
    match usize::from(cursor.u8()?) {
        0 => Ok(SqlValue::Null),
        length => short_value(wire, cursor.bytes(length)?),
    }
}

/// A type with a length of two bytes, or in chunks.
fn long(cursor: &mut Cursor<'_>, kind: u8) -> Read<(WireType, SqlValue)> {
    let greatest = cursor.u16()?;
    if matches!(kind, NVAR_CHAR | NCHAR | VAR_CHAR | CHAR) {
        let _collation: [u8; 5] = cursor.array()?;
    }
    let length = Some(greatest).filter(|length| *length != MAX_LENGTH);
    let wire = match (kind, length) {
        (NVAR_CHAR, length) => WireType::NVarChar(length.map(|length| length / 2)),
        (NCHAR, Some(length)) => WireType::NChar(length / 2),
        (VAR_CHAR, length) => WireType::VarChar(length),
        (CHAR, Some(length)) => WireType::Char(length),
        (VAR_BINARY, length) => WireType::VarBinary(length),
        (BINARY, Some(length)) => WireType::Binary(length),
        _ => return Err(RequestError::Malformed("a type has no such length")),
    };
    if length.is_none() {
        let bytes = chunks(cursor)?;
        return value_of(wire, bytes.as_deref());
    }
    let bytes = match cursor.u16()? {
        MAX_LENGTH => None,
        length => Some(cursor.bytes(usize::from(length))?),
    };
    value_of(wire, bytes)
}

/// `text`, `ntext` and `image`: taken as the `max` types that replaced them.
fn old_long(cursor: &mut Cursor<'_>, kind: u8) -> Read<(WireType, SqlValue)> {
    let _greatest = cursor.u32()?;
    let wire = match kind {
        IMAGE => WireType::VarBinary(None),
        TEXT => WireType::VarChar(None),
        _ => WireType::NVarChar(None),
    };
    if kind != IMAGE {
        let _collation: [u8; 5] = cursor.array()?;
    }
    let bytes = match cursor.length()? {
        0xFFFF_FFFF => None,
        length => Some(cursor.bytes(length)?),
    };
    value_of(wire, bytes)
}

/// A value in chunks, as `max` types come.
fn chunks(cursor: &mut Cursor<'_>) -> Read<Option<Vec<u8>>> {
    if cursor.u64()? == CHUNKS_NULL {
        return Ok(None);
    }
    // The total is a hint that may say "unknown"; the chunks tell the truth.
    let mut bytes = Vec::new();
    loop {
        match cursor.length()? {
            0 => return Ok(Some(bytes)),
            length => bytes.extend_from_slice(cursor.bytes(length)?),
        }
    }
}

pub(super) fn value_of(wire: WireType, bytes: Option<&[u8]>) -> Read<(WireType, SqlValue)> {
    let value = match (wire, bytes) {
        (_, None) => SqlValue::Null,
        (WireType::NVarChar(_) | WireType::NChar(_) | WireType::Xml, Some(bytes)) => {
            SqlValue::Text(utf16_text(bytes)?)
        }
        (WireType::VarChar(_) | WireType::Char(_), Some(bytes)) => {
            SqlValue::Text(code_page::decode(bytes))
        }
        (_, Some(bytes)) => SqlValue::Bytes(bytes.to_vec()),
    };
    Ok((wire, value))
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;
    use crate::simulator::tds::column::put_type;
    use crate::simulator::tds::value::put_value;

    /// Types and values that servers write are read back as they were.
    #[test]
    fn what_is_written_is_read() {
        let moment = || SqlValue::DateTime(datetime!(2024-02-29 12:00:00.5));
        let decimal = WireType::Decimal {
            precision: 38,
            scale: 4,
        };
        for (kind, value) in [
            (WireType::Bit, SqlValue::Bit(true)),
            (WireType::TinyInt, SqlValue::Int(255)),
            (WireType::SmallInt, SqlValue::Int(-1)),
            (WireType::Int, SqlValue::Int(-70_000)),
            (WireType::BigInt, SqlValue::Int(i64::MIN)),
            (WireType::Real, SqlValue::Float(0.5)),
            (WireType::Float, SqlValue::Float(-0.1)),
            (
                decimal,
                SqlValue::Decimal {
                    unscaled: -1_234_567,
                    scale: 4,
                },
            ),
            (WireType::NVarChar(Some(10)), SqlValue::Text("a😀".into())),
            (WireType::NVarChar(None), SqlValue::Text("x".repeat(70_000))),
            (WireType::NChar(2), SqlValue::Text("ab".into())),
            (WireType::VarChar(Some(10)), SqlValue::Text("€".into())),
            (WireType::VarChar(None), SqlValue::Text("ü".into())),
            (WireType::Char(1), SqlValue::Text("D".into())),
            (WireType::VarBinary(Some(3)), SqlValue::Bytes(vec![1, 2, 3])),
            (WireType::VarBinary(None), SqlValue::Bytes(Vec::new())),
            (WireType::Binary(1), SqlValue::Bytes(vec![1])),
            (WireType::UniqueIdentifier, SqlValue::Guid([9; 16])),
            (WireType::DateTime, moment()),
            (WireType::DateTime2(3), moment()),
            (
                WireType::Date,
                SqlValue::DateTime(datetime!(2024-02-29 00:00)),
            ),
            (
                WireType::SmallDateTime,
                SqlValue::DateTime(datetime!(2024-02-29 12:34)),
            ),
            (
                WireType::Time(3),
                SqlValue::DateTime(datetime!(1900-01-01 23:59:59.999)),
            ),
            (
                WireType::DateTimeOffset(2),
                SqlValue::Text("2024-02-29 00:30:00.50 +14:00".into()),
            ),
            (
                WireType::Money,
                SqlValue::Decimal {
                    unscaled: i128::from(i64::MIN),
                    scale: 4,
                },
            ),
            (
                WireType::SmallMoney,
                SqlValue::Decimal {
                    unscaled: -15_000,
                    scale: 4,
                },
            ),
            (WireType::Xml, SqlValue::Text("<ä/>".into())),
            (WireType::Variant, SqlValue::Text("in it".into())),
            (WireType::Variant, SqlValue::Int(5)),
            (
                WireType::Variant,
                SqlValue::Decimal {
                    unscaled: 5,
                    scale: 2,
                },
            ),
        ] {
            for (value, nullable) in [(&value, true), (&value, false), (&SqlValue::Null, true)] {
                let mut bytes = Vec::new();
                put_type(&mut bytes, kind, nullable);
                put_value(&mut bytes, kind, nullable, value).unwrap();
                let mut cursor = Cursor::new(&bytes);
                assert_eq!(read(&mut cursor).unwrap(), (kind, value.clone()));
                assert!(cursor.is_at_end(), "{kind:?}");
                for end in 0..bytes.len() {
                    assert!(read(&mut Cursor::new(&bytes[..end])).is_err(), "{kind:?}");
                }
            }
        }
    }

    #[test]
    fn types_that_servers_do_not_write_are_read_too() {
        for (bytes, kind, value) in [
            ("1f", WireType::NVarChar(Some(1)), SqlValue::Null),
            (
                "3c0000000010270000",
                WireType::Money,
                SqlValue::Decimal {
                    unscaled: 10_000,
                    scale: 4,
                },
            ),
            (
                "6e0404f0d8ffff",
                WireType::SmallMoney,
                SqlValue::Decimal {
                    unscaled: -10_000,
                    scale: 4,
                },
            ),
            (
                "3a01000100",
                WireType::SmallDateTime,
                SqlValue::DateTime(datetime!(1900-01-02 00:01)),
            ),
            (
                "22ffffff7f020000000102",
                WireType::VarBinary(None),
                SqlValue::Bytes(vec![1, 2]),
            ),
            (
                "63ffffff7f0904d00034020000006100",
                WireType::NVarChar(None),
                SqlValue::Text("a".into()),
            ),
            (
                "e7ffff0904d00034feffffffffffffff0200000061000200000062000000000000",
                WireType::NVarChar(None),
                SqlValue::Text("ab".into()),
            ),
        ] {
            let bytes = hex::decode(bytes).unwrap();
            assert_eq!(read(&mut Cursor::new(&bytes)).unwrap(), (kind, value));
        }
    }

    #[test]
    fn what_is_no_value_of_its_type_is_refused() {
        for bad in [
            "2603",
            "680202",
            "26040300",
            "6a052700",
            "2410010a",
            "2a0901",
            "2908",
            "2b0808",
            "38",
            "29070100",
            "621000000001000000",
            "62100000000200000099",
        ] {
            let bytes = hex::decode(bad).unwrap();
            assert!(read(&mut Cursor::new(&bytes)).is_err(), "{bad}");
        }
        assert!(matches!(
            read(&mut Cursor::new(&[0xF3])),
            Err(RequestError::Unsupported(_))
        ));
    }
}
