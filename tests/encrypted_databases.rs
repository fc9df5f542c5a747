//! Databases that are encrypted themselves (TDE): what the server says of them, and how they go from
//! one instance to another with their certificate, or nothing is changed.
#![cfg(feature = "simulator")]
#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

#[path = "support/kit.rs"]
mod kit;

use scorch_recovery::simulator::{Edition, Version};
use scorch_recovery::sql::{
    BackupCipher, Certificate, CertificateBackup, Database, DatabaseBackup, DatabaseMasterKey,
    Dependents, RestoreDatabase,
};
use scorch_recovery::transport::SqlValue;
use scorch_recovery::{Context, Effect, ErrorKind, Hazard, Operation, Progress, SecretRef};

use kit::simulated::{Collected, News, World, choices, named};
use kit::{assert_error, back_up_key, restore_key, run_error};

const BAK: &str = r"\\vault\keys\payroll.bak";
const MASTER_KEY: &str = "CREATE MASTER KEY ENCRYPTION BY PASSWORD = 'Dmk-Passw0rd-of-tests'";
const KEY: &str = "CREATE DATABASE ENCRYPTION KEY WITH ALGORITHM = AES_256 \
    ENCRYPTION BY SERVER CERTIFICATE tde";
const ON: &str = "ALTER DATABASE Payroll SET ENCRYPTION ON";
const OFF: &str = "ALTER DATABASE Payroll SET ENCRYPTION OFF";
const STATE: &str = "SELECT state_desc FROM sys.databases WHERE name = 'Payroll'";

/// SQL01 with the database Payroll and a certificate in master, SQL02 with nothing.
async fn world() -> World {
    let world = World::with(&["SQL01", "SQL02"]);
    let make = format!(
        "{MASTER_KEY}; CREATE CERTIFICATE tde WITH SUBJECT = 'of tests'; CREATE DATABASE Payroll"
    );
    world.sql("SQL01", None, &make).await;
    let fill = "CREATE TABLE dbo.T (a int); INSERT dbo.T VALUES (7)";
    world.sql("SQL01", Some("Payroll"), fill).await;
    world
}

/// The same, encrypted.
async fn encrypted() -> World {
    let world = world().await;
    world.sql("SQL01", Some("Payroll"), KEY).await;
    world.sql("SQL01", None, ON).await;
    world
}

async fn errors(world: &World, instance: &str, database: Option<&str>, text: &str) -> Vec<i32> {
    world.try_sql(instance, database, text).await.errors()
}

fn text(answer: &Collected) -> String {
    match &answer.rows[0][0] {
        SqlValue::Text(text) => text.clone(),
        other => panic!("{other:?} is no text"),
    }
}

async fn state(world: &World, instance: &str) -> String {
    text(&world.sql(instance, None, STATE).await)
}

/// State, algorithm, length and kind of encryptor of the databases with a key, with their names.
async fn keys(world: &World) -> Vec<Vec<SqlValue>> {
    let question = "SELECT DB_NAME(database_id), encryption_state, key_algorithm, key_length, \
        encryptor_type FROM sys.dm_database_encryption_keys ORDER BY database_id";
    world.sql("SQL01", None, question).await.rows
}

