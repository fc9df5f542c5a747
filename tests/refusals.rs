//! What operations refuse, before anything is sent that could change something.
#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

mod support;

use std::time::Duration;

use scorch_recovery::sql::{Database, ServiceMasterKey};
use scorch_recovery::transport::{Deadlines, TransportErrorKind, Wire};
use scorch_recovery::{Cancellation, Effect, ErrorKind, Operation, SecretRef};
use support::{Piece, Scripted, backup, builder, error, identity, instance, number, refused};

#[tokio::test]
async fn what_is_wrong_in_itself_never_reaches_the_server() {
    for (operation, part) in [
        (ServiceMasterKey::backup(&instance()), "to_file"),
        (
            ServiceMasterKey::backup(&instance()).to_file(r"C:\a.key".parse().unwrap()),
            "encrypted_by",
        ),
        (backup(r"C:\a.key", "weak"), "shorter than 8"),
        (backup(r"C:\a.key", "unknown"), "\"unknown\""),
        (
            backup(r"\\elsewhere\keys\a.key", "good"),
            "elsewhere, which is not allowed",
        ),
    ] {
        let server = Scripted::new();
        let error = refused(&server, operation, ErrorKind::InvalidInput, part).await;
        assert!(server.sent().is_empty(), "{:?}", server.sent());
        assert!(!format!("{error:?}").contains("canary"), "{error:?}");
    }
}

#[tokio::test]
async fn secrets_need_a_protected_wire() {
    for (wire, part) in [
        (Wire::Plain, "not encrypted"),
        (Wire::Encrypted, "trusted without a check"),
    ] {
        let server = Scripted::new().over(wire);
        refused(
            &server,
            backup(r"C:\a.key", "good"),
            ErrorKind::InvalidInput,
            part,
        )
        .await;
    }
    for (server, is_allowed) in [
        (Scripted::new().over(Wire::Plain), true),
        (Scripted::new().over(Wire::Verified), false),
        (Scripted::new().over(Wire::InProcess), false),
    ] {
        let cx = builder(&server);
        let cx = if is_allowed {
            cx.danger_secrets_on_any_wire()
        } else {
            cx
        };
        // The server has no file afterwards: that is a failure of its own, after the statement.
        let error = backup(r"C:\a.key", "good")
            .run(&cx.build().unwrap())
            .await
            .unwrap_err();
        assert!(server.was_sent(
            "BACKUP SERVICE MASTER KEY TO FILE = N'C:\\a.key' ENCRYPTION BY PASSWORD = '***'"
        ));
        assert_eq!(
            (error.kind(), error.effect()),
            (ErrorKind::Corrupt, Effect::Done),
            "{error}"
        );
    }
}

#[tokio::test]
async fn the_wrong_server_is_refused() {
    for (edition, groups, kind, part) in [
        (5, 0, ErrorKind::Unsupported, "Azure SQL Database"),
        (8, 0, ErrorKind::Unsupported, "Managed Instance"),
        (3, 1, ErrorKind::InvalidInput, "listener"),
    ] {
        let server = Scripted::new();
        server.says("@@SERVERNAME", identity("NODE7", edition, groups, "2026"));
        refused(&server, backup(r"C:\a.key", "good"), kind, part).await;
    }
}

#[tokio::test]
async fn a_name_that_leads_elsewhere_stops_the_run() {
    let server = Scripted::new();
    let cx = builder(&server).build().unwrap();
    ServiceMasterKey::inspect(&instance())
        .run(&cx)
        .await
        .unwrap();
    server.says(
        "@@SERVERNAME",
        identity("SQL01", 3, 0, "2026-11-02T00:00:00"),
    );
    ServiceMasterKey::inspect(&instance())
        .run(&cx)
        .await
        .expect("a restart is no other server");
    server.says(
        "@@SERVERNAME",
        identity("SQL99", 3, 0, "2026-11-02T00:00:00"),
    );
    let error = backup(r"C:\a.key", "good").run(&cx).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Incompatible);
    assert!(error.to_string().contains("SQL99"), "{error}");
    assert!(!server.was_sent("BACKUP "));
}

