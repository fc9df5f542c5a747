//! The history of backups and restores in msdb.

use super::cell::{change, number, optional, size, text};
use super::device::{Chosen, is_null};
use super::history_tables::{insert_row, set_id};
use super::names::{machine_name, model_name};
use super::options::Options;
use crate::simulator::catalog::DatabaseEntry;
use crate::simulator::engine::Session;
use crate::simulator::instance::{Edit, EditError, OpenDatabase, now};

use crate::simulator::media::{Family, SetHeader};
use crate::simulator::server_error::ServerError;
use crate::transport::SqlValue;

const MSDB: &str = "msdb";
const VENDOR: i64 = 4608;

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
            ("is_encrypted", bit(header.encryption.is_some())),
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
                // As public scripts read it: 2 is a disk.
                ("device_type", number(2)),
                (
                    "physical_block_size",
                    number(if is_null(path) { 0 } else { 512 }),
                ),
                ("mirror", number(0)),
            ],
        )?;
    }
    let set = insert_row(msdb, "backupset", set_row(header, media_set, position))?;
    for file in &header.files {
        insert_row(
            msdb,
            "backupfile",
            vec![
                ("backup_set_id", number(set)),
                ("file_number", number(file.id)),
                ("logical_name", text(&file.logical_name)),
                ("physical_name", text(&file.physical_name)),
                ("file_type", text(if file.is_log { "L" } else { "D" })),
                ("file_size", size(file.size.unsigned_abs())),
                ("backup_size", size(file.pages.unsigned_abs() * 8192)),
                ("is_present", bit(true)),
            ],
        )?;
    }
    Ok(set)
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
        ],
    )?;
    for file in &entry.files {
        insert_row(
            msdb,
            "restorefile",
            vec![
                ("restore_history_id", number(id)),
                ("file_number", number(file.id)),
                (
                    "destination_phys_drive",
                    text(file.path.get(..2).unwrap_or("")),
                ),
                ("destination_phys_name", text(&file.path)),
            ],
        )?;
    }
    Ok(())
}
