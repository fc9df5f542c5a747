use std::fmt;

use async_trait::async_trait;

use crate::names::{DatabaseName, SqlInstance};
use crate::transport::{SqlBatch, SqlColumn, SqlMessage, SqlValue, TransportError};

/// Which informational messages (severity below 11) reach the sink.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum MessageSupport {
    /// None at all: 3211, 15588 and their like are lost.
    None,
    /// All of them, when the batch has ended.
    AfterCompletion,
    /// All of them, as the server sends them.
    Live,
}

/// Which errors of a batch reach the sink.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum ErrorSupport {
    /// The first only: 3201, but not the 3013 that follows it.
    First,
    /// All of them, in the server's order.
    All,
}

/// How a running batch is ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum CancelSupport {
    /// By closing the connection. The server may go on for a while.
    Disconnect,
    /// By TDS attention, sent as soon as the future of [`execute`](SqlSession::execute) is dropped; the
    /// session stays usable: what it is asked next waits for the acknowledgement.
    Attention,
}

/// What a transport can do. Stated by the transport, believed by the operations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(
    clippy::exhaustive_structs,
    reason = "hosts state all of it, and a new question must reach them"
)]
pub struct SqlCapabilities {
    /// Which informational messages reach the sink.
    pub messages: MessageSupport,
    /// Which errors reach the sink.
    pub errors: ErrorSupport,
    /// How a running batch is ended.
    pub cancel: CancelSupport,
}

/// How well a session's bytes are protected on their way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Wire {
    /// They don't leave this process.
    InProcess,
    /// All encrypted, to a server whose certificate was verified.
    Verified,
    /// All encrypted, but the certificate was trusted without a check.
    Encrypted,
    /// In clear text (or encrypted at sign-in only).
    Plain,
}

/// Connects to SQL Server. The port a host plugs in.
///
/// # Contract
/// * `instance` is a logical name; the transport maps it to an endpoint and a login.
/// * The session ends up at that name and nowhere else: a redirection to another name is an error.
#[async_trait]
pub trait SqlTransport: fmt::Debug + Send + Sync {
    /// What this transport can do.
    fn capabilities(&self) -> SqlCapabilities;

    /// Opens a session, in `database` or in the login's default database.
    ///
    /// # Errors
    /// Only the kinds `Connect`, `Authenticate`, `Timeout` and `Unsupported`; nothing was changed.
    ///
    /// # Cancel safety
    /// Dropping the future closes what was opened.
    async fn connect(
        &self,
        instance: &SqlInstance,
        database: Option<&DatabaseName>,
    ) -> Result<Box<dyn SqlSession>, TransportError>;
}

/// One connection, kept: `USE`, `OPEN MASTER KEY`, `@@SPID` and locks depend on it. Dropping it
/// closes the connection.
///
/// # Contract
/// * The batch is sent as it is given: no splitting on `GO`, no retries, no added `SET`s.
/// * The sink gets every row as it arrives, and messages and errors as the capabilities claim.
/// * SQL Server's errors are messages for the sink, not `Err`. `Err` means: no complete reply.
/// * After `Err` the session is not used again.
#[async_trait]
pub trait SqlSession: fmt::Debug + Send {
    /// Runs one batch.
    ///
    /// # Cancel safety
    /// Dropping the future ends the batch as [`CancelSupport`] says. With `Disconnect` the batch may
    /// run until the session is dropped, and for a while after; the session is then only good for
    /// dropping, and must refuse another batch rather than mix up two answers.
    async fn execute(
        &mut self,
        batch: SqlBatch,
        sink: &mut dyn SqlSink,
    ) -> Result<(), TransportError>;

    /// How well the bytes of this session are protected.
    fn wire(&self) -> Wire;
}

/// Takes what SQL Server answers, in its order.
pub trait SqlSink: Send {
    /// A result set begins.
    fn columns(&mut self, columns: &[SqlColumn]);
    /// A row of the result set that began last.
    fn row(&mut self, row: Vec<SqlValue>);
    /// A message: informational, or an error.
    fn message(&mut self, message: SqlMessage);
}
