//! Backups over several files, encrypted, and made by others; and answers that are lost.
#![cfg(feature = "simulator")]
#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

#[path = "support/kit.rs"]
mod kit;

use std::fs;
use std::time::Duration;

use scorch_recovery::simulator::{Disconnect, Edition, Fault, Version};
use scorch_recovery::sql::{
    BackUpDatabase, BackupCipher, BackupCompression, Certificate, CertificateBackup, Database,
    RestoreDatabase,
};
use scorch_recovery::transport::Deadlines;
use scorch_recovery::{Effect, Error, ErrorKind, Observation, Operation, SecretRef};

use kit::simulated::{SA, World, choices, named};
use kit::{assert_error, run_error};

const MASTER_KEY: &str = "CREATE MASTER KEY ENCRYPTION BY PASSWORD = 'Dmk-Passw0rd-of-tests'";

async fn world() -> World {
    let world = World::with(&["SQL01", "SQL02"]);
    world.sql("SQL01", None, "CREATE DATABASE Payroll").await;
    let rows = "CREATE TABLE T (a int); INSERT T VALUES (4711); CREATE TABLE Recognisable (a int)";
    world.sql("SQL01", Some("Payroll"), rows).await;
    world
}

fn file(leaf: &str) -> String {
    format!(r"\\vault\keys\{leaf}")
}

fn back_up(leaf: &str) -> BackUpDatabase {
    Database::backup(&named("SQL01"), &named("Payroll")).to_file(named(&file(leaf)))
}

fn restore(leaf: &str) -> RestoreDatabase {
    Database::restore(&named("SQL02"), &named("Payroll")).from_file(named(&file(leaf)))
}

async fn databases(world: &World) -> i64 {
    let count = "SELECT COUNT(*) FROM sys.databases WHERE database_id > 4";
    world.sql("SQL02", None, count).await.integer()
}

#[tokio::test]
async fn a_striped_backup_needs_every_file() {
    let world = world().await;
    let cx = world.context();
    let operation = back_up("1.bak")
        .and_file(named(&file("2.bak")))
        .and_file(named(&file("3.bak")));
    assert!(operation.describe().script[0].contains("2.bak', DISK = N'"));
    let backup = operation.run(&cx).await.unwrap();
    assert_eq!(backup.stripes.len(), 2);
    assert_eq!(operation.observe(&cx).await.unwrap(), Observation::Done);
    for incomplete in [
        restore("1.bak"),
        restore("1.bak").and_file(named(&file("3.bak"))),
    ] {
        let error = run_error(&world, incomplete).await;
        assert_error(&error, (ErrorKind::NotFound, Effect::None), "a part");
        assert!(error.remedy().unwrap().contains("and_file"), "{error}");
    }
    let twice = restore("1.bak").and_file(named(&file("1.BAK")));
    let error = run_error(&world, twice).await;
    assert_error(&error, (ErrorKind::InvalidInput, Effect::None), "twice");
    assert_eq!(databases(&world).await, 0);
    let whole = restore("2.bak")
        .and_file(named(&file("1.bak")))
        .and_file(named(&file("3.bak")));
    whole.run(&cx).await.unwrap();
    let read = world.sql("SQL02", Some("Payroll"), "SELECT a FROM T").await;
    assert_eq!(read.integer(), 4711);
    // A damaged stripe is found before anything is touched.
    let path = world.vault_file("3.bak");
    let mut bytes = fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&path, bytes).unwrap();
    let verify = Database::verify(&named("SQL02"))
        .file(named(&file("1.bak")))
        .and_file(named(&file("2.bak")))
        .and_file(named(&file("3.bak")));
    let error = run_error(&world, verify).await;
    assert_error(&error, (ErrorKind::Corrupt, Effect::None), "damaged");
    let many = (2..=65).fold(back_up("m1.bak"), |operation, number| {
        operation.and_file(named(&file(&format!("m{number}.bak"))))
    });
    let error = run_error(&world, many).await;
    assert!(error.to_string().contains("64 at most"), "{error}");
}

