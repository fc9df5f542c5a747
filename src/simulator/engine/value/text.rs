//! Values as text.

use time::{Month, PrimitiveDateTime};

use super::type_name;
use crate::simulator::server_error::{Result, ServerError};
use crate::simulator::wire_type::WireType;
use crate::transport::SqlValue;

/// A value as CAST to a text shows it.
pub(crate) fn plain_text(value: &SqlValue) -> String {
    to_text(value, super::kind_of(value), 0).unwrap_or_default()
}

/// A value of type `kind` as CONVERT with a style shows it. NULL is an empty text here.
pub(crate) fn to_text(value: &SqlValue, kind: WireType, style: i64) -> Result<String> {
    Ok(match value {
        SqlValue::Null => String::new(),
        SqlValue::Bit(value) => u8::from(*value).to_string(),
        SqlValue::Int(value) => value.to_string(),
        SqlValue::Float(value) => float_text(*value),
        SqlValue::Decimal { unscaled, scale: 4 }
            if matches!(kind, WireType::Money | WireType::SmallMoney) && style != 2 =>
        {
            // Money shows two of its four digits.
            let half = if *unscaled < 0 { -50 } else { 50 };
            decimal_text((unscaled + half) / 100, 2)
        }
        SqlValue::Decimal { unscaled, scale } => decimal_text(*unscaled, *scale),
        SqlValue::Text(text) => text.clone(),
        SqlValue::Bytes(bytes) => bytes_text(bytes, style),
        SqlValue::Guid(guid) => guid_text(guid),
        SqlValue::DateTime(value) => return date_text(*value, kind, style),
    })
}

/// Six digits, as CAST of a float shows.
fn float_text(value: f64) -> String {
    if value == 0.0 {
        return "0".to_owned();
    }
    let exponent = value.abs().log10().floor();
    if !(-5.0..15.0).contains(&exponent) {
        let text = format!("{value:.5e}");
        let (mantissa, power) = text.split_once('e').unwrap_or((&text, "0"));
        let mantissa = if mantissa.contains('.') {
            mantissa.trim_end_matches('0').trim_end_matches('.')
        } else {
            mantissa
        };
        let (sign, digits) = match power.strip_prefix('-') {
            Some(digits) => ('-', digits),
            None => ('+', power),
        };
        return format!("{mantissa}e{sign}{digits:0>3}");
    }
    let whole_digits = if exponent < 0.0 {
        1
    } else {
        exponent.to_string().parse().unwrap_or(0) + 1
    };
    let decimals = 6_usize.saturating_sub(whole_digits);
    let text = format!("{value:.decimals$}");
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}

/// Digits with the point `scale` places from the right.
pub(crate) fn decimal_text(unscaled: i128, scale: u8) -> String {
    let digits = unscaled.unsigned_abs().to_string();
    let scale = usize::from(scale);
    let sign = if unscaled < 0 { "-" } else { "" };
    if scale == 0 {
        return format!("{sign}{digits}");
    }
    let digits = format!("{digits:0>width$}", width = scale + 1);
    let (whole, fraction) = digits.split_at(digits.len() - scale);
    format!("{sign}{whole}.{fraction}")
}

/// Style 1 is `0x…`, 2 hexadecimal without it; else the bytes are characters.
fn bytes_text(bytes: &[u8], style: i64) -> String {
    match style {
        1 => format!("0x{}", hex::encode_upper(bytes)),
        2 => hex::encode_upper(bytes),
        _ => bytes.iter().copied().map(char::from).collect(),
    }
}

/// In groups, upper case. The first three groups are little-endian on the wire.
pub(crate) fn guid_text(guid: &[u8; 16]) -> String {
    let part = |order: &[usize]| -> String {
        order
            .iter()
            .map(|at| format!("{:02X}", guid[*at]))
            .collect()
    };
    format!(
        "{}-{}-{}-{}-{}",
        part(&[3, 2, 1, 0]),
        part(&[5, 4]),
        part(&[7, 6]),
        part(&[8, 9]),
        part(&[10, 11, 12, 13, 14, 15])
    )
}

/// With or without braces.
pub(crate) fn parse_guid(text: &str) -> Option<[u8; 16]> {
    let text = text.trim();
    let text = text
        .strip_prefix('{')
        .map_or(text, |inner| inner.trim_end_matches('}'));
    let text = text.get(..36).unwrap_or(text);
    let is_grouped = text.len() == 36
        && text
            .bytes()
            .enumerate()
            .all(|(at, byte)| matches!(at, 8 | 13 | 18 | 23) == (byte == b'-'));
    if !is_grouped {
        return None;
    }
    let mut guid: [u8; 16] = hex::decode(text.replace('-', "")).ok()?.try_into().ok()?;
    guid[..4].reverse();
    guid[4..6].reverse();
    guid[6..8].reverse();
    Some(guid)
}

