//! Texts and bytes. Positions and lengths count UTF-16 units, as SQL Server's do.

use sha2::{Digest as _, Sha256, Sha512};

use super::{Call, Function, INT, MAX_TEXT, Returns, text_or_null};
use crate::simulator::engine::evaluate::like;
use crate::simulator::engine::value::{Conversion, convert, fold, plain_text};
use crate::simulator::server_error::{Result, ServerError};
use crate::simulator::tsql::ast::Expression;
use crate::simulator::wire_type::WireType;
use crate::transport::SqlValue;

pub(super) const FUNCTIONS: &[Function] = &[
    Function::strict("ASCII", (1, 1), INT, code),
    Function::strict("CHAR", (1, 1), Returns::Type(WireType::Char(1)), character),
    Function::strict("CHARINDEX", (2, 3), Returns::Position(1), char_index),
    Function::lenient("CONCAT", (2, 254), MAX_TEXT, concat),
    Function::lenient("CONCAT_WS", (3, 254), MAX_TEXT, concat_with_separator),
    Function::strict("DATALENGTH", (1, 1), INT, data_length),
    Function::strict(
        "HASHBYTES",
        (2, 2),
        Returns::Type(WireType::VarBinary(Some(8000))),
        hash,
    ),
    Function::strict("LEFT", (2, 2), Returns::Text, left),
    Function::strict("LEN", (1, 1), INT, length),
    Function::strict("LOWER", (1, 1), Returns::Text, lower),
    Function::strict("LTRIM", (1, 1), Returns::Text, trim_start),
    Function::strict(
        "NCHAR",
        (1, 1),
        Returns::Type(WireType::NChar(1)),
        character,
    ),
    Function::strict("PATINDEX", (2, 2), INT, pattern_index),
    Function::strict(
        "QUOTENAME",
        (1, 2),
        Returns::Type(WireType::NVarChar(Some(258))),
        quote,
    ),
    Function::strict("REPLACE", (3, 3), MAX_TEXT, replace),
    Function::strict("REPLICATE", (2, 2), Returns::LongText, replicate),
    Function::strict("REVERSE", (1, 1), Returns::Text, reverse),
    Function::strict("RIGHT", (2, 2), Returns::Text, right),
    Function::strict("RTRIM", (1, 1), Returns::Text, trim_end),
    Function::strict(
        "SPACE",
        (1, 1),
        Returns::Type(WireType::VarChar(Some(8000))),
        space,
    ),
    Function::lenient("STUFF", (4, 4), MAX_TEXT, stuff),
    Function::strict("SUBSTRING", (3, 3), Returns::Text, substring),
    Function::strict("TRIM", (1, 1), Returns::Text, trim),
    Function::strict("UNICODE", (1, 1), INT, code),
    Function::strict("UPPER", (1, 1), Returns::Text, upper),
];

/// How long a text may get here; SQL Server takes 2 GB.
const MOST_UNITS: usize = 32 * 1024 * 1024;

fn units(text: &str) -> Vec<u16> {
    text.encode_utf16().collect()
}

fn number(count: usize) -> SqlValue {
    SqlValue::Int(i64::try_from(count).unwrap_or(i64::MAX))
}

/// The units from `start`, which counts from 1 and may lie before the text.
fn part<T: Clone>(all: &[T], start: i64, length: i64) -> Vec<T> {
    let end = start.saturating_add(length).max(1);
    let place = |at: i64| usize::try_from(at - 1).unwrap_or(0).min(all.len());
    all.get(place(start.max(1))..place(end))
        .unwrap_or_default()
        .to_vec()
}

fn cut(call: &Call<'_>, start: i64, length: i64) -> Result<SqlValue> {
    if let SqlValue::Bytes(bytes) = call.argument(0) {
        return Ok(SqlValue::Bytes(part(bytes, start, length)));
    }
    let text = call.text(0)?.unwrap_or_default();
    Ok(SqlValue::Text(String::from_utf16_lossy(&part(
        &units(&text),
        start,
        length,
    ))))
}

/// 536 and 537 for a negative length.
fn checked_length(call: &Call<'_>, at: usize) -> Result<i64> {
    let length = call.integer(at)?.unwrap_or(0);
    if length < 0 {
        return Err(ServerError::new(
            537,
            16,
            3,
            "Invalid length parameter passed to the LEFT or SUBSTRING function.",
        ));
    }
    Ok(length)
}

fn substring(call: &Call<'_>) -> Result<SqlValue> {
    cut(
        call,
        call.integer(1)?.unwrap_or(1),
        checked_length(call, 2)?,
    )
}

fn left(call: &Call<'_>) -> Result<SqlValue> {
    cut(call, 1, checked_length(call, 1)?)
}

fn right(call: &Call<'_>) -> Result<SqlValue> {
    let wanted = checked_length(call, 1)?;
    let length = match call.argument(0) {
        SqlValue::Bytes(bytes) => bytes.len(),
        _ => units(&call.text(0)?.unwrap_or_default()).len(),
    };
    let length = i64::try_from(length).unwrap_or(i64::MAX);
    cut(call, (length - wanted).max(0) + 1, wanted)
}

