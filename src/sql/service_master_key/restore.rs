use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::backup::KeyBackup;
use super::consent::{self, Consent, KeptKey};
use crate::context::Context;
use crate::error::{Effect, Error, ErrorKind, Result};
use crate::hazard::Hazard;
use crate::names::{DatabaseName, ServerPath, SqlInstance};
use crate::operation::{Description, Observation, Operation, required, sealed::Sealed, shown};
use crate::permission::Permission;
use crate::progress::Progress;
use crate::secret::SecretRef;
use crate::sql::connection::Connection;
use crate::sql::database_master_key::{DatabaseMasterKeyInfo, MasterKeyEvidence};
use crate::sql::dependents::Dependents;
use crate::sql::file_examination::FileExamination;
use crate::sql::key_probe::{KeyProbe, ProbeResult};
use crate::sql::key_restore_outcome::KeyRestoreOutcome;
use crate::sql::statement::Statement;
use crate::sql::{key_file, key_file_password};

const NAME: &str = "restore service master key";

/// Replaces the service master key of an instance with that of a key file.
///
/// (Microsoft's recovery page prints `BACKUP SERVICE MASTER KEY` at this step; RESTORE is meant.)
///
/// # Contract
/// * Where other databases, credentials or linked logins live under the instance's key, the
///   operation carries what was seen of them ([`replacing`](Self::replacing)) and a backup of the
///   key that is replaced ([`keeping`](Self::keeping)); else it is refused. What was seen is
///   compared again before anything is sent.
/// * A master key in the database `master` wants a consent of its own
///   ([`including_master`](Self::including_master)).
/// * What could not be seen whole is never replaced under.
/// * Every database with a master key must be online, writable and (but for the one that is being
///   [`recovered`](Self::recovering)) open before, and is probed again after.
/// * With [`forcing`](Self::forcing) they need not be, and what SQL Server goes on without is reported
///   as it was *seen* (its messages) and as it was *probed*; never "nothing else was lost". Only on a
///   transport that reports messages. The key need not be kept where it opens no database any more.
/// * It is sent once and never repeated.
///
/// # Errors
/// `ConsentRequired` (no evidence, or other evidence than what is there now; or the server says
/// that something under the old key would be lost), `KeyMismatch` (SQL Server does not tell a wrong
/// password from a file that is missing or no key file), `NotFound`, `Corrupt` (empty file, other
/// hash), `PermissionDenied`, `Busy` (a database is not online), `Unsupported` (forcing on a transport
/// without messages; an availability group). The effect is `None`, but `Unknown`
/// when the answer was lost and `Done` when the key was replaced and something did not open after.
///
/// # Cancel safety
/// Not cancellable once it was sent: dropping the future leaves it to the server to finish. Observe
/// the dependents before anything else.
///
/// # T-SQL
/// `RESTORE SERVICE MASTER KEY FROM FILE = N'…' DECRYPTION BY PASSWORD = N'***' [FORCE]`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[must_use]
pub struct RestoreServiceMasterKey {
    instance: SqlInstance,
    file: Option<ServerPath>,
    decrypted_by: Option<SecretRef>,
    expecting_sha256: Option<String>,
    consent: Option<Consent>,
    including_master: Option<MasterKeyEvidence>,
    keeping: Option<KeptKey>,
    recovering: Option<DatabaseName>,
}

/// A service master key that was restored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RestoredKey {
    /// What became of the instance's key.
    pub outcome: KeyRestoreOutcome,
    /// What was seen of the key file before.
    pub examination: FileExamination,
    /// What SQL Server said it could not decrypt and went on without. Empty but with
    /// [`forcing`](RestoreServiceMasterKey::forcing), and never known to be all.
    pub ignored: Vec<String>,
    /// Each database with a master key, as it was found after.
    pub probed: Vec<KeyProbe>,
}

