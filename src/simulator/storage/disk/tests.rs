use super::*;

fn disk(folder: &Path) -> Disk {
    let disk = Disk::open(folder, &BTreeMap::new(), Platform::Linux).unwrap();
    disk.create_root().unwrap();
    disk.create_folder("/data").unwrap();
    disk
}

fn at(path: &str) -> ServerFile {
    ServerFile::Path(path.to_owned())
}

fn write(path: &str, text: &str) -> Change {
    Change::Write(at(path), text.as_bytes().to_vec())
}

/// Every file of the server, by path below its root, so that leftovers are seen too.
fn files(folder: &Path) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder.join("root/data")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        found.insert(name, fs::read_to_string(path).unwrap());
    }
    found
}

fn state(entries: &[(&str, &str)]) -> BTreeMap<String, String> {
    entries
        .iter()
        .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()))
        .collect()
}

#[test]
fn a_commit_is_whole_after_every_crash() {
    let before = state(&[("a", "old"), ("b", "old"), ("c", "old")]);
    let after = state(&[("a", "new"), ("c", "new"), ("d", "new")]);
    for unsynced in [UnsyncedWrites::Kept, UnsyncedWrites::Lost] {
        let mut operations = 0;
        loop {
            let folder = tempfile::tempdir().unwrap();
            let running = disk(folder.path());
            running
                .commit(vec![write("/data/a", "old"), write("/data/b", "old")])
                .unwrap();
            running.commit(vec![write("/data/c", "old")]).unwrap();
            running.fail_after(operations, unsynced);
            let result = running.commit(vec![
                write("/data/a", "new"),
                Change::Remove(at("/data/b")),
                Change::Create(at("/data/d"), b"new".to_vec()),
                write("/data/c", "new"),
            ]);
            running.switch_off();
            drop(disk(folder.path()));
            let found = files(folder.path());
            if result.is_ok() {
                assert_eq!(
                    found, after,
                    "acknowledged, and lost at operation {operations}"
                );
                break;
            }
            assert!(
                found == before || found == after,
                "{unsynced:?} {operations}: {found:?}"
            );
            operations += 1;
        }
        assert!(operations >= 18, "too few crashes: {operations}");
    }
}

#[test]
fn a_single_file_is_whole_after_every_crash() {
    for unsynced in [UnsyncedWrites::Kept, UnsyncedWrites::Lost] {
        for operations in 0.. {
            let folder = tempfile::tempdir().unwrap();
            let running = disk(folder.path());
            running.commit(vec![write("/data/a", "old")]).unwrap();
            running.fail_after(operations, unsynced);
            let result = running.commit(vec![write("/data/a", "new")]);
            running.switch_off();
            drop(disk(folder.path()));
            let found = files(folder.path());
            if result.is_ok() {
                assert_eq!(found, state(&[("a", "new")]));
                break;
            }
            assert!(
                [state(&[("a", "old")]), state(&[("a", "new")])].contains(&found),
                "{found:?}"
            );
        }
    }
}

#[test]
fn a_full_disk_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let disk = disk(folder.path());
    disk.commit(vec![write("/data/a", "old")]).unwrap();
    let mut quota = 0;
    loop {
        disk.set_quota(Some(quota));
        match disk.commit(vec![write("/data/a", "newer"), write("/data/b", "newer")]) {
            Ok(()) => break,
            Err(error) => assert_eq!(error, OsError::DiskFull),
        }
        assert_eq!(files(folder.path()), state(&[("a", "old")]));
        quota += 1;
    }
    assert_eq!(
        files(folder.path()),
        state(&[("a", "newer"), ("b", "newer")])
    );
}

#[test]
fn a_created_file_never_replaces_one() {
    let folder = tempfile::tempdir().unwrap();
    let disk = disk(folder.path());
    disk.commit(vec![write("/data/a", "old")]).unwrap();
    let create = |path: &str| disk.commit(vec![Change::Create(at(path), b"new".to_vec())]);
    assert_eq!(create("/data/a"), Err(OsError::FileExists));
    assert_eq!(create("/nowhere/a"), Err(OsError::AccessDenied));
    assert_eq!(create("/data"), Err(OsError::AccessDenied));
    assert_eq!(files(folder.path()), state(&[("a", "old")]));
}

#[test]
fn missing_files_and_folders_are_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let disk = disk(folder.path());
    assert_eq!(disk.read("/data/a"), Err(OsError::FileNotFound));
    assert_eq!(disk.read("/nowhere/a"), Err(OsError::PathNotFound));
    assert_eq!(disk.look("/data"), Ok((false, true)));
}

#[test]
fn a_folder_has_one_instance() {
    let folder = tempfile::tempdir().unwrap();
    let first = disk(folder.path());
    assert!(matches!(
        Disk::open(folder.path(), &BTreeMap::new(), Platform::Linux),
        Err(DiskError::InUse)
    ));
    first.switch_off();
    assert_eq!(
        first.commit(vec![write("/data/a", "late")]),
        Err(OsError::Device)
    );
    drop(disk(folder.path()));
    assert!(files(folder.path()).is_empty());
}

#[test]
fn a_damaged_intent_is_not_guessed_at() {
    let folder = tempfile::tempdir().unwrap();
    drop(disk(folder.path()));
    fs::write(folder.path().join(INTENT), b"SCRCHSIM rubbish").unwrap();
    assert!(matches!(
        Disk::open(folder.path(), &BTreeMap::new(), Platform::Linux),
        Err(DiskError::Intent(_))
    ));
}

#[test]
fn a_file_has_many_readers_or_one_writer() {
    let folder = tempfile::tempdir().unwrap();
    let disk = disk(folder.path());
    let hold = |purpose| disk.hold("/data/./a.bak", purpose);
    let writer = disk.hold("/data/a.bak", HoldFor::Writing).unwrap();
    assert_eq!(hold(HoldFor::Writing).unwrap_err(), OsError::InUse);
    assert_eq!(hold(HoldFor::Reading).unwrap_err(), OsError::InUse);
    drop(writer);
    let readers = [
        hold(HoldFor::Reading).unwrap(),
        hold(HoldFor::Reading).unwrap(),
    ];
    for reader in readers {
        assert_eq!(hold(HoldFor::Writing).unwrap_err(), OsError::InUse);
        drop(reader);
    }
    hold(HoldFor::Writing).unwrap();
}
