//! A folder whose name somebody's quoting would take for something else.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use scorch_recovery::names::HostPath;

static MADE: AtomicU32 = AtomicU32::new(0);

/// On the drive `C:`, because other machines are reached by it; away when dropped.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new(name: &str) -> Self {
        Self::without_variables(&format!("{name} %TEMP%"))
    }

    /// For the programs of services: in their paths variables count (documented).
    pub(crate) fn without_variables(name: &str) -> Self {
        let leaf = format!(
            "{name} o'b & 100 ^ Büro 漢字 {} {}",
            std::process::id(),
            MADE.fetch_add(1, Ordering::Relaxed)
        );
        let folder = Path::new(r"C:\Program Files\Scorch tests").join(leaf);
        std::fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    pub(crate) fn path(&self, leaf: &str) -> PathBuf {
        self.0.join(leaf)
    }

    pub(crate) fn host_path(&self, leaf: &str) -> HostPath {
        host_path(&self.path(leaf))
    }

    pub(crate) fn itself(&self) -> HostPath {
        host_path(&self.0)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

pub(crate) fn host_path(path: &Path) -> HostPath {
    path.to_str().unwrap().parse().unwrap()
}
