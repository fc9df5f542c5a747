//! [`SqlTransport`] over the driver tiberius: TLS by rustls, TDS 7.4 or 8.0.
//!
//! What the driver can't do, said plainly: it reports no informational messages and only the first
//! error of a batch, so progress comes from a second session and a key restore can't tell "same
//! key" from "replaced". A running batch is ended by closing the connection.
//!
//! A server that sends more than 16 MiB of which nothing is a whole row, a set or an end is taken for
//! a hostile one: a single row can't be longer than that.
//!
//! The driver's own log events never reach a subscriber: they hold the server's words unchanged.
//!
//! # Integrated authentication
//! [`Login::integrated`] works on Windows (SSPI: Kerberos or NTLM) and, with the feature `kerberos`,
//! elsewhere (GSSAPI, with the ticket that `kinit` got). Neither was ever run by us, as no domain
//! was at hand; the latter is at least built by the gate. Otherwise `connect` says `Unsupported`.
//!
//! # Secrets
//! The driver keeps the password in memory that is wiped, and copies the text of a batch into
//! buffers that are not: a password in a statement stays in freed memory of this process for a while.

mod ending;
mod session;
mod value;

use std::collections::BTreeMap;

use async_trait::async_trait;
use tiberius::{AuthMethod, Client, Config, EncryptionLevel};
use tokio::net::TcpStream;
use tokio_util::compat::TokioAsyncWriteCompatExt;
use tracing::subscriber::NoSubscriber;

pub use super::{Endpoint, Login, Tls};

use self::session::TiberiusSession;
use super::contained::contained_in;
use super::endpoint::Door;
use super::guarded::{Guarded, Meter};
use super::login;
use crate::error::{Error, Result};
use crate::names::{DatabaseName, SqlInstance};
use crate::transport::{
    CancelSupport, ErrorSupport, MessageSupport, SqlCapabilities, SqlSession, SqlTransport,
    TransportError, TransportErrorKind,
};

/// Reaches SQL Server through tiberius.
#[derive(Debug)]
pub struct TiberiusTransport {
    instances: BTreeMap<SqlInstance, (Endpoint, Login)>,
}

/// Builds a [`TiberiusTransport`].
#[derive(Debug, Default)]
#[must_use]
pub struct TiberiusTransportBuilder {
    instances: BTreeMap<SqlInstance, (Endpoint, Login)>,
}

impl TiberiusTransport {
    /// Starts building a transport.
    pub fn builder() -> TiberiusTransportBuilder {
        TiberiusTransportBuilder::default()
    }

    /// Connects, and follows the server's word to another place once.
    async fn open(
        endpoint: &Endpoint,
        login: &Login,
        database: Option<&DatabaseName>,
    ) -> Result<Box<dyn SqlSession>, TransportError> {
        let door = endpoint.door().await?;
        let (host, port) = match Self::enter(endpoint, &door, login, database).await? {
            Entry::Session(session) => return Ok(session),
            Entry::SentOn { host, port } => (host, port),
        };
        let next = endpoint.routed(&host, port)?;
        match Self::enter(endpoint, &next, login, database).await? {
            Entry::Session(session) => Ok(session),
            Entry::SentOn { .. } => Err(next.sent_on_again()),
        }
    }

    async fn enter(
        endpoint: &Endpoint,
        door: &Door,
        login: &Login,
        database: Option<&DatabaseName>,
    ) -> Result<Entry, TransportError> {
        let failed = |problem: String| TransportError::new(TransportErrorKind::Connect, problem);
        let config = config(endpoint, door, login, database)?;
        let stream = TcpStream::connect((door.host.as_str(), door.port))
            .await
            .map_err(|error| failed(format!("{}:{}: {error}", door.host, door.port)))?;
        prepare(&stream).map_err(|error| failed(error.to_string()))?;
        let meter = Meter::default();
        let stream = Guarded::new(stream, meter.clone()).compat_write();
        // The driver keeps its buffers in the future; on the heap it does not weigh on every caller.
        let connecting = contained_in(NoSubscriber::default(), Client::connect(config, stream));
        let client = Box::pin(connecting).await;
        match client {
            Ok(Ok(client)) => {
                let session = TiberiusSession::new(client, meter, endpoint.tls.wire());
                Ok(Entry::Session(Box::new(session)))
            }
            Ok(Err(tiberius::error::Error::Routing { host, port })) => {
                Ok(Entry::SentOn { host, port })
            }
            Ok(Err(error)) => Err(session::login_error(&error, login)),
            Err(panic) => Err(failed(format!("the driver gave up: {panic}"))),
        }
    }
}