#[tokio::test]
async fn sizes_that_no_server_takes_are_not_sent() {
    let world = world().await;
    for (operation, field) in [
        (back_up("a.bak").block_size(1000), "block_size"),
        (back_up("a.bak").block_size(131_072), "block_size"),
        (back_up("a.bak").block_size(256), "block_size"),
        (
            back_up("a.bak").max_transfer_size(65_537),
            "max_transfer_size",
        ),
        (back_up("a.bak").max_transfer_size(0), "max_transfer_size"),
        (
            back_up("a.bak").max_transfer_size(4_259_840),
            "max_transfer_size",
        ),
        (back_up("a.bak").buffer_count(0), "buffer_count"),
        (back_up("a.bak").buffer_count(100_000), "buffer_count"),
    ] {
        let error = run_error(&world, operation).await;
        assert_error(&error, (ErrorKind::InvalidInput, Effect::None), field);
        assert!(error.to_string().contains(field), "{error}");
    }
    assert!(!world.vault_file("a.bak").exists());
    let operation = back_up("a.bak")
        .block_size(65_536)
        .buffer_count(16)
        .max_transfer_size(4_194_304);
    let script = operation.describe().script;
    assert!(
        script[0].contains(", BLOCKSIZE = 65536, BUFFERCOUNT = 16, MAXTRANSFERSIZE = 4194304, "),
        "{script:?}"
    );
    operation.run(&world.context()).await.unwrap();
}

#[tokio::test]
async fn compression_is_what_version_and_edition_have() {
    let mut world = World::new();
    world.add("OLD", |builder| builder.version(Version::Sql2019));
    world.add("SQL01", |builder| builder);
    world.add("NEW", |builder| builder.version(Version::Sql2025));
    world.add("SMALL", |builder| builder.edition(Edition::Express));
    let cx = world.context();
    for (server, compression, is_taken) in [
        ("OLD", BackupCompression::IfPossible, true),
        ("OLD", BackupCompression::MsXpress, false),
        ("SQL01", BackupCompression::MsXpress, true),
        ("SQL01", BackupCompression::Zstd, false),
        ("NEW", BackupCompression::Zstd, true),
        ("SMALL", BackupCompression::MsXpress, false),
        ("SMALL", BackupCompression::None, true),
    ] {
        let path = file(&format!("{server}{compression:?}.bak"));
        let operation = Database::backup(&named(server), &named("model"))
            .to_file(named(&path))
            .compression(compression);
        match operation.run(&cx).await {
            Ok(_) => assert!(is_taken, "{server} {compression:?}"),
            Err(error) => {
                assert!(!is_taken, "{server} {compression:?}: {error}");
                assert_error(&error, (ErrorKind::Unsupported, Effect::None), server);
            }
        }
    }
}

async fn certificate(world: &World, name: &str) -> CertificateBackup {
    Certificate::backup(&named("SQL01"), &named("master"), &named(name))
        .to_file(named(&file(&format!("{name}.cer"))))
        .private_key_to_file(named(&file(&format!("{name}.pvk"))))
        .encrypted_by(SecretRef::named("key"))
        .run(&world.context())
        .await
        .unwrap()
}

