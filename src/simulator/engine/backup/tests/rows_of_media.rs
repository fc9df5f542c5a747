use super::*;
use crate::simulator::Version;

#[tokio::test]
async fn headers_have_the_versions_columns() {
    for (version, columns) in [
        (Version::Sql2014, 56),
        (Version::Sql2019, 56),
        (Version::Sql2022, 59),
        (Version::Sql2025, 59),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let instance = builder(folder.path(), "SQL01")
            .version(version)
            .build()
            .unwrap();
        create_database(&instance.inner, "Orch");
        let session = sa(&instance, "master");
        let options = vec![
            MediaOption::Checksum(true),
            MediaOption::CopyOnly,
            MediaOption::Name(argument("a name")),
        ];
        ok(&session, &backup(options)).await;
        let header = ok(&session, &read(RestoreKind::HeaderOnly, BAK, Vec::new())).await;
        assert_eq!(header.columns.len(), columns);
        assert_eq!(header.stream, [-230, -250]);
        assert!(header.value(0, "BackupName") == &SqlValue::Text("a name".to_owned()));
        assert!(header.value(0, "DatabaseName") == &SqlValue::Text("Orch".to_owned()));
        assert!(
            header.value(0, "DatabaseVersion") == &SqlValue::Int(version.database_version().into())
        );
        assert!(header.value(0, "Flags") == &SqlValue::Int(512 + 16 + 1024));
        assert!(header.value(0, "HasBackupChecksums") == &SqlValue::Bit(true));
        assert!(header.value(0, "KeyAlgorithm").is_null());
        let family = instance.inner.state().entry("Orch").unwrap().family;
        assert!(header.value(0, "FamilyGUID") == &SqlValue::Guid(family));
    }
}

#[tokio::test]
async fn files_and_labels_are_listed() {
    let folder = tempfile::tempdir().unwrap();
    let (instance, session) = orchestrated(folder.path(), "SQL01");
    let named = vec![MediaOption::MediaName(argument("media"))];
    ok(&session, &backup_to(&[BAK, r"C:\b.bak"], named)).await;
    let files = ok(&session, &read(RestoreKind::FileListOnly, BAK, Vec::new())).await;
    assert_eq!((files.columns.len(), files.rows.len()), (22, 2));
    assert_eq!(files.stream, [-230, -376]);
    assert!(files.value(1, "LogicalName") == &SqlValue::Text("Orch_log".to_owned()));
    assert!(files.value(1, "Type") == &SqlValue::Text("L".to_owned()));
    let path = instance.inner.state().entry("Orch").unwrap().files[0]
        .path
        .clone();
    assert!(files.value(0, "PhysicalName") == &SqlValue::Text(path));
    let label = ok(
        &session,
        &read(RestoreKind::LabelOnly, r"C:\b.bak", Vec::new()),
    )
    .await;
    assert_eq!((label.columns.len(), label.rows.len()), (13, 1));
    assert!(label.value(0, "FamilyCount") == &SqlValue::Int(2));
    assert!(label.value(0, "FamilySequenceNumber") == &SqlValue::Int(2));
    assert!(label.value(0, "MediaName") == &SqlValue::Text("media".to_owned()));
}

#[tokio::test]
async fn stripes_must_all_be_there() {
    let folder = tempfile::tempdir().unwrap();
    let (instance, session) = orchestrated(folder.path(), "SQL01");
    for value in 2..3000 {
        let state = instance.inner.state();
        let rows = &state.database("Orch").unwrap().rows;
        rows.execute("INSERT INTO t VALUES (?1)", [value]).unwrap();
    }
    let devices = [r"C:\1.bak", r"C:\2.bak", r"C:\3.bak"];
    ok(&session, &backup_to(&devices, Vec::new())).await;
    let from =
        |devices: &[&str]| restore_from(RestoreKind::Database, "New", devices, move_to("new"));
    assert_eq!(
        errors(&session, &from(&devices[..2])).await,
        [(3132, 16, 1)]
    );
    let twice = [devices[0], devices[0], devices[1]];
    assert_eq!(errors(&session, &from(&twice)).await[0].0, 3227);
    ok(&session, &from(&[devices[2], devices[0], devices[1]])).await;
    assert_eq!(values(&instance, "New").len(), 2999);
}

#[tokio::test]
async fn variables_are_put_in_their_places() {
    let statement = BackupStatement::Backup {
        is_log: false,
        database: TextArgument::Variable("@db".to_owned()),
        devices: vec![Device::Disk(TextArgument::Variable("@path".to_owned()))],
        options: vec![MediaOption::Name(TextArgument::Variable(
            "@name".to_owned(),
        ))],
    };
    let resolved = resolve(&statement, |name| Ok(name.replace('@', "the "))).unwrap();
    let expected = BackupStatement::Backup {
        is_log: false,
        database: argument("the db"),
        devices: vec![disk("the path")],
        options: vec![MediaOption::Name(argument("the name"))],
    };
    assert_eq!(resolved, expected);
}
