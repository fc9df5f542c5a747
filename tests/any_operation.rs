//! Operations as values: they cross JSON unchanged, and what is no name does not come in that way.
#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

#[path = "support/every_operation.rs"]
mod every_operation;

use every_operation::every_operation;
use scorch_recovery::sql::grant_script;
use scorch_recovery::{AnyOperation, Operation, Permission, SecretRef, Securable};

#[test]
fn every_operation_crosses_json_unchanged() {
    for operation in every_operation(&SecretRef::named("smk")) {
        let json = serde_json::to_string(&operation).unwrap();
        let back: AnyOperation = serde_json::from_str(&json).unwrap();
        assert_eq!(back, operation, "{json}");
        assert_eq!(back.describe(), operation.describe());
    }
}

#[test]
fn every_operation_says_what_it_needs() {
    for operation in every_operation(&SecretRef::named("smk")) {
        let description = operation.describe();
        assert!(
            !description.target.is_empty() && !description.action.is_empty(),
            "{operation:?}"
        );
        assert!(!description.permissions.is_empty(), "{operation:?}");
    }
}

/// A script of rights is for SQL Server; what it takes on a host is told, and no T-SQL gives it.
#[test]
fn rights_on_hosts_are_in_no_script() {
    let login = r"CONTOSO\recovery".parse().unwrap();
    for operation in every_operation(&SecretRef::named("smk")) {
        let permissions = operation.describe().permissions;
        let tag = serde_json::to_value(&operation).unwrap()["operation"].clone();
        let is_on_sql = AnyOperation::SQL_TAGS.contains(&tag.as_str().unwrap());
        assert_eq!(
            grant_script(&permissions, &login).is_empty(),
            !is_on_sql,
            "{tag}"
        );
        let is_on_host = |one: &Permission| matches!(one.on, Securable::Host { .. });
        assert_eq!(permissions.iter().any(is_on_host), !is_on_sql, "{tag}");
    }
}

/// The bench asserts them, and who adds an operation learns of it here.
#[test]
fn every_operation_has_its_number_of_round_trips() {
    let bench = include_str!("../benches/operations.rs");
    for tag in AnyOperation::SQL_TAGS {
        assert!(
            bench.contains(&format!("    (\"{tag}\", ")),
            "{tag} has no row in ROUND_TRIPS of benches/operations.rs"
        );
    }
}

#[test]
fn what_is_no_name_does_not_come_in_by_json() {
    for json in [
        r#"{"operation":"service-master-key/inspect@1","instance":"a;b"}"#,
        r#"{"operation":"service-master-key/inspect@2","instance":"SQL01"}"#,
        r#"{"operation":"database/inspect@1","instance":"SQL01","database":"a\u0000"}"#,
        r#"{"operation":"database/verify@1","instance":"SQL01","file":"NUL","position":null}"#,
    ] {
        assert!(
            serde_json::from_str::<AnyOperation>(json).is_err(),
            "{json}"
        );
    }
}
