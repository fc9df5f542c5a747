use std::time::Duration;

/// Every bound on waiting, with its default, on one page.
///
/// A deadline that passes is an error with the effect that the moment deserves: a connection that
/// was not made changed nothing, a statement that was not answered may have changed everything.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Deadlines {
    /// Making a connection, signing in included. Default: 30 seconds.
    pub connect: Duration,
    /// A statement that only looks (catalog views, `HEADERONLY`). Default: 60 seconds.
    pub look: Duration,
    /// A statement on keys. Re-encryption takes long where much hangs under the key.
    /// Default: 30 minutes.
    pub key: Duration,
    /// A backup, verification or restore as a whole. `None`, the default, means without end:
    /// a RESTORE may be silent for hours and be healthy (instant file initialisation off, a long
    /// redo), so no silence alone ends it.
    pub backup_or_restore: Option<Duration>,
    /// One request to a Windows host, its answer included. Default: 30 seconds.
    pub host: Duration,
    /// A program on a Windows host, to its end. Default: 5 minutes.
    pub host_program: Duration,
    /// Orchestrator's Setup on a Windows host, to its end. Default: 60 minutes.
    pub setup: Duration,
    /// A service's start or stop, while it makes no headway: its checkpoint stands still. As a whole
    /// it may take five times that. Default: 60 seconds.
    pub service: Duration,
    /// How long a started service must have stayed up to be believed. `orunbook` ends 30 to 60
    /// seconds after its start where its data store can't be reached (documented). Default: 60 seconds.
    pub service_settling: Duration,
    /// How often a service is asked what it is at, while it starts or stops. Default: 500 ms.
    pub service_interval: Duration,
    /// How long a heartbeat of a Runbook Server may take to advance: it is written every 15 seconds
    /// (community). Default: 60 seconds.
    pub heartbeat: Duration,
    /// How long somebody may take for what has to be done by hand on a host. Default: 30 minutes.
    pub attended: Duration,
    /// How often a file or a heartbeat is looked at while its change is waited for.
    /// Default: 2 seconds.
    pub change_interval: Duration,
    /// How often progress is read from a second session. Default: 1 second.
    pub progress_interval: Duration,
}

impl Default for Deadlines {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(30),
            look: Duration::from_secs(60),
            key: Duration::from_secs(30 * 60),
            backup_or_restore: None,
            host: Duration::from_secs(30),
            host_program: Duration::from_secs(5 * 60),
            setup: Duration::from_secs(60 * 60),
            service: Duration::from_secs(60),
            service_settling: Duration::from_secs(60),
            service_interval: Duration::from_millis(500),
            heartbeat: Duration::from_secs(60),
            attended: Duration::from_secs(30 * 60),
            change_interval: Duration::from_secs(2),
            progress_interval: Duration::from_secs(1),
        }
    }
}
