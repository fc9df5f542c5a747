//! Changes of the catalog and of databases: all of them durable, or none made.

use std::collections::BTreeMap;

use super::database_file::{RowsFailed, log_file};
use super::{Instance, OpenDatabase, OpenedKey, State};
use crate::simulator::catalog::{Catalog, Contents, DatabaseEntry, DatabaseFile};
use crate::simulator::server_error::ServerError;
use crate::simulator::storage::{Change, Disk, OsError, ServerFile};

/// A change in the making. Everything that a statement changes goes through it, so that it can be
/// taken back.
#[derive(Debug)]
pub(crate) struct Edit<'a> {
    state: &'a mut State,
    /// The databases touched, by lower-case name, as they were.
    before: BTreeMap<String, Before>,
    /// Lower-case names, before and after.
    renamed: Vec<(String, String)>,
    files: Vec<Change>,
}

/// A database as it was before an edit.
#[derive(Debug)]
enum Before {
    Absent,
    Contents(Contents),
    Rows(Contents, Vec<u8>),
    Closed(OpenDatabase),
    ClosedWithRows(OpenDatabase, Vec<u8>),
}

/// Why an edit was not made.
#[derive(Debug)]
pub(crate) enum EditError {
    Server(ServerError),
    Disk(OsError),
}

impl From<ServerError> for EditError {
    fn from(error: ServerError) -> Self {
        Self::Server(error)
    }
}

impl From<OsError> for EditError {
    fn from(error: OsError) -> Self {
        Self::Disk(error)
    }
}

impl From<RowsFailed> for EditError {
    fn from(error: RowsFailed) -> Self {
        Self::Disk(error.into())
    }
}

/// Where no statement says it better: 9002 for a full disk, 823 for a failing one.
impl From<EditError> for ServerError {
    fn from(error: EditError) -> Self {
        match error {
            EditError::Server(error) => error,
            EditError::Disk(OsError::DiskFull) => Self::new(
                9002,
                17,
                2,
                "The transaction log for database 'master' is full due to 'LOG_BACKUP'.".to_owned(),
            ),
            EditError::Disk(error) => Self::new(
                823,
                24,
                3,
                format!(
                    "The operating system returned error {error} to SQL Server during a write at \
                     offset 0x00000000000000 in file 'master'."
                ),
            ),
        }
    }
}

