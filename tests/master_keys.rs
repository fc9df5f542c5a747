//! A database that came from another instance opens again without its old service master key.
#![cfg(feature = "simulator")]
#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

#[path = "support/kit.rs"]
mod kit;

use scorch_recovery::simulator::Version;
use scorch_recovery::sql::{
    Database, DatabaseMasterKey, DatabaseMasterKeyInfo, Dependents, KeyRestoreOutcome, ProbeResult,
};
use scorch_recovery::{Context, Effect, ErrorKind, Hazard, Observation, Operation, SecretRef};

use kit::simulated::{World, choices, named, verify};
use kit::{BAK, KEY, after_backup, assert_error, back_up_key, is_whole, restore_key, run_error};

const KEY_FILE: &str = r"\\vault\keys\database.key";

fn secret(name: &str) -> SecretRef {
    SecretRef::named(name)
}

async fn inspect(cx: &Context, instance: &str) -> DatabaseMasterKeyInfo {
    DatabaseMasterKey::inspect(&named(instance), &named("Orchestrator"))
        .run(cx)
        .await
        .unwrap()
}

async fn restore_database(cx: &Context, file: &str) {
    Database::restore(&named("SQL02"), &named("Orchestrator"))
        .from_file(named(file))
        .run(cx)
        .await
        .unwrap();
}

/// A database of SQL02's own, with a key under its service master key.
async fn neighbour(world: &World) {
    world.sql("SQL02", None, "CREATE DATABASE Payroll").await;
    let keys = "CREATE MASTER KEY ENCRYPTION BY PASSWORD = 'Own-Passw0rd-of-tests'; \
                CREATE CERTIFICATE c WITH SUBJECT = 's'";
    world.sql("SQL02", Some("Payroll"), keys).await;
}

async fn neighbour_opens(world: &World) -> bool {
    let probe = "SELECT DATALENGTH(DECRYPTBYCERT(CERT_ID('c'), ENCRYPTBYCERT(CERT_ID('c'), 0x50)))";
    world.sql("SQL02", Some("Payroll"), probe).await.integer() == 1
}

#[tokio::test]
async fn a_moved_database_is_wrapped_anew_by_a_password() {
    let world = after_backup().await;
    neighbour(&world).await;
    let cx = world.context();
    let seen = inspect(&cx, "SQL01").await;
    let protect = || {
        DatabaseMasterKey::protect_by_password(&named("SQL01"), &named("Orchestrator"))
            .password(secret("generated"))
    };
    assert!(matches!(
        protect().describe().hazards[..],
        [Hazard::OpensByPassword { .. }]
    ));
    let error = run_error(&world, protect()).await;
    assert_error(
        &error,
        (ErrorKind::ConsentRequired, Effect::None),
        "nobody has looked",
    );
    let weak = protect().password(secret("short")).adding_to(&seen);
    let error = run_error(&world, weak).await;
    assert!(
        error.kind() == ErrorKind::InvalidInput && error.to_string().contains("128 bits"),
        "{error}"
    );
    assert_eq!(protect().observe(&cx).await.unwrap(), Observation::NotDone);
    let protected = protect().adding_to(&seen).run(&cx).await.unwrap();
    assert_eq!(protected.key.passwords, seen.passwords + 1);
    assert_eq!(protect().observe(&cx).await.unwrap(), Observation::Done);
    let error = run_error(&world, protect().adding_to(&seen)).await;
    assert!(
        error.kind() == ErrorKind::ConsentRequired
            && error.to_string().contains("not protected as"),
        "{error}"
    );
    let again = run_error(&world, protect().adding_to(&protected.key)).await;
    assert_eq!(again.kind(), ErrorKind::AlreadyExists, "{again}");

    let moved = r"\\vault\keys\moved.bak";
    Database::backup(&named("SQL01"), &named("Orchestrator"))
        .to_file(named(moved))
        .run(&cx)
        .await
        .unwrap();
    restore_database(&cx, moved).await;

    let rewrap = || {
        DatabaseMasterKey::protect_by_service_master_key(&named("SQL02"), &named("Orchestrator"))
    };
    let error = run_error(&world, rewrap()).await;
    assert_error(
        &error,
        (ErrorKind::KeyMismatch, Effect::None),
        "no password was said",
    );
    let error = run_error(&world, rewrap().opened_by(secret("wrong"))).await;
    assert!(
        error.kind() == ErrorKind::KeyMismatch && error.to_string().contains("opened_by"),
        "{error}"
    );
    assert_eq!(rewrap().observe(&cx).await.unwrap(), Observation::NotDone);
    let done = rewrap()
        .opened_by(secret("generated"))
        .run(&cx)
        .await
        .unwrap();
    assert_eq!(
        (done.was_protected, done.probe),
        (false, ProbeResult::Opens)
    );
    assert_eq!(rewrap().observe(&cx).await.unwrap(), Observation::Done);
    assert!(is_whole(&cx, "SQL02").await);
    assert!(neighbour_opens(&world).await);
    // Once more is no harm, whatever the server says of it.
    rewrap().run(&cx).await.unwrap();
}

