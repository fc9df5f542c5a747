use super::*;

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
            decrypt(&session, &ciphertext).unwrap().as_slice(),
            b"a secret"
        );
        assert_eq!(notices(&mut session, &restore_smk(false)), [15588]);
    }
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
    assert!(decrypt(&session, &ciphertext).is_some());
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
            let opened = inner.open_files(&state, &entry).unwrap();
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
    assert!(decrypt(&session, &ciphertext).is_some());
}
