//! `sql_variant`: a value that brings its own type.

use crate::simulator::tds::column::{
    BIG_INT, BIT, COLLATION, DATE_TIME, FLOAT, GUID, INT, NUMERIC_N, NVAR_CHAR, VAR_BINARY,
};
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
