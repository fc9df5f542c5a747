use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::SCHEMA;
use super::columns::DELIMITER;
use super::key::SymmetricKey;
use super::values::{EncryptedValues, ValuesEvidence};
use crate::context::Context;
use crate::error::{Effect, Error, ErrorKind, Result};
use crate::hazard::Hazard;
use crate::names::{DatabaseName, KeyName, SqlInstance};
use crate::operation::{Description, Observation, Operation, required, sealed::Sealed};
use crate::orchestrator::DeploymentServices;
use crate::orchestrator::catalog::ROOT;
use crate::orchestrator::procedures::{Procedures, Signature, require_same};
use crate::orchestrator::stopped::StoppedServices;
use crate::permission::Permission;
use crate::progress::Progress;
use crate::sql::connection::Connection;
use crate::sql::statement::Statement;
use crate::sql::{Modules, lost_session};

const NAME: &str = "make keys of database anew";
const DROP: &str = "DropOrchestratorKeys";
const CREATE: &str = "CreateOrchestratorKeys";

/// Drops the keys of an Orchestrator database and makes new ones: the way out when the service master
/// key that they are under is lost (documented, KB2920037). Every encrypted value is lost with them.
///
/// # Contract
/// * It is done for the values that were listed and nothing else ([`losing`](Self::losing)): they are
///   listed again and compared, so that nothing is lost that somebody did not see. They stay where they
///   are, unreadable; the list says what to type in again. So does the licence key.
/// * The services must be stopped ([`services_stopped`](Self::services_stopped)); where the context can
///   look, they are looked at again.
/// * The procedures run only where the database's code is that of a baseline
///   ([`trusting`](Self::trusting)): they run with the rights of whoever runs this.
/// * Where the keys are dropped already and none were made, they are made: so it is resumed.
///
/// # Errors
/// `ConsentRequired` (no evidence, or other values, code, services than seen), `PermissionDenied`
/// (CONTROL on the database), `Unsupported` (procedures with parameters), `NotFound`: nothing was changed.
/// `Partial`: the keys are dropped, or some of them, and no new ones are there: run it again. `Done`: it
/// happened, and the look after it failed. Where an answer is lost, its session is ended and the keys
/// are looked at.
///
/// # Cancel safety
/// Not cancellable once it drops. Dropping the future leaves the keys as they were, dropped, or new,
/// which [`observe`](Operation::observe) tells.
///
/// # T-SQL
/// `EXEC [Microsoft.SystemCenter.Orchestrator.Cryptography].[DropOrchestratorKeys]`,
/// `EXEC [Microsoft.SystemCenter.Orchestrator.Cryptography].[CreateOrchestratorKeys]`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[must_use]
pub struct RecreateOrchestratorKeys {
    instance: SqlInstance,
    database: DatabaseName,
    symmetric_key: Option<KeyName>,
    delimiter: String,
    losing: Option<ValuesEvidence>,
    trusting: Option<Box<Modules>>,
    services_stopped: Option<StoppedServices>,
}

/// The keys are new, and what was encrypted is lost.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
#[must_use = "it holds the list of what has to be typed in again"]
pub struct RecreatedOrchestratorKeys {
    /// The identifier of the symmetric key that was dropped, in hexadecimal; `None`: it was before.
    pub before: Option<String>,
    /// That of the new one.
    pub key_guid: String,
    /// What has to be typed in again, besides the licence key.
    pub lost: EncryptedValues,
}

impl RecreateOrchestratorKeys {
    pub(super) fn new(instance: SqlInstance, database: DatabaseName) -> Self {
        Self {
            instance,
            database,
            symmetric_key: "ORCHESTRATOR_SYM_KEY".parse().ok(),
            delimiter: DELIMITER.to_owned(),
            losing: None,
            trusting: None,
            services_stopped: None,
        }
    }

    /// Consents to losing the values that were listed, and says that somebody has the list. Required.
    pub fn losing(mut self, values: &EncryptedValues) -> Self {
        self.losing = Some(values.evidence());
        self
    }

    /// Consents to running the procedures of a database with this code: see
    /// [`VerifyEncryption::trusting`](super::VerifyEncryption::trusting). Required.
    pub fn trusting(mut self, modules: &Modules) -> Self {
        self.trusting = Some(Box::new(modules.clone()));
        self
    }

    /// The services of the deployment, seen stopped. Required: the Management Service must not run
    /// meanwhile (documented).
    pub fn services_stopped(mut self, seen: &DeploymentServices) -> Self {
        self.services_stopped = Some(StoppedServices::of(seen));
        self
    }

    fn target(&self) -> String {
        format!("database {} on {}", self.database, self.instance)
    }

    /// The key, and what is to be said of it.
    async fn look(
        &self,
        connection: &mut Connection<'_>,
        losing: &ValuesEvidence,
    ) -> Result<(SymmetricKey, Observation)> {
        let key = SymmetricKey::read(connection, self.symmetric_key.as_ref()).await?;
        let observation = match key.shown() {
            None if losing.key_guid.is_none() => Observation::NotDone,
            None => Observation::Partial {
                state: "the keys are dropped, and new ones are not made".to_owned(),
            },
            now if now == losing.key_guid => Observation::NotDone,
            Some(_) => Observation::Done,
        };
        Ok((key, observation))
    }

