//! sys.databases and its kin.

use super::encryption::{encrypts_tempdb, is_on};
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
    View {
        schema: "sys",
        name: "database_filestream_options",
        columns: FILESTREAM,
        make: filestream,
    },
];

/// Those of SQL Server 2022, in its order (documented).
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
    ("is_supplemental_logging_enabled", WireType::Bit),
    ("snapshot_isolation_state", WireType::TinyInt),
    ("snapshot_isolation_state_desc", DESCRIPTION),
    ("is_read_committed_snapshot_on", WireType::Bit),
    ("recovery_model", WireType::TinyInt),
    ("recovery_model_desc", DESCRIPTION),
    ("page_verify_option", WireType::TinyInt),
    ("page_verify_option_desc", DESCRIPTION),
    ("is_auto_create_stats_on", WireType::Bit),
    ("is_auto_create_stats_incremental_on", WireType::Bit),
    ("is_auto_update_stats_on", WireType::Bit),
    ("is_auto_update_stats_async_on", WireType::Bit),
    ("is_ansi_null_default_on", WireType::Bit),
    ("is_ansi_nulls_on", WireType::Bit),
    ("is_ansi_padding_on", WireType::Bit),
    ("is_ansi_warnings_on", WireType::Bit),
    ("is_arithabort_on", WireType::Bit),
    ("is_concat_null_yields_null_on", WireType::Bit),
    ("is_numeric_roundabort_on", WireType::Bit),
    ("is_quoted_identifier_on", WireType::Bit),
    ("is_recursive_triggers_on", WireType::Bit),
    ("is_cursor_close_on_commit_on", WireType::Bit),
    ("is_local_cursor_default", WireType::Bit),
    ("is_fulltext_enabled", WireType::Bit),
    ("is_trustworthy_on", WireType::Bit),
    ("is_db_chaining_on", WireType::Bit),
    ("is_parameterization_forced", WireType::Bit),
    ("is_master_key_encrypted_by_server", WireType::Bit),
    ("is_query_store_on", WireType::Bit),
    ("is_published", WireType::Bit),
    ("is_subscribed", WireType::Bit),
    ("is_merge_published", WireType::Bit),
    ("is_distributor", WireType::Bit),
    ("is_sync_with_backup", WireType::Bit),
    ("service_broker_guid", WireType::UniqueIdentifier),
    ("is_broker_enabled", WireType::Bit),
    ("log_reuse_wait", WireType::TinyInt),
    ("log_reuse_wait_desc", DESCRIPTION),
    ("is_date_correlation_on", WireType::Bit),
    ("is_cdc_enabled", WireType::Bit),
    ("is_encrypted", WireType::Bit),
    ("is_honor_broker_priority_on", WireType::Bit),
    ("replica_id", WireType::UniqueIdentifier),
    ("group_database_id", WireType::UniqueIdentifier),
    ("resource_pool_id", WireType::Int),
    ("default_language_lcid", WireType::SmallInt),
    ("default_language_name", SYSNAME),
    ("default_fulltext_language_lcid", WireType::Int),
    ("default_fulltext_language_name", SYSNAME),
    ("is_nested_triggers_on", WireType::Bit),
    ("is_transform_noise_words_on", WireType::Bit),
    ("two_digit_year_cutoff", WireType::SmallInt),
    ("containment", WireType::TinyInt),
    ("containment_desc", DESCRIPTION),
    ("target_recovery_time_in_seconds", WireType::Int),
    ("delayed_durability", WireType::Int),
    ("delayed_durability_desc", DESCRIPTION),
    ("is_memory_optimized_elevate_to_snapshot_on", WireType::Bit),
    ("is_federation_member", WireType::Bit),
    ("is_remote_data_archive_enabled", WireType::Bit),
    ("is_mixed_page_allocation_on", WireType::Bit),
    ("is_temporal_history_retention_enabled", WireType::Bit),
    ("catalog_collation_type", WireType::Int),
    ("catalog_collation_type_desc", DESCRIPTION),
    ("physical_database_name", SYSNAME),
    ("is_result_set_caching_on", WireType::Bit),
    ("is_accelerated_database_recovery_on", WireType::Bit),
    ("is_tempdb_spill_to_remote_store", WireType::Bit),
    ("is_stale_page_detection_on", WireType::Bit),
    ("is_memory_optimized_enabled", WireType::Bit),
    ("is_data_retention_enabled", WireType::Bit),
    ("is_ledger_on", WireType::Bit),
    ("is_change_feed_enabled", WireType::Bit),
];

