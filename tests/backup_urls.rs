//! Backups to URLs, and restores from them.
#![cfg(feature = "simulator")]
#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

#[path = "support/kit.rs"]
mod kit;

use scorch_recovery::simulator::{Disconnect, Fault, Version};
use scorch_recovery::sql::{
    BackUpDatabase, BackupCompression, Database, RestoreDatabase, VerifyBackup, grant_script,
};
use scorch_recovery::{Context, Effect, Error, ErrorKind, Observation, Operation};

use kit::simulated::{BUCKET, CONTAINER, CREDENTIALS, SA, World, named};
use kit::{assert_error, run_error};

const LEAST: &str = "least";

async fn world() -> World {
    let world = World::with(&["SQL01", "SQL02"]);
    for server in ["SQL01", "SQL02"] {
        world.sql(server, None, CREDENTIALS).await;
    }
    world.sql("SQL01", None, "CREATE DATABASE Payroll").await;
    let rows = "CREATE TABLE T (a int); INSERT T VALUES (4711)";
    world.sql("SQL01", Some("Payroll"), rows).await;
    world
}

fn at(leaf: &str) -> String {
    format!("{CONTAINER}/{leaf}")
}

fn in_bucket(leaf: &str) -> String {
    format!("{BUCKET}/{leaf}")
}

fn back_up(url: &str) -> BackUpDatabase {
    Database::backup(&named("SQL01"), &named("Payroll")).to_url(named(url))
}

fn restore(url: &str) -> RestoreDatabase {
    Database::restore(&named("SQL02"), &named("Payroll")).from_url(named(url))
}

fn verify(url: &str) -> VerifyBackup {
    Database::verify(&named("SQL02")).url(named(url))
}

async fn databases(world: &World) -> i64 {
    let count = "SELECT COUNT(*) FROM sys.databases WHERE database_id > 4";
    world.sql("SQL02", None, count).await.integer()
}

/// How many sets were ever written.
async fn backups(world: &World) -> i64 {
    let count = "SELECT COUNT(*) FROM msdb.dbo.backupset";
    world.sql("SQL01", None, count).await.integer()
}

#[tokio::test]
async fn a_backup_goes_over_a_container_to_another_server() {
    let world = world().await;
    let cx = world.context();
    for (number, url) in [at("2026/Payroll.bak"), in_bucket("NUL")]
        .iter()
        .enumerate()
    {
        let operation = back_up(url);
        assert_eq!(operation.observe(&cx).await.unwrap(), Observation::NotDone);
        let described = operation.describe();
        assert!(
            described.script[0].contains(&format!(" TO URL = N'{url}' WITH COPY_ONLY, ")),
            "{described:?}"
        );
        let backup = operation.run(&cx).await.unwrap();
        assert_eq!(backup.file.as_str(), url);
        assert_eq!(operation.observe(&cx).await.unwrap(), Observation::Done);
        assert_eq!(verify(url).run(&cx).await.unwrap(), backup.set);
        // What was made is written down and read back.
        let written = serde_json::to_string(&backup).unwrap();
        let backup = serde_json::from_str(&written).unwrap();
        let name = format!("Copy{number}");
        let operation = Database::restore(&named("SQL02"), &named(&name)).from_backup(&backup);
        operation.run(&cx).await.unwrap();
        let read = world.sql("SQL02", Some(&name), "SELECT a FROM T").await;
        assert_eq!(read.integer(), 4711);
    }
    let kinds = "SELECT COUNT(*) FROM msdb.dbo.backupmediafamily WHERE device_type = 9";
    assert_eq!(world.sql("SQL01", None, kinds).await.integer(), 2);
}

