//! How long a fleet of one Management Server and 200 Runbook Servers may be worked on, 50 ms a call.

use std::collections::BTreeMap;
use std::time::Duration;

pub(crate) const LATENCY: Duration = Duration::from_millis(50);
pub(crate) const RUNBOOK_SERVERS: u32 = 200;
const AT_A_TIME: u32 = 16;

/// The ideal for these calls: host by host, so many at a time, and one settling time, which holds no slot.
pub(crate) fn ideal(trace: &[String], settling: Duration) -> Duration {
    let mut calls: BTreeMap<&str, u32> = BTreeMap::new();
    for call in trace {
        let host = call.split(' ').next().unwrap();
        *calls.entry(host).or_default() += 1;
    }
    // The one Management Server has a service more; it is not counted to the ideal's favour.
    let of_a_runbook_server = calls["H001"];
    assert!(
        calls
            .iter()
            .all(|(&host, calls)| host == "H000" || *calls == of_a_runbook_server)
    );
    let waves = (RUNBOOK_SERVERS + 1).div_ceil(AT_A_TIME);
    LATENCY * waves * of_a_runbook_server + settling
}

/// At most 1.3 times the ideal.
pub(crate) fn judge(what: &str, clock: &str, (took, ideal): (Duration, Duration)) {
    let ratio = took.as_secs_f64() / ideal.as_secs_f64();
    println!(
        "{what} of 201 hosts, {clock}: {:.2} s, ideal {:.2} s, ratio {ratio:.2}",
        took.as_secs_f64(),
        ideal.as_secs_f64()
    );
    assert!(ratio <= 1.3, "{took:?} is more than 1.3 times {ideal:?}");
}
