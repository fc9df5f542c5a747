//! What simulated web components answer, and what is made of it.

use std::collections::BTreeSet;

use scorch_recovery::names::HostPath;
use scorch_recovery::orchestrator::{
    VerifiedWebComponents, WebCause as C, WebComponents, WebConfigStyle,
};
use scorch_recovery::simulator::hosts::{
    HostFault, HostFaultKind, SimulatedWebApplication, WebComponentKind,
};
use scorch_recovery::{AnyOperation, AnyOutput, Effect, ErrorKind, Operation};

use crate::files::web01;
use crate::host::KEPT;
use crate::world::World;

const KINDS: [WebComponentKind; 2] = [WebComponentKind::WebApi, WebComponentKind::WebService];
const ALL: [C; 3] = [C::Database, C::DatabasePermission, C::DotNet];

#[tokio::test]
async fn what_works_is_told_to_work() {
    let mut world = World::new(WebComponentKind::WebApi, "SQL01").await;
    for (kind, address) in KINDS.into_iter().zip([
        "http://localhost:81/api/login",
        "http://localhost:81/Orchestrator/Orchestrator.svc/",
    ]) {
        world = world.with(kind, "SQL01");
        world.run(world.application());
        let verified = world.verify(&world.context()).await;
        assert!(verified.works() && verified.check().is_ok(), "{verified:?}");
        let verdict = &verified.verdicts[0];
        assert_eq!(verdict.url.as_ref().unwrap().as_str(), address);
        assert_eq!((verdict.status, &verdict.shown), (Some(200), &None));
        let json = serde_json::to_string(&verified).unwrap();
        let back: VerifiedWebComponents = serde_json::from_str(&json).unwrap();
        assert_eq!(back, verified);
    }
}

/// The simulated application reads its own web.config and asks the simulated SQL Server: what is wrong is
/// found by what it answers.
#[tokio::test]
async fn failures_are_told_apart_by_what_happens() {
    let mut world = World::new(WebComponentKind::WebApi, "SQL01").await;
    for kind in KINDS {
        world = world.with(kind, "SQL01");
        let cx = world.context();
        world.run(world.application().lacks_dot_net());
        let (causes, why) = world.causes(&cx).await;
        assert_eq!(causes, [C::DotNet], "{why}");
        assert!(why.contains("500."), "{why}");
        world.run(world.application().pool_is_down());
        assert_eq!(world.causes(&cx).await.0, [C::Pool]);
        world.run(world.application().refuses_callers());
        assert_eq!(world.causes(&cx).await.0, [C::Permission]);

        // Nobody says who it is: that IIS answers is all that is seen, whatever is wrong behind it.
        for application in [world.application(), world.application().lacks_dot_net()] {
            world.run(application);
            let nobody = world.asked_by(world.servers.anonymous());
            let (causes, why) = world.causes(&nobody).await;
            assert_eq!(causes, [C::NotSignedIn], "{why}");
        }

        // The database that it names is not there.
        world = world.with(kind, "SQL09");
        let cx = world.context();
        world.run(world.application());
        let (causes, why) = world.causes(&cx).await;
        assert_eq!(causes, ALL, "told as all that it may be: {why}");
        assert!(why.contains("event log"), "{why}");
        world.run(world.application().shows_errors());
        assert_eq!(world.causes(&cx).await.0, [C::Database]);

        // It is there, and does not let the pool's account in.
        world = world.with_account_not_let_in();
        let cx = world.context();
        world.run(world.application());
        assert_eq!(world.causes(&cx).await.0, ALL);
        world.run(world.application().shows_errors());
        assert_eq!(world.causes(&cx).await.0, [C::DatabasePermission]);
    }
}

#[tokio::test]
async fn what_is_not_there_is_told() {
    let world = World::new(WebComponentKind::WebApi, "SQL01").await;
    world.run(world.application());
    let cx = world.context();
    let asking = async |url: &str| {
        let verify = WebComponents::verify(&web01())
            .asking(WebConfigStyle::Environment, url.parse().unwrap());
        let verified = verify.run(&cx).await.unwrap();
        let verdict = &verified.verdicts[0];
        let kind = verified.check().unwrap_err().kind();
        (verdict.causes.clone(), verdict.status, kind)
    };
    let one = |cause| BTreeSet::from([cause]);
    assert_eq!(
        asking("http://localhost:82/api/login").await,
        (one(C::NotAnswering), None, ErrorKind::Unreachable)
    );
    assert_eq!(
        asking("http://localhost:81/nothing").await,
        (one(C::NotThere), Some(404), ErrorKind::NotFound)
    );
    // Where it listens is not known.
    let mut info = world.read().await;
    info.found[0].applications[0].bindings.clear();
    let verify = WebComponents::verify(&web01()).seen(&info);
    let verified = verify.run(&cx).await.unwrap();
    assert_eq!(verified.verdicts[0].url, None);
    assert_eq!(verified.verdicts[0].causes, one(C::Unknown));
    assert!(verified.verdicts[0].why.contains("asking"));

    world
        .host
        .write_file(&world.web_config(), b"<configuration>")
        .unwrap();
    let (causes, status, _) = asking("http://localhost:81/api/login").await;
    assert_eq!(causes, BTreeSet::from([C::Configuration, C::DotNet]));
    assert_eq!(status, Some(500));

    for operation in [
        WebComponents::verify(&web01()),
        WebComponents::verify(&web01()).seen(&world.read().await),
    ] {
        let error = operation.run(&cx).await.unwrap_err();
        assert_eq!(
            (error.kind(), error.effect()),
            (ErrorKind::InvalidInput, Effect::None),
            "{error}"
        );
    }
}

