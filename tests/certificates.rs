//! Certificates with private keys go from one instance to another, or nothing is changed.
#![cfg(feature = "simulator")]
#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

#[path = "support/kit.rs"]
mod kit;

use std::fs;

use scorch_recovery::sql::{
    BackUpCertificate, Certificate, CertificateBackup, Database, PrivateKey, ProbeResult,
    RestoreCertificate,
};
use scorch_recovery::{Effect, ErrorKind, Observation, Operation, SecretRef};

use kit::simulated::{World, choices, named};
use kit::{assert_error, run_error};

const CER: &str = r"\\vault\keys\tde.cer";
const PVK: &str = r"\\vault\keys\tde.pvk";
const MASTER_KEY: &str = "CREATE MASTER KEY ENCRYPTION BY PASSWORD = 'Dmk-Passw0rd-of-tests'";

/// SQL01 with a certificate in master, SQL02 with nothing.
async fn world() -> World {
    let world = World::with(&["SQL01", "SQL02"]);
    let make = format!("{MASTER_KEY}; CREATE CERTIFICATE tde WITH SUBJECT = 'of tests'");
    world.sql("SQL01", None, &make).await;
    world
}

fn back_up(name: &str, certificate: &str, private_key: &str) -> BackUpCertificate {
    Certificate::backup(&named("SQL01"), &named("master"), &named(name))
        .to_file(named(certificate))
        .private_key_to_file(named(private_key))
        .encrypted_by(SecretRef::named("key"))
}

async fn backed_up(world: &World) -> CertificateBackup {
    back_up("tde", CER, PVK)
        .run(&world.context())
        .await
        .unwrap()
}

fn restore(certificate: &str, private_key: &str) -> RestoreCertificate {
    Certificate::restore(&named("SQL02"), &named("master"), &named("from SQL01"))
        .from_file(named(certificate))
        .private_key_from_file(named(private_key))
        .decrypted_by(SecretRef::named("key"))
}

async fn certificates(world: &World, instance: &str) -> i64 {
    let count = "SELECT COUNT(*) FROM master.sys.certificates";
    world.sql(instance, None, count).await.integer()
}

#[tokio::test]
async fn a_certificate_moves_with_its_private_key() {
    let world = world().await;
    let cx = world.context();
    let operation = back_up("tde", CER, PVK);
    assert_eq!(operation.observe(&cx).await.unwrap(), Observation::NotDone);
    let inspect = Certificate::inspect(&named("SQL01"), &named("master"), &named("tde"));
    let before = inspect.run(&cx).await.unwrap();
    assert_eq!(
        (before.private_key, &before.last_backup),
        (PrivateKey::ByMasterKey, &None)
    );
    assert!(before.expires.is_some());
    let backup = backed_up(&world).await;
    assert_eq!(backup.certificate.thumbprint, before.thumbprint);
    assert!(backup.certificate.last_backup.is_some());
    assert!(matches!(
        operation.observe(&cx).await.unwrap(),
        Observation::Indeterminate { .. }
    ));

    let operation = restore(CER, PVK).expecting(&backup);
    let error = run_error(&world, operation.clone()).await;
    assert_error(&error, (ErrorKind::NotFound, Effect::None), "no master key");
    world.sql("SQL02", None, MASTER_KEY).await;
    assert_eq!(operation.observe(&cx).await.unwrap(), Observation::NotDone);
    let restored = operation.run(&cx).await.unwrap();
    assert_eq!(restored.certificate.thumbprint, before.thumbprint);
    assert_eq!(restored.certificate.subject, before.subject);
    assert_eq!(restored.probe, ProbeResult::Opens);
    assert_eq!(operation.observe(&cx).await.unwrap(), Observation::Done);
    let error = run_error(&world, operation).await;
    assert_error(&error, (ErrorKind::AlreadyExists, Effect::None), "again");
    assert!(error.remedy().unwrap().contains("nothing needs"), "{error}");
    let renamed = Certificate::restore(&named("SQL02"), &named("master"), &named("other"))
        .from_file(named(CER))
        .private_key_from_file(named(PVK))
        .decrypted_by(SecretRef::named("key"))
        .expecting_thumbprint(format!("0x{}", before.thumbprint.to_uppercase()));
    let error = run_error(&world, renamed).await;
    assert!(error.to_string().contains("from SQL01"), "{error}");
}