#[tokio::test]
async fn a_moved_database_is_wrapped_anew_by_a_key_file() {
    let world = after_backup().await;
    neighbour(&world).await;
    let cx = world.context();
    let back_up = || {
        DatabaseMasterKey::backup(&named("SQL01"), &named("Orchestrator"))
            .to_file(named(KEY_FILE))
            .encrypted_by(secret("key"))
    };
    assert_eq!(back_up().observe(&cx).await.unwrap(), Observation::NotDone);
    let backup = back_up().run(&cx).await.unwrap();
    assert!(world.vault_file("database.key").exists(), "{backup:?}");
    let error = run_error(&world, back_up()).await;
    assert_eq!(error.kind(), ErrorKind::AlreadyExists, "{error}");
    restore_database(&cx, BAK).await;
    let closed = DatabaseMasterKey::backup(&named("SQL02"), &named("Orchestrator"))
        .to_file(named(r"\\vault\keys\closed.key"))
        .encrypted_by(secret("key"));
    let error = run_error(&world, closed).await;
    assert_eq!(error.kind(), ErrorKind::KeyMismatch, "{error}");
    assert!(!world.vault_file("closed.key").exists());

    let seen = inspect(&cx, "SQL02").await;
    let restore = || {
        DatabaseMasterKey::restore(&named("SQL02"), &named("Orchestrator"))
            .from_file(named(KEY_FILE))
            .decrypted_by(secret("key"))
            .encrypted_by(secret("generated"))
    };
    let error = run_error(&world, restore()).await;
    assert!(
        error.kind() == ErrorKind::ConsentRequired
            && error.remedy().unwrap().contains(".replacing(&seen)"),
        "{error}"
    );
    // The server can't open the key that is there.
    let error = run_error(&world, restore().replacing(&seen)).await;
    assert_eq!(
        (error.kind(), error.effect(), error.sql_messages()[0].number),
        (ErrorKind::ConsentRequired, Effect::None, 15329),
        "{error}"
    );
    let error = run_error(
        &world,
        restore().decrypted_by(secret("wrong")).forcing(&seen),
    )
    .await;
    assert_error(
        &error,
        (ErrorKind::KeyMismatch, Effect::None),
        "a wrong password of the file",
    );
    let forced = restore().forcing(&seen);
    assert_eq!(forced.describe().hazards.len(), 2);
    let restored = forced.run(&cx).await.unwrap();
    assert_eq!(
        (restored.outcome, restored.probe),
        (KeyRestoreOutcome::Replaced, ProbeResult::Opens)
    );
    assert!(
        !restored.ignored.is_empty() && restored.password_opens,
        "{restored:?}"
    );
    assert!(is_whole(&cx, "SQL02").await, "it was the very same key");
    let password = DatabaseMasterKey::verify_password(&named("SQL02"), &named("Orchestrator"));
    let right = password.clone().password(secret("generated"));
    assert!(right.run(&cx).await.unwrap().opens);
    let wrong = password.password(secret("wrong"));
    assert!(!wrong.run(&cx).await.unwrap().opens);
    assert!(neighbour_opens(&world).await);
}

