//! KILL, and what a backup or restore leaves that doesn't come to its end; on the test's clock.
#![cfg(feature = "simulator")]
#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

#[path = "support/simulated.rs"]
#[allow(dead_code, reason = "each test program uses a part of it")]
mod simulated;

use std::time::Duration;

use scorch_recovery::transport::{SqlBatch, SqlSession, SqlTransport, TransportErrorKind};
use tokio::time::{Instant, sleep};

use simulated::{Collected, SA, World, named, run};

const NONE: [i32; 0] = [];

async fn connect(world: &World, login: &str, password: &str) -> Box<dyn SqlSession> {
    world
        .transport(login, password)
        .connect(&named("SQL01"), None)
        .await
        .unwrap()
}

async fn spid(session: &mut dyn SqlSession) -> i64 {
    run(session, "SELECT @@SPID").await.integer()
}

/// SQL01 whose backups and restores take a second for each percent.
async fn slow() -> World {
    let mut world = World::new();
    world.add("SQL01", |builder| builder.pace(Duration::from_secs(1)));
    world
        .sql(
            "SQL01",
            None,
            "CREATE DATABASE D; ALTER DATABASE D SET RECOVERY SIMPLE",
        )
        .await;
    world
        .sql(
            "SQL01",
            Some("D"),
            "CREATE TABLE T (a int); INSERT T VALUES (1)",
        )
        .await;
    world
}

#[tokio::test(start_paused = true)]
async fn what_can_not_be_killed_has_its_numbers() {
    let world = World::with(&["SQL01"]);
    world
        .sql(
            "SQL01",
            None,
            "CREATE LOGIN weak WITH PASSWORD = 'Some Pass 1'",
        )
        .await;
    let mut killer = connect(&world, "sa", SA).await;
    let mut victim = connect(&world, "sa", SA).await;
    let (own, other) = (spid(&mut *killer).await, spid(&mut *victim).await);
    for (batch, number) in [
        (format!("KILL {own}"), 6104),
        ("KILL 31000".to_owned(), 6106),
        ("KILL 9".to_owned(), 6107),
        ("KILL -1".to_owned(), 6101),
        (format!("KILL {other} WITH STATUSONLY"), 6120),
        (format!("BEGIN TRAN; KILL {other}; ROLLBACK"), 6115),
        ("KILL 99999999".to_owned(), 6106),
    ] {
        assert_eq!(
            run(&mut *killer, &batch).await.errors(),
            [number],
            "{batch}"
        );
    }
    let mut weak = connect(&world, "weak", "Some Pass 1").await;
    for batch in [
        format!("KILL {other}"),
        format!("KILL {other} WITH STATUSONLY"),
    ] {
        assert_eq!(run(&mut *weak, &batch).await.errors(), [6102]);
    }
    world
        .sql("SQL01", None, "GRANT ALTER ANY CONNECTION TO weak")
        .await;
    assert_eq!(run(&mut *victim, "SELECT 1").await.errors(), NONE);
    assert_eq!(
        run(&mut *weak, &format!("KILL {other}")).await.errors(),
        NONE
    );
    let mut ignored = Collected::default();
    let error = victim
        .execute(SqlBatch::open("SELECT 1"), &mut ignored)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), TransportErrorKind::Connect);
}

#[tokio::test(start_paused = true)]
async fn an_idle_session_that_is_killed_takes_its_transaction_with_it() {
    let world = slow().await;
    let mut killer = connect(&world, "sa", SA).await;
    let mut victim = connect(&world, "sa", SA).await;
    let id = spid(&mut *victim).await;
    run(&mut *victim, "USE D; BEGIN TRAN; UPDATE T SET a = 2").await;
    run(&mut *killer, "SET LOCK_TIMEOUT 0").await;
    assert_eq!(
        run(&mut *killer, "SELECT a FROM D.dbo.T").await.errors(),
        [1222]
    );
    run(&mut *killer, &format!("KILL {id}")).await;
    sleep(Duration::from_secs(1)).await;
    assert_eq!(
        run(&mut *killer, "SELECT a FROM D.dbo.T").await.integer(),
        1
    );
    let left = run(&mut *killer, &format!("KILL {id}")).await;
    assert_eq!(left.errors(), [6106], "nothing of it is left");
}

