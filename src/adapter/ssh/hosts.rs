use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::Mutex;

use super::connection::Connection;
use super::endpoint::SshEndpoint;
use crate::names::HostName;
use crate::transport::{HostError, TransportErrorKind};

/// Windows hosts by their OpenSSH servers: a port to their services, programs, files and registries. Clones are one
/// set, with one connection a host.
///
/// # Cancel safety
/// A call that is dropped goes on at the host, if it got there; its connection is not used again.
///
/// # Example
/// ```no_run
/// use scorch_recovery::Context;
/// use scorch_recovery::adapter::ssh::{SshEndpoint, SshHosts, SshLogin};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let login = SshLogin::agent(r"CONTOSO\recovery");
/// let hosts = SshHosts::builder()
///     .host("MS01".parse()?, SshEndpoint::new("ms01.contoso.example", login))
///     .build();
/// let cx = Context::builder()
///     .services(hosts.clone())
///     .files(hosts.clone())
///     .commands(hosts.clone())
///     .registry(hosts)
///     .build()?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct SshHosts(Arc<BTreeMap<String, Host>>);

#[derive(Debug)]
pub(super) struct Host {
    pub(super) endpoint: SshEndpoint,
    connection: Mutex<Option<Arc<Connection>>>,
}

/// Sets up [`SshHosts`].
#[derive(Debug, Default)]
#[must_use]
pub struct SshHostsBuilder(BTreeMap<String, Host>);

impl SshHostsBuilder {
    /// A host by its name in the deployment, and where its server is.
    pub fn host(mut self, name: HostName, endpoint: SshEndpoint) -> Self {
        let host = Host {
            endpoint,
            connection: Mutex::default(),
        };
        self.0.insert(name.as_str().to_lowercase(), host);
        self
    }

    /// The hosts. Nothing is connected yet.
    #[must_use]
    pub fn build(self) -> SshHosts {
        SshHosts(Arc::new(self.0))
    }
}

impl SshHosts {
    /// Begins with no hosts.
    pub fn builder() -> SshHostsBuilder {
        SshHostsBuilder::default()
    }

    pub(super) fn host(&self, name: &HostName) -> Result<&Host, HostError> {
        self.0.get(&name.as_str().to_lowercase()).ok_or_else(|| {
            HostError::lost(
                TransportErrorKind::Unsupported,
                format!("no SSH endpoint was given for {name}; call SshHostsBuilder::host"),
            )
        })
    }

    pub(super) async fn connection(&self, name: &HostName) -> Result<Arc<Connection>, HostError> {
        self.host(name)?.connection().await
    }
}

impl Host {
    /// The connection that there is, if it is usable, else a new one. Calls that come meanwhile wait for it.
    pub(super) async fn connection(&self) -> Result<Arc<Connection>, HostError> {
        let mut kept = self.connection.lock().await;
        if let Some(connection) = kept.as_ref().filter(|connection| connection.is_usable()) {
            return Ok(Arc::clone(connection));
        }
        *kept = None;
        let connection = Arc::new(Connection::open(&self.endpoint).await?);
        *kept = Some(Arc::clone(&connection));
        Ok(connection)
    }
}
