use super::*;

#[test]
fn what_is_encrypted_comes_back_after_a_start() {
    let folder = tempfile::tempdir().unwrap();
    let (instance, mut session) = with_hierarchy(folder.path(), "SQL01");
    let ciphertext = encrypt(&mut session, b"a secret");
    assert_eq!(
        decrypt(&session, &ciphertext).unwrap().as_slice(),
        b"a secret"
    );
    drop(session);
    drop(instance);
    let instance = shared(folder.path(), "SQL01", ModellingChoices::default());
    let mut session = sa(&instance, "Orch");
    assert!(
        decrypt(&session, &ciphertext).is_none(),
        "the key is not open"
    );
    {
        let state = instance.inner.state();
        let id = state.database("Orch").unwrap().contents.asymmetric_keys[0].id;
        let pair = (PairKind::AsymmetricKey, id);
        let opened = decrypt_by_key_auto(&session, &state, pair, None, &ciphertext, None);
        assert_eq!(opened.unwrap().unwrap(), b"a secret");
    }
    ok(&mut session, &open_symmetric_key());
    assert_eq!(
        decrypt(&session, &ciphertext).unwrap().as_slice(),
        b"a secret"
    );
    ok(&mut session, &KeyStatement::CloseSymmetricKey(text("sym")));
    assert!(decrypt(&session, &ciphertext).is_none());
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
        decrypt(&session, &ciphertext).unwrap().as_slice(),
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
    assert!(decrypt(&session, &ciphertext).is_some());
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
