//! The statements on keys, one by one.

mod master_key;
mod service_master_key;

use std::path::Path;

use super::*;
use crate::simulator::catalog::{DatabaseState, LinkedLogin, Login};
use crate::simulator::engine::test_kit::{
    builder, create_database, move_database, sa, session, start,
};
use crate::simulator::keys::{
    KeyMaterial, Label, decrypt_message, encrypt_message, message_key_guid,
};
use crate::simulator::tsql::ast::KeyProtector;
use crate::simulator::{ModellingChoices, SimulatedInstance};

const DMK_PASSWORD: &str = "Master key 1";
const FILE_PASSWORD: &str = "File password 1";
const SMK_FILE: &str = r"C:\smk.key";

fn text(value: &str) -> String {
    value.to_owned()
}

fn ok(session: &mut Session, statement: &KeyStatement) {
    assert_eq!(run(session, statement), Ok(Vec::new()), "{statement:?}");
}

/// Number, class and state of the first error.
fn error(session: &mut Session, statement: &KeyStatement) -> (i32, u8, u8) {
    let error = run(session, statement).unwrap_err();
    let first = &error.0[0];
    (first.number, first.class, first.state)
}

fn notices(session: &mut Session, statement: &KeyStatement) -> Vec<i32> {
    let notices = run(session, statement).unwrap();
    assert!(notices.iter().all(|notice| notice.class == 0));
    notices.iter().map(|notice| notice.number).collect()
}

fn create_master_key() -> KeyStatement {
    KeyStatement::CreateMasterKey {
        password: text(DMK_PASSWORD),
    }
}

fn open_master_key(password: &str) -> KeyStatement {
    KeyStatement::OpenMasterKey {
        password: text(password),
    }
}

fn backup_smk() -> KeyStatement {
    KeyStatement::BackupServiceMasterKey {
        file: text(SMK_FILE),
        password: text(FILE_PASSWORD),
    }
}

fn restore_smk(force: bool) -> KeyStatement {
    KeyStatement::RestoreServiceMasterKey {
        file: text(r"\\vault\smk.key"),
        password: text(FILE_PASSWORD),
        force,
    }
}

fn open_symmetric_key() -> KeyStatement {
    KeyStatement::OpenSymmetricKey {
        name: text("Sym"),
        decryption: KeyProtector::AsymmetricKey {
            name: text("asym"),
            password: None,
        },
    }
}

fn add_service_master_key() -> KeyStatement {
    KeyStatement::AddMasterKeyEncryption(MasterKeyProtector::ServiceMasterKey)
}

/// The hierarchy that Orchestrator has, in database `Orch`.
fn make_hierarchy(session: &mut Session) {
    ok(session, &create_master_key());
    let asymmetric = KeyStatement::CreateAsymmetricKey {
        name: text("Asym"),
        algorithm: text("RSA_2048"),
        password: None,
    };
    ok(session, &asymmetric);
    let symmetric = KeyStatement::CreateSymmetricKey {
        name: text("Sym"),
        algorithm: text("AES_256"),
        protectors: vec![KeyProtector::AsymmetricKey {
            name: text("Asym"),
            password: None,
        }],
    };
    ok(session, &symmetric);
}

fn encrypt(session: &mut Session, plaintext: &[u8]) -> Vec<u8> {
    ok(session, &open_symmetric_key());
    let key = session.open_symmetric_keys.last().unwrap();
    encrypt_message(key.guid, &key.material, plaintext, None).unwrap()
}

/// DECRYPTBYKEY: `None` where the key is not open.
fn decrypt(session: &Session, message: &[u8]) -> Option<Vec<u8>> {
    let guid = message_key_guid(message)?;
    let key = session
        .open_symmetric_keys
        .iter()
        .find(|open| open.guid == guid)?;
    Some(decrypt_message(&key.material, message, None)?.to_vec())
}

fn with_hierarchy(folder: &Path, name: &str) -> (SimulatedInstance, Session) {
    let instance = shared(folder, name, ModellingChoices::default());
    create_database(&instance.inner, "Orch");
    let mut session = sa(&instance, "Orch");
    make_hierarchy(&mut session);
    (instance, session)
}

/// An instance that sees `\\vault`.
fn shared(folder: &Path, name: &str, choices: ModellingChoices) -> SimulatedInstance {
    builder(folder, name)
        .share("VAULT", folder.join("vault"))
        .modelling(choices)
        .build()
        .unwrap()
}

fn backup_smk_to_vault(session: &mut Session) {
    ok(
        session,
        &KeyStatement::BackupServiceMasterKey {
            file: text(r"\\vault\smk.key"),
            password: text(FILE_PASSWORD),
        },
    );
}

