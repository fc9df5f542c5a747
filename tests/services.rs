//! Services of a deployment are looked at, stopped, started, restarted and kept quiet; what ran before
//! runs after, whatever goes wrong in between.
#![cfg(feature = "simulator")]
#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

#[path = "services/deployed.rs"]
mod deployed;
#[path = "services/faults.rs"]
mod faults;
#[path = "services/fleet.rs"]
mod fleet;
#[path = "support/fleet.rs"]
mod support;

use std::time::Duration;

use scorch_recovery::orchestrator::{Deployment, DeploymentServices, ServiceControl};
use scorch_recovery::simulator::hosts::{
    HostFault, HostFaultKind, OrchestratorHost, OrchestratorVersion, SimulatedService,
};
use scorch_recovery::sql::ServiceMasterKey;
use scorch_recovery::transport::{ServiceState, StartType};
use scorch_recovery::{Cancellation, Context, Effect, ErrorKind, Observation, Operation};

use deployed::{World, named, service};

#[tokio::test(start_paused = true)]
async fn a_restart_restarts_what_ran_once_and_in_order() {
    let world = World::new().await;
    let off = world.host("RB01");
    off.stop(&named("oremoting")).unwrap();
    tokio::time::sleep(Duration::from_secs(5)).await;
    let before = world.running();
    drop(world.hosts.faults().take_trace());
    let verdicts = ServiceControl::restart(&world.deployment)
        .run(&world.context())
        .await
        .unwrap();
    verdicts.check().unwrap();
    assert_eq!(world.running(), before, "what was down stays down");
    let changes: Vec<String> = world
        .hosts
        .faults()
        .take_trace()
        .into_iter()
        .filter(|call| call.starts_with("MS01"))
        .filter(|call| !call.contains("query") && !call.contains("registry"))
        .collect();
    assert_eq!(
        changes,
        [
            "MS01 services.stop orunbook",
            "MS01 services.stop oremoting",
            "MS01 services.stop omonitor",
            "MS01 services.stop omanagement",
            "MS01 services.start omanagement",
            "MS01 services.start omonitor",
            "MS01 services.start oremoting",
            "MS01 services.start orunbook",
        ],
        "co-located roles are one"
    );
    assert_eq!(world.host("MS01").starts(&named("oremoting")), 2);
    let ms01 = &verdicts.hosts[0];
    assert!(ms01.services.iter().all(|verdict| {
        verdict.after == Some(ServiceState::Running)
            && verdict.process_id
                == world
                    .host("MS01")
                    .service(&verdict.service)
                    .unwrap()
                    .process_id
    }));
}

#[tokio::test(start_paused = true)]
async fn the_order_is_that_of_the_service_manager() {
    let world = World::new().await;
    let host = world.host("RB01");
    host.install(service("oremoting").needs(named("orunbook")));
    host.start(&named("oremoting")).await.unwrap();
    drop(world.hosts.faults().take_trace());
    let cx = world.context();
    let stopped = ServiceControl::stop(&world.deployment)
        .run(&cx)
        .await
        .unwrap();
    stopped.check().unwrap();
    let trace = world.hosts.faults().take_trace();
    let stops: Vec<&String> = trace
        .iter()
        .filter(|call| call.starts_with("RB01 services.stop"))
        .collect();
    assert_eq!(
        stops,
        [
            "RB01 services.stop oremoting",
            "RB01 services.stop orunbook"
        ]
    );
    let stop = ServiceControl::stop(&world.deployment);
    assert_eq!(stop.observe(&cx).await.unwrap(), Observation::Done);
    let start = ServiceControl::start(&world.deployment);
    assert_eq!(start.observe(&cx).await.unwrap(), Observation::NotDone);
    start.run(&cx).await.unwrap().check().unwrap();
    assert_eq!(start.observe(&cx).await.unwrap(), Observation::Done);
    world.assert_all_run();
}

#[tokio::test(start_paused = true)]
async fn a_host_that_cannot_be_reached_fails_alone_with_the_remedy() {
    let world = World::new().await;
    world.host("RB01").set_reachable(false);
    let cx = world.context();
    let verdicts = ServiceControl::restart(&world.deployment)
        .run(&cx)
        .await
        .unwrap();
    assert_eq!(verdicts.hosts[0].failure, None);
    let failure = verdicts.hosts[1].failure.clone().unwrap();
    assert_eq!(
        (failure.kind, failure.effect),
        (ErrorKind::Unreachable, Effect::None)
    );
    assert!(failure.remedy.unwrap().contains("leave the host out"));
    let error = verdicts.check().unwrap_err();
    assert_eq!(
        (error.kind(), error.effect()),
        (ErrorKind::Unreachable, Effect::Partial)
    );
    assert!(error.detail().contains("RB01: "), "{error}");
    let seen = ServiceControl::status(&world.deployment)
        .run(&cx)
        .await
        .unwrap();
    assert_eq!(seen.failures().count(), 1);
    // Nothing is made quiet that was not seen.
    let error = ServiceControl::quiet(&seen).run(&cx).await.unwrap_err();
    assert_eq!(
        (error.kind(), error.effect()),
        (ErrorKind::InvalidInput, Effect::None)
    );
    world.assert_all_run();
}

