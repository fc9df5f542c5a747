//! What tests of operations begin with: backups on a file server, and two instances.
#![allow(dead_code, reason = "each test program uses a part of it")]

#[path = "simulated.rs"]
pub(crate) mod simulated;

use scorch_recovery::sql::{
    Database, Dependents, KeyBackup, RestoreServiceMasterKey, RestoredKey, ServiceMasterKey,
};
use scorch_recovery::{Context, Effect, Error, ErrorKind, Operation, SecretRef};

use simulated::{World, named, verify};

pub(crate) const KEY: &str = r"\\vault\keys\smk.key";
pub(crate) const BAK: &str = r"\\vault\keys\orchestrator.bak";

pub(crate) async fn back_up_key(world: &World, instance: &str, file: &str) -> KeyBackup {
    ServiceMasterKey::backup(&named(instance))
        .to_file(named(file))
        .encrypted_by(SecretRef::named("key"))
        .run(&world.context())
        .await
        .unwrap()
}

pub(crate) fn restore_key(instance: &str, file: &str) -> RestoreServiceMasterKey {
    ServiceMasterKey::restore(&named(instance))
        .from_file(named(file))
        .decrypted_by(SecretRef::named("key"))
}

/// Restores the key of SQL01 on SQL02 once more, with all that a replacement wants to see.
pub(crate) async fn restore_key_again(world: &World, cx: &Context) -> RestoredKey {
    let dependents = Dependents::inspect(&named("SQL02")).run(cx).await.unwrap();
    let own = back_up_key(world, "SQL02", r"\\vault\keys\own.key").await;
    restore_key("SQL02", KEY)
        .replacing(&dependents)
        .keeping(&own)
        .run(cx)
        .await
        .unwrap()
}

/// SQL01 with an Orchestrator database, its key and database backed up to the vault; SQL02 empty.
pub(crate) async fn after_backup() -> World {
    let world = World::with(&["SQL01", "SQL02"]);
    world.orchestrator("SQL01", 7).await;
    back_up_key(&world, "SQL01", KEY).await;
    Database::backup(&named("SQL01"), &named("Orchestrator"))
        .to_file(named(BAK))
        .run(&world.context())
        .await
        .unwrap();
    world
}

pub(crate) async fn run_error<O: Operation>(world: &World, operation: O) -> Error
where
    O::Output: std::fmt::Debug,
{
    operation.run(&world.context()).await.unwrap_err()
}

/// Whether every stored value of the Orchestrator database of an instance decrypts.
pub(crate) async fn is_whole(cx: &Context, instance: &str) -> bool {
    let proof = verify(instance, "Orchestrator").run(cx).await;
    proof.unwrap().is_whole()
}

/// That an error is of this kind and leaves this behind; `case` says of what it is.
#[track_caller]
pub(crate) fn assert_error(error: &Error, expected: (ErrorKind, Effect), case: &str) {
    let seen = (error.kind(), error.effect());
    assert_eq!(seen, expected, "{case}: {error}");
}