#[tokio::test]
async fn encryption_is_turned_on_and_off() {
    let world = world().await;
    let payroll = Some("Payroll");
    assert_eq!(errors(&world, "SQL01", None, ON).await, [33106, 5069]);
    assert!(keys(&world).await.is_empty());
    let made = world.sql("SQL01", payroll, KEY).await;
    let numbers: Vec<i32> = made.messages.iter().map(|message| message.number).collect();
    assert_eq!(numbers, [33091], "the certificate is nowhere else");
    assert_eq!(errors(&world, "SQL01", payroll, KEY).await, [33103]);
    assert_eq!(errors(&world, "SQL01", None, OFF).await, [33108, 5069]);
    let row = |name: &str, state, kind: SqlValue| {
        let text = |text: &str| SqlValue::Text(text.to_owned());
        vec![
            text(name),
            SqlValue::Int(state),
            text("AES"),
            SqlValue::Int(256),
            kind,
        ]
    };
    let certificate = || SqlValue::Text("CERTIFICATE".to_owned());
    assert_eq!(keys(&world).await, [row("Payroll", 1, certificate())]);
    let flag = "SELECT is_encrypted FROM sys.databases WHERE name = 'Payroll'";
    assert_eq!(world.sql("SQL01", None, flag).await.integer(), 0);

    world.sql("SQL01", None, ON).await;
    assert_eq!(errors(&world, "SQL01", None, ON).await, [33107, 5069]);
    let tempdb = row("tempdb", 3, SqlValue::Null);
    assert_eq!(
        keys(&world).await,
        [tempdb, row("Payroll", 3, certificate())]
    );
    assert_eq!(world.sql("SQL01", None, flag).await.integer(), 1);
    let thumbprints = "SELECT COUNT(*) FROM sys.dm_database_encryption_keys AS k \
        JOIN master.sys.certificates AS c ON c.thumbprint = k.encryptor_thumbprint";
    assert_eq!(world.sql("SQL01", None, thumbprints).await.integer(), 1);
    let drop_key = "DROP DATABASE ENCRYPTION KEY";
    assert_eq!(errors(&world, "SQL01", payroll, drop_key).await, [33105]);
    let drop_certificate = "DROP CERTIFICATE tde";
    assert_eq!(
        errors(&world, "SQL01", None, drop_certificate).await,
        [3716]
    );

    world.sql("SQL01", None, OFF).await;
    assert_eq!(
        keys(&world).await.len(),
        1,
        "tempdb is not encrypted any more"
    );
    assert_eq!(
        errors(&world, "SQL01", None, drop_certificate).await,
        [3716]
    );
    world.sql("SQL01", payroll, drop_key).await;
    assert_eq!(errors(&world, "SQL01", payroll, drop_key).await, [33104]);
    world.sql("SQL01", None, drop_certificate).await;
    let rows = world.sql("SQL01", payroll, "SELECT a FROM dbo.T").await;
    assert_eq!(rows.integer(), 7);
}

#[tokio::test]
async fn what_can_not_be_encrypted_has_its_numbers() {
    let mut world = world().await;
    world.add("OLD", |builder| {
        builder.version(Version::Sql2017).edition(Edition::Standard)
    });
    let make = "CREATE CERTIFICATE own ENCRYPTION BY PASSWORD = 'Own-Passw0rd-of-tests' \
        WITH SUBJECT = 'of tests'; CREATE LOGIN weak WITH PASSWORD = 'Weak-Passw0rd-1'";
    world.sql("SQL01", None, make).await;
    let user = "CREATE USER weak FOR LOGIN weak; GRANT CONTROL TO weak";
    world.sql("SQL01", Some("Payroll"), user).await;
    let by = |name: &str| KEY.replace("tde", name);
    let payroll = Some("Payroll");
    for (database, statement, number) in [
        (None, KEY, 33102),
        (Some("model"), KEY, 33102),
        (payroll, &by("none"), 15151),
        (payroll, &by("own"), 33101),
        (payroll, &format!("EXECUTE AS LOGIN = 'weak'; {KEY}"), 15151),
        (payroll, &KEY.replace("AES_256", "DES"), 102),
        (payroll, "DROP DATABASE ENCRYPTION KEY", 33104),
    ] {
        let found = errors(&world, "SQL01", database, statement).await;
        assert_eq!(found, [number], "{statement}");
    }
    let read_only = "ALTER DATABASE Payroll SET READ_ONLY";
    world.sql("SQL01", None, read_only).await;
    assert_eq!(errors(&world, "SQL01", payroll, KEY).await, [33118]);
    let make = format!("{MASTER_KEY}; CREATE CERTIFICATE tde WITH SUBJECT = 'of tests'");
    world.sql("OLD", None, &make).await;
    world.sql("OLD", None, "CREATE DATABASE Payroll").await;
    assert_eq!(errors(&world, "OLD", payroll, KEY).await, [33117]);
}

#[tokio::test]
async fn who_sees_the_keys_of_databases() {
    let world = encrypted().await;
    let make = "CREATE LOGIN weak WITH PASSWORD = 'Weak-Passw0rd-1'";
    world.sql("SQL01", None, make).await;
    let look = "EXECUTE AS LOGIN = 'weak'; SELECT COUNT(*) FROM sys.dm_database_encryption_keys";
    assert_eq!(errors(&world, "SQL01", None, look).await, [300, 297]);
    let grant = "GRANT VIEW SERVER STATE TO weak";
    world.sql("SQL01", None, grant).await;
    assert_eq!(world.sql("SQL01", None, look).await.integer(), 2);
}

