//! Simulated hosts refuse what Windows refuses, and what their services do follows from what is there.
#![cfg(feature = "simulator")]
#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

use std::fmt::Debug;
use std::num::NonZeroU32;
use std::str::FromStr;
use std::time::Duration;

use scorch_recovery::Secret;
use scorch_recovery::names::{HostName, HostPath, ServiceName, SqlInstance};
use scorch_recovery::simulator::hosts::{
    HostFault, HostFaultKind, OrchestratorHost, OrchestratorVersion, ServiceEnd, SimulatedHost,
    SimulatedHosts, SimulatedService,
};
use scorch_recovery::simulator::{OrchestratorOptions, SimulatedInstance, SimulatorTransport};
use scorch_recovery::transport::{
    CommandTransport, FileTransport, HostCommand, HostError, RegistryTransport, RegistryView,
    ServiceState, ServiceTransport, SqlBatch, SqlColumn, SqlMessage, SqlSink, SqlTransport,
    SqlValue, StartType,
};

fn named<T: FromStr<Err: Debug>>(text: &str) -> T {
    text.parse().unwrap()
}

fn service(name: &str) -> SimulatedService {
    SimulatedService::new(named(name), named(&format!(r"C:\Program Files\{name}.exe")))
}

struct World {
    _folder: tempfile::TempDir,
    hosts: SimulatedHosts,
    host: SimulatedHost,
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let hosts = SimulatedHosts::builder(folder.path()).build();
        let host = hosts.add(&named("MS01")).unwrap();
        Self {
            _folder: folder,
            hosts,
            host,
        }
    }

    async fn start(&self, name: &str) -> Option<u32> {
        code(ServiceTransport::start(&self.hosts, &named("MS01"), &named(name)).await)
    }

    async fn stop(&self, name: &str) -> Option<u32> {
        code(ServiceTransport::stop(&self.hosts, &named("MS01"), &named(name)).await)
    }

    fn state(&self, name: &str) -> ServiceState {
        self.host.service(&named(name)).unwrap().state
    }
}

fn code<T>(result: Result<T, HostError>) -> Option<u32> {
    result.err().map(|error| error.code().unwrap())
}

#[tokio::test(start_paused = true)]
async fn a_service_manager_refuses_as_windows_does() {
    let world = World::new();
    let second = Duration::from_secs(1);
    world.host.install(service("base"));
    world
        .host
        .install(service("top").needs(named("base")).stopping_takes(second));
    world
        .host
        .install(service("slow").starting_takes(second * 4));
    world
        .host
        .install(service("off").start_type(StartType::Disabled));
    world.host.install(service("needs-off").needs(named("off")));
    world
        .host
        .install(service("needs-none").needs(named("none")));
    world
        .host
        .install(service("own").start_fails(ServiceEnd::WithOwnCode(42)));
    let never = world.host.service(&named("TOP")).unwrap();
    assert_eq!((never.exit_code, never.process_id), (1077, None));
    assert_eq!(world.start("none").await, Some(1060));
    assert_eq!(world.start("off").await, Some(1058));
    assert_eq!(world.start("needs-off").await, Some(1068));
    assert_eq!(world.start("needs-none").await, Some(1075));
    assert_eq!(world.stop("top").await, Some(1062));

    assert_eq!(world.start("top").await, None);
    assert_eq!(
        world.state("base"),
        ServiceState::Running,
        "what it needs first"
    );
    assert_eq!(world.start("top").await, Some(1056));
    assert_eq!(world.stop("base").await, Some(1051));
    assert_eq!(world.stop("top").await, None);
    assert_eq!(world.stop("top").await, Some(1061));
    assert_eq!(
        world.start("top").await,
        Some(1056),
        "it is not stopped yet"
    );
    assert_eq!(world.stop("base").await, Some(1051), "nor here");
    tokio::time::sleep(second * 2).await;
    assert_eq!(world.stop("base").await, None);
    assert_eq!(world.host.service(&named("top")).unwrap().exit_code, 0);

    assert_eq!(world.start("slow").await, None);
    assert_eq!(world.stop("slow").await, Some(1061));
    let mut checkpoints = Vec::new();
    while world.state("slow") == ServiceState::StartPending {
        let status = world.host.service(&named("slow")).unwrap();
        assert_eq!(status.wait_hint, second * 4);
        checkpoints.push(status.checkpoint);
        tokio::time::sleep(second / 4).await;
    }
    assert!(
        checkpoints.is_sorted() && checkpoints.contains(&3),
        "{checkpoints:?}"
    );

    assert_eq!(world.start("own").await, None, "the start is accepted");
    let own = world.host.service(&named("own")).unwrap();
    assert_eq!((own.exit_code, own.service_exit_code), (1066, 42));
}

