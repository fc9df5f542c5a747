use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::inside::{self, Inside, Password};
use super::inspect::{DatabaseMasterKeyInfo, MasterKeyEvidence};
use crate::context::Context;
use crate::error::{Effect, Error, ErrorKind, Result};
use crate::hazard::Hazard;
use crate::names::{DatabaseName, ServerPath, SqlInstance};
use crate::operation::{Description, Observation, Operation, required, sealed::Sealed, shown};
use crate::permission::Permission;
use crate::progress::Progress;
use crate::secret::SecretRef;
use crate::sql::connection::Connection;
use crate::sql::file_examination::FileExamination;
use crate::sql::key_probe::{KeyProbe, ProbeResult};
use crate::sql::key_restore_outcome::KeyRestoreOutcome;
use crate::sql::statement::Statement;
use crate::sql::{key_file, key_file_password};

const NAME: &str = "restore database master key";

/// Puts the master key of a file into a database.
///
/// For a database that came from another instance this is the way in where no password of its key
/// is known but a [backup of the key](super::BackUpDatabaseMasterKey) is at hand: SQL Server can't
/// open the key that is there (15329), so it is told to go on ([`forcing`](Self::forcing)), and what
/// was under that key is under the same one as before. Afterwards
/// [re-wrap](super::ProtectByServiceMasterKey) it.
///
/// # Contract
/// * A key that is there already is replaced only with what was seen of it
///   ([`replacing`](Self::replacing), [`forcing`](Self::forcing)), which is compared again.
/// * With `forcing`, what SQL Server says it could not decrypt is reported, and the key is tried
///   in a new session: what was seen and what was probed, never "nothing else was lost". Only on a
///   transport that reports messages.
/// * A key in a database that had none is *not* under the service master key (documented), so the
///   probe says that it does not open by itself.
/// * It is sent once and never repeated.
///
/// # Errors
/// `ConsentRequired` (no evidence, other evidence than what is there now, or SQL Server says that
/// something would be lost), `KeyMismatch` (SQL Server does not tell a wrong password from a file that
/// is missing or no key file), `Corrupt` (empty file, other hash), `NotFound`, `PermissionDenied`
/// (CONTROL on the database), `Busy` (read-only), `Unsupported` (`master`, availability group; or
/// `forcing` on a transport without messages): nothing was changed. `Unknown` when the answer was
/// lost; `Done` when the key was replaced and the check after it failed.
///
/// # Cancel safety
/// Not cancellable once it was sent: dropping the future leaves it to the server to finish.
///
/// # T-SQL
/// `[OPEN MASTER KEY DECRYPTION BY PASSWORD = N'***';]
/// RESTORE MASTER KEY FROM FILE = N'…' DECRYPTION BY PASSWORD = N'***' ENCRYPTION BY PASSWORD = N'***' [FORCE]`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[must_use]
pub struct RestoreDatabaseMasterKey {
    instance: SqlInstance,
    database: DatabaseName,
    file: Option<ServerPath>,
    decrypted_by: Option<SecretRef>,
    encrypted_by: Option<SecretRef>,
    opened_by: Option<SecretRef>,
    expecting_sha256: Option<String>,
    consent: Option<Consent>,
}

/// What the operation may do to a key that is there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Consent {
    seen: MasterKeyEvidence,
    force: bool,
}

/// A database master key that was restored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RestoredDatabaseMasterKey {
    /// The database.
    pub database: DatabaseName,
    /// What became of the key that was there.
    pub outcome: KeyRestoreOutcome,
    /// What was seen of the key file before.
    pub examination: FileExamination,
    /// What SQL Server said it could not decrypt and went on without. Empty but with `forcing`.
    pub ignored: Vec<String>,
    /// Whether the key opens by itself in a new session.
    pub probe: ProbeResult,
    /// Whether the new password opens it. Where the file held the very key that was there, SQL Server
    /// may leave its passwords as they were (unconfirmed).
    pub password_opens: bool,
}

