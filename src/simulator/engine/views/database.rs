//! sys.databases and its kin.

use super::{COLLATION, Columns, DESCRIPTION, NULL, Row, SID, SYSNAME, View, bit, int, text};
use crate::simulator::catalog::{
    Contents, DatabaseEntry, DatabaseState, RecoveryModel, UserAccess,
};
use crate::simulator::engine::evaluate::Context;
use crate::simulator::server_error::Result;
use crate::simulator::wire_type::WireType;
use crate::transport::SqlValue;

pub(super) const VIEWS: &[View] = &[
    View {
        schema: "sys",
        name: "databases",
        columns: DATABASES,
        make: databases,
    },
    View {
        schema: "sys",
        name: "database_recovery_status",
        columns: RECOVERY,
        make: recovery,
    },
];

const DATABASES: Columns = &[
    ("name", SYSNAME),
    ("database_id", WireType::Int),
    ("source_database_id", WireType::Int),
    ("owner_sid", SID),
    ("create_date", WireType::DateTime),
    ("compatibility_level", WireType::TinyInt),
    ("collation_name", SYSNAME),
    ("user_access", WireType::TinyInt),
    ("user_access_desc", DESCRIPTION),
    ("is_read_only", WireType::Bit),
    ("is_auto_close_on", WireType::Bit),
    ("is_auto_shrink_on", WireType::Bit),
    ("state", WireType::TinyInt),
    ("state_desc", DESCRIPTION),
    ("is_in_standby", WireType::Bit),
    ("is_cleanly_shutdown", WireType::Bit),
    ("snapshot_isolation_state", WireType::TinyInt),
    ("is_read_committed_snapshot_on", WireType::Bit),
    ("recovery_model", WireType::TinyInt),
    ("recovery_model_desc", DESCRIPTION),
    ("page_verify_option", WireType::TinyInt),
    ("page_verify_option_desc", DESCRIPTION),
    ("is_fulltext_enabled", WireType::Bit),
    ("is_trustworthy_on", WireType::Bit),
    ("is_db_chaining_on", WireType::Bit),
    ("is_master_key_encrypted_by_server", WireType::Bit),
    ("is_query_store_on", WireType::Bit),
    ("is_published", WireType::Bit),
    ("is_subscribed", WireType::Bit),
    ("is_merge_published", WireType::Bit),
    ("is_distributor", WireType::Bit),
    ("service_broker_guid", WireType::UniqueIdentifier),
    ("is_broker_enabled", WireType::Bit),
    ("log_reuse_wait", WireType::TinyInt),
    ("log_reuse_wait_desc", DESCRIPTION),
    ("is_cdc_enabled", WireType::Bit),
    ("is_encrypted", WireType::Bit),
    ("replica_id", WireType::UniqueIdentifier),
    ("group_database_id", WireType::UniqueIdentifier),
    ("containment", WireType::TinyInt),
    ("containment_desc", DESCRIPTION),
    ("target_recovery_time_in_seconds", WireType::Int),
    ("delayed_durability", WireType::Int),
    ("physical_database_name", SYSNAME),
];

const RECOVERY: Columns = &[
    ("database_id", WireType::Int),
    ("database_guid", WireType::UniqueIdentifier),
    ("family_guid", WireType::UniqueIdentifier),
    (
        "last_log_backup_lsn",
        WireType::Decimal {
            precision: 25,
            scale: 0,
        },
    ),
    ("recovery_fork_guid", WireType::UniqueIdentifier),
    ("first_recovery_fork_guid", WireType::UniqueIdentifier),
    (
        "fork_point_lsn",
        WireType::Decimal {
            precision: 25,
            scale: 0,
        },
    ),
];

