use std::time::Duration;

use super::*;
use crate::simulator::catalog::UserAccess;
use crate::simulator::engine::keys;
use crate::simulator::tsql::ast::KeyStatement;
use crate::simulator::{SimulatedInstance, Version};

#[tokio::test]
async fn a_database_comes_back_under_another_name() {
    let folder = tempfile::tempdir().unwrap();
    let (instance, session) = orchestrated(folder.path(), "SQL01");
    ok(&session, &backup(Vec::new())).await;
    insert(&instance, "Orch", 2);
    let answered = ok(
        &session,
        &restore("New", with(move_to("new"), &[MediaOption::Stats(10)])),
    )
    .await;
    let tens: Vec<i64> = (0..10).flat_map(|_| [3211, -229]).collect();
    assert_eq!(
        answered.stream,
        [tens, vec![4035, -229, 4035, -229, 3014, -229]].concat()
    );
    assert!(
        answered.texts[10].contains("for database 'New', file 'Orch' on file 1"),
        "{:?}",
        answered.texts
    );
    assert_eq!(values(&instance, "New"), [1]);
    assert_eq!(values(&instance, "Orch"), [1, 2]);
    let state = instance.inner.state();
    let (old, new) = (state.entry("Orch").unwrap(), state.entry("New").unwrap());
    assert_eq!(old.family, new.family);
    assert_ne!(old.id, new.id);
    drop(state);
    drop(session);
    drop(instance);
    let instance = start(folder.path(), "SQL01");
    assert_eq!(values(&instance, "New"), [1]);
}

#[tokio::test]
async fn replace_and_its_safeguards() {
    let folder = tempfile::tempdir().unwrap();
    let (instance, session) = orchestrated(folder.path(), "SQL01");
    ok(&session, &backup(Vec::new())).await;
    // The same family, in the simple model, without REPLACE: done, as captured.
    insert(&instance, "Orch", 2);
    ok(&session, &restore("Orch", Vec::new())).await;
    assert_eq!(values(&instance, "Orch"), [1]);
    // In the full model the tail of the log is in the way.
    set_model(&instance, RecoveryModel::Full);
    ok(&session, &backup_to(&[r"C:\full.bak"], Vec::new())).await;
    assert_eq!(
        errors(&session, &restore("Orch", Vec::new())).await,
        [(3159, 16, 1)]
    );
    ok(&session, &restore("Orch", vec![MediaOption::Replace])).await;
    // Another family needs REPLACE.
    create_database(&instance.inner, "Other");
    assert_eq!(
        errors(&session, &restore("Other", move_to("other"))).await,
        [(3154, 16, 4)]
    );
    let paths: Vec<String> = instance
        .inner
        .state()
        .entry("Other")
        .unwrap()
        .files
        .iter()
        .map(|file| file.path.clone())
        .collect();
    ok(
        &session,
        &restore("Other", with(move_to("other"), &[MediaOption::Replace])),
    )
    .await;
    assert_eq!(values(&instance, "Other"), [1]);
    for path in paths {
        assert_eq!(
            instance.inner.disk.look(&path),
            Ok((false, false)),
            "the old files stayed"
        );
    }
}

#[tokio::test]
async fn a_database_in_use_is_not_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let (instance, mut session) = orchestrated(folder.path(), "SQL01");
    ok(&session, &backup(Vec::new())).await;
    enter(&instance, 60, "ORCH");
    let replace = restore("Orch", vec![MediaOption::Replace]);
    assert_eq!(errors(&session, &replace).await, [(3101, 16, 1)]);
    instance.inner.state().sessions.clear();
    session.database = "orch".to_owned();
    assert_eq!(errors(&session, &replace).await, [(3102, 16, 1)]);
    assert_eq!(values(&instance, "Orch"), [1]);
}

