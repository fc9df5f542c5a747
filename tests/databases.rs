//! What is done to databases around a restore: checked, closed, renamed, swapped, owned, opened.
#![cfg(feature = "simulator")]
#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

#[path = "support/kit.rs"]
mod kit;

use scorch_recovery::simulator::{Disconnect, Fault};
use scorch_recovery::sql::{Database, DatabaseInfo, SwapDatabases};
use scorch_recovery::transport::{SqlSession, SqlTransport, SqlValue};
use scorch_recovery::{
    AnyOperation, Context, Effect, Error, ErrorKind, Hazard, Observation, Operation,
};

use kit::assert_error;
use kit::simulated::{SA, World, choices, named, run, verify};

const NONE: (ErrorKind, Effect) = (ErrorKind::ConsentRequired, Effect::None);
const READER: &str = "Reader-Passw0rd-1";
const FILE: &str = r"\\vault\keys\orchestrator.bak";

async fn inspect(cx: &Context, name: &str) -> DatabaseInfo {
    Database::inspect(&named("SQL01"), &named(name))
        .run(cx)
        .await
        .unwrap()
}

/// SQL01 with Orchestrator, a login that may read it, and a copy beside it, restored and closed. Each
/// of the two has a folder that tells which it is.
async fn with_copy() -> World {
    let world = World::with(&["SQL01"]);
    world.orchestrator("SQL01", 7).await;
    for (database, batch) in [
        (
            None,
            "CREATE LOGIN reader WITH PASSWORD = 'Reader-Passw0rd-1'; CREATE LOGIN owner WITH PASSWORD = 'Owner-Passw0rd-1'",
        ),
        (
            Some("Orchestrator"),
            "CREATE USER reader FOR LOGIN reader; GRANT SELECT TO reader; DELETE FROM FOLDERS",
        ),
        (
            Some("Orchestrator"),
            "INSERT FOLDERS (UniqueID, Name) VALUES (NEWID(), N'restored')",
        ),
    ] {
        world.sql("SQL01", database, batch).await;
    }
    let cx = world.context();
    Database::backup(&named("SQL01"), &named("Orchestrator"))
        .to_file(named(FILE))
        .run(&cx)
        .await
        .unwrap();
    let update = "UPDATE FOLDERS SET Name = N'existing'";
    world.sql("SQL01", Some("Orchestrator"), update).await;
    Database::restore(&named("SQL01"), &named("Orchestrator"))
        .from_file(named(FILE))
        .run(&cx)
        .await
        .unwrap();
    world
}

async fn swap(cx: &Context) -> SwapDatabases {
    Database::swap(&named("SQL01"), &named("Orchestrator"))
        .with(&inspect(cx, "Orchestrator_restored").await)
        .evicting(&inspect(cx, "Orchestrator").await)
}

/// A session in a database.
async fn enter(world: &World, login: &str, password: &str, name: &str) -> Box<dyn SqlSession> {
    let transport = world.transport(login, password);
    transport
        .connect(&named("SQL01"), Some(&named(name)))
        .await
        .unwrap()
}

/// What a name answers a login; `None`: it does not get in.
async fn ask(world: &World, login: &str, password: &str, name: &str) -> Option<String> {
    let transport = world.transport(login, password);
    let mut session = transport
        .connect(&named("SQL01"), Some(&named(name)))
        .await
        .ok()?;
    let answer = run(&mut *session, "SELECT Name FROM FOLDERS").await;
    assert!(answer.errors().is_empty(), "{login}@{name}: {answer:?}");
    match &answer.rows[0][0] {
        SqlValue::Text(which) => Some(which.clone()),
        other => panic!("{other:?}"),
    }
}

async fn answers(world: &World) -> Option<String> {
    ask(world, "sa", SA, "Orchestrator").await
}

async fn ordinary(world: &World, name: &str) -> Option<String> {
    ask(world, "reader", READER, name).await
}

fn is(answer: Option<&String>, which: &str) -> bool {
    answer.is_some_and(|answer| answer == which)
}

