//! The simulated machine's power fails in every operation of its disk: nothing that was
//! acknowledged is lost, and nothing is there by half.
#![cfg(feature = "simulator")]
#![allow(clippy::unwrap_used, reason = "tests")]

mod simulator_client;

use std::path::Path;

use scorch_recovery::simulator::{SimulatedInstance, UnsyncedWrites};
use simulator_client::{
    Client, KEY_PASSWORD, PLAINTEXT, copy_folder, create_orch, start, stored_values,
};

/// What happens, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Act {
    BackUpKey,
    BackUp,
    Insert,
    RestoreBeside,
    Replace,
    RegenerateKey,
    RestoreKey,
    Create,
    Drop,
}

const ACTS: [Act; 9] = [
    Act::BackUpKey,
    Act::BackUp,
    Act::Insert,
    Act::RestoreBeside,
    Act::RegenerateKey,
    Act::Replace,
    Act::RestoreKey,
    Act::Create,
    Act::Drop,
];

impl Act {
    const fn statement(self) -> &'static str {
        match self {
            Self::BackUpKey => {
                r"BACKUP SERVICE MASTER KEY TO FILE = 'C:\smk.key' ENCRYPTION BY PASSWORD = 'File-Passw0rd-1'"
            }
            Self::BackUp => r"BACKUP DATABASE Orch TO DISK = 'C:\orch.bak' WITH CHECKSUM",
            Self::Insert => "INSERT INTO Orch.dbo.Stored (id, value) VALUES (2, NULL)",
            Self::RestoreBeside => {
                r"RESTORE DATABASE Beside FROM DISK = 'C:\orch.bak' WITH MOVE 'Orch' TO 'C:\b.mdf', MOVE 'Orch_log' TO 'C:\b.ldf'"
            }
            Self::Replace => r"RESTORE DATABASE Orch FROM DISK = 'C:\orch.bak' WITH REPLACE",
            Self::RegenerateKey => "ALTER SERVICE MASTER KEY REGENERATE",
            Self::RestoreKey => {
                r"RESTORE SERVICE MASTER KEY FROM FILE = 'C:\smk.key' DECRYPTION BY PASSWORD = 'File-Passw0rd-1'"
            }
            Self::Create => "CREATE DATABASE Passing",
            Self::Drop => "DROP DATABASE Passing",
        }
    }
}

async fn state_of(client: &mut Client, database: &str) -> String {
    let query = format!("SELECT state_desc FROM sys.databases WHERE name = '{database}'");
    client
        .ok(&query)
        .await
        .texts()
        .pop()
        .unwrap_or_else(|| "ABSENT".to_owned())
}

/// What is found after the crash, against what was acknowledged and what was running.
async fn check(instance: &SimulatedInstance, acknowledged: &[Act], running: Option<Act>) {
    let client = &mut Client::connect(instance).await;
    let did = |act: Act| acknowledged.contains(&act);
    let runs = |act: Act| running == Some(act);

    if did(Act::BackUp) {
        let verify = r"RESTORE VERIFYONLY FROM DISK = 'C:\orch.bak' WITH CHECKSUM";
        assert_eq!(client.ok(verify).await.numbers(), [3262]);
    }
    let beside = state_of(client, "Beside").await;
    match beside.as_str() {
        "ONLINE" => assert_eq!(stored_values(client, "Beside").await.0, [PLAINTEXT]),
        "RESTORING" => {
            assert!(runs(Act::RestoreBeside));
            assert!(client.errors("USE Beside").await.contains(&927));
        }
        "ABSENT" => assert!(!did(Act::RestoreBeside)),
        other => panic!("the copy is {other}"),
    }
    match state_of(client, "Orch").await.as_str() {
        "ONLINE" => {
            let (values, errors) = stored_values(client, "Orch").await;
            assert_eq!(errors, Vec::<i32>::new());
            let (one, two) = (vec![PLAINTEXT], vec![PLAINTEXT, "NULL"]);
            let possible = match (did(Act::Insert), did(Act::Replace)) {
                (_, true) => vec![one],
                (true, false) if runs(Act::Replace) => vec![one, two],
                (true, false) => vec![two],
                (false, false) if runs(Act::Insert) => vec![one, two],
                (false, false) => vec![one],
            };
            assert!(
                possible.iter().any(|list| *list == values),
                "{values:?} of {possible:?}"
            );
        }
        "RESTORING" => assert!(runs(Act::Replace), "nobody restored it"),
        other => panic!("the original is {other}"),
    }
    let passing = state_of(client, "Passing").await;
    match passing.as_str() {
        "ONLINE" => assert!(!did(Act::Drop) && (did(Act::Create) || runs(Act::Create))),
        "ABSENT" => assert!(!did(Act::Create) || did(Act::Drop) || runs(Act::Drop)),
        other => panic!("the passing one is {other}"),
    }
    if did(Act::BackUpKey) {
        let answer = client.ok(Act::RestoreKey.statement()).await;
        let replaced = did(Act::RegenerateKey) || runs(Act::RegenerateKey);
        assert!(answer.numbers() == [15588] || (answer.messages.is_empty() && replaced));
    }
}

async fn crash_everywhere(unsynced: UnsyncedWrites) {
    let original = tempfile::tempdir().unwrap();
    let instance = start(original.path(), "SQL01");
    create_orch(&mut Client::connect(&instance).await).await;
    drop(instance);
    let mut operations = 0;
    loop {
        let folder = tempfile::tempdir().unwrap();
        copy_folder(original.path(), folder.path());
        let (acknowledged, running) = run_until_crash(folder.path(), operations, unsynced).await;
        let instance = start(folder.path(), "SQL01");
        check(&instance, &acknowledged, running).await;
        if running.is_none() {
            break;
        }
        operations += 1;
    }
    assert!(operations > 100, "only {operations} crashes");
    println!(
        "power: {operations} of {operations} power cuts with unsynced writes {unsynced:?} left everything acknowledged"
    );
}

async fn run_until_crash(
    folder: &Path,
    operations: u64,
    unsynced: UnsyncedWrites,
) -> (Vec<Act>, Option<Act>) {
    let instance = start(folder, "SQL01");
    let mut client = Client::connect(&instance).await;
    instance.fail_power_after(operations, unsynced);
    let mut acknowledged = Vec::new();
    let mut running = None;
    for act in ACTS {
        if !client.acknowledged(act.statement()).await {
            running = Some(act);
            break;
        }
        acknowledged.push(act);
    }
    instance.kill();
    (acknowledged, running)
}

#[tokio::test]
async fn nothing_is_lost_when_unsynced_writes_are_kept() {
    crash_everywhere(UnsyncedWrites::Kept).await;
}

#[tokio::test]
async fn nothing_is_lost_when_unsynced_writes_are_lost() {
    crash_everywhere(UnsyncedWrites::Lost).await;
}

#[tokio::test]
async fn a_killed_instance_is_free_for_the_next() {
    let folder = tempfile::tempdir().unwrap();
    let instance = start(folder.path(), "SQL01");
    let mut client = Client::connect(&instance).await;
    create_orch(&mut client).await;
    instance.kill();
    let again = start(folder.path(), "SQL01");
    assert!(!client.acknowledged("CREATE DATABASE Late").await);
    let mut client = Client::connect(&again).await;
    assert_eq!(state_of(&mut client, "Late").await, "ABSENT");
    let open = format!("USE Orch; OPEN MASTER KEY DECRYPTION BY PASSWORD = '{KEY_PASSWORD}'");
    client.ok(&open).await;
}
