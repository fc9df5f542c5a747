//! The simulator's keys, through T-SQL: what moves, what opens, what is found, and what is nowhere.
#![cfg(feature = "simulator")]
#![allow(clippy::unwrap_used, reason = "tests")]

mod simulator_client;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use scorch_recovery::simulator::{ModellingChoices, SimulatedInstance};
use simulator_client::{
    Client, FILE_PASSWORD, KEY_PASSWORD, PLAINTEXT, SA, builder, choices, create_orch, file, files,
    instance_folder, start, stored_values,
};

const BACKUP_KEY: &str = r"BACKUP SERVICE MASTER KEY TO FILE = '\\vault\smk.key' ENCRYPTION BY PASSWORD = 'File-Passw0rd-1'";
const RESTORE_KEY: &str = r"RESTORE SERVICE MASTER KEY FROM FILE = '\\vault\smk.key' DECRYPTION BY PASSWORD = 'File-Passw0rd-1'";
const BACKUP: &str = r"BACKUP DATABASE Orch TO DISK = '\\vault\orch.bak' WITH CHECKSUM";
const RESTORE: &str = r"RESTORE DATABASE Orch FROM DISK = '\\vault\orch.bak'";

/// A source whose key and database lie in the vault.
async fn source(folder: &Path) -> SimulatedInstance {
    let source = start(folder, "OLD");
    let mut client = Client::connect(&source).await;
    create_orch(&mut client).await;
    client.ok(BACKUP_KEY).await;
    client.ok(BACKUP).await;
    source
}

fn readable() -> (Vec<String>, Vec<i32>) {
    (vec![PLAINTEXT.to_owned()], Vec::new())
}

/// Whether the copy that the old key doesn't open is in the way is a switch.
async fn restore_key_over_a_foreign_copy(client: &mut Client) {
    if choices().foreign_master_key_stops_key_restore {
        assert_eq!(client.errors(RESTORE_KEY).await, [15320]);
        client.ok(&format!("{RESTORE_KEY} FORCE")).await;
    } else {
        client.ok(RESTORE_KEY).await;
    }
}

#[tokio::test]
async fn a_deployment_moves_with_its_key() {
    for key_first in [true, false] {
        let folder = tempfile::tempdir().unwrap();
        let _source = source(folder.path()).await;
        let target = start(folder.path(), "NEW");
        let mut client = Client::connect(&target).await;
        if key_first {
            assert!(client.ok(RESTORE_KEY).await.messages.is_empty());
            client.ok(RESTORE).await;
        } else {
            client.ok(RESTORE).await;
            let (values, errors) = stored_values(&mut client, "Orch").await;
            assert_eq!(values, ["NULL"]);
            assert_eq!(errors, [15581]);
            restore_key_over_a_foreign_copy(&mut client).await;
        }
        assert_eq!(stored_values(&mut client, "Orch").await, readable());
        assert_eq!(client.ok(RESTORE_KEY).await.numbers(), [15588]);
    }
}

#[tokio::test]
async fn a_foreign_copy_can_stop_the_key_and_force_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let _source = source(folder.path()).await;
    let mut choices = ModellingChoices::default();
    choices.foreign_master_key_stops_key_restore = true;
    let target = builder(folder.path(), "NEW")
        .modelling(choices)
        .build()
        .unwrap();
    let mut client = Client::connect(&target).await;
    client.ok(RESTORE).await;
    assert_eq!(client.errors(RESTORE_KEY).await, [15320]);
    assert_eq!(stored_values(&mut client, "Orch").await.1, [15581]);
    assert_eq!(
        client.ok(&format!("{RESTORE_KEY} FORCE")).await.numbers(),
        [15584]
    );
    assert_eq!(stored_values(&mut client, "Orch").await, readable());
}