#[tokio::test(start_paused = true)]
async fn a_running_session_is_told_and_its_batch_is_taken_back() {
    let world = slow().await;
    let mut killer = connect(&world, "sa", SA).await;
    let mut victim = connect(&world, "sa", SA).await;
    let id = spid(&mut *victim).await;
    let mut told = Collected::default();
    let working = victim.execute(
        SqlBatch::open("USE D; BEGIN TRAN; UPDATE T SET a = 2; WAITFOR DELAY '01:00:00'; COMMIT"),
        &mut told,
    );
    let killing = async {
        sleep(Duration::from_secs(60)).await;
        run(&mut *killer, &format!("KILL {id}")).await;
        sleep(Duration::from_secs(1)).await;
        run(&mut *killer, "SELECT a FROM D.dbo.T").await.integer()
    };
    let (ended, value) = tokio::join!(working, killing);
    assert_eq!(ended.unwrap_err().kind(), TransportErrorKind::Interrupted);
    let last = told.messages.last().unwrap();
    assert_eq!((last.number, last.class), (596, 21));
    assert_eq!(value, 1);
}

/// Kills a statement when it has run for half a minute, and gives what its client was told.
async fn kill_amid(world: &World, statement: &str) -> Collected {
    let mut killer = connect(world, "sa", SA).await;
    let mut victim = connect(world, "sa", SA).await;
    let id = spid(&mut *victim).await;
    let mut told = Collected::default();
    let working = victim.execute(SqlBatch::open(statement), &mut told);
    let killing = async {
        sleep(Duration::from_secs(30)).await;
        run(&mut *killer, &format!("KILL {id}")).await;
    };
    let (ended, ()) = tokio::join!(working, killing);
    assert!(ended.is_err(), "{statement}");
    told
}

#[tokio::test(start_paused = true)]
async fn a_killed_backup_leaves_an_incomplete_set() {
    let world = slow().await;
    let told = kill_amid(
        &world,
        r"BACKUP DATABASE D TO DISK = '\\vault\keys\d.bak' WITH STATS = 10",
    )
    .await;
    assert_eq!(told.errors(), [596]);
    assert!(world.vault_file("d.bak").exists());
    let verify = r"RESTORE VERIFYONLY FROM DISK = '\\vault\keys\d.bak'";
    assert_eq!(
        world.try_sql("SQL01", None, verify).await.errors(),
        [3256, 3013]
    );
    let read = world.sql("SQL01", Some("D"), "SELECT a FROM T").await;
    assert_eq!(read.integer(), 1, "the database itself is as it was");
    // It is in the way of more, until the media are made anew.
    let more = r"BACKUP DATABASE D TO DISK = '\\vault\keys\d.bak'";
    assert_eq!(
        world.try_sql("SQL01", None, more).await.errors(),
        [3266, 3013]
    );
    world
        .sql("SQL01", None, &format!("{more} WITH FORMAT"))
        .await;
}

#[tokio::test(start_paused = true)]
async fn a_killed_restore_leaves_the_database_restoring() {
    let world = slow().await;
    world
        .sql(
            "SQL01",
            None,
            r"BACKUP DATABASE D TO DISK = '\\vault\keys\d.bak'",
        )
        .await;
    let restore = r"RESTORE DATABASE D FROM DISK = '\\vault\keys\d.bak' WITH REPLACE";
    assert_eq!(kill_amid(&world, restore).await.errors(), [596]);
    let state = "SELECT state FROM sys.databases WHERE name = 'D'";
    assert_eq!(world.sql("SQL01", None, state).await.integer(), 1);
    let refused = world.try_sql("SQL01", None, "USE D").await;
    assert_eq!(
        refused.errors(),
        [927],
        "REPLACE took what was there at its start"
    );
    world.sql("SQL01", None, restore).await;
    let read = world.sql("SQL01", Some("D"), "SELECT a FROM T").await;
    assert_eq!(read.integer(), 1);
}