#[tokio::test(start_paused = true)]
async fn a_service_that_hangs_is_ended_by_process_id_only() {
    let world = World::new();
    world.host.install(service("omonitor").hangs_on_stop());
    assert_eq!(world.start("omonitor").await, None);
    let process_id = world
        .host
        .service(&named("omonitor"))
        .unwrap()
        .process_id
        .unwrap();
    assert_eq!(world.stop("omonitor").await, None);
    tokio::time::sleep(Duration::from_secs(3600)).await;
    assert_eq!(world.state("omonitor"), ServiceState::StopPending);
    let ms01: HostName = named("MS01");
    let seen = world
        .hosts
        .process(&ms01, process_id)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(seen.program.file_name(), "omonitor.exe");
    let kill = |number: u32| HostCommand {
        program: named(r"C:\Windows\System32\taskkill.exe"),
        arguments: vec!["/f".to_owned(), "/pid".to_owned(), number.to_string()],
        standard_input: None,
    };
    assert_eq!(
        world.hosts.run(&ms01, &kill(7)).await.unwrap().exit_code,
        128
    );
    assert_eq!(
        world
            .hosts
            .run(&ms01, &kill(process_id))
            .await
            .unwrap()
            .exit_code,
        0
    );
    let ended = world.host.service(&named("omonitor")).unwrap();
    assert_eq!(
        (ended.state, ended.exit_code),
        (ServiceState::Stopped, 1067)
    );
    assert_eq!(world.hosts.process(&ms01, process_id).await.unwrap(), None);
}

#[tokio::test(start_paused = true)]
async fn calls_fail_before_after_and_late() {
    let world = World::new();
    world.host.install(service("a"));
    let stop = |kind| HostFault::when_call_contains("MS01 services.stop a", kind);
    for (kind, at_once, later) in [
        (
            HostFaultKind::Refused(5),
            ServiceState::Running,
            ServiceState::Running,
        ),
        (
            HostFaultKind::TimedOutBefore,
            ServiceState::Running,
            ServiceState::Running,
        ),
        (
            HostFaultKind::TimedOutAfter,
            ServiceState::Stopped,
            ServiceState::Stopped,
        ),
        (
            HostFaultKind::Late(Duration::from_secs(5)),
            ServiceState::Running,
            ServiceState::Stopped,
        ),
    ] {
        let _ = world.start("a").await;
        world.hosts.faults().install(stop(kind));
        let stopped = ServiceTransport::stop(&world.hosts, &named("MS01"), &named("a")).await;
        assert!(stopped.is_err());
        assert_eq!(world.state("a"), at_once, "{kind:?}");
        tokio::time::sleep(Duration::from_secs(6)).await;
        assert_eq!(world.state("a"), later, "{kind:?}");
    }
    assert_eq!(world.hosts.faults().outstanding(), 0);
    world.host.set_reachable(false);
    assert_eq!(world.start("a").await, Some(1722));
    let other = ServiceTransport::start(&world.hosts, &named("MS02"), &named("a")).await;
    assert_eq!(code(other), Some(1722));
}

