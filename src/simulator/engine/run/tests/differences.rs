//! Where the engine could differ from SQL Server: the table in `differences.md`, row by row.

use super::Server;
use crate::simulator::engine::test_kit::{SA_PASSWORD, run, sign_in};

const TABLE: &str = include_str!("../../../differences.md");

struct Row {
    subject: String,
    /// Empty where a test of its own holds the row.
    batch: String,
    sql_server: String,
    here: String,
    mark: String,
    test: String,
}

/// The rows under a heading of the table.
fn rows(heading: &str) -> Vec<Row> {
    let (_, part) = TABLE.split_once(&format!("\n## {heading}\n")).unwrap();
    let part = part.split("\n## ").next().unwrap();
    let lines = part.lines().filter(|line| line.starts_with("| "));
    lines
        .skip(1)
        .map(|line| {
            let line = line.strip_prefix('|').unwrap().strip_suffix('|').unwrap();
            let cells: Vec<&str> = line.split('|').map(str::trim).collect();
            let [subject, batch, sql_server, here, mark, test] = cells[..] else {
                panic!("not six cells: {line}");
            };
            Row {
                subject: subject.to_owned(),
                batch: batch.trim_matches('`').to_owned(),
                sql_server: sql_server.to_owned(),
                here: here.to_owned(),
                mark: mark.to_owned(),
                test: test.to_owned(),
            }
        })
        .collect()
}

#[tokio::test]
async fn each_row_of_the_table_is_so() {
    let mut server = Server::new();
    let (differing, same) = (rows("Differences"), rows("The same"));
    assert!(differing.len() >= 9 && same.len() >= 21, "rows were lost");
    for row in differing.iter().filter(|row| !row.batch.is_empty()) {
        assert_ne!(row.here, row.sql_server, "{}", row.subject);
    }
    for row in same.iter().filter(|row| !row.batch.is_empty()) {
        assert_eq!(row.here, row.sql_server, "{}", row.subject);
    }
    for row in differing.iter().chain(&same) {
        let marks = ["documented", "captured", "community"];
        assert!(marks.contains(&row.mark.as_str()), "{}", row.subject);
        if row.batch.is_empty() {
            is_held(row);
            continue;
        }
        assert_eq!(row.test, "this table", "{}", row.subject);
        let answer = run(&mut server.sa, &row.batch).await;
        let value = answer.rows.last().and_then(|row| row.first()).cloned();
        let error = answer.errors().last().map(ToString::to_string);
        let last = value.or(error).unwrap_or_default();
        assert_eq!(last, row.here, "{}: {}", row.subject, row.batch);
        run(&mut server.sa, "REVERT; IF @@TRANCOUNT > 0 ROLLBACK").await;
    }
}

/// The test that a row names is there.
fn is_held(row: &Row) {
    let (file, test) = row.test.split_once(": ").unwrap();
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(root.join(file.trim_matches('`'))).unwrap();
    let name = format!("fn {}()", test.trim_matches('`'));
    assert!(text.contains(&name), "{}: no {name}", row.subject);
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
