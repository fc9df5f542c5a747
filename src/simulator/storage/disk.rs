//! The disk of an instance: reading by the server's paths, and commits that a crash can't halve.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use aws_lc_rs::digest::{SHA256, digest};

use super::hold::{Hold, HoldFor};
use super::host::Host;
use super::intent::{self, Change, ServerFile, Step};
use super::namespace::{HostPath, Namespace, refuse_links};
use super::power::UnsyncedWrites;
use super::{EnvelopeError, OsError};
use crate::simulator::Platform;

const CATALOG: &str = "master";
const INTENT: &str = "intent";
const LOCK: &str = "lock";
/// Stands in names of our own files only: the server's names have it encoded.
const OWN: char = '~';

/// "Is it there?" and "put it there" are one step, also for instances that share a folder.
static COMMITTING_ON_SHARES: Mutex<()> = Mutex::new(());

/// Why an instance's folder could not be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DiskError {
    #[error("the folder is in use by another running instance")]
    InUse,
    #[error("the folder can't be used: {0}")]
    Host(#[from] io::Error),
    #[error(
        "the folder holds an unfinished change that can't be read ({0}); restore the folder from a copy"
    )]
    Intent(EnvelopeError),
    #[error("an unfinished change could not be carried out: operating system error {0}")]
    Redo(OsError),
}

/// The disk of an instance.
#[derive(Debug)]
pub(crate) struct Disk {
    folder: PathBuf,
    namespace: Namespace,
    platform: Platform,
    host: Host,
    committing: Mutex<()>,
    /// Held while the instance runs, so that no other one writes here.
    lock: Mutex<Option<File>>,
    /// Marks this disk's new contents in folders that it shares.
    tag: String,
    written: AtomicU64,
}

/// A change whose new content lies beside the file.
struct Staged {
    step: Step,
    folder: PathBuf,
    target: PathBuf,
    /// The new content's own path.
    content: Option<PathBuf>,
}

