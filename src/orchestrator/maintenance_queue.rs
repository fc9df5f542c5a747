use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::context::Context;
use crate::error::{Effect, Error, ErrorKind, Result};
use crate::hazard::Hazard;
use crate::names::{DatabaseName, SqlInstance};
use crate::operation::{Description, Observation, Operation, sealed::Sealed};
use crate::orchestrator::DeploymentServices;
use crate::orchestrator::catalog::ROOT;
use crate::orchestrator::procedures::Procedures;
use crate::orchestrator::recipe::{Recipe, change_in_order};
use crate::permission::Permission;
use crate::progress::Progress;
use crate::sql::Modules;
use crate::sql::connection::Connection;
use crate::sql::statement::Statement;

const NAME: &str = "start maintenance queue of database";
/// Behind the root of the schemas.
const SCHEMA: &str = ".Maintenance";
/// The tasks, as the recipe has them (community).
const TASKS: [&str; 3] = ["ClearAuthorizationCache", "Statistics", "Authorization"];

/// The queue by which an Orchestrator database maintains itself: statistics, authorization. With the broker
/// off, or the queue, the console shows nothing (KB2738490).
///
/// # Example
/// ```
/// use scorch_recovery::{Operation, orchestrator::MaintenanceQueue};
///
/// let start = MaintenanceQueue::start(&"SQL01".parse()?, &"Orchestrator".parse()?);
/// assert_eq!(start.describe().script.len(), 4);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct MaintenanceQueue;

impl MaintenanceQueue {
    /// Switches the queue of `database` on and has its tasks run: `.trusting(&modules)`,
    /// `.services_stopped(&seen)`.
    pub fn start(instance: &SqlInstance, database: &DatabaseName) -> StartMaintenanceQueue {
        StartMaintenanceQueue {
            recipe: Recipe::new(instance.clone(), database.clone()),
        }
    }
}

/// Switches the maintenance queue of an Orchestrator database on, and puts its recurrent tasks into it. A
/// recipe of the community on Microsoft's own objects: nothing runs it unasked.
///
/// # Contract
/// * The Service Broker must be enabled: it is what makes the queue run.
/// * The services must be stopped ([`services_stopped`](Self::services_stopped)); where the context can
///   look, they are looked at again.
/// * The procedure runs only where the database's code is that of a baseline
///   ([`trusting`](Self::trusting)). So does what the queue activates, from then on.
/// * The queue, the procedure and its parameter are looked for in the catalog; where they are not as they
///   are known, nothing is done.
///
/// # Errors
/// `ConsentRequired` (no evidence, or other code or services than seen), `Incompatible` (the broker is not
/// enabled), `PermissionDenied` (CONTROL on the database), `NotFound`, `Unsupported` (another schema than
/// the known one): nothing was changed. `Partial`: the queue is on, and not all tasks are in it: run it again.
///
/// # Cancel safety
/// Dropping the future may leave the queue on and some tasks not in it; running it again does it whole.
///
/// # T-SQL
/// `ALTER QUEUE [Microsoft.SystemCenter.Orchestrator.Maintenance].[MaintenanceServiceQueue] WITH STATUS = ON`,
/// `EXEC [Microsoft.SystemCenter.Orchestrator.Maintenance].[EnqueueRecurrentTask] N'…'` for each task
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[must_use]
pub struct StartMaintenanceQueue {
    #[serde(flatten)]
    recipe: Recipe,
}

/// The queue is on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct StartedMaintenanceQueue {
    /// Whether it was before.
    pub was_enabled: bool,
    /// The tasks that were put into it. When they ran, `MaintenanceTasks` tells.
    pub tasks: Vec<String>,
}

/// The queue, as the catalog has it.
#[derive(Debug)]
struct Queue {
    schema: String,
    name: String,
    is_enabled: bool,
}

impl Queue {
    async fn read(connection: &mut Connection<'_>) -> Result<Self> {
        let question = Statement::new(
            "SELECT s.name AS schema_name, q.name AS queue_name, q.is_receive_enabled \
             FROM sys.service_queues AS q JOIN sys.schemas AS s ON s.schema_id = q.schema_id \
             WHERE s.name = N'Microsoft.SystemCenter.Orchestrator.Maintenance' \
             AND q.name = N'MaintenanceServiceQueue'",
        );
        let answer = connection.look(question.batch()).await?;
        let Some(row) = answer.rows(0).next() else {
            return Err(Error::new(
                ErrorKind::NotFound,
                "the database has no queue MaintenanceServiceQueue where it is known to be",
            )
            .with_remedy("see that it is an Orchestrator database"));
        };
        Ok(Self {
            schema: row.text("schema_name")?.to_owned(),
            name: row.text("queue_name")?.to_owned(),
            is_enabled: row.is("is_receive_enabled")?,
        })
    }
}