#[tokio::test]
async fn a_deployment_moves_with_its_password() {
    let folder = tempfile::tempdir().unwrap();
    let _source = source(folder.path()).await;
    let target = start(folder.path(), "NEW");
    let mut client = Client::connect(&target).await;
    client.ok(RESTORE).await;
    let wrong = "USE Orch; OPEN MASTER KEY DECRYPTION BY PASSWORD = 'wrong'; USE master";
    assert_eq!(client.errors(wrong).await, [15313]);
    client
        .ok(&format!(
            "USE Orch; OPEN MASTER KEY DECRYPTION BY PASSWORD = '{KEY_PASSWORD}';
             ALTER MASTER KEY ADD ENCRYPTION BY SERVICE MASTER KEY; CLOSE MASTER KEY; USE master"
        ))
        .await;
    let mut other = Client::connect(&target).await;
    assert_eq!(stored_values(&mut other, "Orch").await, readable());
    drop((client, other));
    drop(target);
    let target = start(folder.path(), "NEW");
    let mut client = Client::connect(&target).await;
    assert_eq!(stored_values(&mut client, "Orch").await, readable());
}

#[tokio::test]
async fn nothing_opens_without_the_machines_secret() {
    let folder = tempfile::tempdir().unwrap();
    drop(source(folder.path()).await);
    fs::remove_file(folder.path().join("OLD.machine-key")).unwrap();
    let robbed = start(folder.path(), "OLD");
    let mut client = Client::connect(&robbed).await;
    let (values, errors) = stored_values(&mut client, "Orch").await;
    assert_eq!(values, ["NULL"]);
    assert_eq!(errors, [15581]);
    let backup = BACKUP_KEY.replace("smk.key", "other.key");
    assert_eq!(client.errors(&backup).await, [15466]);
    assert_eq!(client.errors(RESTORE_KEY).await, [15329]);
    client.ok(&format!("{RESTORE_KEY} FORCE")).await;
    assert_eq!(stored_values(&mut client, "Orch").await, readable());
}

/// No key, password, secret or plaintext: neither in UTF-8 nor in UTF-16.
#[tokio::test]
async fn no_secret_lies_on_any_disk() {
    let folder = tempfile::tempdir().unwrap();
    let source = source(folder.path()).await;
    let mut client = Client::connect(&source).await;
    client
        .ok("CREATE CREDENTIAL c WITH IDENTITY = 'i', SECRET = 'the secret of c'")
        .await;
    client
        .ok(&format!(
            r"USE Orch; BACKUP MASTER KEY TO FILE = '\\vault\dmk.key' ENCRYPTION BY PASSWORD = '{FILE_PASSWORD}'"
        ))
        .await;
    let mut canaries: Vec<Vec<u8>> = Vec::new();
    for text in [
        SA,
        FILE_PASSWORD,
        KEY_PASSWORD,
        PLAINTEXT,
        "the secret of c",
    ] {
        canaries.push(text.as_bytes().to_vec());
        canaries.push(text.encode_utf16().flat_map(u16::to_le_bytes).collect());
        canaries.push(hex::encode(text).into_bytes());
    }
    let secret = fs::read(folder.path().join("OLD.machine-key")).unwrap();
    canaries.push(hex::encode(&secret).into_bytes());
    canaries.push(secret);
    let searched: Vec<_> = [
        instance_folder(folder.path(), "OLD"),
        folder.path().join("vault"),
    ]
    .iter()
    .flat_map(|folder| files(folder))
    .collect();
    assert!(searched.len() > 10, "{searched:?}");
    for path in searched {
        let bytes = fs::read(&path).unwrap();
        for canary in &canaries {
            let found = bytes.windows(canary.len()).any(|part| part == canary);
            assert!(!found, "a secret lies in {}", path.display());
        }
    }
}

/// Changes one byte in many places of a file, one place at a time, and puts it back.
async fn flip_everywhere<Check: AsyncFnMut(usize)>(path: &Path, places: usize, mut check: Check) {
    let sound = fs::read(path).unwrap();
    let step = (sound.len() / places).max(1);
    for at in (0..sound.len()).step_by(step).chain([sound.len() - 1]) {
        let mut damaged = sound.clone();
        damaged[at] ^= 0x10;
        fs::write(path, damaged).unwrap();
        check(at).await;
    }
    fs::write(path, sound).unwrap();
}