#[tokio::test]
async fn a_backup_of_an_encrypted_database_needs_its_certificate() {
    let world = encrypted().await;
    let back_up = format!("BACKUP DATABASE Payroll TO DISK = '{BAK}'");
    world.sql("SQL01", None, &back_up).await;
    let bytes = std::fs::read(world.vault_file("payroll.bak")).unwrap();
    let clear = |part: &[u8]| bytes.windows(part.len()).any(|found| found == part);
    assert!(!clear(b"SQLite format 3"), "it is not encrypted");
    let columns = world
        .sql(
            "SQL01",
            None,
            &format!("RESTORE FILELISTONLY FROM DISK = '{BAK}'"),
        )
        .await;
    let certificate = "SELECT thumbprint FROM sys.certificates WHERE name = 'tde'";
    let certificate = world.sql("SQL01", None, certificate).await;
    for file in &columns.rows {
        assert_eq!(file[20], certificate.rows[0][0], "TDEThumbprint");
    }
    let header = world
        .sql(
            "SQL01",
            None,
            &format!("RESTORE HEADERONLY FROM DISK = '{BAK}'"),
        )
        .await;
    assert_eq!(
        header.rows[0][53..56],
        [const { SqlValue::Null }; 3],
        "of the backup"
    );

    world.sql("SQL02", None, "CREATE DATABASE Payroll").await;
    let fill = "CREATE TABLE dbo.Here (a int)";
    world.sql("SQL02", Some("Payroll"), fill).await;
    let file_list = choices().tde_file_list_needs_certificate;
    let header = choices().tde_header_needs_certificate;
    for (statement, fails) in [
        ("RESTORE DATABASE Payroll", true),
        ("RESTORE VERIFYONLY", true),
        ("RESTORE FILELISTONLY", file_list),
        ("RESTORE HEADERONLY", header),
    ] {
        let replace = if statement.contains("DATABASE") {
            " WITH REPLACE"
        } else {
            ""
        };
        let statement = format!("{statement} FROM DISK = '{BAK}'{replace}");
        let found = errors(&world, "SQL02", None, &statement).await;
        let expected: &[i32] = if fails { &[33111, 3013] } else { &[] };
        assert_eq!(found, expected, "{statement}");
    }
    let rows = world
        .sql("SQL02", Some("Payroll"), "SELECT COUNT(*) FROM dbo.Here")
        .await;
    assert_eq!(rows.integer(), 0, "nothing was changed");
}

#[tokio::test]
async fn a_key_that_does_not_open_keeps_the_database_down() {
    let world = encrypted().await;
    let started = world.copied();
    assert_eq!(state(&started, "SQL01").await, "ONLINE");
    let rows = started.sql("SQL01", Some("Payroll"), "SELECT a FROM dbo.T");
    assert_eq!(rows.await.integer(), 7);
    drop(started);

    // Nothing is noticed until the next start (documented).
    let lose = "ALTER MASTER KEY DROP ENCRYPTION BY SERVICE MASTER KEY";
    let lose = format!("OPEN MASTER KEY DECRYPTION BY PASSWORD = 'Dmk-Passw0rd-of-tests'; {lose}");
    world.sql("SQL01", None, &lose).await;
    assert_eq!(state(&world, "SQL01").await, "ONLINE");
    let started = world.copied();
    let down = if choices().locked_database_is_suspect {
        "SUSPECT"
    } else {
        "RECOVERY_PENDING"
    };
    assert_eq!(state(&started, "SQL01").await, down);
    let online = "ALTER DATABASE Payroll SET ONLINE";
    assert_eq!(
        errors(&started, "SQL01", None, online).await,
        [15581, 5181, 5069]
    );
    let mend = "OPEN MASTER KEY DECRYPTION BY PASSWORD = 'Dmk-Passw0rd-of-tests'; \
        ALTER MASTER KEY ADD ENCRYPTION BY SERVICE MASTER KEY";
    started.sql("SQL01", None, mend).await;
    started.sql("SQL01", None, online).await;
    assert_eq!(state(&started, "SQL01").await, "ONLINE");
}

