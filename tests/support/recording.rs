//! What operations send to a server, recorded with harmless names and answered again with others.
#![allow(
    unreachable_pub,
    reason = "the fuzz targets have it too, where it is public"
)]

use std::collections::VecDeque;
use std::fmt::{Debug, Formatter};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use scorch_recovery::names::{DatabaseName, SqlInstance};
use scorch_recovery::transport::{
    SqlBatch, SqlCapabilities, SqlColumn, SqlMessage, SqlSession, SqlSink, SqlTransport, SqlValue,
    TransportError, TransportErrorKind, Wire,
};

use super::over::Over;

/// A batch as it was read when it was recorded: its text with the secrets, and without.
#[derive(Clone, Debug)]
pub struct Sent<T> {
    /// With the secrets.
    pub clear: T,
    /// As it is shown.
    #[allow(dead_code, reason = "not read by all who share this")]
    pub redacted: T,
}

/// A batch and its answer.
#[derive(Clone, Debug)]
struct Exchange<T> {
    sent: Sent<T>,
    answer: Vec<Item>,
    /// How the answer ended, if not whole.
    lost: Option<TransportErrorKind>,
}

#[derive(Clone, Debug)]
enum Item {
    Columns(Vec<SqlColumn>),
    Row(Vec<SqlValue>),
    Message(SqlMessage),
}

/// The sessions of an operation, each with its batches, in order. A batch is kept as a `T`.
#[derive(Clone, Debug)]
pub struct Recording<T> {
    sessions: Vec<VecDeque<Exchange<T>>>,
}

impl<T> Recording<T> {
    /// How many batches were sent.
    #[must_use]
    pub fn batches(&self) -> usize {
        self.sessions.iter().map(VecDeque::len).sum()
    }

    /// How many round trips were made, signing in counted as one.
    #[allow(dead_code, reason = "not read by all who share this")]
    #[must_use]
    pub fn round_trips(&self) -> usize {
        self.sessions.len() + self.batches()
    }

    /// The batches, session by session.
    pub fn sent(&self) -> impl Iterator<Item = &Sent<T>> {
        let exchanges = self.sessions.iter().flatten();
        exchanges.map(|exchange| &exchange.sent)
    }
}

/// A transport that writes down what goes over it.
#[derive(Debug)]
pub struct Recorder<T> {
    inner: Arc<dyn SqlTransport>,
    read: fn(&str) -> T,
    recording: Arc<Mutex<Recording<T>>>,
}

// Not derived: that would ask `T` to be `Clone`.
impl<T> Clone for Recorder<T> {
    fn clone(&self) -> Self {
        Self {
            inner: Arc::clone(&self.inner),
            read: self.read,
            recording: Arc::clone(&self.recording),
        }
    }
}

impl<T> Recorder<T> {
    /// Records what goes over `inner`, each batch as `read` reads it.
    #[must_use]
    pub fn new(inner: impl SqlTransport + 'static, read: fn(&str) -> T) -> Self {
        Self {
            inner: Arc::new(inner),
            read,
            recording: Arc::new(Mutex::new(Recording {
                sessions: Vec::new(),
            })),
        }
    }

    /// What was recorded since the last time.
    #[must_use]
    pub fn take(&self) -> Recording<T> {
        let mut recording = self
            .recording
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        Recording {
            sessions: std::mem::take(&mut recording.sessions),
        }
    }
}

#[async_trait]
impl<T: Debug + Send + 'static> SqlTransport for Recorder<T> {
    fn capabilities(&self) -> SqlCapabilities {
        self.inner.capabilities()
    }

    async fn connect(
        &self,
        instance: &SqlInstance,
        database: Option<&DatabaseName>,
    ) -> Result<Box<dyn SqlSession>, TransportError> {
        let inner = self.inner.connect(instance, database).await?;
        let mut recording = self
            .recording
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        recording.sessions.push(VecDeque::new());
        Ok(Box::new(RecordingSession {
            inner,
            read: self.read,
            recording: Arc::clone(&self.recording),
            session: recording.sessions.len() - 1,
        }))
    }
}

#[derive(Debug)]
struct RecordingSession<T> {
    inner: Box<dyn SqlSession>,
    read: fn(&str) -> T,
    recording: Arc<Mutex<Recording<T>>>,
    session: usize,
}