#[tokio::test(start_paused = true)]
async fn a_name_that_leads_to_another_host_fails_alone_and_nothing_is_changed_there() {
    let world = World::new().await;
    let cx = world.context();
    let seen = ServiceControl::status(&world.deployment).run(&cx).await;
    let seen = seen.unwrap();
    let ms01 = world.host("MS01");
    let starts = || ms01.starts(&named("orunbook"));
    let before = starts();
    world.hosts.lead(&named("RB01"), &ms01);
    let rb01 = Deployment::new().runbook_server(&named("RB01"));
    let restarted = ServiceControl::restart(&rb01).run(&cx).await.unwrap();
    assert_eq!(starts(), before);
    let given = ServiceControl::give_back(&seen).run(&cx).await.unwrap();
    let looked = ServiceControl::status(&rb01).run(&cx).await.unwrap();
    for failure in [
        &restarted.hosts[0].failure,
        &given.hosts[1].failure,
        &looked.hosts[0].failure,
    ] {
        let failure = failure.as_ref().unwrap();
        assert_eq!(
            (failure.kind, failure.effect),
            (ErrorKind::Incompatible, Effect::None)
        );
        assert!(failure.detail.contains("the computer MS01"), "{failure:?}");
    }
    // The other one is given back.
    let error = ServiceControl::quiet(&seen).run(&cx).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Incompatible, "{error}");
    world.assert_all_run();
}

#[tokio::test(start_paused = true)]
async fn a_stop_that_takes_effect_late_is_started_again() {
    let world = World::new().await;
    let late = HostFaultKind::Late(Duration::from_secs(20));
    let fault = HostFault::when_call_contains("RB01 services.stop orunbook", late);
    world.hosts.faults().install(fault);
    let verdicts = ServiceControl::restart(&world.deployment)
        .run(&world.context())
        .await
        .unwrap();
    verdicts.check().unwrap();
    tokio::time::sleep(Duration::from_secs(600)).await;
    world.assert_all_run();
    assert!(
        world.host("RB01").starts(&named("orunbook")) >= 3,
        "the late stop struck"
    );
}

/// Seen under Wine: the service manager takes the stop, and the service says nothing of it for a while.
#[tokio::test(start_paused = true)]
async fn a_service_that_runs_on_for_a_while_is_told_to_stop_once() {
    let world = World::new().await;
    let rb01 = world.host("RB01");
    let late = service("orunbook").shows_stop_after(Duration::from_secs(5));
    rb01.install(late);
    rb01.start(&named("orunbook")).await.unwrap();
    tokio::time::sleep(Duration::from_secs(10)).await;
    let deployment = Deployment::new().runbook_server(&named("RB01"));
    drop(world.hosts.faults().take_trace());
    let stop = ServiceControl::stop(&deployment)
        .run(&world.context())
        .await;
    stop.unwrap().check().unwrap();
    let stops = world.hosts.faults().take_trace();
    let stops = stops
        .iter()
        .filter(|call| call.contains("services.stop orunbook"));
    assert_eq!(stops.count(), 1);
    let state = rb01.service(&named("orunbook")).unwrap().state;
    assert_eq!(state, ServiceState::Stopped);
}

/// `omonitor` of MS01 hangs on stop.
async fn hanging() -> (World, Context, DeploymentServices) {
    let world = World::new().await;
    let host = world.host("MS01");
    let process = host
        .service(&named("omonitor"))
        .unwrap()
        .process_id
        .unwrap();
    host.end_process(process);
    let hangs = SimulatedService::new(
        named("omonitor"),
        named(r"C:\o\RunbookServerMonitorService.exe"),
    );
    host.install(hangs.needs(named("omanagement")).hangs_on_stop());
    host.start(&named("omonitor")).await.unwrap();
    let cx = world.context();
    let seen = ServiceControl::status(&world.deployment)
        .run(&cx)
        .await
        .unwrap();
    (world, cx, seen)
}

