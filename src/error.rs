//! What went wrong, and whether anything changed.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::names::NameError;
pub(crate) use crate::transport::printable;
use crate::transport::{HostError, SqlMessage, TransportError, TransportErrorKind, codes};

/// What kind of thing went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ErrorKind {
    /// What was to be made is there already, and is not overwritten.
    AlreadyExists,
    /// Somebody else holds it. Later it may work.
    Busy,
    /// Stopped at a safe point because the caller asked for it.
    Cancelled,
    /// It endangers others, and the operation carries no evidence that this was seen, or other
    /// evidence than what is there now.
    ConsentRequired,
    /// Damaged or not what it should be: a file, a backup set, an answer.
    Corrupt,
    /// It can't be used there: a newer version, another edition.
    Incompatible,
    /// A mistake in this library.
    Internal,
    /// A value of the caller can't be used. Names the field and the remedy.
    InvalidInput,
    /// The journal could not be written or read.
    Journal,
    /// A key or password does not open what it should.
    KeyMismatch,
    /// No space for it.
    NoSpace,
    /// It is not there.
    NotFound,
    /// A right is missing. Names it.
    PermissionDenied,
    /// SQL Server said no in another way; see [`Error::sql_messages`].
    SqlServer,
    /// No answer within the deadline.
    TimedOut,
    /// No connection, or it was lost.
    Unreachable,
    /// The transport or the server can't do this at all.
    Unsupported,
    /// Windows said no in another way; its number is in [`Error::detail`].
    Windows,
}

/// Whether anything changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Effect {
    /// Nothing changed.
    None,
    /// It may have happened. Observe before trying again.
    Unknown,
    /// It began and stopped part-way: a database left RESTORING, half a file.
    Partial,
    /// It happened; a check after it failed.
    Done,
}

/// The one error of this library.
///
/// `Display` is one line: operation, target, what happened, what changed. It and everything else
/// here is free of secrets, and the server's text is free of control characters.
#[derive(Debug)]
pub struct Error(Box<Inner>);

#[derive(Debug)]
struct Inner {
    kind: ErrorKind,
    effect: Effect,
    operation: &'static str,
    target: String,
    detail: String,
    remedy: Option<String>,
    sql_messages: Vec<SqlMessage>,
    source: Option<TransportError>,
}

