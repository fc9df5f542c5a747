//! Values of types with a length of one byte, read from their bytes.

use crate::simulator::engine::date_time_offset_text;
use crate::simulator::tds::calendar;
use crate::simulator::tds::cursor::RequestError;
use crate::simulator::wire_type::WireType;
use crate::transport::SqlValue;

const MONEY_SCALE: u8 = 4;
/// In minutes.
const FURTHEST_FROM_UTC: u16 = 14 * 60;

/// A value of such a type. Fails where the bytes are none.
pub(super) fn short_value(wire: WireType, bytes: &[u8]) -> Result<SqlValue, RequestError> {
    let value = match (wire, bytes) {
        (WireType::Bit, [bit]) => Some(SqlValue::Bit(*bit != 0)),
        (WireType::TinyInt, [byte]) => Some(SqlValue::Int(i64::from(*byte))),
        (WireType::SmallInt | WireType::Int | WireType::BigInt, _) => {
            signed(bytes).map(SqlValue::Int)
        }
        (WireType::Real, _) => bytes
            .try_into()
            .ok()
            .map(|bytes| SqlValue::Float(f64::from(f32::from_le_bytes(bytes)))),
        (WireType::Float, _) => bytes
            .try_into()
            .ok()
            .map(|bytes| SqlValue::Float(f64::from_le_bytes(bytes))),
        (WireType::Money | WireType::SmallMoney, _) => money(bytes),
        (WireType::Decimal { scale, .. }, _) => decimal(bytes, scale),
        (WireType::UniqueIdentifier, _) => bytes.try_into().ok().map(SqlValue::Guid),
        (WireType::DateTime | WireType::SmallDateTime, _) => date_time(bytes),
        (WireType::Time(scale), _) => time(bytes, scale),
        (WireType::DateTimeOffset(scale), _) => date_time_offset(bytes, scale),
        (WireType::DateTime2(scale), _) => date_time_2(bytes, scale),
        (WireType::Date, _) => days(bytes)
            .and_then(calendar::from_days)
            .map(|date| SqlValue::DateTime(date.midnight())),
        _ => None,
    };
    value.ok_or(RequestError::Malformed("a value is not of its type"))
}

fn signed(bytes: &[u8]) -> Option<i64> {
    match *bytes {
        [a, b] => Some(i64::from(i16::from_le_bytes([a, b]))),
        [a, b, c, d] => Some(i64::from(i32::from_le_bytes([a, b, c, d]))),
        _ => bytes.try_into().ok().map(i64::from_le_bytes),
    }
}

/// Eight bytes of money have their upper half first.
fn money(bytes: &[u8]) -> Option<SqlValue> {
    let unscaled = match bytes {
        [_, _, _, _] => signed(bytes)?,
        _ => {
            let (upper, lower) = bytes.split_first_chunk::<4>()?;
            signed(&[lower, upper].concat())?
        }
    };
    Some(SqlValue::Decimal {
        unscaled: i128::from(unscaled),
        scale: MONEY_SCALE,
    })
}

fn decimal(bytes: &[u8], scale: u8) -> Option<SqlValue> {
    let (sign, digits) = bytes.split_first()?;
    let mut wide = [0; 16];
    wide.get_mut(..digits.len())?.copy_from_slice(digits);
    let magnitude = i128::try_from(u128::from_le_bytes(wide)).ok()?;
    Some(SqlValue::Decimal {
        unscaled: if *sign == 0 { -magnitude } else { magnitude },
        scale,
    })
}

fn date_time(bytes: &[u8]) -> Option<SqlValue> {
    let (days, rest) = bytes.split_at_checked(bytes.len() / 2)?;
    let value = if bytes.len() == 4 {
        let days = u16::from_le_bytes(days.try_into().ok()?);
        calendar::from_smalldatetime(days, u16::from_le_bytes(rest.try_into().ok()?))
    } else {
        let days = i32::from_le_bytes(days.try_into().ok()?);
        calendar::from_datetime(days, u32::from_le_bytes(rest.try_into().ok()?))
    };
    value.map(SqlValue::DateTime)
}

fn date_time_2(bytes: &[u8], scale: u8) -> Option<SqlValue> {
    let (units, date) = bytes.split_at_checked(calendar::time_length(scale))?;
    let mut wide = [0; 8];
    wide.get_mut(..units.len())?.copy_from_slice(units);
    calendar::from_datetime2(days(date)?, u64::from_le_bytes(wide), scale).map(SqlValue::DateTime)
}

/// On the day that values of `time` have here.
fn time(bytes: &[u8], scale: u8) -> Option<SqlValue> {
    let day = calendar::to_days(calendar::from_datetime(0, 0)?.date())?.to_le_bytes();
    (bytes.len() == calendar::time_length(scale)).then_some(())?;
    date_time_2(&[bytes, &day[..3]].concat(), scale)
}

fn date_time_offset(bytes: &[u8], scale: u8) -> Option<SqlValue> {
    let (utc, minutes) = bytes.split_last_chunk::<2>()?;
    let minutes = i16::from_le_bytes(*minutes);
    let SqlValue::DateTime(utc) = date_time_2(utc, scale)? else {
        return None;
    };
    let local =
        calendar::from_utc(utc, minutes).filter(|_| minutes.unsigned_abs() <= FURTHEST_FROM_UTC)?;
    Some(SqlValue::Text(date_time_offset_text(local, minutes, scale)))
}

fn days(bytes: &[u8]) -> Option<u32> {
    match *bytes {
        [a, b, c] => Some(u32::from_le_bytes([a, b, c, 0])),
        _ => None,
    }
}
