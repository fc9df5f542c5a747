//! Conversions to numbers.

use super::Conversion;
use crate::simulator::engine::value::{decimal_text, plain_text, type_name};
use crate::simulator::server_error::{Result, ServerError};
use crate::transport::SqlValue;

pub(super) fn to_bit(value: &SqlValue, conversion: &Conversion) -> Result<SqlValue> {
    let bit = match value {
        SqlValue::Bit(bit) => *bit,
        SqlValue::Int(value) => *value != 0,
        SqlValue::Float(value) => *value != 0.0,
        SqlValue::Decimal { unscaled, .. } => *unscaled != 0,
        SqlValue::Bytes(bytes) => bytes.last().is_some_and(|byte| *byte != 0),
        SqlValue::Text(text) => match text.trim().to_ascii_lowercase().as_str() {
            "true" => true,
            "false" | "" => false,
            digits => {
                digits
                    .parse::<i64>()
                    .map_err(|_| conversion.failed(value))?
                    != 0
            }
        },
        _ => return Err(conversion.impossible()),
    };
    Ok(SqlValue::Bit(bit))
}

pub(super) fn to_integer(
    value: &SqlValue,
    conversion: &Conversion,
    low: i64,
    high: i64,
) -> Result<SqlValue> {
    let number: i128 = match value {
        SqlValue::Bit(bit) => i128::from(*bit),
        SqlValue::Int(value) => (*value).into(),
        SqlValue::Float(value) => whole(*value).ok_or_else(|| conversion.overflow())?,
        SqlValue::Decimal { unscaled, scale } => {
            unscaled / 10_i128.checked_pow((*scale).into()).unwrap_or(i128::MAX)
        }
        SqlValue::Text(text) => match text.trim() {
            "" => 0,
            digits => digits.parse().map_err(|_| conversion.failed(value))?,
        },
        SqlValue::Bytes(bytes) => {
            let width = if high > i64::from(i32::MAX) { 8 } else { 4 };
            let tail = &bytes[bytes.len().saturating_sub(width)..];
            let number = tail
                .iter()
                .fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
            // The highest bit is the sign, where there are as many bytes as the type has.
            let is_negative = tail.len() == width && tail[0] & 0x80 != 0;
            i128::from(number)
                - if is_negative {
                    1_i128 << (width * 8)
                } else {
                    0
                }
        }
        SqlValue::DateTime(date) => days_since_1900(*date).into(),
        SqlValue::Guid(_) | SqlValue::Null => return Err(conversion.impossible()),
    };
    match i64::try_from(number) {
        Ok(number) if (low..=high).contains(&number) => Ok(SqlValue::Int(number)),
        _ if matches!(value, SqlValue::Text(_)) => {
            let shown = plain_text(value);
            let from = type_name(conversion.from);
            let (number, text) = if high == i64::from(i32::MAX) {
                (
                    248,
                    format!(
                        "The conversion of the {from} value '{shown}' overflowed an int column."
                    ),
                )
            } else {
                let to = type_name(conversion.to).to_uppercase();
                (
                    244,
                    format!(
                        "The conversion of the {from} value '{shown}' overflowed an {to} column. Use a larger integer column."
                    ),
                )
            };
            Err(ServerError::new(number, 16, 1, text))
        }
        _ => Err(conversion.overflow()),
    }
}

/// The whole part of a float, where it has a place among whole numbers.
fn whole(value: f64) -> Option<i128> {
    // Through the text, so that nothing is cut silently.
    format!("{:.0}", value.trunc()).parse().ok()
}

fn days_since_1900(date: time::PrimitiveDateTime) -> i64 {
    i64::from(date.date().to_julian_day()) - 2_415_021
}

pub(super) fn to_float(value: &SqlValue, conversion: &Conversion) -> Result<SqlValue> {
    let float = match value {
        SqlValue::Float(value) => *value,
        SqlValue::Text(text) if text.trim().is_empty() => 0.0,
        SqlValue::Bit(_) | SqlValue::Int(_) | SqlValue::Decimal { .. } | SqlValue::Text(_) => {
            let text = plain_text(value);
            let number: f64 = text
                .trim()
                .parse()
                .map_err(|_| conversion.failed_without_value())?;
            if !number.is_finite() {
                return Err(conversion.failed_without_value());
            }
            number
        }
        _ => return Err(conversion.impossible()),
    };
    Ok(SqlValue::Float(float))
}

pub(super) fn to_decimal(
    value: &SqlValue,
    conversion: &Conversion,
    precision: u8,
    scale: u8,
) -> Result<SqlValue> {
    let text = match value {
        SqlValue::Bit(bit) => u8::from(*bit).to_string(),
        SqlValue::Int(value) => value.to_string(),
        SqlValue::Decimal { unscaled, scale } => decimal_text(*unscaled, *scale),
        SqlValue::Float(value) => format!("{value:.prec$}", prec = usize::from(scale)),
        SqlValue::Text(text) => text.trim().to_owned(),
        _ => return Err(conversion.impossible()),
    };
    let unscaled = parse_decimal(&text, scale).ok_or_else(|| conversion.failed_without_value())?;
    let digits = unscaled.unsigned_abs().to_string().len();
    if unscaled != 0 && digits > usize::from(precision) {
        return Err(conversion.overflow());
    }
    Ok(SqlValue::Decimal { unscaled, scale })
}

/// Digits behind the scale are rounded.
fn parse_decimal(text: &str, scale: u8) -> Option<i128> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let is_number = !(whole.is_empty() && fraction.is_empty())
        && whole
            .bytes()
            .chain(fraction.bytes())
            .all(|byte| byte.is_ascii_digit());
    if !is_number {
        return None;
    }
    let scale = usize::from(scale);
    let kept: String = fraction
        .chars()
        .chain(std::iter::repeat('0'))
        .take(scale)
        .collect();
    let unscaled: i128 = format!("0{whole}{kept}").parse().ok()?;
    let rounds_up = fraction
        .as_bytes()
        .get(scale)
        .is_some_and(|digit| *digit >= b'5');
    Some(sign * (unscaled + i128::from(rounds_up)))
}