#[tokio::test(start_paused = true)]
async fn after_100_percent_there_can_be_a_long_silence() {
    let mut world = World::new();
    world.add("SQL01", |builder| {
        builder.silence_after_progress(Duration::from_secs(1800))
    });
    world
        .sql(
            "SQL01",
            None,
            r"CREATE DATABASE D; BACKUP DATABASE D TO DISK = '\\vault\keys\d.bak'",
        )
        .await;
    let mut client = connect(&world, "sa", SA).await;
    let mut watcher = connect(&world, "sa", SA).await;
    let begun = Instant::now();
    let mut told = Collected::default();
    let restoring = client.execute(
        SqlBatch::open(
            r"RESTORE DATABASE D FROM DISK = '\\vault\keys\d.bak' WITH REPLACE, STATS = 50",
        ),
        &mut told,
    );
    let watching = async {
        sleep(Duration::from_secs(1700)).await;
        let percent = "SELECT CAST(percent_complete AS int) FROM sys.dm_exec_requests \
                       WHERE command = 'RESTORE DATABASE'";
        run(&mut *watcher, percent).await.integer()
    };
    let (ended, percent) = tokio::join!(restoring, watching);
    ended.unwrap();
    assert!(begun.elapsed() >= Duration::from_secs(1800));
    assert_eq!(percent, 100, "all percents, and still at work");
    let numbers: Vec<i32> = told.messages.iter().map(|m| m.number).collect();
    assert_eq!(numbers, [3211, 3211, 4035, 4035, 3014]);
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_outlives_its_client_does_its_work_to_the_end() {
    let mut world = World::new();
    let mut choices = simulated::choices();
    choices.batch_outlives_socket = true;
    world.add("SQL01", |builder| builder.modelling(choices));
    let mut client = connect(&world, "sa", SA).await;
    let mut ignored = Collected::default();
    let batch = SqlBatch::open("WAITFOR DELAY '00:10:00'; CREATE DATABASE Made");
    let gone = tokio::time::timeout(Duration::from_secs(60), client.execute(batch, &mut ignored));
    assert!(gone.await.is_err(), "the client gave up");
    drop(client);
    let made = "SELECT COUNT(*) FROM sys.databases WHERE name = 'Made'";
    assert_eq!(world.sql("SQL01", None, made).await.integer(), 0);
    let running = "SELECT session_id FROM sys.dm_exec_requests WHERE command = 'WAITFOR'";
    assert_eq!(world.sql("SQL01", None, running).await.rows.len(), 1);
    sleep(Duration::from_secs(600)).await;
    assert_eq!(world.sql("SQL01", None, made).await.integer(), 1);
    assert_eq!(world.sql("SQL01", None, running).await.rows.len(), 0);
    // And it can be killed as any other.
    let mut client = connect(&world, "sa", SA).await;
    let id = spid(&mut *client).await;
    let batch = SqlBatch::open("WAITFOR DELAY '00:10:00'; CREATE DATABASE Second");
    let gone = tokio::time::timeout(Duration::from_secs(60), client.execute(batch, &mut ignored));
    assert!(gone.await.is_err());
    drop(client);
    world.sql("SQL01", None, &format!("KILL {id}")).await;
    sleep(Duration::from_secs(1200)).await;
    let second = "SELECT COUNT(*) FROM sys.databases WHERE name = 'Second'";
    assert_eq!(world.sql("SQL01", None, second).await.integer(), 0);
}
