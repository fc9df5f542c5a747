//! Views of what this server never has: availability groups, transparent encryption, mirroring,
//! full-text search.

use super::{Columns, DESCRIPTION, Row, SYSNAME, View};
use crate::simulator::engine::evaluate::Context;
use crate::simulator::server_error::Result;
use crate::simulator::wire_type::WireType;

const GUID: WireType = WireType::UniqueIdentifier;

pub(super) const VIEWS: &[View] = &[
    empty(
        "availability_groups",
        &[
            ("group_id", GUID),
            ("name", SYSNAME),
            ("resource_id", SYSNAME),
        ],
    ),
    empty(
        "availability_replicas",
        &[
            ("replica_id", GUID),
            ("group_id", GUID),
            ("replica_server_name", WireType::NVarChar(Some(256))),
            ("endpoint_url", WireType::NVarChar(Some(128))),
            ("availability_mode", WireType::TinyInt),
            ("failover_mode", WireType::TinyInt),
        ],
    ),
    empty(
        "availability_databases_cluster",
        &[
            ("group_id", GUID),
            ("group_database_id", GUID),
            ("database_name", SYSNAME),
        ],
    ),
    empty(
        "availability_group_listeners",
        &[
            ("group_id", GUID),
            ("listener_id", SYSNAME),
            ("dns_name", SYSNAME),
            ("port", WireType::Int),
        ],
    ),
    empty(
        "dm_hadr_database_replica_states",
        &[
            ("database_id", WireType::Int),
            ("group_id", GUID),
            ("replica_id", GUID),
            ("is_local", WireType::Bit),
            ("is_primary_replica", WireType::Bit),
            ("synchronization_state", WireType::TinyInt),
            ("synchronization_state_desc", DESCRIPTION),
        ],
    ),
    empty(
        "dm_hadr_availability_replica_states",
        &[
            ("replica_id", GUID),
            ("group_id", GUID),
            ("is_local", WireType::Bit),
            ("role", WireType::TinyInt),
            ("role_desc", DESCRIPTION),
        ],
    ),
    empty(
        "dm_hadr_cluster",
        &[
            ("cluster_name", WireType::NVarChar(Some(128))),
            ("quorum_type", WireType::TinyInt),
            ("quorum_type_desc", DESCRIPTION),
            ("quorum_state", WireType::TinyInt),
            ("quorum_state_desc", DESCRIPTION),
        ],
    ),
    empty(
        "change_tracking_databases",
        &[
            ("database_id", WireType::Int),
            ("is_auto_cleanup_on", WireType::TinyInt),
            ("retention_period", WireType::Int),
            ("retention_period_units", WireType::TinyInt),
            ("retention_period_units_desc", DESCRIPTION),
            ("max_cleanup_version", WireType::BigInt),
        ],
    ),
    empty(
        "database_mirroring",
        &[
            ("database_id", WireType::Int),
            ("mirroring_guid", GUID),
            ("mirroring_state", WireType::TinyInt),
            ("mirroring_role", WireType::TinyInt),
        ],
    ),
    empty(
        "dm_tran_active_transactions",
        &[
            ("transaction_id", WireType::BigInt),
            ("name", WireType::NVarChar(Some(32))),
        ],
    ),
    empty(
        "backup_devices",
        &[
            ("name", SYSNAME),
            ("physical_name", WireType::NVarChar(Some(260))),
        ],
    ),
    empty(
        "fulltext_languages",
        &[("lcid", WireType::Int), ("name", SYSNAME)],
    ),
    empty(
        "extended_properties",
        &[
            ("class", WireType::TinyInt),
            ("name", SYSNAME),
            ("value", WireType::Variant),
        ],
    ),
];

pub(super) const fn empty(name: &'static str, columns: Columns) -> View {
    View {
        schema: "sys",
        name,
        columns,
        make: nothing,
    }
}

pub(super) fn nothing(_: &Context<'_>, _: &str) -> Result<Vec<Row>> {
    Ok(Vec::new())
}
