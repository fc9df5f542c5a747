//! Values, as the wire carries them.

use crate::simulator::engine::parse_date_time_offset;
use crate::simulator::tds::column::{MAX_LENGTH, decimal_length};
use crate::simulator::tds::{calendar, code_page, variant};
use crate::simulator::wire_type::WireType;
use crate::transport::SqlValue;

const MONEY_SCALE: u8 = 4;

/// A value that its column can't carry: a fault of the engine, not of the client.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a column of type {kind:?} can't carry {value}")]
pub(super) struct Mismatch {
    kind: WireType,
    /// The value's type and length.
    value: String,
}

impl Mismatch {
    pub(super) fn new(kind: WireType, value: &SqlValue) -> Self {
        Self {
            kind,
            value: format!("{value:?}"),
        }
    }
}

/// Writes a value of a column or parameter of type `kind`.
pub(super) fn put_value(
    out: &mut Vec<u8>,
    kind: WireType,
    nullable: bool,
    value: &SqlValue,
) -> Result<(), Mismatch> {
    let written = match value {
        SqlValue::Null if nullable => {
            put_null(out, kind);
            Some(())
        }
        SqlValue::Null => None,
        value => put_known(out, kind, nullable, value),
    };
    written.ok_or_else(|| Mismatch::new(kind, value))
}

fn put_null(out: &mut Vec<u8>, kind: WireType) {
    match kind {
        WireType::NVarChar(None)
        | WireType::VarChar(None)
        | WireType::VarBinary(None)
        | WireType::Xml => {
            out.extend([0xFF; 8]);
        }
        WireType::NVarChar(_)
        | WireType::NChar(_)
        | WireType::VarChar(_)
        | WireType::Char(_)
        | WireType::VarBinary(_)
        | WireType::Binary(_) => out.extend(MAX_LENGTH.to_le_bytes()),
        WireType::Variant => out.extend([0; 4]),
        _ => out.push(0),
    }
}

fn put_known(out: &mut Vec<u8>, kind: WireType, nullable: bool, value: &SqlValue) -> Option<()> {
    match kind {
        WireType::NVarChar(length) => {
            put_long(out, length.map(|n| n.saturating_mul(2)), utf16(value)?)
        }
        WireType::Xml => put_long(out, None, utf16(value)?),
        WireType::NChar(length) => put_long(out, Some(length.saturating_mul(2)), utf16(value)?),
        WireType::VarChar(length) => put_long(out, length, code_page::encode(text(value)?)),
        WireType::Char(length) => put_long(out, Some(length), code_page::encode(text(value)?)),
        WireType::VarBinary(length) => put_long(out, length, binary(value)?),
        WireType::Binary(length) => put_long(out, Some(length), binary(value)?),
        WireType::Variant => variant::put(out, value),
        // These go without a length where their type is of fixed length.
        WireType::Bit
        | WireType::TinyInt
        | WireType::SmallInt
        | WireType::Int
        | WireType::BigInt
        | WireType::Real
        | WireType::Float
        | WireType::DateTime
        | WireType::SmallDateTime
        | WireType::Money
        | WireType::SmallMoney
            if !nullable =>
        {
            out.extend(short_bytes(kind, value)?);
            Some(())
        }
        _ => {
            let bytes = short_bytes(kind, value)?;
            out.push(u8::try_from(bytes.len()).ok()?);
            out.extend(bytes);
            Some(())
        }
    }
}

