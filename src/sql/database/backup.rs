use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::backup_options::{BackupCipher, BackupCompression, BackupEncryption, BackupOptions};
use super::encryption::certificates_not_kept;
use super::inspect::DatabaseInfo;
use super::verify::verify_set;
use crate::context::Context;
use crate::error::{Effect, Error, ErrorKind, Result};
use crate::hazard::Hazard;
use crate::names::{BackupDevice, BackupUrl, DatabaseName, ServerPath, SqlInstance};
use crate::operation::{Description, Observation, Operation, required, sealed::Sealed, shown};
use crate::permission::Permission;
use crate::progress::Progress;
use crate::sql::backup_media::{self, BackupMedia};
use crate::sql::backup_set::{self, BackupSet, SetChoice};
use crate::sql::certificate::CertificateBackup;
use crate::sql::connection::Connection;
use crate::sql::file_examination::Existence;
use crate::sql::server_identity::ServerIdentity;
use crate::sql::statement::Statement;
use crate::sql::watched;

const NAME: &str = "back up database";

/// Backs a database up to a new file of the server, and verifies it.
///
/// # Contract
/// * COPY_ONLY: the chain of the DBA's own backups is left alone. CHECKSUM, and COMPRESSION where
///   the edition has it.
/// * The files (or the blobs, at URLs) must be new. The set is verified afterwards, and its header read back.
/// * Encrypted only under a certificate whose private key was backed up, which `master` has under its
///   master key; the thumbprint is compared before, and again in the header.
/// * A certificate that it needs (the database's own, or the backup's) and that was never backed up
///   with its private key is told, as news and in [`DatabaseBackup::hazards`]. It does not stop the
///   backup, which without that certificate nobody restores elsewhere.
/// * Where the answer is lost, the session is ended and waited for, and the error says what is left.
///
/// # Errors
/// `NotFound` (database, folder, credential), `AlreadyExists` (file), `PermissionDenied`, `NoSpace`, `Busy`.
/// Nothing was changed but, with effect `Partial` or `Unknown`, a file that may be left; it is
/// never read as a whole one. With effect `Done` the backup was made and did not verify.
///
/// # Cancel safety
/// Dropping the future closes the connection; the server then gives the backup up and may leave
/// part of a file.
///
/// # T-SQL
/// `BACKUP DATABASE […] TO DISK = N'…' [, DISK = N'…'] | URL = N'…' [, URL = N'…'] WITH COPY_ONLY, CHECKSUM, COMPRESSION
/// [, ENCRYPTION (ALGORITHM = AES_256, SERVER CERTIFICATE = […])] [, BLOCKSIZE = n] [, BUFFERCOUNT = n]
/// [, MAXTRANSFERSIZE = n], FORMAT, INIT, STATS = 5`,
/// `RESTORE VERIFYONLY …`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[must_use]
pub struct BackUpDatabase {
    instance: SqlInstance,
    database: DatabaseName,
    file: Option<BackupDevice>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    stripes: Vec<BackupDevice>,
    #[serde(default)]
    options: BackupOptions,
}

/// A database that was backed up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct DatabaseBackup {
    /// The file, as the server sees it, or the URL.
    pub file: BackupDevice,
    /// The other files or URLs of the set, where it is striped. All are needed to restore it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stripes: Vec<BackupDevice>,
    /// What its header says; it was verified.
    pub set: BackupSet,
    /// Who made it.
    pub server: ServerIdentity,
    /// What endangers it: the certificates that it needs and that are nowhere else.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hazards: Vec<Hazard>,
}

impl BackUpDatabase {
    pub(super) fn new(instance: SqlInstance, database: DatabaseName) -> Self {
        Self {
            instance,
            database,
            file: None,
            stripes: Vec::new(),
            options: BackupOptions::default(),
        }
    }

    /// The file to write. Required.
    pub fn to_file(mut self, file: ServerPath) -> Self {
        self.file = Some(file.into());
        self
    }

