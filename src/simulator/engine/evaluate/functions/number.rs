//! Numbers.

use super::{Call, Function, INT, Returns};
use crate::simulator::engine::value::{Conversion, convert, negate};
use crate::simulator::server_error::Result;
use crate::simulator::wire_type::WireType;
use crate::transport::SqlValue;

pub(super) const FUNCTIONS: &[Function] = &[
    Function::strict("ABS", (1, 1), Returns::Argument(0), absolute),
    Function::strict("CEILING", (1, 1), Returns::Argument(0), ceiling),
    Function::strict("FLOOR", (1, 1), Returns::Argument(0), floor),
    Function::lenient("ISNUMERIC", (1, 1), INT, is_numeric),
    Function::strict("ROUND", (2, 3), Returns::Argument(0), round),
    Function::strict("SIGN", (1, 1), Returns::Argument(0), sign),
];

fn absolute(call: &Call<'_>) -> Result<SqlValue> {
    let value = call.argument(0);
    let is_negative = match value {
        SqlValue::Int(number) => *number < 0,
        SqlValue::Float(number) => *number < 0.0,
        SqlValue::Decimal { unscaled, .. } => *unscaled < 0,
        _ => false,
    };
    if is_negative {
        negate(value)
    } else {
        Ok(value.clone())
    }
}

fn sign(call: &Call<'_>) -> Result<SqlValue> {
    Ok(match call.argument(0) {
        SqlValue::Float(number) => {
            SqlValue::Float(if *number == 0.0 { 0.0 } else { number.signum() })
        }
        SqlValue::Decimal { unscaled, .. } => {
            SqlValue::Int(i64::try_from(unscaled.signum()).unwrap_or(0))
        }
        value => SqlValue::Int(
            crate::simulator::engine::evaluate::integer(value)?
                .unwrap_or(0)
                .signum(),
        ),
    })
}

fn whole(value: &SqlValue, float: fn(f64) -> f64, decimal: fn(i128, i128) -> i128) -> SqlValue {
    match value {
        SqlValue::Float(number) => SqlValue::Float(float(*number)),
        SqlValue::Decimal { unscaled, scale } => {
            let unit = 10_i128.checked_pow((*scale).into()).unwrap_or(1);
            SqlValue::Decimal {
                unscaled: decimal(*unscaled, unit),
                scale: 0,
            }
        }
        value => value.clone(),
    }
}

fn floor(call: &Call<'_>) -> Result<SqlValue> {
    Ok(whole(call.argument(0), f64::floor, i128::div_euclid))
}

fn ceiling(call: &Call<'_>) -> Result<SqlValue> {
    Ok(whole(call.argument(0), f64::ceil, |number, unit| {
        -(-number).div_euclid(unit)
    }))
}

fn round(call: &Call<'_>) -> Result<SqlValue> {
    let digits = call.integer(1)?.unwrap_or(0).clamp(-18, 18);
    let digits = i32::try_from(digits).unwrap_or(0);
    match call.argument(0) {
        SqlValue::Float(number) => {
            let factor = 10_f64.powi(digits);
            Ok(SqlValue::Float((number * factor).round() / factor))
        }
        value => {
            let places = u8::try_from(digits.max(0)).unwrap_or(0);
            let target = WireType::Decimal {
                precision: 38,
                scale: places,
            };
            convert(value, &Conversion::new(call.kind(0), target))
        }
    }
}

fn is_numeric(call: &Call<'_>) -> Result<SqlValue> {
    let is_number = match call.argument(0) {
        SqlValue::Null | SqlValue::Bytes(_) | SqlValue::Guid(_) | SqlValue::DateTime(_) => false,
        SqlValue::Text(text) => text.trim().parse::<f64>().is_ok_and(f64::is_finite),
        _ => true,
    };
    Ok(super::yes_or_no(is_number))
}
