//! CAST and CONVERT, and the conversions that the server makes by itself.

mod number;

use self::number::{to_bit, to_decimal, to_float, to_integer};
use super::{
    date_time_offset_text, parse_date_time, parse_date_time_offset, parse_guid, round_to, to_text,
    type_name,
};
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
        WireType::Money => to_decimal(value, conversion, 19, 4),
        WireType::SmallMoney => to_decimal(value, conversion, 10, 4),
        WireType::Xml => Ok(SqlValue::Text(bytes_or_text(value, conversion)?)),
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
        WireType::DateTime
        | WireType::SmallDateTime
        | WireType::DateTime2(_)
        | WireType::Date
        | WireType::Time(_) => to_date(value, conversion),
        WireType::DateTimeOffset(digits) => to_date_time_offset(value, conversion, digits),
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
        SqlValue::Text(text) => parse_date_time(text)
            .or_else(|| Some(parse_date_time_offset(text)?.0))
            .ok_or_else(no_date)?,
        SqlValue::Int(days) => {
            let first = parse_date_time("1900-01-01").ok_or_else(|| conversion.overflow())?;
            i32::try_from(*days)
                .ok()
                .and_then(|days| first.checked_add(time::Duration::days(days.into())))
                .ok_or_else(|| conversion.overflow())?
        }
        _ => return Err(conversion.impossible()),
    };
    let date = round_to(date, conversion.to);
    let years = match conversion.to {
        WireType::DateTime => 1753..=9999,
        WireType::SmallDateTime => 1900..=2078,
        _ => 1..=9999,
    };
    if !years.contains(&date.year()) {
        let from = type_name(conversion.from);
        let to = type_name(conversion.shown);
        return Err(ServerError::new(
            242,
            16,
            3,
            format!(
                "The conversion of a {from} data type to a {to} data type resulted in an \
                 out-of-range value."
            ),
        ));
    }
    Ok(SqlValue::DateTime(date))
}

/// Without a distance from UTC of its own, a time is taken for UTC.
fn to_date_time_offset(value: &SqlValue, conversion: &Conversion, digits: u8) -> Result<SqlValue> {
    let (local, minutes) = match value {
        SqlValue::Text(text) => parse_date_time_offset(text)
            .or_else(|| Some((parse_date_time(text)?, 0)))
            .ok_or_else(no_date)?,
        value => match to_date(value, conversion)? {
            SqlValue::DateTime(local) => (local, 0),
            _ => return Err(conversion.impossible()),
        },
    };
    let local = round_to(local, WireType::DateTime2(digits));
    Ok(SqlValue::Text(date_time_offset_text(
        local, minutes, digits,
    )))
}

/// 241.
fn no_date() -> ServerError {
    ServerError::new(
        241,
        16,
        1,
        "Conversion failed when converting date and/or time from character string.",
    )
}

#[cfg(test)]
mod tests;
