//! The rows of HEADERONLY and FILELISTONLY with their types as captured, which differ from the
//! documented ones; and of LABELONLY, whose types are documented only. All are nullable.

use super::cell::{Cell, LSN, change, characters, count, number, optional, text};
use super::names::{machine_name, model_name};
use crate::simulator::Version;
use crate::simulator::catalog::UserAccess;
use crate::simulator::media::{MediaLabel, SetFile, SetHeader, SetKind};
use crate::simulator::wire_type::WireType;
use crate::transport::SqlValue;

/// Unlimited, as data and log files have it.
const DATA_LIMIT: i64 = 35_184_372_080_640;
const LOG_LIMIT: i64 = 2_199_023_255_552;
pub(super) const SORT_ORDER: i32 = 52;
pub(super) const LOCALE: i32 = 1033;
pub(super) const COMPARISON_STYLE: i32 = 196_609;
pub(super) const COLLATION: &str = "SQL_Latin1_General_CP1_CI_AS";

const NO_CHANGE: SqlValue = SqlValue::Decimal {
    unscaled: 0,
    scale: 0,
};

/// A row of HEADERONLY: 56 columns from 2014 to 2019, 59 since 2022.
pub(super) fn header_cells(header: &SetHeader, position: usize, version: Version) -> Vec<Cell> {
    let mut cells = identity_cells(header, position);
    cells.extend(state_cells(header));
    cells.extend(encryption_cells(header));
    if version >= Version::Sql2022 {
        let algorithm = header.algorithm();
        cells.extend([
            // NULL as captured of full backups; what of others, nobody saw.
            ("LastValidRestoreTime", WireType::DateTime, SqlValue::Null),
            ("TimeZone", WireType::SmallInt, number(0)),
            ("CompressionAlgorithm", characters(32), optional(algorithm)),
        ]);
    }
    cells
}

fn identity_cells(header: &SetHeader, position: usize) -> Vec<Cell> {
    use WireType as T;
    let base = header.base.map_or(NO_CHANGE, |base| change(base.change));
    let (major, minor, build) = header.product;
    let position = i64::try_from(position).unwrap_or(i64::MAX);
    vec![
        (
            "BackupName",
            characters(128),
            optional(header.name.as_deref()),
        ),
        (
            "BackupDescription",
            characters(255),
            optional(header.description.as_deref()),
        ),
        ("BackupType", T::TinyInt, number(header.kind.number())),
        ("ExpirationDate", T::DateTime, SqlValue::Null),
        (
            "Compressed",
            T::TinyInt,
            number(u8::from(header.is_compressed)),
        ),
        ("Position", T::SmallInt, SqlValue::Int(position)),
        ("DeviceType", T::TinyInt, number(2)),
        ("UserName", characters(128), text(&header.user)),
        ("ServerName", characters(128), text(&header.server)),
        ("DatabaseName", characters(128), text(&header.database)),
        ("DatabaseVersion", T::Int, number(header.database_version)),
        (
            "DatabaseCreationDate",
            T::DateTime,
            SqlValue::DateTime(header.database_created),
        ),
        ("BackupSize", T::BigInt, count(header.size)),
        ("FirstLSN", LSN, change(header.first_change)),
        ("LastLSN", LSN, change(header.last_change)),
        ("CheckpointLSN", LSN, change(header.last_change)),
        ("DatabaseBackupLSN", LSN, base),
        (
            "BackupStartDate",
            T::DateTime,
            SqlValue::DateTime(header.started),
        ),
        (
            "BackupFinishDate",
            T::DateTime,
            SqlValue::DateTime(header.finished),
        ),
        ("SortOrder", T::SmallInt, number(SORT_ORDER)),
        ("CodePage", T::SmallInt, number(0)),
        ("UnicodeLocaleId", T::Int, number(LOCALE)),
        ("UnicodeComparisonStyle", T::Int, number(COMPARISON_STYLE)),
        (
            "CompatibilityLevel",
            T::TinyInt,
            number(header.compatibility_level),
        ),
        ("SoftwareVendorId", T::Int, number(4608)),
        ("SoftwareVersionMajor", T::Int, number(major)),
        ("SoftwareVersionMinor", T::Int, number(minor)),
        ("SoftwareVersionBuild", T::Int, number(build)),
        (
            "MachineName",
            characters(128),
            text(machine_name(&header.server)),
        ),
        ("Flags", T::Int, number(header.flags())),
    ]
}

fn state_cells(header: &SetHeader) -> Vec<Cell> {
    use WireType as T;
    let bit = |name, value| (name, T::Bit, SqlValue::Bit(value));
    let guid = |name, value| (name, T::UniqueIdentifier, SqlValue::Guid(value));
    let differential = header.base.filter(|_| header.kind == SetKind::Differential);
    vec![
        guid("BindingID", header.binding),
        guid("RecoveryForkID", header.recovery_fork),
        ("Collation", characters(128), text(COLLATION)),
        guid("FamilyGUID", header.family),
        bit("HasBulkLoggedData", false),
        bit("IsSnapshot", false),
        bit("IsReadOnly", header.is_read_only),
        bit("IsSingleUser", header.user_access == UserAccess::Single),
        bit("HasBackupChecksums", header.has_checksums),
        bit("IsDamaged", false),
        bit("BeginsLogChain", false),
        bit("HasIncompleteMetaData", false),
        bit("IsForceOffline", header.is_tail),
        bit("IsCopyOnly", header.is_copy_only),
        guid("FirstRecoveryForkID", header.recovery_fork),
        ("ForkPointLSN", LSN, SqlValue::Null),
        (
            "RecoveryModel",
            characters(60),
            text(model_name(header.recovery_model)),
        ),
        (
            "DifferentialBaseLSN",
            LSN,
            differential.map_or(SqlValue::Null, |base| change(base.change)),
        ),
        (
            "DifferentialBaseGUID",
            T::UniqueIdentifier,
            differential.map_or(SqlValue::Null, |base| SqlValue::Guid(base.id)),
        ),
        (
            "BackupTypeDescription",
            characters(128),
            text(header.kind.description()),
        ),
        guid("BackupSetGUID", header.id),
        ("CompressedBackupSize", T::BigInt, count(header.size)),
        ("Containment", T::TinyInt, number(0)),
    ]
}