#[tokio::test]
async fn a_restored_database_takes_the_name_and_users_wait_for_the_proof() {
    let world = with_copy().await;
    let cx = world.context();
    let swap = swap(&cx).await;
    assert_eq!(swap.observe(&cx).await.unwrap(), Observation::NotDone);
    let _in_it = enter(&world, "reader", READER, "Orchestrator").await;
    let swapped = swap.run(&cx).await.unwrap();
    assert_eq!(swapped.database.user_access, "RESTRICTED_USER");
    let aside = swapped.aside.unwrap();
    assert_eq!(
        (aside.name.as_str(), aside.state.as_str()),
        ("Orchestrator_replaced", "OFFLINE")
    );
    assert!(is(answers(&world).await.as_ref(), "restored"));
    assert_eq!(ordinary(&world, "Orchestrator").await, None);
    assert_eq!(swap.observe(&cx).await.unwrap(), Observation::Done);
    // Once more is no harm.
    swap.run(&cx).await.unwrap();

    let open = || Database::open_to_users(&named("SQL01"), &named("Orchestrator"));
    let error = open().run(&cx).await.unwrap_err();
    assert_error(&error, (ErrorKind::InvalidInput, Effect::None), "no proof");
    let elsewhere = open().proved_by(verify("SQL01", "master"));
    let error = elsewhere.run(&cx).await.unwrap_err();
    assert_error(&error, (ErrorKind::InvalidInput, Effect::None), "another");
    let open = open().proved_by(verify("SQL01", "Orchestrator"));
    assert_eq!(open.observe(&cx).await.unwrap(), Observation::NotDone);
    assert!(open.run(&cx).await.unwrap().proof.is_whole());
    assert_eq!(open.observe(&cx).await.unwrap(), Observation::Done);
    assert!(is(
        ordinary(&world, "Orchestrator").await.as_ref(),
        "restored"
    ));
    assert_eq!(swap.observe(&cx).await.unwrap(), Observation::Done);
}

#[tokio::test]
async fn nobody_gets_in_where_the_proof_fails() {
    let world = with_copy().await;
    let cx = world.context();
    let restored = "Orchestrator_restored";
    world
        .sql("SQL01", Some(restored), r"UPDATE VARIABLES SET Value = STUFF(Value, 30, 1, CASE SUBSTRING(Value, 30, 1) WHEN '0' THEN '1' ELSE '0' END) WHERE Value LIKE N'\`d.T.~De/%'")
        .await;
    let open = Database::open_to_users(&named("SQL01"), &named(restored))
        .proved_by(verify("SQL01", restored));
    let error = open.run(&cx).await.unwrap_err();
    assert_error(&error, (ErrorKind::KeyMismatch, Effect::None), "damaged");
    assert_eq!(ordinary(&world, restored).await, None);
}

/// Every statement of a swap, with the connection lost before, in and after it: one of the two
/// answers to the name or both places are named, no ordinary login gets to the restored one, and a
/// resume ends swapped.
#[tokio::test]
async fn a_lost_answer_is_gone_on_from() {
    let mut partial = 0;
    for lost in [
        Disconnect::Before,
        Disconnect::AfterReplies(0),
        Disconnect::After,
    ] {
        for skipped in 0..8 {
            let world = with_copy().await;
            let cx = world.context();
            let swap = swap(&cx).await;
            let faults = world.server("SQL01").faults();
            if skipped > 0 {
                faults.install(Fault::when_statement_contains("ALTER DATABASE").times(skipped));
            }
            faults.install(Fault::when_statement_contains("ALTER DATABASE").disconnect(lost));
            let end = swap.run(&cx).await;
            faults.clear();
            let Err(error) = end else {
                assert!(skipped >= 6, "{lost:?} {skipped}: it was not lost");
                continue;
            };
            let case = format!("{lost:?} {skipped}: {error}");
            assert_eq!(error.effect(), Effect::Unknown, "{case}");
            let observed = swap.observe(&world.context()).await.unwrap();
            let answer = answers(&world).await;
            if answer.is_none() {
                let Observation::Partial { state } = &observed else {
                    panic!("{case}: {observed:?}");
                };
                assert!(
                    state.contains("existing database is Orchestrator"),
                    "{case}: {state}"
                );
                assert!(
                    state.contains("restored database is Orchestrator"),
                    "{case}: {state}"
                );
                partial += 1;
            }
            for name in [
                "Orchestrator",
                "Orchestrator_restored",
                "Orchestrator_replaced",
            ] {
                let answer = ordinary(&world, name).await;
                assert!(!is(answer.as_ref(), "restored"), "{case}: {name} is open");
            }
            swap.run(&world.context()).await.unwrap();
            assert_eq!(
                swap.observe(&cx).await.unwrap(),
                Observation::Done,
                "{case}"
            );
            assert!(is(answers(&world).await.as_ref(), "restored"), "{case}");
        }
    }
    assert!(partial > 6, "{partial}");
}

