use super::*;
use crate::simulator::engine::table_store;

/// The values of some columns of a table of msdb, row by row.
fn history(instance: &SimulatedInstance, table: &str, columns: &[&str]) -> Vec<Vec<SqlValue>> {
    let state = instance.inner.state();
    let msdb = state.database("msdb").unwrap();
    let table = msdb
        .contents
        .tables
        .iter()
        .find(|known| known.name == table)
        .unwrap();
    let place = |name: &&str| {
        table
            .columns
            .iter()
            .position(|known| known.name == *name)
            .unwrap()
    };
    let places: Vec<usize> = columns.iter().map(place).collect();
    let rows = table_store::read(msdb, table).unwrap();
    rows.iter()
        .map(|row| places.iter().map(|at| row[*at].clone()).collect())
        .collect()
}

fn text(value: &str) -> SqlValue {
    SqlValue::Text(value.to_owned())
}

#[tokio::test]
async fn backups_and_restores_are_noted() {
    let folder = tempfile::tempdir().unwrap();
    let (instance, session) = orchestrated(folder.path(), "SQL01");
    ok(&session, &backup(vec![MediaOption::Checksum(true)])).await;
    ok(
        &session,
        &backup_to(&[r"C:\1.bak", r"C:\2.bak"], vec![MediaOption::CopyOnly]),
    )
    .await;
    ok(&session, &restore("New", move_to("new"))).await;
    drop(session);
    drop(instance);
    let instance = start(folder.path(), "SQL01");
    let sets = history(
        &instance,
        "backupset",
        &[
            "backup_set_id",
            "media_set_id",
            "type",
            "database_name",
            "has_backup_checksums",
            "is_copy_only",
        ],
    );
    let row = |id, checksums, copy_only| {
        vec![
            SqlValue::Int(id),
            SqlValue::Int(id),
            text("D"),
            text("Orch"),
            SqlValue::Bit(checksums),
            SqlValue::Bit(copy_only),
        ]
    };
    assert!(
        sets == [row(1, true, false), row(2, false, true)],
        "{sets:?}"
    );
    let devices = history(
        &instance,
        "backupmediafamily",
        &["media_set_id", "physical_device_name"],
    );
    let device = |set, path| vec![SqlValue::Int(set), text(path)];
    assert!(
        devices
            == [
                device(1, BAK),
                device(2, r"C:\1.bak"),
                device(2, r"C:\2.bak")
            ]
    );
    let restores = history(
        &instance,
        "restorehistory",
        &["destination_database_name", "backup_set_id", "recovery"],
    );
    assert!(restores == [vec![text("New"), SqlValue::Int(1), SqlValue::Bit(true)]]);
    assert_eq!(history(&instance, "restorefile", &["file_number"]).len(), 2);
    assert_eq!(history(&instance, "backupfile", &["file_number"]).len(), 4);
}

#[tokio::test]
async fn a_backup_of_another_server_is_noted_with_its_restore() {
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
    let path = r"\\vault\x.bak";
    ok(&sa(&one, "master"), &backup_to(&[path], Vec::new())).await;
    let restore = restore_from(RestoreKind::Database, "Orch", &[path], Vec::new());
    ok(&sa(&two, "master"), &restore).await;
    let sets = history(&two, "backupset", &["server_name"]);
    assert!(sets == [vec![text("ONE")]]);
}

#[tokio::test]
async fn without_msdb_a_backup_is_a_backup() {
    let folder = tempfile::tempdir().unwrap();
    let (instance, session) = orchestrated(folder.path(), "SQL01");
    instance.inner.state().databases.remove("msdb");
    let answered = ok(&session, &backup(Vec::new())).await;
    assert_eq!(answered.stream[..2], [3009, -228]);
    ok(&session, &read(RestoreKind::VerifyOnly, BAK, Vec::new())).await;
}

#[tokio::test]
async fn a_backup_that_failed_is_not_noted() {
    let folder = tempfile::tempdir().unwrap();
    let (instance, session) = orchestrated(folder.path(), "SQL01");
    instance.set_disk_quota(Some(2000));
    assert_eq!(errors(&session, &backup(Vec::new())).await[0].0, 3202);
    instance.set_disk_quota(None);
    assert!(history(&instance, "backupset", &["type"]).is_empty());
    ok(&session, &backup(Vec::new())).await;
    assert!(history(&instance, "backupset", &["backup_set_id"]) == [vec![SqlValue::Int(1)]]);
}
