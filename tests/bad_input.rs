//! Bad input, against simulated instances: what it must not do.
#![cfg(feature = "simulator")]
#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

#[path = "support/kit.rs"]
mod kit;

use std::fs;

use scorch_recovery::sql::{
    Database, Dependents, FileExamination, RestoreDatabase, RestoreServiceMasterKey,
    ServiceMasterKey,
};
use scorch_recovery::{Effect, ErrorKind, Observation, Operation, SecretRef};

use kit::simulated::{World, named, verify};
use kit::{BAK, KEY, after_backup, assert_error, back_up_key, restore_key, run_error};

#[tokio::test]
async fn a_key_file_is_never_overwritten() {
    let world = after_backup().await;
    let before = fs::read(world.vault_file("smk.key")).unwrap();
    let again = ServiceMasterKey::backup(&named("SQL02"))
        .to_file(named(KEY))
        .encrypted_by(SecretRef::named("key"));
    let error = run_error(&world, again.clone()).await;
    assert_error(
        &error,
        (ErrorKind::AlreadyExists, Effect::None),
        "the file exists",
    );
    assert_eq!(fs::read(world.vault_file("smk.key")).unwrap(), before);
    assert!(matches!(
        again.observe(&world.context()).await.unwrap(),
        Observation::Indeterminate { .. }
    ));

    let nowhere = ServiceMasterKey::backup(&named("SQL01"))
        .to_file(named(r"C:\no folder\a.key"))
        .encrypted_by(SecretRef::named("key"));
    let error = run_error(&world, nowhere.clone()).await;
    assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
    assert_eq!(
        nowhere.observe(&world.context()).await.unwrap(),
        Observation::NotDone
    );
}

#[tokio::test]
async fn damaged_foreign_and_missing_key_files_change_nothing() {
    let world = after_backup().await;
    world.orchestrator("SQL02", 3).await;
    let good = fs::read(world.vault_file("smk.key")).unwrap();
    let flipped: Vec<u8> = good
        .iter()
        .enumerate()
        .map(|(at, byte)| {
            if at + 1 == good.len() {
                byte ^ 1
            } else {
                *byte
            }
        })
        .collect();
    let cases: Vec<(&str, Option<Vec<u8>>, ErrorKind)> = vec![
        ("empty.key", Some(Vec::new()), ErrorKind::Corrupt),
        (
            "short.key",
            Some(good[..good.len() / 2].to_vec()),
            ErrorKind::KeyMismatch,
        ),
        ("flipped.key", Some(flipped), ErrorKind::KeyMismatch),
        (
            "foreign.key",
            Some(b"this is no key file at all".to_vec()),
            ErrorKind::KeyMismatch,
        ),
        ("missing.key", None, ErrorKind::NotFound),
    ];
    let cx = world.context();
    let dependents = Dependents::inspect(&named("SQL02")).run(&cx).await.unwrap();
    let own = back_up_key(&world, "SQL02", r"\\vault\keys\own.key").await;
    for (leaf, content, kind) in cases {
        if let Some(content) = content {
            fs::write(world.vault_file(leaf), content).unwrap();
        }
        let file = format!(r"\\vault\keys\{leaf}");
        let error = run_error(
            &world,
            restore_key("SQL02", &file)
                .replacing(&dependents)
                .keeping(&own),
        )
        .await;
        assert_error(&error, (kind, Effect::None), leaf);
        assert!(
            error.remedy().is_some() || kind == ErrorKind::Corrupt,
            "{leaf}: no remedy"
        );
    }
    let wrong = restore_key("SQL02", KEY)
        .decrypted_by(SecretRef::named("wrong"))
        .replacing(&dependents)
        .keeping(&own);
    let error = run_error(&world, wrong).await;
    assert_error(
        &error,
        (ErrorKind::KeyMismatch, Effect::None),
        "a wrong password",
    );
    assert!(
        verify("SQL02", "Orchestrator")
            .run(&cx)
            .await
            .unwrap()
            .is_whole(),
        "its own database still opens"
    );
}

#[tokio::test]
async fn every_flipped_byte_of_a_key_file_is_found() {
    let world = after_backup().await;
    let good = fs::read(world.vault_file("smk.key")).unwrap();
    for at in 0..good.len() {
        let mut bad = good.clone();
        bad[at] ^= 1;
        fs::write(world.vault_file("bad.key"), &bad).unwrap();
        let error = run_error(&world, restore_key("SQL02", r"\\vault\keys\bad.key")).await;
        assert_error(
            &error,
            (ErrorKind::KeyMismatch, Effect::None),
            &format!("byte {at}"),
        );
    }
}

