//! Row by row, what is known of a real server against what the simulator sends: the tables in
//! `tests/fidelity` say how each message is raised and what comes over the wire then, this raises
//! it and compares every field. A field that nobody knows is a switch, and played with each of its
//! values.
#![allow(
    clippy::unwrap_used,
    reason = "a test fails by panicking, its helpers too"
)]

#[path = "simulator_fidelity/columns.rs"]
mod columns;
#[path = "simulator_fidelity/compare.rs"]
mod compare;
#[path = "simulator_fidelity/play.rs"]
mod play;
#[path = "simulator_wire/raw_client.rs"]
mod raw_client;
#[path = "simulator_fidelity/scene.rs"]
mod scene;
mod simulator_client;
#[path = "simulator_fidelity/switches.rs"]
mod switches;
#[path = "simulator_fidelity/table.rs"]
mod table;
#[allow(dead_code, reason = "shared with the tests of the wire")]
#[path = "simulator_wire/token.rs"]
mod token;

use play::play;

/// The numbers of the section: here once more, so that a row can't be lost unseen.
const KEYS: &[&str] = &[
    "15116",
    "15117",
    "15118",
    "15151",
    "15208",
    "15209",
    "15240",
    "15247",
    "15281",
    "15282",
    "15296",
    "15313",
    "15315",
    "15317",
    "15320",
    "15320 of a foreign database",
    "15320 of an offline database",
    "15329",
    "15393",
    "15448",
    "15451",
    "15455",
    "15464",
    "15465",
    "15466",
    "15468",
    "15507",
    "15508",
    "15556",
    "15578",
    "15579",
    "15580",
    "15581 state 1",
    "15581 state 3",
    "15581 state 6",
    "15581 state 7",
    "15584",
    "15585",
    "15588",
    "15593",
    "15594",
    "15595",
    "33094",
    "33095",
    "33096",
    "wrong password of a service master key",
    "wrong password of a database master key",
];

const ENCRYPTION: &[&str] = &[
    "33091", "no 33091", "33101", "33102", "33103", "33104", "33105", "33118", "33106", "33107",
    "33108", "3716", "33111",
];

const STREAMS: &[&str] = &[
    "BACKUP DATABASE",
    "BACKUP DATABASE with STATS",
    "BACKUP LOG",
    "RESTORE DATABASE",
    "RESTORE VERIFYONLY",
    "RESTORE HEADERONLY",
    "RESTORE FILELISTONLY",
    "USE",
    "CREATE DATABASE",
    "DROP DATABASE",
    "ALTER DATABASE",
    "BEGIN TRANSACTION",
    "ROLLBACK",
    "SELECT",
    "no T-SQL",
];

const FAILURES: &[&str] = &[
    "database unknown",
    "inside a transaction",
    "BACKUP LOG in the simple model",
    "no such directory",
    "no such file",
    "other family",
    "unknown logical file",
    "beyond the last set",
    "in use by this session",
    "in use by others",
    "files of another database",
    "unknown option",
    "no backup",
    "empty device",
    "file of a database",
    "missing bucket",
    "DROP DATABASE msdb",
];

const ALTER_DATABASE: &[&str] = &[
    "others in the database",
    "others in the database, another option",
    "nobody else",
    "a running session",
    "an idle session",
    "unknown database",
    "NO_WAIT with users",
    "NO_WAIT with users, another option",
    "in a transaction",
    "the transaction after it",
    "master",
    "master, another option",
    "CURRENT in master",
    "USE while held",
    "login while held",
    "ALTER while held",
    "DROP while held",
    "one batch of the owner",
];

const RESULT_SETS: &[&str] = &[
    "HEADERONLY",
    "HEADERONLY of 2014",
    "HEADERONLY of two sets",
    "HEADERONLY uncompressed",
    "FILELISTONLY",
    "LABELONLY",
    "backupmediafamily",
    "backupmediaset",
    "backupset",
    "backupfile",
    "backupfilegroup",
    "restorehistory",
    "restorefile",
    "restorefilegroup",
];

#[tokio::test]
async fn messages_of_keys() {
    play("keys.toml", KEYS).await;
}

#[tokio::test]
async fn databases_that_are_encrypted() {
    play("encryption.toml", ENCRYPTION).await;
}

#[tokio::test]
async fn streams_of_statements() {
    play("streams.toml", STREAMS).await;
}

#[tokio::test]
async fn failures_of_backup_and_restore() {
    play("failures.toml", FAILURES).await;
}

#[tokio::test]
async fn alter_database_around_a_restore() {
    play("alter_database.toml", ALTER_DATABASE).await;
}

#[tokio::test]
async fn columns_of_result_sets() {
    play("result_sets.toml", RESULT_SETS).await;
}

#[test]
fn texts_fit_their_patterns() {
    assert!(compare::fits("Processed <n> pages.", "Processed 12 pages."));
    assert!(!compare::fits("Processed <n> pages.", "Processed  pages."));
    assert!(!compare::fits(
        "Processed <n> pages.",
        "Processed 12 pages!"
    ));
    assert!(compare::fits("in <t> s (<t>).", "in 0.026 s (103.966)."));
    assert!(!compare::fits("in <t> s", "in 0.02 s"));
    assert!(!compare::fits("in <t> s", "in 26 s"));
    assert!(!compare::fits("in <t> s", "in .026 s"));
    assert!(compare::fits("'0x<h>'.", "'0xA0B1'."));
    assert!(!compare::fits("'0x<h>'.", "'0x'."));
}
