//! Views of msdb.

use super::{Columns, View};
use crate::simulator::wire_type::WireType;

pub(super) const VIEWS: &[View] = &[View {
    schema: "dbo",
    name: "syspolicy_system_health_state",
    columns: HEALTH,
    make: super::empty::nothing,
}];

/// Policies that were found broken. There are no policies.
const HEALTH: Columns = &[
    ("health_state_id", WireType::BigInt),
    ("policy_id", WireType::Int),
    ("last_run_date", WireType::DateTime),
    (
        "target_query_expression_with_id",
        WireType::NVarChar(Some(400)),
    ),
    ("target_query_expression", WireType::NVarChar(None)),
    ("result", WireType::Bit),
];