/// What was behind a door.
enum Entry {
    Session(Box<dyn SqlSession>),
    SentOn { host: String, port: u16 },
}

/// A quiet RESTORE sends nothing for a long time; only keepalive then tells a dead peer.
fn prepare(stream: &TcpStream) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let keepalive = socket2::TcpKeepalive::new()
        .with_time(std::time::Duration::from_secs(30))
        .with_interval(std::time::Duration::from_secs(5));
    socket2::SockRef::from(stream).set_tcp_keepalive(&keepalive)
}

fn config(
    endpoint: &Endpoint,
    door: &Door,
    login: &Login,
    database: Option<&DatabaseName>,
) -> Result<Config, TransportError> {
    let mut config = Config::new();
    config.host(&door.host);
    config.port(door.port);
    config.application_name("scorch-recovery");
    config.authentication(authentication(login)?);
    if let Some(database) = database {
        config.database(database.as_str());
    }
    // The driver's default of 30 seconds would kill a quiet RESTORE; deadlines are kept above.
    config.command_timeout(endpoint.idle_deadline);
    config.handshake_timeout(None);
    config.encryption(if endpoint.is_strict {
        EncryptionLevel::Strict
    } else {
        EncryptionLevel::Required
    });
    config.hostname_in_certificate(&door.certificate_name);
    match &endpoint.tls {
        Tls::SystemRoots => {}
        Tls::CaFile(_) | Tls::CaPem(_) => {
            if let Some(pem) = endpoint.tls.ca_pem()? {
                trust_ca(&mut config, pem.into_owned());
            }
        }
        Tls::DangerTrustAnyCertificate => config.trust_cert(),
        Tls::DangerPlaintext => config.encryption(EncryptionLevel::NotSupported),
    }
    Ok(config)
}

fn authentication(login: &Login) -> Result<AuthMethod, TransportError> {
    match &login.0 {
        login::Kind::SqlServer { user, password } => {
            Ok(AuthMethod::sql_server(user, password.expose()))
        }
        #[cfg(any(windows, all(unix, feature = "kerberos")))]
        login::Kind::Integrated => Ok(AuthMethod::Integrated),
        #[cfg(not(any(windows, all(unix, feature = "kerberos"))))]
        login::Kind::Integrated => Err(TransportError::new(
            TransportErrorKind::Unsupported,
            "integrated authentication over tiberius needs Windows or the feature `kerberos`",
        )),
    }
}

/// The driver always adds CAs to a base. Mozilla's list is compiled in; the system's would be read
/// and parsed from some hundred files at every connection.
fn trust_ca(config: &mut Config, pem: Vec<u8>) {
    config.trust_webpki_roots();
    config.trust_cert_ca_bundle(pem);
}

impl TiberiusTransportBuilder {
    /// Maps an instance's name to where it is and how to sign in.
    pub fn instance(mut self, name: SqlInstance, endpoint: Endpoint, login: Login) -> Self {
        self.instances.insert(name, (endpoint, login));
        self
    }

    /// Makes the transport.
    ///
    /// # Errors
    /// `InvalidInput` when no instance was named, or when an endpoint asks for TDS 8.0 without TLS.
    /// Nothing is connected yet.
    pub fn build(self) -> Result<TiberiusTransport> {
        if self.instances.is_empty() {
            return Err(Error::invalid(
                "instance",
                "no instance was named; call TiberiusTransportBuilder::instance",
            ));
        }
        for (name, (endpoint, _)) in &self.instances {
            endpoint.check(name)?;
        }
        Ok(TiberiusTransport {
            instances: self.instances,
        })
    }
}

#[async_trait]
impl SqlTransport for TiberiusTransport {
    fn capabilities(&self) -> SqlCapabilities {
        SqlCapabilities {
            messages: MessageSupport::None,
            errors: ErrorSupport::First,
            cancel: CancelSupport::Disconnect,
        }
    }

    async fn connect(
        &self,
        instance: &SqlInstance,
        database: Option<&DatabaseName>,
    ) -> Result<Box<dyn SqlSession>, TransportError> {
        let Some((endpoint, login)) = self.instances.get(instance) else {
            return Err(TransportError::new(
                TransportErrorKind::Connect,
                format!(
                    "no endpoint was given for {instance}; call TiberiusTransportBuilder::instance"
                ),
            ));
        };
        endpoint.within(Self::open(endpoint, login, database)).await
    }
}