/// The result of this library's functions.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// An error with the effect [`Effect::None`]; the setters below say more.
    pub(crate) fn new(kind: ErrorKind, detail: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            kind,
            effect: Effect::None,
            operation: "",
            target: String::new(),
            detail: printable(&detail.into()),
            remedy: None,
            sql_messages: Vec::new(),
            source: None,
        }))
    }

    /// `field` can't be used as it is.
    pub(crate) fn invalid(field: &str, problem: impl fmt::Display) -> Self {
        Self::new(ErrorKind::InvalidInput, format!("{field}: {problem}"))
    }

    pub(crate) fn from_transport(error: TransportError) -> Self {
        let kind = match error.kind() {
            TransportErrorKind::Authenticate => ErrorKind::PermissionDenied,
            TransportErrorKind::Timeout => ErrorKind::TimedOut,
            TransportErrorKind::Unsupported => ErrorKind::Unsupported,
            TransportErrorKind::Connect
            | TransportErrorKind::Interrupted
            | TransportErrorKind::Send
            | TransportErrorKind::Unknown => ErrorKind::Unreachable,
        };
        let effect = if error.kind().is_before_send() {
            Effect::None
        } else {
            Effect::Unknown
        };
        let mut this = Self::new(kind, error.to_string()).with_effect(effect);
        this.0.source = Some(TransportError::new(error.kind(), error.detail()));
        this
    }

    /// What a host did not do. Its refusals changed nothing.
    pub(crate) fn from_host(error: HostError) -> Self {
        let code = match error {
            HostError::Lost(lost) => return Self::from_transport(lost),
            HostError::Refused { code, .. } => code,
        };
        let kind = match code {
            codes::ACCESS_DENIED => ErrorKind::PermissionDenied,
            codes::ALREADY_EXISTS | codes::FILE_EXISTS | codes::SERVICE_ALREADY_RUNNING => {
                ErrorKind::AlreadyExists
            }
            codes::DISK_FULL => ErrorKind::NoSpace,
            codes::FILE_NOT_FOUND | codes::PATH_NOT_FOUND | codes::SERVICE_DOES_NOT_EXIST => {
                ErrorKind::NotFound
            }
            codes::RPC_SERVER_UNAVAILABLE => ErrorKind::Unreachable,
            codes::DEPENDENT_SERVICES_RUNNING
            | codes::SHARING_VIOLATION
            | codes::SERVICE_CANNOT_ACCEPT_CONTROL => ErrorKind::Busy,
            codes::SERVICE_REQUEST_TIMEOUT => ErrorKind::TimedOut,
            _ => ErrorKind::Windows,
        };
        let this = Self::new(kind, error.to_string());
        match code {
            codes::ACCESS_DENIED => this.with_remedy("run it as an administrator of that host"),
            codes::DEPENDENT_SERVICES_RUNNING => {
                this.with_remedy("stop first the services that need it; sc enumdepend lists them")
            }
            codes::RPC_SERVER_UNAVAILABLE => this.with_remedy(
                "see that the host runs, that its name leads to it and that its firewall lets its service manager be reached (TCP 135 and the RPC ports), or leave the host out",
            ),
            codes::SERVICE_DISABLED => {
                this.with_remedy("give the service its start type back, then start it")
            }
            _ => this,
        }
    }

    #[must_use]
    pub(crate) fn with_effect(mut self, effect: Effect) -> Self {
        self.0.effect = effect;
        self
    }

    #[must_use]
    pub(crate) fn with_remedy(mut self, remedy: impl Into<String>) -> Self {
        self.0.remedy = Some(printable(&remedy.into()));
        self
    }

    #[must_use]
    pub(crate) fn with_messages(mut self, mut messages: Vec<SqlMessage>) -> Self {
        for message in &mut messages {
            message.text = printable(&message.text);
            message.procedure = printable(&message.procedure);
        }
        self.0.sql_messages = messages;
        self
    }

    /// Says which operation on what, unless that is said already.
    #[must_use]
    pub(crate) fn at(mut self, operation: &'static str, target: impl fmt::Display) -> Self {
        if self.0.operation.is_empty() {
            self.0.operation = operation;
            self.0.target = printable(&target.to_string());
        }
        self
    }

    /// What kind of thing went wrong.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// Whether anything changed.
    #[must_use]
    pub fn effect(&self) -> Effect {
        self.0.effect
    }

    /// The operation, such as `back up service master key`.
    #[must_use]
    pub fn operation(&self) -> &str {
        self.0.operation
    }

    /// What it was done to, such as `SQL01\ORCH`.
    #[must_use]
    pub fn target(&self) -> &str {
        &self.0.target
    }

    /// What happened, in words.
    #[must_use]
    pub fn detail(&self) -> &str {
        &self.0.detail
    }

    /// What to do about it, where that can be said.
    #[must_use]
    pub fn remedy(&self) -> Option<&str> {
        self.0.remedy.as_deref()
    }

    /// Whether SQL Server said one of these numbers, as an error.
    pub(crate) fn has_number(&self, numbers: &[i32]) -> bool {
        let mut errors = self.0.sql_messages.iter().filter(|m| m.is_error());
        errors.any(|message| numbers.contains(&message.number))
    }

    /// What SQL Server said, in its order; as much of it as the transport reports.
    #[must_use]
    pub fn sql_messages(&self) -> &[SqlMessage] {
        &self.0.sql_messages
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = &*self.0;
        if !inner.operation.is_empty() {
            write!(f, "{} on {}: ", inner.operation, inner.target)?;
        }
        f.write_str(&inner.detail)?;
        match inner.effect {
            Effect::None => f.write_str(" (nothing was changed)"),
            Effect::Unknown => f.write_str(" (it may have happened: observe before trying again)"),
            Effect::Partial => f.write_str(" (it began and stopped part-way)"),
            Effect::Done => f.write_str(" (it happened; the check after it failed)"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0
            .source
            .as_ref()
            .map(|source| source as &(dyn std::error::Error + 'static))
    }
}

impl From<NameError> for Error {
    fn from(error: NameError) -> Self {
        Self::invalid(error.what(), error.problem())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn display_is_one_line_and_says_what_changed() {
        let error = Error::new(
            ErrorKind::SqlServer,
            "SQL Server error 15240:\x1b[31m red\nnext",
        )
        .at("back up service master key", r"SQL01\ORCH")
        .at("another", "ignored");
        assert_eq!(
            error.to_string(),
            r"back up service master key on SQL01\ORCH: SQL Server error 15240:\u{1b}[31m red\u{a}next (nothing was changed)"
        );
    }

    #[test]
    fn effects_follow_how_far_the_request_got() {
        use TransportErrorKind as T;
        for (kind, effect) in [
            (T::Connect, Effect::None),
            (T::Authenticate, Effect::None),
            (T::Unsupported, Effect::None),
            (T::Send, Effect::Unknown),
            (T::Timeout, Effect::Unknown),
            (T::Interrupted, Effect::Unknown),
            (T::Unknown, Effect::Unknown),
        ] {
            assert_eq!(
                Error::from_transport(TransportError::new(kind, "")).effect(),
                effect,
                "{kind:?}"
            );
        }
    }
}