/// Without VIEW ANY DATABASE one sees master, tempdb and what one may enter.
fn visible<'a>(context: &Context<'a>) -> impl Iterator<Item = &'a DatabaseEntry> {
    let caller = context.caller();
    let sees_all = caller.has_server("VIEW ANY DATABASE");
    context.state.catalog.databases.iter().filter(move |entry| {
        sees_all || matches!(entry.id, 1 | 2) || caller.user(&entry.name).is_some()
    })
}

fn databases(context: &Context<'_>, _: &str) -> Result<Vec<Row>> {
    Ok(visible(context)
        .map(|entry| database(context, entry, super::contents(context, &entry.name)))
        .collect())
}

fn database(context: &Context<'_>, entry: &DatabaseEntry, contents: Option<&Contents>) -> Row {
    let (access, access_name) = match entry.user_access {
        UserAccess::Multi => (0, "MULTI_USER"),
        UserAccess::Single => (1, "SINGLE_USER"),
        UserAccess::Restricted => (2, "RESTRICTED_USER"),
    };
    let (state, state_name) = match entry.state {
        DatabaseState::Online => (0, "ONLINE"),
        DatabaseState::Restoring => (1, "RESTORING"),
        DatabaseState::RecoveryPending => (3, "RECOVERY_PENDING"),
        DatabaseState::Suspect => (4, "SUSPECT"),
        DatabaseState::Offline => (6, "OFFLINE"),
    };
    let (model, model_name) = match contents.map(|contents| contents.recovery_model) {
        Some(RecoveryModel::Full) => (int(1), text("FULL")),
        Some(RecoveryModel::BulkLogged) => (int(2), text("BULK_LOGGED")),
        Some(RecoveryModel::Simple) => (int(3), text("SIMPLE")),
        // A closed database's model is in its files, which nobody reads here.
        None => (NULL, NULL),
    };
    let level = contents.map_or_else(
        || context.instance.version.compatibility_level(),
        |known| known.compatibility_level,
    );
    vec![
        text(&entry.name),
        int(entry.id),
        NULL,
        SqlValue::Bytes(entry.owner.0.clone()),
        SqlValue::DateTime(entry.created),
        int(level),
        contents.map_or(NULL, |_| text(COLLATION)),
        int(access),
        text(access_name),
        bit(entry.is_read_only),
        bit(false),
        bit(false),
        int(state),
        text(state_name),
        bit(false),
        bit(entry.state == DatabaseState::Offline),
        int(0),
        bit(false),
        model,
        model_name,
        int(2),
        text("CHECKSUM"),
        bit(false),
        bit(entry.is_trustworthy),
        bit(entry.name == "master" || entry.name == "msdb"),
        bit(has_server_copy(context, entry, contents)),
        bit(false),
        bit(false),
        bit(false),
        bit(false),
        bit(false),
        SqlValue::Guid(entry.family),
        bit(entry.is_broker_enabled),
        int(0),
        text("NOTHING"),
        bit(false),
        bit(false),
        NULL,
        NULL,
        int(0),
        text("NONE"),
        int(60),
        int(0),
        text(&entry.name),
    ]
}

/// From which copy the flag is computed nobody could confirm.
fn has_server_copy(
    context: &Context<'_>,
    entry: &DatabaseEntry,
    contents: Option<&Contents>,
) -> bool {
    if context.instance.choices.master_key_flag_from_master {
        return entry.master_key_copy.is_some();
    }
    let key = contents.and_then(|contents| contents.master_key.as_ref());
    key.is_some_and(|key| key.by_service_master_key.is_some())
}

fn recovery(context: &Context<'_>, _: &str) -> Result<Vec<Row>> {
    Ok(visible(context)
        .filter_map(|entry| Some((entry, super::contents(context, &entry.name)?)))
        .map(|(entry, contents)| {
            vec![
                int(entry.id),
                SqlValue::Guid(contents.family),
                SqlValue::Guid(contents.family),
                NULL,
                SqlValue::Guid(contents.recovery_fork),
                NULL,
                NULL,
            ]
        })
        .collect())
}