#[tokio::test]
async fn files_are_replaced_whole_and_keep_what_belongs_to_them() {
    let world = World::new();
    let (hosts, host) = (&world.hosts, &world.host);
    let ms01: HostName = named("MS01");
    let folder: HostPath = named(r"C:\Program Files\Örtchen & 100 %");
    let file = folder.child("Web.config").unwrap();
    assert_eq!(code(hosts.write_new(&ms01, &file, b"1").await), Some(3));
    host.create_folder(&folder).unwrap();
    hosts.write_new(&ms01, &file, b"1").await.unwrap();
    assert_eq!(code(hosts.write_new(&ms01, &file, b"2").await), Some(80));
    host.set_acl(&file, "SYSTEM:F").unwrap();
    hosts.replace(&ms01, &file, b"22").await.unwrap();
    assert_eq!(host.acl(&file).unwrap().as_deref(), Some("SYSTEM:F"));
    let copy = folder.child("copy").unwrap();
    hosts.copy(&ms01, &file, &copy).await.unwrap();
    assert_eq!(host.acl(&copy).unwrap().as_deref(), Some("SYSTEM:F"));
    let times = |path: HostPath| {
        let (hosts, ms01) = (hosts.clone(), ms01.clone());
        async move { hosts.stat(&ms01, &path).await.unwrap().unwrap().modified }
    };
    assert_eq!(times(file.clone()).await, times(copy.clone()).await);
    assert_eq!(code(hosts.copy(&ms01, &file, &copy).await), Some(80));
    let mut names = hosts.list(&ms01, &folder).await.unwrap();
    names.sort();
    assert_eq!(names, ["Web.config", "copy"]);

    let held = host.hold_file(&file).unwrap();
    assert_eq!(code(hosts.replace(&ms01, &file, b"3").await), Some(5));
    assert_eq!(
        code(FileTransport::remove(hosts, &ms01, &file).await),
        Some(32)
    );
    assert_eq!(hosts.read(&ms01, &file).await.unwrap(), b"22");
    drop(held);
    host.set_read_only(&file, true).unwrap();
    assert_eq!(code(hosts.replace(&ms01, &file, b"3").await), Some(5));
    assert!(
        hosts
            .stat(&ms01, &file)
            .await
            .unwrap()
            .unwrap()
            .is_read_only
    );
    host.set_read_only(&file, false).unwrap();
    FileTransport::remove(hosts, &ms01, &file).await.unwrap();
    assert_eq!(hosts.stat(&ms01, &file).await.unwrap(), None);
    assert_eq!(code(hosts.replace(&ms01, &file, b"3").await), Some(2));
    assert_eq!(code(hosts.read(&ms01, &file).await), Some(2));
    assert_eq!(
        hosts.list(&ms01, &folder).await.unwrap(),
        ["copy"],
        "no traces are left"
    );
}

#[tokio::test]
async fn a_registry_has_two_views() {
    let world = World::new();
    let ms01: HostName = named("MS01");
    let key = r"SOFTWARE\Microsoft\MSSQLServer\Client\ConnectTo";
    let get = |view| world.hosts.get(&ms01, view, key, "sql01");
    world
        .hosts
        .set(&ms01, RegistryView::Bits32, key, "SQL01", "DBMSSOCN,new")
        .await
        .unwrap();
    assert_eq!(
        get(RegistryView::Bits32).await.unwrap().as_deref(),
        Some("DBMSSOCN,new")
    );
    assert_eq!(get(RegistryView::Bits64).await.unwrap(), None);
    let remove = |view| RegistryTransport::remove(&world.hosts, &ms01, view, key, "SQL01");
    assert_eq!(code(remove(RegistryView::Bits64).await), Some(2));
    remove(RegistryView::Bits32).await.unwrap();
    assert_eq!(get(RegistryView::Bits32).await.unwrap(), None);
}

#[derive(Default)]
struct Rows(Vec<Vec<SqlValue>>);

impl SqlSink for Rows {
    fn columns(&mut self, _: &[SqlColumn]) {}
    fn row(&mut self, row: Vec<SqlValue>) {
        self.0.push(row);
    }
    fn message(&mut self, message: SqlMessage) {
        assert!(!message.is_error(), "{message:?}");
    }
}