#[tokio::test]
async fn an_encrypted_backup_opens_with_its_certificate_only() {
    let world = world().await;
    let cx = world.context();
    let make = format!("{MASTER_KEY}; CREATE CERTIFICATE enc WITH SUBJECT = 'of tests'");
    world.sql("SQL01", None, &make).await;
    let unkept = r"BACKUP DATABASE Payroll TO DISK = '\\vault\keys\u.bak' WITH
        ENCRYPTION (ALGORITHM = AES_256, SERVER CERTIFICATE = enc)";
    let told = world.sql("SQL01", None, unkept).await.messages;
    assert!(told.iter().any(|message| message.number == 33091));
    let kept = certificate(&world, "enc").await;
    let operation = back_up("e.bak").encrypted_by(BackupCipher::Aes256, &kept);
    let backup = operation.run(&cx).await.unwrap();
    assert_eq!(backup.set.key_algorithm.as_deref(), Some("aes_256"));
    let thumbprint = &kept.certificate.thumbprint;
    assert_eq!(backup.set.encryptor_thumbprint.as_ref(), Some(thumbprint));
    back_up("plain.bak").run(&cx).await.unwrap();
    let shows = |leaf: &str| {
        let content = fs::read(world.vault_file(leaf)).unwrap();
        content.windows(12).any(|part| part == b"Recognisable")
    };
    assert_eq!(
        ["plain.bak", "e.bak", "u.bak"].map(shows),
        [true, false, false],
        "what can be read in the file itself"
    );
    let error = run_error(&world, restore("e.bak")).await;
    assert_error(&error, (ErrorKind::KeyMismatch, Effect::None), "absent");
    assert!(error.to_string().contains(thumbprint), "{error}");
    assert!(error.remedy().unwrap().contains(thumbprint), "{error}");
    assert_eq!(databases(&world).await, 0);
    // Another certificate of that name is another certificate.
    let again = "DROP CERTIFICATE enc; CREATE CERTIFICATE enc WITH SUBJECT = 'another'";
    world.sql("SQL01", None, again).await;
    let operation = back_up("f.bak").encrypted_by(BackupCipher::Aes128, &kept);
    let error = run_error(&world, operation).await;
    assert_error(&error, (ErrorKind::KeyMismatch, Effect::None), "another");
    world.sql("SQL02", None, MASTER_KEY).await;
    Certificate::restore(&named("SQL02"), &named("master"), &named("enc"))
        .from_file(named(&file("enc.cer")))
        .private_key_from_file(named(&file("enc.pvk")))
        .decrypted_by(SecretRef::named("key"))
        .expecting(&kept)
        .run(&cx)
        .await
        .unwrap();
    restore("e.bak").run(&cx).await.unwrap();
}

