//! Paths of the platform that the server is not on: refused, by the name of the field and with the
//! way out, before anything changes.
#![cfg(feature = "simulator")]
#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

#[path = "support/kit.rs"]
mod kit;

use scorch_recovery::simulator::Platform;
use scorch_recovery::sql::{
    Certificate, Database, DatabaseMasterKey, KeySentinel, KeySentinelBackup, RestoreDatabase,
    RestoreServiceMasterKey, ServiceMasterKey,
};
use scorch_recovery::{Context, Effect, Error, ErrorKind, Operation, SecretRef};

use kit::restore_key;
use kit::simulated::{World, named};

/// A server, a folder of its own, and a path that only the other platform has.
const PLATFORMS: [(&str, &str, &str, &str, &str); 2] = [
    (
        "WINDOWS",
        r"C:\",
        "/var/opt/mssql/data/",
        "is a path of Linux, and WINDOWS runs on Windows",
        r"C:\FOLDER\FILE or \\SERVER\SHARE\FILE",
    ),
    (
        "LINUX",
        "/var/opt/mssql/data/",
        r"\\vault\keys\",
        "is a path of Windows, and LINUX runs on Linux",
        "/folder/file",
    ),
];

fn world() -> World {
    let mut world = World::with(&["WINDOWS"]);
    world.add("LINUX", |builder| builder.platform(Platform::Linux));
    world
}

/// What each operation says that is given a path in `folder`: the field, and its error.
async fn refused(cx: &Context, server: &str, folder: &str) -> Vec<(&'static str, Error)> {
    let instance = named(server);
    let path = |leaf: &str| named(&format!("{folder}{leaf}"));
    let key = ServiceMasterKey::backup(&instance)
        .to_file(path("a.key"))
        .encrypted_by(SecretRef::named("key"));
    let database = Database::backup(&instance, &named("model")).to_file(path("a.bak"));
    let restore = Database::restore(&instance, &named("New")).from_file(path("a.bak"));
    let verify = Database::verify(&instance).file(path("a.bak"));
    let restored_key = restore_key(server, &format!("{folder}a.key"));
    let master_key = DatabaseMasterKey::backup(&instance, &named("model"))
        .to_file(path("a.key"))
        .encrypted_by(SecretRef::named("key"));
    let restored_master_key = DatabaseMasterKey::restore(&instance, &named("model"))
        .from_file(path("a.key"))
        .decrypted_by(SecretRef::named("key"))
        .encrypted_by(SecretRef::named("key"));
    let sentinel = KeySentinel::backup(&instance).to_file(path("a.bak"));
    let sentinel_backup: KeySentinelBackup = serde_json::from_value(serde_json::json!({
        "file": format!("{folder}a.bak"), "database": "s", "family_guid": "00", "server": "SQL02"
    }))
    .unwrap();
    let proof = ServiceMasterKey::prove_backup(&instance)
        .from_file(path("a.key"))
        .decrypted_by(SecretRef::named("key"))
        .opening(&sentinel_backup, path("a.bak"));
    let certificate = Certificate::backup(&instance, &named("model"), &named("c"))
        .to_file(path("a.cer"))
        .private_key_to_file(path("a.pvk"))
        .encrypted_by(SecretRef::named("key"));
    let restored_certificate = Certificate::restore(&instance, &named("model"), &named("c"))
        .from_file(path("a.cer"))
        .private_key_from_file(path("a.pvk"))
        .decrypted_by(SecretRef::named("key"));
    vec![
        ("to_file", certificate.observe(cx).await.unwrap_err()),
        ("to_file", certificate.run(cx).await.unwrap_err()),
        ("from_file", restored_certificate.run(cx).await.unwrap_err()),
        ("to_file", master_key.observe(cx).await.unwrap_err()),
        ("to_file", master_key.run(cx).await.unwrap_err()),
        ("from_file", restored_master_key.run(cx).await.unwrap_err()),
        ("to_file", sentinel.run(cx).await.unwrap_err()),
        ("from_file", proof.run(cx).await.unwrap_err()),
        ("to_file", key.observe(cx).await.unwrap_err()),
        ("to_file", key.run(cx).await.unwrap_err()),
        ("to_file", database.observe(cx).await.unwrap_err()),
        ("to_file", database.run(cx).await.unwrap_err()),
        ("from_file", restore.observe(cx).await.unwrap_err()),
        ("from_file", restore.run(cx).await.unwrap_err()),
        ("file", verify.run(cx).await.unwrap_err()),
        ("from_file", restored_key.run(cx).await.unwrap_err()),
    ]
}

/// The same of the evidence, which brings paths with it: `own` is a folder of the server's.
async fn refused_evidence(
    cx: &Context,
    server: &str,
    own: &str,
    folder: &str,
) -> Vec<(&'static str, Error)> {
    let instance = named(server);
    let path = |leaf: &str| named(&format!("{own}{leaf}"));
    let kept = ServiceMasterKey::backup(&instance)
        .to_file(path("own.key"))
        .encrypted_by(SecretRef::named("key"));
    let kept = kept.run(cx).await.unwrap();
    let model = Database::inspect(&instance, &named("model"));
    let model = model.run(cx).await.unwrap();
    let copy = Database::backup(&instance, &named("model")).to_file(path("copy.bak"));
    let copy = copy.run(cx).await.unwrap();
    let elsewhere = |json: String, leaf: &str| {
        let text = |path: &str| serde_json::to_string(path).unwrap();
        let from = text(&format!("{own}{leaf}"));
        assert!(json.contains(&from), "{json}");
        json.replace(&from, &text(&format!("{folder}{leaf}")))
    };
    let key = restore_key(server, &format!("{own}new.key")).keeping(&kept);
    let key = elsewhere(serde_json::to_string(&key).unwrap(), "own.key");
    let key: RestoreServiceMasterKey = serde_json::from_str(&key).unwrap();
    let database = Database::restore(&instance, &named("model"))
        .from_file(path("new.bak"))
        .overwriting(&model, Some(&copy));
    let database = elsewhere(serde_json::to_string(&database).unwrap(), "copy.bak");
    let database: RestoreDatabase = serde_json::from_str(&database).unwrap();
    vec![
        ("keeping", key.run(cx).await.unwrap_err()),
        ("overwriting", database.run(cx).await.unwrap_err()),
    ]
}

#[tokio::test]
async fn a_path_of_the_other_platform_is_refused_before_anything_changes() {
    let world = world();
    let cx = world.context();
    for (server, own, foreign, problem, remedy) in PLATFORMS {
        let mut errors = refused(&cx, server, foreign).await;
        let changed = world
            .sql(
                server,
                None,
                "SELECT (SELECT COUNT(*) FROM msdb.dbo.backupset) + \
                 (SELECT COUNT(*) FROM sys.databases WHERE database_id > 4)",
            )
            .await;
        assert_eq!(changed.integer(), 0, "{server} did something");
        errors.extend(refused_evidence(&cx, server, own, foreign).await);
        for (field, error) in errors {
            let text = error.to_string();
            assert_eq!(
                (error.kind(), error.effect()),
                (ErrorKind::InvalidInput, Effect::None),
                "{text}"
            );
            assert!(text.contains(&format!("{field}: {foreign}")), "{text}");
            assert!(text.contains(problem), "{text}");
            let way_out = error.remedy().unwrap_or_default();
            assert!(
                way_out.contains(field) && way_out.contains(remedy),
                "{way_out}"
            );
        }
    }
}
