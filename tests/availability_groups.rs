//! No operation alters a database of an availability group: leaving and joining one is written and
//! tested nowhere.
#![cfg(feature = "simulator")]
#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

#[path = "support/changed_rows.rs"]
mod changed_rows;
#[path = "support/kit.rs"]
mod kit;

use std::fmt::Debug;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use changed_rows::ChangedRows;
use kit::simulated::{SA, World, named, verify};
use kit::{BAK, assert_error};
use scorch_recovery::names::{DatabaseName, SqlInstance};
use scorch_recovery::simulator::SimulatorTransport;
use scorch_recovery::sql::{Database, DatabaseInfo};
use scorch_recovery::transport::{
    SqlBatch, SqlCapabilities, SqlSession, SqlSink, SqlTransport, SqlValue, TransportError, Wire,
};
use scorch_recovery::{Context, Effect, ErrorKind, Operation};

/// A server whose databases belong to an availability group, as its catalog shows it.
#[derive(Clone, Debug)]
struct InGroup {
    inner: Arc<SimulatorTransport>,
    sent: Arc<Mutex<Vec<String>>>,
}

#[async_trait]
impl SqlTransport for InGroup {
    fn capabilities(&self) -> SqlCapabilities {
        self.inner.capabilities()
    }

    async fn connect(
        &self,
        instance: &SqlInstance,
        database: Option<&DatabaseName>,
    ) -> Result<Box<dyn SqlSession>, TransportError> {
        let inner = self.inner.connect(instance, database).await?;
        let sent = Arc::clone(&self.sent);
        Ok(Box::new(Session { inner, sent }))
    }
}

#[derive(Debug)]
struct Session {
    inner: Box<dyn SqlSession>,
    sent: Arc<Mutex<Vec<String>>>,
}

#[async_trait]
impl SqlSession for Session {
    async fn execute(
        &mut self,
        batch: SqlBatch,
        sink: &mut dyn SqlSink,
    ) -> Result<(), TransportError> {
        self.sent.lock().unwrap().push(batch.redacted().to_owned());
        let in_group = |column: &str, value: &mut SqlValue| {
            if column == "is_in_availability_group" {
                *value = SqlValue::Int(1);
            }
        };
        let mut changed = ChangedRows::new(sink, &in_group);
        self.inner.execute(batch, &mut changed).await
    }

    fn wire(&self) -> Wire {
        self.inner.wire()
    }
}

/// SQL01 with Orchestrator and a copy beside it, and how they look.
async fn world() -> (World, DatabaseInfo, DatabaseInfo) {
    let world = World::with(&["SQL01"]);
    world.orchestrator("SQL01", 7).await;
    let cx = world.context();
    let (instance, database) = (named("SQL01"), named("Orchestrator"));
    let backup = Database::backup(&instance, &database).to_file(named(BAK));
    backup.run(&cx).await.unwrap();
    let restore = Database::restore(&instance, &database).from_file(named(BAK));
    restore.run(&cx).await.unwrap();
    let look = |name: &str| Database::inspect(&instance, &named(name));
    let existing = look("Orchestrator").run(&cx).await.unwrap();
    let restored = look("Orchestrator_restored").run(&cx).await.unwrap();
    (world, existing, restored)
}

struct Refused<'a> {
    cx: &'a Context,
    sent: &'a Mutex<Vec<String>>,
}

impl Refused<'_> {
    async fn assert<O: Operation<Output: Debug>>(&self, operation: O) {
        let error = operation.run(self.cx).await.unwrap_err();
        let case = format!("{operation:?}");
        assert_error(&error, (ErrorKind::Unsupported, Effect::None), &case);
        assert!(error.to_string().contains("availability group"), "{error}");
        let remedy = error.remedy().unwrap();
        assert!(remedy.contains("REMOVE DATABASE"), "{remedy}");
        let sent = std::mem::take(&mut *self.sent.lock().unwrap());
        assert!(!sent.is_empty(), "{case}: nothing was looked at");
        for batch in sent {
            let changes = ["ALTER DATABASE [", "ALTER AUTHORIZATION "];
            assert!(
                !changes.iter().any(|it| batch.contains(it)),
                "{case}: {batch}"
            );
        }
    }
}

#[tokio::test]
async fn a_database_of_an_availability_group_is_left_as_it_is() {
    let (world, existing, restored) = world().await;
    let transport = InGroup {
        inner: Arc::new(world.transport("sa", SA)),
        sent: Arc::default(),
    };
    let cx = Context::builder().sql(transport.clone()).build().unwrap();
    let refused = Refused {
        cx: &cx,
        sent: &transport.sent,
    };
    let (instance, database) = (named("SQL01"), named("Orchestrator"));
    let rename = Database::rename(&instance, &database);
    refused
        .assert(rename.to(named("Other")).seen(&existing))
        .await;
    let swap = Database::swap(&instance, &database);
    refused
        .assert(swap.with(&restored).evicting(&existing))
        .await;
    let offline = Database::set_offline(&instance, &database);
    refused.assert(offline.evicting(&existing)).await;
    let restrict = Database::restrict(&instance, &database);
    refused.assert(restrict.evicting(&existing)).await;
    let own = Database::take_ownership(&instance, &database);
    refused.assert(own.by(named("sa"))).await;
    refused
        .assert(Database::enable_broker(&instance, &database))
        .await;
    let open = Database::open_to_users(&instance, &database);
    let proved = open.proved_by(verify("SQL01", "Orchestrator"));
    refused.assert(proved).await;
}
