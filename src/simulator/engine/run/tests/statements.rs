use super::Server;
use crate::simulator::engine::test_kit::{SA_PASSWORD, run, sign_in};

#[tokio::test]
async fn a_batch_goes_on_after_an_error() {
    let mut server = Server::new();
    let answer = run(
        &mut server.sa,
        "SELECT 1\nDROP TABLE nothing\nSELECT @@ERROR AS e\nSELECT 1/0\nSELECT 3",
    )
    .await;
    assert_eq!(answer.rows, [["1"], ["3701"], ["3"]]);
    assert_eq!(answer.errors(), [3701, 8134]);
    let lines: Vec<u32> = answer.messages.iter().map(|message| message.line).collect();
    assert_eq!(lines, [2, 4]);
    assert_eq!(
        answer.ends,
        [
            (193, Some(1), false),
            (199, None, true),
            (193, Some(1), false),
            (193, None, true),
            (193, Some(1), false),
        ]
    );
}

#[tokio::test]
async fn implicit_transactions_begin_with_what_reads_or_writes() {
    let mut server = Server::new();
    server.run("CREATE TABLE t (a int)").await;
    let batch = "SET IMPLICIT_TRANSACTIONS ON SELECT @@TRANCOUNT INSERT t VALUES (1) SELECT @@TRANCOUNT, @@OPTIONS & 2 \
                 ROLLBACK SELECT @@TRANCOUNT SELECT a FROM t SELECT @@TRANCOUNT COMMIT \
                 BEGIN TRANSACTION SELECT @@TRANCOUNT ROLLBACK \
                 SET IMPLICIT_TRANSACTIONS OFF INSERT t VALUES (2) SELECT @@TRANCOUNT, a FROM t";
    let answer = server.run(batch).await;
    assert_eq!(
        answer.rows,
        [
            vec!["0"],
            vec!["1", "2"],
            vec!["0"],
            vec!["1"],
            vec!["2"],
            vec!["0", "2"]
        ]
    );
}

#[tokio::test]
async fn notices_say_where_they_come_from() {
    let mut server = Server::new();
    server.run("CREATE DATABASE D").await;
    let procedure = "CREATE PROCEDURE dbo.p AS\n\nBACKUP DATABASE D TO DISK = N'd.bak'\nPRINT 'x'";
    server.run(procedure).await;
    let answer = server.run("EXEC dbo.p").await;
    let places: std::collections::BTreeSet<_> = answer
        .messages
        .iter()
        .map(|m| (m.number, m.line, m.procedure.as_str()))
        .collect();
    assert!(places.contains(&(3014, 3, "p")), "{places:?}");
    assert!(places.contains(&(0, 4, "p")), "{places:?}");
}

#[tokio::test]
async fn a_batch_that_does_not_parse_runs_nothing() {
    let mut server = Server::new();
    let answer = run(&mut server.sa, "CREATE TABLE #t (a int); SELECT FROM").await;
    assert_eq!(answer.errors(), [156]);
    assert_eq!(answer.ends, [(253, None, true)]);
    assert_eq!(server.errors("SELECT * FROM #t").await, [208]);
}

#[tokio::test]
async fn a_conversion_that_fails_ends_the_batch() {
    let mut server = Server::new();
    let answer = run(
        &mut server.sa,
        "IF 1 = 1 BEGIN SELECT CAST('x' AS int) END SELECT 2",
    )
    .await;
    assert_eq!(answer.errors(), [245]);
    assert!(answer.rows.is_empty());
}

