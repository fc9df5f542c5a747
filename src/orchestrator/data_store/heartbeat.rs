//! The heartbeat that a Runbook Server writes into the database that its configuration names.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::context::Context;
use crate::error::{Error, ErrorKind, Result};
use crate::names::{DatabaseName, HostName, SqlInstance};
use crate::sql::{connection::Connection, statement::Statement};

/// Two reads of a heartbeat, the second after the first: the Runbook Server uses that database.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Heartbeat {
    /// The instance.
    pub instance: SqlInstance,
    /// The database.
    pub database: DatabaseName,
    /// What the server that answered calls itself.
    pub server: String,
    /// The column of `ACTIONSERVERS` it stands in, as the catalog has it: its name is unconfirmed.
    pub column: String,
    /// The heartbeat that was read first.
    pub first: String,
    /// The one that was read after it, later.
    pub second: String,
    /// When the first was read, by the server's clock, UTC.
    pub first_read: String,
    /// When the second was.
    pub second_read: String,
}

/// A heartbeat, and when it was read by the server's clock. ISO 8601, which sorts.
#[derive(Clone, Debug)]
struct Beat {
    at: Option<String>,
    read: String,
}

/// Reads the heartbeats of one host in one database.
#[derive(Debug)]
pub(super) struct Heartbeats<'a> {
    cx: &'a Context,
    instance: &'a SqlInstance,
    database: &'a DatabaseName,
    host: &'a HostName,
    opened: Option<Opened<'a>>,
}

#[derive(Debug)]
struct Opened<'a> {
    connection: Connection<'a>,
    column: String,
}

impl<'a> Opened<'a> {
    /// Connects, and finds the column.
    async fn open(
        cx: &'a Context,
        instance: &'a SqlInstance,
        database: &'a DatabaseName,
    ) -> Result<Self> {
        let mut connection = Connection::open(cx, instance, Some(database)).await?;
        // Its name is unconfirmed; that it speaks of beats is community knowledge.
        let question = Statement::new(
            "SELECT c.name AS name FROM sys.columns c JOIN sys.tables t ON t.object_id = c.object_id WHERE t.name = N'ACTIONSERVERS' AND c.name LIKE N'%beat%'",
        );
        let answer = connection.look(question.batch()).await?;
        let columns: Vec<&str> = answer
            .rows(0)
            .map(|row| row.text("name"))
            .collect::<Result<_>>()?;
        let [column] = columns[..] else {
            return Err(Error::new(
                ErrorKind::Unsupported,
                format!(
                    "the table ACTIONSERVERS of {database} has {} columns that may be the heartbeat, not one: {}",
                    columns.len(),
                    columns.join(", ")
                ),
            )
            .with_remedy("see that it is an Orchestrator database, and that the login may see the table"));
        };
        let column = column.to_owned();
        Ok(Self { connection, column })
    }
}

impl<'a> Heartbeats<'a> {
    pub(super) const fn of(
        cx: &'a Context,
        instance: &'a SqlInstance,
        database: &'a DatabaseName,
        host: &'a HostName,
    ) -> Self {
        Self {
            cx,
            instance,
            database,
            host,
            opened: None,
        }
    }

    /// Refuses a database that has no heartbeats.
    pub(super) async fn require_column(&mut self) -> Result<()> {
        let opened = Opened::open(self.cx, self.instance, self.database).await?;
        self.opened = Some(opened);
        Ok(())
    }

    /// Refuses a host that the database does not know.
    pub(super) async fn require(&mut self) -> Result<()> {
        self.beat().await.map(drop)
    }

    async fn beat(&mut self) -> Result<Beat> {
        let opened = match &mut self.opened {
            Some(opened) => opened,
            none => none.insert(Opened::open(self.cx, self.instance, self.database).await?),
        };
        let full = self.host.as_str();
        let short = full.split('.').next().unwrap_or(full);
        let question = Statement::new("SELECT GETUTCDATE() AS read_at, ")
            .identifier(&opened.column)
            .text(" AS beat FROM dbo.ACTIONSERVERS WHERE Computer IN (")
            .literal(full)
            .text(", ")
            .literal(short)
            .text(")");
        let answer = opened.connection.look(question.batch()).await?;
        let mut rows = answer.rows(0);
        let (Some(row), None) = (rows.next(), rows.next()) else {
            return Err(Error::new(
                ErrorKind::NotFound,
                format!(
                    "{} does not have exactly one Runbook Server called {short} in ACTIONSERVERS",
                    self.database
                ),
            )
            .with_remedy("name the host as ACTIONSERVERS.Computer has it"));
        };
        let read = row.time_or_null("read_at")?.unwrap_or_default();
        let at = row.time_or_null("beat")?;
        Ok(Beat { at, read })
    }

    /// Waits until it advances; `Err`: it does not, within the deadline. Looking changes nothing, so what
    /// can't be read is read again.
    pub(super) async fn advancing(&mut self) -> Result<Heartbeat> {
        let deadlines = self.cx.deadlines();
        let (interval, deadline) = (deadlines.change_interval, deadlines.heartbeat);
        let mut waited = Duration::ZERO;
        let mut first: Option<Beat> = None;
        loop {
            let unread = match self.beat().await {
                Ok(beat) => match &first {
                    None => {
                        first = Some(beat);
                        None
                    }
                    Some(first) => match self.advanced(first, beat) {
                        Some(advanced) => return Ok(advanced),
                        None => None,
                    },
                },
                // That the database does not know the host is an answer.
                Err(error) if error.kind() == ErrorKind::NotFound => return Err(error),
                Err(error) => {
                    self.opened = None;
                    Some(error)
                }
            };
            if waited >= deadline {
                return Err(unread.unwrap_or_else(|| self.stands_still(first, waited)));
            }
            self.cx.clock().sleep(interval).await;
            waited += interval;
        }
    }

    /// The two, if the second is later. The clock of the server that both were read from went on, too.
    fn advanced(&self, first: &Beat, second: Beat) -> Option<Heartbeat> {
        let opened = self.opened.as_ref()?;
        if second.at <= first.at || second.read <= first.read {
            return None;
        }
        Some(Heartbeat {
            instance: self.instance.clone(),
            database: self.database.clone(),
            server: opened.connection.identity().names(),
            column: opened.column.clone(),
            first: first.at.clone().unwrap_or_else(|| "NULL".to_owned()),
            second: second.at.unwrap_or_default(),
            first_read: first.read.clone(),
            second_read: second.read,
        })
    }

    fn stands_still(&self, first: Option<Beat>, waited: Duration) -> Error {
        let at = first.and_then(|first| first.at);
        Error::new(
            ErrorKind::TimedOut,
            format!(
                "the heartbeat of {} in {} on {} stands still at {} for {} seconds",
                self.host,
                self.database,
                self.instance,
                at.as_deref().unwrap_or("NULL"),
                waited.as_secs()
            ),
        )
        .with_remedy("see whether orunbook runs there, and which database it uses")
    }
}
