use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::Jobs;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::names::{DatabaseName, SqlInstance};
use crate::operation::{Description, Observation, Operation, sealed::Sealed};
use crate::orchestrator::catalog::Catalog;
use crate::permission::Permission;
use crate::sql::connection::Connection;

const NAME: &str = "inspect jobs of database";

/// Looks what runs and waits in an Orchestrator database.
///
/// # Contract
/// Reads only, and calls nothing that the database brought. A table that is not as it is known
/// (community) is told in [`Jobs::completeness`].
///
/// # Errors
/// `NotFound` (no such database), `PermissionDenied` (SELECT on the database). Nothing is changed.
///
/// # Cancel safety
/// Dropping the future leaves nothing behind.
///
/// # T-SQL
/// `SELECT … FROM dbo.POLICYINSTANCES`, `dbo.POLICY_PUBLISH_QUEUE`,
/// `[Microsoft.SystemCenter.Orchestrator.Runtime.Internal].[Jobs]`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[must_use]
pub struct InspectJobs {
    instance: SqlInstance,
    database: DatabaseName,
}

impl InspectJobs {
    pub(super) const fn new(instance: SqlInstance, database: DatabaseName) -> Self {
        Self { instance, database }
    }

    pub(super) fn target(&self) -> String {
        format!("database {} on {}", self.database, self.instance)
    }

    pub(super) async fn look(&self, cx: &Context) -> Result<Jobs> {
        let permissions = [Permission::database("SELECT", &self.database)];
        let database = Some(&self.database);
        let mut connection =
            Connection::open_allowed(cx, &self.instance, database, &permissions).await?;
        let catalog = Catalog::read(&mut connection).await?;
        Jobs::read(&mut connection, &catalog, &self.database).await
    }
}

impl Sealed for InspectJobs {}

#[async_trait]
impl Operation for InspectJobs {
    type Output = Jobs;

    fn describe(&self) -> Description {
        Description {
            target: self.target(),
            action: "look what runs and waits".to_owned(),
            script: Vec::new(),
            hazards: Vec::new(),
            permissions: vec![Permission::database("SELECT", &self.database)],
        }
    }

    async fn observe(&self, _: &Context) -> Result<Observation> {
        // Looking leaves nothing behind.
        Ok(Observation::NotDone)
    }

    async fn run(&self, cx: &Context) -> Result<Self::Output> {
        self.look(cx)
            .await
            .map_err(|error: Error| error.at(NAME, self.target()))
    }
}
