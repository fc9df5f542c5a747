//! Operations as values: they cross JSON unchanged, and what is no name does not come in that way.
#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

#[path = "support/every_operation.rs"]
mod every_operation;

use every_operation::every_operation;
use scorch_recovery::{AnyOperation, Operation, SecretRef};

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

/// The bench asserts them, and who adds an operation learns of it here.
#[test]
fn every_operation_has_its_number_of_round_trips() {
    let bench = include_str!("../benches/operations.rs");
    for tag in AnyOperation::TAGS {
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