/// A call that fails is told of its application, and the others are asked.
#[tokio::test]
async fn whichever_way_a_call_fails_it_is_told() {
    let world = World::new(WebComponentKind::WebApi, "SQL01").await;
    world.run(world.application());
    let info = world.read().await;
    let verify = WebComponents::verify(&web01()).seen(&info).seen(&info);
    for (kind, cause) in [
        (HostFaultKind::Refused(5), C::Unknown),
        (HostFaultKind::Refused(1722), C::NotAnswering),
        (HostFaultKind::TimedOutBefore, C::NotAnswering),
        (HostFaultKind::TimedOutAfter, C::NotAnswering),
    ] {
        let faults = world.hosts.faults();
        faults.install(HostFault::when_call_contains("web.get", kind));
        let verified = verify.run(&world.context()).await.unwrap();
        assert_eq!(
            verified.verdicts[0].causes,
            BTreeSet::from([cause]),
            "{kind:?}"
        );
        assert!(verified.verdicts[1].works, "{kind:?}");
        assert_eq!(faults.outstanding(), 0);
    }
}

/// The whole way, as plans go it: read, write, recycle, verify; with an application that goes on with what
/// it read at its start until its pool is recycled.
#[tokio::test]
async fn what_was_written_is_used_once_the_pool_is_recycled() {
    let mut world = World::new(WebComponentKind::WebApi, "SQL09").await;
    for kind in KINDS {
        world = world.with(kind, "SQL09");
        let cx = world.context();
        let pool = "Shared";
        world.run(world.application().pool(pool).keeps_configuration());
        let shop: HostPath = r"C:\Shop\web.config".parse().unwrap();
        world
            .host
            .create_folder(&r"C:\Shop".parse().unwrap())
            .unwrap();
        world.host.write_file(&shop, b"<configuration/>").unwrap();
        let shop = SimulatedWebApplication::new(kind, 82, shop);
        world.run(shop.site("Shop").pool("shared"));
        assert_eq!(world.causes(&cx).await.0, ALL);

        let info = world.read().await;
        let write =
            WebComponents::write(&web01(), &"SQL01".parse().unwrap(), &"New".parse().unwrap())
                .keeping_copies_in(KEPT.parse().unwrap());
        let written = write.clone().seen(&info).run(&cx).await.unwrap();
        assert!(!written.pools[0].is_recycled);
        assert_eq!(
            world.causes(&cx).await.0,
            ALL,
            "it goes on with the old one"
        );

        // As an operation of a plan, which comes from JSON.
        let operation = AnyOperation::from(write.seen(&info).recycling_shared_pools());
        let json = serde_json::to_string(&operation).unwrap();
        let operation: AnyOperation = serde_json::from_str(&json).unwrap();
        let output = operation.run(&cx).await.unwrap();
        let AnyOutput::WriteWebComponents(written) = output else {
            panic!("{output:?}");
        };
        assert!(written.pools[0].is_recycled, "{written:?}");
        let site = &info.found[0].applications[0].site;
        assert_eq!(world.servers.recycles(&web01(), site), 1);
        let (causes, why) = world.causes(&cx).await;
        assert!(causes.is_empty(), "{causes:?} {why}");
    }
}

/// One that IIS starts again whose web.config changes needs no more than that.
#[tokio::test]
async fn a_change_of_web_config_starts_an_application_again() {
    let world = World::new(WebComponentKind::WebApi, "SQL09").await;
    world.run(world.application());
    let cx = world.context();
    assert_eq!(world.causes(&cx).await.0, ALL);
    let config = world.host.read_file(&world.web_config()).unwrap();
    let config = String::from_utf8(config).unwrap().replace("SQL09", "SQL01");
    world
        .host
        .write_file(&world.web_config(), config.as_bytes())
        .unwrap();
    assert!(world.causes(&cx).await.0.is_empty());
}