/// A source with a hierarchy and its key on the share, and a target with a moved copy of `Orch`.
fn moved(folder: &Path, choices: ModellingChoices) -> (Vec<u8>, SimulatedInstance, Session) {
    let (source, mut session) = with_hierarchy(folder, "OLD");
    let ciphertext = encrypt(&mut session, b"a secret");
    backup_smk_to_vault(&mut session);
    let target = shared(folder, "NEW", choices);
    move_database(&source.inner, &target.inner, "Orch");
    let session = sa(&target, "Orch");
    (ciphertext, target, session)
}

fn add_linked_login(instance: &SimulatedInstance) {
    let mut state = instance.inner.state();
    let key = state.service_master_key.clone().unwrap();
    let password = key
        .wrap(Label::LinkedLogin("other", "remote"), b"linked")
        .unwrap();
    instance
        .inner
        .edit(&mut state, |edit| {
            edit.catalog().linked_logins.push(LinkedLogin {
                server: text("other"),
                remote_user: text("remote"),
                password: Some(password),
            });
            Ok(())
        })
        .unwrap();
}

#[test]
fn key_files_are_never_overwritten_and_always_checked() {
    let folder = tempfile::tempdir().unwrap();
    let (instance, mut session) = with_hierarchy(folder.path(), "SQL01");
    ok(&mut session, &backup_smk());
    assert_eq!(error(&mut session, &backup_smk()), (15240, 16, 1));
    let weak = KeyStatement::BackupServiceMasterKey {
        file: text(r"C:\b"),
        password: text("weakweak"),
    };
    assert_eq!(error(&mut session, &weak), (15118, 16, 1));
    let nowhere = KeyStatement::BackupServiceMasterKey {
        file: text(r"X:\none\b"),
        password: text(FILE_PASSWORD),
    };
    assert_eq!(error(&mut session, &nowhere), (15240, 16, 1));
    let restore = |file: &str, password: &str| KeyStatement::RestoreServiceMasterKey {
        file: text(file),
        password: text(password),
        force: false,
    };
    assert_eq!(
        error(&mut session, &restore(r"C:\none", FILE_PASSWORD)),
        (15317, 16, 2)
    );
    assert_eq!(
        error(&mut session, &restore(SMK_FILE, "Wrong one 1")),
        (15466, 16, 1)
    );
    assert_eq!(
        notices(&mut session, &restore(SMK_FILE, FILE_PASSWORD)),
        [15588]
    );
    instance.set_disk_quota(Some(20));
    let full = KeyStatement::BackupServiceMasterKey {
        file: text(r"C:\c"),
        password: text(FILE_PASSWORD),
    };
    assert_eq!(error(&mut session, &full), (15240, 16, 1));
    // A bare name lies in the data folder.
    instance.set_disk_quota(None);
    let bare = KeyStatement::BackupServiceMasterKey {
        file: text("bare.key"),
        password: text(FILE_PASSWORD),
    };
    ok(&mut session, &bare);
    let path = format!(r"{}\bare.key", instance.inner.data_folder());
    assert_eq!(
        notices(&mut session, &restore(&path, FILE_PASSWORD)),
        [15588]
    );
}

#[test]
fn the_number_for_a_wrong_password_is_a_switch() {
    for number in [15466, 15465, 15317] {
        let folder = tempfile::tempdir().unwrap();
        let choices = ModellingChoices {
            wrong_key_file_password: number,
            ..Default::default()
        };
        let instance = shared(folder.path(), "SQL01", choices);
        let mut session = sa(&instance, "master");
        ok(&mut session, &backup_smk());
        let restore = KeyStatement::RestoreServiceMasterKey {
            file: text(SMK_FILE),
            password: text("Wrong one 1"),
            force: false,
        };
        assert_eq!(error(&mut session, &restore).0, number);
    }
}

#[test]
fn statements_on_keys_need_control() {
    let folder = tempfile::tempdir().unwrap();
    let (instance, _) = with_hierarchy(folder.path(), "SQL01");
    {
        let mut state = instance.inner.state();
        let sa = state.login("sa").unwrap().clone();
        let login = Login {
            id: 267,
            name: text("weak"),
            sid: crate::simulator::catalog::Bytes(vec![7; 16]),
            roles: std::collections::BTreeSet::new(),
            ..sa
        };
        instance
            .inner
            .edit(&mut state, |edit| {
                edit.catalog().logins.push(login);
                Ok(())
            })
            .unwrap();
    }
    let mut weak = session(&instance, "weak", "Orch");
    for statement in [
        backup_smk(),
        restore_smk(true),
        KeyStatement::RegenerateServiceMasterKey { force: true },
        create_master_key(),
        open_master_key(DMK_PASSWORD),
        KeyStatement::BackupMasterKey {
            file: text(r"C:\x"),
            password: text(FILE_PASSWORD),
        },
        KeyStatement::DropSymmetricKey(text("sym")),
    ] {
        assert_eq!(
            error(&mut weak, &statement),
            (15247, 16, 1),
            "{statement:?}"
        );
    }
}

