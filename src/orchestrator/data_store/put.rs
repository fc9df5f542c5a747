//! A file put in the place of another, whole and with its permissions.

use super::discovery::look;
use super::kept::with_fact;
use crate::error::{Error, ErrorKind, Result};
use crate::names::HostPath;
use crate::orchestrator::host_files::{Bytes, HostFiles};

/// Whose permissions the file has then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Permissions {
    /// Those of the copy.
    Restored,
    /// Those of the file that was there: the transport renames no files.
    AsFound,
}

/// A copy that is put back.
pub(super) struct Copy<'a> {
    pub(super) path: &'a HostPath,
    pub(super) sha256: &'a str,
    pub(super) content: &'a Bytes,
}

/// Puts `copy` where `to` is, or is to be, atomically. After an error it is to be looked at what is there.
pub(super) async fn put(
    files: &HostFiles<'_>,
    copy: &Copy<'_>,
    to: &HostPath,
    is_there: bool,
) -> Result<Permissions> {
    let beside = to.sibling(&format!("{}.put", copy.path.file_name()))?;
    let copied = files.copy(copy.path, &beside).await;
    // What is there counts: an answer may have been lost, and one before may have left it.
    let is_whole = match look(files, &beside).await {
        Ok(found) => found.is_some_and(|(file, _)| file.sha256 == copy.sha256),
        Err(error) => return Err(tidied(files, &beside, error).await),
    };
    if !is_whole {
        let differs = || {
            Error::new(
                ErrorKind::Corrupt,
                format!("{beside} is not what was copied"),
            )
        };
        let error = copied.err().unwrap_or_else(differs);
        return Err(tidied(files, &beside, error).await);
    }
    match files.rename(&beside, to).await {
        Ok(()) => Ok(Permissions::Restored),
        Err(error) if error.kind() == ErrorKind::Unsupported => {
            let put = if is_there {
                files.replace(to, copy.content).await
            } else {
                files.copy(copy.path, to).await
            };
            match put {
                Ok(()) => tidy(files, &beside).await.map(|()| Permissions::AsFound),
                Err(error) => Err(tidied(files, &beside, error).await),
            }
        }
        Err(error) => Err(tidied(files, &beside, error).await),
    }
}

/// Removes what stands beside, and asks once more where the answer was lost.
pub(super) async fn tidy(files: &HostFiles<'_>, beside: &HostPath) -> Result<()> {
    let mut removed = files.remove(beside).await;
    if removed
        .as_ref()
        .is_err_and(|error| error.effect() != crate::error::Effect::None)
    {
        removed = files.remove(beside).await;
    }
    match removed {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// The error, and where it is left, that.
pub(super) async fn tidied(files: &HostFiles<'_>, beside: &HostPath, error: Error) -> Error {
    match tidy(files, beside).await {
        Ok(()) => error,
        Err(removing) => with_fact(
            &error,
            &format!("{beside} may be left: {}", removing.detail()),
            error.effect(),
            None,
        ),
    }
}
