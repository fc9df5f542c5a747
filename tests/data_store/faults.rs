//! Every call of a port that an undisturbed write by the host program makes fails once in each of three
//! ways. The end state is read from the simulated host.

use std::time::Duration;

use scorch_recovery::orchestrator::{DataStoreConfig, DataStoreStrategy, WriteDataStoreConfig};
use scorch_recovery::simulator::hosts::{HostFault, HostFaultKind, OrchestratorVersion};
use scorch_recovery::transport::codes;
use scorch_recovery::{Context, Effect, Operation};

use super::world::{HOST, Server, World, Writes, named};

const WAYS: [HostFaultKind; 3] = [
    HostFaultKind::Refused(codes::ACCESS_DENIED),
    HostFaultKind::TimedOutBefore,
    HostFaultKind::TimedOutAfter,
];

fn write(world: &World, writes: Writes) -> (Context, WriteDataStoreConfig) {
    let cx = world.builder().data_store_writer(world.writer(writes));
    let write = DataStoreConfig::write(&named(HOST), &world.config("New"));
    let write = write.strategy(DataStoreStrategy::HostProvided);
    (cx.build().unwrap(), write)
}

/// What is wrong after one call failed in one way.
async fn with_fault(
    server: &Server,
    call: &str,
    passing: usize,
    way: HostFaultKind,
) -> Option<String> {
    let world = server.world(OrchestratorVersion::V2022).await;
    let old = world.hash();
    let starts = world.starts();
    let (cx, write) = write(&world, Writes::AsTold);
    let fault = HostFault::when_call_contains(call, way).passing(passing);
    world.hosts.faults().install(fault);
    let done = write.run(&cx).await;
    let wrong = |problem: String| Some(format!("{call} #{passing} {way:?}: {problem}: {done:?}"));
    if world.hosts.faults().outstanding() != 0 {
        return wrong("the fault did not strike".to_owned());
    }
    tokio::time::sleep(Duration::from_secs(120)).await;
    if !world.down().is_empty() {
        return wrong(format!("down: {:?}", world.down()));
    }
    let database = world.host().data_store().map(|(_, database)| database);
    let is_old = world.hash() == old;
    match &done {
        Ok(_) if database == Some(named("New")) => None,
        Ok(_) => wrong(format!("it names {database:?}")),
        Err(_) if !is_old => wrong(format!("not put back: it names {database:?}")),
        Err(error) if error.effect() == Effect::None && world.starts() != starts => {
            wrong("the services were restarted, which it does not say".to_owned())
        }
        Err(error) if error.effect() == Effect::None && !world.copies().await.is_empty() => {
            // A copy that could not be removed is named.
            (!error.detail().contains("may be left")).then(|| format!("a copy is left: {error}"))
        }
        Err(_) => None,
    }
}

#[tokio::test]
async fn every_call_fails_once_in_each_way() {
    let server = Server::new(7).await;
    let world = server.world(OrchestratorVersion::V2022).await;
    drop(world.hosts.faults().take_trace());
    let (cx, operation) = write(&world, Writes::AsTold);
    operation.run(&cx).await.unwrap();
    let trace = world.hosts.faults().take_trace();
    assert!(trace.len() > 20, "only {} calls", trace.len());
    drop(world);
    let (mut held, mut all) = (0, 0);
    let mut wrong = Vec::new();
    for (place, call) in trace.iter().enumerate() {
        // The copy's name holds the time.
        let call = call.split(".dat.").next().unwrap();
        let passing = trace[..place]
            .iter()
            .filter(|other| other.contains(call))
            .count();
        for way in WAYS {
            all += 1;
            match with_fault(&server, call, passing, way).await {
                None => held += 1,
                Some(problem) => wrong.push(problem),
            }
        }
    }
    println!(
        "{held} of {all} failing calls of a write by the host program leave nothing down and no half file"
    );
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn a_writer_that_writes_and_does_not_answer_is_looked_at() {
    let world = World::new().await;
    let (cx, operation) = write(&world, Writes::AsToldWithoutAnswer);
    let written = operation.run(&cx).await.unwrap();
    assert_eq!(written.heartbeat.unwrap().database, named("New"));
}