#[tokio::test]
async fn of_several_sets_the_right_one_is_restored() {
    let world = world().await;
    let cx = world.context();
    for batch in [
        "ALTER DATABASE Payroll SET RECOVERY FULL",
        r"BACKUP DATABASE Payroll TO DISK = '\\vault\keys\all.bak'",
        "INSERT Payroll.dbo.T VALUES (1)",
        r"BACKUP DATABASE model TO DISK = '\\vault\keys\all.bak'",
        r"BACKUP DATABASE Payroll TO DISK = '\\vault\keys\all.bak' WITH DIFFERENTIAL",
        r"BACKUP LOG Payroll TO DISK = '\\vault\keys\all.bak'",
        r"BACKUP DATABASE Payroll TO DISK = '\\vault\keys\all.bak' WITH COPY_ONLY",
        r"BACKUP DATABASE Payroll TO DISK = '\\vault\keys\diff.bak' WITH DIFFERENTIAL",
    ] {
        world.sql("SQL01", None, batch).await;
    }
    let error = run_error(&world, restore("all.bak")).await;
    assert_error(&error, (ErrorKind::InvalidInput, Effect::None), "several");
    let text = error.to_string();
    for line in [
        "5 backup sets",
        "1: a full backup of Payroll on SQL01",
        "2: a full backup of model",
        "3: a differential backup",
        "4: a log backup",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
    for (operation, needs) in [
        (
            restore("all.bak").position(3),
            "position 1 of the same media",
        ),
        (restore("all.bak").position(4), "every log backup since"),
        (restore("diff.bak"), "not on these media"),
    ] {
        let error = run_error(&world, operation).await;
        assert_error(&error, (ErrorKind::InvalidInput, Effect::None), needs);
        assert!(
            error.remedy().unwrap().contains(needs),
            "{:?}",
            error.remedy()
        );
    }
    let absent = restore("all.bak").newest_of(named("Orchestrator"));
    let error = run_error(&world, absent).await;
    assert!(error.to_string().contains("no full backup of Orchestrator"));
    let error = run_error(&world, restore("all.bak").position(9)).await;
    assert!(error.to_string().contains("no set 9"), "{error}");
    assert_eq!(databases(&world).await, 0);
    let newest = restore("all.bak").newest_of(named("payroll"));
    let restored = newest.run(&cx).await.unwrap();
    assert_eq!(restored.set.position, 5);
    let first = Database::restore(&named("SQL02"), &named("First"))
        .from_file(named(&file("all.bak")))
        .position(1);
    first.run(&cx).await.unwrap();
    for (database, rows) in [("Payroll", 2), ("First", 1)] {
        let count = "SELECT COUNT(*) FROM T";
        let read = world.sql("SQL02", Some(database), count).await;
        assert_eq!(read.integer(), rows, "{database}");
    }
}

/// SQL01 and SQL02, whose batches outlive their clients and take a second for each percent.
async fn slow_world() -> World {
    let mut choices = choices();
    choices.batch_outlives_socket = true;
    let mut world = World::new();
    for name in ["SQL01", "SQL02"] {
        world.add(name, |builder| {
            builder
                .modelling(choices.clone())
                .pace(Duration::from_secs(1))
        });
    }
    world.sql("SQL01", None, "CREATE DATABASE Payroll").await;
    let batch = r"BACKUP DATABASE Payroll TO DISK = '\\vault\keys\good.bak' WITH CHECKSUM";
    world.sql("SQL01", None, batch).await;
    world
}

async fn timed_out<O: Operation>(world: &World, login: (&str, &str), operation: &O) -> Error
where
    O::Output: std::fmt::Debug,
{
    let mut deadlines = Deadlines::default();
    deadlines.backup_or_restore = Some(Duration::from_secs(150));
    let cx = world
        .builder(login.0, login.1)
        .deadlines(deadlines)
        .build()
        .unwrap();
    operation.run(&cx).await.unwrap_err()
}

const RUNNING: &str = "SELECT COUNT(*) FROM sys.dm_exec_requests WHERE command LIKE N'%DATABASE'";

#[tokio::test(start_paused = true)]
async fn a_backup_that_takes_too_long_is_ended_and_looked_at() {
    let world = slow_world().await;
    world.server("SQL01").faults().install(
        Fault::when_statement_contains("BACKUP DATABASE [").delay(Duration::from_secs(100)),
    );
    let error = timed_out(&world, ("sa", SA), &back_up("late.bak")).await;
    assert_eq!(error.kind(), ErrorKind::TimedOut, "{error}");
    assert_eq!(
        error.effect(),
        Effect::Partial,
        "{error} {:?}",
        error.remedy()
    );
    let running = world.sql("SQL01", None, RUNNING).await;
    assert_eq!(running.integer(), 0, "nothing of it runs any more");
}

#[tokio::test]
async fn a_lost_answer_is_told_by_what_is_there() {
    let world = world().await;
    let cx = world.context();
    back_up("good.bak").run(&cx).await.unwrap();
    for (disconnect, effect, seen) in [
        (Disconnect::Before, Effect::None, Observation::NotDone),
        (Disconnect::After, Effect::Done, Observation::Done),
    ] {
        let faults = |server: &str, part: &str| {
            let fault = Fault::when_statement_contains(part).disconnect(disconnect);
            world.server(server).faults().install(fault);
        };
        faults("SQL01", "BACKUP DATABASE [");
        let operation = back_up(&format!("{disconnect:?}.bak"));
        let error = run_error(&world, operation.clone()).await;
        assert_error(&error, (ErrorKind::Unreachable, effect), "backup");
        assert_eq!(operation.observe(&cx).await.unwrap(), seen);
        faults("SQL02", "RESTORE DATABASE");
        let operation = restore("good.bak");
        let error = run_error(&world, operation.clone()).await;
        assert_error(&error, (ErrorKind::Unreachable, effect), "restore");
        assert_eq!(operation.observe(&cx).await.unwrap(), seen);
    }
}

#[tokio::test]
async fn who_can_not_see_sessions_is_not_told_that_one_is_gone() {
    let world = world().await;
    let login = "CREATE LOGIN weak WITH PASSWORD = 'Some Pass 1'; \
                 GRANT CREATE ANY DATABASE TO weak";
    world.sql("SQL01", None, login).await;
    let user = "CREATE USER weak FOR LOGIN weak; GRANT BACKUP DATABASE TO weak";
    world.sql("SQL01", Some("Payroll"), user).await;
    let fault = Fault::when_statement_contains("BACKUP DATABASE [").disconnect(Disconnect::After);
    world.server("SQL01").faults().install(fault);
    let cx = world.builder("weak", "Some Pass 1").build().unwrap();
    let error = back_up("w.bak").run(&cx).await.unwrap_err();
    assert_error(&error, (ErrorKind::Unreachable, Effect::Unknown), "blind");
    assert!(error.remedy().unwrap().contains("VIEW SERVER STATE"));
}
