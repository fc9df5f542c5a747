//! The state of a host as it was before, to be put back.

use super::aliases::KeptAliases;
use super::discovery::{SettingsFile, look};
use super::put::{Copy, Permissions, put, tidied};
use crate::context::Context;
use crate::error::{Effect, Error, ErrorKind, Result};
use crate::names::HostPath;
use crate::orchestrator::host_files::{Bytes, HostFiles};
use crate::orchestrator::host_registry::HostRegistry;

const ATTEMPTS: u32 = 4;

/// A copy of `Settings.dat` beside it, with owner and permissions, and the aliases.
pub(super) struct Kept<'a> {
    cx: &'a Context,
    files: &'a HostFiles<'a>,
    registry: Option<&'a HostRegistry<'a>>,
    pub(super) path: HostPath,
    file: Option<KeptFile>,
    pub(super) aliases: KeptAliases,
    /// The aliases on the host's disk, where they are going to be changed.
    record: Option<HostPath>,
}

struct KeptFile {
    before: SettingsFile,
    content: Bytes,
    copy: HostPath,
}

/// What a host's state is kept of.
pub(super) struct ToKeep<'a> {
    pub(super) cx: &'a Context,
    pub(super) files: &'a HostFiles<'a>,
    pub(super) registry: Option<&'a HostRegistry<'a>>,
    pub(super) aliases: KeptAliases,
    /// Whether the aliases are going to be changed.
    pub(super) changes_aliases: bool,
    /// Whether there may be no file.
    pub(super) may_be_absent: bool,
}

impl<'a> Kept<'a> {
    /// Copies the file, and looks whether the copy is the file.
    pub(super) async fn make(keep: ToKeep<'a>, path: &HostPath) -> Result<Self> {
        let found = look(keep.files, path).await?;
        let mut kept = Self {
            cx: keep.cx,
            files: keep.files,
            registry: keep.registry,
            path: path.clone(),
            file: None,
            aliases: keep.aliases,
            record: None,
        };
        let Some((before, content)) = found else {
            if keep.may_be_absent {
                return Ok(kept);
            }
            let gone = format!("{path}: it is not there");
            return Err(Error::new(ErrorKind::NotFound, gone));
        };
        let copy = path.sibling(&leaf(keep.cx, &before, "copy"))?;
        copy_whole(keep.files, &before, &copy).await?;
        kept.file = Some(KeptFile {
            before,
            content,
            copy,
        });
        if keep.changes_aliases {
            kept.record_aliases().await?;
        }
        Ok(kept)
    }

    async fn record_aliases(&mut self) -> Result<()> {
        let Some(file) = &self.file else {
            return Ok(());
        };
        let leaf = format!("{}.aliases.json", file.copy.file_name());
        let path = file.copy.sibling(&leaf)?;
        let record = self.aliases.record();
        self.record = Some(path.clone());
        let written = self.files.write_new(&path, &record).await;
        let error = match (look(self.files, &path).await, written) {
            (Ok(Some((_, content))), _) if *content == record => return Ok(()),
            (_, Err(error)) | (Err(error), Ok(())) => error,
            (Ok(_), Ok(())) => Error::new(
                ErrorKind::Corrupt,
                format!("{path} is not what was written"),
            ),
        };
        Err(self.discarding(error.with_effect(Effect::None)).await)
    }

    /// The file as it was.
    pub(super) fn before(&self) -> Option<&SettingsFile> {
        self.file.as_ref().map(|file| &file.before)
    }

    /// The copy of it.
    pub(super) fn copy(&self) -> Option<&HostPath> {
        self.file.as_ref().map(|file| &file.copy)
    }

    /// The file as it is now.
    pub(super) async fn now(&self) -> Result<Option<SettingsFile>> {
        let found = look(self.files, &self.path).await?;
        Ok(found.map(|(file, _)| file))
    }

    /// Whether that is the file as it was.
    pub(super) fn is_before(&self, now: Option<&SettingsFile>) -> bool {
        let hash = |file: Option<&SettingsFile>| file.map(|file| file.sha256.clone());
        hash(now) == hash(self.before())
    }

    pub(super) const fn changes_aliases(&self) -> bool {
        self.record.is_some()
    }

    /// Removes the copies, since all is as it was; what the error is, with that.
    pub(super) async fn discarding(&self, mut error: Error) -> Error {
        for copy in self.copy().into_iter().chain(&self.record) {
            error = tidied(self.files, copy, error).await;
        }
        error
    }