#[tokio::test]
async fn a_swap_is_refused_without_the_evidence() {
    let world = with_copy().await;
    let cx = world.context();
    let begin = || Database::swap(&named("SQL01"), &named("Orchestrator"));
    let (restored, existing) = (
        inspect(&cx, "Orchestrator_restored").await,
        inspect(&cx, "Orchestrator").await,
    );
    let refused = async |swap: SwapDatabases, kind: ErrorKind, part: &str| {
        let error = swap.run(&cx).await.unwrap_err();
        assert_error(&error, (kind, Effect::None), part);
        assert!(error.to_string().contains(part), "{error}");
    };
    use ErrorKind as K;
    refused(begin(), K::InvalidInput, ".with(").await;
    refused(
        begin().with(&restored),
        K::ConsentRequired,
        "evicting: Orchestrator exists",
    )
    .await;
    refused(
        begin().with(&existing).evicting(&existing),
        K::InvalidInput,
        "itself",
    )
    .await;
    refused(
        begin().with(&existing).evicting(&restored),
        K::InvalidInput,
        "it is Orchestrator_restored",
    )
    .await;
    let full = || begin().with(&restored).evicting(&existing);
    refused(
        full().aside_as(named("ORCHESTRATOR_RESTORED")),
        K::AlreadyExists,
        "aside_as",
    )
    .await;
    refused(full().aside_as(named("model")), K::InvalidInput, "system").await;
    world
        .sql("SQL01", None, "CREATE DATABASE Orchestrator_replaced")
        .await;
    refused(full(), K::AlreadyExists, "Orchestrator_replaced").await;
    world
        .sql("SQL01", None, "DROP DATABASE Orchestrator_replaced")
        .await;
    // Another database of the same name, with the same id, is not the one that was seen.
    world.sql("SQL01", None, "ALTER DATABASE Orchestrator_restored SET MULTI_USER; DROP DATABASE Orchestrator_restored; CREATE DATABASE Orchestrator_restored ON (NAME = a, FILENAME = 'C:\\another.mdf')").await;
    refused(
        full(),
        K::ConsentRequired,
        "with: the database that was seen",
    )
    .await;
    assert!(is(
        ordinary(&world, "Orchestrator").await.as_ref(),
        "existing"
    ));
}

#[tokio::test]
async fn a_name_that_is_free_is_taken() {
    let world = with_copy().await;
    let cx = world.context();
    let swap = Database::swap(&named("SQL01"), &named("New"))
        .with(&inspect(&cx, "Orchestrator_restored").await);
    assert_eq!(swap.run(&cx).await.unwrap().aside, None);
    assert!(is(ask(&world, "sa", SA, "New").await.as_ref(), "restored"));
    assert_eq!(ordinary(&world, "New").await, None);
}