    async fn observed(&self, cx: &Context) -> Result<Observation> {
        let losing = required(self.losing.as_ref(), "losing")?;
        // Who does not see keys would take them for dropped.
        let permissions = [Permission::database("VIEW DEFINITION", &self.database)];
        let database = Some(&self.database);
        let mut connection =
            Connection::open_allowed(cx, &self.instance, database, &permissions).await?;
        let (_, observation) = self.look(&mut connection, losing).await?;
        Ok(observation)
    }

    async fn recreate(&self, cx: &Context) -> Result<RecreatedOrchestratorKeys> {
        let losing = required(self.losing.as_ref(), "losing")?;
        let services = required(self.services_stopped.as_ref(), "services_stopped")?;
        services.check(cx).await?;
        let permissions = self.describe().permissions;
        let database = Some(&self.database);
        let mut connection =
            Connection::open_allowed(cx, &self.instance, database, &permissions).await?;
        connection.identity().refuse_listener(&self.instance)?;
        let modules = Modules::read(&mut connection, &self.database).await?;
        require_same(&modules, self.trusting.as_deref())?;
        let procedures = Procedures::read(&mut connection).await?;
        let (drop, create) = (
            parameterless(&procedures, DROP)?,
            parameterless(&procedures, CREATE)?,
        );
        let (key, observation) = self.look(&mut connection, losing).await?;
        if observation == Observation::Done {
            return Err(Error::new(
                ErrorKind::ConsentRequired,
                "losing: the keys are not those that were seen: they were made anew since",
            )
            .with_remedy("list the values again with Encryption::values, and decide anew"));
        }
        let guid = losing.key_guid.as_deref().map(hex::decode).transpose();
        let guid = guid.map_err(|_| Error::invalid("losing", "its key is not in hexadecimal"))?;
        let lost = EncryptedValues::read(
            &mut connection,
            &self.database,
            guid.as_deref(),
            &self.delimiter,
            &losing.left_out,
        );
        let lost = lost.await?;
        losing.check(&lost)?;
        cx.safe_point()?;
        cx.report(&Progress::Doing {
            operation: NAME,
            what: "drop the keys and make new ones",
        });
        // From here on the keys may be gone, whatever goes wrong.
        let before = key.shown();
        if before.is_some() {
            self.send(&mut connection, drop).await?;
        }
        self.send(&mut connection, create).await?;
        let done = |error: Error| error.with_effect(Effect::Done);
        let (now, _) = self.look(&mut connection, losing).await.map_err(done)?;
        match now.shown() {
            Some(key_guid) if Some(&key_guid) != losing.key_guid.as_ref() => {
                Ok(RecreatedOrchestratorKeys {
                    before,
                    key_guid,
                    lost,
                })
            }
            Some(_) => Err(done(Error::new(
                ErrorKind::Corrupt,
                "after it the symmetric key is the old one still",
            ))),
            None => Err(
                Error::new(ErrorKind::Corrupt, "after it there is no symmetric key")
                    .with_effect(Effect::Partial),
            ),
        }
    }

    /// Calls one of the procedures. What an error leaves is taken from the keys.
    async fn send(&self, connection: &mut Connection<'_>, procedure: &Signature) -> Result<()> {
        let batch = procedure.call(Statement::new("")).batch();
        let cx = connection.cx();
        let deadline = Some(cx.deadlines().key);
        let answer =
            lost_session::change(connection, batch, &[], deadline, self.observed(cx)).await?;
        let Err(error) = answer.or_error() else {
            return Ok(());
        };
        let effect = match self.observed(cx).await {
            // The key below the symmetric one can't be dropped before it.
            Ok(Observation::NotDone) => Effect::None,
            Ok(Observation::Done) => Effect::Done,
            Ok(_) => Effect::Partial,
            Err(_) => Effect::Unknown,
        };
        Err(error.with_effect(effect))
    }
}

fn parameterless<'a>(procedures: &'a Procedures, name: &str) -> Result<&'a Signature> {
    let found = procedures.find(SCHEMA, name)?;
    if found.parameters.is_empty() {
        return Ok(found);
    }
    Err(found.unknown("no parameters").into())
}

impl Sealed for RecreateOrchestratorKeys {}

#[async_trait]
impl Operation for RecreateOrchestratorKeys {
    type Output = RecreatedOrchestratorKeys;

    fn describe(&self) -> Description {
        let schema = format!("{ROOT}{SCHEMA}");
        let script = [DROP, CREATE].map(|procedure| {
            Statement::new("EXEC ")
                .identifier(&schema)
                .text(".")
                .identifier(procedure)
                .shown()
        });
        let values = self.losing.as_ref().map(|seen| seen.columns.clone());
        Description {
            target: self.target(),
            action: "drop the database's keys and make new ones: every encrypted value is lost"
                .to_owned(),
            script: script.to_vec(),
            hazards: vec![Hazard::DestroysEncryptedValues {
                database: self.database.to_string(),
                values: values.unwrap_or_default(),
            }],
            permissions: vec![Permission::database("CONTROL", &self.database)],
        }
    }

    async fn observe(&self, cx: &Context) -> Result<Observation> {
        self.observed(cx)
            .await
            .map_err(|error| error.at(NAME, self.target()))
    }

    async fn run(&self, cx: &Context) -> Result<Self::Output> {
        crate::sql::tell(cx, NAME, &self.target(), self.recreate(cx)).await
    }
}
