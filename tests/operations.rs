//! Operations against simulated instances: what they do.
#![cfg(feature = "simulator")]
#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

#[path = "support/kit.rs"]
mod kit;

use scorch_recovery::simulator::Version;
use scorch_recovery::sql::{
    Database, DatabaseMasterKey, Dependents, KeyRestoreOutcome, ProbeResult,
};
use scorch_recovery::{Effect, ErrorKind, Observation, Operation};

use kit::simulated::{News, SA, choices, named, verify};
use kit::{
    BAK, KEY, after_backup, assert_error, back_up_key, is_whole, restore_key, restore_key_again,
    run_error,
};

#[tokio::test]
async fn key_and_database_recover_on_another_instance() {
    let world = after_backup().await;
    let cx = world.context();
    let baseline = verify("SQL01", "Orchestrator").run(&cx).await.unwrap();
    assert!(baseline.is_whole(), "{baseline:?}");

    let restored = restore_key("SQL02", KEY).run(&cx).await.unwrap();
    assert_eq!(restored.outcome, KeyRestoreOutcome::Replaced);
    let database = Database::restore(&named("SQL02"), &named("Orchestrator"))
        .from_file(named(BAK))
        .run(&cx)
        .await
        .unwrap();
    assert_eq!(
        (database.name.as_str(), &database.beside),
        ("Orchestrator", &None)
    );
    assert_eq!(database.database.user_access, "RESTRICTED_USER");
    let proof = verify("SQL02", "Orchestrator").run(&cx).await.unwrap();
    assert_eq!(
        (proof.values(), proof.decrypted()),
        (baseline.values(), baseline.values())
    );

    // The same key again changes nothing, and says so.
    let again = restore_key_again(&world, &cx).await;
    assert_eq!(again.outcome, KeyRestoreOutcome::Same);
    assert_eq!(again.probed[0].result, ProbeResult::Opens);
}

#[tokio::test]
async fn without_the_key_nothing_decrypts_and_the_reason_is_said() {
    let world = after_backup().await;
    let cx = world.context();
    Database::restore(&named("SQL02"), &named("Orchestrator"))
        .from_file(named(BAK))
        .run(&cx)
        .await
        .unwrap();
    let error = verify("SQL02", "Orchestrator").run(&cx).await.unwrap_err();
    assert_eq!(
        (error.kind(), error.sql_messages()[0].number),
        (ErrorKind::KeyMismatch, 15581),
        "{error}"
    );

    let info = DatabaseMasterKey::inspect(&named("SQL02"), &named("Orchestrator"))
        .run(&cx)
        .await
        .unwrap();
    assert!(info.exists && info.has_service_master_key_copy, "{info:?}");
    assert_eq!(
        info.is_encrypted_by_server,
        !choices().master_key_flag_from_master,
        "{info:?}"
    );

    // The key after the database: the copy need not open before, and must after.
    let dependents = Dependents::inspect(&named("SQL02")).run(&cx).await.unwrap();
    let own = back_up_key(&world, "SQL02", r"\\vault\keys\own.key").await;
    let consented = || {
        restore_key("SQL02", KEY)
            .replacing(&dependents)
            .keeping(&own)
    };
    let error = run_error(&world, consented()).await;
    assert_eq!(error.kind(), ErrorKind::KeyMismatch, "{error}");
    let recovering = || consented().recovering(&named("Orchestrator"));
    if choices().foreign_master_key_stops_key_restore {
        let error = run_error(&world, recovering()).await;
        assert_error(
            &error,
            (ErrorKind::ConsentRequired, Effect::None),
            "a foreign copy",
        );
        return;
    }
    recovering().run(&cx).await.unwrap();
    assert!(is_whole(&cx, "SQL02").await);
}

