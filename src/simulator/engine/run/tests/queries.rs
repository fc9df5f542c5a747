use super::Server;
use crate::simulator::wire_type::WireType;

#[tokio::test]
async fn expressions_have_values_and_types() {
    let mut server = Server::new();
    for (query, expected) in [
        ("SELECT 1 + 2 * 3", "7"),
        ("SELECT 7 / 2", "3"),
        ("SELECT 7.0 / 2", "3.5000000"),
        ("SELECT 'a' + N'b'", "ab"),
        ("SELECT '2' + 3", "5"),
        (
            "SELECT CASE WHEN 'A ' = 'a' THEN 'same' ELSE 'other' END",
            "same",
        ),
        (
            "SELECT CASE 2 WHEN 1 THEN 'one' WHEN 2 THEN 'two' END",
            "two",
        ),
        ("SELECT IIF(1 < 2, 'y', 'n')", "y"),
        ("SELECT ISNULL(NULL, 'x')", "x"),
        ("SELECT COALESCE(NULL, NULL, 5)", "5"),
        ("SELECT NULLIF(1, 1)", "NULL"),
        ("SELECT LEN('abc  ')", "3"),
        ("SELECT DATALENGTH(N'abc')", "6"),
        ("SELECT DATALENGTH('abc')", "3"),
        ("SELECT SUBSTRING('abcdef', 2, 3)", "bcd"),
        ("SELECT RIGHT('abcdef', 2) + LEFT('abc', 1)", "efa"),
        ("SELECT CHARINDEX('C', 'abc')", "3"),
        ("SELECT PATINDEX('%c%', 'abcd')", "3"),
        ("SELECT REPLACE('aXbx', 'x', '-')", "a-b-"),
        ("SELECT QUOTENAME('a]b')", "[a]]b]"),
        ("SELECT UPPER('a') + LOWER('B')", "Ab"),
        ("SELECT LEN(REPLICATE('abc', 4000))", "8000"),
        ("SELECT LEN(REPLICATE(N'漢', 5000))", "4000"),
        (
            "SELECT DATALENGTH(REPLICATE(CAST(N'漢' AS nvarchar(max)), 50000))",
            "100000",
        ),
        ("SELECT DATALENGTH(SPACE(9000))", "8000"),
        ("SELECT CONVERT(varchar(10), 0xAB, 2)", "AB"),
        ("SELECT CONVERT(varbinary(8), '0x0102', 1)", "0x0102"),
        (
            "SELECT CAST('2026-03-09' AS date)",
            "2026-03-09 00:00:00.0000000",
        ),
        (
            "SELECT CONVERT(varchar(30), CAST('2026-03-09 01:02:03' AS datetime), 120)",
            "2026-03-09 01:02:03",
        ),
        (
            "SELECT DATEDIFF(day, '2026-01-31', DATEADD(month, 1, '2026-01-31'))",
            "28",
        ),
        ("SELECT YEAR('2026-03-09')", "2026"),
        ("SELECT TRY_CAST('x' AS int)", "NULL"),
        ("SELECT ISNUMERIC('12.5')", "1"),
        ("SELECT CONCAT('a', NULL, 1)", "a1"),
        ("SELECT STUFF('abcd', 2, 2, 'X')", "aXd"),
        (
            "SELECT CONVERT(varchar(64), HASHBYTES('SHA2_256', 'abc'), 2)",
            "BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD",
        ),
        ("SELECT 5 % 3 | 8 & 12 ^ 1", "9"),
        ("SELECT -(-3)", "3"),
        (
            "SELECT (SELECT MAX(n) FROM (VALUES (1), (3), (2)) AS v(n))",
            "3",
        ),
    ] {
        assert_eq!(server.value(query).await, expected, "{query}");
    }
    let answer = server
        .run("SELECT a = 1, N'x' AS b, CAST(NULL AS bigint) c WHERE 1 = 0")
        .await;
    let kinds: Vec<_> = answer
        .columns
        .iter()
        .map(|c| (c.name.as_str(), c.kind))
        .collect();
    assert_eq!(
        kinds,
        [
            ("a", WireType::Int),
            ("b", WireType::NVarChar(Some(1))),
            ("c", WireType::BigInt)
        ]
    );
}

