use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::restore_check;
use crate::context::Context;
use crate::error::Result;
use crate::names::{BackupDevice, BackupUrl, DatabaseName, ServerPath, SqlInstance};
use crate::operation::{Description, Observation, Operation, required, sealed::Sealed, shown};
use crate::permission::Permission;
use crate::sql::backup_media::{self, BackupMedia};
use crate::sql::backup_set::{self, BackupSet, SetChoice};
use crate::sql::connection::Connection;
use crate::sql::statement::Statement;
use crate::sql::watched;

const NAME: &str = "verify backup";

/// Verifies that a backup is whole and readable on an instance.
///
/// # Contract
/// * Reads only; may take as long as reading the whole backup.
/// * It does *not* prove that the data is sound, nor that its keys open: only a restore does.
///
/// # Errors
/// `NotFound`, `PermissionDenied` (CREATE DATABASE, or the service account), `Corrupt`,
/// `KeyMismatch` (an encrypted backup, or one of an encrypted database, whose certificate is not
/// there; the remedy names it). Nothing is changed.
///
/// # Cancel safety
/// Dropping the future leaves nothing behind; the server may go on reading for a while.
///
/// # T-SQL
/// `RESTORE HEADERONLY`, `RESTORE FILELISTONLY`, `RESTORE VERIFYONLY FROM DISK = N'…' | URL = N'…' WITH FILE = n, CHECKSUM`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[must_use]
pub struct VerifyBackup {
    instance: SqlInstance,
    file: Option<BackupDevice>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    stripes: Vec<BackupDevice>,
    #[serde(default)]
    set: SetChoice,
}

impl VerifyBackup {
    pub(super) const fn new(instance: SqlInstance) -> Self {
        Self {
            instance,
            file: None,
            stripes: Vec::new(),
            set: SetChoice::Only,
        }
    }

    /// The backup file. Required.
    pub fn file(mut self, file: ServerPath) -> Self {
        self.file = Some(file.into());
        self
    }

    /// One more file of the set, where it is striped.
    pub fn and_file(mut self, file: ServerPath) -> Self {
        self.stripes.push(file.into());
        self
    }

    /// The URL of the backup, instead of a file. Its host must be allowed
    /// ([`ContextBuilder::allow_backup_host`](crate::ContextBuilder::allow_backup_host)), and the server
    /// must have a credential that is named like the container.
    pub fn url(mut self, url: BackupUrl) -> Self {
        self.file = Some(url.into());
        self
    }

    /// One more URL of the set, where it is striped.
    pub fn and_url(mut self, url: BackupUrl) -> Self {
        self.stripes.push(url.into());
        self
    }

    /// The place of the backup set in the file, from 1. Needed where there are several.
    pub fn position(mut self, position: u16) -> Self {
        self.set = SetChoice::Position(position);
        self
    }

    /// The newest full backup of `database` among several sets.
    pub fn newest_of(mut self, database: DatabaseName) -> Self {
        self.set = SetChoice::NewestOf(database);
        self
    }

    async fn verify(&self, cx: &Context) -> Result<BackupSet> {
        let file = required(self.file.as_ref(), "file")?;
        let media = BackupMedia::new(cx, "file", file, &self.stripes)?;
        let permissions = self.describe().permissions;
        let mut connection =
            Connection::open_allowed(cx, &self.instance, None, &permissions).await?;
        media.refuse_foreign(connection.identity(), "file")?;
        media.require_credentials(&mut connection, "url").await?;
        let set = BackupSet::read(&mut connection, &media, self.set.clone()).await?;
        restore_check::require_certificates(&mut connection, &set).await?;
        verify_set(&mut connection, NAME, &media, &set).await?;
        Ok(set)
    }
}

/// VERIFYONLY of a set whose header was read; with CHECKSUM where it has checksums (3187 else).
pub(super) async fn verify_set(
    connection: &mut Connection<'_>,
    operation: &'static str,
    media: &BackupMedia,
    set: &BackupSet,
) -> Result<()> {
    let batch = media
        .devices(Statement::new("RESTORE VERIFYONLY FROM "))
        .text(" WITH FILE = ")
        .number(set.position)
        .text(if set.has_checksums {
            ", CHECKSUM, STATS = 5"
        } else {
            ", STATS = 5"
        })
        .batch();
    watched::change(connection, operation, batch)
        .await
        .and_then(crate::sql::answer::Answer::or_error)
        .map(drop)
        .map_err(|error| backup_set::explain(error).with_effect(crate::error::Effect::None))
}

impl Sealed for VerifyBackup {}

#[async_trait]
impl Operation for VerifyBackup {
    type Output = BackupSet;

    fn describe(&self) -> Description {
        let file = shown(self.file.as_ref(), "file");
        let files =
            std::iter::once(file.as_str()).chain(self.stripes.iter().map(BackupDevice::as_str));
        let script = backup_media::devices(Statement::new("RESTORE VERIFYONLY FROM "), files)
            .text(" WITH CHECKSUM")
            .shown();
        let mut permissions = vec![Permission::server("CREATE ANY DATABASE")];
        permissions.extend(backup_media::permission(
            self.file.iter().chain(&self.stripes),
        ));
        Description {
            target: self.instance.to_string(),
            action: "verify that a backup is whole and readable".to_owned(),
            script: vec![script],
            hazards: Vec::new(),
            permissions,
        }
    }

    async fn observe(&self, _: &Context) -> Result<Observation> {
        Ok(Observation::NotDone)
    }

    async fn run(&self, cx: &Context) -> Result<Self::Output> {
        crate::sql::tell(cx, NAME, &self.instance, self.verify(cx)).await
    }
}
