//! The history of backups and restores in msdb.

use super::cell::{change, number, optional, size, text};
use super::device::{Chosen, is_null};
use super::history_tables::{has_column, insert_row, set_id};
use super::names::{machine_name, model_name};
use super::options::Options;
use super::rows::{COLLATION, COMPARISON_STYLE, LOCALE, SORT_ORDER};
use super::url::is_url;
use crate::simulator::catalog::{DatabaseEntry, UserAccess};
use crate::simulator::engine::Session;
use crate::simulator::instance::{Edit, EditError, OpenDatabase, now};

use crate::simulator::media::{Family, SetFile, SetHeader};
use crate::simulator::server_error::ServerError;
use crate::transport::SqlValue;

const MSDB: &str = "msdb";
const VENDOR: i64 = 4608;
/// The block size of disks, as captured.
const BLOCK: i32 = 4096;
const FILE_GROUP: &str = "PRIMARY";

const fn bit(value: bool) -> SqlValue {
    SqlValue::Bit(value)
}

/// The rows of a backup: its media, and the set on them.
pub(super) fn backup(
    edit: &mut Edit<'_>,
    header: &SetHeader,
    media: &[(&str, &Family)],
    position: usize,
) -> Result<(), EditError> {
    insert_backup(edit.database(MSDB)?, header, media, position)?;
    Ok(())
}

fn insert_backup(
    msdb: &mut OpenDatabase,
    header: &SetHeader,
    media: &[(&str, &Family)],
    position: usize,
) -> Result<i64, ServerError> {
    let Some((_, first)) = media.first() else {
        return Ok(0);
    };
    let label = &first.label;
    let media_set = insert_row(
        msdb,
        "backupmediaset",
        vec![
            ("media_uuid", SqlValue::Guid(label.media_set)),
            ("media_family_count", number(label.family_count)),
            ("name", optional(label.name.as_deref())),
            ("description", optional(label.description.as_deref())),
            ("software_name", text("Microsoft SQL Server")),
            ("software_vendor_id", number(VENDOR)),
            ("MTF_major_version", number(1)),
            ("mirror_count", number(1)),
            ("is_password_protected", bit(false)),
            ("is_compressed", bit(label.is_compressed)),
            // NULL as captured where nothing is encrypted.
            (
                "is_encrypted",
                header
                    .encryption
                    .as_ref()
                    .map_or(SqlValue::Null, |_| bit(true)),
            ),
        ],
    )?;
    for (path, family) in media {
        insert_row(
            msdb,
            "backupmediafamily",
            vec![
                ("media_set_id", number(media_set)),
                ("family_sequence_number", number(family.label.family_number)),
                ("media_family_id", SqlValue::Guid(family.label.family)),
                ("media_count", number(1)),
                ("logical_device_name", SqlValue::Null),
                ("physical_device_name", text(path)),
                // As public scripts read it: 2 is a disk; documented: 9 is a URL.
                ("device_type", number(if is_url(path) { 9 } else { 2 })),
                (
                    "physical_block_size",
                    number(if is_null(path) { 0 } else { BLOCK }),
                ),
                ("mirror", number(0)),
            ],
        )?;
    }
    let mut row = set_row(header, media_set, position);
    if has_column(msdb, "backupset", "compression_algorithm")? {
        let algorithm = header.algorithm();
        row.push(("compression_algorithm", optional(algorithm)));
    }
    let set = insert_row(msdb, "backupset", row)?;
    for file in &header.files {
        insert_row(msdb, "backupfile", file_row(header, file, set))?;
    }
    insert_row(
        msdb,
        "backupfilegroup",
        vec![
            ("backup_set_id", number(set)),
            ("name", text(FILE_GROUP)),
            ("filegroup_id", number(1)),
            ("type", text("FG")),
            ("type_desc", text("ROWS_FILEGROUP")),
            ("is_default", bit(true)),
            ("is_readonly", bit(header.is_read_only)),
        ],
    )?;
    Ok(set)
}

fn file_row(header: &SetHeader, file: &SetFile, set: i64) -> Vec<(&'static str, SqlValue)> {
    let of_data = |value: SqlValue| {
        if file.is_log { SqlValue::Null } else { value }
    };
    vec![
        ("backup_set_id", number(set)),
        ("first_family_number", number(1)),
        ("first_media_number", number(1)),
        ("filegroup_name", of_data(text(FILE_GROUP))),
        ("page_size", of_data(number(8192))),
        ("file_number", number(file.id)),
        ("backed_up_page_count", number(file.pages)),
        ("file_type", text(if file.is_log { "L" } else { "D" })),
        ("source_file_block_size", number(BLOCK)),
        ("file_size", size(file.size.unsigned_abs())),
        ("logical_name", text(&file.logical_name)),
        ("physical_drive", text(drive(&file.physical_name))),
        ("physical_name", text(&file.physical_name)),
        ("state", number(0)),
        ("state_desc", text("ONLINE")),
        ("create_lsn", size(0)),
        ("file_guid", SqlValue::Guid(file.unique_id)),
        ("backup_size", size(file.pages.unsigned_abs() * 8192)),
        ("filegroup_guid", of_data(SqlValue::Guid(header.family))),
        ("is_readonly", bit(header.is_read_only)),
        ("is_present", bit(true)),
    ]
}

/// The drive of a file. Linux's is `C:\`, as captured.
fn drive(path: &str) -> &str {
    match path.get(..3) {
        Some(drive) if !path.starts_with('/') => drive,
        _ => r"C:\",
    }
}

