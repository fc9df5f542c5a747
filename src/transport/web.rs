use std::fmt;

use async_trait::async_trait;

use crate::names::{HostName, WebUrl};
use crate::transport::HostError;

/// As much of a body as is kept: enough for what an error page says of itself.
pub const LONGEST_BODY: usize = 64 << 10;

/// What a web server answered.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(
    clippy::exhaustive_structs,
    reason = "adapters state all of it, and a new question must reach them"
)]
pub struct WebAnswer {
    /// The status: 200, 401, 500.
    pub status: u16,
    /// The names and values of its headers.
    pub headers: Vec<(String, String)>,
    /// The beginning of the body, made text, up to [`LONGEST_BODY`] bytes. Whoever answers writes it.
    pub body: String,
}

impl WebAnswer {
    /// The values of a header, whichever case its name has.
    pub fn header(&self, name: &str) -> impl Iterator<Item = &str> {
        let is_it = move |header: &&(String, String)| header.0.eq_ignore_ascii_case(name);
        self.headers
            .iter()
            .filter(is_it)
            .map(|(_, value)| value.as_str())
    }
}

/// From where a [`WebTransport`] asks, and as whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(
    clippy::exhaustive_structs,
    reason = "adapters state all of it, and a new question must reach them"
)]
pub struct WebCapabilities {
    /// It asks on the host itself, as a browser there would: `localhost` is that host.
    pub is_on_host: bool,
    /// It signs in with a Windows account where it is asked to. Else a 401 is all that it sees of an
    /// application that wants to know who asks.
    pub signs_in: bool,
}

/// Asks web servers of hosts. The port a host program plugs in.
///
/// # Contract
/// * One `GET`, and nothing that changes anything. A redirection is an answer, and is not followed.
/// * Every status is an answer, not an error; so is a 401 to somebody who does not or can't sign in.
/// * It signs in by Windows authentication only (Negotiate, NTLM), with the account that it runs as: no
///   password is sent.
/// * Where nobody listens at that port, the error is [`Connect`](crate::transport::TransportErrorKind::Connect).
#[async_trait]
pub trait WebTransport: fmt::Debug + Send + Sync {
    /// From where it asks, and as whom.
    fn capabilities(&self) -> WebCapabilities;

    /// Asks a web server of `host`. Where the transport asks on the host itself, `url` may name it
    /// `localhost`.
    async fn get(&self, host: &HostName, url: &WebUrl) -> Result<WebAnswer, HostError>;
}