#[tokio::test]
async fn rows_are_stored_changed_and_kept() {
    let mut server = Server::new();
    server
        .run(
            "CREATE DATABASE Orch; USE Orch; CREATE TABLE dbo.T (
               Id int IDENTITY(10, 1) CONSTRAINT PK_T PRIMARY KEY,
               Guid uniqueidentifier NOT NULL DEFAULT NEWID(),
               Name nvarchar(5) NOT NULL, Made datetime DEFAULT GETDATE(), Price decimal(9, 2) NULL,
               Blob varbinary(max) NULL, Flag bit DEFAULT 1)",
        )
        .await;
    let answer = server
        .run(
            "USE Orch; INSERT INTO T (Name, Price, Blob) OUTPUT inserted.Id VALUES \
             (N'a', 1.005, 0x01), (N'b', NULL, NULL)",
        )
        .await;
    assert_eq!(answer.rows, [["10"], ["11"]]);
    server
        .run("UPDATE t SET Name = t.Name + N'!', Flag = 0 FROM dbo.T AS t WHERE t.Id = 10")
        .await;
    let answer = server
        .run("SELECT Id, Name, Price, Blob, Flag FROM T ORDER BY Id")
        .await;
    assert_eq!(
        answer.rows,
        [
            ["10", "a!", "1.01", "0x01", "0"],
            ["11", "b", "NULL", "NULL", "1"]
        ]
    );
    assert_eq!(
        server.errors("INSERT T (Name) VALUES (N'toolong')").await,
        [2628]
    );
    assert_eq!(server.errors("INSERT T (Name) VALUES (NULL)").await, [515]);
    assert_eq!(
        server.errors("INSERT T (Id, Name) VALUES (1, 'x')").await,
        [544]
    );
    server.run("CREATE UNIQUE INDEX U ON T (Name)").await;
    assert_eq!(
        server.errors("INSERT T (Name) VALUES (N'B ')").await,
        [2627]
    );
    server
        .run("DELETE TOP (1) FROM T WHERE Id = 11; ALTER TABLE T ADD More int NULL")
        .await;
    assert_eq!(
        server
            .value("SELECT COUNT(*) FROM Orch.dbo.T WHERE More IS NULL")
            .await,
        "1"
    );
    server
        .run("SELECT Id, Name INTO dbo.Copy FROM T; TRUNCATE TABLE T")
        .await;
    assert_eq!(server.value("SELECT Name FROM Copy").await, "a!");
    assert_eq!(server.value("SELECT COUNT(*) FROM T").await, "0");
}

#[tokio::test]
async fn a_transaction_is_kept_or_taken_back_whole() {
    let mut server = Server::new();
    server
        .run("CREATE DATABASE D; USE D; CREATE TABLE T (a int)")
        .await;
    server
        .run("BEGIN TRAN; INSERT T VALUES (1); CREATE TABLE U (a int); INSERT U VALUES (1); ROLLBACK")
        .await;
    assert_eq!(server.value("SELECT COUNT(*) FROM T").await, "0");
    assert_eq!(server.errors("SELECT * FROM U").await, [208]);
    server.run("BEGIN TRAN; INSERT T VALUES (1)").await;
    assert_eq!(server.value("SELECT @@TRANCOUNT").await, "1");
    let mut other = sign_in(&server.instance, "sa", SA_PASSWORD);
    let answer = run(&mut other, "SET LOCK_TIMEOUT 20; SELECT * FROM D.dbo.T").await;
    assert_eq!(answer.errors(), [1222]);
    server.run("COMMIT").await;
    let answer = run(&mut other, "SELECT * FROM D.dbo.T").await;
    assert_eq!(answer.rows, [["1"]]);
    assert_eq!(server.errors("COMMIT").await, [3902]);
    run(&mut other, "USE D; BEGIN TRAN; DELETE T").await;
    drop(other);
    assert_eq!(server.value("SELECT COUNT(*) FROM T").await, "1");
}

