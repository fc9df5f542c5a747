//! Functions of msdb, which are called with their schema.

use super::{Call, Function, Returns};
use crate::simulator::server_error::Result;
use crate::simulator::wire_type::WireType;
use crate::transport::SqlValue;

pub(super) const FUNCTIONS: &[Function] = &[Function::lenient(
    "fn_syspolicy_is_automation_enabled",
    (0, 0),
    Returns::Type(WireType::Bit),
    is_policy_enabled,
)];

/// As a new installation has it: policies are on, though there are none.
fn is_policy_enabled(_: &Call<'_>) -> Result<SqlValue> {
    Ok(SqlValue::Bit(true))
}