#[tokio::test]
async fn a_damaged_key_file_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let source = source(folder.path()).await;
    let mut client = Client::connect(&source).await;
    let mut seen = BTreeSet::new();
    let path = folder.path().join("vault/smk.key");
    flip_everywhere(&path, usize::MAX, async |at| {
        let errors = client.errors(RESTORE_KEY).await;
        assert_eq!(errors.len(), 1, "byte {at}");
        seen.extend(errors);
    })
    .await;
    let wrong = choices().wrong_key_file_password;
    assert_eq!(seen, BTreeSet::from([15317, wrong]));
    assert_eq!(client.ok(RESTORE_KEY).await.numbers(), [15588]);
    assert_eq!(stored_values(&mut client, "Orch").await, readable());
}

#[tokio::test]
async fn a_damaged_backup_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let source = source(folder.path()).await;
    let mut client = Client::connect(&source).await;
    let path = folder.path().join("vault/orch.bak");
    let mut seen = BTreeSet::new();
    flip_everywhere(&path, 60, async |at| {
        let verify = r"RESTORE VERIFYONLY FROM DISK = '\\vault\orch.bak'";
        let errors = client.errors(verify).await;
        assert_eq!(errors.last(), Some(&3013), "byte {at}");
        seen.extend(errors);
    })
    .await;
    let known = BTreeSet::from([3013, 3183, 3189, 3241, 3256, 3266, 3287]);
    assert!(seen.is_subset(&known), "{seen:?}");
    assert!(seen.contains(&3183) && seen.contains(&3241), "{seen:?}");
}

#[tokio::test]
async fn a_damaged_instance_is_found() {
    let folder = tempfile::tempdir().unwrap();
    drop(source(folder.path()).await);
    let home = instance_folder(folder.path(), "OLD");
    for leaf in ["master", "master.mdf", "mastlog.ldf"] {
        flip_everywhere(&file(&home, leaf), 12, async |at| {
            let started = builder(folder.path(), "OLD").build();
            assert!(started.is_err(), "{leaf}, byte {at}");
        })
        .await;
    }
    for leaf in ["orch.mdf", "orch_log.ldf"] {
        flip_everywhere(&file(&home, leaf), 12, async |at| {
            let started = start(folder.path(), "OLD");
            let mut client = Client::connect(&started).await;
            assert_eq!(client.errors("USE Orch").await, [926], "{leaf}, byte {at}");
        })
        .await;
    }
    let sound = start(folder.path(), "OLD");
    let mut client = Client::connect(&sound).await;
    assert_eq!(stored_values(&mut client, "Orch").await, readable());
}