impl Disk {
    /// Opens a folder, made where it is missing, and finishes what a crash left.
    pub(crate) fn open(
        folder: &Path,
        shares: &BTreeMap<String, PathBuf>,
        platform: Platform,
    ) -> Result<Self, DiskError> {
        fs::create_dir_all(folder)?;
        let folder = folder.canonicalize()?;
        let lock = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(folder.join(LOCK))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(DiskError::InUse),
            Err(TryLockError::Error(error)) => return Err(error.into()),
        }
        let mut roots = BTreeMap::new();
        for (name, path) in shares {
            fs::create_dir_all(path)?;
            roots.insert(name.clone(), path.canonicalize()?);
        }
        let digest = digest(&SHA256, folder.as_os_str().as_encoded_bytes());
        let disk = Self {
            namespace: Namespace::new(folder.clone(), &roots, platform),
            folder,
            platform,
            host: Host::default(),
            committing: Mutex::new(()),
            lock: Mutex::new(Some(lock)),
            tag: hex::encode(digest.as_ref().get(..6).unwrap_or_default()),
            written: AtomicU64::new(0),
        };
        disk.redo()?;
        disk.clean()?;
        Ok(disk)
    }

    /// The content of the instance's catalog; `None` in a new folder.
    pub(crate) fn read_catalog(&self) -> io::Result<Option<Vec<u8>>> {
        match fs::read(self.folder.join(CATALOG)) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The content of a server's file.
    pub(crate) fn read(&self, path: &str) -> Result<Vec<u8>, OsError> {
        self.host.is_running()?;
        let host = self.locate(path)?;
        self.check_folder(&host, OsError::PathNotFound)?;
        Ok(fs::read(host.path())?)
    }

    /// Whether a server's path is a file, and whether it is a folder.
    pub(crate) fn look(&self, path: &str) -> Result<(bool, bool), OsError> {
        let path = self.locate(path)?.path();
        Ok((path.is_file(), path.is_dir()))
    }

    /// Whether the folder of a server's path is there.
    pub(crate) fn has_folder(&self, path: &str) -> Result<bool, OsError> {
        Ok(self.locate(path)?.folder().is_dir())
    }

    /// Makes a folder of the server, and those above it.
    pub(crate) fn create_folder(&self, path: &str) -> Result<(), OsError> {
        let host = self.locate(path)?;
        self.host.create_folder(&host.base, &host.path())
    }

    /// Makes the drive `C:`, or the root of a Linux server.
    pub(crate) fn create_root(&self) -> Result<(), OsError> {
        let root = match self.platform {
            Platform::Windows => self.folder.join("drives").join("c"),
            Platform::Linux => self.folder.join("root"),
        };
        self.host.create_folder(&self.folder, &root)
    }

    /// Keeps a file for a statement; 32 where another one has it in a way that excludes this.
    pub(crate) fn hold(&self, path: &str, purpose: HoldFor) -> Result<Hold, OsError> {
        Hold::new(self.locate(path)?.path(), purpose)
    }

    /// Whether two paths of the server are one file.
    pub(crate) fn is_same_file(&self, one: &str, other: &str) -> bool {
        match (self.locate(one), self.locate(other)) {
            (Ok(one), Ok(other)) => one == other,
            _ => false,
        }
    }

    /// Makes all changes, or none: when this returns without an error they are durable.
    pub(crate) fn commit(&self, changes: Vec<Change>) -> Result<(), OsError> {
        let _committing = self
            .committing
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let _on_share = changes.iter().any(Change::is_on_share).then(|| {
            COMMITTING_ON_SHARES
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
        });
        self.host.is_running()?;
        let mut staged = Vec::with_capacity(changes.len());
        let prepared = self.stage(changes, &mut staged).and_then(|()| {
            if staged.len() > 1 {
                self.write_intent(&staged)
            } else {
                Ok(())
            }
        });
        if let Err(error) = prepared {
            for content in staged.iter().filter_map(|change| change.content.as_ref()) {
                // Left for the next start where even this fails.
                let _ = self.host.remove(content);
            }
            return Err(error);
        }
        let applied = self.apply(&staged).and_then(|()| {
            if staged.len() > 1 {
                self.host.remove(&self.folder.join(INTENT))?;
                self.host.sync_folder(&self.folder)?;
            }
            Ok(())
        });
        if applied.is_err() {
            // The change is decided, and memory and disk may differ now: only a new start, which
            // carries the intent out, makes them one again.
            self.host.switch_off();
            return Err(OsError::Device);
        }
        Ok(())
    }

    /// Writes new contents beside their files.
    fn stage(&self, changes: Vec<Change>, staged: &mut Vec<Staged>) -> Result<(), OsError> {
        for change in changes {
            let (file, bytes, is_new) = match change {
                Change::Create(file, bytes) => (file, Some(bytes), true),
                Change::Write(file, bytes) => (file, Some(bytes), false),
                Change::Remove(file) => (file, None, false),
            };
            let (folder, target) = self.target(&file)?;
            let is_there = match target.symlink_metadata() {
                Ok(metadata) if metadata.is_dir() => return Err(OsError::AccessDenied),
                Ok(_) => true,
                Err(error) if error.kind() == io::ErrorKind::NotFound => false,
                Err(error) => return Err(error.into()),
            };
            if is_there && is_new {
                return Err(OsError::FileExists);
            }
            let Some(bytes) = bytes else {
                staged.push(Staged {
                    step: Step::Remove { file },
                    folder,
                    target,
                    content: None,
                });
                continue;
            };
            let number = self.written.fetch_add(1, Ordering::Relaxed);
            let name = target
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            let from = format!("{name}{OWN}{}-{number}", self.tag);
            let content = folder.join(&from);
            staged.push(Staged {
                step: Step::Rename { file, from },
                folder,
                target,
                content: Some(content.clone()),
            });
            self.host.write_new(&content, &bytes)?;
            self.host.sync_file(&content)?;
        }
        Ok(())
    }

    /// The point from which the changes are made, whatever happens.
    fn write_intent(&self, staged: &[Staged]) -> Result<(), OsError> {
        let folders: BTreeSet<&Path> = staged
            .iter()
            .map(|change| change.folder.as_path())
            .collect();
        for folder in folders {
            self.host.sync_folder(folder)?;
        }
        let steps: Vec<Step> = staged.iter().map(|change| change.step.clone()).collect();
        let bytes = intent::encode(&steps).map_err(|_| OsError::Device)?;
        let content = self.folder.join(format!("{INTENT}{OWN}{}", self.tag));
        let target = self.folder.join(INTENT);
        let written = self
            .host
            .write_new(&content, &bytes)
            .and_then(|()| self.host.sync_file(&content))
            .and_then(|()| self.host.rename(&content, &target));
        if written.is_err() {
            let _ = self.host.remove(&content);
            return written;
        }
        self.host.sync_folder(&self.folder).inspect_err(|_| {
            // Whether the intent is on the disk can't be known any more.
            self.host.switch_off();
        })
    }

    fn apply(&self, staged: &[Staged]) -> Result<(), OsError> {
        let mut folders = BTreeSet::new();
        for change in staged {
            match &change.content {
                Some(content) => self.host.rename(content, &change.target)?,
                None => self.host.remove(&change.target)?,
            }
            folders.insert(change.folder.as_path());
        }
        for folder in folders {
            self.host.sync_folder(folder)?;
        }
        Ok(())
    }

    /// Carries out an intent that a crash left.
    fn redo(&self) -> Result<(), DiskError> {
        let path = self.folder.join(INTENT);
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        for step in intent::decode(&bytes).map_err(DiskError::Intent)? {
            self.redo_step(step).map_err(DiskError::Redo)?;
        }
        self.host.remove(&path).map_err(DiskError::Redo)?;
        self.host.sync_folder(&self.folder).map_err(DiskError::Redo)
    }

    fn redo_step(&self, step: Step) -> Result<(), OsError> {
        let (Step::Rename { file, .. } | Step::Remove { file }) = &step;
        let (folder, target) = self.target(file)?;
        match step {
            Step::Remove { .. } => self.host.remove(&target)?,
            Step::Rename { from, .. } => {
                let content = folder.join(from);
                // Where it is missing it has its name already.
                if content.exists() {
                    self.host.rename(&content, &target)?;
                }
            }
        }
        self.host.sync_folder(&folder)
    }

    /// Removes new contents that never became part of a change.
    fn clean(&self) -> Result<(), DiskError> {
        let mark = format!("{OWN}{}", self.tag);
        for base in self.namespace.bases() {
            let is_ours = base == self.folder;
            let mut folders = vec![base.to_owned()];
            while let Some(folder) = folders.pop() {
                for entry in fs::read_dir(folder)? {
                    let entry = entry?;
                    let name = entry.file_name().to_string_lossy().into_owned();
                    if entry.file_type()?.is_dir() {
                        folders.push(entry.path());
                    } else if name.contains(&mark) || (is_ours && name.contains(OWN)) {
                        fs::remove_file(entry.path())?;
                    }
                }
            }
        }
        Ok(())
    }

    fn locate(&self, path: &str) -> Result<HostPath, OsError> {
        let host = self.namespace.locate(path)?;
        refuse_links(&host)?;
        Ok(host)
    }

    fn target(&self, file: &ServerFile) -> Result<(PathBuf, PathBuf), OsError> {
        let path = match file {
            ServerFile::Catalog => return Ok((self.folder.clone(), self.folder.join(CATALOG))),
            ServerFile::Path(path) => path,
        };
        let host = self.locate(path)?;
        self.check_folder(&host, self.no_folder())?;
        Ok((host.folder(), host.path()))
    }

    /// What writing into a folder that isn't there raises. Captured on Linux: 5. That Windows says
    /// 3 is general knowledge.
    pub(crate) const fn no_folder(&self) -> OsError {
        match self.platform {
            Platform::Windows => OsError::PathNotFound,
            Platform::Linux => OsError::AccessDenied,
        }
    }

    fn check_folder(&self, host: &HostPath, missing: OsError) -> Result<(), OsError> {
        if host.folder().is_dir() {
            Ok(())
        } else {
            Err(missing)
        }
    }

    /// Lets only so many more bytes be written; then writes fail with 112.
    pub(crate) fn set_quota(&self, bytes: Option<u64>) {
        self.host.set_quota(bytes);
    }

    /// How many more bytes can be written, where that is limited.
    pub(crate) fn quota(&self) -> Option<u64> {
        self.host.quota()
    }

    /// Lets the power fail after so many more operations.
    pub(crate) fn fail_after(&self, operations: u64, unsynced: UnsyncedWrites) {
        self.host.fail_after(operations, unsynced);
    }

    /// How many operations there were.
    pub(crate) fn operations(&self) -> u64 {
        self.host.operations()
    }

    /// Writes nothing from now on, and lets another instance have the folder.
    pub(crate) fn switch_off(&self) {
        self.host.switch_off();
        let lock = self
            .lock
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        drop(lock);
    }
}

#[cfg(test)]
mod tests;