#[tokio::test(start_paused = true)]
async fn what_hangs_is_ended_only_where_that_is_allowed() {
    let (world, cx, seen) = hanging().await;
    let process = world
        .host("MS01")
        .service(&named("omonitor"))
        .unwrap()
        .process_id;
    let verdicts = ServiceControl::restart(&world.deployment)
        .run(&cx)
        .await
        .unwrap();
    let failure = verdicts.hosts[0].failure.clone().unwrap();
    assert_eq!(
        (failure.kind, failure.effect),
        (ErrorKind::TimedOut, Effect::Partial)
    );
    assert!(failure.remedy.unwrap().contains(".ending("));
    assert!(
        world.host("MS01").has_process(process.unwrap()),
        "not without being allowed"
    );
    // All but the one that hangs runs again.
    let states: Vec<Option<ServiceState>> = verdicts.hosts[0]
        .services
        .iter()
        .map(|verdict| verdict.after)
        .collect();
    let running = Some(ServiceState::Running);
    assert_eq!(states, [running, None, running, running]);

    // It hangs still; now it may be ended.
    let restart = ServiceControl::restart(&world.deployment).ending(&seen);
    let described = restart.describe();
    assert!(
        described.hazards[0]
            .to_string()
            .contains("omonitor on MS01")
    );
    let stop = ServiceControl::stop(&world.deployment).ending(&seen);
    let verdicts = stop.run(&cx).await.unwrap();
    verdicts.check().unwrap();
    assert!(verdicts.hosts[0].services[1].was_ended);
    assert!(!world.host("MS01").has_process(process.unwrap()));
}

#[tokio::test(start_paused = true)]
async fn a_process_id_that_was_given_again_is_not_ended() {
    let (world, cx, seen) = hanging().await;
    let host = world.host("MS01");
    let process = host
        .service(&named("omonitor"))
        .unwrap()
        .process_id
        .unwrap();
    // The same number, and another start; then another program.
    for program in [
        r"C:\o\RunbookServerMonitorService.exe",
        r"C:\Windows\explorer.exe",
    ] {
        tokio::time::sleep(Duration::from_secs(1)).await;
        host.give_process_id_again(process, named(program));
        let restart = ServiceControl::restart(&world.deployment).ending(&seen);
        let verdicts = restart.run(&cx).await.unwrap();
        let failure = verdicts.hosts[0].failure.clone().unwrap();
        assert_eq!(
            failure.kind,
            ErrorKind::ConsentRequired,
            "{}",
            failure.detail
        );
        assert!(host.has_process(process));
    }
    let mut forged = serde_json::to_value(&seen).unwrap();
    let service = &mut forged["hosts"][0]["services"][1]["process"]["process_id"];
    *service = 4.into();
    let forged: DeploymentServices = serde_json::from_value(forged).unwrap();
    let restart = ServiceControl::restart(&world.deployment).ending(&forged);
    let failure = restart.run(&cx).await.unwrap().hosts[0]
        .failure
        .clone()
        .unwrap();
    assert_eq!(failure.kind, ErrorKind::ConsentRequired);
}

#[tokio::test(start_paused = true)]
async fn a_start_is_believed_after_the_settling_time_only() {
    let world = World::new().await;
    // The one of the simulator, whose configuration names no data store.
    let installed = OrchestratorHost::of(OrchestratorVersion::V2022).runbook_server();
    world
        .hosts
        .add_orchestrator(&named("RB02"), &installed)
        .unwrap();
    let deployment = Deployment::new().runbook_server(&named("RB02"));
    let start = ServiceControl::start(&deployment);
    let verdicts = start.run(&world.context()).await.unwrap();
    let failure = verdicts.hosts[0].failure.clone().unwrap();
    assert_eq!(
        (failure.kind, failure.effect),
        (ErrorKind::Windows, Effect::Done)
    );
    assert!(failure.detail.contains("0x80004005"), "{}", failure.detail);
    assert!(failure.remedy.unwrap().contains("data store"));
}

