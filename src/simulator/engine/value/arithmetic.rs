//! Computing.

use time::Duration;

use super::{Conversion, convert, kind_of};
use crate::simulator::server_error::{Result, ServerError};
use crate::simulator::tsql::ast::BinaryOperator;
use crate::simulator::wire_type::WireType;
use crate::transport::SqlValue;

/// The precision and the scale of a decimal at most.
const MOST_DIGITS: u8 = 38;

fn overflow(kind: &str) -> ServerError {
    ServerError::new(
        8115,
        16,
        2,
        format!("Arithmetic overflow error converting expression to data type {kind}."),
    )
}

fn divide_by_zero() -> ServerError {
    ServerError::new(8134, 16, 1, "Divide by zero error encountered.")
}

/// `left operator right`. NULL with anything is NULL.
pub(crate) fn combine(
    operator: BinaryOperator,
    left: &SqlValue,
    right: &SqlValue,
) -> Result<SqlValue> {
    if left.is_null() || right.is_null() {
        return Ok(SqlValue::Null);
    }
    match (left, right) {
        (SqlValue::Text(a), SqlValue::Text(b)) if operator == BinaryOperator::Add => {
            Ok(SqlValue::Text(format!("{a}{b}")))
        }
        (SqlValue::Bytes(a), SqlValue::Bytes(b)) if operator == BinaryOperator::Add => {
            Ok(SqlValue::Bytes([a.as_slice(), b.as_slice()].concat()))
        }
        (SqlValue::Text(_), SqlValue::Text(_))
        | (SqlValue::Guid(_), _)
        | (_, SqlValue::Guid(_)) => Err(invalid(operator, left, right)),
        (SqlValue::DateTime(date), days) | (days, SqlValue::DateTime(date)) => {
            let span = Duration::checked_seconds_f64(as_float(days)? * 86_400.0);
            let moved = match operator {
                BinaryOperator::Add => span.and_then(|span| date.checked_add(span)),
                BinaryOperator::Subtract => span.and_then(|span| date.checked_sub(span)),
                _ => return Err(invalid(operator, left, right)),
            };
            moved
                .map(SqlValue::DateTime)
                .ok_or_else(|| overflow("datetime"))
        }
        (SqlValue::Float(_), _) | (_, SqlValue::Float(_)) => {
            floats(operator, as_float(left)?, as_float(right)?)
        }
        (SqlValue::Decimal { .. }, _) | (_, SqlValue::Decimal { .. }) => {
            decimals(operator, as_decimal(left)?, as_decimal(right)?)
        }
        _ => integers(operator, as_integer(left)?, as_integer(right)?),
    }
}

/// 402 where the types have no such operator.
fn invalid(operator: BinaryOperator, left: &SqlValue, right: &SqlValue) -> ServerError {
    let name = match operator {
        BinaryOperator::Add => "add",
        BinaryOperator::Subtract => "subtract",
        BinaryOperator::Multiply => "multiply",
        BinaryOperator::Divide => "divide",
        BinaryOperator::Modulo => "modulo",
        _ => "bitwise",
    };
    ServerError::new(
        402,
        16,
        1,
        format!(
            "The data types {} and {} are incompatible in the {name} operator.",
            super::type_name(kind_of(left)),
            super::type_name(kind_of(right))
        ),
    )
}

fn as_integer(value: &SqlValue) -> Result<i64> {
    let conversion = Conversion::shown_as(kind_of(value), WireType::BigInt, WireType::Int);
    match convert(value, &conversion)? {
        SqlValue::Int(value) => Ok(value),
        _ => Ok(0),
    }
}

fn as_float(value: &SqlValue) -> Result<f64> {
    match convert(value, &Conversion::new(kind_of(value), WireType::Float))? {
        SqlValue::Float(value) => Ok(value),
        _ => Ok(0.0),
    }
}

fn as_decimal(value: &SqlValue) -> Result<(i128, u8)> {
    match value {
        SqlValue::Decimal { unscaled, scale } => Ok((*unscaled, *scale)),
        SqlValue::Text(text) => {
            // As many digits behind the point as the text has.
            let scale = text
                .trim()
                .split_once('.')
                .map_or(0, |(_, fraction)| fraction.len());
            let scale = u8::try_from(scale).unwrap_or(38).min(38);
            let target = WireType::Decimal {
                precision: 38,
                scale,
            };
            match convert(value, &Conversion::new(kind_of(value), target))? {
                SqlValue::Decimal { unscaled, scale } => Ok((unscaled, scale)),
                _ => Ok((0, 0)),
            }
        }
        value => Ok((as_integer(value)?.into(), 0)),
    }
}

fn integers(operator: BinaryOperator, a: i64, b: i64) -> Result<SqlValue> {
    let result = match operator {
        BinaryOperator::Add => a.checked_add(b),
        BinaryOperator::Subtract => a.checked_sub(b),
        BinaryOperator::Multiply => a.checked_mul(b),
        BinaryOperator::Divide | BinaryOperator::Modulo if b == 0 => return Err(divide_by_zero()),
        BinaryOperator::Divide => a.checked_div(b),
        BinaryOperator::Modulo => a.checked_rem(b),
        BinaryOperator::BitAnd => Some(a & b),
        BinaryOperator::BitOr => Some(a | b),
        BinaryOperator::BitXor => Some(a ^ b),
        _ => None,
    };
    result.map(SqlValue::Int).ok_or_else(|| overflow("bigint"))
}

