//! Faults on demand: what tests make an instance do wrong.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::transport::SqlMessage;

/// When a fault closes the connection, seen from the request that it hits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Disconnect {
    /// Before anything of the request was carried out.
    Before,
    /// After that many replies were sent: columns, rows, messages and ends of statements. What is
    /// still running then is aborted.
    AfterReplies(usize),
    /// When all of the request was carried out, but before the end of the reply was sent.
    After,
}

/// What goes wrong, with which requests, and how many times.
#[derive(Clone, Debug)]
pub struct Fault {
    statement_contains: String,
    times: u32,
    delay: Option<Duration>,
    message: Option<SqlMessage>,
    disconnect: Option<Disconnect>,
}

impl Fault {
    /// A fault of the next request whose text contains `text`, in upper or lower case. It fires
    /// once and does nothing, until told otherwise.
    #[must_use]
    pub fn when_statement_contains(text: impl Into<String>) -> Self {
        Self {
            statement_contains: text.into().to_lowercase(),
            times: 1,
            delay: None,
            message: None,
            disconnect: None,
        }
    }

    /// Fires with that many requests, one after the other.
    #[must_use]
    pub const fn times(mut self, times: u32) -> Self {
        self.times = times;
        self
    }

    /// Waits, before the request is carried out, on tokio's clock.
    #[must_use]
    pub const fn delay(mut self, delay: Duration) -> Self {
        self.delay = Some(delay);
        self
    }

    /// Sends a message ahead of the request's own replies.
    #[must_use]
    pub fn raise(mut self, message: SqlMessage) -> Self {
        self.message = Some(message);
        self
    }

    /// Closes the connection.
    #[must_use]
    pub const fn disconnect(mut self, disconnect: Disconnect) -> Self {
        self.disconnect = Some(disconnect);
        self
    }
}

/// The faults of an instance. Empty until a test installs some.
#[derive(Debug, Default)]
pub struct Faults {
    rules: Mutex<Vec<Fault>>,
}

impl Faults {
    /// Adds a fault. Where several match a request, the one installed first fires, alone.
    pub fn install(&self, fault: Fault) {
        self.with_rules(|rules| rules.push(fault));
    }

    /// Removes all faults.
    pub fn clear(&self) {
        self.with_rules(Vec::clear);
    }

    /// How many faults have not fired as many times as they were to: a test that expects them to
    /// have happened expects 0.
    #[must_use]
    pub fn outstanding(&self) -> usize {
        self.with_rules(|rules| rules.len())
    }

    /// The fault that this request hits. It counts as fired.
    pub(crate) fn fire(&self, request_text: &str) -> FiredFault {
        self.with_rules(|rules| {
            rules.retain(|rule| rule.times > 0);
            if rules.is_empty() {
                return FiredFault::default();
            }
            let text = request_text.to_lowercase();
            let Some(at) = rules
                .iter()
                .position(|rule| text.contains(&rule.statement_contains))
            else {
                return FiredFault::default();
            };
            let rule = &mut rules[at];
            rule.times -= 1;
            let fired = FiredFault {
                delay: rule.delay,
                message: rule.message.clone(),
                disconnect: rule.disconnect,
            };
            if rule.times == 0 {
                rules.remove(at);
            }
            fired
        })
    }

    fn with_rules<T>(&self, work: impl FnOnce(&mut Vec<Fault>) -> T) -> T {
        // A test that panicked while it held the lock leaves whole rules behind.
        work(&mut self.rules.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// What goes wrong with one request. Nothing, by default.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct FiredFault {
    pub(crate) delay: Option<Duration>,
    pub(crate) message: Option<SqlMessage>,
    pub(crate) disconnect: Option<Disconnect>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_fires_as_often_as_told_and_only_where_it_matches() {
        let faults = Faults::default();
        faults.install(
            Fault::when_statement_contains("Backup Database")
                .times(2)
                .disconnect(Disconnect::After),
        );
        assert_eq!(faults.fire("RESTORE DATABASE x"), FiredFault::default());
        for _ in 0..2 {
            assert_eq!(faults.outstanding(), 1);
            let fired = faults.fire("backup database x TO DISK = 'y'");
            assert_eq!(fired.disconnect, Some(Disconnect::After));
        }
        assert_eq!(faults.outstanding(), 0);
        assert_eq!(faults.fire("backup database x"), FiredFault::default());
    }

    #[test]
    fn the_first_that_matches_fires_alone() {
        let faults = Faults::default();
        faults.install(Fault::when_statement_contains("x").delay(Duration::from_secs(1)));
        faults.install(Fault::when_statement_contains("x").disconnect(Disconnect::Before));
        assert_eq!(faults.fire("X").disconnect, None);
        assert_eq!(faults.fire("X").disconnect, Some(Disconnect::Before));
    }
}