fn encryption_cells(header: &SetHeader) -> Vec<(&'static str, SqlValue)> {
    let encryption = header.encryption.as_ref();
    vec![
        (
            "key_algorithm",
            optional(encryption.map(|found| found.algorithm.as_str())),
        ),
        (
            "encryptor_thumbprint",
            encryption.map_or(SqlValue::Null, |found| {
                SqlValue::Bytes(found.thumbprint.0.clone())
            }),
        ),
        (
            "encryptor_type",
            optional(encryption.map(|_| "CERTIFICATE")),
        ),
    ]
}

fn set_row(header: &SetHeader, media_set: i64, position: usize) -> Vec<(&'static str, SqlValue)> {
    let (major, minor, build) = header.product;
    let mut row = encryption_cells(header);
    row.extend([
        ("backup_set_uuid", SqlValue::Guid(header.id)),
        ("media_set_id", number(media_set)),
        ("first_family_number", number(1)),
        ("first_media_number", number(1)),
        ("last_family_number", number(1)),
        ("last_media_number", number(1)),
        ("catalog_family_number", number(1)),
        ("catalog_media_number", number(1)),
        (
            "position",
            SqlValue::Int(i64::try_from(position).unwrap_or(i64::MAX)),
        ),
        ("software_vendor_id", number(VENDOR)),
        ("name", optional(header.name.as_deref())),
        ("description", optional(header.description.as_deref())),
        ("user_name", text(&header.user)),
        ("software_major_version", number(major)),
        ("software_minor_version", number(minor)),
        ("software_build_version", number(build)),
        ("first_lsn", change(header.first_change)),
        ("last_lsn", change(header.last_change)),
        ("checkpoint_lsn", change(header.last_change)),
        (
            "database_backup_lsn",
            header
                .base
                .map_or_else(|| size(0), |base| change(base.change)),
        ),
        (
            "database_creation_date",
            SqlValue::DateTime(header.database_created),
        ),
        ("backup_start_date", SqlValue::DateTime(header.started)),
        ("backup_finish_date", SqlValue::DateTime(header.finished)),
        ("type", text(header.kind.letter())),
        ("compatibility_level", number(header.compatibility_level)),
        ("database_version", number(header.database_version)),
        ("backup_size", size(header.size)),
        ("compressed_backup_size", size(header.size)),
        ("database_name", text(&header.database)),
        ("server_name", text(&header.server)),
        ("machine_name", text(machine_name(&header.server))),
        ("flags", number(header.flags())),
        ("time_zone", number(0)),
        ("mtf_minor_version", number(0)),
        ("sort_order", number(SORT_ORDER)),
        ("code_page", number(0)),
        ("unicode_locale", number(LOCALE)),
        ("unicode_compare_style", number(COMPARISON_STYLE)),
        ("collation_name", text(COLLATION)),
        ("is_password_protected", bit(false)),
        ("has_bulk_logged_data", bit(false)),
        ("is_snapshot", bit(false)),
        (
            "is_single_user",
            bit(header.user_access == UserAccess::Single),
        ),
        ("begins_log_chain", bit(false)),
        ("has_incomplete_metadata", bit(false)),
        ("is_force_offline", bit(header.is_tail)),
        ("database_guid", SqlValue::Guid(header.family)),
        ("is_readonly", bit(header.is_read_only)),
        ("has_backup_checksums", bit(header.has_checksums)),
        ("is_damaged", bit(false)),
        ("is_copy_only", bit(header.is_copy_only)),
        ("recovery_model", text(model_name(header.recovery_model))),
        ("family_guid", SqlValue::Guid(header.family)),
        (
            "last_recovery_fork_guid",
            SqlValue::Guid(header.recovery_fork),
        ),
        (
            "first_recovery_fork_guid",
            SqlValue::Guid(header.recovery_fork),
        ),
    ]);
    row
}

/// What was restored.
pub(super) struct Restored<'a> {
    pub(super) set: Chosen<'a>,
    pub(super) session: &'a Session,
    pub(super) entry: &'a DatabaseEntry,
    pub(super) options: &'a Options,
}

/// The rows of a restore.
pub(super) fn restore(
    edit: &mut Edit<'_>,
    restored: &Restored<'_>,
    media: &[(&str, &Family)],
) -> Result<(), EditError> {
    let Restored {
        set,
        session,
        entry,
        options,
    } = restored;
    let (header, position) = (set.header()?, set.position);
    let msdb = edit.database(MSDB)?;
    let set_id = match set_id(msdb, header.id)? {
        Some(known) => known,
        // Restoring a backup of another server makes its rows here too.
        None => insert_backup(msdb, header, media, position)?,
    };
    let id = insert_row(
        msdb,
        "restorehistory",
        vec![
            ("restore_date", SqlValue::DateTime(now())),
            ("destination_database_name", text(&entry.name)),
            ("user_name", text(&session.login)),
            ("backup_set_id", number(set_id)),
            ("restore_type", text(header.kind.letter())),
            ("replace", bit(options.replace)),
            ("recovery", bit(options.recovery)),
            ("restart", bit(false)),
            (
                "device_count",
                number(u32::try_from(media.len()).unwrap_or(u32::MAX)),
            ),
        ],
    )?;
    for file in &entry.files {
        insert_row(
            msdb,
            "restorefile",
            vec![
                ("restore_history_id", number(id)),
                ("file_number", number(file.id)),
                ("destination_phys_drive", text(drive(&file.path))),
                ("destination_phys_name", text(&file.path)),
            ],
        )?;
    }
    insert_row(
        msdb,
        "restorefilegroup",
        vec![
            ("restore_history_id", number(id)),
            ("filegroup_name", text(FILE_GROUP)),
        ],
    )?;
    Ok(())
}
