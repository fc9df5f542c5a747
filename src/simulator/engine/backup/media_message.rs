//! What BACKUP and RESTORE answer about devices and what is on them.

use super::message::error;
use crate::simulator::server_error::ServerError;
use crate::simulator::storage::OsError;

pub(super) fn no_device_name() -> ServerError {
    error(
        3044,
        1,
        "Invalid zero-length device name. Reissue the BACKUP statement with a valid device name.",
    )
}

pub(super) fn families_missing(expected: u32, given: usize) -> ServerError {
    error(
        3132,
        1,
        format!(
            "The media set has {expected} media families but only {given} are provided. All \
             members must be provided."
        ),
    )
}

pub(super) fn other_kind_of_set(device: &str, statement: &str) -> ServerError {
    error(
        3135,
        1,
        format!(
            "The backup set in file '{device}' was created by {statement} and cannot be used for \
             this restore operation."
        ),
    )
}

pub(super) fn damaged_page(page: usize, database: &str) -> ServerError {
    error(
        3183,
        1,
        format!(
            "RESTORE detected an error on page (1:{page}) in database \"{database}\" as read from \
             the backup set."
        ),
    )
}

pub(super) fn no_checksums() -> ServerError {
    error(
        3187,
        1,
        "RESTORE WITH CHECKSUM cannot be specified because the backup set does not contain checksum \
         information.",
    )
}

pub(super) fn damaged() -> ServerError {
    error(3189, 1, "Damage to the backup set was detected.")
}

/// 3201. State 1 where it was to be written, 2 where it was to be read.
pub(super) fn cannot_open(device: &str, problem: OsError, state: u8) -> ServerError {
    error(
        3201,
        state,
        format!("Cannot open backup device '{device}'. Operating system error {problem}."),
    )
}

pub(super) fn write_failed(device: &str, problem: OsError) -> ServerError {
    error(3202, 1, format!("Write on \"{device}\" failed: {problem}"))
}

pub(super) fn unknown_device(name: &str) -> ServerError {
    error(
        3206,
        1,
        format!(
            "Backup device '{name}' does not exist. To view existing backup devices, use the \
             sys.backup_devices catalog view. To create a new backup device use either \
             sp_addumpdevice or SQL Server Management Studio."
        ),
    )
}

pub(super) fn no_device() -> ServerError {
    error(
        3207,
        1,
        "Backup or restore requires at least one backup device. Rerun your statement specifying a \
         backup device.",
    )
}

pub(super) fn family_given_twice(device: &str, family: u32, other: &str) -> ServerError {
    error(
        3227,
        1,
        format!(
            "The backup media on \"{device}\" is part of media family {family} which has already \
             been processed on \"{other}\". Ensure that backup devices are correctly specified. For \
             tape devices, ensure that the correct volumes are loaded."
        ),
    )
}

pub(super) fn other_family_count(device: &str, found: u32, expected: usize) -> ServerError {
    error(
        3231,
        1,
        format!(
            "The media loaded on \"{device}\" is formatted to support {found} media families, but \
             {expected} media families are expected according to the backup device specification."
        ),
    )
}

pub(super) fn malformed_family(device: &str) -> ServerError {
    error(
        3241,
        0,
        format!(
            "The media family on device '{device}' is incorrectly formed. SQL Server cannot process \
             this media family."
        ),
    )
}

pub(super) fn not_a_backup(device: &str) -> ServerError {
    error(
        3242,
        2,
        format!("The file on device '{device}' is not a valid Microsoft Tape Format backup set."),
    )
}

pub(super) fn empty_volume(device: &str) -> ServerError {
    error(
        3254,
        1,
        format!("The volume on device '{device}' is empty."),
    )
}

pub(super) fn incomplete_set(device: &str) -> ServerError {
    error(
        3256,
        1,
        format!(
            "The backup set on device '{device}' was terminated while it was being created and is \
             incomplete. RESTORE sequence is terminated abnormally."
        ),
    )
}

pub(super) fn damaged_end(device: &str) -> ServerError {
    error(
        3266,
        1,
        format!(
            "The backup data at the end of \"{device}\" is incorrectly formatted. Backup sets on \
             the media might be damaged and unusable. To determine the backup sets on the media, \
             use RESTORE HEADERONLY. To determine the usability of the backup sets, run RESTORE \
             VERIFYONLY. If all of the backup sets are incomplete, reformat the media using BACKUP \
             WITH FORMAT, which destroys all the backup sets."
        ),
    )
}

pub(super) fn no_such_set(position: usize, device: &str) -> ServerError {
    error(
        3287,
        1,
        format!(
            "The file ID {position} on device '{device}' is incorrectly formed and can not be read."
        ),
    )
}
