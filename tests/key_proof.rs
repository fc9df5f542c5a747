//! A key file is proved: on a throwaway instance by a sentinel, or in place.
#![cfg(feature = "simulator")]
#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

#[path = "support/kit.rs"]
mod kit;

use scorch_recovery::sql::{
    Dependents, FileExamination, KeySentinel, KeySentinelBackup, ProveKeyBackup, ServiceMasterKey,
};
use scorch_recovery::{Effect, ErrorKind, Observation, Operation, SecretRef};

use kit::simulated::{World, named};
use kit::{KEY, assert_error, back_up_key, run_error};

const SENTINEL: &str = r"\\vault\keys\sentinel.bak";

/// SQL01 with an Orchestrator database and its key backed up; SQL02, on which nothing is.
async fn world() -> World {
    let world = World::with(&["SQL01", "SQL02"]);
    world.orchestrator("SQL01", 7).await;
    back_up_key(&world, "SQL01", KEY).await;
    world
}

async fn sentinel(world: &World, instance: &str, file: &str) -> KeySentinelBackup {
    KeySentinel::backup(&named(instance))
        .to_file(named(file))
        .run(&world.context())
        .await
        .unwrap()
}

fn prove(instance: &str, sentinel: &KeySentinelBackup) -> ProveKeyBackup {
    ServiceMasterKey::prove_backup(&named(instance))
        .from_file(named(KEY))
        .decrypted_by(SecretRef::named("key"))
        .opening(sentinel, sentinel.file.clone())
}

async fn databases(world: &World, instance: &str) -> i64 {
    let count = "SELECT COUNT(*) FROM sys.databases WHERE database_id > 4";
    world.sql(instance, None, count).await.integer()
}

#[tokio::test]
async fn a_sentinel_proves_a_key_file_on_a_throwaway_and_leaves_nothing() {
    let world = world().await;
    let cx = world.context();
    let back_up = KeySentinel::backup(&named("SQL01")).to_file(named(SENTINEL));
    assert_eq!(back_up.observe(&cx).await.unwrap(), Observation::NotDone);
    let sentinel = back_up.run(&cx).await.unwrap();
    assert_eq!(databases(&world, "SQL01").await, 1, "the sentinel is gone");

    let proof = prove("SQL02", &sentinel).run(&cx).await.unwrap();
    assert!(matches!(proof.examination, FileExamination::Hashed { .. }));
    assert!(proof.server.contains("SQL02"), "{proof:?}");
    assert_eq!(databases(&world, "SQL02").await, 0);
    // Once more: the key did not stay there, or the sentinel would open too soon.
    prove("SQL02", &sentinel).run(&cx).await.unwrap();
}

#[tokio::test]
async fn what_is_no_proof_is_told_and_leaves_nothing() {
    let world = world().await;
    let sentinel_of_1 = sentinel(&world, "SQL01", SENTINEL).await;
    let other = sentinel(&world, "SQL02", r"\\vault\keys\other.bak").await;

    // A wrong password, and the wrong file.
    let wrong = prove("SQL02", &sentinel_of_1).decrypted_by(SecretRef::named("wrong"));
    let error = run_error(&world, wrong).await;
    assert_error(
        &error,
        (ErrorKind::KeyMismatch, Effect::None),
        "a wrong password",
    );
    back_up_key(&world, "SQL02", r"\\vault\keys\own.key").await;
    let another = prove("SQL02", &sentinel_of_1).from_file(named(r"\\vault\keys\own.key"));
    let error = run_error(&world, another).await;
    assert!(
        error.kind() == ErrorKind::KeyMismatch && error.to_string().contains("does not open"),
        "{error}"
    );
    assert_eq!(databases(&world, "SQL02").await, 0);

    // The backup of another database.
    let foreign = prove("SQL02", &sentinel_of_1).opening(&sentinel_of_1, other.file.clone());
    let error = run_error(&world, foreign).await;
    assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
    assert_eq!(databases(&world, "SQL02").await, 0);

    // The instance itself, and one that is in use.
    let error = run_error(&world, prove("SQL01", &sentinel_of_1)).await;
    assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
    let credential = "CREATE CREDENTIAL proxy WITH IDENTITY = 'i', SECRET = 's'";
    world.sql("SQL02", None, credential).await;
    let error = run_error(&world, prove("SQL02", &sentinel_of_1)).await;
    assert!(
        error.kind() == ErrorKind::ConsentRequired && error.to_string().contains("proxy"),
        "{error}"
    );
}

#[tokio::test]
async fn a_throwaway_that_has_the_key_proves_nothing() {
    let world = world().await;
    let cx = world.context();
    let sentinel = sentinel(&world, "SQL01", SENTINEL).await;
    kit::restore_key("SQL02", KEY).run(&cx).await.unwrap();
    let error = run_error(&world, prove("SQL02", &sentinel)).await;
    assert_eq!(error.kind(), ErrorKind::Incompatible, "{error}");
    // It was cleaned all the same, and is a throwaway now.
    prove("SQL02", &sentinel).run(&cx).await.unwrap();
}

#[tokio::test]
async fn a_sentinel_takes_nobodys_name_and_drops_nobodys_database() {
    let world = world().await;
    world
        .sql("SQL01", None, "CREATE DATABASE scorch_key_sentinel")
        .await;
    let back_up = || KeySentinel::backup(&named("SQL01")).to_file(named(SENTINEL));
    let error = run_error(&world, back_up()).await;
    assert_error(
        &error,
        (ErrorKind::AlreadyExists, Effect::None),
        "a database of that name",
    );
    assert_eq!(databases(&world, "SQL01").await, 2);
    // Nowhere to write: what was made is dropped again.
    let nowhere = back_up()
        .as_database(named("a]b'c"))
        .to_file(named(r"\\vault\missing\sentinel.bak"));
    let error = run_error(&world, nowhere).await;
    assert_eq!(error.effect(), Effect::None, "{error}");
    assert_eq!(databases(&world, "SQL01").await, 2);
    back_up()
        .as_database(named("a]b'c"))
        .run(&world.context())
        .await
        .unwrap();
    assert_eq!(databases(&world, "SQL01").await, 2);
}

#[tokio::test]
async fn a_key_file_is_proved_in_place_only_as_a_replacement_would_be_allowed() {
    let world = world().await;
    let cx = world.context();
    let seen = Dependents::inspect(&named("SQL01")).run(&cx).await.unwrap();
    let second = back_up_key(&world, "SQL01", r"\\vault\keys\second.key").await;
    let prove = |file: &str| {
        ServiceMasterKey::prove_backup(&named("SQL01"))
            .from_file(named(file))
            .decrypted_by(SecretRef::named("key"))
    };
    let error = run_error(&world, prove(KEY)).await;
    assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
    prove(KEY).in_place(&seen, &second).run(&cx).await.unwrap();

    // Another key: it is the instance's now, and that is said.
    back_up_key(&world, "SQL02", r"\\vault\keys\own.key").await;
    let replaced = prove(r"\\vault\keys\own.key").in_place(&seen, &second);
    let error = run_error(&world, replaced).await;
    assert_error(
        &error,
        (ErrorKind::KeyMismatch, Effect::Done),
        "another key",
    );
    assert!(error.remedy().unwrap().contains("second backup"), "{error}");
}
