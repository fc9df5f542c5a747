use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::ServiceMasterKey;
use super::backup::KeyBackup;
use super::restore::RestoreServiceMasterKey;
use crate::context::Context;
use crate::error::{Effect, Error, ErrorKind, Result};
use crate::hazard::Hazard;
use crate::names::{ServerPath, SqlInstance};
use crate::operation::{Description, Observation, Operation, required, sealed::Sealed, shown};
use crate::progress::Progress;
use crate::secret::SecretRef;
use crate::sql::connection::Connection;
use crate::sql::database::{Database, DatabaseInfo};
use crate::sql::dependents::Dependents;
use crate::sql::file_examination::FileExamination;
use crate::sql::key_probe::{KeyProbe, ProbeResult};
use crate::sql::key_restore_outcome::KeyRestoreOutcome;
use crate::sql::key_sentinel::KeySentinelBackup;
use crate::sql::statement::Statement;
use crate::sql::throwaway;
use crate::transport::MessageSupport;

const NAME: &str = "prove backup of service master key";

/// Proves that a key file holds the service master key that it should, with its password.
///
/// SQL Server can't verify a key file; only restoring it shows what it holds. So it is restored on a
/// *throwaway* instance ([`opening`](Self::opening)), where a [sentinel](crate::sql::KeySentinel) that
/// was made under the key must open. Or it is restored over the very key that it was made from
/// ([`in_place`](Self::in_place)): if the two are the same SQL Server says so and changes nothing
/// (documented); if they are not, the instance's key has been *replaced*.
///
/// # Contract
/// * A throwaway has nothing under its service master key. It is looked at, not believed.
/// * There the sentinel must not open before the key is restored, and must after. At the end the
///   sentinel is dropped and the throwaway's key made anew, so that the key is not on two instances.
/// * In place is a replacement with all that one asks for: the dependents as seen, a second backup of
///   the key, and a transport that reports messages.
///
/// # Errors
/// `KeyMismatch` (wrong password, no key file, or the sentinel does not open: the file does not hold
/// that key), `Corrupt` (empty file, other hash), `NotFound`, `ConsentRequired` (something lives under
/// the throwaway's key; in place: as for a [replacement](RestoreServiceMasterKey)), `Unsupported` (in
/// place on a transport without messages), `PermissionDenied` (CONTROL SERVER). `Partial` when
/// something is left on the throwaway; `Done` when the key was replaced in place.
///
/// # Cancel safety
/// Dropping the future may leave the key and the sentinel on the throwaway. In place it is not
/// cancellable once it was sent.
///
/// # T-SQL
/// `RESTORE SERVICE MASTER KEY FROM FILE = N'…' DECRYPTION BY PASSWORD = N'***'; RESTORE DATABASE […];
/// DROP DATABASE […]; ALTER SERVICE MASTER KEY REGENERATE`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[must_use]
pub struct ProveKeyBackup {
    restore: RestoreServiceMasterKey,
    instance: SqlInstance,
    file: Option<ServerPath>,
    route: Option<Route>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Route {
    InPlace,
    Throwaway {
        sentinel: KeySentinelBackup,
        file: ServerPath,
    },
}

/// A key file that was proved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ProvedKeyBackup {
    /// The file, as the instance saw it that proved it.
    pub file: ServerPath,
    /// What was seen of it before.
    pub examination: FileExamination,
    /// The instance that proved it, by its identity.
    pub server: String,
}

impl ProveKeyBackup {
    pub(super) fn new(instance: SqlInstance) -> Self {
        Self {
            restore: ServiceMasterKey::restore(&instance),
            instance,
            file: None,
            route: None,
        }
    }

    /// The key file, as `instance` sees it. Required.
    pub fn from_file(mut self, file: ServerPath) -> Self {
        self.restore = self.restore.from_file(file.clone());
        self.file = Some(file);
        self
    }

    /// The password of the key file. Required.
    pub fn decrypted_by(mut self, password: SecretRef) -> Self {
        self.restore = self.restore.decrypted_by(password);
        self
    }

