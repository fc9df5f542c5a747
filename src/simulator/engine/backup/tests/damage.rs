use super::*;

/// Every byte of a small backup is flipped once; nothing of it may come online.
#[tokio::test]
async fn a_damaged_backup_never_comes_online() {
    for checksum in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let (instance, session) = orchestrated(folder.path(), "SQL01");
        ok(&session, &backup(vec![MediaOption::Checksum(checksum)])).await;
        let path = folder.path().join("SQL01/drives/c/a.bak");
        let sound = std::fs::read(&path).unwrap();
        let mut seen = std::collections::BTreeSet::new();
        // Its last frame says that the media end there; the set itself is sound then.
        let end = sound.len() - 49;
        let step = sound.len() / 150;
        for at in (0..end).step_by(step).chain([end, sound.len() - 1]) {
            let mut damaged = sound.clone();
            damaged[at] ^= 4;
            std::fs::write(&path, damaged).unwrap();
            let found = errors(&session, &read(RestoreKind::VerifyOnly, BAK, Vec::new())).await;
            seen.insert(found[0].0);
            if at < end {
                assert!(
                    !errors(&session, &restore("New", move_to("new")))
                        .await
                        .is_empty()
                );
                assert_ne!(
                    state_of(&instance, "New"),
                    Some(DatabaseState::Online),
                    "byte {at}"
                );
            }
        }
        let family = std::collections::BTreeSet::from([3183, 3189, 3241, 3256, 3266, 3287]);
        assert!(seen.is_subset(&family), "{seen:?}");
        assert_eq!(seen.contains(&3183), checksum, "{seen:?}");
        assert_eq!(seen.contains(&3189), !checksum, "{seen:?}");
        std::fs::write(&path, &sound).unwrap();
        let replaced = restore("New", with(move_to("new"), &[MediaOption::Replace]));
        ok(&session, &replaced).await;
        assert_eq!(values(&instance, "New"), [1]);
    }
}

#[tokio::test]
async fn a_cut_backup_is_not_whole() {
    let folder = tempfile::tempdir().unwrap();
    let (_instance, session) = orchestrated(folder.path(), "SQL01");
    ok(&session, &backup(Vec::new())).await;
    let path = folder.path().join("SQL01/drives/c/a.bak");
    let sound = std::fs::read(&path).unwrap();
    for length in [10, 200, sound.len() / 2, sound.len() - 120] {
        std::fs::write(&path, &sound[..length]).unwrap();
        assert!(
            !errors(&session, &read(RestoreKind::VerifyOnly, BAK, Vec::new()))
                .await
                .is_empty()
        );
        let append = errors(&session, &backup(Vec::new())).await;
        assert!([3242, 3266].contains(&append[0].0), "{append:?}");
    }
}

#[tokio::test]
async fn a_set_without_checksums_can_not_be_checked_by_them() {
    let folder = tempfile::tempdir().unwrap();
    let (_instance, session) = orchestrated(folder.path(), "SQL01");
    ok(&session, &backup(Vec::new())).await;
    let options = with(move_to("new"), &[MediaOption::Checksum(true)]);
    assert_eq!(
        errors(&session, &restore("New", options)).await,
        [(3187, 16, 1)]
    );
}