/// The bytes of a value whose length fits in one byte.
pub(super) fn short_bytes(kind: WireType, value: &SqlValue) -> Option<Vec<u8>> {
    match (kind, value) {
        (WireType::Bit, _) => Some(vec![u8::from(integer(value)? != 0)]),
        (WireType::TinyInt, _) => Some(vec![u8::try_from(integer(value)?).ok()?]),
        (WireType::SmallInt, _) => Some(i16::try_from(integer(value)?).ok()?.to_le_bytes().into()),
        (WireType::Int, _) => Some(i32::try_from(integer(value)?).ok()?.to_le_bytes().into()),
        (WireType::BigInt, _) => Some(integer(value)?.to_le_bytes().into()),
        (WireType::Float, _) => Some(float(value)?.to_le_bytes().into()),
        (WireType::Real, _) => Some(real(float(value)?).to_le_bytes().into()),
        (WireType::Decimal { precision, scale }, _) => decimal(value, precision, scale),
        (WireType::UniqueIdentifier, SqlValue::Guid(guid)) => Some(guid.to_vec()),
        (WireType::DateTime, SqlValue::DateTime(value)) => {
            let (days, ticks) = calendar::to_datetime(*value)?;
            Some([days.to_le_bytes(), ticks.to_le_bytes()].concat())
        }
        (WireType::DateTime2(scale), SqlValue::DateTime(value)) => {
            let (days, units) = calendar::to_datetime2(*value, scale)?;
            let mut bytes = units.to_le_bytes()[..calendar::time_length(scale)].to_vec();
            bytes.extend(&days.to_le_bytes()[..3]);
            Some(bytes)
        }
        (WireType::SmallDateTime, SqlValue::DateTime(value)) => {
            let (days, minutes) = calendar::to_smalldatetime(*value)?;
            Some([days.to_le_bytes(), minutes.to_le_bytes()].concat())
        }
        (WireType::Time(scale), SqlValue::DateTime(value)) => {
            let (_, units) = calendar::to_datetime2(*value, scale)?;
            Some(units.to_le_bytes()[..calendar::time_length(scale)].to_vec())
        }
        (WireType::DateTimeOffset(scale), SqlValue::Text(text)) => {
            let (local, minutes) = parse_date_time_offset(text)?;
            let utc = SqlValue::DateTime(calendar::to_utc(local, minutes)?);
            let mut bytes = short_bytes(WireType::DateTime2(scale), &utc)?;
            bytes.extend(minutes.to_le_bytes());
            Some(bytes)
        }
        (WireType::Money, _) => {
            let unscaled = i64::try_from(rescaled(value, MONEY_SCALE)?).ok()?;
            let [lower @ .., _, _, _, _] = unscaled.to_le_bytes();
            let [_, _, _, _, upper @ ..] = unscaled.to_le_bytes();
            // The upper half goes first.
            Some([upper, lower].concat())
        }
        (WireType::SmallMoney, _) => {
            let unscaled = i32::try_from(rescaled(value, MONEY_SCALE)?).ok()?;
            Some(unscaled.to_le_bytes().to_vec())
        }
        (WireType::Date, SqlValue::DateTime(value)) => {
            Some(calendar::to_days(value.date())?.to_le_bytes()[..3].to_vec())
        }
        _ => None,
    }
}

/// A value with a length of two bytes, or in chunks where there is no greatest length.
fn put_long(out: &mut Vec<u8>, greatest: Option<u16>, bytes: Vec<u8>) -> Option<()> {
    let Some(greatest) = greatest else {
        out.extend(u64::try_from(bytes.len()).ok()?.to_le_bytes());
        if !bytes.is_empty() {
            out.extend(u32::try_from(bytes.len()).ok()?.to_le_bytes());
            out.extend(bytes);
        }
        out.extend([0; 4]);
        return Some(());
    };
    let length = u16::try_from(bytes.len())
        .ok()
        .filter(|length| *length <= greatest && *length != MAX_LENGTH)?;
    out.extend(length.to_le_bytes());
    out.extend(bytes);
    Some(())
}

pub(super) fn text(value: &SqlValue) -> Option<&str> {
    match value {
        SqlValue::Text(text) => Some(text),
        _ => None,
    }
}

pub(super) fn utf16(value: &SqlValue) -> Option<Vec<u8>> {
    Some(
        text(value)?
            .encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect(),
    )
}

pub(super) fn binary(value: &SqlValue) -> Option<Vec<u8>> {
    match value {
        SqlValue::Bytes(bytes) => Some(bytes.clone()),
        _ => None,
    }
}