#[tokio::test]
async fn files_must_find_a_place() {
    let folder = tempfile::tempdir().unwrap();
    let (instance, session) = orchestrated(folder.path(), "SQL01");
    ok(&session, &backup(Vec::new())).await;
    let captured = errors(&session, &restore("New", Vec::new())).await;
    assert_eq!(
        captured,
        [
            (1834, 16, 1),
            (3156, 16, 4),
            (1834, 16, 1),
            (3156, 16, 4),
            (3119, 16, 1)
        ]
    );
    let unknown = vec![MediaOption::Move {
        logical: argument("y"),
        to: argument(r"C:\y.mdf"),
    }];
    assert_eq!(
        errors(&session, &restore("New", unknown)).await,
        [(3234, 16, 2)]
    );
    let nowhere = errors(&session, &restore("New", move_to(r"none\new"))).await;
    assert_eq!(
        nowhere.iter().map(|error| error.0).collect::<Vec<_>>(),
        [5133, 3156, 5133, 3156, 3119]
    );
    let same: Vec<MediaOption> = ["Orch", "Orch_log"]
        .map(|logical| MediaOption::Move {
            logical: argument(logical),
            to: argument(r"C:\x"),
        })
        .to_vec();
    assert_eq!(errors(&session, &restore("New", same)).await[0].0, 3176);
    std::fs::write(folder.path().join("SQL01/drives/c/new.mdf"), b"somebody's").unwrap();
    assert_eq!(
        errors(&session, &restore("New", move_to("new"))).await[0].0,
        3142
    );
    assert_eq!(
        errors(
            &session,
            &restore("New", with(move_to("n2"), &[MediaOption::FileNumber(3)]))
        )
        .await,
        [(3287, 16, 1)]
    );
    instance.set_disk_quota(Some(100));
    assert_eq!(
        errors(&session, &restore("New", move_to("n2"))).await[0].0,
        3257
    );
    assert_eq!(
        state_of(&instance, "New"),
        None,
        "a restore that was refused left something"
    );
}

#[tokio::test(start_paused = true)]
async fn a_killed_restore_leaves_the_database_restoring() {
    let folder = tempfile::tempdir().unwrap();
    let make = || {
        builder(folder.path(), "SQL01")
            .pace(Duration::from_secs(1))
            .build()
            .unwrap()
    };
    let instance = make();
    create_database(&instance.inner, "Orch");
    insert(&instance, "Orch", 1);
    let session = sa(&instance, "master");
    ok(&session, &backup(Vec::new())).await;
    let replace = restore("Orch", vec![MediaOption::Replace]);
    {
        let mut running = Box::pin(answer(&session, &replace));
        let waited = tokio::time::timeout(Duration::from_secs(50), &mut running).await;
        assert!(waited.is_err());
        let other = answer(&session, &replace).await;
        assert_eq!(
            other.numbers(),
            [3101, 3013],
            "two restores wrote one database"
        );
    }
    assert_eq!(state_of(&instance, "Orch"), Some(DatabaseState::Restoring));
    drop(session);
    drop(instance);
    let instance = make();
    assert_eq!(state_of(&instance, "Orch"), Some(DatabaseState::Restoring));
    assert_eq!(
        instance.inner.state().database("Orch").unwrap_err().0[0].number,
        927
    );
    let session = sa(&instance, "master");
    let recover = restore_from(RestoreKind::Database, "Orch", &[], Vec::new());
    assert_eq!(errors(&session, &recover).await[0].0, 4333);
    ok(&session, &replace).await;
    assert_eq!(values(&instance, "Orch"), [1]);
}