#[tokio::test]
async fn damaged_and_missing_backups_change_nothing() {
    let world = after_backup().await;
    let good = fs::read(world.vault_file("orchestrator.bak")).unwrap();
    let mut cases: Vec<(String, Vec<u8>)> = vec![
        ("empty".into(), Vec::new()),
        ("foreign".into(), vec![b'x'; 70_000]),
        ("short".into(), good[..good.len() - 1].to_vec()),
        ("half".into(), good[..good.len() / 2].to_vec()),
    ];
    for at in (0..good.len()).step_by(good.len() / 60) {
        let mut bad = good.clone();
        bad[at] ^= 0x10;
        cases.push((format!("flipped at {at}"), bad));
    }
    let missing = Database::restore(&named("SQL02"), &named("Orchestrator"))
        .from_file(named(r"\\vault\keys\missing.bak"));
    assert_eq!(run_error(&world, missing).await.kind(), ErrorKind::NotFound);
    for (what, content) in cases {
        fs::write(world.vault_file("bad.bak"), content).unwrap();
        let bad = named(r"\\vault\keys\bad.bak");
        let error = run_error(
            &world,
            Database::verify(&named("SQL02")).file(named(r"\\vault\keys\bad.bak")),
        )
        .await;
        assert_error(&error, (ErrorKind::Corrupt, Effect::None), &what);
        let error = run_error(
            &world,
            Database::restore(&named("SQL02"), &named("Orchestrator")).from_file(bad),
        )
        .await;
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{what}: {error}");
        let state = world.sql("SQL02", None, "SELECT COUNT(*) FROM sys.databases WHERE name = N'Orchestrator' AND state_desc = N'ONLINE'").await;
        assert_eq!(
            state.integer(),
            0,
            "{what}: nothing half-restored is online"
        );
        if error.effect() == Effect::Partial {
            world
                .sql("SQL02", None, "DROP DATABASE [Orchestrator]")
                .await;
        }
    }
}

#[tokio::test]
async fn hostile_names_come_back_as_they_were() {
    let world = World::with(&["SQL01"]);
    let cx = world.context();
    for (index, name) in [
        "a]b",
        "o'clock",
        "--x",
        "[z]",
        "漢字",
        " blank",
        "a;b",
        &"n".repeat(120),
    ]
    .iter()
    .enumerate()
    {
        world
            .sql(
                "SQL01",
                None,
                &format!("CREATE DATABASE [{}]", name.replace(']', "]]")),
            )
            .await;
        let path = format!(r"\\vault\keys\o'clock ];-- {index}.bak");
        let backup = Database::backup(&named("SQL01"), &named(name))
            .to_file(named(&path))
            .run(&cx)
            .await
            .unwrap();
        assert_eq!(&backup.set.database_name, name);
        let restored = Database::restore(&named("SQL01"), &named(name))
            .from_file(named(&path))
            .beside_as(named(&format!("r{index}]'")))
            .run(&cx)
            .await
            .unwrap();
        assert_eq!(restored.name.as_str(), format!("r{index}]'"));
        let key = ServiceMasterKey::backup(&named("SQL01"))
            .to_file(named(&format!(r"\\vault\keys\o'clock ]{index}.key")))
            .encrypted_by(SecretRef::named("hostile"))
            .run(&cx)
            .await
            .unwrap();
        assert!(matches!(key.examination, FileExamination::Hashed { .. }));
    }
}

#[tokio::test]
async fn a_weak_login_is_refused_with_the_right_it_lacks() {
    let world = after_backup().await;
    world
        .sql(
            "SQL01",
            None,
            "CREATE LOGIN [weak] WITH PASSWORD = N'Weak-Passw0rd-1'",
        )
        .await;
    let cx = world.builder("weak", "Weak-Passw0rd-1").build().unwrap();
    let key = ServiceMasterKey::backup(&named("SQL01"))
        .to_file(named(r"\\vault\keys\weak.key"))
        .encrypted_by(SecretRef::named("key"));
    let database = Database::backup(&named("SQL01"), &named("Orchestrator"))
        .to_file(named(r"\\vault\keys\weak.bak"));
    let restore = Database::restore(&named("SQL01"), &named("Other")).from_file(named(BAK));
    let errors = [
        key.run(&cx).await.unwrap_err(),
        restore_key("SQL01", KEY).run(&cx).await.unwrap_err(),
        restore.run(&cx).await.unwrap_err(),
        verify("SQL01", "Orchestrator").run(&cx).await.unwrap_err(),
    ];
    for error in errors {
        assert_error(
            &error,
            (ErrorKind::PermissionDenied, Effect::None),
            "a weak login",
        );
    }
    let error = database.run(&cx).await.unwrap_err();
    assert_eq!(error.effect(), Effect::None, "{error}");
    assert!(!world.vault_file("weak.bak").exists() && !world.vault_file("weak.key").exists());
}

#[tokio::test]
async fn paths_of_evidence_are_held_against_the_allowed_file_servers() {
    let world = after_backup().await;
    let cx = world.context();
    let own = back_up_key(&world, "SQL02", r"\\vault\keys\own.key").await;
    let key = serde_json::to_string(&restore_key("SQL02", KEY).keeping(&own)).unwrap();
    let existing = Database::inspect(&named("SQL01"), &named("Orchestrator"));
    let existing = existing.run(&cx).await.unwrap();
    let copy = Database::backup(&named("SQL01"), &named("Orchestrator"))
        .to_file(named(r"\\vault\keys\copy.bak"));
    let copy = copy.run(&cx).await.unwrap();
    let database = Database::restore(&named("SQL01"), &named("Orchestrator"))
        .from_file(named(BAK))
        .overwriting(&existing, Some(&copy));
    let database = serde_json::to_string(&database).unwrap();
    let elsewhere = |json: &str, leaf: &str| {
        json.replace(
            &format!(r"\\\\vault\\keys\\{leaf}"),
            &format!(r"\\\\evil\\keys\\{leaf}"),
        )
    };
    let key: RestoreServiceMasterKey = serde_json::from_str(&elsewhere(&key, "own.key")).unwrap();
    let database: RestoreDatabase =
        serde_json::from_str(&elsewhere(&database, "copy.bak")).unwrap();
    for error in [
        run_error(&world, key).await,
        run_error(&world, database).await,
    ] {
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
        assert!(
            error.to_string().contains("evil, which is not allowed"),
            "{error}"
        );
    }
}
