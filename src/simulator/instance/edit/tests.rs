use std::num::NonZeroU32;
use std::path::Path;

use super::*;
use crate::simulator::SimulatedInstance;
use crate::simulator::catalog::{Bytes, RecoveryModel};
use crate::simulator::instance::NewDatabase;

fn start(folder: &Path) -> SimulatedInstance {
    SimulatedInstance::builder("SQL01", folder.join("instance"))
        .key_derivation_cost(NonZeroU32::MIN)
        .build()
        .unwrap()
}

fn create(instance: &Instance, name: &str) -> Result<(), EditError> {
    let new = NewDatabase {
        name: name.to_owned(),
        owner: Bytes(vec![1]),
        files: Vec::new(),
        recovery_model: RecoveryModel::Simple,
    };
    let mut state = instance.state();
    let id = state.catalog.free_database_id();
    instance.edit(&mut state, |edit| {
        let (entry, database) = new.make(instance, id)?;
        edit.open(&entry, database);
        Ok(())
    })
}

fn insert(edit: &mut Edit<'_>, name: &str) -> Result<(), EditError> {
    let database = edit.database(name)?;
    let inserted = database
        .rows
        .execute_batch("CREATE TABLE IF NOT EXISTS t (a); INSERT INTO t VALUES (1)");
    inserted.map_err(RowsFailed::from)?;
    Ok(())
}

fn count(state: &State, name: &str) -> i64 {
    let rows = &state.database(name).unwrap().rows;
    rows.query_row("SELECT count(*) FROM t", [], |row| row.get(0))
        .unwrap_or(0)
}

#[test]
fn what_was_edited_is_there_after_a_start() {
    let folder = tempfile::tempdir().unwrap();
    let instance = start(folder.path());
    create(&instance.inner, "Orchestrator").unwrap();
    let mut state = instance.inner.state();
    instance
        .inner
        .edit(&mut state, |edit| {
            insert(edit, "orchestrator")?;
            edit.contents("msdb")?.schemas.push("extra".to_owned());
            edit.rename("Orchestrator", "Renamed")?;
            Ok(())
        })
        .unwrap();
    drop(state);
    drop(instance);
    let instance = start(folder.path());
    let state = instance.inner.state();
    assert_eq!(count(&state, "renamed"), 1);
    assert!(state.entry("Orchestrator").is_none());
    assert!(
        state
            .database("msdb")
            .unwrap()
            .contents
            .schemas
            .contains(&"extra".to_owned())
    );
}

#[test]
fn an_edit_that_fails_is_taken_back() {
    let folder = tempfile::tempdir().unwrap();
    let instance = start(folder.path());
    let inner = &instance.inner;
    create(inner, "a").unwrap();
    create(inner, "b").unwrap();
    let mut state = inner.state();
    inner.edit(&mut state, |edit| insert(edit, "a")).unwrap();
    let refuse = || EditError::Server(ServerError::unsupported("this"));
    for at_the_end in [false, true] {
        inner.disk.set_quota(at_the_end.then_some(10));
        let result = inner.edit(&mut state, |edit| {
            insert(edit, "a")?;
            edit.contents("b")?.schemas.clear();
            edit.rename("b", "c")?;
            edit.drop_database("a");
            edit.catalog().server.clear();
            if at_the_end { Ok(()) } else { Err(refuse()) }
        });
        assert!(result.is_err());
        assert_eq!(count(&state, "a"), 1);
        assert!(!state.database("b").unwrap().contents.schemas.is_empty());
        assert!(state.entry("c").is_none() && state.database("c").is_err());
        assert_eq!(state.catalog.server, "SQL01");
    }
    inner.disk.set_quota(None);
    inner.edit(&mut state, |edit| insert(edit, "a")).unwrap();
    assert_eq!(count(&state, "a"), 2);
}

#[test]
fn a_dropped_database_leaves_no_files() {
    let folder = tempfile::tempdir().unwrap();
    let instance = start(folder.path());
    let inner = &instance.inner;
    create(inner, "a").unwrap();
    let mut state = inner.state();
    let files = state.entry("a").unwrap().files.clone();
    assert!(inner.disk.read(&files[0].path).is_ok());
    inner
        .edit(&mut state, |edit| {
            edit.drop_database("A");
            Ok(())
        })
        .unwrap();
    for file in files {
        assert_eq!(inner.disk.read(&file.path), Err(OsError::FileNotFound));
    }
    assert!(state.entry("a").is_none());
}

#[test]
fn a_database_can_be_replaced_in_its_own_files() {
    let folder = tempfile::tempdir().unwrap();
    let instance = start(folder.path());
    let inner = &instance.inner;
    create(inner, "a").unwrap();
    let mut state = inner.state();
    inner.edit(&mut state, |edit| insert(edit, "a")).unwrap();
    inner
        .edit(&mut state, |edit| {
            let entry = edit.entry("a")?.clone();
            edit.drop_database("a");
            let contents = super::super::bootstrap::tests::contents();
            let entry = DatabaseEntry {
                family: contents.family,
                ..entry
            };
            edit.open(&entry, OpenDatabase::new(contents, None)?);
            Ok(())
        })
        .unwrap();
    drop(state);
    drop(instance);
    let instance = start(folder.path());
    assert_eq!(count(&instance.inner.state(), "a"), 0);
}

#[test]
fn databases_that_can_not_be_saved_are_as_they_were() {
    let folder = tempfile::tempdir().unwrap();
    let instance = start(folder.path());
    let inner = &instance.inner;
    let mut state_names = Vec::new();
    for name in ["a", "b"] {
        create(inner, name).unwrap();
        let mut state = inner.state();
        inner.edit(&mut state, |edit| insert(edit, name)).unwrap();
        state_names.push(name);
    }
    let mut state = inner.state();
    for name in &state_names {
        let rows = &state.database(name).unwrap().rows;
        rows.execute_batch("BEGIN; INSERT INTO t VALUES (2); COMMIT")
            .unwrap();
    }
    // Enough for the first one.
    inner.disk.set_quota(Some(12_000));
    assert!(inner.save_all(&mut state, &state_names).is_err());
    inner.disk.set_quota(None);
    for name in &state_names {
        assert_eq!(count(&state, name), 1, "{name}");
        let rows = &state.database(name).unwrap().rows;
        rows.execute_batch("INSERT INTO t VALUES (2)").unwrap();
    }
    inner.save_all(&mut state, &state_names).unwrap();
    drop(state);
    drop(instance);
    let instance = start(folder.path());
    assert_eq!(count(&instance.inner.state(), "a"), 2);
    assert_eq!(count(&instance.inner.state(), "b"), 2);
}
