//! Queries that name themselves, and collations that are written.

use super::Server;
use crate::simulator::wire_type::WireType;

#[tokio::test]
async fn a_query_that_names_itself_goes_on_from_its_last_rows() {
    let mut server = Server::new();
    server
        .run(
            "CREATE TABLE #f (id int, parent int NULL, name nvarchar(20));
             INSERT INTO #f VALUES (1, NULL, N'root'), (2, 1, N'a'), (3, 1, N'b'), (4, 3, N'c')",
        )
        .await;
    let answer = server
        .run(
            "WITH below (id, depth, path) AS (
                SELECT id, 0, CONVERT(nvarchar(100), name) FROM #f WHERE parent IS NULL
                UNION ALL
                SELECT f.id, b.depth + 1, CONVERT(nvarchar(100), b.path + N'/' + f.name)
                FROM #f AS f JOIN below AS b ON f.parent = b.id)
             SELECT id, depth, path FROM below ORDER BY id",
        )
        .await;
    assert_eq!(
        answer.rows,
        [
            ["1", "0", "root"],
            ["2", "1", "root/a"],
            ["3", "1", "root/b"],
            ["4", "2", "root/b/c"]
        ]
    );
    for (query, expected) in [
        // Several to begin with, several that go on, and another query before.
        (
            "WITH two AS (SELECT 2 AS n), f AS (SELECT n FROM two UNION SELECT 2 UNION ALL SELECT 3 \
             UNION ALL SELECT n * 10 FROM f WHERE n < 10 UNION ALL SELECT n + 1 FROM f WHERE n = 30) \
             SELECT SUM(n) FROM f",
            "86",
        ),
        // A name inside stands for the step's rows, in a derived table too.
        (
            "WITH f AS (SELECT 1 AS n UNION ALL SELECT d.n + 1 FROM (SELECT n FROM f) AS d WHERE d.n < 5) \
             SELECT COUNT(*) FROM f AS a JOIN f AS b ON a.n = b.n",
            "5",
        ),
        // It names itself so often and no more: a hundred times unless told otherwise (documented).
        (
            "WITH f AS (SELECT 0 AS n UNION ALL SELECT n + 1 FROM f WHERE n < 100) SELECT COUNT(*) FROM f",
            "101",
        ),
        (
            "WITH f AS (SELECT 0 AS n UNION ALL SELECT n + 1 FROM f WHERE n < 400) SELECT COUNT(*) FROM f \
             OPTION (MAXRECURSION 0)",
            "401",
        ),
        ("SELECT (SELECT 7) OPTION (RECOMPILE, FAST 1)", "7"),
    ] {
        assert_eq!(server.value(query).await, expected, "{query}");
    }
}

#[tokio::test]
async fn what_a_query_that_names_itself_must_not_have() {
    let mut server = Server::new();
    let with = |query: &str| format!("WITH f AS ({query}) SELECT COUNT(*) FROM f");
    for (query, number) in [
        ("SELECT 1 AS n UNION ALL SELECT n + 1 FROM f", 530),
        ("SELECT 1 AS n UNION SELECT n + 1 FROM f WHERE n < 3", 252),
        ("SELECT n FROM f", 252),
        ("SELECT n FROM f UNION ALL SELECT n FROM f", 246),
        (
            "SELECT 1 AS n UNION ALL SELECT n FROM f UNION ALL SELECT 2",
            247,
        ),
        (
            "SELECT 1 AS n UNION ALL SELECT a.n FROM f AS a, f AS b",
            253,
        ),
        ("SELECT 1 AS n UNION ALL SELECT DISTINCT n FROM f", 460),
        ("SELECT 1 AS n UNION ALL SELECT TOP 1 n FROM f", 461),
        (
            "SELECT 1 AS n UNION ALL SELECT v.n FROM (VALUES (1)) AS v(n) LEFT JOIN f ON f.n = v.n",
            462,
        ),
        (
            "SELECT 1 AS n UNION ALL SELECT 2 WHERE EXISTS (SELECT n FROM f)",
            465,
        ),
        ("SELECT 1 AS n UNION ALL SELECT MAX(n) FROM f", 467),
        ("SELECT 1 AS n UNION ALL SELECT n FROM f GROUP BY n", 467),
        ("SELECT 1 AS n, 2 AS m UNION ALL SELECT n FROM f", 205),
        // The types are the same or it is an error: a sum of texts is longer.
        ("SELECT 'a' AS n UNION ALL SELECT n + 'b' FROM f", 240),
        (
            "SELECT 1 AS n UNION ALL SELECT CONVERT(bigint, n) FROM f",
            240,
        ),
    ] {
        assert_eq!(server.errors(&with(query)).await, [number], "{query}");
    }
    let endless = with("SELECT 1 AS n UNION ALL SELECT n + 1 FROM f WHERE n < 5");
    for (option, errors) in [
        ("OPTION (MAXRECURSION 4)", &[][..]),
        ("OPTION (MAXRECURSION 3)", &[530]),
        ("OPTION (MAXRECURSION 32768)", &[310]),
        ("OPTION (MAXRECURSION x)", &[102]),
        ("OPTION (MAXRECURSION 4, RECOMPILE)", &[50_900]),
    ] {
        let query = format!("{endless} {option}");
        assert_eq!(server.errors(&query).await, errors, "{option}");
    }
}

#[tokio::test]
async fn a_binary_collation_counts_where_it_is_honoured_and_nowhere_else() {
    let mut server = Server::new();
    for (query, expected) in [
        ("SELECT CHARINDEX(N'De', N'xdeDe')", "2"),
        (
            "SELECT CHARINDEX(N'De', N'xdeDe' COLLATE Latin1_General_BIN2)",
            "4",
        ),
        (
            "SELECT CHARINDEX(N'De' COLLATE latin1_general_bin2, N'xdeDe', 2)",
            "4",
        ),
        (
            "SELECT CHARINDEX(N'De', N'xdeDe' COLLATE Latin1_General_BIN2, 5)",
            "0",
        ),
        (
            "SELECT CHARINDEX(N'De', N'De' COLLATE Latin1_General_BIN2, 99)",
            "0",
        ),
        (
            "SELECT CHARINDEX(N'De', N'xdeDe' COLLATE Latin1_General_CI_AS)",
            "2",
        ),
        (
            "SELECT COUNT(CHARINDEX(n COLLATE Latin1_General_BIN2, N'x')) FROM (VALUES (N'x'), (NULL)) AS v(n)",
            "1",
        ),
    ] {
        assert_eq!(server.value(query).await, expected, "{query}");
    }
    for query in [
        "SELECT 1 WHERE N'a' COLLATE Latin1_General_BIN2 = N'A'",
        "SELECT REPLACE(N'a' COLLATE Latin1_General_BIN2, N'A', N'b')",
        "SELECT n FROM (VALUES (N'a')) AS v(n) ORDER BY n COLLATE Latin1_General_BIN2",
        "SELECT CHARINDEX(N'a', N'a' COLLATE Latin1_General_CS_AS)",
        "SELECT CHARINDEX(N'a', N'a' COLLATE Latin1_General_BIN2 COLLATE Latin1_General_CI_AS)",
    ] {
        assert_eq!(server.errors(query).await, [50_900], "{query}");
    }
    // A place in a text without a limit may be beyond int.
    let answer = server
        .run("SELECT CHARINDEX('a', 'a') AS a, CHARINDEX('a', CONVERT(nvarchar(max), 'a')) AS b")
        .await;
    let kinds: Vec<WireType> = answer.columns.iter().map(|column| column.kind).collect();
    assert_eq!(kinds, [WireType::Int, WireType::BigInt]);
}
