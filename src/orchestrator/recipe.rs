//! What recipes of the community on Orchestrator's own tables have in common.

use std::future::Future;

use serde::{Deserialize, Serialize};

use crate::context::Context;
use crate::error::{Effect, Error, ErrorKind, Result};
use crate::names::{DatabaseName, SqlInstance};
use crate::operation::{Observation, required};
use crate::orchestrator::DeploymentServices;
use crate::orchestrator::procedures::require_same;
use crate::orchestrator::stopped::StoppedServices;
use crate::permission::Permission;
use crate::sql::connection::Connection;
use crate::sql::statement::Statement;
use crate::sql::{DatabaseInfo, Modules, lost_session};

/// A recipe: where it is for, and the evidence it takes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Recipe {
    pub(super) instance: SqlInstance,
    pub(super) database: DatabaseName,
    trusting: Option<Box<Modules>>,
    services_stopped: Option<StoppedServices>,
}

impl Recipe {
    pub(super) const fn new(instance: SqlInstance, database: DatabaseName) -> Self {
        Self {
            instance,
            database,
            trusting: None,
            services_stopped: None,
        }
    }

    pub(super) fn trust(&mut self, modules: &Modules) {
        self.trusting = Some(Box::new(modules.clone()));
    }

    pub(super) fn stopped(&mut self, seen: &DeploymentServices) {
        self.services_stopped = Some(StoppedServices::of(seen));
    }

    pub(super) fn target(&self) -> String {
        format!("database {} on {}", self.database, self.instance)
    }

    /// A session in the database, that only looks.
    pub(super) async fn look<'a>(
        &self,
        cx: &'a Context,
        permissions: &[Permission],
    ) -> Result<Connection<'a>> {
        Connection::open_allowed(cx, &self.instance, Some(&self.database), permissions).await
    }

    /// A session in the database, once the services are stopped, its broker is enabled and its code is what
    /// is trusted.
    pub(super) async fn begin<'a>(
        &self,
        cx: &'a Context,
        permissions: &[Permission],
    ) -> Result<Connection<'a>> {
        let services = required(self.services_stopped.as_ref(), "services_stopped")?;
        services.check(cx).await?;
        let mut connection = self.look(cx, permissions).await?;
        let info = DatabaseInfo::require(&mut connection, &self.database).await?;
        if !info.is_broker_enabled {
            return Err(Error::new(
                ErrorKind::Incompatible,
                "the Service Broker of the database is not enabled, without which nothing of its maintenance runs",
            )
            .with_remedy("enable it first, with Database::enable_broker"));
        }
        let modules = Modules::read(&mut connection, &self.database).await?;
        require_same(&modules, self.trusting.as_deref())?;
        Ok(connection)
    }
}

/// Sends statements one after the other, none of them twice. What an error leaves counts from the first
/// one that was done: `Partial`; what became of a lost answer is observed.
pub(super) async fn change_in_order<F>(
    connection: &mut Connection<'_>,
    statements: Vec<Statement>,
    observe: impl Fn() -> F + Send + Sync,
) -> Result<Effect>
where
    F: Future<Output = Result<Observation>> + Send,
{
    let mut effect = Effect::None;
    for statement in statements {
        let deadline = Some(connection.cx().deadlines().look);
        let batch = statement.batch();
        let sent = lost_session::change(connection, batch, &[], deadline, observe());
        let answer = sent.await.map_err(|error| match (error.effect(), effect) {
            (Effect::None, Effect::Partial) => error.with_effect(Effect::Partial),
            _ => error,
        })?;
        answer
            .or_error()
            .map_err(|error| error.with_effect(effect))?;
        effect = Effect::Partial;
    }
    Ok(effect)
}
