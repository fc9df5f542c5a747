//! The state of a host as it was before, to be put back.

use super::discovery::{SettingsFile, look};
use crate::context::Context;
use crate::error::{Effect, Error, ErrorKind, Result};
use crate::names::HostPath;
use crate::orchestrator::host_files::{Bytes, HostFiles};

const ATTEMPTS: u32 = 4;

/// A copy of `Settings.dat` beside it, with owner and permissions.
pub(super) struct Kept<'a> {
    cx: &'a Context,
    files: &'a HostFiles<'a>,
    pub(super) before: SettingsFile,
    content: Bytes,
    pub(super) copy: HostPath,
}

impl<'a> Kept<'a> {
    /// Copies the file, and looks whether the copy is the file.
    pub(super) async fn make(
        cx: &'a Context,
        files: &'a HostFiles<'a>,
        path: &HostPath,
    ) -> Result<Self> {
        let gone = || Error::new(ErrorKind::NotFound, format!("{path}: it is not there"));
        let (before, content) = look(files, path).await?.ok_or_else(gone)?;
        let now = cx.clock().now();
        let leaf = format!(
            "{}.{}{:02}{:02}T{:02}{:02}{:02}Z.{}.copy",
            path.file_name(),
            now.year(),
            u8::from(now.month()),
            now.day(),
            now.hour(),
            now.minute(),
            now.second(),
            &before.sha256[..8],
        );
        let kept = Self {
            cx,
            files,
            copy: path.sibling(&leaf)?,
            before,
            content,
        };
        let copied = files.copy(path, &kept.copy).await;
        if let Err(error) = copied {
            // A refusal made nothing. Else it is looked at whether it was made.
            if error.effect() == Effect::None {
                return Err(error);
            }
            if !kept.is_whole().await? {
                return Err(kept.discarding(error.with_effect(Effect::None)).await);
            }
        } else if !kept.is_whole().await? {
            let error = Error::new(
                ErrorKind::Corrupt,
                format!("{} is not what was copied", kept.copy),
            );
            return Err(kept.discarding(error).await);
        }
        Ok(kept)
    }

    async fn is_whole(&self) -> Result<bool> {
        match look(self.files, &self.copy).await {
            Ok(found) => Ok(found.is_some_and(|(file, _)| file.sha256 == self.before.sha256)),
            Err(error) => Err(self.discarding(error).await),
        }
    }

    /// The file as it is now.
    pub(super) async fn now(&self) -> Result<Option<SettingsFile>> {
        let found = look(self.files, &self.before.path).await?;
        Ok(found.map(|(file, _)| file))
    }

    /// Removes the copy, since nothing was changed; what the error is, with that.
    pub(super) async fn discarding(&self, error: Error) -> Error {
        let mut removed = self.files.remove(&self.copy).await;
        if removed
            .as_ref()
            .is_err_and(|error| error.effect() != Effect::None)
        {
            removed = self.files.remove(&self.copy).await;
        }
        match removed {
            Err(removing) if removing.kind() != ErrorKind::NotFound => with_fact(
                &error,
                &format!("the copy {} may be left: {}", self.copy, removing.detail()),
                error.effect(),
                None,
            ),
            _ => error,
        }
    }

    /// Puts the content back, or the file with its permissions where there is none any more, and looks.
    pub(super) async fn put_back(&self) -> Result<()> {
        let mut attempt = 1;
        loop {
            let failed = match self.now().await {
                Ok(Some(now)) if now.sha256 == self.before.sha256 => return Ok(()),
                Err(error) => error,
                // What is there counts, not what was answered: it is looked at again.
                Ok(Some(_)) => match self.files.replace(&self.before.path, &self.content).await {
                    Err(error) => error,
                    Ok(()) => self.differs(),
                },
                Ok(None) => match self.files.copy(&self.copy, &self.before.path).await {
                    Err(error) => error,
                    Ok(()) => self.differs(),
                },
            };
            if attempt == ATTEMPTS {
                return Err(failed);
            }
            attempt += 1;
            self.cx
                .clock()
                .sleep(self.cx.deadlines().change_interval)
                .await;
        }
    }

    fn differs(&self) -> Error {
        Error::new(
            ErrorKind::Corrupt,
            format!("{} is not what was put back", self.before.path),
        )
    }
}

/// An error that says something more.
pub(super) fn with_fact(error: &Error, fact: &str, effect: Effect, remedy: Option<&str>) -> Error {
    let told = Error::new(error.kind(), format!("{}; {fact}", error.detail())).with_effect(effect);
    match remedy.or_else(|| error.remedy()) {
        Some(remedy) => told.with_remedy(remedy),
        None => told,
    }
}
