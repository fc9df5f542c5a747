//! CAST and CONVERT, and the conversions that the server makes by itself.

use super::{decimal_text, parse_date_time, parse_guid, round_to, to_text, type_name};
use crate::simulator::server_error::{Result, ServerError};
use crate::simulator::wire_type::WireType;
use crate::transport::SqlValue;

/// From which type to which, and in which style.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Conversion {
    pub(crate) from: WireType,
    pub(crate) to: WireType,
    pub(crate) style: i64,
    /// The type that messages name.
    shown: WireType,
}

impl Conversion {
    pub(crate) const fn new(from: WireType, to: WireType) -> Self {
        Self {
            from,
            to,
            style: 0,
            shown: to,
        }
    }

    /// A conversion whose messages name another type than the one that is converted to.
    pub(crate) const fn shown_as(from: WireType, to: WireType, shown: WireType) -> Self {
        Self {
            from,
            to,
            style: 0,
            shown,
        }
    }

    pub(crate) const fn styled(from: WireType, to: WireType, style: i64) -> Self {
        Self {
            from,
            to,
            style,
            shown: to,
        }
    }

    /// 245.
    fn failed(&self, value: &SqlValue) -> ServerError {
        let from = type_name(self.from);
        let to = type_name(self.shown);
        let shown = super::plain_text(value);
        ServerError::new(
            245,
            16,
            1,
            format!(
                "Conversion failed when converting the {from} value '{shown}' to data type {to}."
            ),
        )
    }

    /// 8114.
    fn failed_without_value(&self) -> ServerError {
        let from = type_name(self.from);
        let to = type_name(self.shown);
        ServerError::new(
            8114,
            16,
            5,
            format!("Error converting data type {from} to {to}."),
        )
    }

    /// 8115.
    fn overflow(&self) -> ServerError {
        let to = type_name(self.shown);
        ServerError::new(
            8115,
            16,
            2,
            format!("Arithmetic overflow error converting expression to data type {to}."),
        )
    }

    /// 529: no such conversion.
    fn impossible(&self) -> ServerError {
        let from = type_name(self.from);
        let to = type_name(self.shown);
        ServerError::new(
            529,
            16,
            2,
            format!("Explicit conversion from data type {from} to {to} is not allowed."),
        )
    }
}

/// Converts. NULL stays NULL.
pub(crate) fn convert(value: &SqlValue, conversion: &Conversion) -> Result<SqlValue> {
    if value.is_null() {
        return Ok(SqlValue::Null);
    }
    match conversion.to {
        WireType::Variant => Ok(value.clone()),
        WireType::Bit => to_bit(value, conversion),
        WireType::TinyInt => to_integer(value, conversion, 0, 255),
        WireType::SmallInt => to_integer(value, conversion, i16::MIN.into(), i16::MAX.into()),
        WireType::Int => to_integer(value, conversion, i32::MIN.into(), i32::MAX.into()),
        WireType::BigInt => to_integer(value, conversion, i64::MIN, i64::MAX),
        WireType::Real | WireType::Float => to_float(value, conversion),
        WireType::Decimal { precision, scale } => to_decimal(value, conversion, precision, scale),
        WireType::NVarChar(length) | WireType::VarChar(length) => {
            let text = bytes_or_text(value, conversion)?;
            Ok(SqlValue::Text(cut(text, length)))
        }
        WireType::NChar(length) | WireType::Char(length) => {
            let mut text = cut(bytes_or_text(value, conversion)?, Some(length));
            let units = text.encode_utf16().count();
            text.extend(std::iter::repeat_n(
                ' ',
                usize::from(length).saturating_sub(units),
            ));
            Ok(SqlValue::Text(text))
        }
        WireType::VarBinary(length) => to_bytes(value, conversion, length, false),
        WireType::Binary(length) => to_bytes(value, conversion, Some(length), true),
        WireType::UniqueIdentifier => to_guid(value, conversion),
        WireType::DateTime | WireType::DateTime2(_) | WireType::Date => to_date(value, conversion),
    }
}

