//! The few operations on the host's file system, each one a place where the power can fail.

use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::OsError;
use super::power::{Power, Undo, UnsyncedWrites};

/// Writes, and counts what it does.
#[derive(Debug, Default)]
pub(super) struct Host {
    power: Mutex<Power>,
    /// How many bytes may still be written.
    quota: Mutex<Option<u64>>,
}

impl Host {
    fn power(&self) -> MutexGuard<'_, Power> {
        self.power.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn set_quota(&self, quota: Option<u64>) {
        *self.quota.lock().unwrap_or_else(PoisonError::into_inner) = quota;
    }

    pub(super) fn quota(&self) -> Option<u64> {
        *self.quota.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn fail_after(&self, operations: u64, unsynced: UnsyncedWrites) {
        self.power().fail_after(operations, unsynced);
    }

    pub(super) fn operations(&self) -> u64 {
        self.power().operations()
    }

    /// Nothing is written from now on.
    pub(super) fn switch_off(&self) {
        self.power().switch_off();
    }

    /// Fails where the power is off; used before reads too.
    pub(super) fn is_running(&self) -> Result<(), OsError> {
        if self.power().is_off() {
            Err(OsError::Device)
        } else {
            Ok(())
        }
    }

    /// Writes a file that must not be there yet. What the quota doesn't allow is left out, as on a
    /// full disk.
    pub(super) fn write_new(&self, path: &Path, bytes: &[u8]) -> Result<(), OsError> {
        let mut power = self.power();
        let goes_on = power.step();
        if power.is_off() {
            return Err(OsError::Device);
        }
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        // A database's rows are as private as the server's.
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(path)?;
        power.done(Undo::Created(path.to_owned()));
        power.done(Undo::Written(path.to_owned()));
        if !goes_on {
            // The power fails in the middle of the write.
            file.write_all(&bytes[..bytes.len() / 2])?;
            drop(file);
            power.fail();
            return Err(OsError::Device);
        }
        let allowed = self.spend(bytes.len());
        file.write_all(&bytes[..allowed])?;
        if allowed < bytes.len() {
            Err(OsError::DiskFull)
        } else {
            Ok(())
        }
    }

    fn spend(&self, wanted: usize) -> usize {
        let mut quota = self.quota.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(left) = quota.as_mut() else {
            return wanted;
        };
        let allowed = wanted.min(usize::try_from(*left).unwrap_or(usize::MAX));
        *left = left.saturating_sub(allowed as u64);
        allowed
    }

    pub(super) fn sync_file(&self, path: &Path) -> Result<(), OsError> {
        self.operation(|power| {
            // Windows flushes only through a handle that may write.
            OpenOptions::new().write(true).open(path)?.sync_all()?;
            power.synced_file(path);
            Ok(())
        })
    }

    /// Makes names in a folder durable. Windows has no such call, and journals its names itself.
    pub(super) fn sync_folder(&self, folder: &Path) -> Result<(), OsError> {
        self.operation(|power| {
            if cfg!(unix) {
                File::open(folder)?.sync_all()?;
            }
            power.synced_folder(folder);
            Ok(())
        })
    }

    pub(super) fn rename(&self, from: &Path, to: &Path) -> Result<(), OsError> {
        self.operation(|power| {
            let replaced = power.remember(to);
            fs::rename(from, to)?;
            power.done(Undo::Renamed {
                from: from.to_owned(),
                to: to.to_owned(),
                replaced,
            });
            Ok(())
        })
    }

    /// Removes a file; one that isn't there is no error.
    pub(super) fn remove(&self, path: &Path) -> Result<(), OsError> {
        self.operation(|power| {
            let removed = power.remember(path);
            match fs::remove_file(path) {
                Ok(()) => {}
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
                Err(error) => return Err(error.into()),
            }
            if let Some(bytes) = removed {
                power.done(Undo::Removed(path.to_owned(), bytes));
            }
            Ok(())
        })
    }

    /// Makes a folder and those above it below `base`, durable at once.
    pub(super) fn create_folder(&self, base: &Path, path: &Path) -> Result<(), OsError> {
        let mut missing: Vec<PathBuf> = Vec::new();
        for folder in path.ancestors() {
            if folder == base || folder.is_dir() {
                break;
            }
            missing.push(folder.to_owned());
        }
        for folder in missing.iter().rev() {
            self.operation(|_| Ok(fs::create_dir(folder)?))?;
            if let Some(parent) = folder.parent() {
                self.sync_folder(parent)?;
            }
        }
        Ok(())
    }

    fn operation<T>(
        &self,
        operation: impl FnOnce(&mut Power) -> Result<T, OsError>,
    ) -> Result<T, OsError> {
        let mut power = self.power();
        if power.is_off() {
            return Err(OsError::Device);
        }
        if !power.step() {
            power.fail();
            return Err(OsError::Device);
        }
        operation(&mut power)
    }
}