    /// One more file: the set is striped over all of them, 64 at most, and each is needed to restore
    /// it.
    pub fn and_file(mut self, file: ServerPath) -> Self {
        self.stripes.push(file.into());
        self
    }

    /// The URL to write to, instead of a file. Its host must be allowed
    /// ([`ContextBuilder::allow_backup_host`](crate::ContextBuilder::allow_backup_host)), and the server
    /// must have a credential that is named like the container.
    pub fn to_url(mut self, url: BackupUrl) -> Self {
        self.file = Some(url.into());
        self
    }

    /// One more URL: the set is striped over all of them, 64 at most, and each is needed to restore it.
    pub fn and_url(mut self, url: BackupUrl) -> Self {
        self.stripes.push(url.into());
        self
    }

    /// Whether and how it is compressed. Default: where the edition can.
    pub fn compression(mut self, compression: BackupCompression) -> Self {
        self.options.compression = compression;
        self
    }

    /// Encrypts the backup under a certificate of `master` that was backed up with its private key:
    /// `backup` belongs into the kit, for without that certificate nobody restores it.
    pub fn encrypted_by(mut self, cipher: BackupCipher, backup: &CertificateBackup) -> Self {
        self.options.encryption = Some(BackupEncryption::new(cipher, backup));
        self
    }

    /// `BLOCKSIZE`: a power of two from 512 to 65536.
    pub fn block_size(mut self, bytes: u32) -> Self {
        self.options.block_size = Some(bytes);
        self
    }

    /// `BUFFERCOUNT`: how many buffers of a transfer's size are used.
    pub fn buffer_count(mut self, buffers: u32) -> Self {
        self.options.buffer_count = Some(buffers);
        self
    }

    /// `MAXTRANSFERSIZE`: a multiple of 65536 up to 4194304; on S3 from 5 MB to 20 MB, and only with
    /// compression.
    pub fn max_transfer_size(mut self, bytes: u32) -> Self {
        self.options.max_transfer_size = Some(bytes);
        self
    }

    fn target(&self) -> String {
        format!("database {} on {}", self.database, self.instance)
    }

    fn media(&self, cx: &Context) -> Result<BackupMedia> {
        let file = required(self.file.as_ref(), "to_file")?;
        BackupMedia::new(cx, "to_file", file, &self.stripes)
    }

