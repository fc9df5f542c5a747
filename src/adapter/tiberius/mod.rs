//! [`SqlTransport`] over the driver tiberius: SQL authentication, TLS by rustls.
//!
//! What the driver can't do, said plainly: it reports no informational messages and only the first
//! error of a batch, so progress comes from a second session and a key restore can't tell "same
//! key" from "replaced". A running batch is ended by closing the connection.
//!
//! The driver's own log events never reach a subscriber: they hold the server's words unchanged.

mod contained;
mod endpoint;
mod session;
mod value;

use std::collections::BTreeMap;

use async_trait::async_trait;
use tiberius::{AuthMethod, Client, Config, EncryptionLevel};
use tokio::net::TcpStream;
use tokio_util::compat::TokioAsyncWriteCompatExt;

pub use endpoint::{Endpoint, Login, Tls};

use self::contained::contained;
use self::session::TiberiusSession;
use crate::error::{Error, Result};
use crate::names::{DatabaseName, SqlInstance};
use crate::transport::{
    CancelSupport, ErrorSupport, MessageSupport, SqlCapabilities, SqlSession, SqlTransport,
    TransportError, TransportErrorKind, Wire,
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

    async fn open(
        endpoint: &Endpoint,
        login: &Login,
        database: Option<&DatabaseName>,
    ) -> Result<Box<dyn SqlSession>, TransportError> {
        let failed = |problem: String| TransportError::new(TransportErrorKind::Connect, problem);
        let stream = TcpStream::connect((endpoint.host.as_str(), endpoint.port))
            .await
            .map_err(|error| failed(format!("{}:{}: {error}", endpoint.host, endpoint.port)))?;
        prepare(&stream).map_err(|error| failed(error.to_string()))?;
        let config = config(endpoint, login, database)?;
        // The driver keeps its buffers in the future; on the heap it does not weigh on every caller.
        let client = Box::pin(contained(Client::connect(config, stream.compat_write()))).await;
        match client {
            Ok(Ok(client)) => Ok(Box::new(TiberiusSession::new(client, endpoint.tls.wire()))),
            Ok(Err(error)) => Err(session::login_error(&error, login)),
            Err(panic) => Err(failed(format!("the driver gave up: {panic}"))),
        }
    }
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
    login: &Login,
    database: Option<&DatabaseName>,
) -> Result<Config, TransportError> {
    let mut config = Config::new();
    config.host(&endpoint.host);
    config.port(endpoint.port);
    config.application_name("scorch-recovery");
    config.authentication(AuthMethod::sql_server(&login.user, login.password.expose()));
    if let Some(database) = database {
        config.database(database.as_str());
    }
    // The driver's default of 30 seconds would kill a quiet RESTORE; deadlines are kept above.
    config.command_timeout(endpoint.idle_deadline);
    config.handshake_timeout(None);
    config.encryption(EncryptionLevel::Required);
    if let Some(name) = &endpoint.certificate_name {
        config.hostname_in_certificate(name);
    }
    match &endpoint.tls {
        Tls::SystemRoots => {}
        Tls::CaFile(path) => {
            let pem = std::fs::read(path).map_err(|error| {
                TransportError::new(
                    TransportErrorKind::Connect,
                    format!("the CA file {} can't be read: {error}", path.display()),
                )
            })?;
            trust_ca(&mut config, pem);
        }
        Tls::CaPem(pem) => trust_ca(&mut config, pem.clone()),
        Tls::DangerTrustAnyCertificate => config.trust_cert(),
        Tls::DangerPlaintext => config.encryption(EncryptionLevel::NotSupported),
    }
    Ok(config)
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
    /// `InvalidInput` when no instance was named. Nothing is connected yet.
    pub fn build(self) -> Result<TiberiusTransport> {
        if self.instances.is_empty() {
            return Err(Error::invalid(
                "instance",
                "no instance was named; call TiberiusTransportBuilder::instance",
            ));
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
        Self::open(endpoint, login, database).await
    }
}

impl Tls {
    const fn wire(&self) -> Wire {
        match self {
            Self::SystemRoots | Self::CaFile(_) | Self::CaPem(_) => Wire::Verified,
            Self::DangerTrustAnyCertificate => Wire::Encrypted,
            Self::DangerPlaintext => Wire::Plain,
        }
    }
}
