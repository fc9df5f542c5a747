//! Comparing: upper and lower case are the same, blanks at the end count for nothing.

use std::cmp::Ordering;

use super::{Conversion, convert, kind_of};
use crate::simulator::server_error::Result;
use crate::simulator::wire_type::WireType;
use crate::transport::SqlValue;

/// A text as the server's collation sees it.
pub(crate) fn fold(text: &str) -> String {
    text.trim_end_matches(' ').to_lowercase()
}

/// How two values stand to each other; `None` where one of them is NULL.
pub(crate) fn compare(left: &SqlValue, right: &SqlValue) -> Result<Option<Ordering>> {
    if left.is_null() || right.is_null() {
        return Ok(None);
    }
    let (left_rank, right_rank) = (rank(left), rank(right));
    let result = match left_rank.cmp(&right_rank) {
        Ordering::Equal => same_kind(left, right),
        Ordering::Less => same_kind(&raise(left, right)?, right),
        Ordering::Greater => same_kind(left, &raise(right, left)?),
    };
    Ok(Some(result))
}

/// The order of rows: NULL comes first.
pub(crate) fn order(left: &SqlValue, right: &SqlValue) -> Result<Ordering> {
    Ok(match (left.is_null(), right.is_null()) {
        (true, true) => Ordering::Equal,
        (true, false) => Ordering::Less,
        (false, true) => Ordering::Greater,
        (false, false) => compare(left, right)?.unwrap_or(Ordering::Equal),
    })
}

const fn rank(value: &SqlValue) -> u8 {
    match value {
        SqlValue::DateTime(_) => 8,
        SqlValue::Float(_) => 7,
        SqlValue::Decimal { .. } => 6,
        SqlValue::Int(_) => 5,
        SqlValue::Bit(_) => 4,
        SqlValue::Guid(_) => 3,
        SqlValue::Text(_) => 2,
        SqlValue::Bytes(_) => 1,
        SqlValue::Null => 0,
    }
}

/// Converts the lower one to the kind of the higher one.
fn raise(low: &SqlValue, high: &SqlValue) -> Result<SqlValue> {
    let target = match high {
        SqlValue::Decimal { scale, .. } => WireType::Decimal {
            precision: 38,
            scale: (*scale).max(6),
        },
        SqlValue::Text(_) => WireType::NVarChar(None),
        // An integer meets a text that holds any integer.
        SqlValue::Int(_) => WireType::BigInt,
        high => kind_of(high),
    };
    // The type in a message is the one that the programmer sees.
    convert(
        low,
        &Conversion::shown_as(kind_of(low), target, kind_of(high)),
    )
}

fn same_kind(left: &SqlValue, right: &SqlValue) -> Ordering {
    match (left, right) {
        (SqlValue::Bit(a), SqlValue::Bit(b)) => a.cmp(b),
        (SqlValue::Int(a), SqlValue::Int(b)) => a.cmp(b),
        (SqlValue::Float(a), SqlValue::Float(b)) => a.total_cmp(b),
        (
            SqlValue::Decimal {
                unscaled: a,
                scale: a_scale,
            },
            SqlValue::Decimal {
                unscaled: b,
                scale: b_scale,
            },
        ) => compare_decimals(*a, *a_scale, *b, *b_scale),
        (SqlValue::Text(a), SqlValue::Text(b)) => fold(a).cmp(&fold(b)),
        (SqlValue::Bytes(a), SqlValue::Bytes(b)) => a.cmp(b),
        (SqlValue::Guid(a), SqlValue::Guid(b)) => compare_guids(a, b),
        (SqlValue::DateTime(a), SqlValue::DateTime(b)) => a.cmp(b),
        // `raise` made them alike.
        _ => Ordering::Equal,
    }
}