/// Without the blanks at the end.
fn length(call: &Call<'_>) -> Result<SqlValue> {
    if let SqlValue::Bytes(bytes) = call.argument(0) {
        return Ok(number(bytes.len()));
    }
    let text = call.text(0)?.unwrap_or_default();
    Ok(number(units(text.trim_end_matches(' ')).len()))
}

fn data_length(call: &Call<'_>) -> Result<SqlValue> {
    let kind = call.kind(0);
    Ok(number(match call.argument(0) {
        SqlValue::Bytes(bytes) => bytes.len(),
        SqlValue::Text(text) if matches!(kind, WireType::VarChar(_) | WireType::Char(_)) => {
            text.chars().count()
        }
        SqlValue::Text(text) => units(text).len() * 2,
        SqlValue::Guid(_) => 16,
        _ => match kind {
            WireType::Bit | WireType::TinyInt => 1,
            WireType::SmallInt => 2,
            WireType::Int | WireType::Real | WireType::SmallMoney | WireType::SmallDateTime => 4,
            WireType::Date | WireType::Time(0..=2) => 3,
            WireType::Time(3 | 4) => 4,
            WireType::Time(_) => 5,
            WireType::Decimal { precision, .. } if precision > 28 => 17,
            WireType::Decimal { precision, .. } if precision > 19 => 13,
            WireType::Decimal { precision, .. } if precision > 9 => 9,
            WireType::Decimal { .. } => 5,
            _ => 8,
        },
    }))
}

fn upper(call: &Call<'_>) -> Result<SqlValue> {
    Ok(text_or_null(call.text(0)?.map(|text| text.to_uppercase())))
}

fn lower(call: &Call<'_>) -> Result<SqlValue> {
    Ok(text_or_null(call.text(0)?.map(|text| text.to_lowercase())))
}

fn trim_start(call: &Call<'_>) -> Result<SqlValue> {
    Ok(text_or_null(
        call.text(0)?
            .map(|text| text.trim_start_matches(' ').to_owned()),
    ))
}

fn trim_end(call: &Call<'_>) -> Result<SqlValue> {
    Ok(text_or_null(
        call.text(0)?
            .map(|text| text.trim_end_matches(' ').to_owned()),
    ))
}

fn trim(call: &Call<'_>) -> Result<SqlValue> {
    Ok(text_or_null(
        call.text(0)?.map(|text| text.trim_matches(' ').to_owned()),
    ))
}

fn reverse(call: &Call<'_>) -> Result<SqlValue> {
    Ok(text_or_null(
        call.text(0)?
            .map(|text| text.chars().rev().collect::<String>()),
    ))
}

/// Where `wanted` stands in `text`, in units from 1; 0 is nowhere.
fn find(text: &str, wanted: &str, start: usize) -> usize {
    let (text, wanted) = (units(text), units(wanted));
    if wanted.is_empty() || text.len() < wanted.len() {
        return 0;
    }
    (start..=text.len() - wanted.len())
        .find(|at| text[*at..].starts_with(&wanted))
        .map_or(0, |at| at + 1)
}

fn char_index(call: &Call<'_>) -> Result<SqlValue> {
    let start = call.integer(2)?.unwrap_or(1).max(1) - 1;
    let start = usize::try_from(start).unwrap_or(0);
    let wanted = call.text(0)?.unwrap_or_default();
    let text = call.text(1)?.unwrap_or_default();
    // The collation that is written counts for both.
    let mut compared = call.written.iter().take(2);
    if compared.any(|argument| matches!(argument, Expression::BinaryCollation(_))) {
        return Ok(number(find(&text, &wanted, start)));
    }
    let (text, wanted) = (text.to_lowercase(), wanted.to_lowercase());
    Ok(number(find(&text, &wanted, start)))
}

/// The place from which the rest fits the pattern without its leading `%`.
fn pattern_index(call: &Call<'_>) -> Result<SqlValue> {
    let pattern = call.text(0)?.unwrap_or_default();
    let text = call.text(1)?.unwrap_or_default();
    let Some(rest) = pattern.strip_prefix('%') else {
        return Ok(number(usize::from(like::matches(&text, &pattern, None))));
    };
    let characters: Vec<char> = text.chars().collect();
    let place = (0..=characters.len()).find(|at| {
        let tail: String = characters[*at..].iter().collect();
        like::matches(&tail, rest, None)
    });
    Ok(number(place.map_or(0, |at| at + 1)))
}

fn replace(call: &Call<'_>) -> Result<SqlValue> {
    let text = call.text(0)?.unwrap_or_default();
    let wanted = call.text(1)?.unwrap_or_default();
    let replacement = call.text(2)?.unwrap_or_default();
    let pattern = fold(&wanted);
    if pattern.is_empty() || wanted.to_lowercase().len() != wanted.len() {
        return Ok(SqlValue::Text(text));
    }
    let mut result = String::new();
    let mut rest = text.as_str();
    while let Some(c) = rest.chars().next() {
        let is_here = rest
            .get(..wanted.len())
            .is_some_and(|start| start.to_lowercase() == wanted.to_lowercase());
        if is_here {
            result.push_str(&replacement);
            rest = &rest[wanted.len()..];
        } else {
            result.push(c);
            rest = &rest[c.len_utf8()..];
        }
    }
    Ok(SqlValue::Text(result))
}