#[tokio::test]
async fn a_savepoint_is_gone_back_to() {
    let mut server = Server::new();
    server
        .run("CREATE DATABASE D; CREATE DATABASE E; CREATE TABLE D.dbo.T (a int); CREATE TABLE E.dbo.T (a int)")
        .await;
    server
        .run(
            "BEGIN TRAN work; INSERT D.dbo.T VALUES (1); SAVE TRAN half; INSERT D.dbo.T VALUES (2);
             INSERT E.dbo.T VALUES (3); CREATE TABLE D.dbo.U (a int); ROLLBACK TRAN half;
             INSERT D.dbo.T VALUES (4); COMMIT",
        )
        .await;
    let answer = server
        .run("SELECT a FROM D.dbo.T UNION ALL SELECT a FROM E.dbo.T")
        .await;
    assert_eq!(answer.rows, [["1"], ["4"]]);
    assert_eq!(server.errors("SELECT * FROM D.dbo.U").await, [208]);
    assert_eq!(
        server.errors("BEGIN TRAN work; ROLLBACK TRAN other").await,
        [6401]
    );
    server.run("ROLLBACK TRAN work").await;
    assert_eq!(server.errors("SAVE TRAN x").await, [628]);
}

#[tokio::test]
async fn databases_are_set_and_dropped() {
    let mut server = Server::new();
    server.run("CREATE DATABASE D").await;
    assert_eq!(server.errors("CREATE DATABASE D").await, [1801]);
    let mut other = sign_in(&server.instance, "sa", SA_PASSWORD);
    run(&mut other, "USE D").await;
    assert_eq!(server.errors("DROP DATABASE D").await, [3702]);
    assert_eq!(
        server
            .errors("ALTER DATABASE D SET OFFLINE WITH NO_WAIT")
            .await,
        [5070, 5069]
    );
    let answer = server
        .run("ALTER DATABASE D SET SINGLE_USER WITH ROLLBACK IMMEDIATE")
        .await;
    let notices: Vec<_> = answer
        .messages
        .iter()
        .map(|m| (m.number, m.state))
        .collect();
    assert_eq!(notices, [(5060, 2), (5060, 1)]);
    assert!(other.killed.is_cancelled());
    drop(other);
    let mut third = sign_in(&server.instance, "sa", SA_PASSWORD);
    assert_eq!(run(&mut third, "USE D").await.errors(), [924]);
    assert_eq!(
        run(&mut third, "ALTER DATABASE D SET MULTI_USER")
            .await
            .errors(),
        [5064, 5069]
    );
    let answer = server.run("ALTER DATABASE D SET MULTI_USER").await;
    assert_eq!(answer.ends, [(215, None, false)]);
    server
        .run("ALTER DATABASE D SET RECOVERY SIMPLE, TRUSTWORTHY ON, ENABLE_BROKER")
        .await;
    let answer = server
        .run(
            "SELECT recovery_model_desc, is_trustworthy_on, is_broker_enabled FROM sys.databases \
             WHERE name = 'd'",
        )
        .await;
    assert_eq!(answer.rows, [["SIMPLE", "1", "1"]]);
    server
        .run("USE D; CREATE TABLE T (a int); INSERT T VALUES (7); USE master")
        .await;
    server
        .run("ALTER DATABASE D SET OFFLINE WITH ROLLBACK IMMEDIATE")
        .await;
    assert_eq!(server.errors("USE D").await, [942]);
    server
        .run("ALTER DATABASE D SET ONLINE; ALTER DATABASE D MODIFY NAME = E")
        .await;
    assert_eq!(server.value("SELECT a FROM E.dbo.T").await, "7");
    server.run("DROP DATABASE E").await;
    assert_eq!(
        server.errors("ALTER DATABASE E SET ONLINE").await,
        [5011, 5069]
    );
    assert_eq!(server.errors("DROP DATABASE msdb").await, [3708]);
}