#[tokio::test]
async fn what_a_restore_sets_anew() {
    let folder = tempfile::tempdir().unwrap();
    let (instance, session) = orchestrated(folder.path(), "SQL01");
    {
        let inner = &instance.inner;
        let mut state = inner.state();
        inner
            .edit(&mut state, |edit| {
                let entry = edit.entry("Orch")?;
                (entry.is_broker_enabled, entry.is_trustworthy) = (true, true);
                entry.owner = Bytes(vec![9; 16]);
                entry.user_access = UserAccess::Single;
                Ok(())
            })
            .unwrap();
    }
    ok(&session, &backup(Vec::new())).await;
    let entry = async |leaf: &str, more: &[MediaOption]| {
        ok(&session, &restore(leaf, with(move_to(leaf), more))).await;
        instance.inner.state().entry(leaf).unwrap().clone()
    };
    let plain = entry("n1", &[]).await;
    assert!(!plain.is_broker_enabled && !plain.is_trustworthy);
    assert_eq!(
        (plain.owner, plain.user_access),
        (Bytes(vec![1]), UserAccess::Single)
    );
    let restricted = entry("n2", &[MediaOption::RestrictedUser]).await;
    assert_eq!(restricted.user_access, UserAccess::Restricted);
    assert!(
        entry("n3", &[MediaOption::Broker("ENABLE_BROKER".to_owned())])
            .await
            .is_broker_enabled
    );
    assert!(
        entry("n4", &[MediaOption::Broker("NEW_BROKER".to_owned())])
            .await
            .is_broker_enabled
    );
}

#[tokio::test]
async fn versions_go_up_only() {
    let folder = tempfile::tempdir().unwrap();
    let vault = folder.path().join("vault");
    let make = |name: &str, version| {
        builder(folder.path(), name)
            .version(version)
            .share("vault", &vault)
            .build()
            .unwrap()
    };
    let old = make("OLD", Version::Sql2016);
    let new = make("NEW", Version::Sql2022);
    let path = r"\\vault\x.bak";
    for (from, to, fits) in [(&old, &new, true), (&new, &old, false)] {
        let session = sa(from, "master");
        create_database(&from.inner, "Orch");
        ok(
            &session,
            &backup_to(&[path], vec![MediaOption::Format(true)]),
        )
        .await;
        let session = sa(to, "master");
        let restore = restore_from(RestoreKind::Database, "Moved", &[path], move_to("moved"));
        if fits {
            ok(&session, &restore).await;
            let state = to.inner.state();
            let contents = &state.database("Moved").unwrap().contents;
            assert_eq!((contents.version, contents.compatibility_level), (957, 130));
        } else {
            assert_eq!(errors(&session, &restore).await, [(3169, 16, 1)]);
        }
        from.inner.state().databases.remove("orch");
    }
}

#[tokio::test]
async fn differential_and_log_backups_follow_on() {
    let folder = tempfile::tempdir().unwrap();
    let (instance, session) = orchestrated(folder.path(), "SQL01");
    set_model(&instance, RecoveryModel::Full);
    ok(&session, &backup(Vec::new())).await;
    insert(&instance, "Orch", 2);
    ok(
        &session,
        &backup_to(&[r"C:\diff.bak"], vec![MediaOption::Differential]),
    )
    .await;
    insert(&instance, "Orch", 3);
    ok(&session, &backup_log(r"C:\log.trn", Vec::new())).await;
    insert(&instance, "Orch", 4);
    ok(&session, &backup_log(r"C:\log2.trn", Vec::new())).await;
    let keep = [MediaOption::Recovery(false)];
    let log = |path: &str| restore_from(RestoreKind::Log, "New", &[path], keep.to_vec());
    let differential = restore_from(
        RestoreKind::Database,
        "New",
        &[r"C:\diff.bak"],
        keep.to_vec(),
    );
    assert_eq!(errors(&session, &differential).await[0].0, 3118);
    ok(&session, &restore("New", with(move_to("new"), &keep))).await;
    assert_eq!(errors(&session, &log(r"C:\log2.trn")).await[0].0, 4305);
    ok(&session, &differential).await;
    ok(&session, &log(r"C:\log.trn")).await;
    ok(&session, &log(r"C:\log2.trn")).await;
    assert_eq!(errors(&session, &log(r"C:\log.trn")).await[0].0, 4326);
    let recover = restore_from(RestoreKind::Database, "New", &[], Vec::new());
    ok(&session, &recover).await;
    assert_eq!(values(&instance, "New"), [1, 2, 3, 4]);
    assert_eq!(errors(&session, &log(r"C:\log2.trn")).await[0].0, 3117);
    assert_eq!(errors(&session, &recover).await[0].0, 3153);
    let wrong = restore_from(RestoreKind::Log, "New", &[BAK], Vec::new());
    assert_eq!(errors(&session, &wrong).await[0].0, 3135);
}

