use proptest::prelude::*;

use super::*;
use crate::simulator::tsql::ast::*;

fn one(batch: &str) -> StatementKind {
    let mut statements = parse_batch(batch).unwrap_or_else(|error| panic!("{batch}: {error:?}"));
    assert_eq!(statements.len(), 1, "{batch}");
    statements.remove(0).kind
}

fn number(batch: &str) -> (i32, u32, String) {
    let error = parse_batch(batch).map(|_| ()).unwrap_err();
    (error.0[0].number, error.0[0].line, error.0[0].text.clone())
}

#[test]
fn errors_are_those_of_sql_server() {
    for (batch, expected, text) in [
        (
            "SELECT FROM",
            156,
            "Incorrect syntax near the keyword 'FROM'.",
        ),
        ("SELECT 1 +", 102, "Incorrect syntax near '+'."),
        ("SELECT 1 = 1", 102, "Incorrect syntax near '='."),
        (
            "BACKUP DATABASE x TO DISK = 'y' WITH BOGUS",
            155,
            "'BOGUS' is not a recognized BACKUP option.",
        ),
        (
            "RESTORE DATABASE x FROM DISK = 'y' WITH INIT",
            155,
            "'INIT' is not a recognized RESTORE option.",
        ),
        (
            "BACKUP SERVICE MASTER KEY TO FILE = @p ENCRYPTION BY PASSWORD = 'x'",
            102,
            "Incorrect syntax near '@p'.",
        ),
        (
            "CREATE FROG x",
            343,
            "Unknown object type 'FROG' used in a CREATE, DROP, or ALTER statement.",
        ),
        (
            "DECLARE @x frog",
            243,
            "Type frog is not a defined system type.",
        ),
        (
            "CREATE TABLE t (a int PRIMARY x)",
            102,
            "Incorrect syntax near 'x'.",
        ),
        (
            "SELECT 'abc",
            105,
            "Unclosed quotation mark after the character string 'abc'.",
        ),
    ] {
        assert_eq!(number(batch), (expected, 1, text.to_owned()), "{batch}");
    }
}

#[test]
fn an_error_knows_its_line() {
    assert_eq!(number("SELECT 1\n\nSELECT 2 2").1, 3);
}

#[test]
fn what_is_valid_but_not_for_here_is_50900() {
    for batch in [
        "MERGE t",
        "CREATE VIEW v AS SELECT 1",
        "BACKUP SYMMETRIC KEY c TO FILE = 'x' ENCRYPTION BY PASSWORD = 'p'",
        "DBCC SHRINKDATABASE (x)",
        "DBCC CHECKDB (x, REPAIR_REBUILD)",
    ] {
        assert_eq!(number(batch).0, 50_900, "{batch}");
    }
}

#[test]
fn key_statements() {
    assert_eq!(
        one(
            "RESTORE SERVICE MASTER KEY FROM FILE = N'c:\\o''k' DECRYPTION BY PASSWORD = 'p''w' FORCE"
        ),
        StatementKind::Key(KeyStatement::RestoreServiceMasterKey {
            file: "c:\\o'k".to_owned(),
            password: "p'w".to_owned(),
            force: true,
        })
    );
    assert_eq!(
        one("OPEN SYMMETRIC KEY K DECRYPTION BY ASYMMETRIC KEY [A B] WITH PASSWORD = 'x';"),
        StatementKind::Key(KeyStatement::OpenSymmetricKey {
            name: "K".to_owned(),
            decryption: KeyProtector::AsymmetricKey {
                name: "A B".to_owned(),
                password: Some("x".to_owned()),
            },
        })
    );
    assert_eq!(
        one("ALTER MASTER KEY ADD ENCRYPTION BY SERVICE MASTER KEY"),
        StatementKind::Key(KeyStatement::AddMasterKeyEncryption(
            MasterKeyProtector::ServiceMasterKey
        ))
    );
}

#[test]
fn a_restore_with_everything() {
    let StatementKind::Backup(BackupStatement::Restore {
        kind,
        database,
        devices,
        options,
    }) = one(
        "RESTORE DATABASE [a]]b] FROM DISK = N'/x', DISK = @y WITH FILE = 2, \
         MOVE N'l' TO N'/z', REPLACE, STATS, NORECOVERY, ENABLE_BROKER",
    )
    else {
        panic!("not a restore");
    };
    assert_eq!(kind, RestoreKind::Database);
    assert_eq!(database, Some(TextArgument::Literal("a]b".to_owned())));
    assert_eq!(
        devices[1],
        Device::Disk(TextArgument::Variable("@y".to_owned()))
    );
    assert_eq!(options[0], MediaOption::FileNumber(2));
    assert_eq!(options[3], MediaOption::Stats(10));
    assert_eq!(options[4], MediaOption::Recovery(false));
}

#[test]
fn statements_need_no_semicolons() {
    let batch = "SET NOCOUNT ON SELECT 1 AS a, b = 2, 3 'c' FROM t x SELECT 2 \
                 IF @@ROWCOUNT > 0 PRINT 'x' ELSE BEGIN PRINT 'y' END RETURN SELECT 3";
    let statements = parse_batch(batch).unwrap();
    assert_eq!(statements.len(), 6);
    let StatementKind::Query(query) = &statements[1].kind else {
        panic!("not a query")
    };
    let QueryBody::Select(select) = &query.body else {
        panic!("not a select")
    };
    let aliases: Vec<_> = select
        .items
        .iter()
        .map(|item| match item {
            SelectItem::Value { alias, .. } => alias.clone().unwrap_or_default(),
            _ => String::new(),
        })
        .collect();
    assert_eq!(aliases, ["a", "b", "c"]);
}

#[test]
fn whatever_nests_too_deep_is_refused() {
    let nested = format!("SELECT {}1{}", "(".repeat(5000), ")".repeat(5000));
    assert_eq!(number(&nested).0, 191);
    assert_eq!(number(&format!("SELECT 1{}", "+1".repeat(5000))).0, 191);
    assert_eq!(number(&format!("SELECT {}1", "~".repeat(5000))).0, 191);
    assert_eq!(number(&"BEGIN ".repeat(5000)).0, 191);
    assert!(parse_batch(&format!("SELECT 1{}", "+1".repeat(500))).is_ok());
}

proptest! {
    #[test]
    fn no_text_makes_the_parser_panic(text in "\\PC{0,80}") {
        let _ = parse_batch(&text);
    }

    #[test]
    fn no_heap_of_words_makes_the_parser_panic(
        words in prop::collection::vec(
            prop::sample::select(vec![
                "SELECT", "FROM", "(", ")", ",", "WITH", "AS", "x", "'t'", "@v", "1", "=", "BEGIN",
                "END", "IF", "ELSE", "BACKUP", "RESTORE", "DATABASE", "MASTER", "KEY", "SERVICE",
                "TO", "FILE", "DISK", "ENCRYPTION", "BY", "PASSWORD", "CREATE", "ALTER", "DROP",
                "TABLE", "PROCEDURE", "EXEC", "SET", "DECLARE", "int", ".", "*", "JOIN", "ON", "CASE",
                "WHEN", "THEN", "NOT", "IN", "LIKE", ";", "UPDATE", "INSERT", "INTO", "VALUES",
                "GRANT", "LOGIN", "USER", "OVER", "CONVERT", "nvarchar", "OPENROWSET", "BULK", "-",
            ]),
            0..25,
        )
    ) {
        let _ = parse_batch(&words.join(" "));
    }
}
