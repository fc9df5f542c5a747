mod cancel;
pub(in crate::orchestrator) mod found;
mod inspect;
mod keep;

pub use cancel::{CancelJobs, CancelledJobs};
pub use found::{QueuedJob, RunningJob};
pub use inspect::InspectJobs;
pub use keep::KeepJobs;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::error::{Error, ErrorKind, Result};
use crate::names::{DatabaseName, SqlInstance};
use crate::orchestrator::catalog::{Catalog, Trouble};
use crate::sql::Completeness;
use crate::sql::connection::Connection;

/// The work of an Orchestrator database: what runs and what waits. In a restored database it is what ran
/// and waited when it was backed up, and may run again once `orunbook` starts (community reports).
///
/// # Example
/// ```
/// use scorch_recovery::{Operation, orchestrator::Jobs};
///
/// let inspect = Jobs::inspect(&"SQL01".parse()?, &"Orchestrator".parse()?);
/// assert!(inspect.describe().hazards.is_empty());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Jobs {
    /// The instance, by its identity.
    pub server: String,
    /// The database.
    pub database: DatabaseName,
    /// Runbooks that run.
    pub running: Vec<RunningJob>,
    /// Runbooks that wait, or that a Runbook Server was given.
    pub queued: Vec<QueuedJob>,
    /// Identifiers of jobs that the web service shows and that have not ended.
    pub open: Vec<String>,
    /// Whether this is all.
    pub completeness: Completeness,
}

/// What an operation carries of jobs that were seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct JobsEvidence {
    digest: String,
    names: Vec<String>,
}

impl Jobs {
    /// Looks what runs and waits.
    pub fn inspect(instance: &SqlInstance, database: &DatabaseName) -> InspectJobs {
        InspectJobs::new(instance.clone(), database.clone())
    }

    /// Decides that what runs and waits stays: `.seen(&jobs)`.
    pub fn keep(instance: &SqlInstance, database: &DatabaseName) -> KeepJobs {
        KeepJobs::new(instance.clone(), database.clone())
    }

    /// Cancels what runs and waits: `.seen(&jobs)`, `.trusting(&modules)`.
    pub fn cancel(instance: &SqlInstance, database: &DatabaseName) -> CancelJobs {
        CancelJobs::new(instance.clone(), database.clone())
    }

    /// What there is, in a few words each.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        let name = |name: &Option<String>, id: &Option<String>| {
            let name = name.as_ref().or(id.as_ref());
            name.map_or_else(|| "a runbook without name".to_owned(), Clone::clone)
        };
        let running = self.running.iter().map(|job| {
            let since = job.started.as_deref().unwrap_or("an unknown time");
            format!("{} runs since {since}", name(&job.name, &job.runbook))
        });
        let queued = self.queued.iter().map(|job| {
            let what = name(&job.name, &job.runbook);
            match job.is_stop_requested {
                Some(true) => format!("{what} is to stop"),
                _ => format!("{what} waits"),
            }
        });
        let open = self.open.iter().map(|id| format!("the job {id} is open"));
        running.chain(queued).chain(open).collect()
    }

    /// Whether nothing runs, and nothing waits but what was asked to stop.
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        let is_stopped = |job: &QueuedJob| job.is_stop_requested == Some(true);
        self.running.is_empty() && self.open.is_empty() && self.queued.iter().all(is_stopped)
    }

    fn evidence(&self) -> JobsEvidence {
        JobsEvidence {
            digest: hex::encode(Sha256::digest(serde_json::json!(self).to_string())),
            names: self.names(),
        }
    }

    /// Reads them in a session that is in the database.
    async fn read(
        connection: &mut Connection<'_>,
        catalog: &Catalog,
        database: &DatabaseName,
    ) -> Result<Self> {
        let mut lacking = Vec::new();
        let running = settle(found::running(connection, catalog).await, &mut lacking)?;
        let queued = settle(found::queued(connection, catalog).await, &mut lacking)?;
        let open = settle(found::open(connection, catalog).await, &mut lacking)?;
        Ok(Self {
            server: connection.identity().names(),
            database: database.clone(),
            running,
            queued,
            open,
            completeness: match lacking.is_empty() {
                true => Completeness::Complete,
                false => Completeness::Incomplete {
                    what: "jobs".to_owned(),
                    why: lacking.join("; "),
                },
            },
        })
    }
}

fn settle<T: Default>(read: Result<T, Trouble>, lacking: &mut Vec<String>) -> Result<T> {
    match read {
        Ok(found) => Ok(found),
        Err(Trouble::Lack(lack)) => {
            lacking.push(format!("{}: {}", lack.what, lack.why));
            Ok(T::default())
        }
        Err(Trouble::Error(error)) => Err(error),
    }
}

impl JobsEvidence {
    /// Refuses other jobs than those that were seen.
    fn check(&self, now: &Jobs) -> Result<()> {
        if now.evidence().digest == self.digest {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::ConsentRequired,
            "seen: what runs and waits is not what was seen",
        )
        .with_remedy("look at Jobs::inspect again, and decide anew; stop the services first, so that it stays as it is"))
    }
}