#[tokio::test]
async fn an_existing_database_is_restored_beside_and_overwritten_only_with_evidence() {
    let world = after_backup().await;
    world.orchestrator("SQL02", 3).await;
    let cx = world.context();
    let target =
        || Database::restore(&named("SQL02"), &named("Orchestrator")).from_file(named(BAK));

    let beside = target().run(&cx).await.unwrap();
    assert_eq!(
        (
            beside.name.as_str(),
            beside.beside.as_ref().unwrap().as_str()
        ),
        ("Orchestrator_restored", "Orchestrator")
    );
    assert_eq!(target().observe(&cx).await.unwrap(), Observation::Done);
    let error = run_error(&world, target()).await;
    assert_error(
        &error,
        (ErrorKind::AlreadyExists, Effect::None),
        "both names are taken",
    );
    target().beside_as(named("Third")).run(&cx).await.unwrap();

    let existing = Database::inspect(&named("SQL02"), &named("Orchestrator"))
        .run(&cx)
        .await
        .unwrap();
    let error = run_error(&world, target().overwriting(&existing, None)).await;
    assert_eq!(error.kind(), ErrorKind::ConsentRequired, "{error}");
    let copy = Database::backup(&named("SQL02"), &named("Orchestrator"))
        .to_file(named(r"\\vault\keys\copy.bak"))
        .run(&cx)
        .await
        .unwrap();
    let third = Database::inspect(&named("SQL02"), &named("Third"))
        .run(&cx)
        .await
        .unwrap();
    let error = run_error(&world, target().overwriting(&third, Some(&copy))).await;
    assert_eq!(error.kind(), ErrorKind::ConsentRequired, "{error}");
    assert!(
        is_whole(&cx, "SQL02").await,
        "the existing one is untouched"
    );

    let over = target()
        .overwriting(&existing, Some(&copy))
        .run(&cx)
        .await
        .unwrap();
    assert_eq!((over.name.as_str(), &over.beside), ("Orchestrator", &None));
    let gone = run_error(&world, target().overwriting(&existing, Some(&copy))).await;
    assert_eq!(
        gone.kind(),
        ErrorKind::ConsentRequired,
        "the evidence is of another database now: {gone}"
    );
}

#[tokio::test]
async fn the_set_that_is_restored_is_no_copy_of_what_is_lost() {
    let world = after_backup().await;
    let cx = world.context();
    let (instance, name) = (named("SQL01"), named("Orchestrator"));
    let existing = Database::inspect(&instance, &name).run(&cx).await.unwrap();
    let again = Database::backup(&instance, &name).to_file(named(r"\\vault\keys\again.bak"));
    let copy = again.run(&cx).await.unwrap();
    let restore = |file: &str| {
        Database::restore(&instance, &name)
            .from_file(named(file))
            .overwriting(&existing, Some(&copy))
    };
    let error = run_error(&world, restore(r"\\vault\keys\again.bak")).await;
    assert_eq!(error.kind(), ErrorKind::ConsentRequired, "{error}");
    assert!(error.to_string().contains("very set"), "{error}");
    let over = restore(BAK).run(&cx).await.unwrap();
    assert_eq!(over.set.database_name, "Orchestrator");
}

#[tokio::test]
async fn a_key_that_is_gone_is_no_safeguard_for_the_one_in_use() {
    let world = after_backup().await;
    world.orchestrator("SQL02", 3).await;
    let cx = world.context();
    let own = back_up_key(&world, "SQL02", r"\\vault\keys\own.key").await;
    let seen = Dependents::inspect(&named("SQL02")).run(&cx).await.unwrap();
    let replace = || restore_key("SQL02", KEY).replacing(&seen).keeping(&own);
    replace().run(&cx).await.unwrap();

    // The instance's key is SQL01's now, and nobody has kept it.
    let back = restore_key("SQL02", r"\\vault\keys\own.key").replacing(&seen);
    let error = run_error(&world, back.clone().keeping(&own)).await;
    assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
    let error = run_error(&world, replace()).await;
    assert_eq!(error.kind(), ErrorKind::ConsentRequired, "{error}");
    assert!(error.to_string().contains("changed since"), "{error}");

    let present = back_up_key(&world, "SQL02", r"\\vault\keys\present.key").await;
    back.keeping(&present).run(&cx).await.unwrap();
    assert!(is_whole(&cx, "SQL02").await);
}