fn date_text(value: PrimitiveDateTime, kind: WireType, style: i64) -> Result<String> {
    let date = value.date();
    let time = value.time();
    let (year, month, day) = (date.year(), u8::from(date.month()), date.day());
    let (hour, minute, second) = (time.hour(), time.minute(), time.second());
    let digits = match kind {
        WireType::DateTime2(digits) | WireType::Time(digits) => usize::from(digits),
        WireType::DateTime | WireType::SmallDateTime => 3,
        _ => 0,
    };
    let is_date = kind == WireType::Date;
    let fraction = format!("{:09}", time.nanosecond());
    let fraction = fraction.get(..digits).unwrap_or_default();
    let point = if digits == 0 { "" } else { "." };
    let iso_date = format!("{year:04}-{month:02}-{day:02}");
    if matches!(kind, WireType::Time(_)) {
        return Ok(format!(
            "{hour:02}:{minute:02}:{second:02}{point}{fraction}"
        ));
    }
    Ok(match style {
        0 | 100 if is_date => iso_date,
        0 if matches!(kind, WireType::DateTime2(_)) => {
            format!("{iso_date} {hour:02}:{minute:02}:{second:02}{point}{fraction}")
        }
        0 | 100 => {
            let half = if hour < 12 { "AM" } else { "PM" };
            let hour = if hour % 12 == 0 { 12 } else { hour % 12 };
            format!(
                "{} {day:>2} {year:04} {hour:>2}:{minute:02}{half}",
                short_month(date.month())
            )
        }
        101 => format!("{month:02}/{day:02}/{year:04}"),
        103 => format!("{day:02}/{month:02}/{year:04}"),
        104 => format!("{day:02}.{month:02}.{year:04}"),
        108 | 8 | 24 => format!("{hour:02}:{minute:02}:{second:02}"),
        110 => format!("{month:02}-{day:02}-{year:04}"),
        111 => format!("{year:04}/{month:02}/{day:02}"),
        112 => format!("{year:04}{month:02}{day:02}"),
        23 => iso_date,
        20 | 120 if is_date => iso_date,
        20 | 120 => format!("{iso_date} {hour:02}:{minute:02}:{second:02}"),
        21 | 25 | 121 if is_date => iso_date,
        21 | 25 | 121 => format!("{iso_date} {hour:02}:{minute:02}:{second:02}{point}{fraction}"),
        126 | 127 if is_date => iso_date,
        126 | 127 => {
            // A datetime without a fraction is shown without one.
            let is_whole = kind == WireType::DateTime && time.nanosecond() == 0;
            let end = if is_whole {
                String::new()
            } else {
                format!("{point}{fraction}")
            };
            format!("{iso_date}T{hour:02}:{minute:02}:{second:02}{end}")
        }
        _ => {
            let from = type_name(kind);
            return Err(ServerError::new(
                281,
                16,
                1,
                format!(
                    "{style} is not a valid style number when converting from {from} to a \
                     character string."
                ),
            ));
        }
    })
}

const fn short_month(month: Month) -> &'static str {
    match month {
        Month::January => "Jan",
        Month::February => "Feb",
        Month::March => "Mar",
        Month::April => "Apr",
        Month::May => "May",
        Month::June => "Jun",
        Month::July => "Jul",
        Month::August => "Aug",
        Month::September => "Sep",
        Month::October => "Oct",
        Month::November => "Nov",
        Month::December => "Dec",
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn guids_are_shown_in_their_own_order() {
        let guid = parse_guid("{00112233-4455-6677-8899-aabbccddeeff}").unwrap();
        assert_eq!(guid[..4], [0x33, 0x22, 0x11, 0x00]);
        assert_eq!(guid_text(&guid), "00112233-4455-6677-8899-AABBCCDDEEFF");
        assert_eq!(parse_guid("00112233-4455-6677-8899"), None);
    }

    #[test]
    fn dates_have_styles() {
        let value = SqlValue::DateTime(datetime!(2026-03-09 13:04:05.678));
        let show = |kind, style| to_text(&value, kind, style).unwrap();
        assert_eq!(show(WireType::DateTime, 0), "Mar  9 2026  1:04PM");
        assert_eq!(show(WireType::DateTime, 120), "2026-03-09 13:04:05");
        assert_eq!(show(WireType::DateTime, 126), "2026-03-09T13:04:05.678");
        assert_eq!(
            show(WireType::DateTime2(7), 0),
            "2026-03-09 13:04:05.6780000"
        );
        assert_eq!(show(WireType::Date, 0), "2026-03-09");
        assert_eq!(show(WireType::Time(2), 0), "13:04:05.67");
        assert_eq!(show(WireType::SmallDateTime, 0), "Mar  9 2026  1:04PM");
        assert_eq!(
            to_text(&value, WireType::DateTime, 999).unwrap_err().0[0].number,
            281
        );
    }

    #[test]
    fn numbers_as_cast_shows_them() {
        assert_eq!(decimal_text(-5, 2), "-0.05");
        let money = SqlValue::Decimal {
            unscaled: -123_450,
            scale: 4,
        };
        assert_eq!(to_text(&money, WireType::Money, 0).unwrap(), "-12.35");
        assert_eq!(to_text(&money, WireType::Money, 2).unwrap(), "-12.3450");
        assert_eq!(plain_text(&SqlValue::Float(1.5)), "1.5");
        assert_eq!(plain_text(&SqlValue::Float(123_456_789.0)), "123456789");
        assert_eq!(plain_text(&SqlValue::Float(1e20)), "1e+020");
    }
}
