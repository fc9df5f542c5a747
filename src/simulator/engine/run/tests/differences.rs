//! Where the engine could differ from SQL Server: what SQL Server answers, and what we do. Where
//! the two columns differ, so do the servers. What SQL Server answers is documented behaviour; it
//! was not run here.

use super::Server;
use crate::simulator::engine::test_kit::{SA_PASSWORD, run, sign_in};

struct Difference {
    subject: &'static str,
    batch: &'static str,
    /// The last value, or the number of the last error.
    sql_server: &'static str,
    here: &'static str,
}

const fn same(subject: &'static str, batch: &'static str, value: &'static str) -> Difference {
    Difference {
        subject,
        batch,
        sql_server: value,
        here: value,
    }
}

const fn other(
    subject: &'static str,
    batch: &'static str,
    sql_server: &'static str,
    here: &'static str,
) -> Difference {
    Difference {
        subject,
        batch,
        sql_server,
        here,
    }
}

#[rustfmt::skip]
const TABLE: &[Difference] = &[
    same("upper and lower case", "SELECT CASE WHEN N'ÄB' = N'äb' THEN 1 ELSE 0 END", "1"),
    same("blanks at the end", "SELECT CASE WHEN 'a  ' = 'a' THEN 1 ELSE 0 END", "1"),
    same("blanks at the beginning", "SELECT CASE WHEN ' a' = 'a' THEN 1 ELSE 0 END", "0"),
    same("accents", "SELECT CASE WHEN N'é' = N'e' THEN 1 ELSE 0 END", "0"),
    other("one letter for two", "SELECT CASE WHEN N'ß' = N'ss' THEN 1 ELSE 0 END", "1", "0"),
    other("full-width letters", "SELECT CASE WHEN N'ａ' = N'a' THEN 1 ELSE 0 END", "1", "0"),
    other("hyphens in the order of words",
        "SELECT TOP 1 n FROM (VALUES (N'a-b'), (N'ab')) AS v(n) ORDER BY n", "ab", "a-b"),
    same("case in DISTINCT", "SELECT COUNT(DISTINCT n) FROM (VALUES ('a'), ('A '), ('b')) AS v(n)", "2"),
    same("NULL in the order", "SELECT TOP 1 COALESCE(n, 'none') FROM (VALUES ('a'), (NULL)) AS v(n) ORDER BY n", "none"),
    same("ISNULL has its first argument's type", "DECLARE @v varchar(1) SELECT ISNULL(@v, 'none')", "n"),
    same("NULL in NOT IN", "SELECT COUNT(*) FROM (VALUES (1)) AS v(n) WHERE n NOT IN (2, NULL)", "0"),
    same("division of whole numbers", "SELECT -7 / 2", "-3"),
    same("text and number", "SELECT '3' + 4", "7"),
    same("division by zero", "SELECT 1 / 0", "8134"),
    same("whole numbers too large", "SELECT 2147483647 + 1", "8115"),
    same("datetime in three-hundredths",
        "SELECT CONVERT(varchar(30), CAST('2026-01-01 00:00:00.005' AS datetime), 121)", "2026-01-01 00:00:00.007"),
    same("CAST cuts", "SELECT CAST('abcdef' AS varchar(3))", "abc"),
    same("assignment cuts", "DECLARE @v varchar(3) = 'abcdef' SELECT @v", "abc"),
    same("a batch goes on", "SELECT 1/0 SELECT 'on'", "on"),
    same("a failed conversion ends it", "SELECT CAST('x' AS int) SELECT 'on'", "245"),
    same("INSERT is whole or nothing",
        "CREATE TABLE #t (a int NOT NULL) INSERT #t SELECT n FROM (VALUES (1), (NULL)) AS v(n) \
         SELECT COUNT(*) FROM #t", "0"),
    same("an identity is not given again",
        "CREATE TABLE #i (i int IDENTITY, a int) INSERT #i (a) VALUES (1) DELETE #i \
         INSERT #i (a) VALUES (2) SELECT i FROM #i", "2"),
    same("unique keys and case",
        "CREATE TABLE #u (a nvarchar(9) PRIMARY KEY) INSERT #u VALUES (N'a') INSERT #u VALUES (N'A ')", "2627"),
    other("grants on a schema and what is made later",
        "CREATE USER u WITHOUT LOGIN GRANT SELECT ON SCHEMA::dbo TO u CREATE TABLE dbo.later (a int) \
         EXECUTE AS USER = 'u' SELECT COUNT(*) FROM dbo.later", "0", "229"),
    other("foreign keys",
        "CREATE TABLE #p (a int PRIMARY KEY) CREATE TABLE #c (a int REFERENCES #p (a)) \
         INSERT #c VALUES (1) SELECT COUNT(*) FROM #c", "547", "1"),
];

#[tokio::test]
async fn each_row_of_the_table_is_so() {
    let mut server = Server::new();
    for row in TABLE {
        let answer = run(&mut server.sa, row.batch).await;
        let value = answer.rows.last().and_then(|row| row.first()).cloned();
        let error = answer.errors().last().map(ToString::to_string);
        let last = value.or(error).unwrap_or_default();
        assert_eq!(last, row.here, "{}: {}", row.subject, row.batch);
        run(&mut server.sa, "REVERT; IF @@TRANCOUNT > 0 ROLLBACK").await;
    }
    let differing = TABLE.iter().filter(|row| row.here != row.sql_server);
    assert_eq!(differing.count(), 5, "the table and its count go together");
}

/// Who waits for a row in SQL Server waits for the whole database here.
#[tokio::test(start_paused = true)]
async fn a_transaction_keeps_others_from_the_tables_of_its_database() {
    let mut server = Server::new();
    server
        .run("CREATE DATABASE D; USE D; CREATE TABLE T (a int); CREATE TABLE U (a int)")
        .await;
    server.run("BEGIN TRAN; INSERT T VALUES (1)").await;
    let mut client = sign_in(&server.instance, "sa", SA_PASSWORD);
    let waiting = run(
        &mut client,
        "INSERT D.dbo.U VALUES (1); SELECT COUNT(*) FROM D.dbo.U",
    );
    let ending = async {
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
        server.run("COMMIT").await;
    };
    let (answer, ()) = tokio::join!(waiting, ending);
    assert_eq!(answer.rows, [["1"]]);
}

#[tokio::test]
async fn a_single_user_who_leaves_makes_room() {
    let mut server = Server::new();
    server
        .run("CREATE DATABASE D; ALTER DATABASE D SET SINGLE_USER")
        .await;
    let mut rival = sign_in(&server.instance, "sa", SA_PASSWORD);
    assert_eq!(
        run(&mut rival, "USE D").await.errors(),
        [924],
        "the setter holds it from master"
    );
    server.run("ALTER DATABASE D SET MULTI_USER").await;
    run(&mut rival, "USE D; ALTER DATABASE D SET SINGLE_USER").await;
    drop(rival);
    let mut third = sign_in(&server.instance, "sa", SA_PASSWORD);
    assert_eq!(run(&mut third, "USE D").await.errors(), Vec::<i32>::new());
    assert_eq!(server.errors("USE D").await, [924]);
    run(&mut third, "USE master").await;
    assert_eq!(server.errors("USE D").await, Vec::<i32>::new());
}
