use std::path::Path;

use super::*;
use crate::simulator::catalog::{DatabaseState, LinkedLogin, Login};
use crate::simulator::engine::test_kit::{
    builder, create_database, move_database, sa, session, start,
};
use crate::simulator::keys::{KeyMaterial, Label};
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
    encrypt_by_key(session, key_guid(session, "SYM").unwrap(), plaintext, None).unwrap()
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

#[test]
fn what_is_encrypted_comes_back_after_a_start() {
    let folder = tempfile::tempdir().unwrap();
    let (instance, mut session) = with_hierarchy(folder.path(), "SQL01");
    let ciphertext = encrypt(&mut session, b"a secret");
    assert_eq!(
        decrypt_by_key(&session, &ciphertext, None)
            .unwrap()
            .as_slice(),
        b"a secret"
    );
    drop(session);
    drop(instance);
    let instance = shared(folder.path(), "SQL01", ModellingChoices::default());
    let mut session = sa(&instance, "Orch");
    assert!(
        decrypt_by_key(&session, &ciphertext, None).is_none(),
        "the key is not open"
    );
    let auto = AutoDecryptor::AsymmetricKey(pair_id(&session, false, "asym").unwrap());
    let opened = decrypt_by_key_auto(&session, auto, None, &ciphertext, None).unwrap();
    assert_eq!(opened.as_slice(), b"a secret");
    ok(&mut session, &open_symmetric_key());
    assert_eq!(
        decrypt_by_key(&session, &ciphertext, None)
            .unwrap()
            .as_slice(),
        b"a secret"
    );
    ok(&mut session, &KeyStatement::CloseSymmetricKey(text("sym")));
    assert!(decrypt_by_key(&session, &ciphertext, None).is_none());
    assert_eq!(
        error(&mut session, &KeyStatement::CloseSymmetricKey(text("sym"))),
        (15315, 16, 1)
    );
}

#[test]
fn a_moved_database_opens_with_its_password_only() {
    let folder = tempfile::tempdir().unwrap();
    let (ciphertext, target, mut session) = moved(folder.path(), ModellingChoices::default());
    assert_eq!(error(&mut session, &open_symmetric_key()), (15581, 16, 3));
    assert_eq!(
        error(&mut session, &add_service_master_key()),
        (15581, 16, 1)
    );
    assert_eq!(
        error(&mut session, &open_master_key("Wrong one 1")),
        (15313, 16, 1)
    );
    ok(&mut session, &open_master_key(DMK_PASSWORD));
    ok(&mut session, &add_service_master_key());
    drop(session);
    let mut session = sa(&target, "Orch");
    ok(&mut session, &open_symmetric_key());
    assert_eq!(
        decrypt_by_key(&session, &ciphertext, None)
            .unwrap()
            .as_slice(),
        b"a secret"
    );
    assert!(
        target
            .inner
            .state()
            .entry("Orch")
            .unwrap()
            .master_key_copy
            .is_some()
    );
}

#[test]
fn the_old_servers_key_opens_a_moved_database() {
    for stops in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let choices = ModellingChoices {
            foreign_master_key_stops_key_restore: stops,
            ..Default::default()
        };
        let (ciphertext, _target, mut session) = moved(folder.path(), choices);
        if stops {
            assert_eq!(error(&mut session, &restore_smk(false)), (15320, 16, 1));
            assert_eq!(error(&mut session, &open_symmetric_key()), (15581, 16, 3));
            assert_eq!(notices(&mut session, &restore_smk(true)), [15584]);
        } else {
            ok(&mut session, &restore_smk(false));
        }
        ok(&mut session, &open_symmetric_key());
        assert_eq!(
            decrypt_by_key(&session, &ciphertext, None)
                .unwrap()
                .as_slice(),
            b"a secret"
        );
        assert_eq!(notices(&mut session, &restore_smk(false)), [15588]);
    }
}