#[tokio::test]
async fn a_striped_backup_needs_every_url() {
    let world = world().await;
    let cx = world.context();
    let operation = back_up(&at("1.bak")).and_url(named(&at("2.bak")));
    let backup = operation.run(&cx).await.unwrap();
    assert_eq!(backup.stripes.len(), 1);
    let error = run_error(&world, restore(&at("1.bak"))).await;
    assert_error(&error, (ErrorKind::NotFound, Effect::None), "a part");
    assert!(error.remedy().unwrap().contains("and_url"), "{error}");
    let twice = restore(&at("1.bak")).and_url(named(&at("1.bak")));
    let error = run_error(&world, twice).await;
    assert_error(&error, (ErrorKind::InvalidInput, Effect::None), "twice");
    // Names of blobs differ by case.
    let error = run_error(&world, restore(&at("1.bak")).and_url(named(&at("1.BAK")))).await;
    assert_error(&error, (ErrorKind::NotFound, Effect::None), "other case");
    assert_eq!(databases(&world).await, 0);
    verify(&at("2.bak"))
        .and_url(named(&at("1.bak")))
        .run(&cx)
        .await
        .unwrap();
    let whole = restore(&at("2.bak")).and_url(named(&at("1.bak")));
    whole.run(&cx).await.unwrap();
    let read = world.sql("SQL02", Some("Payroll"), "SELECT a FROM T").await;
    assert_eq!(read.integer(), 4711);
}

#[tokio::test]
async fn what_is_at_a_url_is_not_overwritten() {
    let world = world().await;
    let cx = world.context();
    let first = back_up(&at("a.bak")).run(&cx).await.unwrap();
    for operation in [
        back_up(&at("a.bak")),
        back_up(&at("new.bak")).and_url(named(&at("a.bak"))),
    ] {
        let error = run_error(&world, operation).await;
        assert_error(&error, (ErrorKind::AlreadyExists, Effect::None), "a blob");
    }
    assert_eq!(verify(&at("a.bak")).run(&cx).await.unwrap(), first.set);
    assert_eq!(backups(&world).await, 1);
}

#[tokio::test]
async fn a_credential_is_looked_for_before_anything_is_written() {
    let world = World::with(&["SQL01", "SQL02"]);
    world.sql("SQL01", None, "CREATE DATABASE Payroll").await;
    for (url, identity) in [
        (at("a.bak"), "SHARED ACCESS SIGNATURE"),
        (in_bucket("a.bak"), "S3 Access Key"),
    ] {
        for error in [
            run_error(&world, back_up(&url)).await,
            run_error(&world, restore(&url)).await,
            run_error(&world, verify(&url)).await,
        ] {
            assert_error(&error, (ErrorKind::NotFound, Effect::None), &url);
            let remedy = error.remedy().unwrap();
            let container = url.strip_suffix("/a.bak").unwrap();
            assert!(
                remedy.contains(&format!(
                    "CREATE CREDENTIAL [{container}] WITH IDENTITY = '{identity}'"
                )),
                "{remedy}"
            );
        }
        // A key of the account makes page blobs, which is another thing.
        let container = url.strip_suffix("/a.bak").unwrap();
        let other =
            format!("CREATE CREDENTIAL [{container}] WITH IDENTITY = 'account', SECRET = 'c4n4ry'");
        world.sql("SQL01", None, &other).await;
        let error = run_error(&world, back_up(&url)).await;
        assert_error(&error, (ErrorKind::InvalidInput, Effect::None), &url);
        assert!(error.to_string().contains("of another kind"), "{error}");
    }
    for url in [at("a.bak"), in_bucket("a.bak")] {
        let by_hand = format!("BACKUP DATABASE Payroll TO URL = N'{url}'");
        let said = world.try_sql("SQL01", None, &by_hand).await;
        assert_eq!(said.errors(), [3201, 3013]);
    }
    assert_eq!(backups(&world).await, 0);
    // One for the container of another name doesn't count.
    let near = format!(
        "CREATE CREDENTIAL [{CONTAINER}2] WITH IDENTITY = 'SHARED ACCESS SIGNATURE', SECRET = 'x'"
    );
    world.sql("SQL02", None, &near).await;
    let error = run_error(&world, verify(&at("a.bak"))).await;
    assert_error(&error, (ErrorKind::NotFound, Effect::None), "near");
}

async fn refused<O: Operation>(cx: &Context, operation: O) -> Error
where
    O::Output: std::fmt::Debug,
{
    operation.run(cx).await.unwrap_err()
}

