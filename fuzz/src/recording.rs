//! What operations send to a server, recorded with harmless names and answered again with others.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use scorch_recovery::names::{DatabaseName, SqlInstance};
use scorch_recovery::simulator::SimulatorTransport;
use scorch_recovery::transport::{
    SqlBatch, SqlCapabilities, SqlColumn, SqlMessage, SqlSession, SqlSink, SqlTransport, SqlValue,
    TransportError, TransportErrorKind, Wire,
};
use sqlparser::tokenizer::Token;

use crate::judge;
use crate::over::Over;

/// A batch and its answer.
#[derive(Clone, Debug)]
struct Exchange {
    clear: Vec<Token>,
    redacted: Vec<Token>,
    answer: Vec<Item>,
}

#[derive(Clone, Debug)]
enum Item {
    Columns(Vec<SqlColumn>),
    Row(Vec<SqlValue>),
    Message(SqlMessage),
}

/// The sessions of an operation, each with its batches, in order.
#[derive(Clone, Debug, Default)]
pub struct Recording {
    sessions: Vec<VecDeque<Exchange>>,
}

impl Recording {
    /// How many batches were sent.
    #[must_use]
    pub fn batches(&self) -> usize {
        self.sessions.iter().map(VecDeque::len).sum()
    }
}

/// A transport that writes down what goes over it.
#[derive(Clone, Debug)]
pub struct Recorder {
    inner: Arc<SimulatorTransport>,
    recording: Arc<Mutex<Recording>>,
}

impl Recorder {
    /// Records what goes over `inner`.
    #[must_use]
    pub fn new(inner: SimulatorTransport) -> Self {
        Self {
            inner: Arc::new(inner),
            recording: Arc::default(),
        }
    }

    /// What was recorded since the last time.
    #[must_use]
    pub fn take(&self) -> Recording {
        std::mem::take(
            &mut *self
                .recording
                .lock()
                .unwrap_or_else(PoisonError::into_inner),
        )
    }
}

#[async_trait]
impl SqlTransport for Recorder {
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
            recording: Arc::clone(&self.recording),
            session: recording.sessions.len() - 1,
        }))
    }
}

#[derive(Debug)]
struct RecordingSession {
    inner: Box<dyn SqlSession>,
    recording: Arc<Mutex<Recording>>,
    session: usize,
}

#[async_trait]
impl SqlSession for RecordingSession {
    async fn execute(
        &mut self,
        batch: SqlBatch,
        sink: &mut dyn SqlSink,
    ) -> Result<(), TransportError> {
        let (clear, redacted) = (
            judge::tokens(batch.clear_text()),
            judge::tokens(batch.redacted()),
        );
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
            clear,
            redacted,
            answer,
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

/// A transport that answers as was recorded, made over, and panics where a batch is not the
/// recorded one, made over.
#[derive(Debug)]
pub struct Replay {
    over: Arc<Over>,
    secrets: Vec<String>,
    capabilities: SqlCapabilities,
    sessions: Mutex<VecDeque<VecDeque<Exchange>>>,
    checked: Arc<Mutex<usize>>,
}

impl Replay {
    /// Answers as `recording`, made `over`. No redacted text may hold one of `secrets`.
    #[must_use]
    pub fn new(
        recording: &Recording,
        capabilities: SqlCapabilities,
        over: Arc<Over>,
        secrets: Vec<String>,
        checked: Arc<Mutex<usize>>,
    ) -> Self {
        Self {
            over,
            secrets,
            capabilities,
            sessions: Mutex::new(recording.sessions.iter().cloned().collect()),
            checked,
        }
    }
}

#[async_trait]
impl SqlTransport for Replay {
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
            secrets: self.secrets.clone(),
            exchanges,
            checked: Arc::clone(&self.checked),
        }))
    }
}

fn over() -> TransportError {
    TransportError::new(TransportErrorKind::Connect, "the recording is over")
}

#[derive(Debug)]
struct ReplaySession {
    over: Arc<Over>,
    secrets: Vec<String>,
    exchanges: VecDeque<Exchange>,
    checked: Arc<Mutex<usize>>,
}

#[async_trait]
impl SqlSession for ReplaySession {
    async fn execute(
        &mut self,
        batch: SqlBatch,
        sink: &mut dyn SqlSink,
    ) -> Result<(), TransportError> {
        let exchange = self.exchanges.pop_front().ok_or_else(over)?;
        let (clear, redacted) = (batch.clear_text(), batch.redacted());
        check(&self.over, &exchange.clear, clear);
        check(&self.over, &exchange.redacted, redacted);
        for secret in &self.secrets {
            assert!(!redacted.contains(secret.as_str()), "a secret is shown");
        }
        *self.checked.lock().unwrap_or_else(PoisonError::into_inner) += 1;
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
        Ok(())
    }

    fn wire(&self) -> Wire {
        Wire::InProcess
    }
}

impl ReplaySession {
    fn value(&self, value: SqlValue) -> SqlValue {
        match value {
            SqlValue::Text(text) => SqlValue::Text(self.over.text(&text)),
            value => value,
        }
    }
}

/// Whether `text` has the recorded tokens, the values in them made over.
///
/// # Panics
/// If it has others.
pub fn check(over: &Over, recorded: &[Token], text: &str) {
    let found = judge::tokens(text);
    for token in &found {
        if let Token::NationalStringLiteral(value) | Token::SingleQuotedString(value) = token {
            assert!(judge::is_literal(value), "no literal in one piece: {text}");
        }
    }
    let found = judge::join(found);
    assert_eq!(recorded.len(), found.len(), "other tokens: {text}");
    for (recorded, found) in recorded.iter().zip(&found) {
        let is_same = match (recorded, found) {
            (Token::NationalStringLiteral(one), Token::NationalStringLiteral(other))
            | (Token::SingleQuotedString(one), Token::SingleQuotedString(other)) => {
                over.text(one) == *other || is_derived(one, other)
            }
            (Token::Word(one), Token::Word(other)) => {
                one.quote_style == other.quote_style
                    && match one.quote_style {
                        Some(_) => over.text(&one.value) == other.value,
                        None => one.value == other.value,
                    }
            }
            // Lengths of texts are counted.
            (Token::Number(_, one), Token::Number(_, other)) => one == other,
            (one, other) => one == other,
        };
        assert!(is_same, "{recorded:?} became {found:?}: {text}");
    }
}

/// Files of a restored database: their names are made of its name, and are plain.
fn is_derived(recorded: &str, found: &str) -> bool {
    let Some((folder, _)) = recorded.rsplit_once('\\') else {
        return false;
    };
    recorded.ends_with("df")
        && found.rsplit_once('\\').is_some_and(|(other, leaf)| {
            folder == other
                && leaf
                    .chars()
                    .all(|c| c.is_alphanumeric() || matches!(c, '-' | '_' | '.'))
        })
}
