//! The power fails in every operation of the disk, once keeping and once losing what was not
//! synced: nothing acknowledged may be lost, and nothing may be there by half.

use std::fs;

use super::*;
use crate::simulator::UnsyncedWrites;
use crate::simulator::engine::keys;
use crate::simulator::keys::{
    KeyFileKind, KeyMaterial, decrypt_message, encrypt_message, open_key_file,
};
use crate::simulator::tsql::ast::{KeyProtector, KeyStatement};

const PASSWORD: &str = "A pass word 1";

fn text(value: &str) -> String {
    value.to_owned()
}

/// What the sequence does, in its order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Act {
    BackUpServiceKey,
    BackUpMasterKey,
    BackUp,
    Insert,
    RestoreBeside,
    RestoreReplace,
    RegenerateServiceKey,
    AppendBackUp,
    RestoreServiceKey,
}

const ACTS: [Act; 9] = [
    Act::BackUpServiceKey,
    Act::BackUpMasterKey,
    Act::BackUp,
    Act::Insert,
    Act::RestoreBeside,
    Act::RestoreReplace,
    Act::RegenerateServiceKey,
    Act::AppendBackUp,
    Act::RestoreServiceKey,
];

/// Whether it was acknowledged.
async fn perform(instance: &SimulatedInstance, act: Act) -> bool {
    let mut session = sa(instance, "master");
    let file = text(r"C:\smk.key");
    let key = match act {
        Act::BackUpServiceKey => Some(KeyStatement::BackupServiceMasterKey {
            file,
            password: text(PASSWORD),
        }),
        Act::BackUpMasterKey => {
            session.database = text("Orch");
            Some(KeyStatement::BackupMasterKey {
                file: text(r"C:\dmk.key"),
                password: text(PASSWORD),
            })
        }
        Act::RegenerateServiceKey => {
            Some(KeyStatement::RegenerateServiceMasterKey { force: false })
        }
        Act::RestoreServiceKey => Some(KeyStatement::RestoreServiceMasterKey {
            file,
            password: text(PASSWORD),
            force: false,
        }),
        _ => None,
    };
    if let Some(key) = key {
        let (output, _replies) = Output::channel();
        return keys::execute(&mut session, &key, &output).await.is_ok();
    }
    let statement = match act {
        Act::Insert => return try_insert(instance, 2),
        Act::RestoreBeside => restore("New", move_to("new")),
        Act::RestoreReplace => restore("Orch", vec![MediaOption::Replace]),
        _ => backup(Vec::new()),
    };
    answer(&session, &statement).await.errors.is_empty()
}

fn try_insert(instance: &SimulatedInstance, value: i64) -> bool {
    let inner = &instance.inner;
    let mut state = inner.state();
    let done = inner.edit(&mut state, |edit| {
        let rows = &edit.database("Orch")?.rows;
        rows.execute("INSERT INTO t VALUES (?1)", [value]).unwrap();
        Ok(())
    });
    done.is_ok()
}