#[tokio::test]
async fn key_files_and_backups_know_their_permissions() {
    let folder = tempfile::tempdir().unwrap();
    let source = source(folder.path()).await;
    let mut client = Client::connect(&source).await;
    client
        .ok("CREATE LOGIN weak WITH PASSWORD = 'Weak-Passw0rd-1';
             CREATE LOGIN keeper WITH PASSWORD = 'Weak-Passw0rd-1';
             GRANT CONTROL SERVER TO keeper")
        .await;
    for (login, expected) in [("weak", vec![15247]), ("keeper", vec![])] {
        let statement = format!(
            "EXECUTE AS LOGIN = '{login}'; {}; REVERT",
            BACKUP_KEY.replace("smk.key", "permission.key")
        );
        assert_eq!(client.errors(&statement).await, expected, "{login}");
    }
    for (statement, number) in [
        (r"BACKUP DATABASE Orch TO DISK = '\\vault\x.bak'", 262),
        (
            r"RESTORE DATABASE Orch FROM DISK = '\\vault\orch.bak'",
            3110,
        ),
        (
            r"RESTORE DATABASE Other FROM DISK = '\\vault\orch.bak'",
            262,
        ),
        (r"RESTORE HEADERONLY FROM DISK = '\\vault\orch.bak'", 262),
    ] {
        let as_weak = format!("EXECUTE AS LOGIN = 'weak'; {statement}; REVERT");
        assert!(
            client.errors(&as_weak).await.contains(&number),
            "{statement}"
        );
    }
}

#[tokio::test]
async fn a_deployment_moves_under_all_pairs_of_switches() {
    let original = tempfile::tempdir().unwrap();
    drop(source(original.path()).await);
    let vault = original.path().join("vault");
    let chosen = ModellingChoices::each_alone().into_iter();
    for choices in chosen.chain(ModellingChoices::pairwise()) {
        let folder = tempfile::tempdir().unwrap();
        let builder = builder(folder.path(), "NEW").share("vault", &vault);
        let target = builder.modelling(choices.clone()).build().unwrap();
        move_under(&target, &choices).await;
    }
}

async fn move_under(target: &SimulatedInstance, choices: &ModellingChoices) {
    let client = &mut Client::connect(target).await;
    client.ok(RESTORE).await;
    let wrong = RESTORE_KEY.replace(FILE_PASSWORD, "Wrong-Passw0rd-1");
    assert_eq!(
        client.errors(&wrong).await,
        [choices.wrong_key_file_password]
    );
    if choices.foreign_master_key_stops_key_restore {
        let answer = client.run(RESTORE_KEY).await;
        assert_eq!(answer.errors(), [15320]);
        assert_eq!(answer.messages[0].state, choices.unseen_state);
        client.ok(&format!("{RESTORE_KEY} FORCE")).await;
    } else {
        client.ok(RESTORE_KEY).await;
    }
    assert_eq!(stored_values(client, "Orch").await, readable());

    let flag = "SELECT CONVERT(int, is_master_key_encrypted_by_server) FROM sys.databases WHERE name = 'Orch'";
    let before = if choices.master_key_flag_from_master {
        "0"
    } else {
        "1"
    };
    assert_eq!(client.ok(flag).await.texts(), [before]);
    let add = "USE Orch; ALTER MASTER KEY ADD ENCRYPTION BY SERVICE MASTER KEY; USE master";
    client.ok(add).await;
    assert_eq!(client.ok(flag).await.texts(), ["1"]);
    let again = client.errors(add).await;
    assert_eq!(
        again == [15579],
        choices.adding_same_encryption_fails,
        "{again:?}"
    );

    client
        .ok("ALTER DATABASE Orch SET OFFLINE WITH ROLLBACK IMMEDIATE")
        .await;
    let regenerated = client.errors("ALTER SERVICE MASTER KEY REGENERATE").await;
    assert_eq!(
        regenerated == [15320],
        choices.offline_database_stops_key_restore,
        "{regenerated:?}"
    );
    client.ok("ALTER DATABASE Orch SET ONLINE").await;
    assert_eq!(stored_values(client, "Orch").await, readable());
}

#[tokio::test]
async fn key_pairs_encrypt_and_open_keys_by_themselves() {
    let folder = tempfile::tempdir().unwrap();
    let instance = start(folder.path(), "SQL01");
    let mut client = Client::connect(&instance).await;
    create_orch(&mut client).await;
    client
        .ok("USE Orch; CREATE CERTIFICATE Cert ENCRYPTION BY PASSWORD = 'Cert-Passw0rd-1' WITH SUBJECT = 's'")
        .await;
    for (query, expected) in [
        (
            "SELECT CONVERT(varchar(20), DECRYPTBYASYMKEY(ASYMKEY_ID('Asym'),
                 ENCRYPTBYASYMKEY(ASYMKEY_ID('Asym'), 'by a pair')))",
            "by a pair",
        ),
        (
            "SELECT CONVERT(varchar(20), DECRYPTBYCERT(CERT_ID('Cert'),
                 ENCRYPTBYCERT(CERT_ID('Cert'), 'by a pair'), N'Cert-Passw0rd-1'))",
            "by a pair",
        ),
        (
            "SELECT CONVERT(varchar(20), DECRYPTBYCERT(CERT_ID('Cert'),
                 ENCRYPTBYCERT(CERT_ID('Cert'), 'by a pair'), N'wrong'))",
            "NULL",
        ),
        (
            "SELECT CONVERT(nvarchar(100),
                 DECRYPTBYKEYAUTOASYMKEY(ASYMKEY_ID('Asym'), NULL, value)) FROM Stored",
            PLAINTEXT,
        ),
        (
            "SELECT CONVERT(nvarchar(100), DECRYPTBYKEY(value)) FROM Stored",
            "NULL",
        ),
    ] {
        assert_eq!(client.ok(query).await.texts(), [expected], "{query}");
    }
}
