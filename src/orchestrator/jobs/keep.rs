use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::inspect::InspectJobs;
use super::{Jobs, JobsEvidence};
use crate::context::Context;
use crate::error::Result;
use crate::hazard::Hazard;
use crate::names::{DatabaseName, SqlInstance};
use crate::operation::{Description, Observation, Operation, required, sealed::Sealed};
use crate::permission::Permission;

const NAME: &str = "keep jobs of database";

/// Decides that what runs and waits in an Orchestrator database stays as it was seen, and may run again.
///
/// # Contract
/// Changes nothing: it looks that there is what was seen ([`seen`](Self::seen)) and nothing else, so that
/// the decision is about what is there.
///
/// # Errors
/// `ConsentRequired` (other jobs than those seen), `NotFound`, `PermissionDenied` (SELECT on the
/// database). Nothing is changed.
///
/// # Cancel safety
/// Dropping the future leaves nothing behind.
///
/// # T-SQL
/// That of [`InspectJobs`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[must_use]
pub struct KeepJobs {
    instance: SqlInstance,
    database: DatabaseName,
    seen: Option<JobsEvidence>,
}

impl KeepJobs {
    pub(super) const fn new(instance: SqlInstance, database: DatabaseName) -> Self {
        Self {
            instance,
            database,
            seen: None,
        }
    }

    /// Consents to the jobs that were seen. Required.
    pub fn seen(mut self, jobs: &Jobs) -> Self {
        self.seen = Some(jobs.evidence());
        self
    }

    fn inspect(&self) -> InspectJobs {
        InspectJobs::new(self.instance.clone(), self.database.clone())
    }

    async fn keep(&self, cx: &Context) -> Result<Jobs> {
        let seen = required(self.seen.as_ref(), "seen")?;
        let now = self.inspect().look(cx).await?;
        seen.check(&now)?;
        Ok(now)
    }
}

impl Sealed for KeepJobs {}

#[async_trait]
impl Operation for KeepJobs {
    type Output = Jobs;

    fn describe(&self) -> Description {
        let seen = self.seen.as_ref().map(|seen| seen.names.clone());
        Description {
            target: self.inspect().target(),
            action: "keep what runs and waits".to_owned(),
            script: Vec::new(),
            hazards: vec![Hazard::ResumesOldJobs {
                jobs: seen.unwrap_or_default(),
            }],
            permissions: vec![Permission::database("SELECT", &self.database)],
        }
    }

    async fn observe(&self, _: &Context) -> Result<Observation> {
        // A decision leaves nothing behind.
        Ok(Observation::NotDone)
    }

    async fn run(&self, cx: &Context) -> Result<Self::Output> {
        self.keep(cx)
            .await
            .map_err(|error| error.at(NAME, self.inspect().target()))
    }
}