#[tokio::test]
async fn a_backup_of_another_server_is_not_taken_for_ones_own() {
    let world = after_backup().await;
    let theirs = Database::backup(&named("SQL02"), &named("Orchestrator")).to_file(named(BAK));
    let seen = theirs.observe(&world.context()).await.unwrap();
    assert!(
        matches!(seen, Observation::Indeterminate { .. }),
        "{seen:?}"
    );
    let ours = Database::backup(&named("SQL01"), &named("Orchestrator")).to_file(named(BAK));
    assert_eq!(
        ours.observe(&world.context()).await.unwrap(),
        Observation::Done
    );
}

#[tokio::test]
async fn a_target_in_use_is_busy_and_untouched() {
    let world = after_backup().await;
    world.orchestrator("SQL02", 3).await;
    let cx = world.context();
    let existing = Database::inspect(&named("SQL02"), &named("Orchestrator"))
        .run(&cx)
        .await
        .unwrap();
    let copy = Database::backup(&named("SQL02"), &named("Orchestrator"))
        .to_file(named(r"\\vault\keys\copy.bak"))
        .run(&cx)
        .await
        .unwrap();
    use scorch_recovery::transport::SqlTransport as _;
    let user = world
        .transport("sa", SA)
        .connect(&named("SQL02"), Some(&named("Orchestrator")))
        .await
        .unwrap();
    let over = Database::restore(&named("SQL02"), &named("Orchestrator"))
        .from_file(named(BAK))
        .overwriting(&existing, Some(&copy));
    let error = run_error(&world, over.clone()).await;
    assert_error(&error, (ErrorKind::Busy, Effect::None), "somebody is in it");
    drop(user);
    assert!(is_whole(&cx, "SQL02").await);
}

#[tokio::test]
async fn a_newer_backup_is_refused_before_anything_is_touched() {
    let mut world = after_backup().await;
    world.add("OLD", |builder| builder.version(Version::Sql2019));
    let restore = Database::restore(&named("OLD"), &named("Orchestrator")).from_file(named(BAK));
    let error = run_error(&world, restore.clone()).await;
    assert_error(
        &error,
        (ErrorKind::Incompatible, Effect::None),
        "a newer backup",
    );
    assert_eq!(
        restore.observe(&world.context()).await.unwrap(),
        Observation::NotDone
    );
}

#[tokio::test]
async fn neighbours_of_a_replaced_key_still_open() {
    let world = after_backup().await;
    world.orchestrator("SQL02", 3).await;
    world
        .sql(
            "SQL02",
            None,
            "CREATE CREDENTIAL [proxy] WITH IDENTITY = N'CORP\\x', SECRET = N's3cret'",
        )
        .await;
    let cx = world.context();
    let dependents = Dependents::inspect(&named("SQL02")).run(&cx).await.unwrap();
    assert_eq!(
        dependents.names(),
        ["database Orchestrator", "credential proxy"]
    );
    let own = back_up_key(&world, "SQL02", r"\\vault\keys\own.key").await;
    let restored = restore_key("SQL02", KEY)
        .replacing(&dependents)
        .keeping(&own)
        .run(&cx)
        .await
        .unwrap();
    assert_eq!(restored.outcome, KeyRestoreOutcome::Replaced);
    assert!(is_whole(&cx, "SQL02").await);
}

#[tokio::test(start_paused = true)]
async fn progress_comes_from_a_second_session() {
    let mut world = after_backup().await;
    world.add("SLOW", |builder| {
        builder.pace(std::time::Duration::from_secs(1))
    });
    let news = News::default();
    let cx = world
        .builder("sa", SA)
        .observer(news.clone())
        .build()
        .unwrap();
    Database::restore(&named("SLOW"), &named("Orchestrator"))
        .from_file(named(BAK))
        .run(&cx)
        .await
        .unwrap();
    let parts = news.percents();
    assert_eq!(
        parts.len(),
        2,
        "the set is verified, then restored: {parts:?}"
    );
    for percents in parts {
        assert!(percents.len() > 10, "{percents:?}");
        assert!(
            percents.windows(2).all(|two| two[0] <= two[1]),
            "{percents:?}"
        );
        assert!(
            percents.iter().any(|percent| (1.0..99.0).contains(percent)),
            "{percents:?}"
        );
    }
}
