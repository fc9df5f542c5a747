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
            progress_interval: Duration::from_secs(1),
        }
    }
}