#[tokio::test]
async fn an_encrypted_backup_needs_the_certificate() {
    let world = world().await;
    let cx = world.context();
    world.sql("SQL01", None, "CREATE DATABASE Payroll").await;
    let encrypted = r"BACKUP DATABASE Payroll TO DISK = '\\vault\keys\p.bak' WITH FORMAT,
        ENCRYPTION (ALGORITHM = AES_256, SERVER CERTIFICATE = tde)";
    world.sql("SQL01", None, encrypted).await;
    let backup = backed_up(&world).await;
    let file = r"\\vault\keys\p.bak";
    let restore_database =
        Database::restore(&named("SQL02"), &named("Payroll")).from_file(named(file));
    let error = run_error(&world, restore_database.clone()).await;
    assert_error(
        &error,
        (ErrorKind::KeyMismatch, Effect::None),
        "no certificate",
    );
    assert!(
        error.to_string().contains(&backup.certificate.thumbprint),
        "{error}"
    );
    world.sql("SQL02", None, MASTER_KEY).await;
    restore(CER, PVK).expecting(&backup).run(&cx).await.unwrap();
    restore_database.run(&cx).await.unwrap();
}

#[tokio::test]
async fn what_is_no_backup_of_the_certificate_makes_none() {
    let world = world().await;
    let cx = world.context();
    world.sql("SQL02", None, MASTER_KEY).await;
    let backup = backed_up(&world).await;
    let other = "CREATE CERTIFICATE other WITH SUBJECT = 'another'";
    world.sql("SQL01", None, other).await;
    let other = back_up("other", r"\\vault\keys\o.cer", r"\\vault\keys\o.pvk");
    other.run(&cx).await.unwrap();
    fs::write(world.vault_file("empty"), b"").unwrap();
    fs::write(world.vault_file("text"), b"this is neither").unwrap();
    let of = |leaf: &str| format!(r"\\vault\keys\{leaf}");
    for (certificate, private_key, kind) in [
        ("tde.cer", "o.pvk", ErrorKind::Corrupt),
        ("tde.pvk", "tde.cer", ErrorKind::Corrupt),
        ("text", "tde.pvk", ErrorKind::Corrupt),
        ("tde.cer", "text", ErrorKind::Corrupt),
        ("empty", "tde.pvk", ErrorKind::Corrupt),
        ("tde.cer", "empty", ErrorKind::Corrupt),
        ("none", "tde.pvk", ErrorKind::NotFound),
        ("tde.cer", "none", ErrorKind::NotFound),
    ] {
        let error = run_error(&world, restore(&of(certificate), &of(private_key))).await;
        let case = format!("{certificate} and {private_key}");
        assert_error(&error, (kind, Effect::None), &case);
        assert_eq!(certificates(&world, "SQL02").await, 0, "{case}");
    }
    let error = run_error(
        &world,
        restore(CER, PVK).decrypted_by(SecretRef::named("wrong")),
    )
    .await;
    assert_error(&error, (ErrorKind::KeyMismatch, Effect::None), "password");
    let error = run_error(
        &world,
        restore(&of("o.cer"), &of("o.pvk")).expecting(&backup),
    )
    .await;
    assert_error(&error, (ErrorKind::Corrupt, Effect::None), "other hashes");
    assert_eq!(certificates(&world, "SQL02").await, 0);
    // By the thumbprint alone it is known only afterwards, and said.
    let wrong = restore(&of("o.cer"), &of("o.pvk"))
        .expecting_thumbprint(backup.certificate.thumbprint.clone());
    let error = run_error(&world, wrong).await;
    assert_error(&error, (ErrorKind::KeyMismatch, Effect::Done), "another");
    assert!(error.remedy().unwrap().contains("DROP CERTIFICATE"));
}

