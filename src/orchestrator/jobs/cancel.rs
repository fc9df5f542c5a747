use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::found::Queue;
use super::inspect::InspectJobs;
use super::{Jobs, JobsEvidence};
use crate::context::Context;
use crate::error::{Effect, Error, ErrorKind, Result};
use crate::hazard::Hazard;
use crate::names::{DatabaseName, SqlInstance};
use crate::operation::{Description, Observation, Operation, required, sealed::Sealed};
use crate::orchestrator::catalog::Catalog;
use crate::orchestrator::procedures::{Procedures, Signature, require_same};
use crate::orchestrator::recipe::change_in_order;
use crate::permission::Permission;
use crate::progress::Progress;
use crate::sql::Modules;
use crate::sql::connection::Connection;
use crate::sql::statement::Statement;

const NAME: &str = "cancel jobs of database";
/// Who cancels, as recipes of the community say it: the SID of an administrator.
const ADMINISTRATOR: &str = "S-1-5-500";

/// Cancels what runs and waits in an Orchestrator database, by the recipe of the community.
///
/// # Contract
/// * It is done for the jobs that were seen and nothing else ([`seen`](Self::seen)): they are read again
///   and compared.
/// * What waits is asked to stop (`StopRequested`), instances of Runbook Servers that are gone are
///   cleared (`ClearOrphanedRunbookInstances`), jobs of the web service are cancelled (`CancelJob`).
///   What there is none of is left alone. Names and parameters are read from the catalog.
/// * The procedures run only where the database's code is that of a baseline
///   ([`trusting`](Self::trusting)): they run with the rights of whoever runs this.
/// * Afterwards it is looked at: what runs still is an error, with the effect `Done`.
///
/// # Errors
/// `ConsentRequired` (no evidence, or other jobs or code than seen), `PermissionDenied` (SELECT, UPDATE,
/// EXECUTE and VIEW DEFINITION on the database), `Unsupported` (other parameters than the known ones):
/// nothing was changed. `Partial` when some was cancelled and some not; `Busy` with the effect `Done`
/// when something runs still.
///
/// # Cancel safety
/// Dropping the future may leave some cancelled and some not; [`observe`](Operation::observe) tells.
///
/// # T-SQL
/// `UPDATE dbo.POLICY_PUBLISH_QUEUE SET StopRequested = 1`,
/// `EXEC [Microsoft.SystemCenter.Orchestrator.Runtime.Internal].[ClearOrphanedRunbookInstances]`,
/// `EXEC [Microsoft.SystemCenter.Orchestrator.Runtime].[CancelJob] N'…', N'S-1-5-500'`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[must_use]
pub struct CancelJobs {
    instance: SqlInstance,
    database: DatabaseName,
    seen: Option<JobsEvidence>,
    trusting: Option<Box<Modules>>,
}

/// What was cancelled, and what is left.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct CancelledJobs {
    /// What there was.
    pub before: Jobs,
    /// What there is still: nothing that runs, and what was asked to stop.
    pub after: Jobs,
}

impl CancelJobs {
    pub(super) const fn new(instance: SqlInstance, database: DatabaseName) -> Self {
        Self {
            instance,
            database,
            seen: None,
            trusting: None,
        }
    }

    /// Consents to cancelling the jobs that were seen. Required.
    pub fn seen(mut self, jobs: &Jobs) -> Self {
        self.seen = Some(jobs.evidence());
        self
    }

    /// Consents to running the procedures of a database with this code: see
    /// [`VerifyEncryption::trusting`](crate::orchestrator::VerifyEncryption::trusting). Required.
    pub fn trusting(mut self, modules: &Modules) -> Self {
        self.trusting = Some(Box::new(modules.clone()));
        self
    }

    fn inspect(&self) -> InspectJobs {
        InspectJobs::new(self.instance.clone(), self.database.clone())
    }

    async fn observed(&self, cx: &Context) -> Result<Observation> {
        let seen = required(self.seen.as_ref(), "seen")?;
        let now = self.inspect().look(cx).await?;
        Ok(if now.is_quiet() {
            Observation::Done
        } else if now.evidence().digest == seen.digest {
            Observation::NotDone
        } else {
            Observation::Partial {
                state: now.names().join(", "),
            }
        })
    }

