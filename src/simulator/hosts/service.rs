use std::time::Duration;

use crate::names::{HostPath, ServiceName};
use crate::transport::StartType;

/// How a service ended, as its service manager tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ServiceEnd {
    /// Of its own will.
    Well,
    /// With an error of Windows (`dwWin32ExitCode`).
    WithError(u32),
    /// With a code of its own: 1066, and this.
    WithOwnCode(u32),
}

/// What a service of a simulated host is like.
#[derive(Clone, Debug)]
pub struct SimulatedService {
    pub(super) name: ServiceName,
    pub(super) program: HostPath,
    pub(super) start_type: StartType,
    pub(super) dependencies: Vec<ServiceName>,
    pub(super) account: String,
    pub(super) starting_takes: Duration,
    pub(super) stopping_takes: Duration,
    pub(super) shows_stop_after: Duration,
    pub(super) hangs_on_stop: bool,
    pub(super) start_fails: Option<ServiceEnd>,
    pub(super) ends_after: Option<(Duration, ServiceEnd)>,
    pub(super) is_runbook_service: bool,
}

impl SimulatedService {
    /// A service that starts and stops at once, automatic, stopped and never started.
    #[must_use]
    pub const fn new(name: ServiceName, program: HostPath) -> Self {
        Self {
            name,
            program,
            start_type: StartType::Automatic,
            dependencies: Vec::new(),
            account: String::new(),
            starting_takes: Duration::ZERO,
            stopping_takes: Duration::ZERO,
            shows_stop_after: Duration::ZERO,
            hangs_on_stop: false,
            start_fails: None,
            ends_after: None,
            is_runbook_service: false,
        }
    }

    /// When it is started.
    #[must_use]
    pub const fn start_type(mut self, start_type: StartType) -> Self {
        self.start_type = start_type;
        self
    }

    /// The account that it runs as. Default: `LocalSystem`.
    #[must_use]
    pub fn account(mut self, account: impl Into<String>) -> Self {
        self.account = account.into();
        self
    }

    /// A service that it needs.
    #[must_use]
    pub fn needs(mut self, service: ServiceName) -> Self {
        self.dependencies.push(service);
        self
    }

    /// How long it is pending on its way up. Its checkpoint grows meanwhile.
    #[must_use]
    pub const fn starting_takes(mut self, takes: Duration) -> Self {
        self.starting_takes = takes;
        self
    }

    /// How long it is pending on its way down. Its checkpoint grows meanwhile.
    #[must_use]
    pub const fn stopping_takes(mut self, takes: Duration) -> Self {
        self.stopping_takes = takes;
        self
    }

    /// How long it runs on, once it was told to stop, before it says that it is stopping: not all services say so at
    /// once.
    #[must_use]
    pub const fn shows_stop_after(mut self, time: Duration) -> Self {
        self.shows_stop_after = time;
        self
    }

    /// Once told to stop it stays pending until its process is ended.
    #[must_use]
    pub const fn hangs_on_stop(mut self) -> Self {
        self.hangs_on_stop = true;
        self
    }

    /// Its start is accepted, and it ends so instead of running.
    #[must_use]
    pub const fn start_fails(mut self, end: ServiceEnd) -> Self {
        self.start_fails = Some(end);
        self
    }

    /// It runs, and ends so that long after its start.
    #[must_use]
    pub const fn ends_after(mut self, time: Duration, end: ServiceEnd) -> Self {
        self.ends_after = Some((time, end));
        self
    }

    /// It does what the Orchestrator Runbook Service does.
    #[must_use]
    pub(super) const fn runbook_service(mut self) -> Self {
        self.is_runbook_service = true;
        self
    }
}
