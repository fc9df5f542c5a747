//! Bad luck, against simulated instances: full disks and lost connections, and what they must not do.
#![cfg(feature = "simulator")]
#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

#[path = "support/kit.rs"]
mod kit;

use scorch_recovery::simulator::{Disconnect, Fault};
use scorch_recovery::sql::{Database, ServiceMasterKey};
use scorch_recovery::{Effect, ErrorKind, Operation, SecretRef};

use kit::simulated::named;
use kit::{BAK, KEY, after_backup, restore_key};

#[tokio::test]
async fn a_full_disk_loses_nothing_at_any_write() {
    let world = after_backup().await;
    let cx = world.context();
    let server = world.server("SQL02");
    let (mut step, mut failures) = (0_u64, 0);
    loop {
        server.set_disk_quota(Some(step * 4096));
        let restore =
            Database::restore(&named("SQL02"), &named("Orchestrator")).from_file(named(BAK));
        let result = restore.run(&cx).await;
        server.set_disk_quota(None);
        let Err(error) = result else { break };
        assert!(
            matches!(error.kind(), ErrorKind::NoSpace | ErrorKind::SqlServer),
            "{error}"
        );
        let online = world.sql("SQL02", None, "SELECT COUNT(*) FROM sys.databases WHERE name = N'Orchestrator' AND state_desc = N'ONLINE'").await;
        assert_eq!(online.integer(), 0, "{error}");
        if world
            .sql(
                "SQL02",
                None,
                "SELECT COUNT(*) FROM sys.databases WHERE name = N'Orchestrator'",
            )
            .await
            .integer()
            == 1
        {
            assert_eq!(error.effect(), Effect::Partial, "{error}");
            world
                .sql("SQL02", None, "DROP DATABASE [Orchestrator]")
                .await;
        }
        failures += 1;
        step += 1;
        assert!(step < 10_000);
    }
    assert!(failures > 0, "the quota was never reached");
}

#[tokio::test]
async fn a_full_disk_leaves_no_backup_that_passes_for_whole() {
    let world = after_backup().await;
    let cx = world.context();
    let server = world.server("SQL01");
    let mut written = [false; 2];
    let mut failures = 0;
    for step in 0_u64.. {
        let files = [
            format!(r"\\vault\keys\full{step}.key"),
            format!(r"\\vault\keys\full{step}.bak"),
        ];
        let key = ServiceMasterKey::backup(&named("SQL01"))
            .to_file(named(&files[0]))
            .encrypted_by(SecretRef::named("key"));
        let database =
            Database::backup(&named("SQL01"), &named("Orchestrator")).to_file(named(&files[1]));
        server.set_disk_quota(Some(step * 32));
        let key_end = key.run(&cx).await.map(drop);
        server.set_disk_quota(Some(step * 4096));
        let database_end = database.run(&cx).await.map(drop);
        server.set_disk_quota(None);
        written = [
            written[0] || key_end.is_ok(),
            written[1] || database_end.is_ok(),
        ];
        failures += usize::from(key_end.is_err()) + usize::from(database_end.is_err());
        if key_end.is_err() {
            let restored = restore_key("SQL02", &files[0]).run(&cx).await;
            assert!(
                restored.is_err(),
                "half a key file was taken for a whole one"
            );
        }
        if database_end.is_err() {
            let verified = Database::verify(&named("SQL02"))
                .file(named(&files[1]))
                .run(&cx)
                .await;
            assert!(verified.is_err(), "half a backup was taken for a whole one");
        }
        if written == [true; 2] {
            break;
        }
    }
    assert!(failures > 10, "the quota was reached only {failures} times");
}

#[tokio::test]
async fn a_connection_that_drops_anywhere_is_never_taken_for_nothing() {
    let world = after_backup().await;
    let cx = world.context();
    for disconnect in [
        Disconnect::Before,
        Disconnect::AfterReplies(0),
        Disconnect::AfterReplies(1),
        Disconnect::After,
    ] {
        for (index, (statement, operation)) in [
            ("BACKUP SERVICE MASTER KEY", 0),
            ("BACKUP DATABASE [", 1),
            ("RESTORE SERVICE MASTER KEY", 2),
            ("RESTORE DATABASE", 3),
        ]
        .into_iter()
        .enumerate()
        {
            world
                .server("SQL02")
                .faults()
                .install(Fault::when_statement_contains(statement).disconnect(disconnect));
            let leaf = format!("{disconnect:?}{index}").replace(['(', ')'], "_");
            let path = format!(r"\\vault\keys\{leaf}");
            let error = match operation {
                0 => ServiceMasterKey::backup(&named("SQL02"))
                    .to_file(named(&path))
                    .encrypted_by(SecretRef::named("key"))
                    .run(&cx)
                    .await
                    .err(),
                1 => Database::backup(&named("SQL02"), &named("model"))
                    .to_file(named(&path))
                    .run(&cx)
                    .await
                    .err(),
                2 => restore_key("SQL02", KEY).run(&cx).await.err(),
                _ => Database::restore(&named("SQL02"), &named(&format!("db{leaf}")))
                    .from_file(named(BAK))
                    .run(&cx)
                    .await
                    .err(),
            };
            let error = error.unwrap_or_else(|| panic!("{statement} {disconnect:?} was not cut"));
            // Of databases and files the state tells, once the session is gone; of keys nothing does.
            let case = format!("{statement} {disconnect:?}");
            assert_eq!(error.kind(), ErrorKind::Unreachable, "{case}: {error}");
            let told: &[Effect] = match (operation, disconnect) {
                (0, Disconnect::After) | (2, _) => &[Effect::Unknown],
                (0, Disconnect::AfterReplies(_)) => &[Effect::None, Effect::Unknown],
                (_, Disconnect::Before) => &[Effect::None],
                (_, Disconnect::After) => &[Effect::Done],
                _ => &[Effect::None, Effect::Partial, Effect::Done],
            };
            assert!(told.contains(&error.effect()), "{case}: {error}");
            let remedy = error.remedy().unwrap_or_default();
            assert!(remedy.contains("its session is gone"), "{case}: {remedy}");
            assert_eq!(world.server("SQL02").faults().outstanding(), 0);
        }
        // Databases that were restored meanwhile are dependents now: the next round starts afresh.
        let names = world
            .sql(
                "SQL02",
                None,
                "SELECT name FROM sys.databases WHERE name LIKE N'db%'",
            )
            .await;
        for row in names.rows {
            if let scorch_recovery::transport::SqlValue::Text(name) = &row[0] {
                world
                    .sql("SQL02", None, &format!("DROP DATABASE [{name}]"))
                    .await;
            }
        }
    }
}