#[tokio::test]
async fn older_backups_need_the_older_certificate() {
    let world = encrypted().await;
    let cx = world.context();
    let before = back_up(&cx, BAK).await;
    let payroll = Some("Payroll");
    let alter = |rest: &str| format!("ALTER DATABASE ENCRYPTION KEY {rest}");
    let other = alter("ENCRYPTION BY SERVER CERTIFICATE other");
    assert_eq!(errors(&world, "SQL01", payroll, &other).await, [15151]);
    let none = alter("REGENERATE WITH ALGORITHM = AES_128");
    assert_eq!(errors(&world, "SQL01", Some("model"), &none).await, [33102]);
    let make = "CREATE CERTIFICATE other WITH SUBJECT = 'of tests'";
    world.sql("SQL01", None, make).await;
    let changed = world.sql("SQL01", payroll, &other).await;
    assert_eq!(
        changed.messages[0].number, 33091,
        "nobody kept the other one"
    );
    world.sql("SQL01", None, "DROP CERTIFICATE tde").await;
    let after = back_up(&cx, r"\\vault\keys\after.bak").await;
    let thumbprint = |backup: &DatabaseBackup| backup.set.files[0].tde_thumbprint.clone();
    assert_ne!(thumbprint(&before), thumbprint(&after));
    assert!(matches!(
        &after.hazards[..],
        [Hazard::CertificateNotBackedUp { certificate, .. }] if certificate == "other"
    ));

    world.sql("SQL01", payroll, &none).await;
    let started = world.copied();
    let length = "SELECT key_length FROM sys.dm_database_encryption_keys WHERE database_id > 4";
    assert_eq!(started.sql("SQL01", None, length).await.integer(), 128);
    let rows = started.sql("SQL01", payroll, "SELECT a FROM dbo.T").await;
    assert_eq!(rows.integer(), 7);
    let older = Database::restore(&named("SQL01"), &named("Older"));
    let error = run_error(&started, older.clone().from_file(named(BAK))).await;
    assert_error(&error, (ErrorKind::KeyMismatch, Effect::None), "older");
    let newer = older.from_file(named(r"\\vault\keys\after.bak"));
    newer.run(&started.context()).await.unwrap();
}

async fn back_up(cx: &Context, file: &str) -> DatabaseBackup {
    Database::backup(&named("SQL01"), &named("Payroll"))
        .to_file(named(file))
        .run(cx)
        .await
        .unwrap()
}

async fn back_up_certificate(cx: &Context) -> CertificateBackup {
    Certificate::backup(&named("SQL01"), &named("master"), &named("tde"))
        .to_file(named(r"\\vault\keys\tde.cer"))
        .private_key_to_file(named(r"\\vault\keys\tde.pvk"))
        .encrypted_by(SecretRef::named("key"))
        .run(cx)
        .await
        .unwrap()
}

fn restore(file: &str) -> RestoreDatabase {
    Database::restore(&named("SQL02"), &named("Payroll")).from_file(named(file))
}