    fn statement<'a>(
        &self,
        files: impl IntoIterator<Item = &'a str>,
        can_compress: bool,
    ) -> Statement {
        let statement = Statement::new("BACKUP DATABASE ")
            .identifier(self.database.as_str())
            .text(" TO ");
        let statement = backup_media::devices(statement, files).text(" WITH COPY_ONLY, CHECKSUM");
        self.options
            .add_to(statement, can_compress)
            .text(", FORMAT, INIT, STATS = 5")
    }

    /// CREATE ANY DATABASE is for reading the set back, which takes the right to make a database.
    fn permissions(&self) -> Vec<Permission> {
        let mut permissions = vec![
            Permission::database("BACKUP DATABASE", &self.database),
            Permission::server("CREATE ANY DATABASE"),
        ];
        permissions.extend(backup_media::permission(
            self.file.iter().chain(&self.stripes),
        ));
        if let Some(encryption) = &self.options.encryption {
            permissions.extend(encryption.permission());
        }
        permissions
    }

    /// What a whole set in the file says of this backup.
    async fn judge(
        &self,
        connection: &mut Connection<'_>,
        file: &BackupMedia,
        set: &BackupSet,
    ) -> Result<Observation> {
        let database = DatabaseInfo::read(connection, &self.database).await?;
        let family = database.and_then(|database| database.family_guid);
        let is_ours = set.database_name.to_lowercase() == self.database.as_str().to_lowercase()
            && set
                .server_name
                .eq_ignore_ascii_case(&connection.identity().server_name)
            && (family.is_none() || family == set.family_guid);
        if !is_ours {
            return Ok(Observation::Indeterminate {
                seen: format!(
                    "{file} holds a backup of {} of {}",
                    set.database_name, set.server_name
                ),
            });
        }
        if set.require_whole_database().is_err() {
            return Ok(Observation::Partial {
                state: format!("{file} holds no whole backup"),
            });
        }
        match verify_set(connection, NAME, file, set).await {
            Ok(()) => Ok(Observation::Done),
            Err(error) if error.kind() == ErrorKind::Corrupt => Ok(Observation::Partial {
                state: error.detail().to_owned(),
            }),
            Err(error) => Err(error),
        }
    }

    async fn back_up(&self, cx: &Context) -> Result<DatabaseBackup> {
        let media = self.media(cx)?;
        self.options.check(media.is_on_s3())?;
        let permissions = self.permissions();
        let mut connection =
            Connection::open_allowed(cx, &self.instance, None, &permissions).await?;
        media.refuse_foreign(connection.identity(), "to_file")?;
        self.options
            .require(&mut connection, media.is_on_s3())
            .await?;
        media.require_credentials(&mut connection, "to_url").await?;
        let database = DatabaseInfo::require(&mut connection, &self.database).await?;
        if database.state != "ONLINE" {
            return Err(Error::new(
                ErrorKind::Busy,
                format!(
                    "the database is {}, and only an online one can be backed up",
                    database.state
                ),
            ));
        }
        for device in media.all() {
            match device {
                BackupDevice::File(file) => require_absent(&mut connection, file).await?,
                BackupDevice::Url(url) => require_no_blob(&mut connection, url).await?,
            }
        }

        cx.safe_point()?;
        cx.report(&Progress::Doing {
            operation: NAME,
            what: "write the backup",
        });
        let has_compression = connection.identity().can_compress();
        let files = media.all().map(BackupDevice::as_str);
        let batch = self.statement(files, has_compression).batch();
        let answer =
            watched::change_observed(&mut connection, NAME, batch, self.observe(cx)).await?;
        if let Err(error) = answer.or_error() {
            let effect = left_behind(&mut connection, &media).await;
            return Err(backup_set::explain(error).with_effect(effect));
        }

        cx.report(&Progress::Doing {
            operation: NAME,
            what: "verify the backup set",
        });
        let verified = async {
            let set = BackupSet::read(&mut connection, &media, SetChoice::Only).await?;
            set.require_whole_database()?;
            verify_set(&mut connection, NAME, &media, &set).await?;
            if !set
                .database_name
                .eq_ignore_ascii_case(self.database.as_str())
            {
                return Err(Error::new(
                    ErrorKind::Corrupt,
                    format!("the file holds a backup of {}", set.database_name),
                ));
            }
            let encryptor = self.options.encryption.as_ref();
            if set.encryptor_thumbprint.as_deref() != encryptor.map(BackupEncryption::thumbprint) {
                return Err(Error::new(
                    ErrorKind::Corrupt,
                    format!(
                        "the header names the encryptor {:?}, which is not what was asked for",
                        set.encryptor_thumbprint
                    ),
                ));
            }
            let hazards = certificates_not_kept(&mut connection, NAME, &set).await?;
            Ok((set, hazards))
        };
        let (set, hazards) = verified
            .await
            .map_err(|error: Error| error.with_effect(Effect::Done))?;
        Ok(DatabaseBackup {
            file: required(self.file.as_ref(), "to_file")?.clone(),
            stripes: self.stripes.clone(),
            set,
            server: connection.identity().clone(),
            hazards,
        })
    }
}

/// What a backup that failed left of its files.
async fn left_behind(connection: &mut Connection<'_>, media: &BackupMedia) -> Effect {
    let mut effect = Effect::None;
    for device in media.all() {
        let is_there = match device {
            BackupDevice::File(file) => {
                let existence = Existence::of(connection, file).await.ok().flatten();
                existence.map(|existence| existence.is_file)
            }
            BackupDevice::Url(url) => has_blob(connection, url).await.ok(),
        };
        match is_there {
            Some(false) => {}
            Some(true) => return Effect::Partial,
            None => effect = Effect::Unknown,
        }
    }
    effect
}

