//! The data store configuration of hosts is read as far as it can be known, written by hand or by the
//! host program, and put back where it does not hold.
#![cfg(feature = "simulator")]
#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

#[path = "data_store/canary.rs"]
mod canary;
#[path = "data_store/faults.rs"]
mod faults;
#[path = "data_store/fleet.rs"]
mod fleet;
#[path = "data_store/strategies.rs"]
mod strategies;
#[path = "support/fleet.rs"]
mod support;
#[path = "data_store/wire.rs"]
mod wire;
#[path = "data_store/world.rs"]
mod world;

use std::time::Duration;

use scorch_recovery::orchestrator::{DataStoreConfig, DataStoreEncryption, DataStoreStrategy};
use scorch_recovery::simulator::hosts::{OrchestratorHost, OrchestratorVersion};
use scorch_recovery::transport::RegistryView;
use scorch_recovery::{Cancellation, Effect, ErrorKind, Operation, SecretRef};

use world::{HOST, Hears, Server, World, Writes, named};

#[tokio::test]
async fn what_a_heartbeat_attests_is_read_and_nothing_else() {
    let world = World::new().await;
    let text = "DBMSSOCN,SQL09,1433";
    world.set_alias(RegistryView::Bits32, "SQL01", text).await;
    let cx = world.context();
    let read = DataStoreConfig::read(&named(HOST));
    let info = read.clone().run(&cx).await.unwrap();
    let file = &info.settings[..];
    assert_eq!(file.len(), 1, "{info:?}");
    assert_eq!(Some(&file[0].path), world.host().settings_path().as_ref());
    assert_eq!(file[0].sha256, world.hash());
    assert_eq!(info.attested, None);
    assert!(
        info.unknown[0].contains("no database was named"),
        "{info:?}"
    );

    let instance = named("SQL01");
    let (old, new) = (named("Old"), named("New"));
    let info = read.clone().asking(&instance, &new).run(&cx).await.unwrap();
    assert_eq!(info.attested, None, "it uses another one");
    assert!(
        info.unknown.iter().any(|why| why.contains("stands still")),
        "{info:?}"
    );
    let aliases: Vec<_> = info
        .aliases
        .iter()
        .map(|alias| (alias.view, alias.text.as_str()))
        .collect();
    assert_eq!(aliases, [(RegistryView::Bits32, "DBMSSOCN,SQL09,1433")]);

    let both = read.asking(&instance, &new).asking(&instance, &old);
    let info = both.run(&cx).await.unwrap();
    let beat = info.attested.unwrap();
    assert_eq!(beat.database, old);
    assert!(
        beat.second > beat.first && beat.second_read > beat.first_read,
        "{beat:?}"
    );
    // A service that is down attests nothing.
    world.host().stop(&named("orunbook")).unwrap();
    tokio::time::sleep(Duration::from_secs(5)).await;
    let info = DataStoreConfig::read(&named(HOST))
        .asking(&instance, &old)
        .run(&cx)
        .await
        .unwrap();
    assert_eq!(info.attested, None);
}

#[tokio::test]
async fn every_version_and_every_name_of_the_heartbeat_column_is_found() {
    for (seed, version) in [
        (1, OrchestratorVersion::V2012),
        (2, OrchestratorVersion::V2016),
        (3, OrchestratorVersion::V2019),
        (4, OrchestratorVersion::V2025),
    ] {
        let server = Server::new(seed).await;
        let world = server.world(version).await;
        let asking = DataStoreConfig::read(&named(HOST)).asking(&named("SQL01"), &named("Old"));
        let info = asking.run(&world.context()).await.unwrap();
        assert!(info.attested.is_some(), "seed {seed}: {info:?}");
        assert_eq!(info.settings.len(), 1, "{version:?}");
        // The next server is made in real time.
        tokio::time::resume();
    }
}

