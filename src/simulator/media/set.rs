//! What a backup says of itself.

use serde::{Deserialize, Serialize};
use time::PrimitiveDateTime;

use crate::simulator::catalog::{Bytes, Guid, RecoveryModel, UserAccess};

/// The label of one family of a media set: `RESTORE LABELONLY`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct MediaLabel {
    pub(crate) media_set: Guid,
    pub(crate) family: Guid,
    /// How many families the set has.
    pub(crate) family_count: u32,
    /// Which of them this is, from 1.
    pub(crate) family_number: u32,
    pub(crate) name: Option<String>,
    pub(crate) description: Option<String>,
    pub(crate) written: PrimitiveDateTime,
    pub(crate) is_compressed: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum SetKind {
    Database,
    Log,
    Differential,
}

impl SetKind {
    /// `BackupType`.
    pub(crate) const fn number(self) -> u8 {
        match self {
            Self::Database => 1,
            Self::Log => 2,
            Self::Differential => 5,
        }
    }

    /// `BackupTypeDescription`.
    pub(crate) const fn description(self) -> &'static str {
        match self {
            Self::Database => "Database",
            Self::Log => "Transaction Log",
            Self::Differential => "Database Differential",
        }
    }

    /// `backupset.type`.
    pub(crate) const fn letter(self) -> &'static str {
        match self {
            Self::Database => "D",
            Self::Log => "L",
            Self::Differential => "I",
        }
    }
}

/// A file of the database, as it was when it was backed up.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct SetFile {
    pub(crate) id: i32,
    pub(crate) logical_name: String,
    pub(crate) physical_name: String,
    pub(crate) is_log: bool,
    pub(crate) unique_id: Guid,
    /// Its size on the disk.
    pub(crate) size: i64,
    pub(crate) pages: i64,
}

/// How a set's content is encrypted (`WITH ENCRYPTION`).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Encryption {
    /// `aes_256`, as `KeyAlgorithm` shows it.
    pub(crate) algorithm: String,
    /// The certificate in `master` that opens it.
    pub(crate) thumbprint: Bytes,
    /// The key's label, and the key under the certificate.
    pub(crate) key_guid: Guid,
    pub(crate) key: Bytes,
}

/// The header of a backup set: what `RESTORE HEADERONLY` and `FILELISTONLY` show, and what a
/// restore needs before it reads the content.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct SetHeader {
    pub(crate) id: Guid,
    pub(crate) kind: SetKind,
    pub(crate) name: Option<String>,
    pub(crate) description: Option<String>,
    pub(crate) user: String,
    pub(crate) server: String,
    pub(crate) database: String,
    /// The internal database version.
    pub(crate) database_version: i32,
    pub(crate) database_created: PrimitiveDateTime,
    pub(crate) compatibility_level: u8,
    /// Major, minor, build of the server.
    pub(crate) product: (u8, u8, u16),
    pub(crate) started: PrimitiveDateTime,
    pub(crate) finished: PrimitiveDateTime,
    /// Where its log begins, and what it holds everything before.
    pub(crate) first_change: u64,
    pub(crate) last_change: u64,
    /// The last full backup before it.
    pub(crate) base: Option<BaseBackup>,
    pub(crate) family: Guid,
    pub(crate) binding: Guid,
    pub(crate) recovery_fork: Guid,
    pub(crate) recovery_model: RecoveryModel,
    pub(crate) user_access: UserAccess,
    pub(crate) is_read_only: bool,
    pub(crate) is_broker_enabled: bool,
    pub(crate) has_checksums: bool,
    pub(crate) is_compressed: bool,
    /// `ZSTD`; `None` is `MS_XPRESS`.
    #[serde(default)]
    pub(crate) compression_algorithm: Option<String>,
    pub(crate) is_copy_only: bool,
    /// `WITH NORECOVERY`: the tail of the log.
    pub(crate) is_tail: bool,
    pub(crate) encryption: Option<Encryption>,
    /// The certificate in `master` that opens the database in it, where that is encrypted itself.
    #[serde(default)]
    pub(crate) tde: Option<Bytes>,
    pub(crate) files: Vec<SetFile>,
    /// The length of the content, over all families.
    pub(crate) size: u64,
}

/// The full backup that differential and log backups follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct BaseBackup {
    pub(crate) id: Guid,
    pub(crate) change: u64,
}

impl SetHeader {
    /// `CompressionAlgorithm`.
    pub(crate) fn algorithm(&self) -> Option<&str> {
        self.is_compressed
            .then(|| self.compression_algorithm.as_deref().unwrap_or("MS_XPRESS"))
    }

    /// `Flags`: 512 always; the documented table has no such bit, the capture does.
    pub(crate) fn flags(&self) -> i32 {
        let bit = |is_set: bool, value: i32| if is_set { value } else { 0 };
        512 + bit(self.is_read_only, 4)
            + bit(self.user_access == UserAccess::Single, 8)
            + bit(self.has_checksums, 16)
            + bit(self.is_tail, 64 + 256)
            + bit(self.is_copy_only, 1024)
    }
}

/// A log sequence number as `numeric(25,0)` shows it: virtual log, block and slot.
pub(crate) const fn lsn(change: u64) -> i128 {
    34_000_000_000_000_000 + change as i128 * 100_000 + 1
}