    /// The SHA-256 that the key file must have, in hexadecimal.
    pub fn expecting_sha256(mut self, sha256: impl Into<String>) -> Self {
        self.restore = self.restore.expecting_sha256(sha256);
        self
    }

    /// Proves it on a throwaway instance by a sentinel that was made under the key, whose backup is at
    /// `file` as that instance sees it.
    pub fn opening(mut self, sentinel: &KeySentinelBackup, file: ServerPath) -> Self {
        self.route = Some(Route::Throwaway {
            sentinel: sentinel.clone(),
            file,
        });
        self
    }

    /// Proves it on the instance that it was made on. Consents to what a replacement would do to
    /// `dependents`, which were seen; `second` is another backup of the same key.
    pub fn in_place(mut self, dependents: &Dependents, second: &KeyBackup) -> Self {
        self.restore = self.restore.replacing(dependents).keeping(second);
        self.route = Some(Route::InPlace);
        self
    }

    async fn prove(&self, cx: &Context) -> Result<ProvedKeyBackup> {
        let file = required(self.file.as_ref(), "from_file")?;
        match required(self.route.as_ref(), "opening")? {
            Route::InPlace => self.prove_in_place(cx, file).await,
            Route::Throwaway {
                sentinel,
                file: sentinel_file,
            } => {
                cx.check_path("from_file", file)?;
                cx.check_path("opening", sentinel_file)?;
                let mut connection = Connection::open(cx, &self.instance, None).await?;
                let identity = connection.identity();
                identity.refuse_foreign_path("from_file", file)?;
                identity.refuse_foreign_path("opening", sentinel_file)?;
                require_throwaway(&mut connection, sentinel).await?;
                let proved = self.prove_there(cx, sentinel, sentinel_file).await;
                // The key must not stay on two instances, proved or not.
                let family = Some(sentinel.family_guid.as_str());
                let cleaned = throwaway::clean(&mut connection, &sentinel.database, family).await;
                let examination = match (proved, cleaned) {
                    (Ok(examination), Ok(())) => examination,
                    (Err(error), Ok(())) => return Err(error.with_effect(Effect::None)),
                    (_, Err(error)) => {
                        return Err(error
                            .with_effect(Effect::Partial)
                            .with_remedy(throwaway::remedy(&sentinel.database)));
                    }
                };
                Ok(ProvedKeyBackup {
                    file: file.clone(),
                    examination,
                    server: connection.identity().names(),
                })
            }
        }
    }

    async fn prove_there(
        &self,
        cx: &Context,
        sentinel: &KeySentinelBackup,
        file: &ServerPath,
    ) -> Result<FileExamination> {
        cx.report(&Progress::Doing {
            operation: NAME,
            what: "see that the sentinel does not open without the key",
        });
        if self.restore_sentinel(cx, sentinel, file).await? == ProbeResult::Opens {
            return Err(Error::new(
                ErrorKind::Incompatible,
                "the sentinel opens on the throwaway before the key is restored there, so that it would prove nothing",
            )
            .with_remedy("use an instance that never had this key"));
        }
        let mut connection = Connection::open(cx, &self.instance, None).await?;
        throwaway::drop_database(&mut connection, &sentinel.database).await?;
        drop(connection);
        let restored = self.restore.run(cx).await?;
        cx.report(&Progress::Doing {
            operation: NAME,
            what: "see that the sentinel opens with the key",
        });
        if self.restore_sentinel(cx, sentinel, file).await? != ProbeResult::Opens {
            return Err(Error::new(
                ErrorKind::KeyMismatch,
                "the sentinel does not open: the file holds another service master key than that of the instance that the sentinel was made on",
            )
            .with_remedy("back the service master key up again, and the sentinel with it"));
        }
        Ok(restored.examination)
    }