    async fn cancel(&self, cx: &Context) -> Result<CancelledJobs> {
        let seen = required(self.seen.as_ref(), "seen")?;
        let permissions = self.describe().permissions;
        let database = Some(&self.database);
        let mut connection =
            Connection::open_allowed(cx, &self.instance, database, &permissions).await?;
        let modules = Modules::read(&mut connection, &self.database).await?;
        require_same(&modules, self.trusting.as_deref())?;
        let catalog = Catalog::read(&mut connection).await?;
        let procedures = Procedures::read(&mut connection).await?;
        let before = Jobs::read(&mut connection, &catalog, &self.database).await?;
        seen.check(&before)?;
        let statements = statements(&catalog, &procedures, &before)?;
        cx.safe_point()?;
        cx.report(&Progress::Doing {
            operation: NAME,
            what: "stop what waits, and end what runs",
        });
        let effect = change_in_order(&mut connection, statements, || self.observed(cx)).await?;
        let after = Jobs::read(&mut connection, &catalog, &self.database).await;
        let after = after.map_err(|error| error.with_effect(Effect::Done))?;
        if after.is_quiet() {
            return Ok(CancelledJobs { before, after });
        }
        let left = after.names().join(", ");
        Err(Error::new(ErrorKind::Busy, format!("after it there is still: {left}"))
            .with_effect(match effect {
                Effect::None => Effect::None,
                _ => Effect::Done,
            })
            .with_remedy("a Runbook Server that lives goes on with what it runs: stop the services of the deployment, look again and cancel what is left"))
    }
}

/// What is sent, in order; nothing for what there is none of.
fn statements(catalog: &Catalog, procedures: &Procedures, jobs: &Jobs) -> Result<Vec<Statement>> {
    let mut statements = Vec::new();
    let waits = jobs
        .queued
        .iter()
        .any(|job| job.is_stop_requested != Some(true));
    if waits {
        let queue = Queue::find(catalog)?;
        let stop = queue.stop.ok_or_else(|| queue.lacks_stop())?;
        statements.push(
            Statement::new("UPDATE ")
                .identifier(queue.relation.schema)
                .text(".")
                .identifier(queue.relation.name)
                .text(" SET ")
                .identifier(&stop.name)
                .text(" = 1 WHERE ")
                .identifier(&stop.name)
                .text(" IS NULL OR ")
                .identifier(&stop.name)
                .text(" = 0"),
        );
    }
    if waits || !jobs.running.is_empty() {
        let clear = procedures.find(".Runtime.Internal", "ClearOrphanedRunbookInstances")?;
        if !clear.parameters.is_empty() {
            return Err(clear.unknown("no parameters").into());
        }
        statements.push(clear.call(Statement::new("")));
    }
    if !jobs.open.is_empty() {
        let cancel = procedures.find(".Runtime", "CancelJob")?;
        require_two(cancel)?;
        for id in &jobs.open {
            let statement = cancel.call(Statement::new("")).text(" ").literal(id);
            statements.push(statement.text(", ").literal(ADMINISTRATOR));
        }
    }
    Ok(statements)
}

/// The job, then who cancels it.
fn require_two(cancel: &Signature) -> Result<()> {
    let [job, who] = &cancel.parameters[..] else {
        return Err(cancel.unknown("a job and who cancels it").into());
    };
    let is_text = ["nvarchar", "varchar"].contains(&who.kind.as_str());
    let is_job = job.kind == "uniqueidentifier";
    if is_job && is_text && !job.is_output && !who.is_output {
        return Ok(());
    }
    Err(cancel.unknown("a job and who cancels it").into())
}

impl Sealed for CancelJobs {}

#[async_trait]
impl Operation for CancelJobs {
    type Output = CancelledJobs;

    fn describe(&self) -> Description {
        let seen = self.seen.as_ref().map(|seen| seen.names.clone());
        let script = [
            "UPDATE dbo.POLICY_PUBLISH_QUEUE SET StopRequested = 1 WHERE StopRequested IS NULL OR StopRequested = 0",
            "EXEC [Microsoft.SystemCenter.Orchestrator.Runtime.Internal].[ClearOrphanedRunbookInstances]",
            "EXEC [Microsoft.SystemCenter.Orchestrator.Runtime].[CancelJob] N'<each job>', N'S-1-5-500'",
        ];
        Description {
            target: self.inspect().target(),
            action: "cancel what runs and waits".to_owned(),
            script: script.map(str::to_owned).to_vec(),
            hazards: vec![Hazard::CancelsJobs {
                jobs: seen.unwrap_or_default(),
            }],
            permissions: ["EXECUTE", "SELECT", "UPDATE", "VIEW DEFINITION"]
                .map(|name| Permission::database(name, &self.database))
                .to_vec(),
        }
    }

    async fn observe(&self, cx: &Context) -> Result<Observation> {
        self.observed(cx)
            .await
            .map_err(|error| error.at(NAME, self.inspect().target()))
    }

    async fn run(&self, cx: &Context) -> Result<Self::Output> {
        let target = self.inspect().target();
        crate::sql::tell(cx, NAME, &target, self.cancel(cx)).await
    }
}
