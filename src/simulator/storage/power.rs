//! A power failure that can be planned, and what it takes with it.
//!
//! A real machine keeps what was synced, and any part of the rest. The two ends of that are tested:
//! all of it kept, and all of it lost.

use std::fs;
use std::path::{Path, PathBuf};

/// What a power failure does to writes that were not made durable yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum UnsyncedWrites {
    /// They reached the disk all the same.
    Kept,
    /// They are gone: names are as they were, contents are cut.
    Lost,
}

/// How something that isn't durable yet is undone.
#[derive(Debug)]
pub(super) enum Undo {
    Created(PathBuf),
    Written(PathBuf),
    Renamed {
        from: PathBuf,
        to: PathBuf,
        replaced: Option<Vec<u8>>,
    },
    Removed(PathBuf, Vec<u8>),
}

/// The state of the machine's power.
#[derive(Debug, Default)]
pub(super) struct Power {
    operations: u64,
    failure: Option<(u64, UnsyncedWrites)>,
    /// What is not durable yet, oldest first. Kept only while a failure is planned.
    undo: Vec<Undo>,
    is_off: bool,
}

impl Power {
    pub(super) fn fail_after(&mut self, operations: u64, unsynced: UnsyncedWrites) {
        self.failure = Some((self.operations.saturating_add(operations), unsynced));
    }

    pub(super) const fn operations(&self) -> u64 {
        self.operations
    }

    pub(super) const fn is_off(&self) -> bool {
        self.is_off
    }

    pub(super) fn switch_off(&mut self) {
        self.is_off = true;
    }

    /// Counts an operation; `false` where the power fails in it.
    pub(super) fn step(&mut self) -> bool {
        self.operations += 1;
        self.failure.is_none_or(|(at, _)| self.operations <= at)
    }

    pub(super) fn done(&mut self, undo: Undo) {
        if self.failure.is_none() {
            return;
        }
        if let Undo::Renamed { from, to, .. } = &undo {
            for earlier in &mut self.undo {
                if let Undo::Written(path) = earlier
                    && path == from
                {
                    path.clone_from(to);
                }
            }
        }
        self.undo.push(undo);
    }

    /// A file's content, where a planned failure may need it again.
    pub(super) fn remember(&self, path: &Path) -> Option<Vec<u8>> {
        self.failure.and_then(|_| fs::read(path).ok())
    }

    pub(super) fn synced_file(&mut self, file: &Path) {
        self.undo
            .retain(|undo| !matches!(undo, Undo::Written(path) if path == file));
    }

    pub(super) fn synced_folder(&mut self, folder: &Path) {
        self.undo.retain(|undo| match undo {
            Undo::Written(_) => true,
            Undo::Created(path) | Undo::Renamed { to: path, .. } | Undo::Removed(path, _) => {
                path.parent() != Some(folder)
            }
        });
    }

    /// The power is gone.
    pub(super) fn fail(&mut self) {
        self.is_off = true;
        let undo = std::mem::take(&mut self.undo);
        if !matches!(self.failure, Some((_, UnsyncedWrites::Lost))) {
            return;
        }
        for undo in &undo {
            if let Undo::Written(path) = undo {
                cut(path);
            }
        }
        // Errors are nobody's to handle: the machine is off, and what is left is what is found.
        for undo in undo.iter().rev() {
            let _ = match undo {
                Undo::Created(path) => fs::remove_file(path),
                Undo::Written(_) => Ok(()),
                Undo::Renamed { from, to, replaced } => fs::rename(to, from).and_then(|()| {
                    replaced
                        .as_ref()
                        .map_or(Ok(()), |bytes| fs::write(to, bytes))
                }),
                Undo::Removed(path, bytes) => fs::write(path, bytes),
            };
        }
    }
}

fn cut(path: &Path) {
    if let Ok(bytes) = fs::read(path) {
        let _ = fs::write(path, &bytes[..bytes.len() / 2]);
    }
}
