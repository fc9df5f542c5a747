//! Every call of a port that an undisturbed write makes fails once in each of three ways, by each strategy.
//! The end state is read from the simulated host.

use std::time::Duration;

use scorch_recovery::orchestrator::{
    BackUpDataStoreConfig, DataStoreConfig, DataStoreStrategy, WriteDataStoreConfig,
    WrittenDataStoreConfig,
};
use scorch_recovery::simulator::hosts::{
    HostFault, HostFaultKind, OrchestratorVersion, SimulatedSetup,
};
use scorch_recovery::transport::codes;
use scorch_recovery::{Context, Effect, Error, Operation, SecretRef};

use super::strategies::redirected;
use super::world::{HOST, SETUP_LOG, Server, Somebody, World, Writes, named};

const WAYS: [HostFaultKind; 3] = [
    HostFaultKind::Refused(codes::ACCESS_DENIED),
    HostFaultKind::TimedOutBefore,
    HostFaultKind::TimedOutAfter,
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum By {
    Somebody,
    HostProgram,
    Snapshot,
    Setup,
    Alias,
}

/// A host where it begins, and what is to be written there.
struct Scene {
    world: World,
    cx: Context,
    write: WriteDataStoreConfig,
    by: By,
    before: Standing,
}

/// What a write by any strategy may change.
#[derive(Debug, PartialEq, Eq)]
struct Standing {
    file: Option<Vec<u8>>,
    permissions: Option<String>,
    aliases: [Option<String>; 2],
    down: Vec<&'static str>,
    is_installed: bool,
}

impl Scene {
    async fn new(server: &Server, by: By) -> Self {
        let version = OrchestratorVersion::V2022;
        let (world, strategy) = match by {
            By::Somebody => {
                let world = server.world(version).await;
                (world, DataStoreStrategy::AttendedDbSetup)
            }
            By::HostProgram => (server.world(version).await, DataStoreStrategy::HostProvided),
            By::Snapshot => {
                let world = server.world_on(version, "SQL01", "New").await;
                let backup: BackUpDataStoreConfig =
                    DataStoreConfig::backup(&named(HOST), &world.config("New"));
                let backup = backup.to_file(named(r"C:\snapshot.dat"));
                let snapshot = backup.run(&world.context()).await.unwrap();
                let host = world.host();
                host.configure_data_store(&named("SQL01"), &named("Old"))
                    .unwrap();
                host.set_acl(&world.path(), "Everyone:F").unwrap();
                (world, snapshot.into())
            }
            By::Setup => {
                let world = server.rebuilt(SimulatedSetup::of(version, named(SETUP_LOG)));
                let setup = world.setup().await;
                (world, setup.into())
            }
            By::Alias => {
                let (world, alias) = redirected(server, version).await;
                (world, alias.into())
            }
        };
        let builder = world
            .builder()
            .observer(Somebody(world.host()))
            .data_store_writer(world.hosts.clone());
        let login = SecretRef::named("store");
        let config = match by {
            By::HostProgram => world
                .config("New")
                .sql_authentication(&named("orchestrator"), login)
                .unwrap(),
            _ => world.config("New"),
        };
        let write = DataStoreConfig::write(&named(HOST), &config).strategy(strategy);
        let before = Standing::of(&world).await;
        drop(world.hosts.faults().take_trace());
        Self {
            cx: builder.build().unwrap(),
            write,
            by,
            before,
            world,
        }
    }

    /// What is wrong after it ended so. The state is the host's own, whoever can reach it.
    async fn wrong(
        &self,
        done: &Result<WrittenDataStoreConfig, Error>,
        starts: u32,
    ) -> Option<String> {
        // orunbook without its data store ends within 40.
        tokio::time::sleep(Duration::from_secs(60)).await;
        let now = Standing::of(&self.world).await;
        let down = |standing: &Standing| standing.down.clone();
        if self.by != By::Setup && !now.down.is_empty() {
            return Some(format!("down: {:?}", down(&now)));
        }
        let host = self.world.host();
        let database = host.data_store().map(|(_, database)| database);
        if now.file.is_some() && database.is_none() {
            return Some("the file is not whole".to_owned());
        }
        let error = match done {
            Ok(_) => {
                let led = Some("DBMSSOCN,SQL01".to_owned());
                let is_led = now.aliases == [led.clone(), led];
                let is_so = database == Some(named("New"))
                    && now.down.is_empty()
                    && now.is_installed
                    && is_led == (self.by == By::Alias)
                    && now.permissions.as_deref() == Some("OrchestratorSystemGroup:R");
                return (!is_so).then(|| format!("it is not done: {now:?}"));
            }
            Err(error) => error,
        };
        if self.by == By::Setup {
            // What Setup did is not taken back, and it says so.
            let is_told = match error.effect() {
                Effect::None => !now.is_installed && now.file.is_none(),
                _ => error.detail().contains("Setup was run"),
            };
            return (!is_told).then(|| format!("it does not say what changed: {now:?}"));
        }
        if now != self.before {
            return Some(format!("not put back: {now:?}, before {:?}", self.before));
        }
        let has_restarted = self.world.starts() != starts;
        match error.effect() {
            Effect::None if has_restarted => {
                Some("the services were restarted, which it does not say".to_owned())
            }
            Effect::None if self.world.copies().await.is_empty() => None,
            // A copy that could not be removed is named.
            Effect::None => {
                let is_named = error.detail().contains("may be left");
                (!is_named).then(|| "a copy is left".to_owned())
            }
            _ => {
                let is_told = error.detail().contains("is as it was");
                (!is_told).then(|| "it does not say what changed".to_owned())
            }
        }
    }
}

impl Standing {
    async fn of(world: &World) -> Self {
        let host = world.host();
        let path = host.settings_path();
        let file = path.as_ref().and_then(|path| host.read_file(path).ok());
        let permissions = path.and_then(|path| host.acl(&path).ok()).flatten();
        Self {
            file,
            permissions,
            aliases: world.aliases("SQL00").await,
            down: world.down(),
            is_installed: host.service(&named("omanagement")).is_ok(),
        }
    }
}

/// What is wrong after one call failed in one way.
async fn with_fault(
    server: &Server,
    by: By,
    call: &str,
    passing: usize,
    way: HostFaultKind,
) -> Option<String> {
    let scene = Scene::new(server, by).await;
    let starts = scene.world.starts();
    let fault = HostFault::when_call_contains(call, way).passing(passing);
    scene.world.hosts.faults().install(fault);
    let done = scene.write.run(&scene.cx).await;
    let is_outstanding = scene.world.hosts.faults().outstanding() != 0;
    let problem = match is_outstanding {
        true => Some("the fault did not strike".to_owned()),
        false => scene.wrong(&done, starts).await,
    };
    problem.map(|problem| format!("{by:?}: {call} #{passing} {way:?}: {problem}: {done:?}"))
}

/// Fails each call in each way. How many held, of how many calls.
async fn every_call_fails_once_in_each_way(by: By) {
    let server = Server::new(7).await;
    let scene = Scene::new(&server, by).await;
    let starts = scene.world.starts();
    let done = scene.write.run(&scene.cx).await;
    let trace = scene.world.hosts.faults().take_trace();
    assert_eq!(scene.wrong(&done, starts).await, None, "{by:?}: {done:?}");
    assert!(trace.len() > 20, "{by:?}: only {} calls", trace.len());
    drop(scene);
    let mut wrong = Vec::new();
    for (place, call) in trace.iter().enumerate() {
        // The copy's name holds the time.
        let call = call.split(".dat.").next().unwrap();
        let passing = trace[..place]
            .iter()
            .filter(|other| other.contains(call))
            .count();
        for way in WAYS {
            wrong.extend(with_fault(&server, by, call, passing, way).await);
        }
    }
    let all = trace.len() * WAYS.len();
    println!(
        "{} of {all} failing calls of a write by {by:?} leave nothing down and no half file",
        all - wrong.len()
    );
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn every_call_fails_once_by_somebody() {
    every_call_fails_once_in_each_way(By::Somebody).await;
}

#[tokio::test]
async fn every_call_fails_once_by_the_host_program() {
    every_call_fails_once_in_each_way(By::HostProgram).await;
}

#[tokio::test]
async fn every_call_fails_once_by_a_snapshot() {
    every_call_fails_once_in_each_way(By::Snapshot).await;
}

#[tokio::test]
async fn every_call_fails_once_by_setup() {
    every_call_fails_once_in_each_way(By::Setup).await;
}

#[tokio::test]
async fn every_call_fails_once_by_an_alias() {
    every_call_fails_once_in_each_way(By::Alias).await;
}

#[tokio::test]
async fn a_writer_that_writes_and_does_not_answer_is_looked_at() {
    let world = World::new().await;
    let writer = world.writer(Writes::AsToldWithoutAnswer);
    let cx = world.builder().data_store_writer(writer).build().unwrap();
    let write = DataStoreConfig::write(&named(HOST), &world.config("New"));
    let write = write.strategy(DataStoreStrategy::HostProvided);
    let written = write.run(&cx).await.unwrap();
    assert_eq!(written.heartbeat.unwrap().database, named("New"));
}
