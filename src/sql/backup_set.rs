use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorKind, Result};
use crate::names::DatabaseName;
use crate::sql::answer::Row;
use crate::sql::backup_media::{self, BackupMedia};
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
    /// `aes_256` and the like, where it is encrypted.
    #[serde(default)]
    pub key_algorithm: Option<String>,
    /// `FirstLSN`: where a log backup begins.
    #[serde(default)]
    pub first_lsn: Option<String>,
    /// `LastLSN`: where it ends.
    #[serde(default)]
    pub last_lsn: Option<String>,
    /// `CheckpointLSN`.
    #[serde(default)]
    pub checkpoint_lsn: Option<String>,
    /// `DatabaseBackupLSN`: the full backup that was the last one when this was made.
    #[serde(default)]
    pub database_backup_lsn: Option<String>,
    /// `DifferentialBaseLSN`.
    #[serde(default)]
    pub differential_base_lsn: Option<String>,
    /// `DifferentialBaseGUID`: the full backup that a differential one follows on, in hexadecimal.
    #[serde(default)]
    pub differential_base_guid: Option<String>,
    /// Where on the same media the full backup is that this one follows on.
    #[serde(default)]
    pub base_position: Option<i64>,
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

/// Which set of a device is meant.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum SetChoice {
    /// The newest full backup of the database that had this name.
    NewestOf(DatabaseName),
    /// There is one only.
    #[default]
    Only,
    /// By its place, from 1.
    Position(u16),
}

impl BackupSet {
    /// Reads the chosen set of a media set.
    pub(crate) async fn read(
        connection: &mut Connection<'_>,
        media: &BackupMedia,
        choice: SetChoice,
    ) -> Result<Self> {
        let batch = media
            .devices(Statement::new("RESTORE HEADERONLY FROM "))
            .batch();
        let headers = connection.look(batch).await.map_err(explain)?;
        let sets = headers
            .rows(0)
            .map(Self::from_header)
            .collect::<Result<Vec<_>>>()?;
        let mut set = choose(&sets, media, &choice)?.clone();
        set.base_position = set.find_base(&sets);
        let batch = media
            .devices(Statement::new("RESTORE FILELISTONLY FROM "))
            .text(" WITH FILE = ")
            .number(set.position)
            .batch();
        let files = connection.look(batch).await.map_err(explain)?;
        set.files = files
            .rows(0)
            .map(BackupSetFile::from_row)
            .collect::<Result<_>>()?;
        Ok(set)
    }

    /// The thumbprints of the certificates that it needs, each once: its own, and those of the
    /// database in it (TDE).
    pub(crate) fn certificates(&self) -> Vec<&str> {
        let of_files = self
            .files
            .iter()
            .filter_map(|file| file.tde_thumbprint.as_deref());
        let mut found = Vec::new();
        for thumbprint in self
            .encryptor_thumbprint
            .as_deref()
            .into_iter()
            .chain(of_files)
        {
            if !found.contains(&thumbprint) {
                found.push(thumbprint);
            }
        }
        found
    }

    /// The full backup on the same device that this one follows on.
    fn find_base(&self, sets: &[Self]) -> Option<i64> {
        let is_base = |other: &&Self| match self.backup_type {
            5 => {
                self.differential_base_guid.is_some()
                    && other.backup_set_guid == self.differential_base_guid
            }
            2 => {
                other.family_guid == self.family_guid
                    && other.checkpoint_lsn.is_some()
                    && other.checkpoint_lsn == self.database_backup_lsn
            }
            _ => false,
        };
        let full = |other: &&Self| other.backup_type == 1;
        sets.iter()
            .filter(full)
            .find(is_base)
            .map(|base| base.position)
    }

