mod accounts;
mod part;
mod people;
mod read;
mod servers;

pub use accounts::ServiceAccount;
pub use part::InventoryPart;
pub use people::{CheckedOutRunbook, ConnectedDesigner, RoleMembers};
pub use read::ReadInventory;
pub use servers::{DeploymentDifferences, KnownRunbookServer};

use serde::{Deserialize, Serialize};

use crate::names::{DatabaseName, SqlInstance};
use crate::orchestrator::jobs::{QueuedJob, RunningJob};
use crate::sql::{Completeness, DatabaseInfo};

/// What an Orchestrator database tells of its deployment.
///
/// Most of it stands in tables whose names and columns are community knowledge; each part says whether
/// it is all there is, and if not, what is missing and why.
///
/// # Example
/// ```
/// use scorch_recovery::{Operation, orchestrator::Inventory};
///
/// let read = Inventory::read(&"SQL01".parse()?, &"Orchestrator".parse()?);
/// assert_eq!(read.describe().target, "database Orchestrator on SQL01");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Inventory {
    /// The instance, by its identity.
    pub server: String,
    /// The database.
    pub database: DatabaseName,
    /// Its owner, whether its broker is enabled, and what else the catalog shows of it.
    pub info: InventoryPart<Option<Box<DatabaseInfo>>>,
    /// The version of its schema (`VERSION.DBVersion`).
    pub version: InventoryPart<Option<String>>,
    /// The Runbook Servers that it knows.
    pub runbook_servers: InventoryPart<Vec<KnownRunbookServer>>,
    /// Where they differ from those of the deployment. `None`: no deployment was named, or the
    /// Runbook Servers can't be seen.
    pub differences: Option<DeploymentDifferences>,
    /// Runbooks that are checked out.
    pub checked_out: InventoryPart<Vec<CheckedOutRunbook>>,
    /// Designers that are connected, or were when the database was backed up.
    pub designers: InventoryPart<Vec<ConnectedDesigner>>,
    /// Runbooks that run. In a restored database: that ran when it was backed up.
    pub running: InventoryPart<Vec<RunningJob>>,
    /// Runbooks that wait to be run.
    pub queued: InventoryPart<Vec<QueuedJob>>,
    /// Its roles and their members.
    pub roles: InventoryPart<Vec<RoleMembers>>,
    /// The accounts of the services on the deployment's hosts.
    pub service_accounts: InventoryPart<Vec<ServiceAccount>>,
}

impl Inventory {
    /// Reads what `database` tells of its deployment: `.deployment(…)` where there is one to compare.
    pub fn read(instance: &SqlInstance, database: &DatabaseName) -> ReadInventory {
        ReadInventory::new(instance.clone(), database.clone())
    }

    /// What is missing, a line for each part that is not all there is.
    #[must_use]
    pub fn missing(&self) -> Vec<String> {
        let parts = [
            &self.info.completeness,
            &self.version.completeness,
            &self.runbook_servers.completeness,
            &self.checked_out.completeness,
            &self.designers.completeness,
            &self.running.completeness,
            &self.queued.completeness,
            &self.roles.completeness,
            &self.service_accounts.completeness,
        ];
        let missing = parts.into_iter().filter_map(|part| match part {
            Completeness::Incomplete { what, why } => Some(format!("{what}: {why}")),
            Completeness::Complete => None,
        });
        missing.collect()
    }
}
