//! Stopping at the next safe point.

use tokio_util::sync::CancellationToken;

/// Asks running operations to stop at the next safe point. Clones ask and are asked together.
///
/// It never interrupts a statement that was sent: dropping the operation's future does that, and
/// its documentation says what is left then.
#[derive(Clone, Debug, Default)]
pub struct Cancellation(CancellationToken);

impl Cancellation {
    /// Makes one that nobody has asked yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks to stop. Can't be taken back.
    pub fn cancel(&self) {
        self.0.cancel();
    }

    /// Whether somebody asked.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.0.is_cancelled()
    }
}
