//! `sql_variant`: a value that brings its own type.

use crate::simulator::tds::column::{
    BIG_INT, BINARY, BIT, CHAR, COLLATION, DATE, DATE_TIME, DATE_TIME_2, DATE_TIME_OFFSET,
    DECIMAL_N, FLOAT, GUID, INT, MONEY, NCHAR, NUMERIC_N, NVAR_CHAR, REAL, SMALL_DATE_TIME,
    SMALL_INT, SMALL_MONEY, TIME, TINY_INT, VAR_BINARY, VAR_CHAR,
};
use crate::simulator::tds::cursor::{Cursor, RequestError};
use crate::simulator::tds::parameter;
use crate::simulator::tds::short_value::short_value;
use crate::simulator::tds::value::{decimal, short_bytes, utf16};
use crate::simulator::wire_type::WireType;
use crate::transport::SqlValue;

/// The longest value that a `sql_variant` holds, in bytes.
const LONGEST: usize = 8000;
const PRECISION: u8 = 38;

/// Writes a `sql_variant` that is not NULL; `None` where it can't hold the value.
pub(super) fn put(out: &mut Vec<u8>, value: &SqlValue) -> Option<()> {
    let (kind, properties, bytes) = parts(value)?;
    if bytes.len() > LONGEST {
        return None;
    }
    let total = u32::try_from(2 + properties.len() + bytes.len()).ok()?;
    out.extend(total.to_le_bytes());
    out.push(kind);
    out.push(u8::try_from(properties.len()).ok()?);
    out.extend(properties);
    out.extend(bytes);
    Some(())
}

/// Reads a `sql_variant` behind its type's number.
pub(super) fn read(cursor: &mut Cursor<'_>) -> Result<SqlValue, RequestError> {
    let _greatest = cursor.u32()?;
    let length = match cursor.length()? {
        0 => return Ok(SqlValue::Null),
        length => length,
    };
    let mut value = Cursor::new(cursor.bytes(length)?);
    let kind = value.u8()?;
    let properties = usize::from(value.u8()?);
    let mut properties = Cursor::new(value.bytes(properties)?);
    let bytes = value.rest();
    let wire = match kind {
        BIT | TINY_INT | SMALL_INT | INT | BIG_INT | REAL | FLOAT | MONEY | SMALL_MONEY
        | DATE_TIME | SMALL_DATE_TIME => parameter::fixed(kind).0,
        GUID => WireType::UniqueIdentifier,
        DATE => WireType::Date,
        TIME | DATE_TIME_2 | DATE_TIME_OFFSET => parameter::of_scale(kind, properties.u8()?)?,
        DECIMAL_N | NUMERIC_N => {
            let [precision, scale] = properties.array()?;
            WireType::Decimal { precision, scale }
        }
        VAR_BINARY | BINARY => WireType::VarBinary(None),
        VAR_CHAR | CHAR => WireType::VarChar(None),
        NVAR_CHAR | NCHAR => WireType::NVarChar(None),
        _ => return Err(RequestError::Malformed("a variant has no such type")),
    };
    match wire {
        WireType::VarBinary(_) | WireType::VarChar(_) | WireType::NVarChar(_) => {
            Ok(parameter::value_of(wire, Some(bytes))?.1)
        }
        _ => short_value(wire, bytes),
    }
}

/// The base type, its properties, and the bytes.
fn parts(value: &SqlValue) -> Option<(u8, Vec<u8>, Vec<u8>)> {
    let fixed = |kind: u8, wire: WireType| Some((kind, Vec::new(), short_bytes(wire, value)?));
    match value {
        SqlValue::Null => None,
        SqlValue::Bit(_) => fixed(BIT, WireType::Bit),
        SqlValue::Int(number) if i32::try_from(*number).is_ok() => fixed(INT, WireType::Int),
        SqlValue::Int(_) => fixed(BIG_INT, WireType::BigInt),
        SqlValue::Float(_) => fixed(FLOAT, WireType::Float),
        SqlValue::Guid(_) => fixed(GUID, WireType::UniqueIdentifier),
        SqlValue::DateTime(_) => fixed(DATE_TIME, WireType::DateTime),
        SqlValue::Decimal { scale, .. } => {
            let digits = decimal(value, PRECISION, *scale)?;
            Some((NUMERIC_N, vec![PRECISION, *scale], digits))
        }
        SqlValue::Text(_) => {
            let bytes = utf16(value)?;
            let mut properties = COLLATION.to_vec();
            properties.extend(greatest_length(&bytes)?);
            Some((NVAR_CHAR, properties, bytes))
        }
        SqlValue::Bytes(bytes) => {
            let properties = greatest_length(bytes)?.to_vec();
            Some((VAR_BINARY, properties, bytes.clone()))
        }
    }
}

/// The greatest length that the value's type has; a type just as long as the value will do.
fn greatest_length(bytes: &[u8]) -> Option<[u8; 2]> {
    Some(u16::try_from(bytes.len().max(2)).ok()?.to_le_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wire(value: &SqlValue) -> String {
        let mut out = Vec::new();
        put(&mut out, value).unwrap();
        hex::encode(out)
    }

    #[test]
    fn values_bring_their_types() {
        for (value, expected) in [
            (SqlValue::Bit(true), "03000000320001"),
            (SqlValue::Int(3), "06000000380003000000"),
            (SqlValue::Int(1 << 32), "0a0000007f000000000001000000"),
            (SqlValue::Text("a".into()), "0b000000e7070904d0003402006100"),
            (SqlValue::Bytes(vec![9]), "05000000a502020009"),
            (
                SqlValue::Decimal {
                    unscaled: 1,
                    scale: 2,
                },
                "150000006c0226020101000000000000000000000000000000",
            ),
        ] {
            assert_eq!(wire(&value), expected, "{value:?}");
        }
    }

    #[test]
    fn long_texts_do_not_fit() {
        assert_eq!(
            put(&mut Vec::new(), &SqlValue::Text("x".repeat(4001))),
            None
        );
        assert!(put(&mut Vec::new(), &SqlValue::Text("x".repeat(4000))).is_some());
    }
}
