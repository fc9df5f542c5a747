use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::inside::{self, Inside, Password};
use crate::context::Context;
use crate::error::{Effect, Error, ErrorKind, Result};
use crate::names::{DatabaseName, SqlInstance};
use crate::operation::{Description, Observation, Operation, sealed::Sealed};
use crate::permission::Permission;
use crate::progress::Progress;
use crate::secret::SecretRef;
use crate::sql::connection::Connection;
use crate::sql::key_probe::{KeyProbe, ProbeResult};
use crate::sql::numbers;
use crate::sql::statement::Statement;

const NAME: &str = "protect database master key by service master key";
const ALTER: &str = "ALTER MASTER KEY ADD ENCRYPTION BY SERVICE MASTER KEY";

/// *Re-wraps* a database's master key: puts it under the service master key of this instance, so
/// that it opens by itself.
///
/// This is the documented repair of a database that came from another instance, and of all ways to
/// make its keys open again the one with the least harm: no other database is touched.
///
/// # Contract
/// * The key is opened by a password ([`opened_by`](Self::opened_by)), unless it opens by itself.
/// * Afterwards it is tried in a new session, where nobody opened it.
/// * Where it was under this service master key already, that is said and nothing is lost.
///
/// # Errors
/// `KeyMismatch` (the password does not open it, or it does not open by itself and none was said),
/// `NotFound` (no such database, or it has no master key), `PermissionDenied` (CONTROL on the
/// database), `Busy` (read-only), `Unsupported` (availability group): nothing was changed. `Unknown`
/// when the answer was lost; `Done` when it does not open in a new session all the same.
///
/// # Cancel safety
/// Dropping the future leaves it done or not done, which [`observe`](Operation::observe) tells.
///
/// # T-SQL
/// `[OPEN MASTER KEY DECRYPTION BY PASSWORD = N'***';]
/// ALTER MASTER KEY ADD ENCRYPTION BY SERVICE MASTER KEY`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[must_use]
pub struct ProtectByServiceMasterKey {
    instance: SqlInstance,
    database: DatabaseName,
    opened_by: Option<SecretRef>,
}

/// A database master key that is under the service master key of its instance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ProtectedByServiceMasterKey {
    /// The database.
    pub database: DatabaseName,
    /// Whether SQL Server said that it was under this key already (15579). That it says so at all is
    /// unconfirmed.
    pub was_protected: bool,
    /// Whether it opens in a new session.
    pub probe: ProbeResult,
}

impl ProtectByServiceMasterKey {
    pub(super) const fn new(instance: SqlInstance, database: DatabaseName) -> Self {
        Self {
            instance,
            database,
            opened_by: None,
        }
    }

    /// A password of the master key, where it does not open by itself.
    pub fn opened_by(mut self, password: SecretRef) -> Self {
        self.opened_by = Some(password);
        self
    }

    async fn protect(&self, cx: &Context) -> Result<ProtectedByServiceMasterKey> {
        let opened_by = Password::fetch_any(cx, "opened_by", self.opened_by.as_ref()).await?;
        let (mut connection, inside) = Inside::enter(cx, &self.instance, &self.database).await?;
        inside.require_master_key()?;
        inside.require_writable()?;
        if let Some(opened_by) = &opened_by {
            inside::open(&mut connection, opened_by).await?;
        }
        cx.safe_point()?;
        cx.report(&Progress::Doing {
            operation: NAME,
            what: "put the master key under the service master key",
        });
        let was_protected = add(&mut connection).await?;
        drop(connection);

        let done = |error: Error| error.with_effect(Effect::Done);
        let probe = self.probe(cx).await.map_err(done)?;
        if probe == ProbeResult::DoesNotOpen {
            return Err(done(
                Error::new(
                    ErrorKind::KeyMismatch,
                    "the master key does not open by itself in a new session",
                )
                .with_remedy(
                    "look at the server's error log: its service master key may itself not open",
                ),
            ));
        }
        Ok(ProtectedByServiceMasterKey {
            database: self.database.clone(),
            was_protected,
            probe,
        })
    }

    /// Tries the key in a session in which nobody opened it.
    async fn probe(&self, cx: &Context) -> Result<ProbeResult> {
        let mut connection = Connection::open(cx, &self.instance, None).await?;
        KeyProbe::of(&mut connection, &self.database).await
    }
}

/// Whether it was there already.
async fn add(connection: &mut Connection<'_>) -> Result<bool> {
    let deadline = Some(connection.cx().deadlines().key);
    let answer = connection
        .change(Statement::new(ALTER).batch(), &[], deadline)
        .await?;
    match answer.or_error() {
        Ok(_) => Ok(false),
        Err(error) if error.has_number(&[numbers::SAME_ENCRYPTION]) => Ok(true),
        Err(error) => Err(inside::explain_closed(error)),
    }
}

impl Sealed for ProtectByServiceMasterKey {}

#[async_trait]
impl Operation for ProtectByServiceMasterKey {
    type Output = ProtectedByServiceMasterKey;

    fn describe(&self) -> Description {
        let mut script = inside::script(&self.database, self.opened_by.is_some());
        script.push(ALTER.to_owned());
        if self.opened_by.is_some() {
            script.push("CLOSE MASTER KEY".to_owned());
        }
        Description {
            target: format!("database {} on {}", self.database, self.instance),
            action: "put the database master key under the service master key of the instance"
                .to_owned(),
            script,
            hazards: Vec::new(),
            permissions: vec![Permission::database("CONTROL", &self.database)],
        }
    }

    async fn observe(&self, cx: &Context) -> Result<Observation> {
        let observation = match self.probe(cx).await {
            Ok(ProbeResult::Opens) => Observation::Done,
            Ok(ProbeResult::DoesNotOpen) => Observation::NotDone,
            Ok(ProbeResult::NothingToProbe) => Observation::Indeterminate {
                seen: "nothing in the database is protected by its master key, so that it can't be tried".to_owned(),
            },
            Err(error) => {
                return Err(error.at(NAME, super::target(&self.instance, &self.database)));
            }
        };
        Ok(observation)
    }

    async fn run(&self, cx: &Context) -> Result<Self::Output> {
        let target = super::target(&self.instance, &self.database);
        super::super::tell(cx, NAME, &target, self.protect(cx)).await
    }
}
