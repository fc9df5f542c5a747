use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use mssql_tds::connection::tds_client::TdsClient;
use mssql_tds::error::Error;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::bounds::Bounds;
use super::ear::DriverEar;
use super::worker::{Command, Event, work};
use crate::adapter::Login;
use crate::adapter::contained::contained_in;
use crate::transport::{SqlBatch, SqlSession, SqlSink, TransportError, TransportErrorKind, Wire};

/// Rows that wait for a slow sink.
const ROOM: usize = 64;

/// One connection of the driver. A task of its own holds it, so that a batch whose future is
/// dropped is ended by attention and its answer read to the end.
pub(super) struct MssqlTdsSession {
    commands: mpsc::Sender<Command>,
    worker: JoinHandle<()>,
    wire: Wire,
}

impl MssqlTdsSession {
    pub(super) fn begin(client: TdsClient, wire: Wire, idle_deadline: Option<Duration>) -> Self {
        let (commands, queue) = mpsc::channel(1);
        let ear = DriverEar::default();
        let listening = ear.listening();
        let bounds = Bounds::new(idle_deadline, ear);
        let worker = tokio::spawn(async move {
            // A panic of the driver ends the task, and with it the connection: whoever waits for an
            // answer sees that none comes.
            let _ = Box::pin(contained_in(listening, work(client, queue, bounds))).await;
        });
        Self {
            commands,
            worker,
            wire,
        }
    }
}

impl Drop for MssqlTdsSession {
    fn drop(&mut self) {
        self.worker.abort();
    }
}

impl fmt::Debug for MssqlTdsSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MssqlTdsSession")
            .field("is_open", &!self.commands.is_closed())
            .field("wire", &self.wire)
            .finish()
    }
}

#[async_trait]
impl SqlSession for MssqlTdsSession {
    async fn execute(
        &mut self,
        batch: SqlBatch,
        sink: &mut dyn SqlSink,
    ) -> Result<(), TransportError> {
        let (events, mut answer) = mpsc::channel(ROOM);
        let cancel = CancellationToken::new();
        // Where this future is dropped, the worker ends the batch.
        let _guard = cancel.clone().drop_guard();
        let command = Command {
            batch,
            events,
            cancel,
        };
        // The worker takes it once the answer to the batch before is over.
        if self.commands.send(command).await.is_err() {
            return Err(TransportError::new(
                TransportErrorKind::Connect,
                "the session was lost before and is not used again; nothing was sent",
            ));
        }
        while let Some(event) = answer.recv().await {
            match event {
                Event::Columns(columns) => sink.columns(&columns),
                Event::Row(row) => sink.row(row),
                Event::Message(message) => sink.message(message),
                Event::End(end) => return end,
            }
        }
        Err(TransportError::new(
            TransportErrorKind::Interrupted,
            "the driver gave up: it met something in the answer that it does not know",
        ))
    }

    fn wire(&self) -> Wire {
        self.wire
    }
}

/// Why no session came of it.
pub(super) fn login_error(error: &Error, login: &Login) -> TransportError {
    let (kind, detail) = match error {
        Error::SqlServerError { diagnostics } => {
            let errors: Vec<String> = diagnostics
                .errors
                .iter()
                .map(|error| format!("SQL Server error {}: {}", error.number, error.message))
                .collect();
            (TransportErrorKind::Authenticate, errors.join(" "))
        }
        Error::TimeoutError(_) => (TransportErrorKind::Timeout, error.to_string()),
        Error::TlsError(problem) => (TransportErrorKind::Connect, format!("TLS: {problem}")),
        Error::TlsHandshakeError { source, .. } => {
            (TransportErrorKind::Connect, format!("TLS: {source}"))
        }
        Error::CertificateExpired => (
            TransportErrorKind::Connect,
            "TLS: the server's certificate has expired".to_owned(),
        ),
        Error::Security(problem) => (
            TransportErrorKind::Authenticate,
            format!("integrated authentication: {problem}"),
        ),
        Error::Io(problem) => (TransportErrorKind::Connect, problem.to_string()),
        Error::ConnectionError(problem) | Error::ConnectionClosed(problem) => {
            (TransportErrorKind::Connect, problem.clone())
        }
        _ => (
            TransportErrorKind::Connect,
            "the server's answer breaks the protocol".to_owned(),
        ),
    };
    TransportError::new(kind, login.scrub(&detail))
}
