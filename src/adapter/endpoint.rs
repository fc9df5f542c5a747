use std::time::Duration;

use super::browser;
use super::tls::Tls;
use crate::error::{Error, Result};
use crate::names::SqlInstance;
use crate::transport::{TransportError, TransportErrorKind};

/// Where an instance listens, and how the connection is protected.
#[derive(Clone, Debug)]
pub struct Endpoint {
    pub(super) host: String,
    pub(super) port: Port,
    pub(super) tls: Tls,
    pub(super) is_strict: bool,
    pub(super) certificate_name: Option<String>,
    pub(super) routes: Vec<String>,
    pub(super) connect_deadline: Option<Duration>,
    pub(super) idle_deadline: Option<Duration>,
}

/// How the port is known.
#[derive(Clone, Debug)]
pub(super) enum Port {
    /// It is given.
    Fixed(u16),
    /// SQL Server Browser of the host tells it.
    Browser(browser::Question),
}

impl Endpoint {
    /// An endpoint with full TLS and the system's roots.
    #[must_use]
    pub fn new(host: impl Into<String>, port: u16) -> Self {
        Self::at(host.into(), Port::Fixed(port))
    }

    /// A named instance, whose port SQL Server Browser of the host tells (UDP 1434).
    ///
    /// What it says is not authenticated. It can send a connection to another port of this host and
    /// no further; with a verified certificate, only to a server that bears the right name.
    #[must_use]
    pub fn named_instance(host: impl Into<String>, instance: impl Into<String>) -> Self {
        let question = browser::Question::about(instance.into());
        Self::at(host.into(), Port::Browser(question))
    }

    const fn at(host: String, port: Port) -> Self {
        Self {
            host,
            port,
            tls: Tls::SystemRoots,
            is_strict: false,
            certificate_name: None,
            routes: Vec::new(),
            connect_deadline: None,
            idle_deadline: None,
        }
    }

    /// How the connection is protected.
    #[must_use]
    pub fn tls(mut self, tls: Tls) -> Self {
        self.tls = tls;
        self
    }

    /// Speaks TDS 8.0: TLS is there before the first byte of TDS. SQL Server 2022 and later.
    #[must_use]
    pub const fn strict(mut self) -> Self {
        self.is_strict = true;
        self
    }

    /// The name that the certificate must bear. Default: the host.
    #[must_use]
    pub fn certificate_name(mut self, name: impl Into<String>) -> Self {
        self.certificate_name = Some(name.into());
        self
    }

    /// Lets the server send the connection on to this host, at any port: once, and its certificate
    /// must bear that name. Default: it may name the host of this endpoint only, for another port.
    #[must_use]
    pub fn may_route_to(mut self, host: impl Into<String>) -> Self {
        self.routes.push(host.into());
        self
    }

    /// The UDP port of SQL Server Browser. Default: 1434. Of no use where the port is given.
    #[must_use]
    pub const fn browser_port(mut self, port: u16) -> Self {
        if let Port::Browser(question) = &mut self.port {
            question.port = port;
        }
        self
    }

    /// How long SQL Server Browser is waited for. Default: 5 seconds. Of no use where the port is
    /// given.
    #[must_use]
    pub const fn browser_deadline(mut self, deadline: Duration) -> Self {
        if let Port::Browser(question) = &mut self.port {
            question.deadline = deadline;
        }
        self
    }

    /// How long making a connection may take, signing in included. Default: without end, because
    /// the context's deadline ends it.
    #[must_use]
    pub const fn connect_deadline(mut self, deadline: Duration) -> Self {
        self.connect_deadline = Some(deadline);
        self
    }

    /// How long the server may be silent within an answer. Default: without end, because a RESTORE
    /// may be silent for hours; a dead peer is found by TCP keepalive.
    #[must_use]
    pub const fn idle_deadline(mut self, deadline: Duration) -> Self {
        self.idle_deadline = Some(deadline);
        self
    }

    /// Refuses what contradicts itself.
    pub(super) fn check(&self, name: &SqlInstance) -> Result<()> {
        if self.is_strict && matches!(self.tls, Tls::DangerPlaintext) {
            return Err(Error::invalid(
                "instance",
                format!("the endpoint of {name} asks for TDS 8.0, which is nothing without TLS"),
            ));
        }
        Ok(())
    }