fn encryption_cells(header: &SetHeader) -> [Cell; 3] {
    let encryption = header.encryption.as_ref();
    let thumbprint = encryption.map_or(SqlValue::Null, |found| {
        SqlValue::Bytes(found.thumbprint.0.clone())
    });
    [
        (
            "KeyAlgorithm",
            characters(32),
            optional(encryption.map(|found| found.algorithm.as_str())),
        ),
        (
            "EncryptorThumbprint",
            WireType::VarBinary(Some(20)),
            thumbprint,
        ),
        (
            "EncryptorType",
            characters(32),
            optional(encryption.map(|_| "CERTIFICATE")),
        ),
    ]
}

/// A row of FILELISTONLY.
pub(super) fn file_cells(header: &SetHeader, file: &SetFile) -> Vec<Cell> {
    use WireType as T;
    let base = header.base.map_or(NO_CHANGE, |base| change(base.change));
    // Captured of a first backup: a GUID too, and not NULL.
    let base_id = SqlValue::Guid(header.base.map_or([0; 16], |base| base.id));
    vec![
        ("LogicalName", characters(128), text(&file.logical_name)),
        ("PhysicalName", characters(260), text(&file.physical_name)),
        (
            "Type",
            T::NChar(1),
            text(if file.is_log { "L" } else { "D" }),
        ),
        (
            "FileGroupName",
            characters(128),
            if file.is_log {
                SqlValue::Null
            } else {
                text("PRIMARY")
            },
        ),
        ("Size", T::BigInt, number(file.size)),
        (
            "MaxSize",
            T::BigInt,
            number(if file.is_log { LOG_LIMIT } else { DATA_LIMIT }),
        ),
        ("FileId", T::BigInt, number(file.id)),
        ("CreateLSN", LSN, NO_CHANGE),
        ("DropLSN", LSN, NO_CHANGE),
        (
            "UniqueId",
            T::UniqueIdentifier,
            SqlValue::Guid(file.unique_id),
        ),
        ("ReadOnlyLSN", LSN, NO_CHANGE),
        ("ReadWriteLSN", LSN, NO_CHANGE),
        (
            "BackupSizeInBytes",
            T::BigInt,
            number(if file.is_log { 0 } else { file.pages * 8192 }),
        ),
        ("SourceBlockSize", T::Int, number(4096)),
        ("FileGroupId", T::Int, number(u8::from(!file.is_log))),
        ("LogGroupGUID", T::UniqueIdentifier, SqlValue::Null),
        ("DifferentialBaseLSN", LSN, base),
        ("DifferentialBaseGUID", T::UniqueIdentifier, base_id),
        ("IsReadOnly", T::Bit, SqlValue::Bit(false)),
        ("IsPresent", T::Bit, SqlValue::Bit(true)),
        (
            "TDEThumbprint",
            T::VarBinary(Some(20)),
            header
                .tde
                .as_ref()
                .map_or(SqlValue::Null, |found| SqlValue::Bytes(found.0.clone())),
        ),
        ("SnapshotUrl", characters(336), SqlValue::Null),
    ]
}

/// The row of LABELONLY.
pub(super) fn label_cells(label: &MediaLabel, flag_is_tinyint: bool) -> Vec<Cell> {
    use WireType as T;
    let is_compressed = if flag_is_tinyint {
        (T::TinyInt, number(u8::from(label.is_compressed)))
    } else {
        (T::Bit, SqlValue::Bit(label.is_compressed))
    };
    vec![
        (
            "MediaName",
            characters(128),
            optional(label.name.as_deref()),
        ),
        (
            "MediaSetId",
            T::UniqueIdentifier,
            SqlValue::Guid(label.media_set),
        ),
        ("FamilyCount", T::Int, number(label.family_count)),
        ("FamilySequenceNumber", T::Int, number(label.family_number)),
        (
            "MediaFamilyId",
            T::UniqueIdentifier,
            SqlValue::Guid(label.family),
        ),
        ("MediaSequenceNumber", T::Int, number(1)),
        (
            "MediaLabelPresent",
            T::TinyInt,
            number(u8::from(label.name.is_some())),
        ),
        (
            "MediaDescription",
            characters(255),
            optional(label.description.as_deref()),
        ),
        (
            "SoftwareName",
            characters(128),
            text("Microsoft SQL Server"),
        ),
        ("SoftwareVendorId", T::Int, number(4608)),
        ("MediaDate", T::DateTime, SqlValue::DateTime(label.written)),
        ("Mirror_Count", T::Int, number(1)),
        ("IsCompressed", is_compressed.0, is_compressed.1),
    ]
}
