//! One Management Server and 200 Runbook Servers, 50 ms a call: close to the ideal.

use std::time::Duration;

use scorch_recovery::names::HostName;
use scorch_recovery::orchestrator::{Deployment, ServiceControl};
use scorch_recovery::simulator::hosts::{SimulatedHosts, SimulatedService};
use scorch_recovery::transport::Deadlines;
use scorch_recovery::{Context, Operation};
use tokio::time::Instant;

use super::deployed::named;
use super::support::{LATENCY, RUNBOOK_SERVERS, ideal, judge};

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
    verdicts.check().unwrap();
    assert_eq!(verdicts.hosts.len(), 201);
    let trace = hosts.faults().take_trace();
    (took, ideal(&trace, settling))
}

#[tokio::test(start_paused = true)]
async fn a_fleet_is_restarted_close_to_the_ideal() {
    judge(
        "restart",
        "simulated clock",
        restart(Duration::from_secs(60)).await,
    );
}

#[tokio::test]
async fn so_it_is_in_real_time() {
    judge(
        "restart",
        "real time",
        restart(Duration::from_secs(1)).await,
    );
}