impl StartMaintenanceQueue {
    /// Consents to running the procedure, and what the queue activates, of a database with this code: see
    /// [`VerifyEncryption::trusting`](super::VerifyEncryption::trusting). Required.
    pub fn trusting(mut self, modules: &Modules) -> Self {
        self.recipe.trust(modules);
        self
    }

    /// The services of the deployment, seen stopped. Required.
    pub fn services_stopped(mut self, seen: &DeploymentServices) -> Self {
        self.recipe.stopped(seen);
        self
    }

    async fn start(&self, cx: &Context) -> Result<StartedMaintenanceQueue> {
        let permissions = self.describe().permissions;
        let mut connection = self.recipe.begin(cx, &permissions).await?;
        let connection = &mut connection;
        let queue = Queue::read(connection).await?;
        let procedures = Procedures::read(connection).await?;
        let enqueue = procedures.find(SCHEMA, "EnqueueRecurrentTask")?;
        match &enqueue.parameters[..] {
            [only] if !only.is_output => {}
            _ => return Err(enqueue.unknown("the name of a task").into()),
        }
        let mut statements = Vec::new();
        if !queue.is_enabled {
            statements.push(
                Statement::new("ALTER QUEUE ")
                    .identifier(&queue.schema)
                    .text(".")
                    .identifier(&queue.name)
                    .text(" WITH STATUS = ON"),
            );
        }
        for task in TASKS {
            let call = enqueue.call(Statement::new(""));
            statements.push(call.text(" ").literal(task));
        }
        cx.safe_point()?;
        cx.report(&Progress::Doing {
            operation: NAME,
            what: "switch the maintenance queue on and put its tasks into it",
        });
        change_in_order(connection, statements, || self.observed(cx)).await?;
        let done = |error: Error| error.with_effect(Effect::Done);
        if Queue::read(connection).await.map_err(done)?.is_enabled {
            return Ok(StartedMaintenanceQueue {
                was_enabled: queue.is_enabled,
                tasks: TASKS.map(str::to_owned).to_vec(),
            });
        }
        // What it activates fails: after five times the server switches a queue off (documented).
        Err(done(Error::new(
            ErrorKind::Busy,
            "after it the queue is off again",
        ))
        .with_remedy("look at SQL Server's error log for what its procedure fails with"))
    }

    async fn observed(&self, cx: &Context) -> Result<Observation> {
        let permissions = self.describe().permissions;
        let mut connection = self.recipe.look(cx, &permissions).await?;
        Ok(if Queue::read(&mut connection).await?.is_enabled {
            Observation::Indeterminate {
                seen:
                    "the queue is on; which tasks are in it can't be told, and it may be run again"
                        .to_owned(),
            }
        } else {
            Observation::NotDone
        })
    }
}

impl Sealed for StartMaintenanceQueue {}

#[async_trait]
impl Operation for StartMaintenanceQueue {
    type Output = StartedMaintenanceQueue;

    fn describe(&self) -> Description {
        let schema = format!("{ROOT}{SCHEMA}");
        let queue = Statement::new("ALTER QUEUE ")
            .identifier(&schema)
            .text(".[MaintenanceServiceQueue] WITH STATUS = ON");
        let tasks = TASKS.map(|task| {
            Statement::new("EXEC ")
                .identifier(&schema)
                .text(".[EnqueueRecurrentTask] ")
                .literal(task)
        });
        Description {
            target: self.recipe.target(),
            action: "switch the maintenance queue on and have its tasks run".to_owned(),
            script: std::iter::once(queue)
                .chain(tasks)
                .map(Statement::shown)
                .collect(),
            hazards: vec![Hazard::StartsActivation {
                database: self.recipe.database.to_string(),
            }],
            permissions: vec![Permission::database("CONTROL", &self.recipe.database)],
        }
    }

    async fn observe(&self, cx: &Context) -> Result<Observation> {
        self.observed(cx)
            .await
            .map_err(|error| error.at(NAME, self.recipe.target()))
    }

    async fn run(&self, cx: &Context) -> Result<Self::Output> {
        let target = self.recipe.target();
        crate::sql::tell(cx, NAME, &target, self.start(cx)).await
    }
}