#[async_trait]
impl<T: Debug + Send + 'static> SqlSession for RecordingSession<T> {
    async fn execute(
        &mut self,
        batch: SqlBatch,
        sink: &mut dyn SqlSink,
    ) -> Result<(), TransportError> {
        let sent = Sent {
            clear: (self.read)(batch.clear_text()),
            redacted: (self.read)(batch.redacted()),
        };
        let mut both = Both {
            sink,
            items: Vec::new(),
        };
        let result = self.inner.execute(batch, &mut both).await;
        let answer = both.items;
        let mut recording = self
            .recording
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        recording.sessions[self.session].push_back(Exchange {
            sent,
            answer,
            lost: result.as_ref().err().map(TransportError::kind),
        });
        result
    }

    fn wire(&self) -> Wire {
        self.inner.wire()
    }
}

struct Both<'a> {
    sink: &'a mut dyn SqlSink,
    items: Vec<Item>,
}

impl SqlSink for Both<'_> {
    fn columns(&mut self, columns: &[SqlColumn]) {
        self.items.push(Item::Columns(columns.to_vec()));
        self.sink.columns(columns);
    }

    fn row(&mut self, row: Vec<SqlValue>) {
        self.items.push(Item::Row(row.clone()));
        self.sink.row(row);
    }

    fn message(&mut self, message: SqlMessage) {
        self.items.push(Item::Message(message.clone()));
        self.sink.message(message);
    }
}

/// Looks at a batch, and at the recorded one in whose place it was sent.
pub type Look<T> = Arc<dyn Fn(&Sent<T>, &SqlBatch) + Send + Sync>;

/// A transport that answers as was recorded, made over.
pub struct Replay<T> {
    over: Arc<Over>,
    look: Look<T>,
    capabilities: SqlCapabilities,
    sessions: Mutex<VecDeque<VecDeque<Exchange<T>>>>,
}

impl<T> Debug for Replay<T> {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Replay").finish_non_exhaustive()
    }
}

impl<T: Clone> Replay<T> {
    /// Answers as `recording`, made `over`, and has `look` look at each batch.
    #[must_use]
    pub fn new(
        recording: &Recording<T>,
        capabilities: SqlCapabilities,
        over: Arc<Over>,
        look: Look<T>,
    ) -> Self {
        Self {
            over,
            look,
            capabilities,
            sessions: Mutex::new(recording.sessions.iter().cloned().collect()),
        }
    }
}

#[async_trait]
impl<T: Debug + Send + Sync + 'static> SqlTransport for Replay<T> {
    fn capabilities(&self) -> SqlCapabilities {
        self.capabilities
    }

    async fn connect(
        &self,
        _: &SqlInstance,
        _: Option<&DatabaseName>,
    ) -> Result<Box<dyn SqlSession>, TransportError> {
        let mut sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        let exchanges = sessions.pop_front().ok_or_else(over)?;
        Ok(Box::new(ReplaySession {
            over: Arc::clone(&self.over),
            look: Arc::clone(&self.look),
            exchanges,
        }))
    }
}

fn over() -> TransportError {
    TransportError::new(TransportErrorKind::Connect, "the recording is over")
}

struct ReplaySession<T> {
    over: Arc<Over>,
    look: Look<T>,
    exchanges: VecDeque<Exchange<T>>,
}

impl<T> Debug for ReplaySession<T> {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ReplaySession").finish_non_exhaustive()
    }
}

#[async_trait]
impl<T: Debug + Send + Sync + 'static> SqlSession for ReplaySession<T> {
    async fn execute(
        &mut self,
        batch: SqlBatch,
        sink: &mut dyn SqlSink,
    ) -> Result<(), TransportError> {
        let exchange = self.exchanges.pop_front().ok_or_else(over)?;
        (self.look)(&exchange.sent, &batch);
        for item in exchange.answer {
            match item {
                Item::Columns(columns) => sink.columns(&columns),
                Item::Row(row) => sink.row(row.into_iter().map(|v| self.value(v)).collect()),
                Item::Message(mut message) => {
                    message.text = self.over.text(&message.text);
                    sink.message(message);
                }
            }
        }
        match exchange.lost {
            Some(kind) => Err(TransportError::new(
                kind,
                "it was lost when it was recorded",
            )),
            None => Ok(()),
        }
    }

    fn wire(&self) -> Wire {
        Wire::InProcess
    }
}

impl<T> ReplaySession<T> {
    fn value(&self, value: SqlValue) -> SqlValue {
        match value {
            SqlValue::Text(text) => SqlValue::Text(self.over.text(&text)),
            value => value,
        }
    }
}