/// `[x]`, `'x'` or `"x"`, with the closing quote doubled inside; NULL beyond 128 characters.
fn quote(call: &Call<'_>) -> Result<SqlValue> {
    let name = call.text(0)?.unwrap_or_default();
    let quote = call.text(1)?.unwrap_or_else(|| "[".to_owned());
    let (open, close) = match quote.chars().next() {
        Some('[' | ']') => ("[", "]"),
        Some('\'') => ("'", "'"),
        Some('"') => ("\"", "\""),
        _ => return Ok(SqlValue::Null),
    };
    if units(&name).len() > 128 {
        return Ok(SqlValue::Null);
    }
    let doubled = name.replace(close, &close.repeat(2));
    Ok(SqlValue::Text(format!("{open}{doubled}{close}")))
}

fn concat(call: &Call<'_>) -> Result<SqlValue> {
    Ok(SqlValue::Text(
        call.arguments.iter().map(plain_text).collect(),
    ))
}

fn concat_with_separator(call: &Call<'_>) -> Result<SqlValue> {
    let separator = plain_text(call.argument(0));
    let parts: Vec<String> = call.arguments[1..]
        .iter()
        .filter(|value| !value.is_null())
        .map(plain_text)
        .collect();
    Ok(SqlValue::Text(parts.join(&separator)))
}

/// A text repeated, up to the 8000 characters that SQL Server gives at most.
/// The text so many times, as far as a text of that type goes.
fn repeated(text: &str, times: i64, kind: WireType) -> Result<SqlValue> {
    let Ok(times) = usize::try_from(times) else {
        return Ok(SqlValue::Null);
    };
    let text = units(text);
    let most = match kind {
        WireType::NVarChar(None) | WireType::VarChar(None) | WireType::Variant => {
            if text.len().saturating_mul(times) > MOST_UNITS {
                return Err(ServerError::unsupported("texts of more than 64 MB"));
            }
            MOST_UNITS
        }
        WireType::NVarChar(_) | WireType::NChar(_) => 4000,
        _ => 8000,
    };
    let needed = most.checked_div(text.len()).map_or(0, |whole| whole + 1);
    let mut repeated = text.repeat(times.min(needed));
    repeated.truncate(most);
    Ok(SqlValue::Text(String::from_utf16_lossy(&repeated)))
}

fn replicate(call: &Call<'_>) -> Result<SqlValue> {
    let text = call.text(0)?.unwrap_or_default();
    repeated(&text, call.integer(1)?.unwrap_or(0), call.kind(0))
}

fn space(call: &Call<'_>) -> Result<SqlValue> {
    repeated(
        " ",
        call.integer(0)?.unwrap_or(0),
        WireType::VarChar(Some(8000)),
    )
}

fn stuff(call: &Call<'_>) -> Result<SqlValue> {
    let (Some(text), Some(start), Some(length)) =
        (call.text(0)?, call.integer(1)?, call.integer(2)?)
    else {
        return Ok(SqlValue::Null);
    };
    let text = units(&text);
    let size = i64::try_from(text.len()).unwrap_or(i64::MAX);
    if start < 1 || start > size || length < 0 {
        return Ok(SqlValue::Null);
    }
    let before = part(&text, 1, start - 1);
    let after = part(&text, start.saturating_add(length), size);
    let inserted = units(&call.text(3)?.unwrap_or_default());
    Ok(SqlValue::Text(String::from_utf16_lossy(
        &[before, inserted, after].concat(),
    )))
}

fn code(call: &Call<'_>) -> Result<SqlValue> {
    let text = call.text(0)?.unwrap_or_default();
    Ok(text
        .chars()
        .next()
        .map_or(SqlValue::Null, |c| SqlValue::Int(u32::from(c).into())))
}

fn character(call: &Call<'_>) -> Result<SqlValue> {
    let code = call.integer(0)?.and_then(|code| u32::try_from(code).ok());
    Ok(text_or_null(
        code.and_then(char::from_u32).map(String::from),
    ))
}

fn hash(call: &Call<'_>) -> Result<SqlValue> {
    let algorithm = call.text(0)?.unwrap_or_default().to_ascii_uppercase();
    let bytes = convert(
        call.argument(1),
        &Conversion::new(call.kind(1), WireType::VarBinary(None)),
    )?;
    let SqlValue::Bytes(bytes) = bytes else {
        return Ok(SqlValue::Null);
    };
    match algorithm.as_str() {
        "SHA2_256" => Ok(SqlValue::Bytes(Sha256::digest(&bytes).to_vec())),
        "SHA2_512" => Ok(SqlValue::Bytes(Sha512::digest(&bytes).to_vec())),
        "MD2" | "MD4" | "MD5" | "SHA" | "SHA1" => Err(ServerError::unsupported(format_args!(
            "the hash {algorithm}"
        ))),
        _ => Ok(SqlValue::Null),
    }
}
