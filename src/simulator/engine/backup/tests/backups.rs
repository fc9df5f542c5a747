use std::time::Duration;

use super::*;
use crate::simulator::storage::HoldFor;

#[tokio::test]
async fn the_stream_is_as_captured() {
    let folder = tempfile::tempdir().unwrap();
    let (_instance, session) = orchestrated(folder.path(), "SQL01");
    let plain = ok(&session, &backup(vec![MediaOption::Format(true)])).await;
    assert_eq!(plain.stream, [4035, -228, 4035, -228, 3014, -228]);
    assert!(plain.texts[0].starts_with("Processed "));
    assert!(plain.texts[0].ends_with("pages for database 'Orch', file 'Orch' on file 1."));
    assert!(plain.texts[2].starts_with("BACKUP DATABASE successfully processed "));
    let stats = ok(&session, &backup(vec![MediaOption::Stats(50)])).await;
    assert_eq!(
        stats.stream,
        [3211, -228, 3211, -228, 4035, -228, 4035, -228, 3014, -228]
    );
    assert_eq!(
        stats.texts[..2],
        ["50 percent processed.", "100 percent processed."]
    );
    assert!(stats.texts[2].ends_with("on file 2."), "{}", stats.texts[2]);
    let verify = ok(
        &session,
        &read(
            RestoreKind::VerifyOnly,
            BAK,
            vec![MediaOption::FileNumber(2)],
        ),
    )
    .await;
    assert_eq!(verify.stream, [3262, -377]);
    assert_eq!(verify.texts, ["The backup set on file 2 is valid."]);
}

#[tokio::test]
async fn what_can_not_be_backed_up() {
    let folder = tempfile::tempdir().unwrap();
    let (instance, mut session) = orchestrated(folder.path(), "SQL01");
    let of = |name: &str, is_log| BackupStatement::Backup {
        is_log,
        database: argument(name),
        devices: vec![disk(BAK)],
        options: Vec::new(),
    };
    assert_eq!(errors(&session, &of("none", false)).await, [(911, 16, 11)]);
    assert_eq!(errors(&session, &of("tempdb", false)).await[0].0, 3147);
    assert_eq!(errors(&session, &of("master", true)).await[0].0, 3024);
    assert_eq!(errors(&session, &of("Orch", true)).await, [(4208, 16, 1)]);
    set_model(&instance, RecoveryModel::Full);
    assert_eq!(errors(&session, &of("Orch", true)).await[0].0, 4214);
    assert_eq!(
        errors(&session, &backup(vec![MediaOption::Differential])).await[0].0,
        3035
    );
    assert_eq!(
        errors(&session, &backup_to(&[""], Vec::new())).await[0].0,
        3044
    );
    assert_eq!(
        errors(&session, &backup_to(&[r"C:\none\x.bak"], Vec::new())).await,
        [(3201, 16, 1)]
    );
    let attached = instance.inner.state().entry("msdb").unwrap().files[0]
        .path
        .clone();
    let answered = answer(&session, &backup_to(&[&attached], Vec::new())).await;
    assert_eq!(answered.numbers(), [3201, 3013]);
    assert!(
        answered.texts[0].contains("error 32("),
        "{}",
        answered.texts[0]
    );
    session.transactions = 1;
    assert_eq!(errors(&session, &of("Orch", false)).await, [(3021, 16, 0)]);
}

#[tokio::test]
async fn media_are_appended_initialized_and_formatted() {
    let folder = tempfile::tempdir().unwrap();
    let (_instance, session) = orchestrated(folder.path(), "SQL01");
    let sets = async || {
        ok(&session, &read(RestoreKind::HeaderOnly, BAK, Vec::new()))
            .await
            .rows
            .len()
    };
    let label = async || {
        let answer = ok(&session, &read(RestoreKind::LabelOnly, BAK, Vec::new())).await;
        answer.value(0, "MediaSetId").clone()
    };
    ok(&session, &backup(Vec::new())).await;
    ok(&session, &backup(Vec::new())).await;
    assert_eq!(sets().await, 2);
    let first = label().await;
    ok(&session, &backup(vec![MediaOption::Init(true)])).await;
    assert_eq!(sets().await, 1);
    assert!(label().await == first);
    ok(&session, &backup(vec![MediaOption::Format(true)])).await;
    assert!(label().await != first);
    let striped = backup_to(&[BAK, r"C:\b.bak"], Vec::new());
    assert_eq!(errors(&session, &striped).await[0].0, 3231);
}

