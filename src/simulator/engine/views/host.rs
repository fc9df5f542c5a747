//! The machine under the server.

use super::{Columns, NULL, Row, View, bit, int, text};
use crate::simulator::Platform;
use crate::simulator::engine::evaluate::Context;
use crate::simulator::server_error::Result;
use crate::simulator::wire_type::WireType;

pub(super) const VIEWS: &[View] = &[
    View {
        schema: "sys",
        name: "dm_os_host_info",
        columns: HOST,
        make: host,
    },
    View {
        schema: "sys",
        name: "dm_os_process_memory",
        columns: MEMORY,
        make: memory,
    },
];

const HOST: Columns = &[
    ("host_platform", WireType::NVarChar(Some(256))),
    ("host_distribution", WireType::NVarChar(Some(256))),
    ("host_release", WireType::NVarChar(Some(256))),
    ("host_service_pack_level", WireType::NVarChar(Some(256))),
    ("host_sku", WireType::Int),
    ("os_language_version", WireType::Int),
];

const MEMORY: Columns = &[
    ("physical_memory_in_use_kb", WireType::BigInt),
    ("large_page_allocations_kb", WireType::BigInt),
    ("locked_page_allocations_kb", WireType::BigInt),
    ("total_virtual_address_space_kb", WireType::BigInt),
    ("virtual_address_space_reserved_kb", WireType::BigInt),
    ("virtual_address_space_committed_kb", WireType::BigInt),
    ("virtual_address_space_available_kb", WireType::BigInt),
    ("page_fault_count", WireType::BigInt),
    ("memory_utilization_percentage", WireType::Int),
    ("available_commit_limit_kb", WireType::BigInt),
    ("process_physical_memory_low", WireType::Bit),
    ("process_virtual_memory_low", WireType::Bit),
];

/// The machine that the instance poses to be on. Everybody may ask (documented up to 2019; of 2022
/// two pages of Microsoft's say different things).
fn host(context: &Context<'_>, _: &str) -> Result<Vec<Row>> {
    let (distribution, release, sku) = match context.instance.platform {
        Platform::Windows => ("Windows Server 2022 Standard", "10.0", int(7)),
        Platform::Linux => ("Ubuntu", "22.04", NULL),
    };
    Ok(vec![vec![
        text(context.instance.platform.name()),
        text(distribution),
        text(release),
        text(""),
        sku,
        int(1033),
    ]])
}

/// A server that does nothing: 1 GiB in use of what 64 bits address.
fn memory(context: &Context<'_>, _: &str) -> Result<Vec<Row>> {
    const IN_USE: i64 = 1 << 20;
    const ADDRESSED: i64 = (128 << 30) - 128;
    super::session::check_server_state(context)?;
    Ok(vec![vec![
        int(IN_USE),
        int(0),
        int(0),
        int(ADDRESSED),
        int(IN_USE),
        int(IN_USE),
        int(ADDRESSED - IN_USE),
        int(0),
        int(100),
        int(8 * IN_USE),
        bit(false),
        bit(false),
    ]])
}