impl RestoreServiceMasterKey {
    pub(super) const fn new(instance: SqlInstance) -> Self {
        Self {
            instance,
            file: None,
            decrypted_by: None,
            expecting_sha256: None,
            consent: None,
            including_master: None,
            keeping: None,
            recovering: None,
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

    /// The SHA-256 that the key file must have, in hexadecimal.
    pub fn expecting_sha256(mut self, sha256: impl Into<String>) -> Self {
        self.expecting_sha256 = Some(sha256.into().to_lowercase());
        self
    }

    /// Consents to replacing the key under which `dependents` live, which were seen.
    pub fn replacing(mut self, dependents: &Dependents) -> Self {
        self.consent = Some(Consent::new(dependents, false));
        self
    }

    /// Consents to replacing the key (`FORCE`) although some of `dependents`, which were seen, do
    /// not decrypt under it or can't be reached: what does not decrypt is unreadable from then on.
    /// The last way of all.
    pub fn forcing(mut self, dependents: &Dependents) -> Self {
        self.consent = Some(Consent::new(dependents, true));
        self
    }

    /// Consents, beside all else, to replacing the key under which the master key of the database
    /// `master` is, which was seen. If that does not open afterwards, encrypted databases (TDE) don't
    /// come up at the next start.
    pub fn including_master(mut self, seen: &DatabaseMasterKeyInfo) -> Self {
        self.including_master = Some(seen.evidence());
        self
    }

    /// The backup of the key that is replaced.
    pub fn keeping(mut self, backup: &KeyBackup) -> Self {
        self.keeping = Some(KeptKey::of(backup));
        self
    }

    /// The database that was restored before its key: it need not open before, but must after.
    pub fn recovering(mut self, database: &DatabaseName) -> Self {
        self.recovering = Some(database.clone());
        self
    }

    fn is_forced(&self) -> bool {
        self.consent.as_ref().is_some_and(|consent| consent.force)
    }

    fn force(&self) -> &'static str {
        if self.is_forced() { " FORCE" } else { "" }
    }

    async fn restore(&self, cx: &Context) -> Result<RestoredKey> {
        let file = required(self.file.as_ref(), "from_file")?;
        let decrypted_by = required(self.decrypted_by.as_ref(), "decrypted_by")?;
        cx.check_path("from_file", file)?;
        if self.is_forced() {
            key_file::refuse_untold_losses(cx)?;
        }
        if let Some(kept) = &self.keeping {
            cx.check_path("keeping", &kept.file)?;
            if kept.file == *file {
                return Err(Error::invalid(
                    "keeping",
                    "it is the very file that is to be restored; back the present key up to another one",
                ));
            }
        }
        let password = key_file_password::fetch(cx, "decrypted_by", decrypted_by).await?;

        let mut connection = Connection::open(cx, &self.instance, None).await?;
        let identity = connection.identity();
        identity.refuse_listener(&self.instance)?;
        identity.refuse_foreign_path("from_file", file)?;
        if let Some(kept) = &self.keeping {
            identity.refuse_foreign_path("keeping", &kept.file)?;
        }
        connection
            .require_server_permission("CONTROL SERVER")
            .await?;
        let expected = self.expecting_sha256.as_deref();
        let examination = key_file::examine(&mut connection, "from_file", file, expected).await?;

        let dependents = Dependents::read(&mut connection).await?;
        consent::require(self.consent.as_ref(), &dependents)?;
        if dependents.has_key_in_master() {
            let master = DatabaseMasterKeyInfo::read(&mut connection, &"master".parse()?).await?;
            master.require_seen(self.including_master.as_ref(), "including_master")?;
        }
        let before = KeyProbe::all(&mut connection, &dependents).await?;
        let needs_no_backup =
            dependents.is_empty() || self.is_forced() && consent::opens_nothing(&before);
        if !needs_no_backup {
            consent::check_kept(&mut connection, self.keeping.as_ref()).await?;
        }
        if !self.is_forced() {
            refuse_closed(&before, self.recovering.as_ref())?;
        }

        cx.safe_point()?;
        cx.report(&Progress::Doing {
            operation: NAME,
            what: "restore the key; this can't be cancelled",
        });
        let statement = Statement::new("RESTORE SERVICE MASTER KEY FROM FILE = ")
            .literal(file.as_str())
            .text(" DECRYPTION BY PASSWORD = ")
            .secret(&password)
            .text(self.force());
        let secrets = [&password];
        let observe = self.observe(cx);
        let answer = key_file::restore(&mut connection, statement, &secrets, observe).await?;

        let probed = KeyProbe::all(&mut connection, &dependents)
            .await
            .map_err(|error| error.with_effect(Effect::Done))?;
        if !self.is_forced() {
            refuse_closed(&probed, None).map_err(|error| error.with_effect(Effect::Done))?;
        }
        Ok(RestoredKey {
            outcome: KeyRestoreOutcome::read(cx, &answer),
            examination,
            ignored: key_file::ignored(&answer),
            probed,
        })
    }
}

/// Every database that has a master key must open, but `exempt`.
fn refuse_closed(probes: &[KeyProbe], exempt: Option<&DatabaseName>) -> Result<()> {
    let closed: Vec<&str> = probes
        .iter()
        .filter(|probe| probe.result == ProbeResult::DoesNotOpen && Some(&probe.database) != exempt)
        .map(|probe| probe.database.as_str())
        .collect();
    if closed.is_empty() {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::KeyMismatch,
        format!("the master key of these databases does not open: {}", closed.join(", ")),
    )
    .with_remedy("open them first (OPEN MASTER KEY … ADD ENCRYPTION BY SERVICE MASTER KEY); else what they hold can be lost with the key"))
}