fn integer(value: &SqlValue) -> Option<i64> {
    match value {
        SqlValue::Int(value) => Some(*value),
        SqlValue::Bit(value) => Some(i64::from(*value)),
        _ => None,
    }
}

#[allow(
    clippy::cast_precision_loss,
    reason = "an integer in a float column is as exact as SQL Server's own conversion"
)]
fn float(value: &SqlValue) -> Option<f64> {
    match value {
        SqlValue::Float(value) => Some(*value),
        SqlValue::Int(value) => Some(*value as f64),
        _ => None,
    }
}

#[allow(
    clippy::cast_possible_truncation,
    reason = "real is the narrower type by its nature"
)]
const fn real(value: f64) -> f32 {
    value as f32
}

const fn ten(digits: u8) -> Option<i128> {
    10_i128.checked_pow(digits as u32)
}

/// The digits of a number with that many of them behind the point, if nothing is lost by it.
fn rescaled(value: &SqlValue, scale: u8) -> Option<i128> {
    let (unscaled, from_scale) = match value {
        SqlValue::Decimal { unscaled, scale } => (*unscaled, *scale),
        value => (i128::from(integer(value)?), 0),
    };
    if from_scale <= scale {
        return unscaled.checked_mul(ten(scale - from_scale)?);
    }
    let divisor = ten(from_scale - scale)?;
    (unscaled % divisor == 0).then_some(unscaled / divisor)
}