#[tokio::test]
async fn somebody_types_the_values_in_and_it_is_verified() {
    let world = World::new().await;
    let before = (world.hash(), world.host().read_file(&world.path()).unwrap());
    let hears = Hears::default();
    let cx = world.builder().observer(hears.clone()).build().unwrap();
    let config = DataStoreConfig::new(&named("SQL01"), &named("New"))
        .unwrap()
        .sql_authentication(&named("orchestrator"), SecretRef::named("store"))
        .unwrap()
        .encryption(DataStoreEncryption::TrustServerCertificate);
    let host = world.host();
    let operator = async {
        tokio::time::sleep(Duration::from_secs(300)).await;
        host.configure_data_store(&named("SQL01"), &named("New"))
            .unwrap();
    };
    let write = DataStoreConfig::write(&named(HOST), &config);
    let (written, ()) = tokio::join!(write.run(&cx), operator);
    let written = written.unwrap();
    let steps = hears.steps();
    for part in [
        r"C:\Program Files\Microsoft System Center\2022\Orchestrator\Management Server\DBSetup.exe",
        "Server: SQL01;Trust Server Certificate=True",
        "User name: orchestrator",
        "Password: the secret named store",
        "Use an existing database, and in the list: New",
    ] {
        assert!(
            steps.iter().any(|step| step.contains(part)),
            "{part}: {steps:?}"
        );
    }
    assert_eq!(written.strategy, DataStoreStrategy::AttendedDbSetup);
    assert_eq!(written.before.unwrap().sha256, before.0);
    assert_eq!(written.after.sha256, world.hash());
    assert_ne!(written.after.sha256, before.0);
    let copy = written.copy.unwrap();
    assert_eq!(host.read_file(&copy).unwrap(), before.1);
    assert_eq!(
        host.acl(&copy).unwrap().as_deref(),
        Some("OrchestratorSystemGroup:R")
    );
    assert_eq!(written.computer.as_deref(), Some(HOST));
    assert!(written.unconfirmed.is_empty(), "{:?}", written.unconfirmed);
    assert_eq!(written.heartbeat.unwrap().database, named("New"));
    world.assert_all_run();
}

#[tokio::test]
async fn nobody_types_or_it_is_called_off() {
    let world = World::new().await;
    let (before, starts) = (world.hash(), world.starts());
    let write = DataStoreConfig::write(&named(HOST), &world.config("New"));
    let error = write.clone().run(&world.context()).await.unwrap_err();
    assert_eq!(
        (error.kind(), error.effect()),
        (ErrorKind::TimedOut, Effect::None)
    );
    let cancellation = Cancellation::new();
    let cx = world
        .builder()
        .cancellation(cancellation.clone())
        .build()
        .unwrap();
    let later = async {
        tokio::time::sleep(Duration::from_secs(60)).await;
        cancellation.cancel();
    };
    let (done, ()) = tokio::join!(write.run(&cx), later);
    let error = done.unwrap_err();
    assert_eq!(
        (error.kind(), error.effect()),
        (ErrorKind::Cancelled, Effect::None)
    );
    assert_eq!((world.hash(), world.starts()), (before, starts));
    assert_eq!(
        world.copies().await,
        Vec::<String>::new(),
        "the copies were removed"
    );
}

#[tokio::test]
async fn the_host_program_writes_and_gets_the_password() {
    let world = World::new().await;
    let writer = world.writer(Writes::AsTold);
    let cx = world
        .builder()
        .data_store_writer(writer.clone())
        .build()
        .unwrap();
    let config = world
        .config("New")
        .sql_authentication(&named("orchestrator"), SecretRef::named("store"))
        .unwrap();
    let write =
        DataStoreConfig::write(&named(HOST), &config).strategy(DataStoreStrategy::HostProvided);
    let written = write.clone().run(&cx).await.unwrap();
    assert_eq!(written.heartbeat.unwrap().database, named("New"));
    assert_eq!(
        writer.heard(),
        [("SQL01".to_owned(), "A-long-passw0rd".to_owned())]
    );
    assert_eq!(
        world.host().data_store(),
        Some((named("SQL01"), named("New")))
    );
    world.assert_all_run();
    // Without it, the remedy names the method.
    let error = write.run(&world.context()).await.unwrap_err();
    assert_eq!(
        (error.kind(), error.effect()),
        (ErrorKind::Unsupported, Effect::None)
    );
    assert!(
        error.remedy().unwrap().contains("data_store_writer"),
        "{error}"
    );
}

#[tokio::test]
async fn what_does_not_hold_is_put_back_and_both_facts_are_told() {
    let server = Server::new(7).await;
    // Another database than was told, one that isn't there, and a file that no service can read.
    for (writes, told) in [
        (Writes::To("Old"), "stands still"),
        (Writes::To("None"), "orunbook"),
        (Writes::Garbage, "orunbook"),
    ] {
        let world = server.world(OrchestratorVersion::V2022).await;
        let before = world.host().read_file(&world.path()).unwrap();
        let cx = world
            .builder()
            .data_store_writer(world.writer(writes))
            .build()
            .unwrap();
        let write = DataStoreConfig::write(&named(HOST), &world.config("New"));
        let write = write.strategy(DataStoreStrategy::HostProvided);
        let error = write.run(&cx).await.unwrap_err();
        assert_eq!(error.effect(), Effect::Partial, "{writes:?}: {error}");
        for part in [told, "is as it was (SHA-256", "what ran before runs again"] {
            assert!(error.detail().contains(part), "{writes:?}: {part}: {error}");
        }
        assert_eq!(world.host().read_file(&world.path()).unwrap(), before);
        assert_eq!(
            world.host().acl(&world.path()).unwrap().as_deref(),
            Some("OrchestratorSystemGroup:R")
        );
        world.assert_all_run();
        let asking = DataStoreConfig::read(&named(HOST)).asking(&named("SQL01"), &named("Old"));
        assert!(
            asking.run(&cx).await.unwrap().attested.is_some(),
            "{writes:?}"
        );
    }
}