impl Sealed for RestoreServiceMasterKey {}

#[async_trait]
impl Operation for RestoreServiceMasterKey {
    type Output = RestoredKey;

    fn describe(&self) -> Description {
        let script = Statement::new("RESTORE SERVICE MASTER KEY FROM FILE = ")
            .literal(&shown(self.file.as_ref(), "from_file"))
            .text(" DECRYPTION BY PASSWORD = '***'")
            .text(self.force())
            .shown();
        let dependents = self
            .consent
            .as_ref()
            .map(|consent| consent.seen.names.clone())
            .unwrap_or_default();
        let mut hazards = Vec::new();
        if self.is_forced() {
            hazards.push(Hazard::LosesWhatDoesNotDecrypt {
                what: dependents.join(", "),
            });
        }
        hazards.push(Hazard::ReplacesServiceMasterKey { dependents });
        if self.including_master.is_some() {
            hazards.push(Hazard::EndangersStart);
        }
        Description {
            target: self.instance.to_string(),
            action: "replace the service master key with that of a key file".to_owned(),
            script: vec![script],
            hazards,
            permissions: vec![Permission::server("CONTROL SERVER")],
        }
    }

    /// Which key an instance has can't be read; what can be seen is whether its databases open.
    async fn observe(&self, cx: &Context) -> Result<Observation> {
        let look = async {
            let mut connection = Connection::open(cx, &self.instance, None).await?;
            let dependents = Dependents::read(&mut connection).await?;
            let probes = KeyProbe::all(&mut connection, &dependents).await?;
            let seen: Vec<String> = probes.iter().map(ToString::to_string).collect();
            Ok(Observation::Indeterminate {
                seen: format!(
                    "which key the instance has can't be read; its databases: {}",
                    if seen.is_empty() {
                        "none has a master key".to_owned()
                    } else {
                        seen.join(", ")
                    }
                ),
            })
        };
        look.await
            .map_err(|error: Error| error.at(NAME, &self.instance))
    }

    async fn run(&self, cx: &Context) -> Result<Self::Output> {
        super::super::tell(cx, NAME, &self.instance, self.restore(cx)).await
    }
}