#[tokio::test]
async fn flow_goes_where_it_should() {
    let mut server = Server::new();
    let answer = server
        .run(
            "DECLARE @i int = 0, @s nvarchar(20) = N'';
             WHILE @i < 10 BEGIN
               SET @i += 1;
               IF @i = 2 CONTINUE;
               IF @i = 5 BREAK;
               SET @s = @s + CAST(@i AS nvarchar(2));
             END
             PRINT @s; SELECT @s
             SELECT @s = @s + name FROM (VALUES ('x'), ('y')) AS v(name)
             SELECT @s RETURN SELECT 'never'",
        )
        .await;
    assert_eq!(answer.rows, [["134"], ["134xy"]]);
    assert_eq!(answer.messages[0].text, "134");
    let answer = server
        .run(
            "BEGIN TRY SELECT 1/0; SELECT 'never' END TRY
             BEGIN CATCH SELECT ERROR_NUMBER(), ERROR_MESSAGE() END CATCH",
        )
        .await;
    assert_eq!(answer.rows, [["8134", "Divide by zero error encountered."]]);
    let answer = run(
        &mut server.sa,
        "RAISERROR('at %d of %s', 16, 3, 5, 'x') SELECT @@ERROR",
    )
    .await;
    assert_eq!(answer.messages[0].text, "at 5 of x");
    assert_eq!(
        (answer.messages[0].class, answer.messages[0].state),
        (16, 3)
    );
    assert_eq!(answer.rows, [["50000"]]);
    let answer = run(
        &mut server.sa,
        "BEGIN TRY THROW 50001, 'mine', 2 END TRY BEGIN CATCH THROW END CATCH",
    )
    .await;
    assert_eq!(answer.errors(), [50_001]);
}

#[tokio::test]
async fn nesting_ends_before_the_stack_does() {
    let mut server = Server::new();
    server
        .run("CREATE PROCEDURE dbo.again AS EXEC dbo.again")
        .await;
    assert_eq!(server.errors("EXEC dbo.again").await, [217]);
    let chain = format!("SELECT 1{}", "+1".repeat(900));
    assert_eq!(server.value(&chain).await, "901");
    let chain = format!("SELECT CASE WHEN 1=1{} THEN 1 END", " AND 1=1".repeat(400));
    assert_eq!(server.value(&chain).await, "1");
}

/// What drivers and tools send before anything else.
#[tokio::test]
async fn the_first_words_of_drivers_are_understood() {
    let mut server = Server::new();
    for batch in [
        "set quoted_identifier on set arithabort off set numeric_roundabort off set ansi_warnings on \
         set ansi_padding on set ansi_nulls on set concat_null_yields_null on \
         set cursor_close_on_commit off set implicit_transactions off set language us_english \
         set dateformat mdy set datefirst 7 set transaction isolation level read committed",
        "SET TEXTSIZE 2147483647",
        "SET ROWCOUNT 0 SET LOCK_TIMEOUT -1 SET DEADLOCK_PRIORITY LOW",
        "SET NOEXEC, PARSEONLY, FMTONLY OFF",
        "SET ANSI_NULLS, ANSI_PADDING, ANSI_WARNINGS ON; SET STATISTICS IO OFF",
        "IF @@TRANCOUNT > 0 COMMIT TRAN",
        "select @@microsoftversion; select cast(serverproperty('EngineEdition') as int)",
        "SET CONTEXT_INFO 0x01",
    ] {
        assert_eq!(server.errors(batch).await, Vec::<i32>::new(), "{batch}");
    }
    assert_eq!(server.errors("SET NONSENSE ON").await, [195]);
    assert_eq!(server.errors("SET FMTONLY, PARSEONLY ON").await, [50_900]);
    let mut other = sign_in(&server.instance, "sa", SA_PASSWORD);
    server.run("CREATE DATABASE D; CREATE TABLE D.dbo.T (a int); BEGIN TRAN; INSERT D.dbo.T VALUES (1)").await;
    let dirty = "SET TRANSACTION ISOLATION LEVEL READ UNCOMMITTED SELECT a FROM D.dbo.T";
    assert_eq!(run(&mut other, dirty).await.rows, [["1"]]);
}