#[tokio::test]
async fn an_encrypted_database_moves_with_its_certificate() {
    let world = encrypted().await;
    let cx = world.context();
    let inspect = Database::inspect(&named("SQL01"), &named("Payroll"));
    let before = inspect.run(&cx).await.unwrap().encryption.unwrap();
    assert_eq!(before.certificate_backup, None);
    assert_eq!(before.certificate, Some(named("tde")));
    let certificate = back_up_certificate(&cx).await;
    assert_eq!(
        before.thumbprint,
        Some(certificate.certificate.thumbprint.clone())
    );
    let now = inspect.run(&cx).await.unwrap().encryption.unwrap();
    assert!(now.certificate_backup.is_some(), "its private key was kept");
    let backup = back_up(&cx, BAK).await;
    assert_eq!(backup.hazards, []);
    assert_eq!(backup.set.encryptor_thumbprint, None);
    for file in &backup.set.files {
        assert_eq!(file.tde_thumbprint, before.thumbprint);
    }

    // A missing certificate stops it before anything is touched, and is named.
    let error = run_error(&world, restore(BAK)).await;
    assert_error(&error, (ErrorKind::KeyMismatch, Effect::None), "missing");
    let named_by = format!(
        ".expecting_thumbprint(\"{}\")",
        before.thumbprint.clone().unwrap()
    );
    let remedy = error.remedy().unwrap();
    assert!(
        remedy.contains("Certificate::restore") && remedy.contains(&named_by),
        "{error}"
    );
    let verify = Database::verify(&named("SQL02")).file(named(BAK));
    let error = run_error(&world, verify.clone()).await;
    assert_error(&error, (ErrorKind::KeyMismatch, Effect::None), "verify");
    assert!(error.remedy().unwrap().contains(&named_by), "{error}");
    let none = "SELECT COUNT(*) FROM sys.databases WHERE name = 'Payroll'";
    assert_eq!(world.sql("SQL02", None, none).await.integer(), 0);

    world.sql("SQL02", None, MASTER_KEY).await;
    let there = Certificate::restore(&named("SQL02"), &named("master"), &named("of SQL01"))
        .from_file(named(r"\\vault\keys\tde.cer"))
        .private_key_from_file(named(r"\\vault\keys\tde.pvk"))
        .decrypted_by(SecretRef::named("key"))
        .expecting(&certificate)
        .run(&cx)
        .await
        .unwrap();
    assert_eq!(Some(there.certificate.thumbprint), before.thumbprint);
    verify.run(&cx).await.unwrap();
    let restored = restore(BAK).run(&cx).await.unwrap();
    let encryption = restored.database.encryption.unwrap();
    assert_eq!(encryption.thumbprint, before.thumbprint);
    assert_eq!(encryption.certificate, Some(named("of SQL01")));
    let rows = world
        .sql("SQL02", Some("Payroll"), "SELECT a FROM dbo.T")
        .await;
    assert_eq!(rows.integer(), 7);
    let started = world.copied();
    let rows = started.sql("SQL02", Some("Payroll"), "SELECT a FROM dbo.T");
    assert_eq!(rows.await.integer(), 7, "after a start, too");
}

#[tokio::test]
async fn a_certificate_that_was_never_kept_is_told_and_stops_no_backup() {
    let world = encrypted().await;
    let news = News::default();
    let watching = world
        .builder("sa", kit::simulated::SA)
        .observer(news.clone());
    let backup = back_up(&watching.build().unwrap(), BAK).await;
    let thumbprint = backup.set.files[0].tde_thumbprint.clone().unwrap();
    let hazard = Hazard::CertificateNotBackedUp {
        certificate: "tde".to_owned(),
        thumbprint,
    };
    assert_eq!(backup.hazards, std::slice::from_ref(&hazard));
    let told = |progress: &Progress| matches!(progress, Progress::Notice { text, .. } if *text == hazard.to_string());
    assert!(news.all().iter().any(told));

    // As long as the database has the key, and the server says so.
    world.sql("SQL01", None, OFF).await;
    let cx = world.context();
    let off = back_up(&cx, r"\\vault\keys\off.bak").await;
    let is_bound = choices().unused_encryption_key_needs_certificate;
    assert_eq!(off.hazards.len(), usize::from(is_bound));
    let inspect = Database::inspect(&named("SQL01"), &named("Payroll"));
    assert_eq!(inspect.run(&cx).await.unwrap().encryption, None);
    world
        .sql("SQL01", Some("Payroll"), "DROP DATABASE ENCRYPTION KEY")
        .await;
    assert_eq!(inspect.run(&cx).await.unwrap().encryption, None);

    // Of the backup's own encryption the same is told: the certificate came from elsewhere, so here
    // nobody ever backed it up.
    let certificate = back_up_certificate(&cx).await;
    let forget = r"DROP CERTIFICATE tde; CREATE CERTIFICATE tde FROM FILE = '\\vault\keys\tde.cer'
        WITH PRIVATE KEY (FILE = '\\vault\keys\tde.pvk', DECRYPTION BY PASSWORD = 'Key-Passw0rd-of-tests')";
    world.sql("SQL01", None, forget).await;
    let encrypted = Database::backup(&named("SQL01"), &named("Payroll"))
        .to_file(named(r"\\vault\keys\own.bak"))
        .encrypted_by(BackupCipher::Aes256, &certificate)
        .run(&cx)
        .await
        .unwrap();
    assert_eq!(encrypted.hazards, [hazard]);
}