/// An instance with `Orch`: a value and a key hierarchy. What it encrypted is given back.
async fn prepare(folder: &Path) -> Vec<u8> {
    let (instance, _) = orchestrated(folder, "SQL01");
    let mut session = sa(&instance, "Orch");
    let by = || KeyProtector::AsymmetricKey {
        name: text("asym"),
        password: None,
    };
    let statements = [
        KeyStatement::CreateMasterKey {
            password: text(PASSWORD),
        },
        KeyStatement::CreateAsymmetricKey {
            name: text("asym"),
            algorithm: text("RSA_2048"),
            password: None,
        },
        KeyStatement::CreateSymmetricKey {
            name: text("sym"),
            algorithm: text("AES_256"),
            protectors: vec![by()],
        },
        KeyStatement::OpenSymmetricKey {
            name: text("sym"),
            decryption: by(),
        },
    ];
    for statement in &statements {
        let (output, _replies) = Output::channel();
        keys::execute(&mut session, statement, &output)
            .await
            .unwrap();
    }
    let open = &session.open_symmetric_keys[0];
    encrypt_message(open.guid, &open.material, b"a secret", None).unwrap()
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// Checks an instance that was started again after `acknowledged`, while `running` ran.
async fn check(
    instance: &SimulatedInstance,
    ciphertext: &[u8],
    acknowledged: &[Act],
    running: Option<Act>,
) {
    let did = |act: Act| acknowledged.contains(&act);
    let state_is = |name: &str| state_of(instance, name);
    for entry in &instance.inner.state().catalog.databases {
        let sound = [DatabaseState::Online, DatabaseState::Restoring];
        assert!(
            sound.contains(&entry.state),
            "{} is {:?}",
            entry.name,
            entry.state
        );
    }
    if did(Act::BackUpServiceKey) {
        let bytes = instance.inner.disk.read(r"C:\smk.key").unwrap();
        open_key_file(KeyFileKind::ServiceMasterKey, &bytes, PASSWORD).unwrap();
    }
    if did(Act::BackUpMasterKey) {
        let bytes = instance.inner.disk.read(r"C:\dmk.key").unwrap();
        open_key_file(KeyFileKind::MasterKey, &bytes, PASSWORD).unwrap();
    }
    let sets = usize::from(did(Act::BackUp)) + usize::from(did(Act::AppendBackUp));
    for position in 1..=sets {
        let number = u32::try_from(position).unwrap();
        let options = vec![MediaOption::FileNumber(number)];
        ok(
            &sa(instance, "master"),
            &read(RestoreKind::VerifyOnly, BAK, options),
        )
        .await;
    }
    match state_is("New") {
        Some(DatabaseState::Online) => assert_eq!(values(instance, "New"), [1]),
        state => {
            assert!(
                !did(Act::RestoreBeside),
                "an acknowledged restore is {state:?}"
            );
            let begun = running == Some(Act::RestoreBeside);
            assert!(state.is_none() || begun, "it is {state:?}");
        }
    }
    check_original(instance, ciphertext, acknowledged, running).await;
}

async fn check_original(
    instance: &SimulatedInstance,
    ciphertext: &[u8],
    acknowledged: &[Act],
    running: Option<Act>,
) {
    let did = |act: Act| acknowledged.contains(&act);
    if state_of(instance, "Orch") == Some(DatabaseState::Restoring) {
        assert_eq!(
            running,
            Some(Act::RestoreReplace),
            "it was closed by nobody"
        );
        return;
    }
    let found = values(instance, "Orch");
    let possible: &[&[i64]] = match (did(Act::RestoreReplace), did(Act::Insert)) {
        (true, _) => &[&[1]],
        (false, true) if running == Some(Act::RestoreReplace) => &[&[1, 2], &[1]],
        (false, true) => &[&[1, 2]],
        (false, false) if running == Some(Act::Insert) => &[&[1], &[1, 2]],
        (false, false) => &[&[1]],
    };
    assert!(
        possible.contains(&found.as_slice()),
        "{found:?} after {acknowledged:?}, {running:?}"
    );
    let mut session = sa(instance, "Orch");
    let open = KeyStatement::OpenSymmetricKey {
        name: text("sym"),
        decryption: KeyProtector::AsymmetricKey {
            name: text("asym"),
            password: None,
        },
    };
    let (output, _replies) = Output::channel();
    keys::execute(&mut session, &open, &output).await.unwrap();
    let key: &KeyMaterial = &session.open_symmetric_keys[0].material;
    assert_eq!(
        decrypt_message(key, ciphertext, None).unwrap().as_slice(),
        b"a secret"
    );
}

async fn crash_everywhere(unsynced: UnsyncedWrites) -> u64 {
    let original = tempfile::tempdir().unwrap();
    let ciphertext = prepare(original.path()).await;
    let mut operations = 0;
    loop {
        let folder = tempfile::tempdir().unwrap();
        copy_folder(original.path(), folder.path());
        let instance = start(folder.path(), "SQL01");
        instance.fail_power_after(operations, unsynced);
        let mut acknowledged = Vec::new();
        let mut running = None;
        for act in ACTS {
            if !perform(&instance, act).await {
                running = Some(act);
                break;
            }
            acknowledged.push(act);
        }
        instance.kill();
        drop(instance);
        let instance = start(folder.path(), "SQL01");
        check(&instance, &ciphertext, &acknowledged, running).await;
        if running.is_none() {
            return operations;
        }
        operations += 1;
    }
}

#[tokio::test]
async fn nothing_acknowledged_is_lost_when_writes_are_kept() {
    assert!(crash_everywhere(UnsyncedWrites::Kept).await > 100);
}

#[tokio::test]
async fn nothing_acknowledged_is_lost_when_writes_are_lost() {
    assert!(crash_everywhere(UnsyncedWrites::Lost).await > 100);
}
