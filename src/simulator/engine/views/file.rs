//! Files of databases.

use super::{Columns, DESCRIPTION, NULL, Row, SYSNAME, View, bit, int, text};
use crate::simulator::catalog::{DatabaseEntry, DatabaseFile, DatabaseState};
use crate::simulator::engine::evaluate::Context;
use crate::simulator::server_error::Result;
use crate::simulator::wire_type::WireType;
use crate::transport::SqlValue;

pub(super) const VIEWS: &[View] = &[
    View {
        schema: "sys",
        name: "master_files",
        columns: MASTER_FILES,
        make: master_files,
    },
    View {
        schema: "sys",
        name: "database_files",
        columns: DATABASE_FILES,
        make: database_files,
    },
    View {
        schema: "sys",
        name: "filegroups",
        columns: FILE_GROUPS,
        make: file_groups,
    },
    View {
        schema: "sys",
        name: "data_spaces",
        columns: DATA_SPACES,
        make: data_spaces,
    },
];

const LSN: WireType = WireType::Decimal {
    precision: 25,
    scale: 0,
};
const PATH: WireType = WireType::NVarChar(Some(260));

const MASTER_FILES: Columns = &[
    ("database_id", WireType::Int),
    ("file_id", WireType::Int),
    ("file_guid", WireType::UniqueIdentifier),
    ("type", WireType::TinyInt),
    ("type_desc", DESCRIPTION),
    ("data_space_id", WireType::Int),
    ("name", SYSNAME),
    ("physical_name", PATH),
    ("state", WireType::TinyInt),
    ("state_desc", DESCRIPTION),
    ("size", WireType::Int),
    ("max_size", WireType::Int),
    ("growth", WireType::Int),
    ("is_media_read_only", WireType::Bit),
    ("is_read_only", WireType::Bit),
    ("is_sparse", WireType::Bit),
    ("is_percent_growth", WireType::Bit),
    ("is_name_reserved", WireType::Bit),
    ("is_persistent_log_buffer", WireType::Bit),
    ("create_lsn", LSN),
    ("drop_lsn", LSN),
    ("read_only_lsn", LSN),
    ("read_write_lsn", LSN),
    ("differential_base_lsn", LSN),
    ("differential_base_guid", WireType::UniqueIdentifier),
    ("differential_base_time", WireType::DateTime),
    ("redo_start_lsn", LSN),
    ("redo_start_fork_guid", WireType::UniqueIdentifier),
    ("redo_target_lsn", LSN),
    ("redo_target_fork_guid", WireType::UniqueIdentifier),
    ("backup_lsn", LSN),
    ("credential_id", WireType::Int),
];

/// Those of `sys.master_files`, but for the database and the credential at its ends.
const DATABASE_FILES: Columns = MASTER_FILES
    .split_at(MASTER_FILES.len() - 1)
    .0
    .split_at(1)
    .1;

const DATA_SPACES: Columns = &[
    ("name", SYSNAME),
    ("data_space_id", WireType::Int),
    ("type", WireType::Char(2)),
    ("type_desc", DESCRIPTION),
    ("is_default", WireType::Bit),
    ("is_system", WireType::Bit),
];

const FILE_GROUPS: Columns = &[
    ("name", SYSNAME),
    ("data_space_id", WireType::Int),
    ("type", WireType::Char(2)),
    ("type_desc", DESCRIPTION),
    ("is_default", WireType::Bit),
    ("is_system", WireType::Bit),
    ("filegroup_guid", WireType::UniqueIdentifier),
    ("log_filegroup_id", WireType::Int),
    ("is_read_only", WireType::Bit),
    ("is_autogrow_all_files", WireType::Bit),
];

/// Every database has one filegroup.
fn data_spaces(context: &Context<'_>, database: &str) -> Result<Vec<Row>> {
    if super::contents(context, database).is_none() {
        return Ok(Vec::new());
    }
    Ok(vec![vec![
        text("PRIMARY"),
        int(1),
        text("FG"),
        text("ROWS_FILEGROUP"),
        bit(true),
        bit(false),
    ]])
}

fn file_groups(context: &Context<'_>, database: &str) -> Result<Vec<Row>> {
    let mut rows = data_spaces(context, database)?;
    for row in &mut rows {
        row.extend([NULL, NULL, bit(false), bit(false)]);
    }
    Ok(rows)
}

/// Pages of 8 KiB, as the file's size says; the least that SQL Server makes where it can't be seen.
fn pages(context: &Context<'_>, file: &DatabaseFile) -> i64 {
    let bytes = context
        .instance
        .disk
        .read(&file.path)
        .map_or(0, |bytes| bytes.len());
    i64::try_from(bytes.div_ceil(8192))
        .unwrap_or(i64::MAX)
        .max(1024)
}

fn file(context: &Context<'_>, entry: &DatabaseEntry, file: &DatabaseFile) -> Row {
    let (state, state_name) = match entry.state {
        DatabaseState::Online => (0, "ONLINE"),
        DatabaseState::Restoring => (1, "RESTORING"),
        DatabaseState::RecoveryPending => (3, "RECOVERY_PENDING"),
        DatabaseState::Suspect => (4, "SUSPECT"),
        DatabaseState::Emergency => (5, "EMERGENCY"),
        DatabaseState::Offline => (6, "OFFLINE"),
    };
    let mut row = vec![
        int(file.id),
        NULL,
        int(i64::from(file.is_log)),
        text(if file.is_log { "LOG" } else { "ROWS" }),
        int(i64::from(!file.is_log)),
        text(&file.logical_name),
        text(&file.path),
        int(state),
        text(state_name),
        int(pages(context, file)),
        int(if file.is_log { 268_435_456 } else { -1 }),
        int(8192),
        bit(false),
        bit(entry.is_read_only),
        bit(false),
        bit(false),
        bit(false),
        bit(false),
    ];
    // Numbers of the log, which is not kept here.
    row.resize(DATABASE_FILES.len(), NULL);
    row
}

/// Seen with CREATE DATABASE, ALTER ANY DATABASE or VIEW ANY DEFINITION; without them only one's
/// own current database's files are listed elsewhere.
fn master_files(context: &Context<'_>, _: &str) -> Result<Vec<Row>> {
    let caller = context.caller();
    let sees_all = [
        "CREATE ANY DATABASE",
        "ALTER ANY DATABASE",
        "VIEW ANY DEFINITION",
    ]
    .iter()
    .any(|permission| caller.has_server(permission));
    let mut rows = Vec::new();
    for entry in &context.state.catalog.databases {
        if sees_all || caller.is_owner(&entry.name) {
            for known in &entry.files {
                let mut row = vec![int(entry.id)];
                row.extend(file(context, entry, known));
                row.push(NULL);
                rows.push(row);
            }
        }
    }
    Ok(rows)
}

fn database_files(context: &Context<'_>, database: &str) -> Result<Vec<Row>> {
    let Some(entry) = context.state.entry(database) else {
        return Ok(Vec::new());
    };
    let rows: Vec<Vec<SqlValue>> = entry
        .files
        .iter()
        .map(|known| file(context, entry, known))
        .collect();
    Ok(rows)
}