impl RestoreDatabaseMasterKey {
    pub(super) const fn new(instance: SqlInstance, database: DatabaseName) -> Self {
        Self {
            instance,
            database,
            file: None,
            decrypted_by: None,
            encrypted_by: None,
            opened_by: None,
            expecting_sha256: None,
            consent: None,
        }
    }

    /// The key file. Required.
    pub fn from_file(mut self, file: ServerPath) -> Self {
        self.file = Some(file);
        self
    }

    /// The password of the key file. Required.
    pub fn decrypted_by(mut self, password: SecretRef) -> Self {
        self.decrypted_by = Some(password);
        self
    }

    /// The password that the key shall have in the database. Required.
    pub fn encrypted_by(mut self, password: SecretRef) -> Self {
        self.encrypted_by = Some(password);
        self
    }

    /// A password of the key that is there now, where it does not open by itself.
    pub fn opened_by(mut self, password: SecretRef) -> Self {
        self.opened_by = Some(password);
        self
    }

    /// The SHA-256 that the key file must have, in hexadecimal.
    pub fn expecting_sha256(mut self, sha256: impl Into<String>) -> Self {
        self.expecting_sha256 = Some(sha256.into().to_lowercase());
        self
    }

    /// Consents to replacing the key that was seen.
    pub fn replacing(mut self, seen: &DatabaseMasterKeyInfo) -> Self {
        self.consent = Some(Consent {
            seen: seen.evidence(),
            force: false,
        });
        self
    }

    /// Consents to replacing the key that was seen even though it, or something under it, does not
    /// decrypt: that becomes unreadable, unless the file holds the very same key.
    pub fn forcing(mut self, seen: &DatabaseMasterKeyInfo) -> Self {
        self.consent = Some(Consent {
            seen: seen.evidence(),
            force: true,
        });
        self
    }

    fn is_forced(&self) -> bool {
        self.consent.as_ref().is_some_and(|consent| consent.force)
    }

    async fn restore(&self, cx: &Context) -> Result<RestoredDatabaseMasterKey> {
        let file = required(self.file.as_ref(), "from_file")?;
        let decrypted_by = required(self.decrypted_by.as_ref(), "decrypted_by")?;
        let encrypted_by = required(self.encrypted_by.as_ref(), "encrypted_by")?;
        self.check_possible(cx)?;
        cx.check_path("from_file", file)?;
        let decryption = Password::fetch(cx, "decrypted_by", decrypted_by).await?;
        let encryption = Password::fetch(cx, "encrypted_by", encrypted_by).await?;
        key_file_password::check("encrypted_by", encrypted_by, &encryption.secret)?;
        let opened_by = Password::fetch_any(cx, "opened_by", self.opened_by.as_ref()).await?;

        let (mut connection, inside) = Inside::enter(cx, &self.instance, &self.database).await?;
        connection
            .identity()
            .refuse_foreign_path("from_file", file)?;
        inside.require_writable()?;
        let seen = DatabaseMasterKeyInfo::read(&mut connection, &self.database).await?;
        if inside.has_master_key {
            let evidence = self.consent.as_ref().map(|consent| &consent.seen);
            seen.require_seen(evidence, "replacing")?;
        }
        let expected = self.expecting_sha256.as_deref();
        let examination = key_file::examine(&mut connection, "from_file", file, expected).await?;
        if let Some(opened_by) = &opened_by {
            inside::open(&mut connection, opened_by).await?;
        }

        cx.safe_point()?;
        cx.report(&Progress::Doing {
            operation: NAME,
            what: "restore the key; this can't be cancelled",
        });
        let force = if self.is_forced() { " FORCE" } else { "" };
        let statement = Self::statement(file.as_str())
            .secret(&decryption.secret)
            .text(" ENCRYPTION BY PASSWORD = ")
            .secret(&encryption.secret)
            .text(force);
        let secrets = [&decryption.secret, &encryption.secret];
        let observe = self.observe(cx);
        let answer = key_file::restore(&mut connection, statement, &secrets, observe).await?;
        let outcome = KeyRestoreOutcome::read(cx, &answer);
        let ignored = key_file::ignored(&answer);
        drop(connection);

        let (probe, password_opens) = self
            .probe(cx, seen.has_service_master_key_copy, &encryption)
            .await
            .map_err(|error| error.with_effect(Effect::Done))?;
        Ok(RestoredDatabaseMasterKey {
            database: self.database.clone(),
            outcome,
            examination,
            ignored,
            probe,
            password_opens,
        })
    }

