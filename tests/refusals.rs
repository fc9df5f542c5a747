//! What operations refuse, before anything is sent that could change something.
#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

mod support;

use std::time::Duration;

use scorch_recovery::adapter::secrets::MapSecrets;
use scorch_recovery::names::SqlInstance;
use scorch_recovery::sql::{
    Database, Dependents, FileExamination, KeyBackup, KeyRestoreOutcome, ProbeResult,
    ServiceMasterKey,
};
use scorch_recovery::transport::{
    Deadlines, MessageSupport, SqlMessage, SqlValue, TransportErrorKind, Wire,
};
use scorch_recovery::{
    Cancellation, Context, ContextBuilder, Effect, Error, ErrorKind, Operation, Secret, SecretRef,
};
use support::{Piece, Scripted, error, identity, number, text};

fn instance() -> SqlInstance {
    "SQL01".parse().unwrap()
}

fn builder(server: &Scripted) -> ContextBuilder {
    let secrets = MapSecrets::new()
        .secret(
            SecretRef::named("good"),
            Secret::new("Canary-Pa55word".to_owned()),
        )
        .secret(SecretRef::named("weak"), Secret::new("canary".to_owned()));
    Context::builder().sql(server.clone()).secrets(secrets)
}

fn backup(file: &str, secret: &str) -> scorch_recovery::sql::BackUpServiceMasterKey {
    ServiceMasterKey::backup(&instance())
        .to_file(file.parse().unwrap())
        .encrypted_by(SecretRef::named(secret))
}

async fn refused<O: Operation>(
    server: &Scripted,
    operation: O,
    kind: ErrorKind,
    part: &str,
) -> Error
where
    O::Output: std::fmt::Debug,
{
    let error = operation
        .run(&builder(server).build().unwrap())
        .await
        .unwrap_err();
    assert_eq!(error.kind(), kind, "{error}");
    assert!(error.to_string().contains(part), "{error}");
    assert_eq!(error.effect(), Effect::None, "{error}");
    for dangerous in ["BACKUP ", "RESTORE SERVICE", "RESTORE DATABASE"] {
        assert!(
            !server.was_sent(dangerous),
            "{dangerous} was sent: {:?}",
            server.sent()
        );
    }
    error
}

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

/// A server on which a key file is, and a database under the key, which opens.
fn shared_server() -> Scripted {
    let server = Scripted::new();
    server.has_file("xp_fileexist", true);
    server.says(
        "OPENROWSET",
        vec![Piece::Rows(
            vec!["size", "content"],
            vec![vec![SqlValue::Int(3), SqlValue::Bytes(vec![1, 2, 3])]],
        )],
    );
    neighbour(&server, "ONLINE", 0);
    server.says(
        "AS master_keys",
        vec![Piece::Rows(
            vec!["ordinal", "master_keys"],
            vec![vec![SqlValue::Int(0), SqlValue::Int(1)]],
        )],
    );
    server.says(
        "sys.credentials",
        vec![
            number("allowed", 1),
            Piece::Rows(vec!["name"], vec![vec![text("proxy")]]),
            Piece::Rows(vec!["server_name", "remote_name"], vec![]),
        ],
    );
    server.says(
        "pvt_key_encryption_type",
        vec![
            Piece::Rows(vec!["name"], vec![vec![text("k")]]),
            Piece::Rows(vec!["name"], vec![]),
        ],
    );
    server.says("DECRYPTBYASYMKEY", vec![number("opened", 1)]);
    server
}

fn neighbour(server: &Scripted, state: &str, is_read_only: i64) {
    server.says(
        "HAS_DBACCESS",
        vec![Piece::Rows(
            vec!["name", "state_desc", "is_read_only", "has_access"],
            vec![vec![
                text("Payroll"),
                text(state),
                SqlValue::Int(is_read_only),
                SqlValue::Int(1),
            ]],
        )],
    );
}

fn restore() -> scorch_recovery::sql::RestoreServiceMasterKey {
    ServiceMasterKey::restore(&instance())
        .from_file(r"C:\a.key".parse().unwrap())
        .decrypted_by(SecretRef::named("good"))
}

#[tokio::test]
async fn a_key_is_not_replaced_under_neighbours_that_nobody_has_seen() {
    let server = shared_server();
    let error = refused(
        &server,
        restore(),
        ErrorKind::ConsentRequired,
        "database Payroll, credential proxy",
    )
    .await;
    assert!(error.remedy().unwrap().contains(".replacing(&dependents)"));

    // Seen, but the present key was not kept.
    let cx = builder(&server).build().unwrap();
    let dependents = Dependents::inspect(&instance()).run(&cx).await.unwrap();
    refused(
        &server,
        restore().replacing(&dependents),
        ErrorKind::ConsentRequired,
        "has no backup",
    )
    .await;

    // Seen, but changed since.
    let stale = shared_server();
    neighbour(&stale, "ONLINE", 0);
    stale.says(
        "sys.credentials",
        vec![
            number("allowed", 1),
            Piece::Rows(vec!["name"], vec![vec![text("new")]]),
            Piece::Rows(vec![], vec![]),
        ],
    );
    refused(
        &stale,
        restore().replacing(&dependents),
        ErrorKind::ConsentRequired,
        "not what was seen",
    )
    .await;
}

