//! One Management Server and 200 Runbook Servers get another data store, 50 ms a call: close to the ideal.

use std::time::Duration;

use scorch_recovery::names::HostName;
use scorch_recovery::orchestrator::{
    AskedDatabase, DataStoreConfig, DataStoreStrategy, WriteDataStoreConfig,
};
use scorch_recovery::simulator::hosts::{
    OrchestratorHost, OrchestratorVersion, SimulatedHosts, SimulatedService,
};
use scorch_recovery::transport::Deadlines;
use scorch_recovery::{Context, ContextBuilder, ErrorKind, Operation};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::support::{LATENCY, RUNBOOK_SERVERS, ideal, judge};
use super::world::{Server, named};

fn names() -> Vec<String> {
    (0..=RUNBOOK_SERVERS)
        .map(|number| format!("H{number:03}"))
        .collect()
}

/// All run, and use `Old`.
async fn fleet(hosts: &SimulatedHosts, has_heartbeats: bool) {
    for name in names() {
        let installed = OrchestratorHost::of(OrchestratorVersion::V2022)
            .data_store(&named("SQL01"), &named("Old"));
        let (installed, services): (_, &[&str]) = match name.as_str() {
            "H000" => (
                installed.management_server(),
                &["omanagement", "omonitor", "oremoting"],
            ),
            _ => (installed.runbook_server(), &["orunbook", "oremoting"]),
        };
        let host = hosts.add_orchestrator(&named(&name), &installed).unwrap();
        if name != "H000" && !has_heartbeats {
            let orunbook = named("orunbook");
            let program = host.service(&orunbook).unwrap().program;
            host.install(SimulatedService::new(orunbook, program));
        }
        for service in services {
            host.start(&named(service)).await.unwrap();
        }
    }
}

fn config() -> DataStoreConfig {
    DataStoreConfig::new(&named("SQL01"), &named("New")).unwrap()
}

fn context(hosts: &SimulatedHosts, builder: ContextBuilder, settling: Duration) -> Context {
    let mut deadlines = Deadlines::default();
    deadlines.service_settling = settling;
    builder
        .services(hosts.clone())
        .files(hosts.clone())
        .registry(hosts.clone())
        .data_store_writer(hosts.clone())
        .deadlines(deadlines)
        .build()
        .unwrap()
}

fn write(name: &str) -> WriteDataStoreConfig {
    DataStoreConfig::write(&named(name), &config()).strategy(DataStoreStrategy::HostProvided)
}

/// Reconfigures the fleet. How long it took, and the ideal.
async fn reconfigure(
    hosts: &SimulatedHosts,
    cx: &Context,
    writes: Vec<WriteDataStoreConfig>,
    settling: Duration,
) -> (Duration, Duration) {
    drop(hosts.faults().take_trace());
    let began = Instant::now();
    let written = DataStoreConfig::write_each(writes).run(cx).await.unwrap();
    let took = began.elapsed();
    let mut trace = hosts.faults().take_trace();
    trace.retain(|call| call.starts_with('H'));
    written.check().unwrap();
    assert_eq!(written.hosts.len(), 201);
    for name in names() {
        let host: HostName = named(&name);
        let host = hosts.host(&host).unwrap();
        assert_eq!(host.data_store(), Some((named("SQL01"), named("New"))));
    }
    (took, ideal(&trace, settling))
}

#[tokio::test]
async fn a_fleet_is_reconfigured_close_to_the_ideal() {
    let names = names();
    let known: Vec<&str> = names.iter().map(String::as_str).collect();
    let server = Server::in_real_time(7, &known[1..]).await;
    tokio::time::pause();
    let world = server.empty(LATENCY);
    fleet(&world.hosts, true).await;
    tokio::time::sleep(Duration::from_secs(60)).await;
    let settling = Duration::from_secs(60);
    let cx = context(&world.hosts, world.builder(), settling);
    let writes = known.iter().map(|name| write(name)).collect();
    // Each Runbook Server's heartbeat is waited for, too, beyond the ideal.
    let figures = reconfigure(&world.hosts, &cx, writes, settling).await;
    judge(
        "reconfiguration",
        "simulated clock, with heartbeats",
        figures,
    );
}

/// Without heartbeats, which come every 15 seconds: there is no way to the database from here.
#[tokio::test]
async fn so_it_is_in_real_time() {
    let folder = tempfile::tempdir().unwrap();
    let hosts = SimulatedHosts::builder(folder.path());
    let hosts = hosts.latency(LATENCY).build();
    fleet(&hosts, false).await;
    let settling = Duration::from_secs(1);
    let cx = context(&hosts, Context::builder(), settling);
    let mut reading = JoinSet::new();
    for name in names() {
        let cx = cx.clone();
        reading.spawn(async move {
            let (instance, database) = (named("SQL01"), named("New"));
            let read = DataStoreConfig::read(&named(&name)).asking(&instance, &database);
            let info = read.run(&cx).await.unwrap();
            info.asked(&instance, &database).unwrap().clone()
        });
    }
    let asked: Vec<AskedDatabase> = reading.join_all().await;
    let mut failures = asked.iter().map(|asked| asked.failure.as_ref().unwrap());
    assert!(failures.all(|failure| failure.kind == ErrorKind::Unsupported));
    let write = |asked: &AskedDatabase| write(asked.host.as_str()).without_heartbeat(asked);
    let writes = asked.iter().map(write).collect();
    let figures = reconfigure(&hosts, &cx, writes, settling).await;
    judge("reconfiguration", "real time", figures);
}
