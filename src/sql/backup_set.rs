use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorKind, Result};
use crate::names::ServerPath;
use crate::sql::answer::Row;
use crate::sql::connection::Connection;
use crate::sql::statement::Statement;

/// A backup set on a backup device, as `RESTORE HEADERONLY` and `FILELISTONLY` show it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct BackupSet {
    /// Its place on the device, from 1.
    pub position: i64,
    /// `BackupType`: 1 database, 2 log, 4 file, 5 differential and others.
    pub backup_type: i64,
    /// The database that was backed up.
    pub database_name: String,
    /// The instance that made it.
    pub server_name: String,
    /// The internal version of the database; a server takes its own and older ones.
    pub database_version: i64,
    /// The major version of the server that made it: 16 for SQL Server 2022.
    pub software_version_major: i64,
    /// When the backup began, by the clock of the server that made it.
    pub backup_start: Option<String>,
    /// When it ended: the recovery point. Everything later is not in it.
    pub backup_finish: Option<String>,
    /// Size in bytes.
    pub backup_size: i64,
    /// Whether it has checksums.
    pub has_checksums: bool,
    /// Whether it was made with COPY_ONLY, outside the chain of others' backups.
    pub is_copy_only: bool,
    /// Whether damage was found when it was made.
    pub is_damaged: bool,
    /// Whether it was cut short.
    pub has_incomplete_metadata: bool,
    /// The family of the database, in hexadecimal.
    pub family_guid: Option<String>,
    /// The set's own GUID, in hexadecimal.
    pub backup_set_guid: Option<String>,
    /// `FULL`, `BULK-LOGGED`, `SIMPLE`.
    pub recovery_model: String,
    /// The thumbprint of the certificate that encrypts the backup, in hexadecimal.
    pub encryptor_thumbprint: Option<String>,
    /// The database files in it.
    pub files: Vec<BackupSetFile>,
}

/// A database file in a backup set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct BackupSetFile {
    /// Its logical name.
    pub logical_name: String,
    /// Where it was.
    pub physical_name: String,
    /// `D` rows, `L` log, `F` full-text, `S` filestream or in-memory.
    pub file_type: String,
    /// Its size when restored, in bytes.
    pub size: i64,
    /// The thumbprint of the certificate of transparent data encryption, in hexadecimal.
    pub tde_thumbprint: Option<String>,
}

impl BackupSet {
    /// Reads the set at `position` of a device; without a position there must be one set only.
    pub(crate) async fn read(
        connection: &mut Connection<'_>,
        path: &ServerPath,
        position: Option<u16>,
    ) -> Result<Self> {
        let batch = Statement::new("RESTORE HEADERONLY FROM DISK = ")
            .literal(path.as_str())
            .batch();
        let headers = connection.look(batch).await?;
        let mut sets = headers
            .rows(0)
            .map(Self::from_header)
            .collect::<Result<Vec<_>>>()?;
        let mut set = match (position, sets.len()) {
            (_, 0) => {
                return Err(Error::new(
                    ErrorKind::Corrupt,
                    format!("there is no backup set on {path}"),
                ));
            }
            (None, 1) => sets.remove(0),
            (None, count) => {
                return Err(Error::invalid(
                    "position",
                    format!("{path} holds {count} backup sets; say which"),
                )
                .with_remedy("call .position(n) with the place of the set that is meant"));
            }
            (Some(position), count) => {
                let position = i64::from(position);
                let Some(found) = sets.into_iter().find(|set| set.position == position) else {
                    return Err(Error::invalid(
                        "position",
                        format!("{path} has no set {position}; it holds {count}"),
                    ));
                };
                found
            }
        };
        let batch = Statement::new("RESTORE FILELISTONLY FROM DISK = ")
            .literal(path.as_str())
            .text(" WITH FILE = ")
            .number(set.position)
            .batch();
        let files = connection.look(batch).await?;
        set.files = files
            .rows(0)
            .map(BackupSetFile::from_row)
            .collect::<Result<_>>()?;
        Ok(set)
    }

    fn from_header(row: Row<'_>) -> Result<Self> {
        let text =
            |name: &str| Ok::<_, Error>(row.text_or_null(name)?.unwrap_or_default().to_owned());
        let number = |name: &str| Ok::<_, Error>(row.integer_or_null(name)?.unwrap_or(0));
        let guid = |name: &str| Ok::<_, Error>(row.guid_or_null(name)?.map(hex::encode));
        let encryptor_thumbprint = match row.find("EncryptorThumbprint") {
            None => None,
            Some(_) => row.bytes_or_null("EncryptorThumbprint")?.map(hex::encode),
        };
        Ok(Self {
            position: row.integer("Position")?,
            backup_type: row.integer("BackupType")?,
            database_name: text("DatabaseName")?,
            server_name: text("ServerName")?,
            database_version: number("DatabaseVersion")?,
            software_version_major: number("SoftwareVersionMajor")?,
            backup_start: row.time_or_null("BackupStartDate")?,
            backup_finish: row.time_or_null("BackupFinishDate")?,
            backup_size: number("BackupSize")?,
            has_checksums: row.is("HasBackupChecksums")?,
            is_copy_only: row.is("IsCopyOnly")?,
            is_damaged: row.is("IsDamaged")?,
            has_incomplete_metadata: row.is("HasIncompleteMetaData")?,
            family_guid: guid("FamilyGUID")?,
            backup_set_guid: guid("BackupSetGUID")?,
            recovery_model: text("RecoveryModel")?,
            encryptor_thumbprint,
            files: Vec::new(),
        })
    }

    /// Refuses a set that is no whole database backup.
    pub(crate) fn require_whole_database(&self) -> Result<()> {
        let kind = match self.backup_type {
            1 => None,
            2 => Some("a log backup"),
            4 | 6 => Some("a file backup"),
            5 => Some("a differential backup"),
            7 | 8 => Some("a partial backup"),
            _ => Some("no database backup"),
        };
        if let Some(kind) = kind {
            return Err(Error::invalid("from_file", format!("the backup set is {kind}, and a full database backup is needed"))
                .with_remedy("give a full backup; a chain of differential and log backups is not applied by this version"));
        }
        if self.is_damaged || self.has_incomplete_metadata {
            return Err(Error::new(
                ErrorKind::Corrupt,
                "the backup set is marked as damaged or incomplete",
            )
            .with_remedy("use another backup"));
        }
        if self.files.is_empty() {
            return Err(Error::new(
                ErrorKind::Corrupt,
                "the backup set lists no files",
            ));
        }
        Ok(())
    }

    /// The bytes that the files take when restored.
    pub(crate) fn restored_size(&self) -> i64 {
        self.files
            .iter()
            .map(|file| file.size.max(0))
            .fold(0, i64::saturating_add)
    }
}

impl BackupSetFile {
    fn from_row(row: Row<'_>) -> Result<Self> {
        Ok(Self {
            logical_name: row.text("LogicalName")?.to_owned(),
            physical_name: row.text("PhysicalName")?.to_owned(),
            file_type: row.text("Type")?.trim_end().to_owned(),
            size: row.integer("Size")?,
            tde_thumbprint: row.bytes_or_null("TDEThumbprint")?.map(hex::encode),
        })
    }

    pub(crate) fn is_log(&self) -> bool {
        self.file_type == "L"
    }
}
