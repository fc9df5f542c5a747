use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::machine::refused;
use crate::names::HostPath;
use crate::simulator::Platform;
use crate::simulator::storage::{Namespace, OsError, PathOnHost, refuse_links};
use crate::transport::{FileStatus, HostError, LONGEST_FILE, codes};

/// The disks of a host: a folder, out of which no path leads.
#[derive(Debug)]
pub(super) struct HostFiles {
    namespace: Namespace,
    notes: Arc<Mutex<Notes>>,
}

/// What the folder itself does not keep.
#[derive(Debug, Default)]
struct Notes {
    names: BTreeMap<PathBuf, String>,
    /// Labels of access control lists. Whoever replaces a file must keep it.
    acls: BTreeMap<PathBuf, String>,
    read_only: BTreeSet<PathBuf>,
    held: Vec<PathBuf>,
}

/// A file that somebody on the host holds open, until this is dropped.
#[derive(Debug)]
#[must_use]
pub struct HeldFile {
    path: PathBuf,
    notes: Arc<Mutex<Notes>>,
}

impl Drop for HeldFile {
    fn drop(&mut self) {
        let mut notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(at) = notes.held.iter().position(|held| *held == self.path) {
            notes.held.swap_remove(at);
        }
    }
}

fn windows(error: OsError) -> HostError {
    refused(u32::from(error.number()))
}

fn system(error: io::Error) -> HostError {
    windows(OsError::from(error))
}

impl HostFiles {
    pub(super) fn new(folder: PathBuf) -> Self {
        Self {
            namespace: Namespace::new(folder, &BTreeMap::new(), Platform::Windows),
            notes: Arc::default(),
        }
    }

