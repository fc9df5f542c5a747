//! A name that leads to another server in the middle of an operation: a listener that moved, a cluster,
//! DNS. Every operation with each of its options, each of its connections but the first to an instance.
#![cfg(feature = "simulator")]
#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

#[path = "support/changed_rows.rs"]
mod changed_rows;
#[allow(dead_code, reason = "each test program uses a part of it")]
#[path = "support/over.rs"]
mod over;
#[allow(dead_code, reason = "each test program uses a part of it")]
#[path = "oracles/plan.rs"]
mod plan;
#[path = "oracles/plans/mod.rs"]
mod plans;
#[allow(dead_code, reason = "each test program uses a part of it")]
#[path = "support/simulated.rs"]
mod simulated;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use scorch_recovery::names::{DatabaseName, SqlInstance};
use scorch_recovery::transport::{
    SqlBatch, SqlCapabilities, SqlSession, SqlSink, SqlTransport, SqlValue, TransportError, Wire,
};
use scorch_recovery::{ErrorKind, Operation};

use changed_rows::ChangedRows;
use plan::{Plan, SECRETS, Stage};

/// Counts the connections to each instance. From a chosen one on, another server answers.
#[derive(Clone, Debug)]
struct Moving {
    inner: Arc<dyn SqlTransport>,
    seen: Arc<Mutex<Seen>>,
    /// Of all connections that are not the first to their instance.
    moves_at: Option<usize>,
}

#[derive(Debug, Default)]
struct Seen {
    to: BTreeMap<String, usize>,
    again: usize,
    /// What was sent to who answered in the place of the first.
    elsewhere: Vec<Vec<String>>,
}

#[async_trait]
impl SqlTransport for Moving {
    fn capabilities(&self) -> SqlCapabilities {
        self.inner.capabilities()
    }

    async fn connect(
        &self,
        instance: &SqlInstance,
        database: Option<&DatabaseName>,
    ) -> Result<Box<dyn SqlSession>, TransportError> {
        let inner = self.inner.connect(instance, database).await?;
        let mut seen = self.seen.lock().unwrap();
        let connections = seen.to.entry(instance.to_string()).or_default();
        *connections += 1;
        if *connections == 1 {
            return Ok(inner);
        }
        seen.again += 1;
        if self.moves_at.is_none_or(|at| seen.again <= at) {
            return Ok(inner);
        }
        seen.elsewhere.push(Vec::new());
        Ok(Box::new(Elsewhere {
            inner,
            seen: Arc::clone(&self.seen),
            number: seen.elsewhere.len() - 1,
        }))
    }
}

#[derive(Debug)]
struct Elsewhere {
    inner: Box<dyn SqlSession>,
    seen: Arc<Mutex<Seen>>,
    number: usize,
}

#[async_trait]
impl SqlSession for Elsewhere {
    async fn execute(
        &mut self,
        batch: SqlBatch,
        sink: &mut dyn SqlSink,
    ) -> Result<(), TransportError> {
        self.seen.lock().unwrap().elsewhere[self.number].push(batch.clear_text().to_owned());
        // It answers as a server of another name.
        let renamed = |_: &str, value: &mut SqlValue| {
            if let SqlValue::Text(text) = value {
                *text = text.replace("SQL0", "OTHER0");
            }
        };
        let mut changed = ChangedRows::new(sink, &renamed);
        self.inner.execute(batch, &mut changed).await
    }

    fn wire(&self) -> Wire {
        self.inner.wire()
    }
}

/// How a plan ends if from the connection `moves_at` on another server answers; and what was seen.
async fn end(plan: &Plan, stage: &Stage, moves_at: Option<usize>) -> (Result<(), String>, Seen) {
    let seen = (plan.prepare)(stage).await;
    let operation = (plan.make)(&seen);
    let moving = Moving {
        inner: Arc::new(stage.transport()),
        seen: Arc::default(),
        moves_at,
    };
    let cx = plan::context(moving.clone(), &SECRETS);
    let ended = match operation.run(&cx).await {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == ErrorKind::Incompatible => Err(error.to_string()),
        Err(error) if plan.fails => Err(format!("{error} {}", error.remedy().unwrap_or(""))),
        Err(error) => panic!("{}: {error:?}", plan.source),
    };
    drop(cx);
    (ended, std::mem::take(&mut *moving.seen.lock().unwrap()))
}

#[tokio::test]
async fn nothing_is_done_on_another_server() {
    let stage = Stage::new().await;
    let mut moved = 0;
    for plan in plans::plans() {
        let (_, calm) = end(&plan, &stage.copied(), None).await;
        for at in 0..calm.again {
            let (ended, seen) = end(&plan, &stage.copied(), Some(at)).await;
            moved += 1;
            assert!(!seen.elsewhere.is_empty(), "{}", plan.source);
            for sent in &seen.elsewhere {
                // Who is asked who it is, and nothing else.
                assert_eq!(sent.len(), 1, "{} at {at}: {sent:?}", plan.source);
                assert!(sent[0].contains("@@SERVERNAME"), "{sent:?}");
            }
            let error = ended.expect_err(plan.source);
            assert!(error.contains("OTHER0"), "{} at {at}: {error}", plan.source);
        }
    }
    assert!(moved >= 20, "only {moved} connections led elsewhere");
}
