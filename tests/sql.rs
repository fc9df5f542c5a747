//! All tests of SQL against simulated instances in one program: as they are, and again under each
//! other value of what nobody could confirm.
//!
//! `SCORCH_MODELLING=unseen_state=7 cargo test --features simulator --test sql` runs them under the
//! choices that it names. `cargo test --features simulator --test sql -- --ignored` runs them under
//! each switch alone and under choices in which every two values of two switches meet; without
//! `--ignored`, the quickest run under each switch.
#![cfg(feature = "simulator")]
#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]
#![allow(
    clippy::duplicate_mod,
    reason = "each file of tests can also be run by itself, and brings what it needs"
)]

#[path = "backup_media.rs"]
mod backup_media;
#[path = "backup_urls.rs"]
mod backup_urls;
#[path = "bad_input.rs"]
mod bad_input;
#[path = "bad_luck.rs"]
mod bad_luck;
#[path = "certificates.rs"]
mod certificates;
#[path = "databases.rs"]
mod databases;
#[path = "encrypted_databases.rs"]
mod encrypted_databases;
#[path = "key_proof.rs"]
mod key_proof;
#[path = "least_privilege.rs"]
mod least_privilege;
#[path = "master_keys.rs"]
mod master_keys;
#[path = "operations.rs"]
mod operations;
#[path = "principals.rs"]
mod principals;
#[path = "simulator_backup.rs"]
mod simulator_backup;
#[path = "simulator_keys.rs"]
mod simulator_keys;
#[path = "simulator_tsql.rs"]
mod simulator_tsql;
#[path = "users.rs"]
mod users;

use std::process::Command;

use scorch_recovery::simulator::ModellingChoices;

/// What of this program runs under other choices.
const FAMILIES: [&str; 16] = [
    "backup_media::",
    "backup_urls::",
    "bad_input::",
    "bad_luck::",
    "certificates::",
    "databases::",
    "encrypted_databases::",
    "key_proof::",
    "least_privilege::",
    "master_keys::",
    "operations::",
    "principals::",
    "simulator_backup::",
    "simulator_keys::",
    "simulator_tsql::",
    "users::",
];

/// Tests that go through every byte or every write, or through the choices themselves: long, and
/// the same under each.
const LONG: [&str; 8] = [
    "a_damaged_",
    "a_deployment_moves_under",
    "a_full_disk_",
    "damaged_and_missing_backups",
    "damaged_foreign_and_missing",
    "each_right_is_enough",
    "every_flipped_byte",
    "no_secret_lies_on_any_disk",
];

/// What runs under each switch every time: the way of a key and a database to another instance, which
/// most switches are about.
const QUICK: [&str; 11] = [
    "backup_media::an_encrypted_backup",
    "certificates::a_key_file_that_can_not",
    "databases::a_restored_database_takes_the_name",
    "encrypted_databases::an_encrypted_database_moves_with_its",
    "master_keys::a_moved_database_is_wrapped_anew_by_a_password",
    "operations::key_and_database_recover",
    "operations::without_the_key",
    "simulator_backup::what_is_written_after",
    "simulator_keys::a_deployment_moves_with_",
    "simulator_keys::key_files_and_backups_know",
    "simulator_tsql::a_moved_database",
];

/// Switches that these tests can't see, and why.
const UNSEEN: [(&str, &str); 7] = [
    (
        "unseen_command",
        "a transport passes no ends of statements on",
    ),
    (
        "own_password_policy_on_linux",
        "on Linux only; the instances here are on Windows",
    ),
    ("bare_key_file_at_root_on_linux", "on Linux only"),
    ("batch_outlives_socket", "no sockets here"),
    ("attention_in_own_message", "no wire here"),
    (
        "database_version_of_2025",
        "on SQL Server 2025 only; the instances here are 2022",
    ),
    ("label_flag_is_tinyint", "a transport passes no types on"),
];

/// What went wrong.
fn run_under(choices: &ModellingChoices, tests: &[&str], skipped: &[&str]) -> Option<String> {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(tests);
    for skip in skipped {
        command.args(["--skip", skip]);
    }
    let text = choices.to_string();
    let output = command.env("SCORCH_MODELLING", &text).output().unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    let passed = told.split("test result: ok. ").nth(1);
    let passed = passed.and_then(|rest| rest.split(' ').next()?.parse::<u32>().ok());
    // Names that lead nowhere would pass as well.
    let fewest = u32::try_from(tests.len()).unwrap();
    let is_good = output.status.success() && passed >= Some(fewest);
    let errors = String::from_utf8_lossy(&output.stderr);
    (!is_good).then(|| format!("under {text}:\n{told}\n{errors}"))
}

/// Each value of each switch that these tests can see, alone.
fn each_seen() -> impl Iterator<Item = ModellingChoices> {
    ModellingChoices::each_alone()
        .into_iter()
        .filter(|choices| {
            let text = choices.to_string();
            !UNSEEN.iter().any(|(name, _)| text.starts_with(name))
        })
}

fn all_pass(choices: impl Iterator<Item = ModellingChoices>, tests: &[&str], skipped: &[&str]) {
    let wrong: Vec<String> = choices
        .filter_map(|choices| run_under(&choices, tests, skipped))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_quick_tests_hold_under_each_switch_alone() {
    let switches: Vec<&str> = ModellingChoices::SWITCHES
        .iter()
        .map(|switch| switch.name())
        .collect();
    for (name, _) in UNSEEN {
        assert!(switches.contains(&name), "{name} is no switch");
    }
    all_pass(each_seen(), &QUICK, &LONG);
}

#[test]
#[ignore = "takes some minutes"]
fn every_test_holds_under_each_switch_alone() {
    all_pass(each_seen(), &FAMILIES, &LONG);
}

#[test]
#[ignore = "takes some minutes"]
fn every_test_holds_under_every_two_switches() {
    let choices = ModellingChoices::pairwise().into_iter();
    all_pass(choices, &FAMILIES, &LONG);
}