#[tokio::test]
async fn a_hash_that_can_not_be_checked_is_said_of_its_own_file() {
    let world = world().await;
    let backup = backed_up(&world).await;
    let weak = format!(
        "{MASTER_KEY}; CREATE LOGIN weak WITH PASSWORD = 'Weak-Passw0rd-1'; CREATE USER weak FOR LOGIN weak; \
         GRANT CREATE CERTIFICATE, VIEW DEFINITION TO weak"
    );
    world.sql("SQL02", Some("master"), &weak).await;
    let whole = restore(CER, PVK).expecting(&backup);
    for (known, field) in [
        ("file_sha256", "from_file"),
        ("private_key_sha256", "private_key_from_file"),
    ] {
        // Of the other file no hash is known.
        let mut json = serde_json::to_value(&whole).unwrap();
        for hash in ["file_sha256", "private_key_sha256"] {
            if hash != known {
                json["expecting"][hash] = serde_json::Value::Null;
            }
        }
        let operation: RestoreCertificate = serde_json::from_value(json).unwrap();
        let cx = world.builder("weak", "Weak-Passw0rd-1").build().unwrap();
        let error = operation.run(&cx).await.unwrap_err();
        assert_error(&error, (ErrorKind::PermissionDenied, Effect::None), field);
        assert!(
            error.detail().starts_with(&format!("{field}: the hash")),
            "{error}"
        );
    }
}

#[tokio::test]
async fn files_of_certificates_are_never_overwritten() {
    let world = world().await;
    backed_up(&world).await;
    let before = fs::read(world.vault_file("tde.pvk")).unwrap();
    for (certificate, private_key, field) in [
        (CER, r"\\vault\keys\2.pvk", "to_file"),
        (r"\\vault\keys\2.cer", PVK, "private_key_to_file"),
    ] {
        let error = run_error(&world, back_up("tde", certificate, private_key)).await;
        assert_error(&error, (ErrorKind::AlreadyExists, Effect::None), field);
        assert!(error.to_string().contains(&format!("{field}: ")), "{error}");
    }
    let error = run_error(&world, back_up("tde", CER, CER)).await;
    assert_error(&error, (ErrorKind::InvalidInput, Effect::None), "one file");
    let error = run_error(&world, back_up("none", r"C:\a.cer", r"C:\a.pvk")).await;
    assert_error(&error, (ErrorKind::NotFound, Effect::None), "no such");
    let weak = back_up("tde", r"C:\a.cer", r"C:\a.pvk").encrypted_by(SecretRef::named("short"));
    // Nine characters of three kinds are enough for SQL Server.
    weak.run(&world.context()).await.unwrap();
    assert_eq!(fs::read(world.vault_file("tde.pvk")).unwrap(), before);
}

#[tokio::test]
async fn a_key_file_that_can_not_be_written_leaves_what_is_told() {
    let world = world().await;
    let cx = world.context();
    // Too small for the second file.
    world.server("SQL01").set_disk_quota(Some(1500));
    let operation = back_up("tde", r"C:\a.cer", r"C:\a.pvk");
    let error = run_error(&world, operation.clone()).await;
    world.server("SQL01").set_disk_quota(None);
    let seen = operation.observe(&cx).await.unwrap();
    if choices().failed_certificate_backup_leaves_file {
        assert_eq!(error.effect(), Effect::Partial, "{error}");
        assert!(matches!(seen, Observation::Partial { .. }), "{seen:?}");
    } else {
        assert_eq!(error.effect(), Effect::None, "{error}");
        assert_eq!(seen, Observation::NotDone);
    }
}

