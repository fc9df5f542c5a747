//! What the Orchestrator Runbook Service does once it runs.

use std::sync::{PoisonError, Weak};
use std::time::Duration;

use tokio::time::Instant;

use super::host::{Host, SimulatedHost};
use super::service::ServiceEnd;
use crate::names::{DatabaseName, SqlInstance};
use crate::transport::{
    RegistryView, SqlBatch, SqlColumn, SqlMessage, SqlSession, SqlSink, SqlValue,
};

/// It ends that long after its start where its data store can't be reached (documented: 30 to 60
/// seconds, and at the start only).
const ENDS_AFTER: Duration = Duration::from_secs(40);
/// `E_FAIL`, as event 7023 tells it (documented).
const FAILED: u32 = 0x8000_4005;
/// Between two heartbeats (community).
const HEARTBEAT: Duration = Duration::from_secs(15);

/// Runs until the process ends.
pub(super) async fn run(host: Weak<Host>, process_id: u32) {
    let started = Instant::now();
    let upgraded = |host: &Weak<Host>| host.upgrade().map(SimulatedHost);
    let Some(first) = upgraded(&host) else { return };
    let mut heartbeats = Heartbeats::connect(&first).await;
    drop(first);
    if heartbeats.is_none() {
        tokio::time::sleep_until(started + ENDS_AFTER).await;
        if let Some(host) = upgraded(&host) {
            host.end(process_id, ServiceEnd::WithError(FAILED));
        }
        return;
    }
    loop {
        tokio::time::sleep(HEARTBEAT).await;
        let Some(host) = upgraded(&host) else { return };
        if !host.has_process(process_id) {
            return;
        }
        // A data store that is lost later is only logged (documented).
        heartbeats = match heartbeats {
            Some(beats) => beats.beat().await,
            None => Heartbeats::connect(&host).await,
        };
    }
}

/// What a statement gave: the first column of its rows, and whether there was an error.
#[derive(Default)]
struct Heard {
    texts: Vec<String>,
    is_error: bool,
}

impl SqlSink for Heard {
    fn columns(&mut self, _: &[SqlColumn]) {}

    fn row(&mut self, row: Vec<SqlValue>) {
        if let Some(SqlValue::Text(text)) = row.into_iter().next() {
            self.texts.push(text);
        }
    }

    fn message(&mut self, message: SqlMessage) {
        self.is_error |= message.is_error();
    }
}

/// The first column of what a statement gives; `None` where it fails.
pub(super) async fn ask(session: &mut dyn SqlSession, text: String) -> Option<Vec<String>> {
    let mut heard = Heard::default();
    let sent = session.execute(SqlBatch::open(text), &mut heard).await;
    (sent.is_ok() && !heard.is_error).then_some(heard.texts)
}

impl SimulatedHost {
    /// Where the clients of the service's kind are led that ask for an instance.
    fn aliased(&self, instance: SqlInstance) -> SqlInstance {
        let path = self.settings_path();
        let is_32 = path.is_some_and(|path| path.as_str().contains("(x86)"));
        let view = if is_32 {
            RegistryView::Bits32
        } else {
            RegistryView::Bits64
        };
        let key = r"software\microsoft\mssqlserver\client\connectto".to_owned();
        let place = (view, key, instance.as_str().to_lowercase());
        let registry = self.0.registry.lock();
        let registry = registry.unwrap_or_else(PoisonError::into_inner);
        let led = registry.get(&place).and_then(|text| {
            let to = text.strip_prefix("DBMSSOCN,")?;
            to.parse().ok()
        });
        led.unwrap_or(instance)
    }
}

/// Writes heartbeats into the database that the host's configuration named when it was connected to.
struct Heartbeats {
    session: Box<dyn SqlSession>,
    update: String,
}

impl Heartbeats {
    /// Connects, and writes the first one.
    async fn connect(host: &SimulatedHost) -> Option<Self> {
        let (instance, database): (SqlInstance, DatabaseName) = host.data_store()?;
        let instance = host.aliased(instance);
        let sql = host.0.sql.as_ref()?;
        let mut session = sql.connect(&instance, Some(&database)).await.ok()?;
        let column = "SELECT c.name FROM sys.columns c JOIN sys.tables t ON t.object_id = c.object_id \
                      WHERE t.name = 'ACTIONSERVERS' AND c.name LIKE '%beat%'";
        // The column's name is unconfirmed: the service knows it, and we look.
        let columns = ask(&mut *session, column.to_owned()).await?;
        let column = columns.first()?;
        let computer = host.name().as_str().replace('\'', "''");
        let update = format!(
            "UPDATE dbo.ACTIONSERVERS SET [{column}] = GETUTCDATE() WHERE Computer = N'{computer}'"
        );
        Self { session, update }.beat().await
    }

    /// Writes one. `None`: the connection is lost.
    async fn beat(mut self) -> Option<Self> {
        let update = self.update.clone();
        ask(&mut *self.session, update).await.map(|_| self)
    }
}