    fn check_possible(&self, cx: &Context) -> Result<()> {
        if self.database.as_str().eq_ignore_ascii_case("master") {
            return Err(Error::new(
                ErrorKind::Unsupported,
                "the master key of the database master also guards what encrypts whole databases (TDE), and is not replaced by this",
            )
            .with_remedy("do it by hand, together with the DBA, with a backup of each certificate in master"));
        }
        if self.is_forced() {
            key_file::refuse_untold_losses(cx)?;
        }
        Ok(())
    }

    /// Tries the key in a session in which nobody opened it, and then its new password. One that was
    /// under the service master key must open by itself, unless what it protects was given up.
    async fn probe(
        &self,
        cx: &Context,
        was_under_service_master_key: bool,
        password: &Password<'_>,
    ) -> Result<(ProbeResult, bool)> {
        let mut connection = Connection::open(cx, &self.instance, None).await?;
        let probe = KeyProbe::of(&mut connection, &self.database).await?;
        let must_open = was_under_service_master_key && !self.is_forced();
        if must_open && probe == ProbeResult::DoesNotOpen {
            return Err(Error::new(
                ErrorKind::KeyMismatch,
                "the restored master key does not open by itself in a new session",
            )
            .with_remedy("put it under the service master key: DatabaseMasterKey::protect_by_service_master_key, opened by the new password"));
        }
        let password_opens = inside::try_open(&mut connection, &password.secret).await?;
        Ok((probe, password_opens))
    }

    fn statement(file: &str) -> Statement {
        Statement::new("RESTORE MASTER KEY FROM FILE = ")
            .literal(file)
            .text(" DECRYPTION BY PASSWORD = ")
    }
}

impl Sealed for RestoreDatabaseMasterKey {}

#[async_trait]
impl Operation for RestoreDatabaseMasterKey {
    type Output = RestoredDatabaseMasterKey;

    fn describe(&self) -> Description {
        let mut script = inside::script(&self.database, self.opened_by.is_some());
        let force = if self.is_forced() { " FORCE" } else { "" };
        script.push(
            Self::statement(&shown(self.file.as_ref(), "from_file"))
                .text("'***' ENCRYPTION BY PASSWORD = '***'")
                .text(force)
                .shown(),
        );
        let mut hazards = vec![Hazard::ReplacesDatabaseMasterKey {
            database: self.database.to_string(),
        }];
        if self.is_forced() {
            hazards.push(Hazard::LosesWhatDoesNotDecrypt {
                what: format!("keys and certificates of the database {}", self.database),
            });
        }
        Description {
            target: format!("database {} on {}", self.database, self.instance),
            action: "put the master key of a key file into the database".to_owned(),
            script,
            hazards,
            permissions: vec![Permission::database("CONTROL", &self.database)],
        }
    }

    /// Which key a database has can't be read; what can be seen is whether it opens by itself.
    async fn observe(&self, cx: &Context) -> Result<Observation> {
        let look = async {
            let mut connection = Connection::open(cx, &self.instance, None).await?;
            let probe = KeyProbe::of(&mut connection, &self.database).await?;
            Ok(Observation::Indeterminate {
                seen: format!(
                    "which master key the database has can't be read; {}: {probe}",
                    self.database
                ),
            })
        };
        look.await
            .map_err(|error: Error| error.at(NAME, super::target(&self.instance, &self.database)))
    }

    async fn run(&self, cx: &Context) -> Result<Self::Output> {
        let target = super::target(&self.instance, &self.database);
        super::super::tell(cx, NAME, &target, self.restore(cx)).await
    }
}