    async fn restore_sentinel(
        &self,
        cx: &Context,
        sentinel: &KeySentinelBackup,
        file: &ServerPath,
    ) -> Result<ProbeResult> {
        let restored = Database::restore(&self.instance, &sentinel.database)
            .from_file(file.clone())
            .run(cx)
            .await?;
        let mut connection = Connection::open(cx, &self.instance, None).await?;
        if restored.database.family_guid.as_deref() != Some(sentinel.family_guid.as_str()) {
            throwaway::drop_database(&mut connection, &restored.name).await?;
            return Err(Error::new(
                ErrorKind::Corrupt,
                format!(
                    "opening: {file} is not the backup of the sentinel {}",
                    sentinel.database
                ),
            )
            .with_remedy("name the file that KeySentinel::backup wrote"));
        }
        KeyProbe::of(&mut connection, &sentinel.database).await
    }

    async fn prove_in_place(&self, cx: &Context, file: &ServerPath) -> Result<ProvedKeyBackup> {
        if cx.sql().capabilities().messages == MessageSupport::None {
            return Err(Error::new(
                ErrorKind::Unsupported,
                "in_place: this transport reports no messages, so it could not be told whether the key was the same",
            )
            .with_remedy("prove it on a throwaway instance with .opening(&sentinel, file), or use a transport that reports messages"));
        }
        let restored = self.restore.run(cx).await?;
        if restored.outcome != KeyRestoreOutcome::Same {
            return Err(Error::new(
                ErrorKind::KeyMismatch,
                "the file held another key, which is the instance's now; all that was under the old one was encrypted anew and opens",
            )
            .with_effect(Effect::Done)
            .with_remedy("to go back, restore the second backup of the old key; older backups of the databases still need that one"));
        }
        let connection = Connection::open(cx, &self.instance, None).await?;
        Ok(ProvedKeyBackup {
            file: file.clone(),
            examination: restored.examination,
            server: connection.identity().names(),
        })
    }
}

/// A throwaway is another instance than the sentinel's, and nothing lives under its key.
async fn require_throwaway(
    connection: &mut Connection<'_>,
    sentinel: &KeySentinelBackup,
) -> Result<()> {
    if connection.identity().names() == sentinel.server {
        return Err(Error::invalid(
            "opening",
            "the throwaway is the very instance that the sentinel was made on",
        )
        .with_remedy(
            "name another instance, on which nothing is lost; or prove the file .in_place(…)",
        ));
    }
    throwaway::require(connection, &sentinel.database).await
}

impl Sealed for ProveKeyBackup {}

#[async_trait]
impl Operation for ProveKeyBackup {
    type Output = ProvedKeyBackup;

    fn describe(&self) -> Description {
        let mut description = self.restore.describe();
        description.action = "prove that a key file holds the service master key".to_owned();
        match &self.route {
            Some(Route::Throwaway { sentinel, file }) => {
                let name = sentinel.database.as_str();
                description.script.push(
                    Statement::new("RESTORE DATABASE ")
                        .identifier(name)
                        .text(" FROM DISK = ")
                        .literal(file.as_str())
                        .shown(),
                );
                description
                    .script
                    .push(Statement::new("DROP DATABASE ").identifier(name).shown());
                description
                    .script
                    .push("ALTER SERVICE MASTER KEY REGENERATE".to_owned());
                description.hazards = vec![Hazard::ReplacesServiceMasterKey {
                    dependents: Vec::new(),
                }];
            }
            Some(Route::InPlace) => {}
            None => description.script.push(shown::<String>(None, "opening")),
        }
        description
    }

    /// A proof is an answer and leaves nothing; what is left of an attempt is told.
    async fn observe(&self, cx: &Context) -> Result<Observation> {
        let Some(Route::Throwaway { sentinel, .. }) = &self.route else {
            return self.restore.observe(cx).await;
        };
        let look = async {
            let mut connection = Connection::open(cx, &self.instance, None).await?;
            let left = DatabaseInfo::read(&mut connection, &sentinel.database).await?;
            Ok(match left {
                Some(left) => Observation::Partial {
                    state: format!("the database {} is on the throwaway", left.name),
                },
                None => Observation::NotDone,
            })
        };
        look.await
            .map_err(|error: Error| error.at(NAME, &self.instance))
    }

    async fn run(&self, cx: &Context) -> Result<Self::Output> {
        super::super::tell(cx, NAME, &self.instance, self.prove(cx)).await
    }
}
