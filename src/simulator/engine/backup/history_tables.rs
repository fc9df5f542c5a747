//! The tables of msdb that keep the history of backups and restores, and rows in them.

use crate::simulator::Version;
use crate::simulator::catalog::{Guid, Table, TableColumn};
use crate::simulator::engine::table_store;
use crate::simulator::instance::OpenDatabase;
use crate::simulator::server_error::{Result, ServerError};
use crate::transport::SqlValue;

const SCHEMA: &str = "dbo";
/// Object ids of the tables, from here on.
const FIRST_ID: i32 = 1_000;

/// Names and columns: name, type and, for the first of some, that it counts up by itself. As
/// captured; those of the file groups as documented.
const TABLES: &[(&str, &str)] = &[
    (
        "backupmediaset",
        "media_set_id int identity; media_uuid uniqueidentifier; media_family_count tinyint; \
         name nvarchar(128); description nvarchar(255); software_name nvarchar(128); \
         software_vendor_id int; MTF_major_version tinyint; mirror_count tinyint; \
         is_password_protected bit; is_compressed bit; is_encrypted bit",
    ),
    (
        "backupmediafamily",
        "media_set_id int not null; family_sequence_number tinyint not null; media_family_id uniqueidentifier; \
         media_count int; logical_device_name nvarchar(128); physical_device_name nvarchar(260); \
         device_type tinyint; physical_block_size int; mirror tinyint not null",
    ),
    (
        "backupset",
        "backup_set_id int identity; backup_set_uuid uniqueidentifier not null; media_set_id int not null; \
         first_family_number tinyint; first_media_number smallint; last_family_number tinyint; \
         last_media_number smallint; catalog_family_number tinyint; \
         catalog_media_number smallint; position int; expiration_date datetime; \
         software_vendor_id int; name nvarchar(128); description nvarchar(255); \
         user_name nvarchar(128); software_major_version tinyint; \
         software_minor_version tinyint; software_build_version smallint; time_zone smallint; \
         mtf_minor_version tinyint; first_lsn numeric(25,0); last_lsn numeric(25,0); \
         checkpoint_lsn numeric(25,0); database_backup_lsn numeric(25,0); \
         database_creation_date datetime; backup_start_date datetime; \
         backup_finish_date datetime; type char(1); sort_order smallint; code_page smallint; \
         compatibility_level tinyint; database_version int; backup_size numeric(20,0); \
         database_name nvarchar(128); server_name nvarchar(128); machine_name nvarchar(128); \
         flags int; unicode_locale int; unicode_compare_style int; collation_name nvarchar(128); \
         is_password_protected bit; recovery_model nvarchar(60); has_bulk_logged_data bit; \
         is_snapshot bit; is_readonly bit; is_single_user bit; has_backup_checksums bit; \
         is_damaged bit; begins_log_chain bit; has_incomplete_metadata bit; \
         is_force_offline bit; is_copy_only bit; first_recovery_fork_guid uniqueidentifier; \
         last_recovery_fork_guid uniqueidentifier; fork_point_lsn numeric(25,0); \
         database_guid uniqueidentifier; family_guid uniqueidentifier; \
         differential_base_lsn numeric(25,0); differential_base_guid uniqueidentifier; \
         compressed_backup_size numeric(20,0); key_algorithm nvarchar(32); \
         encryptor_thumbprint varbinary(20); encryptor_type nvarchar(32)",
    ),
    (
        "backupfile",
        "backup_set_id int not null; first_family_number tinyint; first_media_number smallint; \
         filegroup_name nvarchar(128); page_size int; file_number numeric(10,0) not null; \
         backed_up_page_count numeric(10,0); file_type char(1); \
         source_file_block_size numeric(10,0); file_size numeric(20,0); \
         logical_name nvarchar(128); physical_drive nvarchar(260); physical_name nvarchar(260); \
         state tinyint; state_desc nvarchar(64); create_lsn numeric(25,0); \
         drop_lsn numeric(25,0); file_guid uniqueidentifier; read_only_lsn numeric(25,0); \
         read_write_lsn numeric(25,0); differential_base_lsn numeric(25,0); \
         differential_base_guid uniqueidentifier; backup_size numeric(20,0); \
         filegroup_guid uniqueidentifier; is_readonly bit; is_present bit",
    ),
    (
        "backupfilegroup",
        "backup_set_id int not null; name nvarchar(128) not null; filegroup_id int not null; \
         filegroup_guid uniqueidentifier; type char(2) not null; type_desc nvarchar(60); is_default bit not null; \
         is_readonly bit; log_filegroup_guid uniqueidentifier",
    ),
    (
        "restorehistory",
        "restore_history_id int identity; restore_date datetime; \
         destination_database_name nvarchar(128); user_name nvarchar(128); backup_set_id int not null; \
         restore_type char(1); replace bit; recovery bit; restart bit; stop_at datetime; \
         device_count tinyint; stop_at_mark_name nvarchar(128); stop_before bit",
    ),
    (
        "restorefile",
        "restore_history_id int not null; file_number numeric(10,0); \
         destination_phys_drive nvarchar(260); destination_phys_name nvarchar(260)",
    ),
    (
        "restorefilegroup",
        "restore_history_id int not null; filegroup_name nvarchar(128)",
    ),
];

