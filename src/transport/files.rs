use std::fmt;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::names::{HostName, HostPath};
use crate::transport::{HostError, TransportErrorKind};

/// The longest file that is read or written whole: configuration, never data.
pub const LONGEST_FILE: u64 = 16 << 20;

/// What a host tells of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(
    clippy::exhaustive_structs,
    reason = "adapters state all of it, and a new question must reach them"
)]
pub struct FileStatus {
    /// Bytes.
    pub size: u64,
    /// When it was last written, UTC.
    pub modified: OffsetDateTime,
    /// Whether it carries the attribute read-only.
    pub is_read_only: bool,
}

/// Reads and writes small files of Windows hosts, whole. The port a host program plugs in.
///
/// # Contract
/// * `replace` is atomic: whoever reads sees the old file or the new one. The file's owner, permissions (ACL) and
///   attributes stay; of a file that somebody holds open nothing changes (32 or 5).
/// * `copy` keeps owner, permissions and times of the original, and never writes over a file (80).
/// * `rename` is atomic, too; the file brings its owner, permissions and attributes along.
/// * Links and junctions are not followed at the last component.
/// * A file longer than [`LONGEST_FILE`] is refused.
#[async_trait]
pub trait FileTransport: fmt::Debug + Send + Sync {
    /// What is at the path; `None`: nothing.
    async fn stat(&self, host: &HostName, path: &HostPath)
    -> Result<Option<FileStatus>, HostError>;

    /// The whole file.
    async fn read(&self, host: &HostName, path: &HostPath) -> Result<Vec<u8>, HostError>;

    /// The names in a folder, in no order.
    async fn list(&self, host: &HostName, folder: &HostPath) -> Result<Vec<String>, HostError>;

    /// Makes a file that is not there yet (80).
    async fn write_new(
        &self,
        host: &HostName,
        path: &HostPath,
        content: &[u8],
    ) -> Result<(), HostError>;

    /// Puts new content in the place of a file that is there (2).
    async fn replace(
        &self,
        host: &HostName,
        path: &HostPath,
        content: &[u8],
    ) -> Result<(), HostError>;

    /// Copies a file to a path where none is.
    async fn copy(&self, host: &HostName, from: &HostPath, to: &HostPath) -> Result<(), HostError>;

    /// Gives a file (2) another name in its folder, over the file that has that name, if any; one that
    /// somebody holds open or that is read-only stays (32 or 5). It is the one way in which permissions
    /// are put back. Default: not supported, and nothing is done.
    async fn rename(
        &self,
        host: &HostName,
        from: &HostPath,
        to: &HostPath,
    ) -> Result<(), HostError> {
        let _ = (host, from, to);
        Err(HostError::lost(
            TransportErrorKind::Unsupported,
            "it renames no files",
        ))
    }

    /// Deletes a file.
    async fn remove(&self, host: &HostName, path: &HostPath) -> Result<(), HostError>;
}