/// As an INSERT or an assignment to a column converts: what does not fit is an error (2628), where
/// CAST would cut it.
pub(crate) fn fit(
    value: &SqlValue,
    conversion: &Conversion,
    table: &str,
    column: &str,
) -> Result<SqlValue> {
    let text_length = match conversion.to {
        WireType::NVarChar(Some(length)) | WireType::VarChar(Some(length)) => Some(length),
        WireType::NChar(length) | WireType::Char(length) => Some(length),
        _ => None,
    };
    if let (Some(length), SqlValue::Text(text)) = (text_length, value)
        && text.trim_end_matches(' ').encode_utf16().count() > length.into()
    {
        let kept = cut(text.clone(), Some(length));
        return Err(ServerError::new(
            2628,
            16,
            1,
            format!(
                "String or binary data would be truncated in table '{table}', column '{column}'. \
                 Truncated value: '{kept}'."
            ),
        ));
    }
    if let (WireType::VarBinary(Some(length)) | WireType::Binary(length), SqlValue::Bytes(bytes)) =
        (conversion.to, value)
        && bytes.len() > length.into()
    {
        return Err(ServerError::new(
            2628,
            16,
            1,
            format!(
                "String or binary data would be truncated in table '{table}', column '{column}'. \
                 Truncated value: ''."
            ),
        ));
    }
    convert(value, conversion)
}

/// The first `length` UTF-16 units.
fn cut(text: String, length: Option<u16>) -> String {
    let Some(length) = length else {
        return text;
    };
    let mut left = usize::from(length);
    text.chars()
        .take_while(|c| {
            let fits = c.len_utf16() <= left;
            left = left.saturating_sub(c.len_utf16());
            fits
        })
        .collect()
}

fn bytes_or_text(value: &SqlValue, conversion: &Conversion) -> Result<String> {
    let is_national = matches!(conversion.to, WireType::NVarChar(_) | WireType::NChar(_));
    if let SqlValue::Bytes(bytes) = value
        && is_national
        && conversion.style == 0
    {
        let units: Vec<u16> = bytes
            .chunks(2)
            .map(|pair| u16::from_le_bytes([pair[0], pair.get(1).copied().unwrap_or(0)]))
            .collect();
        return Ok(String::from_utf16_lossy(&units));
    }
    to_text(value, conversion.from, conversion.style)
}