#[tokio::test(start_paused = true)]
async fn a_deployment_is_quiet_until_it_is_given_back() {
    let world = World::new().await;
    let rb01 = world.host("RB01");
    rb01.stop(&named("oremoting")).unwrap();
    tokio::time::sleep(Duration::from_secs(5)).await;
    rb01.install(service("oremoting").start_type(StartType::Manual));
    let before = world.standing();
    let cx = world.context();
    let seen = ServiceControl::status(&world.deployment)
        .run(&cx)
        .await
        .unwrap();
    let quiet = ServiceControl::quiet(&seen);
    assert_eq!(quiet.observe(&cx).await.unwrap(), Observation::NotDone);
    let quieted = quiet.run(&cx).await.unwrap();
    for (_, state, start_type) in world.standing() {
        assert_eq!(
            (state, start_type),
            (ServiceState::Stopped, StartType::Disabled)
        );
    }
    assert_eq!(quiet.observe(&cx).await.unwrap(), Observation::Done);
    // Again is as good as once: what was seen counts, not what it left.
    let again = quiet.run(&cx).await.unwrap();
    assert_eq!(again.before, quieted.before);
    let give_back = ServiceControl::give_back(&quieted.before);
    assert_eq!(give_back.observe(&cx).await.unwrap(), Observation::NotDone);
    give_back.run(&cx).await.unwrap().check().unwrap();
    assert_eq!(world.standing(), before);
    assert_eq!(give_back.observe(&cx).await.unwrap(), Observation::Done);
    let json = serde_json::to_string(&quiet).unwrap();
    let back: scorch_recovery::orchestrator::QuietDeployment = serde_json::from_str(&json).unwrap();
    assert_eq!(back, quiet);
}

#[tokio::test(start_paused = true)]
async fn what_was_seen_must_be_what_is_there() {
    let world = World::new().await;
    let cx = world.context();
    let rb01 = world.host("RB01");
    rb01.stop(&named("oremoting")).unwrap();
    tokio::time::sleep(Duration::from_secs(5)).await;
    let seen = ServiceControl::status(&world.deployment)
        .run(&cx)
        .await
        .unwrap();
    rb01.start(&named("oremoting")).await.unwrap();
    tokio::time::sleep(Duration::from_secs(5)).await;
    let before = world.standing();
    let error = ServiceControl::quiet(&seen).run(&cx).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConsentRequired);
    assert!(
        error.detail().contains("given back"),
        "MS01 was made quiet: {error}"
    );
    assert_eq!(world.standing(), before, "it would not be started again");
}

#[tokio::test(start_paused = true)]
async fn a_disabled_service_is_not_started_and_says_so() {
    let world = World::new().await;
    let rb01 = world.host("RB01");
    rb01.install(service("oremoting").start_type(StartType::Disabled));
    let start = ServiceControl::start(&world.deployment);
    let verdicts = start.run(&world.context()).await.unwrap();
    let failure = verdicts.hosts[1].failure.clone().unwrap();
    assert!(failure.detail.contains("1058"), "{}", failure.detail);
    assert!(failure.remedy.unwrap().contains("start type"));
}

#[tokio::test(start_paused = true)]
async fn a_service_that_is_not_installed_is_told() {
    let world = World::new().await;
    world.hosts.add(&named("RB01")).unwrap();
    let cx = world.context();
    let verdicts = ServiceControl::restart(&world.deployment)
        .run(&cx)
        .await
        .unwrap();
    let failure = verdicts.hosts[1].failure.clone().unwrap();
    assert_eq!(
        (failure.kind, failure.effect),
        (ErrorKind::NotFound, Effect::None)
    );
    assert!(failure.detail.contains("orunbook"));
    // One that some versions may lack is only told.
    world.host("RB01").install(service("orunbook"));
    world.host("RB01").start(&named("orunbook")).await.unwrap();
    let seen = ServiceControl::status(&world.deployment)
        .run(&cx)
        .await
        .unwrap();
    seen.check().unwrap();
    let oremoting = &seen.hosts[1].services[1];
    assert_eq!(
        (oremoting.service.as_str(), oremoting.status.is_none()),
        ("oremoting", true)
    );
    let restart = ServiceControl::restart(&world.deployment);
    restart.run(&cx).await.unwrap().check().unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_cancellation_begins_no_more_hosts() {
    let world = World::new().await;
    let cancellation = Cancellation::new();
    let cx = world
        .builder()
        .cancellation(cancellation.clone())
        .build()
        .unwrap();
    cancellation.cancel();
    let error = ServiceControl::restart(&world.deployment)
        .run(&cx)
        .await
        .unwrap_err();
    assert_eq!(
        (error.kind(), error.effect()),
        (ErrorKind::Cancelled, Effect::None)
    );
    world.assert_all_run();
}

#[tokio::test]
async fn a_context_without_the_port_says_which() {
    let world = World::new().await;
    let cx = Context::builder()
        .files(world.hosts.clone())
        .build()
        .unwrap();
    let error = ServiceControl::status(&world.deployment)
        .run(&cx)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert_eq!(error.remedy(), Some("call ContextBuilder::services"));
    // Nor has it one to SQL Server.
    let inspect = ServiceMasterKey::inspect(&named("SQL01"));
    let error = inspect.run(&cx).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(error.detail().contains("ContextBuilder::sql"), "{error}");
    let error = Context::builder().build().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
}
