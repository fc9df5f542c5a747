use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::names::{HostName, HostPath, ServiceName};
use crate::transport::HostError;

/// What a service is at (`SERVICE_STATUS_PROCESS.dwCurrentState`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ServiceState {
    /// Not running.
    Stopped,
    /// On its way up.
    StartPending,
    /// On its way down.
    StopPending,
    /// Running, as it says.
    Running,
    /// Going on after a pause.
    ContinuePending,
    /// About to pause.
    PausePending,
    /// Paused.
    Paused,
}

/// When a service is started (`QUERY_SERVICE_CONFIG.dwStartType`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum StartType {
    /// With the machine.
    Automatic,
    /// A while after the machine.
    AutomaticDelayed,
    /// By somebody.
    Manual,
    /// Not at all: a start is refused (1058).
    Disabled,
}

/// What a service manager tells of a service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(
    clippy::exhaustive_structs,
    reason = "adapters state all of it, and a new question must reach them"
)]
pub struct ServiceStatus {
    /// What it is at.
    pub state: ServiceState,
    /// Its process, while it has one. Numbers are given again: the process is known by its start too.
    pub process_id: Option<u32>,
    /// Why it ended (`dwWin32ExitCode`): 0 of its own will, 1066 for `service_exit_code`, 1077 never
    /// started since boot.
    pub exit_code: u32,
    /// Its own code, where `exit_code` is 1066.
    pub service_exit_code: u32,
    /// Grows while a pending state makes headway.
    pub checkpoint: u32,
    /// How long the next step of a pending state may take.
    pub wait_hint: Duration,
    /// When it is started.
    pub start_type: StartType,
    /// The program it runs, without arguments (`ImagePath`).
    pub program: HostPath,
    /// Services it needs. `None` where the service manager can't tell.
    pub dependencies: Option<Vec<ServiceName>>,
}

/// Speaks with the service managers of Windows hosts. The port a host program plugs in.
///
/// # Contract
/// * Verbs only: no waiting for a state, no retries, no order. What a verb answers at once is all.
/// * `start` and `stop` return when the service manager took the request; the state is asked later.
/// * Refusals are those of Windows, by number ([`HostError::Refused`]): 1060 for a service that is not there, 1056 and
///   1062 for what is so already, 1051 where dependents run, 1058 where it is disabled.
#[async_trait]
pub trait ServiceTransport: fmt::Debug + Send + Sync {
    /// What the service is at.
    ///
    /// # Errors
    /// 1060, 5, 1722; lost answers. Nothing is changed.
    async fn query(
        &self,
        host: &HostName,
        service: &ServiceName,
    ) -> Result<ServiceStatus, HostError>;

    /// The account that it runs as (`QUERY_SERVICE_CONFIG.lpServiceStartName`): `CONTOSO\svc`,
    /// `LocalSystem`. `None` where the transport does not tell, which is the default.
    ///
    /// # Errors
    /// As [`query`](Self::query).
    async fn account(
        &self,
        host: &HostName,
        service: &ServiceName,
    ) -> Result<Option<String>, HostError> {
        let _ = (host, service);
        Ok(None)
    }

    /// Asks for its start.
    async fn start(&self, host: &HostName, service: &ServiceName) -> Result<(), HostError>;

    /// Asks for its stop.
    async fn stop(&self, host: &HostName, service: &ServiceName) -> Result<(), HostError>;

    /// Sets when it is started from now on.
    async fn set_start_type(
        &self,
        host: &HostName,
        service: &ServiceName,
        start_type: StartType,
    ) -> Result<(), HostError>;
}