#[tokio::test]
async fn who_is_in_a_database_is_sent_out_by_consent_only() {
    let world = with_copy().await;
    let cx = world.context();
    let instance = named("SQL01");
    let name = named("Orchestrator");
    let mut reader = enter(&world, "reader", READER, "Orchestrator").await;
    let seen = inspect(&cx, "Orchestrator").await;
    assert_eq!(seen.sessions, Some(1));
    let other = inspect(&cx, "Orchestrator_restored").await;
    let operations = |seen: Option<&DatabaseInfo>| -> [AnyOperation; 3] {
        let (mut restrict, mut offline, mut broker) = (
            Database::restrict(&instance, &name),
            Database::set_offline(&instance, &name),
            Database::enable_broker(&instance, &name),
        );
        if let Some(seen) = seen {
            restrict = restrict.evicting(seen);
            offline = offline.evicting(seen);
            broker = broker.evicting(seen);
        }
        [broker.into(), restrict.into(), offline.into()]
    };
    for operation in operations(None) {
        let error = operation.run(&cx).await.unwrap_err();
        assert_error(&error, NONE, "no evidence");
        assert!(error.to_string().contains("1 other session"), "{error}");
    }
    for operation in operations(Some(&other)) {
        assert_error(&operation.run(&cx).await.unwrap_err(), NONE, "of another");
    }
    run(&mut *reader, "SELECT 1").await;
    for operation in operations(Some(&seen)) {
        assert!(matches!(
            operation.describe().hazards[0],
            Hazard::EvictsSessions { .. }
        ));
        assert_eq!(operation.observe(&cx).await.unwrap(), Observation::NotDone);
        operation.run(&cx).await.unwrap();
        assert_eq!(operation.observe(&cx).await.unwrap(), Observation::Done);
    }
    assert_eq!(ordinary(&world, "Orchestrator").await, None);
    assert_eq!(answers(&world).await, None);
    let system = Database::set_offline(&instance, &named("MSDB"));
    let error = system.run(&cx).await.unwrap_err();
    assert_error(&error, (ErrorKind::InvalidInput, Effect::None), "msdb");
}

#[tokio::test]
async fn a_database_is_renamed_as_it_was_seen() {
    let world = with_copy().await;
    let cx = world.context();
    let seen = inspect(&cx, "Orchestrator").await;
    let begin = || Database::rename(&named("SQL01"), &named("Orchestrator")).to(named("Old"));
    let error = begin().run(&cx).await.unwrap_err();
    assert_error(&error, NONE, "unseen");
    let rename = begin().seen(&seen);
    let taken = Database::rename(&named("SQL01"), &named("Orchestrator"))
        .to(named("Orchestrator_restored"))
        .seen(&seen);
    let error = taken.run(&cx).await.unwrap_err();
    assert_error(&error, (ErrorKind::AlreadyExists, Effect::None), "taken");
    let reader = enter(&world, "reader", READER, "Orchestrator").await;
    let error = rename.run(&cx).await.unwrap_err();
    assert_error(&error, (ErrorKind::Busy, Effect::None), "in use");
    drop(reader);
    assert_eq!(rename.observe(&cx).await.unwrap(), Observation::NotDone);
    // The session is gone when the server has seen its end.
    while inspect(&cx, "Orchestrator").await.sessions != Some(0) {
        tokio::task::yield_now().await;
    }
    assert_eq!(rename.run(&cx).await.unwrap().name.as_str(), "Old");
    assert_eq!(rename.observe(&cx).await.unwrap(), Observation::Done);
    let error = rename.run(&cx).await.unwrap_err();
    assert_error(&error, NONE, "renamed already");
}

#[tokio::test]
async fn damage_is_reported_whole() {
    let world = with_copy().await;
    let cx = world.context();
    let check = Database::check_integrity(&named("SQL01"), &named("Orchestrator"));
    check.run(&cx).await.unwrap();
    for table in ["FOLDERS", "VARIABLES"] {
        world
            .server("SQL01")
            .damage_table("Orchestrator", table)
            .unwrap();
    }
    let error = check.run(&cx).await.unwrap_err();
    assert_error(&error, (ErrorKind::Corrupt, Effect::None), "damaged");
    let numbers: Vec<i32> = error.sql_messages().iter().map(|m| m.number).collect();
    assert_eq!(numbers, [8939, 8928, 8990, 8939, 8928, 8990, 8989, 8958]);
    assert!(
        error
            .to_string()
            .contains("4 consistency errors in database 'Orchestrator'"),
        "{error}"
    );
    let weak = world.builder("reader", READER).build().unwrap();
    let error = check.run(&weak).await.unwrap_err();
    assert_error(
        &error,
        (ErrorKind::PermissionDenied, Effect::None),
        "reader",
    );
    assert!(error.to_string().contains("db_owner"), "{error}");
}

