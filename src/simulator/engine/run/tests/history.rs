//! What deletes from the history of backups and restores.

use super::Server;
use crate::simulator::engine::test_kit::{run, sign_in};

/// How many rows each table of the history has.
const COUNTS: &str = "SELECT (SELECT COUNT(*) FROM msdb.dbo.backupset), \
    (SELECT COUNT(*) FROM msdb.dbo.backupfile), \
    (SELECT COUNT(*) FROM msdb.dbo.backupfilegroup), \
    (SELECT COUNT(*) FROM msdb.dbo.backupmediaset), \
    (SELECT COUNT(*) FROM msdb.dbo.backupmediafamily), \
    (SELECT COUNT(*) FROM msdb.dbo.restorehistory), \
    (SELECT COUNT(*) FROM msdb.dbo.restorefile), \
    (SELECT COUNT(*) FROM msdb.dbo.restorefilegroup)";

/// Two backups of `A` on one medium, one of `B`, and a restore of each database.
async fn with_history() -> Server {
    let mut server = Server::new();
    server
        .run(
            "CREATE DATABASE A; CREATE DATABASE B; \
             BACKUP DATABASE A TO DISK = 'a.bak'; BACKUP DATABASE A TO DISK = 'a.bak'; \
             BACKUP DATABASE B TO DISK = 'b.bak'; \
             RESTORE DATABASE A FROM DISK = 'a.bak' WITH REPLACE; \
             RESTORE DATABASE B FROM DISK = 'b.bak' WITH REPLACE",
        )
        .await;
    server
}

async fn counts(server: &mut Server) -> Vec<String> {
    server.run(COUNTS).await.rows[0].clone()
}

#[tokio::test]
async fn the_history_of_one_database_goes_with_its_media() {
    let mut server = with_history().await;
    let all = counts(&mut server).await;
    assert_eq!(all, ["3", "6", "3", "3", "3", "2", "4", "2"]);
    server
        .run("EXEC msdb.dbo.sp_delete_database_backuphistory @database_name = N'a'")
        .await;
    let left = counts(&mut server).await;
    assert_eq!(left, ["1", "2", "1", "1", "1", "1", "2", "1"]);
    let names = "SELECT database_name FROM msdb.dbo.backupset";
    assert_eq!(server.value(names).await, "B");
    // The backups themselves are as they were.
    server.run("RESTORE VERIFYONLY FROM DISK = 'a.bak'").await;
}

#[tokio::test]
async fn the_history_before_a_day_goes_and_the_rest_stays() {
    let mut server = with_history().await;
    let all = counts(&mut server).await;
    server
        .run("USE msdb; EXEC sp_delete_backuphistory @oldest_date = '1990-01-01'")
        .await;
    assert_eq!(counts(&mut server).await, all, "nothing is as old");
    server
        .run(
            "DECLARE @now datetime = DATEADD(day, 1, GETDATE()); EXEC sp_delete_backuphistory @now",
        )
        .await;
    assert_eq!(counts(&mut server).await, ["0"; 8]);
}

#[tokio::test]
async fn deleting_history_is_a_permission_that_can_be_granted() {
    let mut server = with_history().await;
    server
        .run("CREATE LOGIN weak WITH PASSWORD = 'Some Pass 1', CHECK_POLICY = OFF")
        .await;
    let mut weak = sign_in(&server.instance, "weak", "Some Pass 1");
    let delete = "EXEC msdb.dbo.sp_delete_database_backuphistory 'A'";
    assert_eq!(run(&mut weak, delete).await.errors(), [229]);
    assert_eq!(counts(&mut server).await[0], "3");
    server
        .run(
            "USE msdb; CREATE USER weak FOR LOGIN weak; \
             GRANT EXECUTE ON dbo.sp_delete_database_backuphistory TO weak",
        )
        .await;
    assert_eq!(run(&mut weak, delete).await.errors(), Vec::<i32>::new());
    assert_eq!(counts(&mut server).await[0], "1");
    let missing = "EXEC msdb.dbo.sp_delete_database_backuphistory";
    assert_eq!(run(&mut weak, missing).await.errors(), [201]);
}