    /// Puts the file back, with its permissions where the transport can, and the aliases. What was done,
    /// in words.
    pub(super) async fn put_back(&self) -> Result<String> {
        let file = self.file_back().await;
        let aliases = match self.registry {
            Some(registry) => self.aliases.put_back(registry).await,
            None => Ok(0),
        };
        let mut back = match file? {
            Permissions::Restored => self.was(),
            Permissions::AsFound => format!(
                "{}, with the permissions that it had been given meanwhile",
                self.was()
            ),
        };
        if aliases? > 0 {
            back.push_str("; the aliases are as they were");
        }
        Ok(back)
    }

    fn was(&self) -> String {
        let path = &self.path;
        match self.before() {
            Some(before) => format!("{path} is as it was (SHA-256 {})", before.sha256),
            None => format!("{path} is not there, as it was"),
        }
    }

    async fn file_back(&self) -> Result<Permissions> {
        let mut attempt = 1;
        let mut permissions = Permissions::Restored;
        loop {
            let failed = match self.now().await {
                Ok(now) if self.is_before(now.as_ref()) => return Ok(permissions),
                Err(error) => error,
                // What is there counts, not what was answered: it is looked at again.
                Ok(now) => match self.back_once(now.is_some()).await {
                    Ok(whose) => {
                        permissions = whose;
                        self.differs()
                    }
                    Err(error) => error,
                },
            };
            if attempt > ATTEMPTS {
                return Err(failed.with_remedy(self.by_hand()));
            }
            attempt += 1;
            let interval = self.cx.deadlines().change_interval;
            self.cx.clock().sleep(interval).await;
        }
    }

    async fn back_once(&self, is_there: bool) -> Result<Permissions> {
        match &self.file {
            Some(file) => {
                let copy = Copy {
                    path: &file.copy,
                    sha256: &file.before.sha256,
                    content: &file.content,
                };
                put(self.files, &copy, &self.path, is_there).await
            }
            None => {
                let removed = self.files.remove(&self.path).await;
                removed.map(|()| Permissions::Restored)
            }
        }
    }

    fn by_hand(&self) -> String {
        let path = &self.path;
        match &self.file {
            Some(file) => format!(
                "copy {} over {path} (SHA-256 {}), then restart the services",
                file.copy, file.before.sha256
            ),
            None => format!("remove {path}, then restart the services"),
        }
    }

    fn differs(&self) -> Error {
        Error::new(
            ErrorKind::Corrupt,
            format!("{} is not what was put back", self.path),
        )
    }
}

/// The name of a copy: when it was made, and of what.
pub(super) fn leaf(cx: &Context, of: &SettingsFile, kind: &str) -> String {
    let now = cx.clock().now();
    format!(
        "{}.{}{:02}{:02}T{:02}{:02}{:02}Z.{}.{kind}",
        of.path.file_name(),
        now.year(),
        u8::from(now.month()),
        now.day(),
        now.hour(),
        now.minute(),
        now.second(),
        &of.sha256[..8],
    )
}

/// Copies a file, and looks whether the copy is the file. Else there is none.
pub(super) async fn copy_whole(
    files: &HostFiles<'_>,
    of: &SettingsFile,
    copy: &HostPath,
) -> Result<()> {
    let copied = files.copy(&of.path, copy).await;
    if let Err(error) = &copied
        && error.effect() == Effect::None
    {
        // A refusal made nothing.
        return copied;
    }
    let error = match (look(files, copy).await, copied) {
        (Ok(Some((file, _))), _) if file.sha256 == of.sha256 => return Ok(()),
        (_, Err(error)) | (Err(error), Ok(())) => error,
        (Ok(_), Ok(())) => Error::new(ErrorKind::Corrupt, format!("{copy} is not what was copied")),
    };
    Err(tidied(files, copy, error.with_effect(Effect::None)).await)
}

/// An error that says something more.
pub(super) fn with_fact(error: &Error, fact: &str, effect: Effect, remedy: Option<&str>) -> Error {
    let told = Error::new(error.kind(), format!("{}; {fact}", error.detail())).with_effect(effect);
    match remedy.or_else(|| error.remedy()) {
        Some(remedy) => told.with_remedy(remedy),
        None => told,
    }
}