#[tokio::test]
async fn hosts_that_nobody_allowed_are_not_reached() {
    let world = world().await;
    let foreign = "https://account.blob.core.windows.net.evil.example/backups/a.bak";
    let cx = world.context();
    let other = Database::backup(&named("SQL01"), &named("Payroll"))
        .to_url(named(&at("a.bak")))
        .and_url(named(foreign));
    for error in [
        refused(&cx, back_up(foreign)).await,
        refused(&cx, other).await,
        refused(&cx, restore(foreign)).await,
        refused(&cx, verify(foreign)).await,
        back_up(foreign).observe(&cx).await.unwrap_err(),
    ] {
        assert_error(&error, (ErrorKind::InvalidInput, Effect::None), "foreign");
        assert!(
            error.remedy().unwrap().contains("allow_backup_host"),
            "{error}"
        );
    }
    // None is allowed by itself, nor by being allowed as a file server.
    let cx = Context::builder()
        .sql(world.transport("sa", SA))
        .allow_unc_host("account.blob.core.windows.net")
        .build()
        .unwrap();
    let error = refused(&cx, back_up(&at("a.bak"))).await;
    assert_error(&error, (ErrorKind::InvalidInput, Effect::None), "default");
    assert_eq!(backups(&world).await, 0);
}

#[tokio::test]
async fn media_are_of_one_kind() {
    let world = world().await;
    let file = r"\\vault\keys\a.bak";
    let mixed = back_up(&at("a.bak")).and_file(named(file));
    let kinds = back_up(&at("a.bak")).and_url(named(&in_bucket("a.bak")));
    for operation in [mixed, kinds] {
        let error = run_error(&world, operation).await;
        assert_error(&error, (ErrorKind::InvalidInput, Effect::None), "mixed");
        assert!(error.to_string().contains("two kinds"), "{error}");
    }
    let error = run_error(&world, restore(&at("a.bak")).and_file(named(file))).await;
    assert_error(&error, (ErrorKind::InvalidInput, Effect::None), "mixed");
}

#[tokio::test]
async fn older_servers_do_not_know_urls() {
    let mut world = World::new();
    world.add("SQL01", |builder| builder.version(Version::Sql2019));
    world.add("OLD", |builder| builder.version(Version::Sql2014));
    world.sql("SQL01", None, CREDENTIALS).await;
    world.sql("SQL01", None, "CREATE DATABASE Payroll").await;
    let error = run_error(&world, back_up(&in_bucket("a.bak"))).await;
    assert_error(&error, (ErrorKind::Unsupported, Effect::None), "S3");
    assert!(error.to_string().contains("SQL Server 2022"), "{error}");
    back_up(&at("a.bak")).run(&world.context()).await.unwrap();
    let old = Database::verify(&named("OLD")).url(named(&at("a.bak")));
    let error = run_error(&world, old).await;
    assert_error(&error, (ErrorKind::Unsupported, Effect::None), "2014");
    world.sql("OLD", None, CREDENTIALS).await;
    let by_hand = format!("BACKUP DATABASE model TO URL = N'{}'", at("old.bak"));
    let said = world.try_sql("OLD", None, &by_hand).await;
    assert_eq!(said.errors(), [3201, 3013]);
}

#[tokio::test]
async fn transfers_to_s3_have_their_own_sizes() {
    let world = world().await;
    let bucket = |leaf: &str| back_up(&in_bucket(leaf));
    for operation in [
        bucket("a.bak").max_transfer_size(4_194_304),
        bucket("a.bak").max_transfer_size(20_971_520 + 65_536),
        bucket("a.bak").max_transfer_size(5_242_881),
        bucket("a.bak")
            .max_transfer_size(5_242_880)
            .compression(BackupCompression::None),
        back_up(&at("a.bak")).max_transfer_size(5_242_880),
    ] {
        let error = run_error(&world, operation).await;
        assert_error(&error, (ErrorKind::InvalidInput, Effect::None), "size");
        assert!(error.to_string().contains("max_transfer_size"), "{error}");
    }
    assert_eq!(backups(&world).await, 0);
    let cx = world.context();
    for size in [5_242_880, 20_971_520] {
        let operation = bucket(&format!("{size}.bak")).max_transfer_size(size);
        operation.run(&cx).await.unwrap();
    }
}

