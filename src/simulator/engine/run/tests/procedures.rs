use super::Server;
use crate::simulator::engine::test_kit::{SA_PASSWORD, run, sign_in};

#[tokio::test]
async fn procedures_take_and_give_values() {
    let mut server = Server::new();
    server
        .run(
            "CREATE PROCEDURE dbo.[Add One] @In int, @Out int OUTPUT, @By int = 1 AS
             BEGIN SET NOCOUNT ON; SET @Out = @In + @By; SELECT @In AS given; RETURN 7 END",
        )
        .await;
    let answer = server
        .run(
            "DECLARE @o int, @r int; EXEC @r = dbo.[Add One] 5, @o OUTPUT; SELECT @o, @r; \
             EXEC [Add One] @Out = @o OUTPUT, @In = 1, @By = 10; SELECT @o",
        )
        .await;
    assert_eq!(
        answer.rows,
        [vec!["5"], vec!["6", "7"], vec!["1"], vec!["11"]]
    );
    assert_eq!(server.errors("EXEC dbo.[Add One]").await, [201]);
    assert_eq!(server.errors("EXEC dbo.[Add One] @Nope = 1").await, [8145]);
    let answer = server
        .run("SELECT name, is_output FROM sys.parameters ORDER BY parameter_id")
        .await;
    assert_eq!(answer.rows, [["@In", "0"], ["@Out", "1"], ["@By", "0"]]);
    server.run("DROP PROCEDURE dbo.[Add One]").await;
    assert_eq!(server.errors("EXEC dbo.[Add One] 1").await, [2812]);
}

#[tokio::test]
async fn temporary_procedures_are_their_session_s() {
    let mut server = Server::new();
    let mut other = sign_in(&server.instance, "sa", SA_PASSWORD);
    server.run("CREATE PROCEDURE #speaks AS SELECT 1").await;
    assert_eq!(
        server.errors("CREATE PROC #Speaks AS SELECT 2").await,
        [2714]
    );
    assert_eq!(server.errors("CREATE TABLE #speaks (a int)").await, [2714]);
    // Another session has its own, or none.
    assert_eq!(run(&mut other, "EXEC #speaks").await.errors(), [2812]);
    let made = run(&mut other, "CREATE PROCEDURE #speaks AS SELECT 3").await;
    assert!(made.errors().is_empty(), "{:?}", made.messages);
    assert_eq!(run(&mut other, "EXEC #speaks").await.rows, [["3"]]);
    // It is the session's in every database, and listed in none.
    assert_eq!(
        server
            .run("USE tempdb; EXEC #speaks; USE master")
            .await
            .rows,
        [["1"]]
    );
    let listed = "SELECT COUNT(*) FROM sys.procedures WHERE name LIKE N'#%'";
    assert_eq!(server.value(listed).await, "0");
    let known = "SELECT CASE WHEN OBJECT_ID(N'tempdb..#speaks', N'P') IS NULL THEN 0 ELSE 1 END";
    assert_eq!(server.value(known).await, "1");
    server.run("ALTER PROCEDURE #speaks AS SELECT 4").await;
    assert_eq!(server.value("EXEC #speaks").await, "4");
    server.run("DROP PROCEDURE #speaks").await;
    assert_eq!(server.value(known).await, "0");
    assert_eq!(server.errors("DROP PROCEDURE #speaks").await, [3701]);
    assert_eq!(
        server.errors("ALTER PROCEDURE #speaks AS SELECT 5").await,
        [208]
    );
    assert_eq!(run(&mut other, "EXEC #speaks").await.rows, [["3"]]);
}

#[tokio::test]
async fn temporary_procedures_go_with_what_made_them() {
    let mut server = Server::new();
    let answer = server
        .run("EXEC(N'CREATE PROCEDURE #inner AS SELECT 1'); SELECT OBJECT_ID(N'tempdb..#inner')")
        .await;
    assert_eq!(answer.rows, [["NULL"]]);
    server.run("BEGIN TRANSACTION").await;
    server.run("CREATE PROCEDURE #undone AS SELECT 1").await;
    server.run("ROLLBACK").await;
    assert_eq!(server.errors("EXEC #undone").await, [2812]);
}

