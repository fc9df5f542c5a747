use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::backup::KeyBackup;
use super::inspect::{self, ServiceMasterKeyInfo};
use crate::context::Context;
use crate::error::{Effect, Error, ErrorKind, Result};
use crate::hazard::Hazard;
use crate::names::{DatabaseName, ServerPath, SqlInstance};
use crate::operation::{Description, Observation, Operation, required, sealed::Sealed, shown};
use crate::progress::Progress;
use crate::secret::SecretRef;
use crate::sql::connection::Connection;
use crate::sql::dependents::{Dependents, DependentsEvidence};
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
/// * What could not be seen whole is never replaced under.
/// * Every database with a master key must be online, writable and (but for the one that is being
///   [`recovered`](Self::recovering)) open before, and is probed again after.
/// * It is sent once and never repeated.
///
/// # Errors
/// `ConsentRequired` (no evidence, or other evidence than what is there now; or the server says
/// that something under the old key would be lost), `KeyMismatch` (SQL Server does not tell a wrong
/// password from a file that is missing or no key file), `NotFound`, `Corrupt` (empty file, other
/// hash), `PermissionDenied`, `Busy` (a database is not online). The effect is `None`, but `Unknown`
/// when the answer was lost and `Done` when the key was replaced and something did not open after.
///
/// # Cancel safety
/// Not cancellable once it was sent: dropping the future leaves it to the server to finish. Observe
/// the dependents before anything else.
///
/// # T-SQL
/// `RESTORE SERVICE MASTER KEY FROM FILE = N'…' DECRYPTION BY PASSWORD = N'***'`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[must_use]
pub struct RestoreServiceMasterKey {
    instance: SqlInstance,
    file: Option<ServerPath>,
    decrypted_by: Option<SecretRef>,
    expecting_sha256: Option<String>,
    replacing: Option<DependentsEvidence>,
    keeping: Option<KeptKey>,
    recovering: Option<DatabaseName>,
}

/// The backup of the key that is replaced: the evidence that nothing is lost for good.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct KeptKey {
    file: ServerPath,
    server: String,
    examination: FileExamination,
    key: ServiceMasterKeyInfo,
}

/// A service master key that was restored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RestoredKey {
    /// What became of the instance's key.
    pub outcome: KeyRestoreOutcome,
    /// What was seen of the key file before.
    pub examination: FileExamination,
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
            replacing: None,
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
        self.replacing = Some(dependents.evidence());
        self
    }

    /// The backup of the key that is replaced.
    pub fn keeping(mut self, backup: &KeyBackup) -> Self {
        self.keeping = Some(KeptKey {
            file: backup.file.clone(),
            server: backup.server.names(),
            examination: backup.examination.clone(),
            key: backup.key.clone(),
        });
        self
    }

    /// The database that was restored before its key: it need not open before, but must after.
    pub fn recovering(mut self, database: &DatabaseName) -> Self {
        self.recovering = Some(database.clone());
        self
    }

    async fn restore(&self, cx: &Context) -> Result<RestoredKey> {
        let file = required(self.file.as_ref(), "from_file")?;
        let decrypted_by = required(self.decrypted_by.as_ref(), "decrypted_by")?;
        cx.check_path("from_file", file)?;
        if let Some(kept) = &self.keeping {
            cx.check_path("keeping", &kept.file)?;
            if kept.file == *file {
                return Err(Error::invalid(
                    "keeping",
                    "it is the very file that is to be restored; back the present key up to another one",
                ));
            }
        }
        let password = cx.secret("decrypted_by", decrypted_by).await?;
        key_file_password::check_size("decrypted_by", decrypted_by, &password)?;

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
        let examination = key_file::examine(&mut connection, file, expected).await?;

        let dependents = Dependents::read(&mut connection).await?;
        self.check_evidence(&mut connection, &dependents).await?;
        let before = KeyProbe::all(&mut connection, &dependents).await?;
        refuse_closed(&before, self.recovering.as_ref())?;

        cx.safe_point()?;
        cx.report(&Progress::Doing {
            operation: NAME,
            what: "restore the key; this can't be cancelled",
        });
        let statement = Statement::new("RESTORE SERVICE MASTER KEY FROM FILE = ")
            .literal(file.as_str())
            .text(" DECRYPTION BY PASSWORD = ")
            .secret(&password);
        let answer = key_file::restore(&mut connection, statement, &[&password]).await?;
        let outcome = KeyRestoreOutcome::read(cx, &answer);

        let probed = KeyProbe::all(&mut connection, &dependents)
            .await
            .map_err(|error| error.with_effect(Effect::Done))?;
        refuse_closed(&probed, None).map_err(|error| error.with_effect(Effect::Done))?;
        Ok(RestoredKey {
            outcome,
            examination,
            probed,
        })
    }

    /// Refuses to endanger what nobody has looked at.
    async fn check_evidence(
        &self,
        connection: &mut Connection<'_>,
        dependents: &Dependents,
    ) -> Result<()> {
        dependents.require_complete()?;
        dependents.require_online()?;
        if dependents.is_empty() {
            return Ok(());
        }
        let Some(seen) = &self.replacing else {
            return Err(Error::new(
                ErrorKind::ConsentRequired,
                format!(
                    "under the service master key of this instance also live: {}",
                    dependents.names().join(", ")
                ),
            )
            .with_remedy("read Dependents::inspect, back this instance's own key up, and call .replacing(&dependents).keeping(&backup)"));
        };
        if *seen != dependents.evidence() {
            return Err(Error::new(
                ErrorKind::ConsentRequired,
                format!(
                    "what lives under the service master key is not what was seen before; now: {}",
                    dependents.names().join(", ")
                ),
            )
            .with_remedy("inspect the dependents again and decide anew"));
        }
        self.check_kept(connection).await
    }

    /// The safeguard is looked at, not believed.
    async fn check_kept(&self, connection: &mut Connection<'_>) -> Result<()> {
        let refuse = |problem: String| {
            Err(Error::new(ErrorKind::ConsentRequired, format!("keeping: {problem}"))
                .with_remedy("back this instance's own service master key up first, and call .keeping(&backup)"))
        };
        let Some(kept) = &self.keeping else {
            return refuse("the key that would be replaced has no backup".to_owned());
        };
        if kept.server != connection.identity().names() {
            return refuse(format!(
                "the backup is of the key of {}, not of this instance's",
                kept.server
            ));
        }
        // The catalog's row is a hint only, and may well make more careful.
        let answer = connection
            .look(Statement::new(inspect::QUESTION).batch())
            .await?;
        if inspect::read(&answer, 0)? != kept.key {
            return refuse("the instance's key was changed since it was backed up".to_owned());
        }
        let now = FileExamination::of_key_file(connection, &kept.file).await?;
        let is_whole = matches!(
            now,
            FileExamination::Hashed { size: 1.., .. } | FileExamination::Present
        );
        if !is_whole || now != kept.examination {
            return refuse(format!(
                "{} is not what was written when the key was backed up",
                kept.file
            ));
        }
        Ok(())
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
            .shown();
        Description {
            target: self.instance.to_string(),
            action: "replace the service master key with that of a key file".to_owned(),
            script: vec![script],
            hazards: vec![Hazard::ReplacesServiceMasterKey {
                dependents: self
                    .replacing
                    .as_ref()
                    .map(|seen| seen.names.clone())
                    .unwrap_or_default(),
            }],
            permissions: vec!["CONTROL SERVER".to_owned()],
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
