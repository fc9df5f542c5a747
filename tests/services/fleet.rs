//! One Management Server and 200 Runbook Servers, 50 ms a call: close to the ideal.

use std::collections::BTreeMap;
use std::time::Duration;

use scorch_recovery::names::HostName;
use scorch_recovery::orchestrator::{Deployment, ServiceControl};
use scorch_recovery::simulator::hosts::{SimulatedHosts, SimulatedService};
use scorch_recovery::transport::Deadlines;
use scorch_recovery::{Context, Operation};
use tokio::time::Instant;

use super::deployed::named;

const LATENCY: Duration = Duration::from_millis(50);
const AT_A_TIME: u32 = 16;
const RUNBOOK_SERVERS: u32 = 200;

/// Restarts the fleet. How long it took, and the ideal.
async fn restart(settling: Duration) -> (Duration, Duration) {
    let folder = tempfile::tempdir().unwrap();
    let hosts = SimulatedHosts::builder(folder.path())
        .latency(LATENCY)
        .build();
    let mut deployment = Deployment::new();
    for number in 0..=RUNBOOK_SERVERS {
        let name: HostName = named(&format!("H{number:03}"));
        let host = hosts.add(&name).unwrap();
        let services: &[&str] = if number == 0 {
            deployment = deployment.management_server(&name);
            &["omanagement", "omonitor", "oremoting"]
        } else {
            deployment = deployment.runbook_server(&name);
            &["orunbook", "oremoting"]
        };
        for of in services {
            host.install(SimulatedService::new(named(of), named(r"C:\o\o.exe")));
            host.start(&named(of)).await.unwrap();
        }
    }
    let mut deadlines = Deadlines::default();
    deadlines.service_settling = settling;
    let cx = Context::builder()
        .services(hosts.clone())
        .deadlines(deadlines)
        .build()
        .unwrap();
    let began = Instant::now();
    let verdicts = ServiceControl::restart(&deployment).run(&cx).await.unwrap();
    let took = began.elapsed();
    assert_eq!(verdicts.check().unwrap().hosts.len(), 201);
    let mut calls: BTreeMap<String, u32> = BTreeMap::new();
    for call in hosts.faults().take_trace() {
        let host = call.split(' ').next().unwrap().to_owned();
        *calls.entry(host).or_default() += 1;
    }
    // The one Management Server has a service more; it is not counted to the ideal's favour.
    let of_a_runbook_server = calls["H001"];
    assert!(
        calls
            .iter()
            .all(|(host, calls)| host == "H000" || *calls == of_a_runbook_server)
    );
    let waves = (RUNBOOK_SERVERS + 1).div_ceil(AT_A_TIME);
    (took, LATENCY * waves * of_a_runbook_server + settling)
}

fn judge(clock: &str, (took, ideal): (Duration, Duration)) {
    let ratio = took.as_secs_f64() / ideal.as_secs_f64();
    println!(
        "restart of 201 hosts, {clock}: {:.2} s, ideal {:.2} s, ratio {ratio:.2}",
        took.as_secs_f64(),
        ideal.as_secs_f64()
    );
    assert!(ratio <= 1.3, "{took:?} is more than 1.3 times {ideal:?}");
}

#[tokio::test(start_paused = true)]
async fn a_fleet_is_restarted_close_to_the_ideal() {
    judge("simulated clock", restart(Duration::from_secs(60)).await);
}

#[tokio::test]
async fn so_it_is_in_real_time() {
    judge("real time", restart(Duration::from_secs(1)).await);
}
