//! BACKUP and RESTORE of databases.

use super::TextArgument;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Device {
    Disk(TextArgument),
    Url(TextArgument),
    /// A logical backup device.
    Logical(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RestoreKind {
    Database,
    Log,
    HeaderOnly,
    FileListOnly,
    LabelOnly,
    VerifyOnly,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum BackupStatement {
    Backup {
        /// `BACKUP LOG` rather than `BACKUP DATABASE`.
        is_log: bool,
        database: TextArgument,
        devices: Vec<Device>,
        options: Vec<MediaOption>,
    },
    Restore {
        kind: RestoreKind,
        /// Only with `Database` and `Log`.
        database: Option<TextArgument>,
        devices: Vec<Device>,
        options: Vec<MediaOption>,
    },
}

/// An option behind WITH. The parser refuses unknown ones (155) and those of the other statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum MediaOption {
    BlockSize(u32),
    BufferCount(u32),
    MaxTransferSize(u32),
    Checksum(bool),
    Compression(bool),
    /// In upper case.
    CompressionAlgorithm(String),
    ContinueAfterError(bool),
    CopyOnly,
    Description(TextArgument),
    Differential,
    Encryption {
        algorithm: String,
        certificate: String,
    },
    File(TextArgument),
    FileNumber(u32),
    Format(bool),
    Init(bool),
    KeepCdc,
    KeepReplication,
    MediaDescription(TextArgument),
    MediaName(TextArgument),
    Move {
        logical: TextArgument,
        to: TextArgument,
    },
    Name(TextArgument),
    Recovery(bool),
    Replace,
    Restart,
    RestrictedUser,
    Skip(bool),
    Standby(TextArgument),
    /// Percent; a bare STATS is 10.
    Stats(u8),
    /// ENABLE_BROKER, NEW_BROKER, ERROR_BROKER_CONVERSATIONS.
    Broker(String),
    /// REWIND, NOUNLOAD and others that change nothing on a disk.
    Ignored(String),
}
