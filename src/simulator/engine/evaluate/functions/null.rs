//! NULL, and choices between values.

use super::{Call, Function, Returns};
use crate::simulator::engine::value::compare;
use crate::simulator::server_error::Result;
use crate::transport::SqlValue;

pub(super) const FUNCTIONS: &[Function] = &[
    Function::lenient("CHOOSE", (2, 254), Returns::Argument(1), choose),
    Function::lenient("COALESCE", (1, 254), Returns::Common, first_value),
    Function::lenient("ISNULL", (2, 2), Returns::Argument(0), first_value),
    Function::lenient("NULLIF", (2, 2), Returns::Argument(0), null_if),
];

fn first_value(call: &Call<'_>) -> Result<SqlValue> {
    let found = call.arguments.iter().find(|value| !value.is_null());
    Ok(found.cloned().unwrap_or(SqlValue::Null))
}

fn null_if(call: &Call<'_>) -> Result<SqlValue> {
    let is_same =
        compare(call.argument(0), call.argument(1))?.is_some_and(std::cmp::Ordering::is_eq);
    Ok(if is_same {
        SqlValue::Null
    } else {
        call.argument(0).clone()
    })
}

fn choose(call: &Call<'_>) -> Result<SqlValue> {
    let at = call
        .integer(0)?
        .and_then(|at| usize::try_from(at).ok())
        .filter(|at| *at > 0);
    Ok(at.map_or(SqlValue::Null, |at| call.argument(at).clone()))
}
