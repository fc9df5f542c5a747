//! When a service master key is not replaced, and what is said of it.
#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

mod support;

use scorch_recovery::sql::{
    Dependents, FileExamination, KeyBackup, KeyRestoreOutcome, ProbeResult, ServiceMasterKey,
};
use scorch_recovery::transport::{MessageSupport, SqlMessage, SqlValue};
use scorch_recovery::{Effect, ErrorKind, Operation, SecretRef};
use support::{Piece, Scripted, builder, error, instance, number, refused, text};

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
        "sys.asymmetric_keys",
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
            vec![
                "name",
                "state_desc",
                "is_read_only",
                "is_in_availability_group",
                "has_access",
            ],
            vec![vec![
                text("Payroll"),
                text(state),
                SqlValue::Int(is_read_only),
                SqlValue::Int(0),
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
