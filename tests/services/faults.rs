//! Every call of a port that an undisturbed run makes fails once in each of three ways. The end state
//! is read from the simulated hosts.

use std::time::Duration;

use scorch_recovery::orchestrator::ServiceControl;
use scorch_recovery::simulator::hosts::{HostFault, HostFaultKind};
use scorch_recovery::transport::codes;
use scorch_recovery::{Effect, Error, Operation};

use super::deployed::World;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    Restart,
    Quiet,
    GiveBack,
}

const WAYS: [HostFaultKind; 3] = [
    HostFaultKind::Refused(codes::ACCESS_DENIED),
    HostFaultKind::TimedOutBefore,
    HostFaultKind::TimedOutAfter,
];

/// Brings a world to where the run begins, and runs it there with the fault.
async fn run(world: &World, what: What, fault: Option<HostFault>) -> Result<(), Error> {
    let cx = world.context();
    let seen = ServiceControl::status(&world.deployment).run(&cx).await?;
    if what == What::GiveBack {
        let quieted = ServiceControl::quiet(&seen).run(&cx).await?;
        assert_eq!(quieted.before, seen);
    }
    drop(world.hosts.faults().take_trace());
    if let Some(fault) = fault {
        world.hosts.faults().install(fault);
    }
    match what {
        What::Restart => {
            let verdicts = ServiceControl::restart(&world.deployment).run(&cx).await?;
            verdicts.check()
        }
        What::Quiet => ServiceControl::quiet(&seen).run(&cx).await.map(drop),
        What::GiveBack => {
            let verdicts = ServiceControl::give_back(&seen).run(&cx).await?;
            verdicts.check()
        }
    }
}

/// What is wrong after one call failed in one way.
async fn with_fault(what: What, call: &str, passing: usize, way: HostFaultKind) -> Option<String> {
    let world = World::new().await;
    let before = world.standing();
    let starts = world.starts();
    let fault = HostFault::when_call_contains(call, way).passing(passing);
    let done = run(&world, what, Some(fault)).await;
    let wrong = |problem: String| Some(format!("{what:?}: {call} #{passing} {way:?}: {problem}"));
    if world.hosts.faults().outstanding() != 0 {
        return wrong("the fault did not strike".to_owned());
    }
    if let (What::Quiet, Ok(())) = (what, &done) {
        if !world.running().is_empty() {
            return wrong(format!("not quiet: {:?}", world.running()));
        }
        return None;
    }
    let restarted = world.starts() > starts;
    if let Err(error) = &done
        && ((error.effect() == Effect::None && restarted) || error.detail().is_empty())
    {
        return wrong(format!("the error does not say what changed: {error}"));
    }
    for seconds in [0, 600] {
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        if world.standing() != before {
            return wrong(format!("{:?} after {done:?}", world.standing()));
        }
    }
    None
}

#[tokio::test(start_paused = true)]
async fn every_call_fails_once_in_each_way() {
    let (mut held, mut all) = (0, 0);
    let mut wrong = Vec::new();
    for what in [What::Restart, What::Quiet, What::GiveBack] {
        let world = World::new().await;
        run(&world, what, None).await.unwrap();
        let trace = world.hosts.faults().take_trace();
        assert!(trace.len() > 20, "{what:?}: only {} calls", trace.len());
        for (place, call) in trace.iter().enumerate() {
            let passing = trace[..place].iter().filter(|other| *other == call).count();
            for way in WAYS {
                all += 1;
                match with_fault(what, call, passing, way).await {
                    None => held += 1,
                    Some(problem) => wrong.push(problem),
                }
            }
        }
    }
    println!(
        "{held} of {all} failing calls of restart, quieting and giving back leave nothing down"
    );
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
