use std::num::NonZeroU32;
use std::path::{Path, PathBuf};

use super::*;
use crate::simulator::{Platform, Version};

fn builder(folder: &Path) -> InstanceBuilder {
    SimulatedInstance::builder("SQL01", folder.join("instance"))
        .key_derivation_cost(NonZeroU32::MIN)
        .sa_password(Secret::new("sa's Password".to_owned()))
}

/// Where a server's path of the default data folder lies, found by its leaf.
fn host_file(folder: &Path, leaf: &str) -> PathBuf {
    let mut folders = vec![folder.join("instance")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.file_name().unwrap() == leaf {
                return path;
            }
        }
    }
    panic!("no file {leaf}");
}

fn flip(path: &Path) {
    let mut bytes = std::fs::read(path).unwrap();
    let at = bytes.len() / 2;
    bytes[at] ^= 1;
    std::fs::write(path, bytes).unwrap();
}

#[test]
fn an_instance_is_made_and_started_again() {
    let folder = tempfile::tempdir().unwrap();
    let first = builder(folder.path()).build().unwrap();
    let key = first.inner.state().service_master_key.clone().unwrap();
    drop(first);
    let again = builder(folder.path()).build().unwrap();
    let state = again.inner.state();
    assert!(state.service_master_key.as_ref().unwrap().is(&key));
    let names: Vec<&str> = state
        .catalog
        .databases
        .iter()
        .map(|entry| &*entry.name)
        .collect();
    assert_eq!(names, ["master", "tempdb", "model", "msdb"]);
    for name in names {
        state.database(name).unwrap();
    }
    drop(state);
    assert!(again.inner.verify_login_password("SA", "sa's Password"));
    assert!(!again.inner.verify_login_password("sa", "sa's password"));
    assert!(!again.inner.verify_login_password("nobody", "sa's Password"));
}

#[test]
fn every_instance_has_its_own_key() {
    let folder = tempfile::tempdir().unwrap();
    let make = |name: &str| {
        let made = SimulatedInstance::builder(name, folder.path().join(name))
            .machine_secret(folder.path().join("machine"))
            .build()
            .unwrap();
        made.inner.state().service_master_key.clone().unwrap()
    };
    assert!(!make("SQL01").is(&make("SQL02")));
}

#[test]
fn without_the_machines_secret_the_key_does_not_open() {
    for damage in [
        |path: &Path| std::fs::remove_file(path).unwrap(),
        |path: &Path| std::fs::write(path, [1; 32]).unwrap(),
        |path: &Path| std::fs::write(path, [1; 5]).unwrap(),
    ] {
        let folder = tempfile::tempdir().unwrap();
        drop(builder(folder.path()).build().unwrap());
        damage(&folder.path().join("instance.machine-key"));
        let again = builder(folder.path()).build().unwrap();
        assert!(again.inner.state().service_master_key.is_none());
        assert!(again.inner.verify_login_password("sa", "sa's Password"));
    }
}

#[test]
fn the_machines_secret_stays_out_of_the_folder() {
    let folder = tempfile::tempdir().unwrap();
    let result = builder(folder.path())
        .machine_secret(folder.path().join("instance/key"))
        .build();
    assert!(matches!(result, Err(StartError::MachineSecretInside)));
}

#[test]
fn a_damaged_master_is_refused() {
    for leaf in ["master", "master.mdf"] {
        let folder = tempfile::tempdir().unwrap();
        drop(builder(folder.path()).build().unwrap());
        flip(&host_file(folder.path(), leaf));
        let error = builder(folder.path()).build().unwrap_err();
        assert!(matches!(error, StartError::SystemFile { .. }), "{error}");
        assert!(error.to_string().contains("damaged"), "{error}");
    }
}

#[test]
fn a_damaged_database_is_suspect_and_a_missing_one_pending() {
    let folder = tempfile::tempdir().unwrap();
    drop(builder(folder.path()).build().unwrap());
    flip(&host_file(folder.path(), "msdbdata.mdf"));
    std::fs::remove_file(host_file(folder.path(), "modellog.ldf")).unwrap();
    let again = builder(folder.path()).build().unwrap();
    let state = again.inner.state();
    assert_eq!(state.entry("msdb").unwrap().state, DatabaseState::Suspect);
    assert_eq!(state.database("msdb").unwrap_err().0[0].number, 926);
    assert_eq!(state.database("model").unwrap_err().0[0].number, 945);
    assert_eq!(state.database("none").unwrap_err().0[0].number, 911);
}

#[test]
fn a_file_of_another_database_is_found() {
    let folder = tempfile::tempdir().unwrap();
    drop(builder(folder.path()).build().unwrap());
    let model = host_file(folder.path(), "model.mdf");
    std::fs::copy(host_file(folder.path(), "msdbdata.mdf"), model).unwrap();
    let again = builder(folder.path()).build().unwrap();
    assert_eq!(
        again.inner.state().entry("model").unwrap().state,
        DatabaseState::Suspect
    );
}

#[test]
fn a_folder_keeps_its_name_version_and_platform() {
    let folder = tempfile::tempdir().unwrap();
    drop(builder(folder.path()).build().unwrap());
    let other_name = SimulatedInstance::builder("SQL02", folder.path().join("instance")).build();
    assert!(matches!(other_name, Err(StartError::Name(_))));
    let linux = builder(folder.path()).platform(Platform::Linux).build();
    assert!(matches!(linux, Err(StartError::Folder { .. })));
    let older = builder(folder.path()).version(Version::Sql2014).build();
    assert!(matches!(older, Err(StartError::SystemFile { .. })));
    builder(folder.path())
        .version(Version::Sql2025)
        .build()
        .unwrap();
}

#[test]
fn a_crash_while_an_instance_is_made_leaves_nothing_half() {
    let folder = tempfile::tempdir().unwrap();
    let made = builder(folder.path()).build().unwrap();
    assert!(matches!(
        builder(folder.path()).build(),
        Err(StartError::Folder { .. })
    ));
    made.kill();
    builder(folder.path()).build().unwrap();
}