async fn run_key(session: &mut Session, statement: &KeyStatement) {
    let (output, _replies) = Output::channel();
    keys::execute(session, statement, &output).await.unwrap();
}

async fn key_in(instance: &SimulatedInstance, database: &str) {
    let mut session = sa(instance, database);
    let create = KeyStatement::CreateMasterKey {
        password: "Master key 1".to_owned(),
    };
    run_key(&mut session, &create).await;
}

#[tokio::test]
async fn masters_copy_of_the_key_stays_only_with_its_key() {
    let folder = tempfile::tempdir().unwrap();
    let vault = folder.path().join("vault");
    let make = |name: &str| {
        builder(folder.path(), name)
            .share("vault", &vault)
            .build()
            .unwrap()
    };
    let (one, two) = (make("ONE"), make("TWO"));
    create_database(&one.inner, "Orch");
    key_in(&one, "Orch").await;
    let path = r"\\vault\x.bak";
    ok(&sa(&one, "master"), &backup_to(&[path], Vec::new())).await;
    let restore = restore_from(RestoreKind::Database, "Orch", &[path], Vec::new());
    let has_copy = |instance: &SimulatedInstance| {
        instance
            .inner
            .state()
            .entry("Orch")
            .unwrap()
            .master_key_copy
            .is_some()
    };
    ok(&sa(&one, "master"), &restore).await;
    assert!(has_copy(&one));
    ok(&sa(&two, "master"), &restore).await;
    assert!(!has_copy(&two));
}

#[tokio::test]
async fn an_encrypted_backup_needs_its_certificate() {
    let folder = tempfile::tempdir().unwrap();
    let vault = folder.path().join("vault");
    let make = |name: &str| {
        builder(folder.path(), name)
            .share("vault", &vault)
            .build()
            .unwrap()
    };
    let (one, two) = (make("ONE"), make("TWO"));
    create_database(&one.inner, "Orch");
    insert(&one, "Orch", 1);
    key_in(&one, "master").await;
    let certificate = KeyStatement::CreateCertificate {
        name: "Backups".to_owned(),
        subject: "Backups".to_owned(),
        password: None,
    };
    run_key(&mut sa(&one, "master"), &certificate).await;
    let path = r"\\vault\x.bak";
    let encryption = MediaOption::Encryption {
        algorithm: "AES_256".to_owned(),
        certificate: "backups".to_owned(),
    };
    ok(&sa(&one, "master"), &backup_to(&[path], vec![encryption])).await;
    let bytes = std::fs::read(vault.join("x.bak")).unwrap();
    assert!(
        !bytes.windows(15).any(|part| part == b"SQLite format 3"),
        "it is not encrypted"
    );
    let restore = restore_from(RestoreKind::Database, "New", &[path], move_to("new"));
    assert_eq!(
        errors(&sa(&two, "master"), &restore).await,
        [(33111, 16, 3)]
    );
    ok(&sa(&one, "master"), &restore).await;
    assert_eq!(values(&one, "New"), [1]);
    let header = ok(
        &sa(&one, "master"),
        &read(RestoreKind::HeaderOnly, path, Vec::new()),
    )
    .await;
    assert!(header.value(0, "KeyAlgorithm") == &SqlValue::Text("aes_256".to_owned()));
}

#[tokio::test]
async fn system_databases_are_restored_with_care() {
    let folder = tempfile::tempdir().unwrap();
    let (_instance, session) = orchestrated(folder.path(), "SQL01");
    let of_master = BackupStatement::Backup {
        is_log: false,
        database: argument("master"),
        devices: vec![disk(BAK)],
        options: Vec::new(),
    };
    ok(&session, &of_master).await;
    assert_eq!(
        errors(&session, &restore("master", vec![MediaOption::Replace])).await[0].0,
        3108
    );
    assert_eq!(
        errors(&session, &restore("tempdb", Vec::new())).await[0].0,
        3147
    );
}