const FILESTREAM: Columns = &[
    ("database_id", WireType::Int),
    ("non_transacted_access", WireType::TinyInt),
    ("non_transacted_access_desc", DESCRIPTION),
    ("directory_name", WireType::NVarChar(Some(256))),
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

const YES: SqlValue = bit(true);
const NO: SqlValue = bit(false);

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
        DatabaseState::Emergency => (5, "EMERGENCY"),
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
        NO,
        NO,
        int(state),
        text(state_name),
        NO,
        bit(entry.state == DatabaseState::Offline),
        NO,
        int(0),
        text("OFF"),
        NO,
        model,
        model_name,
        int(2),
        text("CHECKSUM"),
        YES,
        NO,
        YES,
        NO,
        NO,
        NO,
        NO,
        NO,
        NO,
        NO,
        NO,
        NO,
        NO,
        NO,
        NO,
        NO,
        bit(entry.is_trustworthy),
        bit(matches!(entry.name.as_str(), "master" | "msdb" | "tempdb")),
        NO,
        has_server_copy(context, entry, contents),
        NO,
        NO,
        NO,
        NO,
        NO,
        NO,
        SqlValue::Guid(entry.broker.unwrap_or(entry.family)),
        bit(entry.is_broker_enabled),
        int(0),
        text("NOTHING"),
        NO,
        NO,
        is_encrypted(context, entry, contents),
        NO,
        NULL,
        NULL,
        NULL,
        NULL,
        NULL,
        NULL,
        NULL,
        NULL,
        NULL,
        NULL,
        int(0),
        text("NONE"),
        int(60),
        int(0),
        text("DISABLED"),
        NO,
        NO,
        NO,
        NO,
        YES,
        int(0),
        text("DATABASE_DEFAULT"),
        text(&entry.name),
        NO,
        NO,
        NO,
        NO,
        YES,
        NO,
        NO,
        NO,
    ]
}

/// A closed database's key is in its files, which nobody reads here.
fn is_encrypted(
    context: &Context<'_>,
    entry: &DatabaseEntry,
    contents: Option<&Contents>,
) -> SqlValue {
    let by_others = context.instance.choices.tempdb_has_encryption_flag
        && entry.name == "tempdb"
        && encrypts_tempdb(context);
    let key = contents.and_then(|contents| contents.encryption_key.as_ref());
    bit(by_others || is_on(key))
}

/// From which copy the flag is computed, and what it is without a key, nobody could confirm.
fn has_server_copy(
    context: &Context<'_>,
    entry: &DatabaseEntry,
    contents: Option<&Contents>,
) -> SqlValue {
    let choices = &context.instance.choices;
    if choices.master_key_flag_is_null_without_key
        && contents.is_some_and(|contents| contents.master_key.is_none())
    {
        return NULL;
    }
    if choices.master_key_flag_from_master {
        return bit(entry.master_key_copy.is_some());
    }
    let key = contents.and_then(|contents| contents.master_key.as_ref());
    bit(key.is_some_and(|key| key.by_service_master_key.is_some()))
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

/// No database has FILESTREAM.
fn filestream(context: &Context<'_>, _: &str) -> Result<Vec<Row>> {
    Ok(visible(context)
        .map(|entry| vec![int(entry.id), int(0), text("OFF"), NULL])
        .collect())
}