#[test]
fn no_key_and_no_secret_lies_on_the_disk() {
    let folder = tempfile::tempdir().unwrap();
    let (instance, mut session) = with_hierarchy(folder.path(), "SQL01");
    ok(&mut session, &backup_smk());
    ok(
        &mut session,
        &KeyStatement::CreateCredential {
            name: text("c"),
            identity: text("i"),
            secret: Some(text("a secret of a credential")),
        },
    );
    ok(&mut session, &open_master_key(DMK_PASSWORD));
    ok(&mut session, &open_symmetric_key());
    let mut canaries: Vec<Vec<u8>> = vec![
        instance
            .inner
            .state()
            .service_master_key
            .clone()
            .unwrap()
            .0
            .to_vec(),
        session.open_master_keys["orch"].0.to_vec(),
        session.open_symmetric_keys[0].material.0.to_vec(),
        instance
            .inner
            .machine_secret
            .as_ref()
            .map(|key: &KeyMaterial| key.0.to_vec())
            .unwrap(),
    ];
    canaries.extend(
        ["a secret of a credential", DMK_PASSWORD, FILE_PASSWORD]
            .map(|text| text.as_bytes().to_vec()),
    );
    let encoded: Vec<Vec<u8>> = canaries
        .iter()
        .map(|canary| hex::encode(canary).into_bytes())
        .collect();
    canaries.extend(encoded);
    let mut folders = vec![folder.path().join("SQL01"), folder.path().join("vault")];
    let mut files = 0;
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            files += 1;
            let bytes = std::fs::read(&path).unwrap();
            for canary in &canaries {
                assert!(
                    !bytes.windows(canary.len()).any(|part| part == canary),
                    "{}",
                    path.display()
                );
            }
        }
    }
    assert!(files > 8, "only {files} files were searched");
}

#[tokio::test]
async fn notices_and_the_end_are_sent() {
    let folder = tempfile::tempdir().unwrap();
    let instance = start(folder.path(), "SQL01");
    let mut session = sa(&instance, "master");
    let (output, mut replies) = Output::channel();
    execute(&mut session, &backup_smk(), &output).await.unwrap();
    let restore = KeyStatement::RestoreServiceMasterKey {
        file: text(SMK_FILE),
        password: text(FILE_PASSWORD),
        force: false,
    };
    execute(&mut session, &restore, &output).await.unwrap();
    drop(output);
    let mut seen = Vec::new();
    while let Some(reply) = replies.recv().await {
        seen.push(match reply {
            Reply::Message(message) => message.number,
            Reply::Done {
                is_error: false, ..
            } => 0,
            _ => -1,
        });
    }
    assert_eq!(seen, [0, 15588, 0]);
}

#[test]
fn the_policy_of_linux_is_a_switch() {
    for (by_server, numbers) in [(false, [15116, 15118]), (true, [33062, 33064])] {
        let folder = tempfile::tempdir().unwrap();
        let choices = ModellingChoices {
            own_password_policy_on_linux: by_server,
            ..Default::default()
        };
        let instance = builder(folder.path(), "SQL01")
            .platform(crate::simulator::Platform::Linux)
            .modelling(choices)
            .build()
            .unwrap();
        let mut session = sa(&instance, "master");
        for (password, number) in ["Ab-1", "weakweak"].into_iter().zip(numbers) {
            let weak = KeyStatement::BackupServiceMasterKey {
                file: text("weak.key"),
                password: text(password),
            };
            assert_eq!(error(&mut session, &weak).0, number);
        }
    }
}

#[tokio::test]
async fn a_state_that_nobody_saw_is_a_switch() {
    let folder = tempfile::tempdir().unwrap();
    let choices = ModellingChoices {
        unseen_state: 9,
        ..Default::default()
    };
    let instance = shared(folder.path(), "SQL01", choices);
    let mut session = sa(&instance, "master");
    let (output, _replies) = Output::channel();
    execute(&mut session, &backup_smk(), &output).await.unwrap();
    let again = execute(&mut session, &backup_smk(), &output).await;
    let Err(Failure::Server(error)) = again else {
        panic!("{again:?}");
    };
    assert_eq!((error.0[0].number, error.0[0].state), (15240, 9));
}