#[tokio::test]
async fn permissions_are_put_back_too_and_a_name_that_leads_elsewhere_is_refused() {
    let world = World::new().await;
    let host = world.host();
    let writer = world.writer(Writes::WithOtherPermissions);
    let builder = world.builder().data_store_writer(writer);
    let cx = builder.build().unwrap();
    let write = DataStoreConfig::write(&named(HOST), &world.config("New"))
        .strategy(DataStoreStrategy::HostProvided);
    let error = write.run(&cx).await.unwrap_err();
    assert_eq!(error.effect(), Effect::Partial, "{error}");
    assert_eq!(
        host.acl(&world.path()).unwrap().as_deref(),
        Some("OrchestratorSystemGroup:R")
    );
    assert_eq!(world.copies().await, Vec::<String>::new());
    world.assert_all_run();

    // A name that leads to it and is not its own.
    world.hosts.lead(&named("RUNBOOK02"), &host);
    let (before, starts) = (world.hash(), world.starts());
    for name in ["RUNBOOK02", "runbook02.contoso.example"] {
        world.hosts.lead(&named(name), &host);
        let write = DataStoreConfig::write(&named(name), &world.config("New"));
        let write = write.strategy(DataStoreStrategy::HostProvided);
        let read = DataStoreConfig::read(&named(name)).run(&cx).await;
        for error in [
            write.run(&cx).await.unwrap_err(),
            write.observe(&cx).await.unwrap_err(),
            read.unwrap_err(),
        ] {
            assert_eq!(
                (error.kind(), error.effect()),
                (ErrorKind::Incompatible, Effect::None)
            );
            assert!(
                error.detail().contains("leads to the computer RUNBOOK01"),
                "{error}"
            );
        }
    }
    assert_eq!((world.hash(), world.starts()), (before, starts));
    assert_eq!(world.copies().await, Vec::<String>::new());
}

#[tokio::test]
async fn what_is_refused_beforehand_changes_nothing() {
    let world = World::new().await;
    let writer = |writes| {
        world
            .builder()
            .data_store_writer(world.writer(writes))
            .build()
            .unwrap()
    };
    let before = (world.hash(), world.starts());
    let write = |config: &DataStoreConfig| {
        DataStoreConfig::write(&named(HOST), config).strategy(DataStoreStrategy::HostProvided)
    };
    // A database that does not answer, an unknown host, a writer that refuses or lies.
    for (config, writes, kind) in [
        (world.config("None"), Writes::AsTold, None),
        (
            world.config("New"),
            Writes::Refused,
            Some(ErrorKind::PermissionDenied),
        ),
        (
            world.config("New"),
            Writes::Nothing,
            Some(ErrorKind::Corrupt),
        ),
    ] {
        let error = write(&config).run(&writer(writes)).await.unwrap_err();
        assert_eq!(error.effect(), Effect::None, "{error}");
        assert!(kind.is_none_or(|kind| kind == error.kind()), "{error}");
    }
    let bare = named("BARE");
    world.hosts.add(&bare).unwrap();
    let error = DataStoreConfig::write(&bare, &world.config("New"))
        .run(&writer(Writes::AsTold))
        .await
        .unwrap_err();
    assert_eq!(
        (error.kind(), error.effect()),
        (ErrorKind::NotFound, Effect::None)
    );
    let unset = OrchestratorHost::of(OrchestratorVersion::V2022).runbook_server();
    world
        .hosts
        .add_orchestrator(&named("RUNBOOK02"), &unset)
        .unwrap();
    let read = DataStoreConfig::read(&named("RUNBOOK02"))
        .run(&writer(Writes::AsTold))
        .await
        .unwrap();
    assert!(
        read.settings.is_empty() && read.looked_at.len() > 3,
        "{read:?}"
    );
    assert_eq!((world.hash(), world.starts()), before);
    assert_eq!(world.copies().await, Vec::<String>::new());
    // No answer, and not written so far: nobody knows.
    let error = write(&world.config("New"))
        .run(&writer(Writes::NoAnswer))
        .await
        .unwrap_err();
    assert_eq!(error.effect(), Effect::Unknown, "{error}");
    assert_eq!(world.copies().await.len(), 1, "the copy stays");
}