#[tokio::test]
async fn who_does_not_see_certificates_is_not_told_that_they_are_missing() {
    let world = encrypted().await;
    let make =
        "CREATE LOGIN weak WITH PASSWORD = 'Weak-Passw0rd-1'; GRANT CREATE ANY DATABASE TO weak";
    for instance in ["SQL01", "SQL02"] {
        world.sql(instance, None, make).await;
    }
    let user = "CREATE USER weak FOR LOGIN weak; GRANT BACKUP DATABASE TO weak";
    world.sql("SQL01", Some("Payroll"), user).await;
    let news = News::default();
    let weak = world
        .builder("weak", "Weak-Passw0rd-1")
        .observer(news.clone());
    let weak = weak.build().unwrap();
    let backup = back_up(&weak, BAK).await;
    assert_eq!(backup.hazards, [], "it can't tell");
    let told = |progress: &Progress| matches!(progress, Progress::Notice { text, .. } if text.contains("can't see"));
    assert!(news.all().iter().any(told));
    let here = Database::restore(&named("SQL01"), &named("Payroll"))
        .from_file(named(BAK))
        .run(&weak)
        .await
        .unwrap();
    let encryption = here.database.encryption.unwrap();
    assert_eq!(encryption.thumbprint, None, "that takes VIEW SERVER STATE");
    let there = restore(BAK).run(&weak).await.unwrap_err();
    assert_error(
        &there,
        (ErrorKind::KeyMismatch, Effect::None),
        "by the server",
    );
}

#[tokio::test]
async fn a_key_above_an_encrypted_database_wants_the_consent_of_master() {
    let world = encrypted().await;
    let cx = world.context();
    let key = back_up_key(&world, "SQL02", r"\\vault\keys\new.key").await;
    let own = back_up_key(&world, "SQL01", r"\\vault\keys\own.key").await;
    let seen = Dependents::inspect(&named("SQL01")).run(&cx).await.unwrap();
    assert_eq!(seen.certificates[0].encrypts, ["Payroll"]);
    let names = seen.names().join("; ");
    assert!(
        names.contains("certificate tde in master, which encrypts Payroll"),
        "{names}"
    );
    let replace = || {
        restore_key("SQL01", key.file.as_str())
            .replacing(&seen)
            .keeping(&own)
    };
    let error = run_error(&world, replace()).await;
    assert_error(&error, (ErrorKind::ConsentRequired, Effect::None), "master");
    let started = world.copied();
    assert_eq!(
        state(&started, "SQL01").await,
        "ONLINE",
        "nothing was changed"
    );
    drop(started);

    let master = DatabaseMasterKey::inspect(&named("SQL01"), &named("master"))
        .run(&cx)
        .await
        .unwrap();
    let consented = replace().including_master(&master);
    assert!(
        consented
            .describe()
            .hazards
            .contains(&Hazard::EndangersStart)
    );
    let restored = consented.run(&cx).await.unwrap();
    assert_eq!(restored.probed[0].to_string(), "master: opens");
    let started = world.copied();
    let rows = started.sql("SQL01", Some("Payroll"), "SELECT a FROM dbo.T");
    assert_eq!(rows.await.integer(), 7);
}

#[tokio::test]
async fn dependents_that_changed_are_not_replaced() {
    let world = encrypted().await;
    let cx = world.context();
    let key = back_up_key(&world, "SQL02", r"\\vault\keys\new.key").await;
    let own = back_up_key(&world, "SQL01", r"\\vault\keys\own.key").await;
    let master = DatabaseMasterKey::inspect(&named("SQL01"), &named("master"))
        .run(&cx)
        .await
        .unwrap();
    let seen = Dependents::inspect(&named("SQL01")).run(&cx).await.unwrap();
    world.sql("SQL01", None, "CREATE DATABASE Wages").await;
    world.sql("SQL01", Some("Wages"), KEY).await;
    let replace = restore_key("SQL01", key.file.as_str())
        .replacing(&seen)
        .keeping(&own)
        .including_master(&master);
    let error = run_error(&world, replace).await;
    assert_error(&error, (ErrorKind::ConsentRequired, Effect::None), "Wages");
    assert!(error.to_string().contains("not what was seen"), "{error}");
}