/// The sign and the digits. Only what fits without loss is carried.
pub(super) fn decimal(value: &SqlValue, precision: u8, scale: u8) -> Option<Vec<u8>> {
    let scaled = rescaled(value, scale)?;
    let magnitude = scaled.unsigned_abs();
    if magnitude >= ten(precision)?.unsigned_abs() {
        return None;
    }
    let digits = usize::from(decimal_length(precision)) - 1;
    let mut bytes = vec![u8::from(scaled >= 0)];
    bytes.extend(&magnitude.to_le_bytes()[..digits]);
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    fn wire(kind: WireType, value: SqlValue) -> String {
        let mut out = Vec::new();
        put_value(&mut out, kind, true, &value).unwrap();
        hex::encode(out)
    }

    const NUMERIC: WireType = WireType::Decimal {
        precision: 25,
        scale: 2,
    };

    #[test]
    fn values_are_written_byte_by_byte() {
        let moment = SqlValue::DateTime(datetime!(2024-02-29 12:00:00));
        let text = || SqlValue::Text("aé😀".to_owned());
        for (kind, value, expected) in [
            (WireType::Bit, SqlValue::Bit(true), "0101"),
            (WireType::TinyInt, SqlValue::Int(255), "01ff"),
            (WireType::SmallInt, SqlValue::Int(-2), "02feff"),
            (WireType::Int, SqlValue::Int(1), "0401000000"),
            (WireType::BigInt, SqlValue::Int(-1), "08ffffffffffffffff"),
            (WireType::Real, SqlValue::Float(1.0), "040000803f"),
            (WireType::Float, SqlValue::Float(1.0), "08000000000000f03f"),
            (
                NUMERIC,
                SqlValue::Decimal {
                    unscaled: -256,
                    scale: 0,
                },
                "0d00006400000000000000000000",
            ),
            (NUMERIC, SqlValue::Int(1), "0d01640000000000000000000000"),
            (WireType::NVarChar(Some(4)), text(), "08006100e9003dd800de"),
            (WireType::NChar(4), text(), "08006100e9003dd800de"),
            (
                WireType::NVarChar(None),
                text(),
                "0800000000000000080000006100e9003dd800de00000000",
            ),
            (
                WireType::NVarChar(None),
                SqlValue::Text(String::new()),
                "000000000000000000000000",
            ),
            (WireType::VarChar(Some(3)), text(), "030061e93f"),
            (WireType::Char(3), text(), "030061e93f"),
            (
                WireType::VarChar(None),
                text(),
                "03000000000000000300000061e93f00000000",
            ),
            (
                WireType::VarBinary(Some(2)),
                SqlValue::Bytes(vec![1, 2]),
                "02000102",
            ),
            (
                WireType::VarBinary(None),
                SqlValue::Bytes(vec![1]),
                "0100000000000000010000000100000000",
            ),
            (
                WireType::UniqueIdentifier,
                SqlValue::Guid([7; 16]),
                "1007070707070707070707070707070707",
            ),
            (WireType::DateTime, moment.clone(), "0825b1000000c1c500"),
            (WireType::DateTime2(7), moment.clone(), "0800e034956480460b"),
            (WireType::DateTime2(0), moment.clone(), "06c0a80080460b"),
            (WireType::Date, moment.clone(), "0380460b"),
            (WireType::SmallDateTime, moment.clone(), "0425b1d002"),
            (WireType::Time(7), moment.clone(), "0500e0349564"),
            (WireType::Time(0), moment, "03c0a800"),
            (
                WireType::DateTimeOffset(0),
                SqlValue::Text("2024-02-29 14:00:00 +02:00".to_owned()),
                "08c0a80080460b7800",
            ),
            (WireType::Money, SqlValue::Int(1), "080000000010270000"),
            (
                WireType::SmallMoney,
                SqlValue::Decimal {
                    unscaled: -15,
                    scale: 1,
                },
                "0468c5ffff",
            ),
            (
                WireType::Xml,
                SqlValue::Text("<a/>".to_owned()),
                "0800000000000000080000003c0061002f003e0000000000",
            ),
        ] {
            assert_eq!(wire(kind, value), expected, "{kind:?}");
        }
    }

    #[test]
    fn null_has_a_form_in_every_type() {
        for (kind, expected) in [
            (WireType::Int, "00"),
            (NUMERIC, "00"),
            (WireType::UniqueIdentifier, "00"),
            (WireType::DateTime2(3), "00"),
            (WireType::NVarChar(Some(1)), "ffff"),
            (WireType::Binary(1), "ffff"),
            (WireType::VarBinary(None), "ffffffffffffffff"),
            (WireType::Variant, "00000000"),
        ] {
            assert_eq!(wire(kind, SqlValue::Null), expected, "{kind:?}");
        }
    }

    #[test]
    fn fixed_types_have_no_length_and_no_null() {
        let mut out = Vec::new();
        put_value(&mut out, WireType::Int, false, &SqlValue::Int(1)).unwrap();
        put_value(
            &mut out,
            WireType::NVarChar(Some(1)),
            false,
            &SqlValue::Text("a".into()),
        )
        .unwrap();
        assert_eq!(out, [1, 0, 0, 0, 2, 0, b'a', 0]);
        assert!(put_value(&mut out, WireType::Int, false, &SqlValue::Null).is_err());
    }

    #[test]
    fn what_does_not_fit_is_a_mismatch() {
        for (kind, value) in [
            (WireType::TinyInt, SqlValue::Int(-1)),
            (WireType::Int, SqlValue::Int(i64::MAX)),
            (WireType::Int, SqlValue::Text("1".into())),
            (WireType::NVarChar(Some(1)), SqlValue::Text("ab".into())),
            (WireType::VarBinary(Some(1)), SqlValue::Bytes(vec![1, 2])),
            (
                NUMERIC,
                SqlValue::Decimal {
                    unscaled: 1,
                    scale: 3,
                },
            ),
            (
                NUMERIC,
                SqlValue::Decimal {
                    unscaled: i128::MAX,
                    scale: 2,
                },
            ),
            (
                WireType::DateTime,
                SqlValue::DateTime(datetime!(1600-01-01 00:00)),
            ),
        ] {
            let error = put_value(&mut Vec::new(), kind, true, &value).unwrap_err();
            assert!(error.to_string().contains(&format!("{kind:?}")));
        }
    }
}