#[tokio::test]
async fn tables_are_joined_grouped_and_ordered() {
    let mut server = Server::new();
    server
        .run(
            "CREATE TABLE #f (id int, name nvarchar(20));
             CREATE TABLE #o (id int IDENTITY(1,1) PRIMARY KEY, folder int NULL, size int);
             INSERT INTO #f VALUES (1, 'one'), (2, 'two'), (3, 'three');
             INSERT INTO #o (folder, size) VALUES (1, 10), (1, 20), (2, 30), (NULL, 40);",
        )
        .await;
    let answer = server
        .run(
            "SELECT f.name, COUNT(o.id) AS n, SUM(o.size) FROM #f AS f \
             LEFT JOIN #o o ON o.folder = f.id GROUP BY f.name HAVING COUNT(*) >= 1 \
             ORDER BY n DESC, f.name",
        )
        .await;
    assert_eq!(
        answer.rows,
        [
            ["one", "2", "30"],
            ["two", "1", "30"],
            ["three", "0", "NULL"]
        ]
    );
    let answer = server
        .run("SELECT TOP 2 size FROM #o WHERE folder IN (SELECT id FROM #f) ORDER BY size DESC")
        .await;
    assert_eq!(answer.rows, [["30"], ["20"]]);
    let answer = server
        .run(
            "WITH big AS (SELECT id, size FROM #o WHERE size > 10) \
             SELECT b.size, ROW_NUMBER() OVER (ORDER BY b.size DESC) AS r FROM big b ORDER BY r",
        )
        .await;
    assert_eq!(answer.rows, [["40", "1"], ["30", "2"], ["20", "3"]]);
    let answer = server
        .run(
            "SELECT f.id, x.top_size FROM #f f OUTER APPLY \
             (SELECT MAX(size) AS top_size FROM #o o WHERE o.folder = f.id) x ORDER BY 1 \
             OFFSET 1 ROWS FETCH NEXT 1 ROWS ONLY",
        )
        .await;
    assert_eq!(answer.rows, [["2", "30"]]);
    let answer = server
        .run("SELECT 1 UNION SELECT 1 UNION ALL SELECT 2 EXCEPT SELECT 2 ORDER BY 1")
        .await;
    assert_eq!(answer.rows, [["1"]]);
    assert_eq!(
        server.value("SELECT COUNT(DISTINCT folder) FROM #o").await,
        "2"
    );
    assert_eq!(
        server.value("SELECT AVG(size) FROM #o WHERE 1 = 0").await,
        "NULL"
    );
    assert_eq!(
        server
            .value("SELECT CASE WHEN EXISTS (SELECT * FROM #o) THEN 1 ELSE 0 END")
            .await,
        "1"
    );
}

#[tokio::test]
async fn wrong_queries_get_the_numbers_of_sql_server() {
    let mut server = Server::new();
    for (query, number) in [
        ("SELECT * FROM nothing", 208),
        ("SELECT x FROM sys.databases", 207),
        ("SELECT d.x FROM sys.databases e", 4104),
        ("SELECT name FROM sys.databases a, sys.schemas b", 209),
        ("SELECT @x", 137),
        ("SELECT 1 / 0", 8134),
        ("SELECT CAST('x' AS int)", 245),
        ("SELECT name, COUNT(*) FROM sys.databases", 8120),
        ("SELECT (SELECT name FROM sys.databases)", 512),
        ("SELECT nofunction(1)", 195),
        ("SELECT LEN()", 174),
        ("SELECT 1 UNION SELECT 1, 2", 205),
        ("SELECT 1 ORDER BY 2", 108),
        ("EXEC nothing_here", 2812),
        ("SELECT FORMAT(1, 'x')", 50_900),
    ] {
        assert_eq!(server.errors(query).await, [number], "{query}");
    }
}

#[tokio::test]
async fn the_server_tells_what_it_is() {
    let mut server = Server::new();
    assert_eq!(server.value("SELECT @@SERVERNAME").await, "SQL01");
    assert_eq!(
        server
            .value("SELECT CAST(SERVERPROPERTY('ProductVersion') AS nvarchar(20))")
            .await,
        "16.0.4236.2"
    );
    assert_eq!(
        server.value("SELECT SERVERPROPERTY('InstanceName')").await,
        "NULL"
    );
    assert_eq!(
        server
            .value("SELECT DB_NAME() + SUSER_SNAME() + USER_NAME()")
            .await,
        "mastersadbo"
    );
    assert_eq!(
        server
            .value("SELECT HAS_PERMS_BY_NAME(NULL, NULL, 'CONTROL SERVER')")
            .await,
        "1"
    );
    assert_eq!(
        server
            .value("SELECT HAS_PERMS_BY_NAME(NULL, NULL, 'NONSENSE')")
            .await,
        "NULL"
    );
    let answer = server
        .run("SELECT name FROM sys.databases ORDER BY database_id")
        .await;
    assert_eq!(answer.rows, [["master"], ["tempdb"], ["model"], ["msdb"]]);
    assert_eq!(
        server
            .value("SELECT COUNT(*) FROM master.sys.symmetric_keys WHERE symmetric_key_id = 102")
            .await,
        "1"
    );
    assert_eq!(
        server
            .value("SELECT command FROM sys.dm_exec_requests WHERE session_id = @@SPID")
            .await,
        "SELECT"
    );
}

#[tokio::test]
async fn volumes_have_what_their_quota_leaves() {
    let mut server = Server::new();
    let query = "SELECT DISTINCT v.volume_mount_point, v.available_bytes FROM sys.master_files AS f \
                 CROSS APPLY sys.dm_os_volume_stats(f.database_id, f.file_id) AS v";
    let answer = server.run(query).await;
    assert_eq!(
        answer.rows,
        [["C:\\".to_owned(), (1_i64 << 40).to_string()]]
    );
    server.instance.set_disk_quota(Some(4096));
    assert_eq!(server.run(query).await.rows[0][1], "4096");
}