#[tokio::test]
async fn what_is_lost_by_force_is_seen_and_probed() {
    let world = after_backup().await;
    world.orchestrator("SQL02", 9).await;
    let cx = world.context();
    // The key of another database: what is under the old one stays there.
    DatabaseMasterKey::backup(&named("SQL02"), &named("Orchestrator"))
        .to_file(named(KEY_FILE))
        .encrypted_by(secret("key"))
        .run(&cx)
        .await
        .unwrap();
    world.sql("SQL02", None, "DROP DATABASE Orchestrator").await;
    restore_database(&cx, BAK).await;
    let seen = inspect(&cx, "SQL02").await;
    let restored = DatabaseMasterKey::restore(&named("SQL02"), &named("Orchestrator"))
        .from_file(named(KEY_FILE))
        .decrypted_by(secret("key"))
        .encrypted_by(secret("generated"))
        .forcing(&seen)
        .run(&cx)
        .await
        .unwrap();
    assert!(restored.ignored.len() > 1, "{restored:?}");
    assert_eq!(restored.probe, ProbeResult::DoesNotOpen);
}

#[tokio::test]
async fn keys_that_are_not_there_and_databases_that_can_not_be_written_are_told() {
    let world = World::with(&["SQL02"]);
    neighbour(&world).await;
    world.sql("SQL02", None, "CREATE DATABASE Bare").await;
    world
        .sql("SQL02", None, "ALTER DATABASE Payroll SET READ_ONLY")
        .await;
    let verify = |database: &str| {
        DatabaseMasterKey::verify_password(&named("SQL02"), &named(database))
            .password(secret("own"))
    };
    for (database, kind) in [
        ("Bare", ErrorKind::NotFound),
        ("Nowhere", ErrorKind::NotFound),
    ] {
        let error = run_error(&world, verify(database)).await;
        assert_error(&error, (kind, Effect::None), database);
    }
    assert!(verify("Payroll").run(&world.context()).await.unwrap().opens);
    let rewrap =
        DatabaseMasterKey::protect_by_service_master_key(&named("SQL02"), &named("Payroll"));
    let error = run_error(&world, rewrap).await;
    assert_eq!(error.kind(), ErrorKind::Busy, "{error}");
    let master = DatabaseMasterKey::restore(&named("SQL02"), &named("master"))
        .from_file(named(KEY_FILE))
        .decrypted_by(secret("key"))
        .encrypted_by(secret("generated"));
    let error = run_error(&world, master).await;
    assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
}

#[tokio::test]
async fn a_key_comes_to_a_database_that_had_none_and_does_not_open_by_itself() {
    let world = after_backup().await;
    let cx = world.context();
    DatabaseMasterKey::backup(&named("SQL01"), &named("Orchestrator"))
        .to_file(named(KEY_FILE))
        .encrypted_by(secret("key"))
        .run(&cx)
        .await
        .unwrap();
    let hostile = "a]b'c--\u{6f22}";
    let create = format!("CREATE DATABASE [{}]", hostile.replace(']', "]]"));
    world.sql("SQL02", None, &create).await;
    let restored = DatabaseMasterKey::restore(&named("SQL02"), &named(hostile))
        .from_file(named(KEY_FILE))
        .decrypted_by(secret("key"))
        .encrypted_by(secret("hostile"))
        .run(&cx)
        .await
        .unwrap();
    assert_eq!(restored.probe, ProbeResult::NothingToProbe);
    let key = DatabaseMasterKey::inspect(&named("SQL02"), &named(hostile))
        .run(&cx)
        .await
        .unwrap();
    assert!(key.exists && !key.has_service_master_key_copy, "{key:?}");
    DatabaseMasterKey::protect_by_service_master_key(&named("SQL02"), &named(hostile))
        .opened_by(secret("hostile"))
        .run(&cx)
        .await
        .unwrap();
    let key = DatabaseMasterKey::inspect(&named("SQL02"), &named(hostile))
        .run(&cx)
        .await
        .unwrap();
    assert!(key.has_service_master_key_copy, "{key:?}");
}