#[tokio::test]
async fn a_private_key_with_a_password_of_its_own() {
    let world = World::with(&["SQL01", "SQL02"]);
    let cx = world.context();
    let make = "CREATE CERTIFICATE tde ENCRYPTION BY PASSWORD = 'Own-Passw0rd-of-tests' \
                WITH SUBJECT = 'of tests'";
    world.sql("SQL01", None, make).await;
    let operation = back_up("tde", CER, PVK);
    let error = run_error(&world, operation.clone()).await;
    assert!(error.to_string().contains("opened_by"), "{error}");
    let wrong = operation.clone().opened_by(SecretRef::named("wrong"));
    let error = run_error(&world, wrong).await;
    assert_error(&error, (ErrorKind::KeyMismatch, Effect::None), "wrong");
    let backup = operation.opened_by(SecretRef::named("own")).run(&cx).await;
    assert_eq!(
        backup.unwrap().certificate.private_key,
        PrivateKey::ByPassword
    );
    let restored = restore(CER, PVK)
        .protected_by(SecretRef::named("hostile"))
        .run(&cx)
        .await
        .unwrap();
    assert_eq!(
        (restored.certificate.private_key, restored.probe),
        (PrivateKey::ByPassword, ProbeResult::Opens)
    );
    // Without its private key it opens nothing, and is not backed up.
    let bare = r"CREATE CERTIFICATE bare FROM FILE = '\\vault\keys\tde.cer'";
    world.sql("SQL01", Some("model"), bare).await;
    let operation = Certificate::backup(&named("SQL01"), &named("model"), &named("bare"))
        .to_file(named(r"C:\b.cer"))
        .private_key_to_file(named(r"C:\b.pvk"))
        .encrypted_by(SecretRef::named("key"));
    let error = run_error(&world, operation).await;
    assert_error(&error, (ErrorKind::KeyMismatch, Effect::None), "bare");
}

#[tokio::test]
async fn certificate_files_have_their_numbers() {
    let world = world().await;
    let backup = r"BACKUP CERTIFICATE tde TO FILE = 'C:\a.cer'
        WITH PRIVATE KEY (FILE = 'C:\a.pvk', ENCRYPTION BY PASSWORD = 'File-Passw0rd-1')";
    world.sql("SQL01", None, backup).await;
    let of_password = r"CREATE CERTIFICATE d FROM FILE = 'C:\a.cer'
        WITH PRIVATE KEY (FILE = 'C:\a.pvk', DECRYPTION BY PASSWORD = 'File-Passw0rd-1')";
    for (text, number) in [
        (backup, 15240),
        (r"BACKUP CERTIFICATE none TO FILE = 'C:\n.cer'", 15151),
        (
            r"BACKUP CERTIFICATE tde TO FILE = 'C:\n.cer'
              WITH PRIVATE KEY (FILE = 'C:\n.pvk', ENCRYPTION BY PASSWORD = 'short')",
            15116,
        ),
        (r"CREATE CERTIFICATE b FROM FILE = 'C:\none.cer'", 15208),
        (r"CREATE CERTIFICATE b FROM FILE = 'C:\a.pvk'", 15208),
        (r"CREATE CERTIFICATE b FROM FILE = 'C:\a.cer'", 15232),
        (
            r"CREATE CERTIFICATE b FROM FILE = 'C:\a.cer'
              WITH PRIVATE KEY (FILE = 'C:\a.pvk', DECRYPTION BY PASSWORD = 'wrong')",
            15465,
        ),
        (of_password, 15232),
    ] {
        assert_eq!(
            world.try_sql("SQL01", None, text).await.errors(),
            [number],
            "{text}"
        );
    }
    // No master key there.
    let answer = world.try_sql("SQL01", Some("model"), of_password).await;
    assert_eq!(answer.errors(), [15581]);
}