    /// In one line: what it is of, and how far it goes.
    fn line(&self) -> String {
        format!(
            "{}: {} of {} on {}, ended {}",
            self.position,
            kind(self.backup_type),
            self.database_name,
            self.server_name,
            self.backup_finish
                .as_deref()
                .unwrap_or("at an unknown time"),
        )
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
            key_algorithm: match row.find("KeyAlgorithm") {
                None => None,
                Some(_) => row.text_or_null("KeyAlgorithm")?.map(str::to_owned),
            },
            first_lsn: row.number_or_null("FirstLSN")?,
            last_lsn: row.number_or_null("LastLSN")?,
            checkpoint_lsn: row.number_or_null("CheckpointLSN")?,
            database_backup_lsn: row.number_or_null("DatabaseBackupLSN")?,
            differential_base_lsn: row.number_or_null("DifferentialBaseLSN")?,
            differential_base_guid: guid("DifferentialBaseGUID")?,
            base_position: None,
            files: Vec::new(),
        })
    }

    /// Refuses a set that is no whole database backup.
    pub(crate) fn require_whole_database(&self) -> Result<()> {
        if self.backup_type != 1 {
            let kind = kind(self.backup_type);
            return Err(Error::invalid("from_file", format!("the backup set is {kind}, and a full database backup is needed"))
                .with_remedy(format!(
                    "give a full backup; a chain of differential and log backups is not applied by this version. {}",
                    self.needs()
                )));
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

    /// What a set that is no full backup needs before it, as a DBA would restore it by hand.
    fn needs(&self) -> String {
        let unknown = "unknown";
        let database = &self.database_name;
        let base = match self.base_position {
            Some(position) => format!(" (position {position} of the same media)"),
            None => " (not on these media)".to_owned(),
        };
        match self.backup_type {
            5 => format!(
                "This one needs, restored WITH NORECOVERY before it: the full backup of {database} whose BackupSetGUID is {}{base}, with CheckpointLSN {}",
                self.differential_base_guid.as_deref().unwrap_or(unknown),
                self.differential_base_lsn.as_deref().unwrap_or(unknown),
            ),
            2 => format!(
                "This one needs, restored WITH NORECOVERY before it: a full backup of {database} such as that with CheckpointLSN {}{base}, then every log backup since, the last of which ends at LSN {}",
                self.database_backup_lsn.as_deref().unwrap_or(unknown),
                self.first_lsn.as_deref().unwrap_or(unknown),
            ),
            _ => format!("This one needs a full backup of {database}, and the logs since"),
        }
    }

    /// The bytes that the files take when restored.
    pub(crate) fn restored_size(&self) -> i64 {
        self.files
            .iter()
            .map(|file| file.size.max(0))
            .fold(0, i64::saturating_add)
    }
}

fn kind(backup_type: i64) -> &'static str {
    match backup_type {
        1 => "a full backup",
        2 => "a log backup",
        4 | 6 => "a file backup",
        5 => "a differential backup",
        7 | 8 => "a partial backup",
        _ => "no database backup",
    }
}

fn choose<'a>(
    sets: &'a [BackupSet],
    media: &BackupMedia,
    choice: &SetChoice,
) -> Result<&'a BackupSet> {
    // A hostile or a very long device is not listed whole.
    let listed = || {
        let lines: Vec<String> = sets.iter().take(20).map(BackupSet::line).collect();
        let more = sets.len().saturating_sub(lines.len());
        let more = if more > 0 {
            format!("; and {more} more")
        } else {
            String::new()
        };
        format!("{}{more}", lines.join("; "))
    };
    if sets.is_empty() {
        return Err(Error::new(
            ErrorKind::Corrupt,
            format!("there is no backup set on {media}"),
        ));
    }
    match choice {
        SetChoice::Only => match sets {
            [only] => Ok(only),
            _ => Err(Error::invalid(
                "position",
                format!("{media} holds {} backup sets; say which: {}", sets.len(), listed()),
            )
            .with_remedy(
                "call .position(n) with the place of the set that is meant, or .newest_of(database)",
            )),
        },
        SetChoice::Position(position) => sets
            .iter()
            .find(|set| set.position == i64::from(*position))
            .ok_or_else(|| {
                Error::invalid(
                    "position",
                    format!("{media} has no set {position}; it holds {}: {}", sets.len(), listed()),
                )
            }),
        SetChoice::NewestOf(database) => sets
            .iter()
            .filter(|set| {
                set.backup_type == 1
                    && set.database_name.to_lowercase() == database.as_str().to_lowercase()
            })
            // Appended sets of one second stand in their order.
            .max_by_key(|set| (set.backup_finish.clone(), set.position))
            .ok_or_else(|| {
                Error::invalid(
                    "newest_of",
                    format!("{media} holds no full backup of {database}: {}", listed()),
                )
            }),
    }
}

/// Says of 33111 which certificate is missing, and of 3132 that files are.
pub(crate) fn explain(error: Error) -> Error {
    let messages = error.sql_messages().to_vec();
    let find = |number: i32| messages.iter().find(|message| message.number == number);
    if let Some(message) = find(33111) {
        let thumbprint = message
            .text
            .split(|c: char| !c.is_ascii_alphanumeric())
            .find_map(|word| word.strip_prefix("0x"))
            .unwrap_or("<as the message says>")
            .to_lowercase();
        return Error::new(
            ErrorKind::KeyMismatch,
            format!("the backup is encrypted by a certificate with thumbprint 0x{thumbprint}, which is not in master here with its private key"),
        )
        .with_effect(error.effect())
        .with_remedy(certificate_remedy(&thumbprint))
        .with_messages(messages);
    }
    if find(3132).is_some() {
        return error.with_remedy(
            "the backup is striped over several files, and each is needed: name the others with .and_file(…) or .and_url(…)",
        );
    }
    if error.kind() != ErrorKind::NotFound && backup_media::is_of_url(&error) {
        return error.with_remedy(
            "the server did not reach the storage: see that the container or bucket exists, that the credential of that very name holds a valid secret with rights to read, write and list, and that the server gets through to the host",
        );
    }
    error
}

/// What to do where a certificate is missing.
pub(crate) fn certificate_remedy(thumbprint: &str) -> String {
    format!(
        "bring the certificate with its private key from the server that made the backup (Certificate::backup there) and put it into master here: Certificate::restore with .expecting_thumbprint(\"{thumbprint}\")"
    )
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