#[tokio::test]
async fn a_service_master_key_is_forced_only_by_who_has_seen_what_it_costs() {
    let world = after_backup().await;
    neighbour(&world).await;
    let asleep = "CREATE DATABASE Asleep; USE Asleep; \
                  CREATE MASTER KEY ENCRYPTION BY PASSWORD = 'Own-Passw0rd-of-tests'; \
                  USE master; ALTER DATABASE Asleep SET OFFLINE";
    world.sql("SQL02", None, asleep).await;
    let cx = world.context();
    restore_database(&cx, BAK).await;
    let seen = Dependents::inspect(&named("SQL02")).run(&cx).await.unwrap();
    let own = back_up_key(&world, "SQL02", r"\\vault\keys\own.key").await;
    let restore = || restore_key("SQL02", KEY);

    let error = run_error(&world, restore().replacing(&seen).keeping(&own)).await;
    assert!(
        error.kind() == ErrorKind::Busy && error.effect() == Effect::None,
        "{error}"
    );
    let error = run_error(&world, restore().forcing(&seen)).await;
    assert!(
        error.kind() == ErrorKind::ConsentRequired && error.to_string().contains("no backup"),
        "{error}"
    );
    let forced = || restore().forcing(&seen).keeping(&own);
    let description = forced().describe();
    assert!(
        description.script[0].ends_with("'***' FORCE"),
        "{description:?}"
    );
    assert!(
        matches!(&description.hazards[0], Hazard::LosesWhatDoesNotDecrypt { what } if what.contains("Asleep (OFFLINE)")),
        "{description:?}"
    );
    // Somebody came in between.
    world
        .sql(
            "SQL02",
            None,
            "CREATE CREDENTIAL late WITH IDENTITY = 'i', SECRET = 's'",
        )
        .await;
    let error = run_error(&world, forced()).await;
    assert!(
        error.kind() == ErrorKind::ConsentRequired
            && error.to_string().contains("not what was seen"),
        "{error}"
    );
    world.sql("SQL02", None, "DROP CREDENTIAL late").await;

    let restored = forced().run(&cx).await.unwrap();
    assert_eq!(restored.outcome, KeyRestoreOutcome::Replaced);
    let probed: Vec<String> = restored.probed.iter().map(ToString::to_string).collect();
    assert_eq!(probed, ["Orchestrator: opens", "Payroll: opens"]);
    assert_eq!(
        restored.ignored.iter().any(|text| text.contains("Asleep")),
        choices().offline_database_stops_key_restore,
        "{restored:?}"
    );
    assert!(neighbour_opens(&world).await);
}

#[tokio::test]
async fn a_key_that_opens_nothing_needs_no_backup_to_be_given_up() {
    let world = after_backup().await;
    let cx = world.context();
    restore_database(&cx, BAK).await;
    let seen = Dependents::inspect(&named("SQL02")).run(&cx).await.unwrap();
    let restored = restore_key("SQL02", KEY)
        .forcing(&seen)
        .run(&cx)
        .await
        .unwrap();
    assert_eq!(restored.probed[0].result, ProbeResult::Opens);
}