fn to_bit(value: &SqlValue, conversion: &Conversion) -> Result<SqlValue> {
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

fn to_integer(value: &SqlValue, conversion: &Conversion, low: i64, high: i64) -> Result<SqlValue> {
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
            let shown = super::plain_text(value);
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

fn to_float(value: &SqlValue, conversion: &Conversion) -> Result<SqlValue> {
    let float = match value {
        SqlValue::Float(value) => *value,
        SqlValue::Text(text) if text.trim().is_empty() => 0.0,
        SqlValue::Bit(_) | SqlValue::Int(_) | SqlValue::Decimal { .. } | SqlValue::Text(_) => {
            let text = super::plain_text(value);
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

fn to_decimal(
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

fn to_bytes(
    value: &SqlValue,
    conversion: &Conversion,
    length: Option<u16>,
    is_fixed: bool,
) -> Result<SqlValue> {
    let mut is_number = false;
    let mut bytes = match value {
        SqlValue::Bytes(bytes) => bytes.clone(),
        SqlValue::Guid(guid) => guid.to_vec(),
        SqlValue::Text(text) => text_bytes(text, conversion)?,
        SqlValue::Bit(bit) => {
            is_number = true;
            vec![u8::from(*bit)]
        }
        SqlValue::Int(value) => {
            is_number = true;
            let bytes = value.to_be_bytes();
            let width = match conversion.from {
                WireType::TinyInt | WireType::Bit => 1,
                WireType::SmallInt => 2,
                WireType::BigInt => 8,
                _ => 4,
            };
            bytes[8 - width..].to_vec()
        }
        _ => return Err(conversion.impossible()),
    };
    if let Some(length) = length.map(usize::from) {
        if is_number {
            // Numbers keep their end, texts their beginning.
            let surplus = bytes.len().saturating_sub(length);
            bytes.drain(..surplus);
            if is_fixed {
                let missing = length.saturating_sub(bytes.len());
                bytes.splice(..0, std::iter::repeat_n(0, missing));
            }
        } else {
            bytes.truncate(length);
            if is_fixed {
                bytes.resize(length, 0);
            }
        }
    }
    Ok(SqlValue::Bytes(bytes))
}

fn text_bytes(text: &str, conversion: &Conversion) -> Result<Vec<u8>> {
    let is_national = matches!(conversion.from, WireType::NVarChar(_) | WireType::NChar(_));
    match conversion.style {
        1 => {
            let digits = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"));
            let digits = digits.ok_or_else(|| conversion.failed_without_value())?;
            hex::decode(digits).map_err(|_| conversion.failed_without_value())
        }
        2 => hex::decode(text).map_err(|_| conversion.failed_without_value()),
        _ if is_national => Ok(text.encode_utf16().flat_map(u16::to_le_bytes).collect()),
        // Code page 1252, for all that a simulator needs of it.
        _ => Ok(text
            .chars()
            .map(|c| u8::try_from(u32::from(c)).unwrap_or(b'?'))
            .collect()),
    }
}

fn to_guid(value: &SqlValue, conversion: &Conversion) -> Result<SqlValue> {
    match value {
        SqlValue::Guid(guid) => Ok(SqlValue::Guid(*guid)),
        SqlValue::Text(text) => parse_guid(text).map(SqlValue::Guid).ok_or_else(|| {
            ServerError::new(
                8169,
                16,
                2,
                "Conversion failed when converting from a character string to uniqueidentifier.",
            )
        }),
        SqlValue::Bytes(bytes) => {
            let mut guid = [0; 16];
            for (to, from) in guid.iter_mut().zip(bytes) {
                *to = *from;
            }
            Ok(SqlValue::Guid(guid))
        }
        _ => Err(conversion.impossible()),
    }
}

fn to_date(value: &SqlValue, conversion: &Conversion) -> Result<SqlValue> {
    let date = match value {
        SqlValue::DateTime(date) => *date,
        SqlValue::Text(text) => parse_date_time(text).ok_or_else(|| {
            ServerError::new(
                241,
                16,
                1,
                "Conversion failed when converting date and/or time from character string.",
            )
        })?,
        SqlValue::Int(days) => {
            let first = parse_date_time("1900-01-01").ok_or_else(|| conversion.overflow())?;
            i32::try_from(*days)
                .ok()
                .and_then(|days| first.checked_add(time::Duration::days(days.into())))
                .ok_or_else(|| conversion.overflow())?
        }
        _ => return Err(conversion.impossible()),
    };
    Ok(SqlValue::DateTime(round_to(date, conversion.to)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: WireType = WireType::NVarChar(None);

    fn text(value: &str) -> SqlValue {
        SqlValue::Text(value.to_owned())
    }

    fn number(result: Result<SqlValue>) -> i32 {
        result.unwrap_err().0[0].number
    }

    #[test]
    fn texts_to_numbers() {
        let to = |value: &str, kind| convert(&text(value), &Conversion::new(TEXT, kind));
        assert_eq!(to(" 12 ", WireType::Int).unwrap(), SqlValue::Int(12));
        assert_eq!(number(to("x", WireType::Int)), 245);
        assert_eq!(number(to("99999999999", WireType::Int)), 248);
        let decimal = WireType::Decimal {
            precision: 5,
            scale: 2,
        };
        assert_eq!(
            to("1.005", decimal).unwrap(),
            SqlValue::Decimal {
                unscaled: 101,
                scale: 2
            }
        );
        assert_eq!(number(to("12345", decimal)), 8115);
        assert_eq!(number(to("1,5", decimal)), 8114);
    }

    #[test]
    fn bytes_and_texts_by_style() {
        let bytes = SqlValue::Bytes(vec![0xAB, 0x01]);
        let binary = WireType::VarBinary(None);
        let styled = |value: &SqlValue, from, to, style| {
            convert(value, &Conversion::styled(from, to, style))
        };
        assert_eq!(
            styled(&bytes, binary, WireType::VarChar(None), 2).unwrap(),
            text("AB01")
        );
        assert_eq!(
            styled(&bytes, binary, WireType::VarChar(None), 1).unwrap(),
            text("0xAB01")
        );
        assert_eq!(styled(&text("AB01"), TEXT, binary, 2).unwrap(), bytes);
        assert_eq!(number(styled(&text("AB01"), TEXT, binary, 1)), 8114);
        assert_eq!(
            styled(&text("A"), TEXT, binary, 0).unwrap(),
            SqlValue::Bytes(vec![0x41, 0])
        );
        assert_eq!(
            styled(&text("A"), WireType::VarChar(None), binary, 0).unwrap(),
            SqlValue::Bytes(vec![0x41])
        );
    }

    #[test]
    fn cast_cuts_and_insert_refuses() {
        let conversion = Conversion::new(TEXT, WireType::NVarChar(Some(2)));
        assert_eq!(convert(&text("abc"), &conversion).unwrap(), text("ab"));
        assert_eq!(number(fit(&text("abc"), &conversion, "t", "c")), 2628);
    }

    #[test]
    fn negative_bytes() {
        let conversion = Conversion::new(WireType::VarBinary(None), WireType::Int);
        let minus_one = SqlValue::Bytes(vec![0xFF; 4]);
        assert_eq!(convert(&minus_one, &conversion).unwrap(), SqlValue::Int(-1));
    }
}