#[test]
fn a_stored_password_opens_its_family_and_rewraps() {
    let folder = tempfile::tempdir().unwrap();
    let (_, target, mut session) = moved(folder.path(), ModellingChoices::default());
    control_master_key_password(&session, "Orch", DMK_PASSWORD, true).unwrap();
    let again = control_master_key_password(&session, "Orch", DMK_PASSWORD, true);
    assert_eq!(again.unwrap_err().0[0].number, 15594);
    ok(&mut session, &open_symmetric_key());
    assert!(
        target
            .inner
            .state()
            .entry("Orch")
            .unwrap()
            .master_key_copy
            .is_some()
    );
    control_master_key_password(&session, "Orch", DMK_PASSWORD, false).unwrap();
    let gone = control_master_key_password(&session, "Orch", DMK_PASSWORD, false);
    assert_eq!(gone.unwrap_err().0[0].number, 15595);
    ok(&mut session, &KeyStatement::CloseAllSymmetricKeys);
    ok(&mut session, &open_symmetric_key());
    let system = control_master_key_password(&session, "msdb", "p", true);
    assert_eq!(system.unwrap_err().0[0].number, 15276);
}

#[test]
fn replacing_the_key_encrypts_every_dependent_anew() {
    let folder = tempfile::tempdir().unwrap();
    let (instance, mut session) = with_hierarchy(folder.path(), "SQL01");
    let ciphertext = encrypt(&mut session, b"a secret");
    let credential = KeyStatement::CreateCredential {
        name: text("c"),
        identity: text("i"),
        secret: Some(text("the secret")),
    };
    ok(&mut session, &credential);
    add_linked_login(&instance);
    let before = instance.inner.state().service_master_key.clone().unwrap();
    ok(
        &mut session,
        &KeyStatement::RegenerateServiceMasterKey { force: false },
    );
    drop(session);
    drop(instance);
    let instance = shared(folder.path(), "SQL01", ModellingChoices::default());
    {
        let state = instance.inner.state();
        let key = state.service_master_key.clone().unwrap();
        assert!(!key.is(&before));
        let secret = state.catalog.credentials[0].secret.as_ref().unwrap();
        assert_eq!(
            key.unwrap(Label::Credential("c"), secret)
                .unwrap()
                .0
                .as_slice(),
            b"the secret"
        );
        let password = state.catalog.linked_logins[0].password.as_ref().unwrap();
        let label = Label::LinkedLogin("other", "remote");
        assert_eq!(key.unwrap(label, password).unwrap().0.as_slice(), b"linked");
        assert!(before.unwrap(label, password).is_err());
    }
    let mut session = sa(&instance, "Orch");
    ok(&mut session, &open_symmetric_key());
    assert!(decrypt_by_key(&session, &ciphertext, None).is_some());
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

/// The instance after its machine's secret was lost: nothing it protects opens.
fn without_secret(folder: &Path) -> (SimulatedInstance, Session) {
    let (instance, mut session) = with_hierarchy(folder, "SQL01");
    backup_smk_to_vault(&mut session);
    ok(
        &mut session,
        &KeyStatement::CreateCredential {
            name: text("c"),
            identity: text("i"),
            secret: Some(text("the secret")),
        },
    );
    add_linked_login(&instance);
    drop(session);
    drop(instance);
    std::fs::remove_file(folder.join("SQL01.machine-key")).unwrap();
    let instance = shared(folder, "SQL01", ModellingChoices::default());
    let session = sa(&instance, "Orch");
    (instance, session)
}

#[test]
fn nothing_opens_without_the_machines_secret() {
    let folder = tempfile::tempdir().unwrap();
    let (_instance, mut session) = without_secret(folder.path());
    assert_eq!(error(&mut session, &open_symmetric_key()).0, 15581);
    assert_eq!(error(&mut session, &backup_smk()).0, 15466);
    assert_eq!(error(&mut session, &restore_smk(false)).0, 15329);
    let credential = KeyStatement::CreateCredential {
        name: text("d"),
        identity: text("i"),
        secret: Some(text("s")),
    };
    assert_eq!(error(&mut session, &credential).0, 15466);
    assert_eq!(
        notices(&mut session, &restore_smk(true)),
        [15585, 15584, 15593, 15584]
    );
    ok(&mut session, &open_symmetric_key());
}

#[test]
fn what_force_skips_stays_lost() {
    let folder = tempfile::tempdir().unwrap();
    let (instance, mut session) = without_secret(folder.path());
    let regenerate = |force| KeyStatement::RegenerateServiceMasterKey { force };
    assert_eq!(error(&mut session, &regenerate(false)).0, 15329);
    assert_eq!(
        notices(&mut session, &regenerate(true)),
        [15585, 15584, 15593, 15584]
    );
    assert_eq!(error(&mut session, &open_symmetric_key()).0, 15581);
    // A dependent that the current key doesn't open stops the next change, and is named.
    assert_eq!(error(&mut session, &regenerate(false)).0, 15320);
    ok(&mut session, &KeyStatement::DropCredential(text("c")));
    assert_eq!(error(&mut session, &regenerate(false)).0, 15393);
    assert!(instance.inner.state().service_master_key.is_some());
}

#[test]
fn an_offline_database_is_a_switch() {
    for stops in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let choices = ModellingChoices {
            offline_database_stops_key_restore: stops,
            ..Default::default()
        };
        let instance = shared(folder.path(), "SQL01", choices);
        create_database(&instance.inner, "Orch");
        make_hierarchy(&mut sa(&instance, "Orch"));
        let mut session = sa(&instance, "master");
        let set_state = |to: DatabaseState| {
            let inner = &instance.inner;
            let mut state = inner.state();
            let entry = state.entry("Orch").unwrap().clone();
            let opened = inner.open_files(&entry).unwrap();
            inner
                .edit(&mut state, |edit| {
                    match to {
                        DatabaseState::Online => edit.open(&entry, opened),
                        _ => edit.close("Orch"),
                    }
                    edit.entry("Orch")?.state = to;
                    Ok(())
                })
                .unwrap();
        };
        set_state(DatabaseState::Offline);
        let regenerate = KeyStatement::RegenerateServiceMasterKey { force: false };
        if stops {
            assert_eq!(error(&mut session, &regenerate).0, 15320);
        } else {
            ok(&mut session, &regenerate);
        }
        set_state(DatabaseState::Online);
        ok(&mut sa(&instance, "Orch"), &open_symmetric_key());
    }
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
fn a_database_master_key_moves_by_its_file() {
    let folder = tempfile::tempdir().unwrap();
    let (instance, mut session) = with_hierarchy(folder.path(), "SQL01");
    let ciphertext = encrypt(&mut session, b"a secret");
    let backup = KeyStatement::BackupMasterKey {
        file: text(r"C:\dmk"),
        password: text(FILE_PASSWORD),
    };
    ok(&mut session, &backup);
    let restore = |force| KeyStatement::RestoreMasterKey {
        file: text(r"C:\dmk"),
        decryption: text(FILE_PASSWORD),
        encryption: text("Another one 1"),
        force,
    };
    assert_eq!(notices(&mut session, &restore(false)), [15588]);
    ok(
        &mut session,
        &KeyStatement::RegenerateMasterKey {
            password: text("Third one 1"),
            force: false,
        },
    );
    ok(&mut session, &open_symmetric_key());
    assert!(decrypt_by_key(&session, &ciphertext, None).is_some());
    ok(&mut session, &restore(false));
    ok(&mut session, &open_master_key("Another one 1"));
    assert_eq!(error(&mut session, &open_master_key(DMK_PASSWORD)).0, 15313);
    ok(&mut session, &KeyStatement::CloseMasterKey);
    // It was under the service master key before, so it is again.
    ok(&mut session, &open_symmetric_key());
    // A database without a key gets one that is not.
    create_database(&instance.inner, "Other");
    let mut other = sa(&instance, "Other");
    ok(&mut other, &restore(false));
    assert_eq!(error(&mut other, &backup).0, 15581);
}

#[test]
fn a_master_key_that_does_not_open_is_replaced_by_force_only() {
    let folder = tempfile::tempdir().unwrap();
    let (_, _target, mut session) = moved(folder.path(), ModellingChoices::default());
    let regenerate = |force| KeyStatement::RegenerateMasterKey {
        password: text("Third one 1"),
        force,
    };
    assert_eq!(error(&mut session, &regenerate(false)).0, 15329);
    assert_eq!(notices(&mut session, &regenerate(true)), [15585, 15584]);
    ok(&mut session, &open_master_key("Third one 1"));
    assert_eq!(error(&mut session, &open_symmetric_key()).0, 15466);
}

#[test]
fn encryptions_of_a_master_key_come_and_go() {
    let folder = tempfile::tempdir().unwrap();
    let (_instance, mut session) = with_hierarchy(folder.path(), "SQL01");
    let password = |value: &str| MasterKeyProtector::Password(text(value));
    let (add, remove) = (
        KeyStatement::AddMasterKeyEncryption,
        KeyStatement::DropMasterKeyEncryption,
    );
    ok(&mut session, &add(password("Second one 1")));
    assert_eq!(error(&mut session, &add(password("Second one 1"))).0, 15579);
    assert_eq!(
        error(&mut session, &remove(password("Wrong one 1"))).0,
        15313
    );
    ok(&mut session, &remove(password(DMK_PASSWORD)));
    assert_eq!(
        error(&mut session, &remove(password("Second one 1"))).0,
        15558
    );
    ok(&mut session, &remove(MasterKeyProtector::ServiceMasterKey));
    assert_eq!(error(&mut session, &open_symmetric_key()).0, 15581);
    ok(&mut session, &open_master_key("Second one 1"));
    ok(&mut session, &open_symmetric_key());
    assert_eq!(error(&mut session, &create_master_key()), (15578, 16, 1));
    assert_eq!(error(&mut session, &KeyStatement::DropMasterKey).0, 15580);
    assert_eq!(
        error(&mut session, &KeyStatement::DropAsymmetricKey(text("asym"))).0,
        15580
    );
    ok(&mut session, &KeyStatement::DropSymmetricKey(text("sym")));
    ok(&mut session, &KeyStatement::DropAsymmetricKey(text("asym")));
    ok(&mut session, &KeyStatement::DropMasterKey);
    assert_eq!(
        error(&mut session, &KeyStatement::DropMasterKey),
        (15151, 16, 1)
    );
}

#[test]
fn a_key_opened_in_a_session_is_no_key_of_the_next_one() {
    let folder = tempfile::tempdir().unwrap();
    let (instance, mut session) = with_hierarchy(folder.path(), "SQL01");
    ok(&mut session, &open_master_key(DMK_PASSWORD));
    let mut other = sa(&instance, "Orch");
    ok(
        &mut other,
        &KeyStatement::RegenerateMasterKey {
            password: text("Third one 1"),
            force: false,
        },
    );
    ok(
        &mut other,
        &KeyStatement::DropMasterKeyEncryption(MasterKeyProtector::ServiceMasterKey),
    );
    assert_eq!(error(&mut session, &open_symmetric_key()).0, 15581);
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

#[test]
fn a_replacement_that_can_not_be_written_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (instance, mut session) = with_hierarchy(folder.path(), "SQL01");
    let ciphertext = encrypt(&mut session, b"a secret");
    let before = instance.inner.state().service_master_key.clone().unwrap();
    instance.set_disk_quota(Some(5000));
    let regenerate = KeyStatement::RegenerateServiceMasterKey { force: false };
    assert_eq!(error(&mut session, &regenerate).0, 9002);
    instance.set_disk_quota(None);
    assert!(
        instance
            .inner
            .state()
            .service_master_key
            .as_ref()
            .unwrap()
            .is(&before)
    );
    drop(session);
    drop(instance);
    let instance = shared(folder.path(), "SQL01", ModellingChoices::default());
    assert!(
        instance
            .inner
            .state()
            .service_master_key
            .as_ref()
            .unwrap()
            .is(&before)
    );
    let mut session = sa(&instance, "Orch");
    ok(&mut session, &open_symmetric_key());
    assert!(decrypt_by_key(&session, &ciphertext, None).is_some());
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
