use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::part::InventoryPart;
use super::servers::{self, DeploymentDifferences};
use super::{Inventory, accounts, people};
use crate::context::Context;
use crate::error::{Error, Result};
use crate::names::{DatabaseName, SqlInstance};
use crate::operation::{Description, Observation, Operation, sealed::Sealed};
use crate::orchestrator::Deployment;
use crate::orchestrator::catalog::{Catalog, Trouble, Wanted, look, pick};
use crate::orchestrator::jobs::found;
use crate::permission::Permission;
use crate::sql::DatabaseInfo;
use crate::sql::connection::Connection;
use crate::sql::statement::Statement;

const NAME: &str = "read inventory of database";

/// Reads what an Orchestrator database tells of its deployment.
///
/// # Contract
/// * Reads only, and calls nothing that the database brought.
/// * Columns are looked for in the catalog before they are named: most of the schema is community
///   knowledge. A part that is not as it is known, or that the login may not read, is told as
///   [`Incomplete`](crate::sql::Completeness::Incomplete); the others are read all the same.
/// * Accounts of services are told where the context has a port to service managers that tells them.
///
/// # Errors
/// `NotFound` (no such database), `PermissionDenied` (CONNECT on the database), `InvalidInput` (a
/// deployment that is none), and those of connecting. Nothing is changed.
///
/// # Cancel safety
/// Dropping the future leaves nothing behind.
///
/// # T-SQL
/// `SELECT … FROM sys.columns`, `dbo.ACTIONSERVERS`, `dbo.VERSION`, `dbo.POLICYINSTANCES`,
/// `dbo.POLICY_PUBLISH_QUEUE`, `dbo.CLIENTCONNECTIONS`,
/// `[Microsoft.SystemCenter.Orchestrator].[Runbooks]`, `sys.database_role_members`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[must_use]
pub struct ReadInventory {
    instance: SqlInstance,
    database: DatabaseName,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    deployment: Option<Deployment>,
}

impl ReadInventory {
    pub(super) const fn new(instance: SqlInstance, database: DatabaseName) -> Self {
        Self {
            instance,
            database,
            deployment: None,
        }
    }

    /// The deployment as it is known: which Runbook Servers it forgot is told, and the accounts of its
    /// services.
    pub fn deployment(mut self, deployment: &Deployment) -> Self {
        self.deployment = Some(deployment.clone());
        self
    }

    /// The rights with which a login sees all of it. With fewer, parts are told as incomplete.
    #[must_use]
    pub fn rights_for_all(&self) -> Vec<Permission> {
        vec![
            Permission::server("VIEW ANY DEFINITION"),
            Permission::database("SELECT", &self.database),
            Permission::database("VIEW DEFINITION", &self.database),
        ]
    }

    fn target(&self) -> String {
        format!("database {} on {}", self.database, self.instance)
    }

    async fn read(&self, cx: &Context) -> Result<Inventory> {
        if let Some(deployment) = &self.deployment {
            deployment.check()?;
        }
        let permissions = self.describe().permissions;
        let mut connection =
            Connection::open_inside(cx, &self.instance, &self.database, &permissions).await?;
        let connection = &mut connection;
        let catalog = Catalog::read(connection).await?;
        let runbook_servers = InventoryPart::of(servers::read(connection, &catalog).await)?;
        let deployment = self.deployment.as_ref();
        let differences = deployment
            .filter(|_| runbook_servers.is_complete())
            .map(|deployment| DeploymentDifferences::between(deployment, &runbook_servers.found));
        Ok(Inventory {
            server: connection.identity().names(),
            database: self.database.clone(),
            info: info(connection, &self.database).await?,
            version: InventoryPart::of(version(connection, &catalog).await)?,
            runbook_servers,
            differences,
            checked_out: InventoryPart::of(people::checked_out(connection, &catalog).await)?,
            designers: InventoryPart::of(people::designers(connection, &catalog).await)?,
            running: InventoryPart::of(found::running(connection, &catalog).await)?,
            queued: InventoryPart::of(found::queued(connection, &catalog).await)?,
            roles: InventoryPart::of(people::roles(connection).await)?,
            service_accounts: accounts::read(cx, deployment).await?,
        })
    }
}

async fn info(
    connection: &mut Connection<'_>,
    database: &DatabaseName,
) -> Result<InventoryPart<Option<Box<DatabaseInfo>>>> {
    let found = DatabaseInfo::read(connection, database)
        .await?
        .map(Box::new);
    let problem = match &found {
        None => "the database is not in sys.databases without VIEW ANY DATABASE",
        Some(info) if info.owner.is_none() => {
            "no login of this instance has the owner's SID, or it can't be seen without VIEW ANY DEFINITION"
        }
        Some(_) => return Ok(InventoryPart::complete(found)),
    };
    Ok(InventoryPart {
        found,
        ..InventoryPart::lacking("the database and its owner", problem)
    })
}

/// Documented: `SELECT DBVersion FROM VERSION`.
async fn version(
    connection: &mut Connection<'_>,
    catalog: &Catalog,
) -> Result<Option<String>, Trouble> {
    let relation = catalog.relation("dbo", "VERSION")?;
    let version = relation.column(&Wanted::known(&["DBVersion"]))?;
    let statement = pick(Statement::new("SELECT "), Some(version), "version");
    let answer = look(connection, &relation, relation.from(statement)).await?;
    let row = answer.rows(0).next();
    let version = row.map(|row| row.text_or_null("version")).transpose()?;
    Ok(version.flatten().map(str::to_owned))
}

impl Sealed for ReadInventory {}

#[async_trait]
impl Operation for ReadInventory {
    type Output = Inventory;

    fn describe(&self) -> Description {
        Description {
            target: self.target(),
            action: "read what the database tells of its deployment".to_owned(),
            script: Vec::new(),
            hazards: Vec::new(),
            permissions: vec![Permission::database("CONNECT", &self.database)],
        }
    }

    async fn observe(&self, _: &Context) -> Result<Observation> {
        // Looking leaves nothing behind.
        Ok(Observation::NotDone)
    }

    async fn run(&self, cx: &Context) -> Result<Self::Output> {
        self.read(cx)
            .await
            .map_err(|error: Error| error.at(NAME, self.target()))
    }
}