/// Whether there is something at a URL, by an attempt to read it: nothing else asks the storage.
async fn has_blob(connection: &mut Connection<'_>, url: &BackupUrl) -> Result<bool> {
    let statement = Statement::new("RESTORE LABELONLY FROM ");
    let batch = backup_media::devices(statement, [url.as_str()]).batch();
    match connection.look(batch).await {
        Ok(_) => Ok(true),
        Err(error) => match error.kind() {
            ErrorKind::NotFound => Ok(false),
            // It is read, and is no backup.
            ErrorKind::Corrupt => Ok(true),
            _ => Err(backup_set::explain(error)),
        },
    }
}

/// Refuses a URL at which something is: FORMAT would destroy it, and without FORMAT nothing is
/// written over a blob (documented).
async fn require_no_blob(connection: &mut Connection<'_>, url: &BackupUrl) -> Result<()> {
    if has_blob(connection, url).await? {
        return Err(Error::new(
            ErrorKind::AlreadyExists,
            format!("to_url: {url}: it exists already and is not overwritten"),
        )
        .with_remedy("choose a fresh name"));
    }
    Ok(())
}

/// Refuses a file that exists, or may: FORMAT would destroy it.
async fn require_absent(connection: &mut Connection<'_>, file: &ServerPath) -> Result<()> {
    if let Some(existence) = Existence::of(connection, file).await? {
        return existence.require_free("to_file", file);
    }
    // Without CONTROL SERVER the file system can't be asked, but a device can be looked at.
    let batch = Statement::new("RESTORE LABELONLY FROM DISK = ")
        .literal(file.as_str())
        .batch();
    let problem = match connection.look(batch).await {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) if error.sql_messages().is_empty() => return Err(error),
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            "this login can't tell whether it exists"
        }
        _ => "it exists already and is not overwritten",
    };
    Err(Error::new(
        ErrorKind::AlreadyExists,
        format!("to_file: {file}: {problem}"),
    )
    .with_remedy(
        "choose a fresh name, or use a login that has CONTROL SERVER or CREATE ANY DATABASE",
    ))
}

impl Sealed for BackUpDatabase {}

#[async_trait]
impl Operation for BackUpDatabase {
    type Output = DatabaseBackup;

    fn describe(&self) -> Description {
        let file = shown(self.file.as_ref(), "to_file");
        let stripes = self.stripes.iter().map(BackupDevice::as_str);
        let files = std::iter::once(file.as_str()).chain(stripes);
        Description {
            target: self.target(),
            action: "back the database up to a new file and verify it".to_owned(),
            script: vec![
                self.statement(files.clone(), true).shown(),
                backup_media::devices(Statement::new("RESTORE VERIFYONLY FROM "), files)
                    .text(" WITH FILE = 1, CHECKSUM, STATS = 5")
                    .shown(),
            ],
            hazards: Vec::new(),
            permissions: self.permissions(),
        }
    }

    async fn observe(&self, cx: &Context) -> Result<Observation> {
        let look = async {
            let media = self.media(cx)?;
            let mut connection = Connection::open(cx, &self.instance, None).await?;
            media.refuse_foreign(connection.identity(), "to_file")?;
            match BackupSet::read(&mut connection, &media, SetChoice::Only).await {
                Ok(set) => self.judge(&mut connection, &media, &set).await,
                Err(error) => match error.kind() {
                    ErrorKind::NotFound => Ok(Observation::NotDone),
                    ErrorKind::Corrupt => Ok(Observation::Partial {
                        state: error.detail().to_owned(),
                    }),
                    ErrorKind::Busy => Ok(Observation::InProgress),
                    _ => Err(error),
                },
            }
        };
        look.await
            .map_err(|error: Error| error.at(NAME, self.target()))
    }

    async fn run(&self, cx: &Context) -> Result<Self::Output> {
        crate::sql::tell(cx, NAME, &self.target(), self.back_up(cx)).await
    }
}