#[tokio::test]
async fn a_missing_bucket_is_told_with_the_way_out() {
    let world = world().await;
    let make = "CREATE CREDENTIAL [https://account.blob.core.windows.net/none] \
                WITH IDENTITY = 'SHARED ACCESS SIGNATURE', SECRET = 'x'";
    for server in ["SQL01", "SQL02"] {
        world.sql(server, None, make).await;
    }
    for url in [
        "s3://storage.corp:9000/none/a.bak",
        "https://account.blob.core.windows.net/none/a.bak",
    ] {
        for error in [
            run_error(&world, back_up(url)).await,
            run_error(&world, restore(url)).await,
        ] {
            assert_error(&error, (ErrorKind::SqlServer, Effect::None), url);
            assert!(
                error.remedy().unwrap().contains("container or bucket"),
                "{error}"
            );
        }
        let said = world
            .try_sql(
                "SQL01",
                None,
                &format!("BACKUP DATABASE Payroll TO URL = N'{url}'"),
            )
            .await;
        assert_eq!(said.errors(), [3201, 3013]);
    }
}

#[tokio::test]
async fn the_rights_that_are_told_are_enough_and_each_is_needed() {
    let world = world().await;
    world
        .sql(
            "SQL01",
            None,
            &format!("CREATE LOGIN {LEAST} WITH PASSWORD = N'{SA}'"),
        )
        .await;
    world
        .sql(
            "SQL02",
            None,
            &format!("CREATE LOGIN {LEAST} WITH PASSWORD = N'{SA}'"),
        )
        .await;
    let cx = world.builder(LEAST, SA).build().unwrap();
    let grant = |permissions: &[scorch_recovery::Permission]| {
        grant_script(permissions, &named(LEAST)).join("; ")
    };
    let url = at("a.bak");
    for (server, permissions) in [
        ("SQL01", back_up(&url).describe().permissions),
        ("SQL02", restore(&url).describe().permissions),
    ] {
        let names: Vec<&str> = permissions
            .iter()
            .map(|right| right.name.as_str())
            .collect();
        assert!(names.contains(&"ALTER ANY CREDENTIAL"), "{names:?}");
        world.sql(server, None, &grant(&permissions)).await;
    }
    back_up(&url).run(&cx).await.unwrap();
    verify(&url).run(&cx).await.unwrap();
    restore(&url).run(&cx).await.unwrap();
    for server in ["SQL01", "SQL02"] {
        let revoke = format!("REVOKE ALTER ANY CREDENTIAL FROM {LEAST}");
        world.sql(server, None, &revoke).await;
    }
    for error in [
        refused(&cx, back_up(&at("b.bak"))).await,
        refused(&cx, verify(&url)).await,
        refused(&cx, restore(&url)).await,
    ] {
        assert_error(&error, (ErrorKind::PermissionDenied, Effect::None), "less");
        assert!(
            error.to_string().contains("ALTER ANY CREDENTIAL"),
            "{error}"
        );
    }
}

#[tokio::test]
async fn a_backup_whose_answer_is_lost_is_observed() {
    let world = world().await;
    let cx = world.context();
    let fault = Fault::when_statement_contains("BACKUP DATABASE ").disconnect(Disconnect::After);
    world.server("SQL01").faults().install(fault);
    let operation = back_up(&at("a.bak"));
    let ended = operation.run(&cx).await;
    assert_eq!(operation.observe(&cx).await.unwrap(), Observation::Done);
    if let Err(error) = ended {
        assert_ne!(error.effect(), Effect::None, "{error}");
    }
}

#[tokio::test]
async fn existing_databases_are_overwritten_with_a_copy_at_a_url() {
    let world = world().await;
    let cx = world.context();
    let backup = back_up(&at("a.bak")).run(&cx).await.unwrap();
    restore(&at("a.bak")).run(&cx).await.unwrap();
    let existing = Database::inspect(&named("SQL02"), &named("Payroll"))
        .run(&cx)
        .await
        .unwrap();
    let copy = Database::backup(&named("SQL02"), &named("Payroll"))
        .to_url(named(&at("copy.bak")))
        .run(&cx)
        .await
        .unwrap();
    let over = Database::restore(&named("SQL02"), &named("Payroll"))
        .from_backup(&backup)
        .overwriting(&existing, Some(&copy));
    over.run(&cx).await.unwrap();
    assert_eq!(databases(&world).await, 1);
}