#[tokio::test]
async fn a_file_that_is_no_backup_needs_format() {
    let folder = tempfile::tempdir().unwrap();
    let (instance, session) = orchestrated(folder.path(), "SQL01");
    let path = folder.path().join("SQL01/drives/c/a.bak");
    std::fs::write(&path, b"something else").unwrap();
    assert_eq!(errors(&session, &backup(Vec::new())).await[0].0, 3242);
    assert_eq!(
        errors(&session, &restore("New", Vec::new())).await,
        [(3241, 16, 0)]
    );
    std::fs::write(&path, b"").unwrap();
    assert_eq!(
        errors(&session, &restore("New", Vec::new())).await,
        [(3254, 16, 1)]
    );
    ok(&session, &backup(vec![MediaOption::Format(true)])).await;
    let missing = restore_from(RestoreKind::Database, "New", &[r"C:\none.bak"], Vec::new());
    let answered = answer(&session, &missing).await;
    assert_eq!(answered.errors[0], (3201, 16, 2));
    assert!(answered.texts[0].contains("2(The system cannot find the file specified.)."));
    drop(instance);
}

#[tokio::test]
async fn the_null_device_keeps_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (instance, session) = orchestrated(folder.path(), "SQL01");
    ok(&session, &backup_to(&["NUL"], Vec::new())).await;
    ok(&session, &backup_to(&[r"C:\x\nul"], Vec::new())).await;
    assert_eq!(
        errors(
            &session,
            &restore_from(RestoreKind::Database, "New", &["NUL"], Vec::new())
        )
        .await[0]
            .0,
        3254
    );
    assert!(instance.inner.disk.look(r"C:\nul").unwrap() == (false, false));
}

#[tokio::test]
async fn a_full_disk_leaves_the_media_as_they_were() {
    let folder = tempfile::tempdir().unwrap();
    let (instance, session) = orchestrated(folder.path(), "SQL01");
    ok(&session, &backup(Vec::new())).await;
    for quota in [0, 10, 3000, 9000] {
        instance.set_disk_quota(Some(quota));
        let answered = answer(&session, &backup(Vec::new())).await;
        assert_eq!(answered.numbers(), [3202, 3013]);
        assert!(answered.texts[0].contains("112("), "{}", answered.texts[0]);
        instance.set_disk_quota(None);
        let headers = ok(&session, &read(RestoreKind::HeaderOnly, BAK, Vec::new())).await;
        assert_eq!(headers.rows.len(), 1);
    }
}

#[tokio::test]
async fn one_device_has_one_user() {
    let folder = tempfile::tempdir().unwrap();
    let (instance, session) = orchestrated(folder.path(), "SQL01");
    let hold = instance.inner.disk.hold(BAK, HoldFor::Reading).unwrap();
    let answered = answer(&session, &backup(Vec::new())).await;
    assert!(
        answered.texts[0].contains("error 32("),
        "{}",
        answered.texts[0]
    );
    drop(hold);
    ok(&session, &backup(Vec::new())).await;
}