/// What 2022 added to `backupset`.
const SINCE_2022: &str = "; last_valid_restore_time datetime; compression_algorithm nvarchar(32)";

/// Makes the tables in a new msdb.
pub(crate) fn create_tables(msdb: &mut OpenDatabase, version: Version) -> Result<()> {
    for (id, (name, columns)) in (FIRST_ID..).zip(TABLES) {
        let mut columns = (*columns).to_owned();
        if *name == "backupset" && version >= Version::Sql2022 {
            columns.push_str(SINCE_2022);
        }
        let table = Table {
            id,
            schema: SCHEMA.to_owned(),
            name: (*name).to_owned(),
            columns: columns.split("; ").map(column).collect(),
            keys: Vec::new(),
            next_identity: 1,
            grants: std::collections::BTreeMap::new(),
        };
        table_store::create(&msdb.rows, &table)?;
        msdb.contents.tables.push(table);
    }
    Ok(())
}

fn column(text: &str) -> TableColumn {
    let (name, type_name) = text.split_once(' ').unwrap_or((text, "int"));
    let counted = type_name.strip_suffix(" identity");
    let needed = type_name.strip_suffix(" not null");
    TableColumn {
        name: name.to_owned(),
        type_name: counted.or(needed).unwrap_or(type_name).to_owned(),
        nullable: counted.or(needed).is_none(),
        identity: counted.is_some(),
        default: None,
    }
}

/// Adds a row; columns without a value are NULL. Returns what the row counts as, or 0.
pub(super) fn insert_row(
    msdb: &mut OpenDatabase,
    name: &str,
    values: Vec<(&str, SqlValue)>,
) -> Result<i64> {
    let tables = &mut msdb.contents.tables;
    let table = tables
        .iter_mut()
        .find(|table| table.schema == SCHEMA && table.name == name)
        .ok_or_else(|| missing(name))?;
    let mut row = vec![SqlValue::Null; table.columns.len()];
    let mut id = 0;
    for (cell, column) in row.iter_mut().zip(&table.columns) {
        if column.identity {
            id = table.next_identity;
            *cell = SqlValue::Int(id);
        }
    }
    if id != 0 {
        table.next_identity += 1;
    }
    for (column, value) in values {
        let at = table.columns.iter().position(|known| known.name == column);
        let cell = at
            .and_then(|at| row.get_mut(at))
            .ok_or_else(|| missing(column))?;
        *cell = value;
    }
    table_store::insert(&msdb.rows, table, &[row])?;
    Ok(id)
}

/// Whether a table has a column: newer versions have more.
pub(super) fn has_column(msdb: &OpenDatabase, table: &str, name: &str) -> Result<bool> {
    let mut columns = find(msdb, table)?.columns.iter();
    Ok(columns.any(|column| column.name == name))
}

/// The row of a backup set, by its GUID.
pub(super) fn set_id(msdb: &OpenDatabase, set: Guid) -> Result<Option<i64>> {
    let table = find(msdb, "backupset")?;
    let place = |name: &str| {
        let at = table.columns.iter().position(|column| column.name == name);
        at.ok_or_else(|| missing(name))
    };
    let (id, uuid) = (place("backup_set_id")?, place("backup_set_uuid")?);
    let rows = table_store::read(msdb, table)?;
    let row = rows
        .iter()
        .find(|row| row.get(uuid) == Some(&SqlValue::Guid(set)));
    Ok(row.and_then(|row| match row.get(id) {
        Some(SqlValue::Int(id)) => Some(*id),
        _ => None,
    }))
}

fn find<'a>(msdb: &'a OpenDatabase, name: &str) -> Result<&'a Table> {
    let mut tables = msdb.contents.tables.iter();
    tables
        .find(|table| table.schema == SCHEMA && table.name == name)
        .ok_or_else(|| missing(name))
}

/// 208: somebody changed msdb.
fn missing(name: &str) -> ServerError {
    ServerError::new(208, 16, 1, format!("Invalid object name '{name}'."))
}
