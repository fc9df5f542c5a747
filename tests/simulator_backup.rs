//! Backups and restores through T-SQL, with others around: who is in the way, who sees what.
#![cfg(feature = "simulator")]
#![allow(clippy::unwrap_used, reason = "tests")]

mod simulator_client;

use std::time::Duration;

use scorch_recovery::transport::SqlValue;
use simulator_client::{Client, PLAINTEXT, builder, create_orch, start, stored_values};

const BACKUP: &str = r"BACKUP DATABASE Orch TO DISK = 'C:\orch.bak' WITH STATS = 25";
const REPLACE: &str = r"RESTORE DATABASE Orch FROM DISK = 'C:\orch.bak' WITH REPLACE";

#[tokio::test]
async fn others_are_in_the_way_until_they_are_sent_away() {
    let folder = tempfile::tempdir().unwrap();
    let instance = start(folder.path(), "SQL01");
    let mut client = Client::connect(&instance).await;
    create_orch(&mut client).await;
    client.ok(BACKUP).await;
    let mut other = Client::connect(&instance).await;
    other.ok("USE Orch").await;
    assert_eq!(client.errors(REPLACE).await, [3101, 3013]);
    client
        .ok("ALTER DATABASE Orch SET SINGLE_USER WITH ROLLBACK IMMEDIATE")
        .await;
    client.ok(REPLACE).await;
    assert!(!other.acknowledged("SELECT 1").await, "it was sent away");
    assert_eq!(stored_values(&mut client, "Orch").await.0, [PLAINTEXT]);
    client.ok("USE Orch").await;
    assert_eq!(client.errors(REPLACE).await, [3102, 3013]);
}

#[tokio::test]
async fn what_is_written_after_a_backup_is_gone_after_its_restore() {
    let folder = tempfile::tempdir().unwrap();
    let instance = start(folder.path(), "SQL01");
    let mut client = Client::connect(&instance).await;
    create_orch(&mut client).await;
    client.ok("ALTER DATABASE Orch SET RECOVERY FULL").await;
    assert_eq!(
        client.ok(BACKUP).await.numbers()[..4],
        [3211, 3211, 3211, 3211]
    );
    client
        .ok("INSERT INTO Orch.dbo.Stored (id, value) VALUES (2, NULL)")
        .await;
    let plain = r"RESTORE DATABASE Orch FROM DISK = 'C:\orch.bak'";
    assert_eq!(client.errors(plain).await, [3159, 3013]);
    let tail = r"BACKUP LOG Orch TO DISK = 'C:\tail.trn' WITH NORECOVERY";
    client.ok(tail).await;
    assert_eq!(client.errors("USE Orch").await, [927]);
    client.ok(&format!("{plain} WITH NORECOVERY")).await;
    client
        .ok(r"RESTORE LOG Orch FROM DISK = 'C:\tail.trn'")
        .await;
    assert_eq!(
        stored_values(&mut client, "Orch").await.0,
        [PLAINTEXT, "NULL"]
    );
    client.ok(REPLACE).await;
    assert_eq!(stored_values(&mut client, "Orch").await.0, [PLAINTEXT]);
}

