//! The editions of SQL Server that an instance can pose as.

use std::fmt;
use std::str::FromStr;

use super::Version;

/// Which edition an instance poses as: what `SERVERPROPERTY` says, and what the edition can't.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Edition {
    /// Azure SQL Managed Instance: engine edition 8, no key files, no backups to files.
    AzureManagedInstance,
    /// Azure SQL Database: engine edition 5, no BACKUP and RESTORE at all.
    AzureSqlDatabase,
    /// Developer edition: all that Enterprise can. The default.
    Developer,
    /// Enterprise edition.
    Enterprise,
    /// Express edition: no compression, no encrypted backups.
    Express,
    /// Standard edition.
    Standard,
    /// Web edition: no compression and no encrypted backups, though its engine edition is
    /// Standard's.
    Web,
}

impl Edition {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::AzureManagedInstance,
        Self::AzureSqlDatabase,
        Self::Developer,
        Self::Enterprise,
        Self::Express,
        Self::Standard,
        Self::Web,
    ];

    /// `SERVERPROPERTY('Edition')` (documented).
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::AzureManagedInstance | Self::AzureSqlDatabase => "SQL Azure",
            Self::Developer => "Developer Edition (64-bit)",
            Self::Enterprise => "Enterprise Edition (64-bit)",
            Self::Express => "Express Edition (64-bit)",
            Self::Standard => "Standard Edition (64-bit)",
            Self::Web => "Web Edition (64-bit)",
        }
    }

    /// `SERVERPROPERTY('EngineEdition')` (documented).
    #[must_use]
    pub const fn engine_edition(self) -> u8 {
        match self {
            Self::Standard | Self::Web => 2,
            Self::Developer | Self::Enterprise => 3,
            Self::Express => 4,
            Self::AzureSqlDatabase => 5,
            Self::AzureManagedInstance => 8,
        }
    }

    /// `SERVERPROPERTY('EditionID')` (documented).
    pub(crate) const fn id(self) -> i64 {
        match self {
            Self::AzureManagedInstance | Self::AzureSqlDatabase => 1_674_378_470,
            Self::Developer => -2_117_995_310,
            Self::Enterprise => 1_804_890_536,
            Self::Express => -1_592_396_055,
            Self::Standard => -1_534_726_760,
            Self::Web => 1_293_598_313,
        }
    }

    pub(crate) const fn is_azure(self) -> bool {
        matches!(self, Self::AzureManagedInstance | Self::AzureSqlDatabase)
    }

    /// Whether backups can be compressed and encrypted (documented).
    pub(crate) const fn can_compress(self) -> bool {
        !matches!(self, Self::Express | Self::Web)
    }

    /// Whether databases can be encrypted: Standard since 2019 (documented).
    pub(crate) const fn can_encrypt_databases(self, version: Version) -> bool {
        match self {
            Self::Express | Self::Web => false,
            Self::Standard => matches!(
                version,
                Version::Sql2019 | Version::Sql2022 | Version::Sql2025
            ),
            _ => true,
        }
    }

    /// The word of a command line: `developer`, `managed-instance`.
    const fn word(self) -> &'static str {
        match self {
            Self::AzureManagedInstance => "managed-instance",
            Self::AzureSqlDatabase => "azure-sql-database",
            Self::Developer => "developer",
            Self::Enterprise => "enterprise",
            Self::Express => "express",
            Self::Standard => "standard",
            Self::Web => "web",
        }
    }
}

impl fmt::Display for Edition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// Reads what `Display` writes.
impl FromStr for Edition {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        super::version::one_of(&Self::ALL, text)
    }
}