#[tokio::test]
async fn an_owner_is_named() {
    let world = with_copy().await;
    let cx = world.context();
    let begin = || Database::take_ownership(&named("SQL01"), &named("Orchestrator_restored"));
    let refused = async |login: &str, kind: ErrorKind, part: &str| -> Error {
        let error = begin().by(named(login)).run(&cx).await.unwrap_err();
        assert_error(&error, (kind, Effect::None), login);
        assert!(error.to_string().contains(part), "{error}");
        error
    };
    refused("sa", ErrorKind::InvalidInput, "sa is sa").await;
    refused("nobody", ErrorKind::NotFound, "no login nobody").await;
    refused("reader", ErrorKind::AlreadyExists, "as reader").await;
    let take = begin().by(named("owner"));
    assert_eq!(take.observe(&cx).await.unwrap(), Observation::NotDone);
    let taken = take.run(&cx).await.unwrap();
    assert_eq!(taken.owner.as_deref(), Some("owner"));
    assert_eq!(take.observe(&cx).await.unwrap(), Observation::Done);
    let trust = "ALTER DATABASE Orchestrator_restored SET TRUSTWORTHY ON";
    world.sql("SQL01", None, trust).await;
    let error = begin().by_sa().run(&cx).await.unwrap_err();
    assert_error(&error, (ErrorKind::Incompatible, Effect::None), "trusted");
    world
        .sql(
            "SQL01",
            None,
            "ALTER DATABASE Orchestrator_restored SET TRUSTWORTHY OFF",
        )
        .await;
    let taken = begin().by_sa().run(&cx).await.unwrap();
    assert_eq!(taken.owner.as_deref(), Some("sa"));

    // The operator is not the owner, whoever that is.
    let rights = "CREATE LOGIN operator WITH PASSWORD = 'Operator-Passw0rd-1'; ALTER SERVER ROLE sysadmin ADD MEMBER operator";
    world.sql("SQL01", None, rights).await;
    let own = world
        .builder("operator", "Operator-Passw0rd-1")
        .build()
        .unwrap();
    let error = begin().by(named("operator")).run(&own).await.unwrap_err();
    assert_error(&error, (ErrorKind::InvalidInput, Effect::None), "operator");
}

#[tokio::test]
async fn a_broker_waits_for_its_owner_and_for_its_original() {
    let world = with_copy().await;
    let cx = world.context();
    world
        .sql(
            "SQL01",
            None,
            "ALTER DATABASE Orchestrator SET ENABLE_BROKER",
        )
        .await;
    let begin = || Database::enable_broker(&named("SQL01"), &named("Orchestrator_restored"));
    let error = begin().run(&cx).await.unwrap_err();
    assert_error(&error, (ErrorKind::AlreadyExists, Effect::None), "original");
    assert!(
        error.remedy().unwrap().contains("with_new_identity"),
        "{error:?}"
    );
    let new = begin().with_new_identity();
    assert!(matches!(
        new.describe().hazards[..],
        [.., Hazard::DropsConversations { .. }]
    ));
    assert!(new.run(&cx).await.unwrap().is_broker_enabled);
    assert!(matches!(
        new.observe(&cx).await.unwrap(),
        Observation::Indeterminate { .. }
    ));
}

#[tokio::test]
async fn what_only_offline_can_be_renamed_by_is_as_the_server_likes() {
    let world = with_copy().await;
    let cx = world.context();
    let seen = inspect(&cx, "Orchestrator").await;
    Database::set_offline(&named("SQL01"), &named("Orchestrator"))
        .evicting(&seen)
        .run(&cx)
        .await
        .unwrap();
    let rename = Database::rename(&named("SQL01"), &named("Orchestrator"))
        .to(named("Old"))
        .seen(&seen);
    let end = rename.run(&cx).await;
    if choices().offline_can_be_renamed {
        assert_eq!(end.unwrap().name.as_str(), "Old");
    } else {
        let error = end.unwrap_err();
        assert_error(&error, (ErrorKind::Busy, Effect::None), "offline");
    }
}