#[tokio::test(start_paused = true)]
async fn progress_is_seen_and_ends() {
    let folder = tempfile::tempdir().unwrap();
    let instance = builder(folder.path(), "SQL01")
        .pace(Duration::from_secs(1))
        .silence_after_progress(Duration::from_secs(60))
        .build()
        .unwrap();
    create_database(&instance.inner, "Orch");
    let session = sa(&instance, "master");
    enter(&instance, session.spid, "master");
    let statement = backup(Vec::new());
    let percent = || {
        let state = instance.inner.state();
        let request = state.sessions[&session.spid].request.as_ref();
        request.map(|request| (request.command.clone(), request.percent_complete))
    };
    {
        let mut running = Box::pin(answer(&session, &statement));
        let waited = tokio::time::timeout(Duration::from_millis(40_500), &mut running).await;
        assert!(waited.is_err(), "it took no time");
        assert_eq!(percent(), Some(("BACKUP DATABASE".to_owned(), 40.0)));
        // The client goes away.
    }
    assert_eq!(percent(), None);
    let left = read(RestoreKind::VerifyOnly, BAK, Vec::new());
    assert_eq!(errors(&session, &left).await, [(3256, 16, 1)]);
    instance
        .inner
        .disk
        .commit(vec![crate::simulator::storage::Change::Remove(
            crate::simulator::storage::ServerFile::Path(BAK.to_owned()),
        )])
        .unwrap();
    {
        let mut running = Box::pin(ok(&session, &statement));
        let waited = tokio::time::timeout(Duration::from_secs(150), &mut running).await;
        assert!(waited.is_err(), "there was no silence");
        assert_eq!(percent(), Some(("BACKUP DATABASE".to_owned(), 100.0)));
        running.await;
    }
    assert_eq!(percent(), None);
}

#[tokio::test]
async fn the_tail_of_the_log_closes_the_database() {
    let folder = tempfile::tempdir().unwrap();
    let (instance, session) = orchestrated(folder.path(), "SQL01");
    set_model(&instance, RecoveryModel::Full);
    ok(&session, &backup(Vec::new())).await;
    insert(&instance, "Orch", 2);
    enter(&instance, 60, "Orch");
    let tail = backup_log(r"C:\tail.trn", vec![MediaOption::Recovery(false)]);
    assert_eq!(errors(&session, &tail).await, [(3101, 16, 1)]);
    instance.inner.state().sessions.clear();
    let answered = ok(&session, &tail).await;
    assert_eq!(answered.stream, [4035, -235, 3014, -235]);
    assert_eq!(state_of(&instance, "Orch"), Some(DatabaseState::Restoring));
    assert_eq!(
        instance.inner.state().database("Orch").unwrap_err().0[0].number,
        927
    );
    // Back from the full backup and the tail.
    ok(
        &session,
        &restore("Orch", vec![MediaOption::Recovery(false)]),
    )
    .await;
    let log = restore_from(RestoreKind::Log, "Orch", &[r"C:\tail.trn"], Vec::new());
    ok(&session, &log).await;
    assert_eq!(values(&instance, "Orch"), [1, 2]);
}

#[tokio::test]
async fn permissions_are_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let (instance, session) = orchestrated(folder.path(), "SQL01");
    ok(&session, &backup(Vec::new())).await;
    add_login_without_permissions(&instance);
    let weak = crate::simulator::engine::test_kit::session(&instance, "weak", "master");
    assert_eq!(errors(&weak, &backup(Vec::new())).await, [(262, 14, 1)]);
    assert_eq!(
        errors(&weak, &restore("Orch", Vec::new())).await,
        [(3110, 14, 1)]
    );
    assert_eq!(
        errors(&weak, &restore("New", Vec::new())).await,
        [(262, 14, 1)]
    );
    assert_eq!(
        errors(&weak, &read(RestoreKind::HeaderOnly, BAK, Vec::new())).await,
        [(262, 14, 1)]
    );
}

fn add_login_without_permissions(instance: &SimulatedInstance) {
    let inner = &instance.inner;
    let mut state = inner.state();
    let mut weak = state.login("sa").unwrap().clone();
    weak.name = "weak".to_owned();
    weak.sid = Bytes(vec![7; 16]);
    weak.roles.clear();
    inner
        .edit(&mut state, |edit| {
            edit.catalog().logins.push(weak);
            Ok(())
        })
        .unwrap();
}