#[tokio::test]
async fn a_key_is_not_replaced_under_what_can_not_be_seen_or_changed() {
    let offline = shared_server();
    neighbour(&offline, "OFFLINE", 0);
    refused(&offline, restore(), ErrorKind::Busy, "Payroll").await;

    let read_only = shared_server();
    neighbour(&read_only, "ONLINE", 1);
    refused(
        &read_only,
        restore(),
        ErrorKind::Busy,
        "Payroll (read-only)",
    )
    .await;

    let weak = shared_server();
    weak.says(
        "sys.credentials",
        vec![
            number("allowed", 0),
            Piece::Rows(vec!["name"], vec![]),
            Piece::Rows(vec![], vec![]),
        ],
    );
    refused(&weak, restore(), ErrorKind::PermissionDenied, "may not see").await;
}

#[tokio::test]
async fn a_key_file_is_held_against_its_hash() {
    let server = shared_server();
    let operation = restore().expecting_sha256("00".repeat(32));
    refused(&server, operation, ErrorKind::Corrupt, "it is another file").await;
    server.says(
        "OPENROWSET",
        vec![Piece::Rows(
            vec!["size", "content"],
            vec![vec![SqlValue::Int(0), SqlValue::Bytes(vec![])]],
        )],
    );
    refused(&server, restore(), ErrorKind::Corrupt, "is empty").await;
}

#[tokio::test]
async fn the_servers_refusals_are_explained_honestly() {
    for (number, kind, part) in [
        (15466, ErrorKind::KeyMismatch, "does not tell which"),
        (15317, ErrorKind::KeyMismatch, "does not tell which"),
        (15465, ErrorKind::KeyMismatch, "does not tell which"),
        (15320, ErrorKind::ConsentRequired, "would lose"),
        (15329, ErrorKind::ConsentRequired, "would lose"),
        (15393, ErrorKind::ConsentRequired, "would lose"),
        (15247, ErrorKind::PermissionDenied, "15247"),
    ] {
        let server = shared_server();
        server.says("HAS_DBACCESS", vec![]);
        server.says("sys.credentials", vec![support::number("allowed", 1)]);
        server.says(
            "RESTORE SERVICE",
            vec![error(number, "words of the server about 'it'")],
        );
        let failed = restore()
            .run(&builder(&server).build().unwrap())
            .await
            .unwrap_err();
        assert_eq!(
            (failed.kind(), failed.effect()),
            (kind, Effect::None),
            "{failed}"
        );
        assert!(failed.to_string().contains(part), "{failed}");
        assert_eq!(failed.sql_messages()[0].number, number);
    }
}

/// The evidence of a backup of SQL01's own key, as it would come out of a journal.
fn kept_key(server: &str) -> KeyBackup {
    let hash = FileExamination::Hashed {
        size: 3,
        sha256: "039058c6f2c0cb492c533b0a4d14ef77cc0f78abccced5287d84a1a2011cfb81".to_owned(),
    };
    serde_json::from_value(serde_json::json!({
        "file": r"C:\own.key",
        "examination": hash,
        "encrypted_by": "good",
        "server": {
            "server_name": server, "machine_name": server, "property_server_name": server,
            "product_version": "16.0.4236.2", "edition": "Developer Edition", "engine_edition": 3,
            "is_availability_groups_enabled": false, "started": "2026",
        },
        "key": {"algorithm": "AES_256", "key_guid": null, "created": null, "modified": null},
    }))
    .unwrap()
}

#[tokio::test]
async fn the_safeguard_is_looked_at_not_believed() {
    let server = shared_server();
    let cx = builder(&server).build().unwrap();
    let dependents = Dependents::inspect(&instance()).run(&cx).await.unwrap();
    let consented = || restore().replacing(&dependents);

    let foreign = consented().keeping(&kept_key("SQL99"));
    refused(&server, foreign, ErrorKind::ConsentRequired, "key of SQL99").await;

    // Its own, but the file is not what was written.
    let own = || consented().keeping(&kept_key("SQL01"));
    let changed = shared_server();
    changed.says(
        r"BULK N'C:\own.key'",
        vec![Piece::Rows(
            vec!["size", "content"],
            vec![vec![SqlValue::Int(3), SqlValue::Bytes(vec![9, 9, 9])]],
        )],
    );
    refused(
        &changed,
        own(),
        ErrorKind::ConsentRequired,
        "is not what was written",
    )
    .await;

    // A neighbour that does not open before would be lost.
    let closed = shared_server();
    closed.says(
        "DECRYPTBYASYMKEY",
        vec![Piece::Rows(vec!["opened"], vec![vec![SqlValue::Null]])],
    );
    refused(&closed, own(), ErrorKind::KeyMismatch, "Payroll").await;
    closed.says(
        "DECRYPTBYASYMKEY",
        vec![error(15581, "Please create a master key")],
    );
    refused(&closed, own(), ErrorKind::KeyMismatch, "Payroll").await;

    // Everything is as it should be.
    let restored = own().run(&builder(&server).build().unwrap()).await.unwrap();
    assert_eq!(restored.outcome, KeyRestoreOutcome::NotTold);
    assert_eq!(restored.probed[0].result, ProbeResult::Opens);

    // On a transport that reports messages it can be told.
    for (notice, outcome) in [
        (Some(15588), KeyRestoreOutcome::Same),
        (None, KeyRestoreOutcome::Replaced),
    ] {
        let telling = shared_server().reporting(MessageSupport::Live);
        let said = notice.map(|number| match error(number, "identical") {
            Piece::Message(message) => Piece::Message(SqlMessage {
                class: 0,
                ..message
            }),
            other => other,
        });
        telling.says("RESTORE SERVICE", said.into_iter().collect());
        let restored = own()
            .run(&builder(&telling).build().unwrap())
            .await
            .unwrap();
        assert_eq!(restored.outcome, outcome);
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