impl Edit<'_> {
    /// The state as it is so far.
    pub(crate) fn state(&self) -> &State {
        self.state
    }

    /// The catalog, to be changed.
    pub(crate) fn catalog(&mut self) -> &mut Catalog {
        &mut self.state.catalog
    }

    /// An entry of the catalog, to be changed.
    pub(crate) fn entry(&mut self, name: &str) -> Result<&mut DatabaseEntry, ServerError> {
        self.state
            .entry_mut(name)
            .ok_or_else(|| super::find::unknown_database(name))
    }

    /// An online database's contents, to be changed. Its rows are not.
    pub(crate) fn contents(&mut self, name: &str) -> Result<&mut Contents, ServerError> {
        let database = self.state.database_mut(name)?;
        self.before
            .entry(name.to_lowercase())
            .or_insert_with(|| Before::Contents(database.contents.clone()));
        Ok(&mut database.contents)
    }

    /// Keeps the opened key that an online database is encrypted with. It says itself which one it is,
    /// so there is nothing to take back.
    pub(crate) fn keep_key(&mut self, name: &str, key: OpenedKey) -> Result<(), ServerError> {
        self.state.database_mut(name)?.encryption = Some(key);
        Ok(())
    }

    /// An online database, rows and all, to be changed.
    pub(crate) fn database(&mut self, name: &str) -> Result<&mut OpenDatabase, EditError> {
        let key = name.to_lowercase();
        let database = self.state.database_mut(name)?;
        let before = match self.before.remove(&key) {
            None => Before::Rows(database.contents.clone(), database.image()?),
            Some(Before::Contents(contents)) => Before::Rows(contents, database.image()?),
            Some(before) => before,
        };
        self.before.insert(key, before);
        Ok(database)
    }

    /// What an online database's primary data file holds, as it is so far.
    pub(crate) fn data_file(&mut self, name: &str) -> Result<Vec<u8>, EditError> {
        Ok(self.state.database_mut(name)?.data_file()?)
    }

    /// Adds a database with its files, or opens one whose entry is there.
    pub(crate) fn open(&mut self, entry: &DatabaseEntry, database: OpenDatabase) {
        for file in entry.files.iter().filter(|file| file.is_log) {
            let log = log_file(entry.family);
            self.file(Change::Write(ServerFile::Path(file.path.clone()), log));
        }
        let key = entry.name.to_lowercase();
        let replaced = self.state.databases.insert(key.clone(), database);
        self.before
            .entry(key)
            .or_insert_with(|| replaced.map_or(Before::Absent, Before::Closed));
        self.put_entry(entry);
    }

    /// Adds an entry, or replaces the one of that name. What is open stays so.
    pub(crate) fn put_entry(&mut self, entry: &DatabaseEntry) {
        match self.state.entry_mut(&entry.name) {
            Some(known) => *known = entry.clone(),
            None => self.state.catalog.databases.push(entry.clone()),
        }
    }

    /// Closes a database and keeps its entry and files: OFFLINE, RESTORING.
    pub(crate) fn close(&mut self, name: &str) {
        let key = name.to_lowercase();
        let Some(mut database) = self.state.databases.remove(&key) else {
            return;
        };
        let before = match self.before.remove(&key) {
            None => Before::Closed(database),
            Some(Before::Contents(contents)) => {
                database.contents = contents;
                Before::Closed(database)
            }
            Some(Before::Rows(contents, image)) => {
                database.contents = contents;
                Before::ClosedWithRows(database, image)
            }
            Some(before) => before,
        };
        self.before.insert(key, before);
    }

    /// Gives a database another name. Its files stay where they are.
    pub(crate) fn rename(&mut self, name: &str, new_name: &str) -> Result<(), ServerError> {
        let (old, new) = (name.to_lowercase(), new_name.to_lowercase());
        self.entry(name)?.name = new_name.to_owned();
        if old != new {
            if let Some(database) = self.state.databases.remove(&old) {
                self.state.databases.insert(new.clone(), database);
            }
            if let Some(before) = self.before.remove(&old) {
                self.before.insert(new.clone(), before);
            }
            self.renamed.push((old, new));
        }
        Ok(())
    }

    /// Removes files of a database.
    pub(crate) fn remove_files(&mut self, files: &[DatabaseFile]) {
        for file in files {
            self.file(Change::Remove(ServerFile::Path(file.path.clone())));
        }
    }

    /// Drops a database, its entry and its files.
    pub(crate) fn drop_database(&mut self, name: &str) {
        self.close(name);
        if let Some(files) = self.state.entry(name).map(|entry| entry.files.clone()) {
            self.remove_files(&files);
        }
        self.state
            .catalog
            .databases
            .retain(|entry| !super::find::same_name(&entry.name, name));
    }

    /// Another file that is changed together with the rest.
    pub(crate) fn file(&mut self, change: Change) {
        self.files.push(change);
    }

    fn finish(&mut self, disk: &Disk, catalog_before: &[u8]) -> Result<(), EditError> {
        let mut changes = std::mem::take(&mut self.files);
        for name in self.before.keys() {
            let path = self.state.entry(name).and_then(primary_path);
            if let (Some(database), Some(path)) = (self.state.databases.get_mut(name), path) {
                database.contents.change_count += 1;
                let bytes = database.data_file()?;
                changes.push(Change::Write(ServerFile::Path(path), bytes));
            }
        }
        let catalog = self.state.catalog.to_bytes()?;
        if catalog != catalog_before {
            changes.push(Change::Write(ServerFile::Catalog, catalog));
        }
        if changes.is_empty() {
            return Ok(());
        }
        remove_what_is_not_written(&mut changes, disk);
        Ok(disk.commit(changes)?)
    }

    fn take_back(self, catalog: Catalog) -> Result<(), RowsFailed> {
        let mut result = Ok(());
        for (name, before) in self.before {
            match before {
                Before::Absent => {
                    self.state.databases.remove(&name);
                }
                Before::Closed(database) => {
                    self.state.databases.insert(name, database);
                }
                Before::ClosedWithRows(mut database, image) => {
                    let restored = database.restore_image(&image);
                    result = result.and(restored);
                    self.state.databases.insert(name, database);
                }
                Before::Contents(contents) => {
                    if let Some(database) = self.state.databases.get_mut(&name) {
                        database.contents = contents;
                    }
                }
                Before::Rows(contents, image) => {
                    if let Some(database) = self.state.databases.get_mut(&name) {
                        database.contents = contents;
                        let restored = database.restore_image(&image);
                        result = result.and(restored);
                    }
                }
            }
        }
        for (old, new) in self.renamed.into_iter().rev() {
            if let Some(database) = self.state.databases.remove(&new) {
                self.state.databases.insert(old, database);
            }
        }
        self.state.catalog = catalog;
        result
    }
}

