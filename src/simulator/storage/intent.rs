//! Changes over several files: made durable beside the files, then named in one intent file. When
//! the intent is durable the changes are; an instance that finds one carries it out.

use serde::{Deserialize, Serialize};

use super::envelope::{EnvelopeError, FileKind, seal, unseal};

/// A file of the instance.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum ServerFile {
    /// What `master` knows: not reachable by a path of the server.
    Catalog,
    /// By the server's path.
    Path(String),
}

/// A change of one file, as part of a commit.
#[derive(Debug)]
pub(crate) enum Change {
    /// Fails with [`OsError::FileExists`](super::OsError::FileExists) where the file is there.
    Create(ServerFile, Vec<u8>),
    /// Writes a new file or a new content.
    Write(ServerFile, Vec<u8>),
    /// A missing file is no error.
    Remove(ServerFile),
}

impl Change {
    /// Whether another instance may reach the file too.
    pub(super) fn is_on_share(&self) -> bool {
        let (Self::Create(file, _) | Self::Write(file, _) | Self::Remove(file)) = self;
        matches!(file, ServerFile::Path(path) if path.starts_with(r"\\"))
    }
}

/// One step of carrying an intent out. Doing it twice is doing it once.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) enum Step {
    /// The name of the new content, in the file's own folder.
    Rename {
        file: ServerFile,
        from: String,
    },
    Remove {
        file: ServerFile,
    },
}

pub(super) fn encode(steps: &[Step]) -> serde_json::Result<Vec<u8>> {
    Ok(seal(FileKind::Intent, &[&serde_json::to_vec(steps)?]))
}

pub(super) fn decode(bytes: &[u8]) -> Result<Vec<Step>, EnvelopeError> {
    let [json] = unseal(FileKind::Intent, bytes)?;
    serde_json::from_slice(json).map_err(|_| EnvelopeError::Foreign)
}
