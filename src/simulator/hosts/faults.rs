use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// What goes wrong with a call of a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum HostFaultKind {
    /// The host refuses it with this error of Windows, and does nothing.
    Refused(u32),
    /// No answer comes, and nothing was done.
    TimedOutBefore,
    /// It is done, and no answer comes.
    TimedOutAfter,
    /// No answer comes, and it is done that much later.
    Late(Duration),
}

/// What goes wrong, with which calls.
#[derive(Clone, Debug)]
pub struct HostFault {
    call_contains: String,
    passing: usize,
    times: u32,
    kind: HostFaultKind,
}

impl HostFault {
    /// A fault of the next call whose trace contains `text`: `MS01 services.stop omonitor`. Fires once.
    #[must_use]
    pub fn when_call_contains(text: impl Into<String>, kind: HostFaultKind) -> Self {
        Self {
            call_contains: text.into(),
            passing: 0,
            times: 1,
            kind,
        }
    }

    /// Lets that many calls pass first.
    #[must_use]
    pub const fn passing(mut self, calls: usize) -> Self {
        self.passing = calls;
        self
    }

    /// Fires with that many calls, one after the other.
    #[must_use]
    pub const fn times(mut self, times: u32) -> Self {
        self.times = times;
        self
    }
}

/// The faults of simulated hosts, and the trace of all calls of their ports.
#[derive(Debug, Default)]
pub struct HostFaults {
    rules: Mutex<Vec<HostFault>>,
    trace: Mutex<Vec<String>>,
}

impl HostFaults {
    /// Adds a fault. Where several match a call, the one installed first fires, alone.
    pub fn install(&self, fault: HostFault) {
        self.with(&self.rules, |rules| rules.push(fault));
    }

    /// How many faults have not fired as many times as they were to.
    #[must_use]
    pub fn outstanding(&self) -> usize {
        self.with(&self.rules, |rules| rules.len())
    }

    /// Every call since the last time: host, port and verb, and what it was about.
    #[must_use]
    pub fn take_trace(&self) -> Vec<String> {
        self.with(&self.trace, std::mem::take)
    }

    /// Notes a call. What goes wrong with it, if anything, counts as fired. The ports of simulated hosts
    /// do it by themselves; it is there for those that a test has beside them.
    #[must_use]
    pub fn fire(&self, call: String) -> Option<HostFaultKind> {
        let fired = self.with(&self.rules, |rules| {
            let matching = |rule: &&mut HostFault| call.contains(&rule.call_contains);
            let mut fired = None;
            for rule in rules.iter_mut().filter(matching) {
                if rule.passing > 0 {
                    rule.passing -= 1;
                } else if fired.is_none() && rule.times > 0 {
                    rule.times -= 1;
                    fired = Some(rule.kind);
                }
            }
            rules.retain(|rule| rule.times > 0);
            fired
        });
        self.with(&self.trace, |trace| trace.push(call));
        fired
    }

    fn with<T, R>(&self, lock: &Mutex<T>, work: impl FnOnce(&mut T) -> R) -> R {
        work(&mut lock.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_lets_calls_pass_and_fires_as_often_as_told() {
        let faults = HostFaults::default();
        let fault = HostFault::when_call_contains("stop", HostFaultKind::TimedOutBefore);
        faults.install(fault.passing(1).times(2));
        let fired: Vec<bool> = ["stop a", "start a", "stop b", "stop c", "stop d"]
            .map(|call| faults.fire(call.to_owned()).is_some())
            .to_vec();
        assert_eq!(fired, [false, false, true, true, false]);
        assert_eq!(faults.outstanding(), 0);
        assert_eq!(faults.take_trace().len(), 5);
        assert!(faults.take_trace().is_empty());
    }
}
