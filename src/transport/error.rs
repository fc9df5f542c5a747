use std::fmt;

/// How far a request got. Decides whether anything may be tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TransportErrorKind {
    /// Signing in was refused. Nothing was sent; it will not be retried.
    Authenticate,
    /// No connection was made. Nothing was sent; it may be tried again.
    Connect,
    /// The reply stopped before its end: the request may have been carried out. It will be
    /// observed, not repeated.
    Interrupted,
    /// The request may have left in part. It will be observed, not repeated.
    Send,
    /// No complete reply within the deadline. The request may have been carried out, or may still
    /// be running. It will be observed, not repeated.
    Timeout,
    /// The transport can't do this. Nothing was sent.
    Unsupported,
    /// The host's transport could not tell. Treated as [`Interrupted`](Self::Interrupted).
    Unknown,
}

impl TransportErrorKind {
    /// Whether the server can't have seen anything of the request.
    #[must_use]
    pub const fn is_before_send(self) -> bool {
        matches!(self, Self::Authenticate | Self::Connect | Self::Unsupported)
    }
}

/// A request that got no complete reply.
///
/// SQL Server's own errors are messages given to the sink, not this.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct TransportError {
    kind: TransportErrorKind,
    detail: String,
}

impl TransportError {
    /// Makes an error from how far the request got and what the transport has to say.
    ///
    /// `detail` reaches logs and reports: it must hold no secret. What a terminal would obey in it
    /// is escaped here, because servers put their words into it.
    #[must_use]
    pub fn new(kind: TransportErrorKind, detail: impl Into<String>) -> Self {
        Self {
            kind,
            detail: printable(&detail.into()),
        }
    }

    /// How far the request got.
    #[must_use]
    pub const fn kind(&self) -> TransportErrorKind {
        self.kind
    }

    /// What the transport has to say about it.
    #[must_use]
    pub fn detail(&self) -> &str {
        &self.detail
    }
}

impl fmt::Display for TransportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.kind {
            TransportErrorKind::Authenticate => "signing in was refused",
            TransportErrorKind::Connect => "no connection",
            TransportErrorKind::Interrupted => "the reply was cut short",
            TransportErrorKind::Send => "the request may not have been sent whole",
            TransportErrorKind::Timeout => "no complete reply in time",
            TransportErrorKind::Unsupported => "the transport can't do this",
            TransportErrorKind::Unknown => "the transport failed",
        };
        write!(f, "{what}: {}", self.detail)
    }
}

/// Text of others made safe for a terminal or a report: control characters and those that turn the
/// direction of writing are escaped.
pub(crate) fn printable(text: &str) -> String {
    let is_hostile = |c: char| {
        c.is_control()
            || matches!(c, '\u{061c}' | '\u{2028}' | '\u{2029}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        if is_hostile(c) {
            safe.extend(c.escape_unicode());
        } else {
            safe.push(c);
        }
    }
    safe
}