#[tokio::test]
async fn text_is_run_with_parameters() {
    let mut server = Server::new();
    let answer = server
        .run(
            "DECLARE @n int, @sql nvarchar(max) = N'SELECT @n = @a * 2; SELECT @a'; \
             EXEC sp_executesql @sql, N'@a int, @n int OUTPUT', @a = 21, @n = @n OUTPUT; SELECT @n; \
             EXEC('SELECT ''x'''); EXEC ('USE tempdb'); SELECT DB_NAME()",
        )
        .await;
    assert_eq!(answer.rows, [["21"], ["42"], ["x"], ["master"]]);
    assert_eq!(server.errors("EXEC('SELECT FROM') SELECT 1").await, [156]);
}

#[tokio::test]
async fn results_can_be_inserted() {
    let mut server = Server::new();
    let answer = server
        .run(
            "CREATE TABLE #r (a int, b int, c int); \
             INSERT #r EXEC master.dbo.xp_fileexist N'C:\\nowhere\\x'; SELECT * FROM #r",
        )
        .await;
    assert_eq!(answer.rows, [["0", "0", "0"]]);

    // What statements on backups show goes there too.
    let columns: Vec<String> = (1..=13).map(|at| format!("c{at} nvarchar(200)")).collect();
    let answer = server
        .run(&format!(
            "CREATE TABLE #l ({}); BACKUP DATABASE model TO DISK = N'm.bak' \
             WITH FORMAT, MEDIANAME = N'kept'; \
             INSERT #l EXEC('RESTORE LABELONLY FROM DISK = N''m.bak'''); SELECT c1 FROM #l",
            columns.join(", ")
        ))
        .await;
    assert_eq!(answer.rows, [["kept"]]);
    let too_many = "INSERT #r EXEC('RESTORE LABELONLY FROM DISK = N''m.bak''')";
    assert_eq!(server.errors(too_many).await, [213]);
}

#[tokio::test]
async fn errors_in_procedures_name_them() {
    let mut server = Server::new();
    server
        .run("CREATE PROCEDURE dbo.p AS\nSELECT 1\nSELECT 1/0\nSELECT 2")
        .await;
    let answer = run(&mut server.sa, "\n\nEXEC dbo.p").await;
    assert_eq!(answer.rows, [["1"], ["2"]]);
    let message = &answer.messages[0];
    assert_eq!((message.procedure.as_str(), message.line), ("p", 3));
    let answer = server
        .run("\n\nBEGIN TRY EXEC dbo.p END TRY BEGIN CATCH SELECT ERROR_PROCEDURE(), ERROR_LINE() END CATCH")
        .await;
    assert_eq!(answer.rows, [vec!["1"], vec!["p", "3"]]);
}

#[tokio::test(start_paused = true)]
async fn application_locks_keep_others_out() {
    let mut server = Server::new();
    let mut other = sign_in(&server.instance, "sa", SA_PASSWORD);
    let take = "DECLARE @r int; EXEC @r = sp_getapplock @Resource = N'recover', \
                @LockMode = 'Exclusive', @LockOwner = 'Session', @LockTimeout = 100; SELECT @r";
    assert_eq!(server.value(take).await, "0");
    assert_eq!(run(&mut other, take).await.rows, [["-1"]]);
    assert_eq!(
        server
            .value("SELECT APPLOCK_MODE('public', 'recover', 'Session')")
            .await,
        "Exclusive"
    );
    server
        .run("EXEC sp_releaseapplock @Resource = 'recover', @LockOwner = 'Session'")
        .await;
    assert_eq!(run(&mut other, take).await.rows, [["0"]]);
    drop(other);
    assert_eq!(server.value(take).await, "0");
}

