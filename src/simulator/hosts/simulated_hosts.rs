use std::collections::BTreeMap;
use std::future::Future;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::faults::{HostFaultKind, HostFaults};
use super::host::SimulatedHost;
use super::machine::refused;
use crate::names::HostName;
use crate::transport::{HostError, SqlTransport, TransportErrorKind, codes};

/// Simulated Windows hosts by name: a port to their service managers, files, programs and registries.
/// Clones are one set.
#[derive(Clone, Debug)]
pub struct SimulatedHosts(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    folder: PathBuf,
    hosts: Mutex<BTreeMap<String, SimulatedHost>>,
    faults: HostFaults,
    latency: Duration,
    sql: Option<Arc<dyn SqlTransport>>,
}

/// Sets up [`SimulatedHosts`].
#[derive(Debug)]
#[must_use]
pub struct SimulatedHostsBuilder(Inner);

impl SimulatedHostsBuilder {
    /// How long each call of a port takes. Default: no time.
    pub const fn latency(mut self, latency: Duration) -> Self {
        self.0.latency = latency;
        self
    }

    /// How services of the hosts reach SQL Server. Default: they reach none.
    pub fn sql(mut self, transport: impl SqlTransport + 'static) -> Self {
        self.0.sql = Some(Arc::new(transport));
        self
    }

    /// The hosts: none yet.
    #[must_use]
    pub fn build(self) -> SimulatedHosts {
        SimulatedHosts(Arc::new(self.0))
    }
}

impl SimulatedHosts {
    /// Begins with no hosts. Each has a folder of its own in `folder`.
    pub fn builder(folder: impl Into<PathBuf>) -> SimulatedHostsBuilder {
        SimulatedHostsBuilder(Inner {
            folder: folder.into(),
            hosts: Mutex::default(),
            faults: HostFaults::default(),
            latency: Duration::ZERO,
            sql: None,
        })
    }

    /// Adds a host without services, and with the disk that a host of that name had before.
    ///
    /// # Errors
    /// Those of its folder.
    pub fn add(&self, name: &HostName) -> io::Result<SimulatedHost> {
        let key = name.as_str().to_lowercase();
        let folder = self.0.folder.join(&key);
        let host = SimulatedHost::new(name.clone(), &folder, self.0.sql.clone())?;
        self.lock().insert(key, host.clone());
        Ok(host)
    }

    /// Lets a name lead to a host, whatever that host calls itself: a wrong entry of DNS, or an alias.
    pub fn lead(&self, name: &HostName, to: &SimulatedHost) {
        let key = name.as_str().to_lowercase();
        self.lock().insert(key, to.clone());
    }

    /// The host of that name.
    #[must_use]
    pub fn host(&self, name: &HostName) -> Option<SimulatedHost> {
        self.lock().get(&name.as_str().to_lowercase()).cloned()
    }

    /// The faults of their ports, and the trace of all calls.
    #[must_use]
    pub fn faults(&self) -> &HostFaults {
        &self.0.faults
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, SimulatedHost>> {
        self.0.hosts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A call of a port: on its way it takes time, and what a test wants goes wrong.
    pub(super) async fn call<T, F>(
        &self,
        name: &HostName,
        what: String,
        action: impl FnOnce(SimulatedHost) -> F + Send + 'static,
    ) -> Result<T, HostError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, HostError>> + Send + 'static,
    {
        let fault = self.0.faults.fire(format!("{name} {what}"));
        if !self.0.latency.is_zero() {
            tokio::time::sleep(self.0.latency).await;
        }
        let Some(host) = self.host(name).filter(|host| host.0.is_reachable()) else {
            return Err(refused(codes::RPC_SERVER_UNAVAILABLE));
        };
        let timed_out = || {
            Err(HostError::lost(
                TransportErrorKind::Timeout,
                "the simulated host does not answer",
            ))
        };
        match fault {
            None => action(host).await,
            Some(HostFaultKind::Refused(code)) => Err(refused(code)),
            Some(HostFaultKind::TimedOutBefore) => timed_out(),
            Some(HostFaultKind::TimedOutAfter) => {
                drop(action(host).await);
                timed_out()
            }
            Some(HostFaultKind::Late(time)) => {
                tokio::spawn(async move {
                    tokio::time::sleep(time).await;
                    drop(action(host).await);
                });
                timed_out()
            }
        }
    }
}
