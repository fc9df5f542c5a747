use std::fmt;

use async_trait::async_trait;
use futures_util::TryStreamExt as _;
use tiberius::error::{Error, IoErrorKind, TokenError};
use tiberius::{Client, QueryItem};
use tokio_util::compat::Compat;

use super::ending::EndingEar;
use super::value::value;
use crate::adapter::Login;
use crate::adapter::contained::contained_in;
use crate::adapter::guarded::{Guarded, Meter};
use crate::transport::{
    SqlBatch, SqlColumn, SqlMessage, SqlSession, SqlSink, TransportError, TransportErrorKind, Wire,
};

/// One connection of the driver.
pub(super) struct TiberiusSession {
    /// `None` once the connection can't be trusted any more: an answer was left half-read.
    client: Option<Client<Compat<Guarded>>>,
    meter: Meter,
    wire: Wire,
}

impl fmt::Debug for TiberiusSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TiberiusSession")
            .field("is_open", &self.client.is_some())
            .field("wire", &self.wire)
            .finish()
    }
}

impl TiberiusSession {
    pub(super) const fn new(client: Client<Compat<Guarded>>, meter: Meter, wire: Wire) -> Self {
        Self {
            client: Some(client),
            meter,
            wire,
        }
    }
}

#[async_trait]
impl SqlSession for TiberiusSession {
    async fn execute(
        &mut self,
        batch: SqlBatch,
        sink: &mut dyn SqlSink,
    ) -> Result<(), TransportError> {
        // Taken out for the while: if this future is dropped, so is the connection, and no later
        // batch reads the rest of this one's answer.
        let Some(mut client) = self.client.take() else {
            return Err(TransportError::new(
                TransportErrorKind::Connect,
                "the session was lost before and is not used again; nothing was sent",
            ));
        };
        let ear = EndingEar::default();
        let answer = answer(&mut client, &self.meter, &batch, sink);
        match contained_in(ear.listening(), answer).await {
            Ok(Ok(())) if ear.missed_the_end() => {
                return Err(TransportError::new(
                    TransportErrorKind::Interrupted,
                    "the answer stops before its end",
                ));
            }
            Ok(Ok(())) => self.client = Some(client),
            Ok(Err(Error::Server(error))) => {
                let is_fatal = error.class() >= 20;
                sink.message(message(&error));
                if is_fatal {
                    return Err(TransportError::new(
                        TransportErrorKind::Interrupted,
                        format!("the server ended the session with error {}", error.code()),
                    ));
                }
                self.client = Some(client);
            }
            Ok(Err(error)) => return Err(lost(&error)),
            Err(panic) => {
                return Err(TransportError::new(
                    TransportErrorKind::Interrupted,
                    format!("the driver gave up: {panic}"),
                ));
            }
        }
        Ok(())
    }

    fn wire(&self) -> Wire {
        self.wire
    }
}

async fn answer(
    client: &mut Client<Compat<Guarded>>,
    meter: &Meter,
    batch: &SqlBatch,
    sink: &mut dyn SqlSink,
) -> tiberius::Result<()> {
    meter.reset();
    let mut stream = client.simple_query(batch.clear_text()).await?;
    while let Some(item) = stream.try_next().await? {
        meter.reset();
        match item {
            QueryItem::Metadata(metadata) => {
                let columns: Vec<SqlColumn> = metadata
                    .columns()
                    .iter()
                    .map(|column| SqlColumn {
                        name: column.name().to_owned(),
                    })
                    .collect();
                sink.columns(&columns);
            }
            QueryItem::Row(row) => sink.row(row.into_iter().map(value).collect()),
        }
    }
    Ok(())
}

fn message(error: &TokenError) -> SqlMessage {
    SqlMessage {
        number: i32::try_from(error.code()).unwrap_or(i32::MAX),
        state: error.state(),
        class: error.class(),
        text: error.message().to_owned(),
        procedure: error.procedure().to_owned(),
        line: error.line(),
    }
}

/// An answer that did not come whole.
fn lost(error: &Error) -> TransportError {
    let (kind, detail) = match error {
        Error::Io {
            kind: IoErrorKind::TimedOut,
            message,
        } => (TransportErrorKind::Timeout, message.clone()),
        Error::Io { message, .. } => (TransportErrorKind::Interrupted, message.clone()),
        // What the driver says of a malformed answer can hold bytes of the wire.
        Error::Routing { .. } => (
            TransportErrorKind::Interrupted,
            "the server sent a redirection in the middle".to_owned(),
        ),
        _ => (
            TransportErrorKind::Interrupted,
            "the answer can't be read: it breaks the protocol".to_owned(),
        ),
    };
    TransportError::new(kind, detail)
}

/// Why no session came of it.
pub(super) fn login_error(error: &Error, login: &Login) -> TransportError {
    let (kind, detail) = match error {
        Error::Server(error) => (
            TransportErrorKind::Authenticate,
            format!("SQL Server error {}: {}", error.code(), error.message()),
        ),
        Error::Io { message, .. } => (TransportErrorKind::Connect, message.clone()),
        Error::Tls(problem) => (TransportErrorKind::Connect, format!("TLS: {problem}")),
        _ => (
            TransportErrorKind::Connect,
            "the server's answer breaks the protocol".to_owned(),
        ),
    };
    TransportError::new(kind, login.scrub(&detail))
}