/// Heartbeats of a Runbook Server in a database, as text.
async fn heartbeat(sql: &SimulatorTransport, database: &str) -> String {
    let mut session = sql
        .connect(&named("SQL01"), Some(&named(database)))
        .await
        .unwrap();
    let mut rows = Rows::default();
    let ask = SqlBatch::open("SELECT * FROM dbo.ACTIONSERVERS WHERE Computer = N'RUNBOOK01'");
    session.execute(ask, &mut rows).await.unwrap();
    assert_eq!(rows.0.len(), 1);
    format!("{:?}", rows.0[0])
}

#[tokio::test]
async fn a_runbook_server_shows_by_what_it_does_where_its_configuration_leads() {
    let folder = tempfile::tempdir().unwrap();
    let sa = || Secret::new("A-long-passw0rd".to_owned());
    let server = SimulatedInstance::builder("SQL01", folder.path().join("sql"))
        .machine_secret(folder.path().join("sql.secret"))
        .sa_password(sa())
        .key_derivation_cost(NonZeroU32::MIN)
        .build()
        .unwrap();
    for (seed, database) in [(1, "Old"), (4, "New")] {
        server
            .create_orchestrator_database(&named(database), &OrchestratorOptions::seeded(seed))
            .await
            .unwrap();
    }
    let instance: SqlInstance = named("SQL01");
    let sql = SimulatorTransport::builder()
        .instance(instance.clone(), &server, "sa", sa())
        .build();
    let hosts = SimulatedHosts::builder(folder.path().join("hosts"))
        .sql(sql.clone())
        .build();
    let installed = OrchestratorHost::of(OrchestratorVersion::V2022).runbook_server();
    let host = hosts
        .add_orchestrator(
            &named("RUNBOOK01"),
            &installed.clone().data_store(&instance, &named("Old")),
        )
        .unwrap();
    let other = hosts
        .add_orchestrator(&named("RUNBOOK02"), &installed)
        .unwrap();
    let orunbook: ServiceName = named("orunbook");
    tokio::time::pause();
    let (old, new) = (heartbeat(&sql, "Old").await, heartbeat(&sql, "New").await);
    host.start(&orunbook).await.unwrap();
    tokio::time::sleep(Duration::from_secs(50)).await;
    assert_ne!(heartbeat(&sql, "Old").await, old);
    assert_eq!(heartbeat(&sql, "New").await, new);
    let beat = heartbeat(&sql, "Old").await;
    tokio::time::sleep(Duration::from_secs(20)).await;
    assert_ne!(heartbeat(&sql, "Old").await, beat, "every 15 seconds");

    host.stop(&orunbook).unwrap();
    host.configure_data_store(&instance, &named("New")).unwrap();
    host.start(&orunbook).await.unwrap();
    tokio::time::sleep(Duration::from_secs(50)).await;
    assert_ne!(heartbeat(&sql, "New").await, new);
    assert_eq!(
        host.service(&orunbook).unwrap().state,
        ServiceState::Running
    );

    // A database that isn't there, and a file of another machine.
    host.stop(&orunbook).unwrap();
    host.configure_data_store(&instance, &named("None"))
        .unwrap();
    let (from, to) = (
        host.settings_path().unwrap(),
        other.settings_path().unwrap(),
    );
    other
        .write_file(&to, &host.read_file(&from).unwrap())
        .unwrap();
    assert_eq!(other.data_store(), None);
    for host in [&host, &other] {
        host.start(&orunbook).await.unwrap();
        tokio::time::sleep(Duration::from_secs(35)).await;
        assert_eq!(
            host.service(&orunbook).unwrap().state,
            ServiceState::Running
        );
        tokio::time::sleep(Duration::from_secs(10)).await;
        let ended = host.service(&orunbook).unwrap();
        assert_eq!(
            (ended.state, ended.exit_code),
            (ServiceState::Stopped, 0x8000_4005)
        );
    }
}
