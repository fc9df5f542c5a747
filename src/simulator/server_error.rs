//! Errors as the server raises them.

use crate::simulator::output::Gone;
use crate::transport::SqlMessage;

/// What a statement failed with: one message or several, in the order they are sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ServerError(pub(crate) Vec<SqlMessage>);

pub(crate) type Result<T, E = ServerError> = std::result::Result<T, E>;

/// A message; line and procedure are filled in by the session.
pub(crate) fn message(number: i32, class: u8, state: u8, text: impl Into<String>) -> SqlMessage {
    SqlMessage {
        number,
        state,
        class,
        text: text.into(),
        procedure: String::new(),
        line: 1,
    }
}

impl ServerError {
    /// One error.
    pub(crate) fn new(number: i32, class: u8, state: u8, text: impl Into<String>) -> Self {
        Self(vec![message(number, class, state, text)])
    }

    /// This error, and another one sent after it (3201, then 3013).
    #[must_use]
    pub(crate) fn then(mut self, next: Self) -> Self {
        self.0.extend(next.0);
        self
    }

    /// Valid T-SQL that this simulator doesn't do: our own number, so that nobody mistakes it for
    /// an answer of SQL Server.
    pub(crate) fn unsupported(what: impl std::fmt::Display) -> Self {
        Self::new(
            50_900,
            16,
            1,
            format!("The simulator does not support {what}."),
        )
    }
}

/// Why a statement stopped before its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// The server raised errors; the batch may go on.
    Server(ServerError),
    /// Nobody reads any more; the session ends.
    Gone,
}

impl From<ServerError> for Failure {
    fn from(error: ServerError) -> Self {
        Self::Server(error)
    }
}

impl From<Gone> for Failure {
    fn from(_: Gone) -> Self {
        Self::Gone
    }
}
