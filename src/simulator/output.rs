//! What a session answers: a stream of replies, sent as they arise.

use tokio::sync::mpsc;

use crate::simulator::wire_type::{WireColumn, WireType};
use crate::transport::{SqlMessage, SqlValue};

/// One piece of an answer. TDS makes a token of it, the in-process transport a call of the sink.
#[derive(Clone, Debug)]
pub(crate) enum Reply {
    Columns(Vec<WireColumn>),
    Row(Vec<SqlValue>),
    /// INFO (class 0 to 10) or ERROR.
    Message(SqlMessage),
    /// The end of a statement.
    Done {
        /// `CurCmd` of the DONE token.
        command: u16,
        rows: Option<u64>,
        is_error: bool,
    },
    /// The end of a batch whose session was killed. Nothing comes after it.
    Killed,
    /// The session's database changed: ENVCHANGE 1.
    Database {
        from: String,
        to: String,
    },
    /// The session's language changed: ENVCHANGE 2.
    Language {
        from: &'static str,
        to: &'static str,
    },
    /// The session's transaction began or ended: ENVCHANGE 8, 9, 10.
    Transaction {
        change: TransactionChange,
        /// Tells it apart from earlier ones.
        descriptor: u64,
    },
    /// An OUTPUT parameter of an RPC.
    ReturnValue {
        ordinal: u16,
        name: String,
        kind: WireType,
        value: SqlValue,
    },
    /// The return status of a procedure called by RPC.
    ReturnStatus(i32),
}

/// What happened to the session's transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TransactionChange {
    Begun,
    Committed,
    RolledBack,
}

/// The client is gone, or the session was killed: the statement stops where it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Gone;

/// Where a session writes its replies. Bounded: a client that does not read holds the statement.
#[derive(Clone, Debug)]
pub(crate) struct Output {
    replies: mpsc::Sender<Reply>,
    /// Where the messages of the statement that runs come from.
    line: u32,
    procedure: String,
}

impl Output {
    /// A stream of replies and the end that reads it.
    pub(crate) fn channel() -> (Self, mpsc::Receiver<Reply>) {
        Self::of_capacity(64)
    }

    /// The same, for that many replies at a time.
    pub(crate) fn of_capacity(replies: usize) -> (Self, mpsc::Receiver<Reply>) {
        let (sender, receiver) = mpsc::channel(replies);
        let output = Self {
            replies: sender,
            line: 1,
            procedure: String::new(),
        };
        (output, receiver)
    }

    /// The same stream, for the messages of a statement that stands there.
    pub(crate) fn at(&self, line: u32, procedure: &str) -> Self {
        Self {
            replies: self.replies.clone(),
            line,
            procedure: procedure.to_owned(),
        }
    }

    pub(crate) async fn send(&self, reply: Reply) -> Result<(), Gone> {
        self.replies.send(reply).await.map_err(|_| Gone)
    }

    /// Sends a message. One that doesn't say where it comes from comes from the statement.
    pub(crate) async fn message(&self, mut message: SqlMessage) -> Result<(), Gone> {
        if message.line <= 1 {
            message.line = self.line;
        }
        if message.procedure.is_empty() {
            message.procedure.clone_from(&self.procedure);
        }
        self.send(Reply::Message(message)).await
    }
}