#[tokio::test]
async fn a_database_is_wrapped_anew_through_a_scratch_instance_and_nothing_stays_there() {
    let mut world = after_backup().await;
    for (name, version) in [("SCRATCH", Version::Sql2022), ("NEWER", Version::Sql2025)] {
        world.add(name, |builder| builder.version(version));
    }
    neighbour(&world).await;
    let cx = world.context();
    let new = r"\\vault\keys\rewrapped.bak";
    let rewrap = |scratch: &str, key: &str, file: &str| {
        DatabaseMasterKey::rewrap_through(&named(scratch), &named("Orchestrator"))
            .for_target(&named("SQL02"))
            .key_file(named(KEY))
            .decrypted_by(secret(key))
            .from_file(named(BAK))
            .password(secret("generated"))
            .to_file(named(file))
    };
    let error = run_error(&world, rewrap("NEWER", "key", new)).await;
    assert_eq!(error.kind(), ErrorKind::Incompatible, "{error}");
    let error = run_error(&world, rewrap("SQL02", "key", new)).await;
    assert!(
        error.kind() == ErrorKind::ConsentRequired && error.to_string().contains("Payroll"),
        "{error}"
    );
    let error = run_error(&world, rewrap("SCRATCH", "wrong", new)).await;
    assert_error(
        &error,
        (ErrorKind::KeyMismatch, Effect::None),
        "a wrong password",
    );
    let nowhere = rewrap("SCRATCH", "key", r"\\vault\missing\a.bak");
    let error = run_error(&world, nowhere).await;
    assert_eq!(error.effect(), Effect::None, "{error}");
    assert_eq!(
        rewrap("SCRATCH", "key", new).observe(&cx).await.unwrap(),
        Observation::NotDone
    );

    let made = rewrap("SCRATCH", "key", new).run(&cx).await.unwrap();
    let left = "SELECT COUNT(*) FROM sys.databases WHERE database_id > 4";
    assert_eq!(world.sql("SCRATCH", None, left).await.integer(), 0);
    restore_database(&cx, new).await;
    let error = verify("SQL02", "Orchestrator").run(&cx).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::KeyMismatch, "{error}");
    DatabaseMasterKey::protect_by_service_master_key(&named("SQL02"), &named("Orchestrator"))
        .opened_by(made.password)
        .run(&cx)
        .await
        .unwrap();
    assert!(is_whole(&cx, "SQL02").await);
    assert!(neighbour_opens(&world).await);
}

#[tokio::test]
async fn what_hangs_on_master_is_listed_and_wants_a_consent_of_its_own() {
    let world = after_backup().await;
    let cx = world.context();
    let keys = "CREATE MASTER KEY ENCRYPTION BY PASSWORD = 'Own-Passw0rd-of-tests'; \
                CREATE CERTIFICATE [tde ]]'c] WITH SUBJECT = 's'";
    world.sql("SQL02", Some("master"), keys).await;
    world.sql("SQL02", None, "CREATE DATABASE Payroll").await;
    let stored = "EXEC sp_control_dbmasterkey_password @db_name = N'Payroll', \
                  @password = N'Own-Passw0rd-of-tests', @action = N'add'";
    world.sql("SQL02", None, stored).await;
    let seen = Dependents::inspect(&named("SQL02")).run(&cx).await.unwrap();
    assert_eq!(seen.stored_passwords, ["Payroll"]);
    let certificate = &seen.certificates[0];
    assert_eq!(
        (certificate.name.as_str(), certificate.thumbprint.len()),
        ("tde ]'c", 40)
    );
    let names = seen.names().join("; ");
    assert!(
        names.contains("database master") && names.contains("certificate tde ]'c in master"),
        "{names}"
    );

    let own = back_up_key(&world, "SQL02", r"\\vault\keys\own.key").await;
    let replace = || restore_key("SQL02", KEY).replacing(&seen).keeping(&own);
    let error = run_error(&world, replace()).await;
    assert!(
        error.kind() == ErrorKind::ConsentRequired
            && error.remedy().unwrap().contains(".including_master(&seen)"),
        "{error}"
    );
    let master = DatabaseMasterKey::inspect(&named("SQL02"), &named("master"))
        .run(&cx)
        .await
        .unwrap();
    let included = replace().including_master(&master);
    assert!(
        included
            .describe()
            .hazards
            .contains(&Hazard::EndangersStart)
    );
    let restored = included.run(&cx).await.unwrap();
    assert_eq!(restored.probed[0].to_string(), "master: opens");
}