fn compare_decimals(a: i128, a_scale: u8, b: i128, b_scale: u8) -> Ordering {
    let ten = |power: u8| 10_i128.checked_pow(power.into());
    let a_up = ten(b_scale.saturating_sub(a_scale)).and_then(|factor| a.checked_mul(factor));
    let b_up = ten(a_scale.saturating_sub(b_scale)).and_then(|factor| b.checked_mul(factor));
    match (a_up, b_up) {
        (Some(a), Some(b)) => a.cmp(&b),
        // Too large to be brought to the other's scale: larger than all that could be.
        (None, _) => a.cmp(&0),
        (_, None) => 0.cmp(&b),
    }
}

/// The last group counts first.
fn compare_guids(a: &[u8; 16], b: &[u8; 16]) -> Ordering {
    const ORDER: [usize; 16] = [10, 11, 12, 13, 14, 15, 8, 9, 6, 7, 4, 5, 0, 1, 2, 3];
    ORDER
        .iter()
        .map(|at| a[*at].cmp(&b[*at]))
        .find(|order| order.is_ne())
        .unwrap_or(Ordering::Equal)
}

/// A row under which equal rows are found: for DISTINCT, GROUP BY, UNION and unique keys. Here
/// NULL equals NULL.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct RowKey(Vec<KeyPart>);

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum KeyPart {
    Null,
    Int(i64),
    Text(String),
    Bytes(Vec<u8>),
}

pub(crate) fn row_key(values: &[SqlValue]) -> RowKey {
    let part = |value: &SqlValue| match value {
        SqlValue::Null => KeyPart::Null,
        SqlValue::Bit(value) => KeyPart::Int((*value).into()),
        SqlValue::Int(value) => KeyPart::Int(*value),
        SqlValue::Text(text) => KeyPart::Text(fold(text)),
        SqlValue::Bytes(bytes) => KeyPart::Bytes(bytes.clone()),
        SqlValue::Guid(guid) => KeyPart::Bytes(guid.to_vec()),
        SqlValue::Float(value) => KeyPart::Text(format!("float {value}")),
        SqlValue::Decimal { unscaled, scale } => {
            let text = super::decimal_text(*unscaled, *scale);
            let text = if text.contains('.') {
                text.trim_end_matches('0').trim_end_matches('.')
            } else {
                &text
            };
            KeyPart::Text(format!("decimal {text}"))
        }
        SqlValue::DateTime(value) => KeyPart::Text(format!("date {value}")),
    };
    RowKey(values.iter().map(part).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(value: &str) -> SqlValue {
        SqlValue::Text(value.to_owned())
    }

    #[test]
    fn case_and_trailing_blanks_count_for_nothing() {
        assert_eq!(
            compare(&text("ORCH  "), &text("orch")).unwrap(),
            Some(Ordering::Equal)
        );
        assert_eq!(
            compare(&text(" orch"), &text("orch")).unwrap(),
            Some(Ordering::Less)
        );
        assert_eq!(row_key(&[text("A ")]), row_key(&[text("a")]));
    }

    #[test]
    fn the_lower_type_is_converted() {
        assert_eq!(
            compare(&text("7"), &SqlValue::Int(7)).unwrap(),
            Some(Ordering::Equal)
        );
        let error = compare(&text("seven"), &SqlValue::Int(7)).unwrap_err();
        assert_eq!(error.0[0].number, 245);
        let decimal = SqlValue::Decimal {
            unscaled: 700,
            scale: 2,
        };
        assert_eq!(
            compare(&decimal, &SqlValue::Int(7)).unwrap(),
            Some(Ordering::Equal)
        );
        assert_eq!(
            compare(&SqlValue::Bit(true), &text("true")).unwrap(),
            Some(Ordering::Equal)
        );
    }

    #[test]
    fn null_equals_nothing() {
        assert_eq!(compare(&SqlValue::Null, &SqlValue::Null).unwrap(), None);
        assert_eq!(
            order(&SqlValue::Null, &SqlValue::Int(-1)).unwrap(),
            Ordering::Less
        );
    }
}