#[tokio::test]
async fn what_a_call_did_to_the_session_ends_with_it() {
    let mut server = Server::new();
    server
        .run("CREATE LOGIN weak WITH PASSWORD = 'Some Pass 1'")
        .await;
    server
        .run("CREATE PROCEDURE dbo.p AS EXEC ('CREATE TABLE #t (a int); EXECUTE AS LOGIN = ''weak''; USE tempdb; SELECT SUSER_SNAME() + DB_NAME()')")
        .await;
    let answer = server
        .run("EXEC dbo.p; SELECT SUSER_SNAME() + DB_NAME()")
        .await;
    assert_eq!(answer.rows, [["weaktempdb"], ["samaster"]]);
    assert_eq!(server.errors("SELECT * FROM #t").await, [208]);
    assert_eq!(server.errors("EXEC sp_executesql 'SELECT 1'").await, [214]);
}

/// An attention drops a request where it stands.
#[tokio::test(start_paused = true)]
async fn a_call_that_is_cut_short_leaves_nothing_behind() {
    let mut server = Server::new();
    server.run("CREATE DATABASE D").await;
    server.run("USE D").await;
    server
        .run("CREATE PROCEDURE dbo.p AS SELECT 1; WAITFOR DELAY '01:00:00'")
        .await;
    server.run("USE master").await;
    let short = std::time::Duration::from_secs(1);
    let cut = tokio::time::timeout(short, run(&mut server.sa, "EXEC D.dbo.p")).await;
    assert!(cut.is_err());
    assert_eq!(server.value("SELECT DB_NAME()").await, "master");
}

#[tokio::test]
async fn the_servers_own_procedures_keep_secrets_and_make_folders() {
    let mut server = Server::new();
    server
        .run(
            "CREATE DATABASE D; EXEC sp_control_dbmasterkey_password @db_name = N'D', \
             @password = N'p', @action = N'add'",
        )
        .await;
    assert_eq!(
        server
            .value("SELECT COUNT(*) FROM sys.master_key_passwords")
            .await,
        "1"
    );
    let again = "EXEC sp_control_dbmasterkey_password N'D', N'p', N'add'";
    assert_eq!(server.errors(again).await, [15594]);
    server
        .run(
            "EXEC sp_addlinkedserver @server = N'OTHER', @srvproduct = N'SQL Server'; \
             EXEC sp_addlinkedsrvlogin N'OTHER', 'false', NULL, N'remote', N'secret'",
        )
        .await;
    let answer = server
        .run(
            "SELECT s.name, l.remote_name FROM sys.linked_logins l JOIN sys.servers s \
             ON s.server_id = l.server_id",
        )
        .await;
    assert_eq!(answer.rows, [["OTHER", "remote"]]);
    assert_eq!(
        server.errors("EXEC sp_addlinkedserver N'OTHER'").await,
        [15028]
    );
    server
        .run("EXEC master.dbo.xp_create_subdir N'C:\\made\\below'")
        .await;
    let exists = "SELECT file_is_a_directory FROM sys.dm_os_file_exists(N'C:\\made\\below')";
    assert_eq!(server.value(exists).await, "1");
    assert_eq!(server.errors("EXEC xp_cmdshell 'dir'").await, [15281]);
}

#[tokio::test]
async fn tables_of_thousands_of_rows_are_read_in_a_moment() {
    let mut server = Server::new();
    server
        .run(
            "CREATE TABLE #n (n int, a nvarchar(20), b nvarchar(20), c nvarchar(20)); \
             INSERT #n SELECT ROW_NUMBER() OVER (ORDER BY x.o), N'a', N'b', N'c' FROM \
             (SELECT a.object_id AS o FROM sys.all_objects a CROSS JOIN sys.all_objects b \
              CROSS JOIN (VALUES (1), (2), (3)) AS v(k)) x",
        )
        .await;
    let started = std::time::Instant::now();
    let count = "SELECT COUNT(*) FROM #n WHERE n > 10 AND b = N'B' AND n % 2 = 0";
    let rows: usize = server.value(count).await.parse().unwrap();
    assert!(rows > 3000, "{rows}");
    assert!(
        started.elapsed() < std::time::Duration::from_secs(5),
        "{:?}",
        started.elapsed()
    );
}
