use std::time::Duration;

use async_trait::async_trait;
use time::OffsetDateTime;

/// Tells the time and waits, so that no test ever sleeps.
///
/// # Contract
/// * `now` may jump (it is the wall clock); `sleep` is measured on a clock that does not.
#[async_trait]
pub trait Clock: std::fmt::Debug + Send + Sync {
    /// The time now, in UTC.
    fn now(&self) -> OffsetDateTime;

    /// Waits for `duration`.
    ///
    /// # Cancel safety
    /// Dropping the future stops the wait and nothing else.
    async fn sleep(&self, duration: Duration);
}

/// The clock of this machine.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct SystemClock;

impl SystemClock {
    /// Makes the clock of this machine.
    #[must_use]
    pub const fn new() -> Self {
        Self
    }
}

#[async_trait]
impl Clock for SystemClock {
    fn now(&self) -> OffsetDateTime {
        OffsetDateTime::now_utc()
    }

    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}