#[tokio::test]
async fn rights_and_files_are_looked_at_first() {
    let server = Scripted::new();
    server.says(
        "HAS_PERMS_BY_NAME(NULL, NULL, N'CONTROL SERVER') AS allowed",
        vec![number("allowed", 0)],
    );
    refused(
        &server,
        backup(r"C:\a.key", "good"),
        ErrorKind::PermissionDenied,
        "CONTROL SERVER",
    )
    .await;

    let server = Scripted::new();
    server.has_file("xp_fileexist", true);
    refused(
        &server,
        backup(r"C:\a.key", "good"),
        ErrorKind::AlreadyExists,
        "exists already",
    )
    .await;

    let restore = ServiceMasterKey::restore(&instance())
        .from_file(r"C:\a.key".parse().unwrap())
        .decrypted_by(SecretRef::named("good"));
    refused(
        &Scripted::new(),
        restore,
        ErrorKind::NotFound,
        "does not exist",
    )
    .await;
}

#[tokio::test]
async fn a_cancelled_context_starts_nothing() {
    let server = Scripted::new();
    let cancellation = Cancellation::new();
    cancellation.cancel();
    let cx = builder(&server).cancellation(cancellation).build().unwrap();
    let error = backup(r"C:\a.key", "good").run(&cx).await.unwrap_err();
    assert_eq!(
        (error.kind(), error.effect()),
        (ErrorKind::Cancelled, Effect::None)
    );
    assert!(server.sent().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_silent_server_is_not_waited_for_without_end() {
    for (part, effect) in [
        ("@@SERVERNAME", Effect::None),
        ("BACKUP SERVICE", Effect::Unknown),
    ] {
        let server = Scripted::new();
        server.says(part, vec![Piece::Hang]);
        let error = backup(r"C:\a.key", "good")
            .run(&builder(&server).build().unwrap())
            .await
            .unwrap_err();
        assert_eq!(
            (error.kind(), error.effect()),
            (ErrorKind::TimedOut, effect),
            "{error}"
        );
    }
    let mut deadlines = Deadlines::default();
    deadlines.key = Duration::from_secs(1);
    let server = Scripted::new();
    server.says("BACKUP SERVICE", vec![Piece::Hang]);
    let begin = tokio::time::Instant::now();
    let cx = builder(&server).deadlines(deadlines).build().unwrap();
    backup(r"C:\a.key", "good").run(&cx).await.unwrap_err();
    assert_eq!(begin.elapsed().as_secs(), 1);
}

#[tokio::test]
async fn a_lost_answer_is_unknown_and_nothing_is_repeated() {
    for kind in [
        TransportErrorKind::Interrupted,
        TransportErrorKind::Send,
        TransportErrorKind::Unknown,
    ] {
        let server = Scripted::new();
        server.says("BACKUP SERVICE", vec![Piece::Lost(kind)]);
        let error = backup(r"C:\a.key", "good")
            .run(&builder(&server).build().unwrap())
            .await
            .unwrap_err();
        assert_eq!(
            (error.kind(), error.effect()),
            (ErrorKind::Unreachable, Effect::Unknown)
        );
        assert_eq!(
            server
                .sent()
                .iter()
                .filter(|batch| batch.contains("BACKUP SERVICE"))
                .count(),
            1
        );
    }
}

#[tokio::test]
async fn a_database_is_restored_only_where_it_can_be() {
    let server = Scripted::new();
    let restore = || {
        Database::restore(&instance(), &"Orchestrator".parse().unwrap())
            .from_file(r"C:\a.bak".parse().unwrap())
    };
    server.says(
        "HEADERONLY",
        vec![error(
            3201,
            "Cannot open backup device 'C:\\a.bak'. Operating system error 2(not found).",
        )],
    );
    refused(&server, restore(), ErrorKind::NotFound, "3201").await;
    server.says(
        "HEADERONLY",
        vec![error(
            3241,
            "The media family on device 'C:\\a.bak' is incorrectly formed.",
        )],
    );
    refused(&server, restore(), ErrorKind::Corrupt, "3241").await;
    server.says("HEADERONLY", vec![]);
    refused(&server, restore(), ErrorKind::Corrupt, "no backup set").await;
}