#[tokio::test]
async fn an_open_transaction_is_not_in_a_backup() {
    let folder = tempfile::tempdir().unwrap();
    let instance = start(folder.path(), "SQL01");
    let mut client = Client::connect(&instance).await;
    create_orch(&mut client).await;
    let mut writer = Client::connect(&instance).await;
    writer
        .ok("BEGIN TRANSACTION; INSERT INTO Orch.dbo.Stored (id, value) VALUES (2, NULL)")
        .await;
    client.ok(BACKUP).await;
    assert_eq!(writer.errors(BACKUP).await, [3021, 3013]);
    writer.ok("COMMIT").await;
    client
        .ok(r"RESTORE DATABASE Beside FROM DISK = 'C:\orch.bak'
              WITH MOVE 'Orch' TO 'C:\b.mdf', MOVE 'Orch_log' TO 'C:\b.ldf'")
        .await;
    assert_eq!(stored_values(&mut client, "Beside").await.0, [PLAINTEXT]);
    assert_eq!(
        stored_values(&mut client, "Orch").await.0,
        [PLAINTEXT, "NULL"]
    );
}

#[tokio::test(start_paused = true)]
async fn progress_is_polled_and_a_killed_restore_stays_restoring() {
    let folder = tempfile::tempdir().unwrap();
    let instance = builder(folder.path(), "SQL01")
        .pace(Duration::from_secs(1))
        .build()
        .unwrap();
    let mut client = Client::connect(&instance).await;
    create_orch(&mut client).await;
    client.ok(BACKUP).await;
    let spid = match client.ok("SELECT @@SPID").await.value() {
        SqlValue::Int(spid) => *spid,
        other => panic!("{other:?}"),
    };
    let running = tokio::spawn(async move { client.acknowledged(REPLACE).await });
    tokio::time::sleep(Duration::from_millis(30_500)).await;
    let mut other = Client::connect(&instance).await;
    let poll = format!(
        "SELECT CONVERT(int, percent_complete) FROM sys.dm_exec_requests
         WHERE session_id = {spid} AND command = 'RESTORE DATABASE'"
    );
    assert_eq!(other.ok(&poll).await.value(), &SqlValue::Int(30));
    assert_eq!(other.errors("USE Orch").await, [927]);
    other.ok(&format!("KILL {spid}")).await;
    assert!(!running.await.unwrap());
    let state = "SELECT state_desc FROM sys.databases WHERE name = 'Orch'";
    assert_eq!(other.ok(state).await.texts(), ["RESTORING"]);
    assert!(other.ok(&poll).await.rows.is_empty());
    other.ok("DROP DATABASE Orch").await;
    other.ok(REPLACE).await;
    assert_eq!(stored_values(&mut other, "Orch").await.0, [PLAINTEXT]);
}

#[tokio::test]
async fn devices_and_names_come_from_variables() {
    let folder = tempfile::tempdir().unwrap();
    let instance = start(folder.path(), "SQL01");
    let mut client = Client::connect(&instance).await;
    create_orch(&mut client).await;
    client
        .ok(
            r"DECLARE @name nvarchar(128) = N'Orch', @path nvarchar(260) = N'C:\v.bak';
              BACKUP DATABASE @name TO DISK = @path WITH NAME = N'from variables'",
        )
        .await;
    let header = client
        .ok(r"RESTORE HEADERONLY FROM DISK = 'C:\v.bak'")
        .await;
    assert_eq!((header.rows.len(), header.rows[0].len()), (1, 59));
    assert_eq!(header.texts(), ["from variables"]);
    let history = r"SELECT b.name FROM msdb.dbo.backupset b
                   JOIN msdb.dbo.backupmediafamily f ON f.media_set_id = b.media_set_id
                   WHERE f.physical_device_name = N'C:\v.bak'";
    assert_eq!(client.ok(history).await.texts(), ["from variables"]);
}

#[tokio::test]
async fn a_full_disk_stops_everything_and_harms_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let instance = start(folder.path(), "SQL01");
    let mut client = Client::connect(&instance).await;
    create_orch(&mut client).await;
    client.ok(BACKUP).await;
    for (statement, number) in [
        (
            "INSERT INTO Orch.dbo.Stored (id, value) VALUES (2, NULL)",
            9002,
        ),
        ("CREATE DATABASE Other", 9002),
        (BACKUP, 3202),
        (
            r"BACKUP SERVICE MASTER KEY TO FILE = 'C:\k' ENCRYPTION BY PASSWORD = 'File-Passw0rd-1'",
            15240,
        ),
        (
            r"RESTORE DATABASE Beside FROM DISK = 'C:\orch.bak'
              WITH MOVE 'Orch' TO 'C:\b.mdf', MOVE 'Orch_log' TO 'C:\b.ldf'",
            3257,
        ),
        ("ALTER SERVICE MASTER KEY REGENERATE", 9002),
    ] {
        instance.set_disk_quota(Some(100));
        assert_eq!(
            client.errors(statement).await.first(),
            Some(&number),
            "{statement}"
        );
        instance.set_disk_quota(None);
        assert_eq!(
            stored_values(&mut client, "Orch").await.0,
            [PLAINTEXT],
            "{statement}"
        );
    }
    client.ok(REPLACE).await;
}