    fn notes(&self) -> MutexGuard<'_, Notes> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn locate(&self, path: &HostPath) -> Result<PathBuf, HostError> {
        self.find(path).map(|found| found.path())
    }

    fn find(&self, path: &HostPath) -> Result<PathOnHost, HostError> {
        let found = self.namespace.locate(path.as_str()).map_err(windows)?;
        refuse_links(&found).map_err(windows)?;
        Ok(found)
    }

    /// Where something is to be made: its folder must be there, and nothing at the place itself.
    fn vacancy(&self, path: &HostPath) -> Result<PathBuf, HostError> {
        let found = self.find(path)?;
        if !found.folder().is_dir() {
            return Err(refused(codes::PATH_NOT_FOUND));
        }
        if found.path().exists() {
            return Err(refused(codes::FILE_EXISTS));
        }
        Ok(found.path())
    }

    fn file(&self, path: &HostPath) -> Result<PathBuf, HostError> {
        let place = self.locate(path)?;
        match place.metadata() {
            Ok(metadata) if metadata.is_dir() => Err(refused(codes::ACCESS_DENIED)),
            Ok(_) => Ok(place),
            Err(error) => Err(system(error)),
        }
    }

    fn note_name(&self, place: &std::path::Path, path: &HostPath) {
        let name = path.file_name().to_owned();
        self.notes().names.insert(place.to_owned(), name);
    }

    pub(super) fn create_folder(&self, path: &HostPath) -> Result<(), HostError> {
        let place = self.locate(path)?;
        fs::create_dir_all(&place).map_err(system)?;
        self.note_name(&place, path);
        Ok(())
    }

    pub(super) fn stat(&self, path: &HostPath) -> Result<Option<FileStatus>, HostError> {
        let place = self.locate(path)?;
        let metadata = match place.metadata() {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(system(error)),
        };
        Ok(Some(FileStatus {
            size: if metadata.is_dir() { 0 } else { metadata.len() },
            modified: metadata.modified().map_err(system)?.into(),
            is_read_only: self.notes().read_only.contains(&place),
        }))
    }

    pub(super) fn read(&self, path: &HostPath) -> Result<Vec<u8>, HostError> {
        let place = self.file(path)?;
        let mut content = Vec::new();
        let file = File::open(place).map_err(system)?;
        file.take(LONGEST_FILE + 1)
            .read_to_end(&mut content)
            .map_err(system)?;
        check_length(&content)?;
        Ok(content)
    }

    pub(super) fn list(&self, folder: &HostPath) -> Result<Vec<String>, HostError> {
        let place = self.locate(folder)?;
        let entries = fs::read_dir(place).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => refused(codes::PATH_NOT_FOUND),
            _ => system(error),
        })?;
        let notes = self.notes();
        let mut names = Vec::new();
        for entry in entries {
            let place = entry.map_err(system)?.path();
            let name = notes.names.get(&place).cloned();
            let own = || {
                place
                    .file_name()
                    .map(|name| name.to_string_lossy().into_owned())
            };
            names.extend(name.or_else(own));
        }
        Ok(names)
    }

    pub(super) fn write_new(&self, path: &HostPath, content: &[u8]) -> Result<(), HostError> {
        check_length(content)?;
        let place = self.vacancy(path)?;
        write(&place, content)?;
        self.note_name(&place, path);
        Ok(())
    }

    pub(super) fn replace(&self, path: &HostPath, content: &[u8]) -> Result<(), HostError> {
        check_length(content)?;
        let place = self.file(path)?;
        // Over a file that is held open or read-only nothing is renamed (seen under Wine: 5).
        self.check_free(&place, codes::ACCESS_DENIED)?;
        // `~` is in no name of the host.
        let mut beside = place.clone().into_os_string();
        beside.push("~");
        let beside = PathBuf::from(beside);
        write(&beside, content)?;
        fs::rename(&beside, &place).map_err(system)
    }

    pub(super) fn copy(&self, from: &HostPath, to: &HostPath) -> Result<(), HostError> {
        let source = self.file(from)?;
        let target = self.vacancy(to)?;
        let content = self.read(from)?;
        let modified = source
            .metadata()
            .and_then(|metadata| metadata.modified())
            .map_err(system)?;
        write(&target, &content)?
            .set_modified(modified)
            .map_err(system)?;
        self.note_name(&target, to);
        let mut notes = self.notes();
        if let Some(acl) = notes.acls.get(&source).cloned() {
            notes.acls.insert(target.clone(), acl);
        }
        if notes.read_only.contains(&source) {
            notes.read_only.insert(target);
        }
        Ok(())
    }

    pub(super) fn rename(&self, from: &HostPath, to: &HostPath) -> Result<(), HostError> {
        let source = self.file(from)?;
        let target = self.locate(to)?;
        // One that is read-only may get another name.
        self.check_let_go(&source, codes::SHARING_VIOLATION)?;
        // As over a file that is replaced (seen under Wine: 5).
        self.check_free(&target, codes::ACCESS_DENIED)?;
        if target.is_dir() || source.parent() != target.parent() {
            return Err(refused(codes::ACCESS_DENIED));
        }
        fs::rename(&source, &target).map_err(system)?;
        self.note_name(&target, to);
        let mut notes = self.notes();
        notes.names.remove(&source);
        let acl = notes.acls.remove(&source);
        if notes.read_only.remove(&source) {
            notes.read_only.insert(target.clone());
        }
        // What the file had, it has; what the one in its place had is gone.
        match acl {
            Some(acl) => notes.acls.insert(target, acl),
            None => notes.acls.remove(&target),
        };
        Ok(())
    }

    pub(super) fn remove(&self, path: &HostPath) -> Result<(), HostError> {
        let place = self.file(path)?;
        self.check_free(&place, codes::SHARING_VIOLATION)?;
        fs::remove_file(&place).map_err(system)?;
        let mut notes = self.notes();
        notes.acls.remove(&place);
        notes.names.remove(&place);
        Ok(())
    }

    fn check_free(&self, place: &std::path::Path, held: u32) -> Result<(), HostError> {
        if self.notes().read_only.contains(place) {
            return Err(refused(codes::ACCESS_DENIED));
        }
        self.check_let_go(place, held)
    }

    fn check_let_go(&self, place: &std::path::Path, held: u32) -> Result<(), HostError> {
        if self.notes().held.iter().any(|other| other == place) {
            return Err(refused(held));
        }
        Ok(())
    }

    pub(super) fn hold(&self, path: &HostPath) -> Result<HeldFile, HostError> {
        let path = self.file(path)?;
        self.notes().held.push(path.clone());
        let notes = Arc::clone(&self.notes);
        Ok(HeldFile { path, notes })
    }

    pub(super) fn set_read_only(&self, path: &HostPath, is: bool) -> Result<(), HostError> {
        let place = self.file(path)?;
        let mut notes = self.notes();
        if is {
            notes.read_only.insert(place);
        } else {
            notes.read_only.remove(&place);
        }
        Ok(())
    }

    pub(super) fn set_acl(&self, path: &HostPath, label: &str) -> Result<(), HostError> {
        let place = self.file(path)?;
        self.notes().acls.insert(place, label.to_owned());
        Ok(())
    }

    pub(super) fn acl(&self, path: &HostPath) -> Result<Option<String>, HostError> {
        let place = self.file(path)?;
        Ok(self.notes().acls.get(&place).cloned())
    }
}

fn check_length(content: &[u8]) -> Result<(), HostError> {
    if content.len() as u64 > LONGEST_FILE {
        return Err(refused(codes::FILE_TOO_LARGE));
    }
    Ok(())
}

fn write(place: &std::path::Path, content: &[u8]) -> Result<File, HostError> {
    let mut options = OpenOptions::new();
    let mut file = options
        .write(true)
        .create(true)
        .truncate(true)
        .open(place)
        .map_err(system)?;
    file.write_all(content).map_err(system)?;
    Ok(file)
}