    /// Where to connect to.
    pub(super) async fn door(&self) -> std::result::Result<Door, TransportError> {
        let port = match &self.port {
            Port::Fixed(port) => *port,
            Port::Browser(question) => question.ask(&self.host).await?,
        };
        let name = self.certificate_name.as_ref().unwrap_or(&self.host);
        Ok(Door {
            host: self.host.clone(),
            port,
            certificate_name: name.clone(),
        })
    }

    /// Where to connect to once more, because the server behind the first door sent us on.
    ///
    /// A name that nobody allowed is an error: the session would end up elsewhere than asked.
    pub(super) fn routed(
        &self,
        host: &str,
        port: u16,
    ) -> std::result::Result<Door, TransportError> {
        let is_own = host.eq_ignore_ascii_case(&self.host);
        if is_own
            || self
                .routes
                .iter()
                .any(|name| host.eq_ignore_ascii_case(name))
        {
            let own_name = self.certificate_name.as_deref().filter(|_| is_own);
            return Ok(Door {
                host: host.to_owned(),
                port,
                certificate_name: own_name.unwrap_or(host).to_owned(),
            });
        }
        Err(TransportError::new(
            TransportErrorKind::Connect,
            format!(
                "the server sends clients on to {}:{port}, which was not allowed: name that instance itself, or call Endpoint::may_route_to",
                bounded(host)
            ),
        ))
    }

    /// Runs what connects, at most for the deadline of this endpoint.
    pub(super) async fn within<T>(
        &self,
        connecting: impl Future<Output = std::result::Result<T, TransportError>> + Send,
    ) -> std::result::Result<T, TransportError> {
        let Some(deadline) = self.connect_deadline else {
            return connecting.await;
        };
        tokio::time::timeout(deadline, connecting)
            .await
            .unwrap_or_else(|_| {
                Err(TransportError::new(
                    TransportErrorKind::Timeout,
                    format!(
                        "no session with {} within {} seconds",
                        self.host,
                        deadline.as_secs_f64()
                    ),
                ))
            })
    }
}

/// One place to connect to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Door {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) certificate_name: String,
}

impl Door {
    /// The second redirection in a row.
    pub(super) fn sent_on_again(&self) -> TransportError {
        TransportError::new(
            TransportErrorKind::Connect,
            format!(
                "{}:{} was where the server sent this connection, and sends it on again: not followed",
                self.host, self.port
            ),
        )
    }
}

/// A name that a server chose, as long as the name of a host can be. What a terminal would obey in it
/// is escaped by [`TransportError::new`].
fn bounded(host: &str) -> &str {
    const LONGEST: usize = 255;
    host.char_indices()
        .nth(LONGEST)
        .map_or(host, |(end, _)| &host[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_allowed_names_are_followed() {
        let endpoint = Endpoint::new("sql01", 1433)
            .certificate_name("sql01.corp")
            .may_route_to("SQL01-B");
        let own = endpoint.routed("SQL01", 5000).unwrap();
        assert_eq!((own.port, &*own.certificate_name), (5000, "sql01.corp"));
        let listed = endpoint.routed("sql01-b", 5001).unwrap();
        assert_eq!(
            (&*listed.host, listed.port, &*listed.certificate_name),
            ("sql01-b", 5001, "sql01-b")
        );
        let error = endpoint.routed("evil\u{1b}[2J", 1433).unwrap_err();
        assert_eq!(error.kind(), TransportErrorKind::Connect);
        assert!(error.detail().contains(r"evil\u{1b}[2J:1433"), "{error}");
        let endless = "\u{fc}".repeat(30_000);
        let error = endpoint.routed(&endless, 1433).unwrap_err();
        assert!(error.detail().len() < 1000, "{}", error.detail().len());
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_that_is_never_made_ends() {
        let endpoint = Endpoint::new("sql01", 1433).connect_deadline(Duration::from_secs(7));
        let never = std::future::pending::<std::result::Result<(), _>>();
        let error = endpoint.within(never).await.unwrap_err();
        assert_eq!(error.kind(), TransportErrorKind::Timeout);
        assert!(error.detail().contains("7 seconds"), "{error}");
    }
}