fn floats(operator: BinaryOperator, a: f64, b: f64) -> Result<SqlValue> {
    let result = match operator {
        BinaryOperator::Add => a + b,
        BinaryOperator::Subtract => a - b,
        BinaryOperator::Multiply => a * b,
        BinaryOperator::Divide if b == 0.0 => return Err(divide_by_zero()),
        BinaryOperator::Divide => a / b,
        _ => return Err(invalid(operator, &SqlValue::Float(a), &SqlValue::Float(b))),
    };
    if result.is_finite() {
        Ok(SqlValue::Float(result))
    } else {
        Err(overflow("float"))
    }
}

fn decimals(operator: BinaryOperator, a: (i128, u8), b: (i128, u8)) -> Result<SqlValue> {
    let scale = a.1.max(b.1);
    let up = |(unscaled, own): (i128, u8)| {
        10_i128
            .checked_pow((scale - own).into())
            .and_then(|factor| unscaled.checked_mul(factor))
    };
    let failed = || overflow("numeric");
    let (left, right) = (up(a).ok_or_else(failed)?, up(b).ok_or_else(failed)?);
    let (unscaled, scale) = match operator {
        BinaryOperator::Add => (left.checked_add(right), scale),
        BinaryOperator::Subtract => (left.checked_sub(right), scale),
        BinaryOperator::Multiply => (a.0.checked_mul(b.0), a.1 + b.1),
        BinaryOperator::Divide | BinaryOperator::Modulo if right == 0 => {
            return Err(divide_by_zero());
        }
        BinaryOperator::Modulo => (left.checked_rem(right), scale),
        // Six digits more than the operands have, as a quotient of decimals gets at least.
        BinaryOperator::Divide => {
            let quotient = left.checked_mul(1_000_000).and_then(|left| {
                let factor = 10_i128.checked_pow(scale.into())?;
                left.checked_mul(factor)?.checked_div(right)
            });
            (quotient, scale + 6)
        }
        _ => {
            let shown = SqlValue::Decimal {
                unscaled: left,
                scale,
            };
            return Err(invalid(operator, &shown, &shown));
        }
    };
    let unscaled = unscaled.ok_or_else(failed)?;
    // Digits beyond the 38th behind the point are dropped.
    let surplus = scale.saturating_sub(MOST_DIGITS);
    let unit = 10_i128.checked_pow(surplus.into()).unwrap_or(i128::MAX);
    Ok(SqlValue::Decimal {
        unscaled: unscaled / unit,
        scale: scale.min(MOST_DIGITS),
    })
}

pub(crate) fn negate(value: &SqlValue) -> Result<SqlValue> {
    Ok(match value {
        SqlValue::Null => SqlValue::Null,
        SqlValue::Int(value) => {
            SqlValue::Int(value.checked_neg().ok_or_else(|| overflow("bigint"))?)
        }
        SqlValue::Float(value) => SqlValue::Float(-value),
        SqlValue::Decimal { unscaled, scale } => SqlValue::Decimal {
            unscaled: -unscaled,
            scale: *scale,
        },
        SqlValue::Bit(value) => SqlValue::Int(-i64::from(*value)),
        value => {
            let kind = super::type_name(kind_of(value));
            return Err(ServerError::new(
                403,
                16,
                1,
                format!(
                    "Invalid operator for data type. Operator equals minus, type equals {kind}."
                ),
            ));
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(value: &str) -> SqlValue {
        SqlValue::Text(value.to_owned())
    }

    #[test]
    fn plus_joins_texts_and_adds_numbers() {
        let add = |a: &SqlValue, b: &SqlValue| combine(BinaryOperator::Add, a, b);
        assert_eq!(add(&text("a"), &text("b")).unwrap(), text("ab"));
        assert_eq!(
            add(&text("2"), &SqlValue::Int(3)).unwrap(),
            SqlValue::Int(5)
        );
        assert_eq!(
            add(&text("x"), &SqlValue::Int(3)).unwrap_err().0[0].number,
            245
        );
        assert_eq!(add(&text("x"), &SqlValue::Null).unwrap(), SqlValue::Null);
    }

    #[test]
    fn integers_divide_to_integers() {
        let divide = |a, b| combine(BinaryOperator::Divide, &a, &b);
        assert_eq!(
            divide(SqlValue::Int(7), SqlValue::Int(2)).unwrap(),
            SqlValue::Int(3)
        );
        assert_eq!(
            divide(SqlValue::Int(7), SqlValue::Int(0)).unwrap_err().0[0].number,
            8134
        );
        assert_eq!(
            divide(
                SqlValue::Decimal {
                    unscaled: 70,
                    scale: 1
                },
                SqlValue::Int(2)
            )
            .unwrap(),
            SqlValue::Decimal {
                unscaled: 35_000_000,
                scale: 7
            }
        );
    }
}