/// A file that is replaced is written only: carrying out "remove" twice would take the new one.
fn remove_what_is_not_written(changes: &mut Vec<Change>, disk: &Disk) {
    let written: Vec<String> = changes
        .iter()
        .filter_map(|change| match change {
            Change::Create(ServerFile::Path(path), _)
            | Change::Write(ServerFile::Path(path), _) => Some(path.clone()),
            _ => None,
        })
        .collect();
    changes.retain(|change| match change {
        Change::Remove(ServerFile::Path(path)) => {
            !written.iter().any(|other| disk.is_same_file(other, path))
        }
        _ => true,
    });
}

fn primary_path(entry: &DatabaseEntry) -> Option<String> {
    let file = entry.files.iter().find(|file| !file.is_log)?;
    Some(file.path.clone())
}

impl Instance {
    /// Makes a change: what `change` does is durable when this returns, or, with an error, undone.
    pub(crate) fn edit<T>(
        &self,
        state: &mut State,
        change: impl FnOnce(&mut Edit<'_>) -> Result<T, EditError>,
    ) -> Result<T, EditError> {
        let catalog = state.catalog.clone();
        let catalog_bytes = catalog.to_bytes()?;
        let mut edit = Edit {
            state,
            before: BTreeMap::new(),
            renamed: Vec::new(),
            files: Vec::new(),
        };
        let result = change(&mut edit)
            .and_then(|value| edit.finish(&self.disk, &catalog_bytes).map(|()| value));
        if result.is_err() && edit.take_back(catalog).is_err() {
            // Memory and disk may differ: only a new start makes them one again.
            self.disk.switch_off();
        }
        result
    }

    /// Makes databases' committed rows and contents durable together. Where that fails they are as
    /// they were before their changes, in memory too.
    pub(crate) fn save_all(&self, state: &mut State, names: &[&str]) -> Result<(), EditError> {
        let result = self.write_all(state, names);
        if result.is_err() {
            for name in names {
                self.reload(state, name);
            }
        }
        result
    }

    fn write_all(&self, state: &mut State, names: &[&str]) -> Result<(), EditError> {
        let mut changes = Vec::with_capacity(names.len());
        for name in names {
            let path = state.entry(name).and_then(primary_path);
            let database = state.database_mut(name)?;
            database.contents.change_count += 1;
            let bytes = database.data_file()?;
            let path = path.ok_or(OsError::FileNotFound)?;
            changes.push(Change::Write(ServerFile::Path(path), bytes));
        }
        Ok(self.disk.commit(changes)?)
    }

    /// Puts a database back to what its files hold.
    fn reload(&self, state: &mut State, name: &str) {
        let Some(entry) = state.entry(name) else {
            return;
        };
        match self.open_files(state, entry) {
            Ok(database) => {
                state.databases.insert(name.to_lowercase(), database);
            }
            // Memory and disk differ: only a new start makes them one again.
            Err(_) => self.disk.switch_off(),
        }
    }
}

#[cfg(test)]
mod tests;
