//! Jobs that run and wait, as the tables tell them (community).

use serde::{Deserialize, Serialize};

use crate::orchestrator::catalog::{
    Catalog, CatalogColumn, Lack, ROOT, Relation, Trouble, Wanted, look, pick,
};
use crate::sql::connection::Connection;
use crate::sql::statement::Statement;

/// A runbook that runs: `POLICYINSTANCES.TimeEnded IS NULL`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RunningJob {
    /// The identifier of the runbook instance.
    pub id: Option<String>,
    /// That of the runbook.
    pub runbook: Option<String>,
    /// The runbook's name.
    pub name: Option<String>,
    /// Since when.
    pub started: Option<String>,
}

/// A runbook that waits to be run: a row of `POLICY_PUBLISH_QUEUE`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct QueuedJob {
    /// Its number in the queue.
    pub number: Option<String>,
    /// The identifier of the runbook.
    pub runbook: Option<String>,
    /// The runbook's name.
    pub name: Option<String>,
    /// The Runbook Server that has it; `None` of what still waits for one.
    pub runbook_server: Option<String>,
    /// Whether it was asked to stop; `None` where that can't be seen.
    pub is_stop_requested: Option<bool>,
}

/// The columns of the queue that its jobs are told and stopped by.
#[derive(Debug)]
pub(super) struct Queue<'a> {
    pub(super) relation: Relation<'a>,
    pub(super) stop: Option<&'a CatalogColumn>,
    server: &'a CatalogColumn,
}

/// A name of a runbook: of the row's column that names its identifier.
fn runbook_name(catalog: &Catalog, of: Option<&CatalogColumn>, statement: Statement) -> Statement {
    let columns = catalog.relation("dbo", "POLICIES").ok().and_then(|table| {
        let id = table.optional(&Wanted::known(&["UniqueID"]))?;
        let name = table.optional(&Wanted::known(&["Name"]))?;
        Some((table, id, name))
    });
    let (Some((table, id, name)), Some(of)) = (columns, of) else {
        return statement.text(", NULL AS runbook_name");
    };
    let statement = statement
        .text(", (SELECT MAX(p.")
        .identifier(&name.name)
        .text(") FROM ")
        .identifier(table.schema)
        .text(".")
        .identifier(table.name)
        .text(" AS p WHERE p.")
        .identifier(&id.name)
        .text(" = ");
    of.of_row(statement).text(") AS runbook_name")
}

pub(in crate::orchestrator) async fn running(
    connection: &mut Connection<'_>,
    catalog: &Catalog,
) -> Result<Vec<RunningJob>, Trouble> {
    let relation = catalog.relation("dbo", "POLICYINSTANCES")?;
    let ended = relation.column(&Wanted::known(&["TimeEnded"]))?;
    let runbook = relation.optional(&Wanted::known(&["PolicyID"]));
    let id = relation.optional(&Wanted::known(&["UniqueID"]));
    let started = relation.optional(&Wanted::known(&["TimeStarted"]));
    let statement = pick(Statement::new("SELECT "), id, "id");
    let statement = pick(statement.text(", "), runbook, "runbook");
    let statement = pick(statement.text(", "), started, "started");
    let statement = runbook_name(catalog, runbook, statement);
    let statement = ended.of_row(relation.from(statement).text(" WHERE "));
    let statement = statement.text(" IS NULL ORDER BY id, runbook");
    let answer = look(connection, &relation, statement).await?;
    let mut jobs = Vec::new();
    for row in answer.rows(0) {
        let text = |name: &str| row.text_or_null(name).map(|text| text.map(str::to_owned));
        jobs.push(RunningJob {
            id: text("id")?,
            runbook: text("runbook")?,
            name: text("runbook_name")?,
            started: text("started")?,
        });
    }
    Ok(jobs)
}

impl<'a> Queue<'a> {
    pub(super) fn find(catalog: &'a Catalog) -> Result<Self, Lack> {
        let relation = catalog.relation("dbo", "POLICY_PUBLISH_QUEUE")?;
        let server = relation.column(&Wanted::known(&["AssignedActionServer"]))?;
        let stop = relation.optional(&Wanted::known(&["StopRequested"]));
        Ok(Self {
            relation,
            stop,
            server,
        })
    }

    /// That nothing says how its jobs are stopped.
    pub(super) fn lacks_stop(&self) -> Lack {
        Lack {
            what: format!("{}.{}", self.relation.schema, self.relation.name),
            why: "it has no column StopRequested".to_owned(),
        }
    }
}

pub(in crate::orchestrator) async fn queued(
    connection: &mut Connection<'_>,
    catalog: &Catalog,
) -> Result<Vec<QueuedJob>, Trouble> {
    let queue = Queue::find(catalog)?;
    let relation = &queue.relation;
    let number = relation.optional(&Wanted::known(&["SeqNumber"]));
    let runbook = relation.optional(&Wanted::known(&["PolicyID"]));
    let statement = pick(Statement::new("SELECT "), number, "number");
    let statement = pick(statement.text(", "), runbook, "runbook");
    let statement = pick(statement.text(", "), Some(queue.server), "runbook_server");
    let statement = pick(statement.text(", "), queue.stop, "stop_requested");
    let statement = runbook_name(catalog, runbook, statement);
    let statement = relation.from(statement).text(" ORDER BY number, runbook");
    let answer = look(connection, relation, statement).await?;
    let mut jobs = Vec::new();
    for row in answer.rows(0) {
        let text = |name: &str| row.text_or_null(name).map(|text| text.map(str::to_owned));
        jobs.push(QueuedJob {
            number: text("number")?,
            runbook: text("runbook")?,
            name: text("runbook_name")?,
            runbook_server: text("runbook_server")?,
            is_stop_requested: text("stop_requested")?.map(|stop| stop != "0"),
        });
    }
    Ok(jobs)
}

/// The identifiers of jobs that the web service knows and that have not ended: `Jobs.StatusId` below 2.
pub(super) async fn open(
    connection: &mut Connection<'_>,
    catalog: &Catalog,
) -> Result<Vec<String>, Trouble> {
    let relation = catalog.relation(&format!("{ROOT}.Runtime.Internal"), "Jobs")?;
    let id = relation.column(&Wanted::known(&["Id", "JobId", "UniqueID"]))?;
    let status = relation.column(&Wanted::known(&["StatusId"]))?;
    let statement = pick(Statement::new("SELECT "), Some(id), "id");
    let statement = status.of_row(relation.from(statement).text(" WHERE "));
    let statement = statement.text(" < 2 ORDER BY id");
    let answer = look(connection, &relation, statement).await?;
    let mut jobs = Vec::new();
    for row in answer.rows(0) {
        jobs.push(row.text("id")?.to_owned());
    }
    Ok(jobs)
}
