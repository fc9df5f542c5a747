use super::written::WrittenWebConfig;
use crate::error::{Effect, Error, ErrorKind, Result};
use crate::names::HostPath;
use crate::orchestrator::host_files::{Bytes, HostFiles, sha256};

/// A file with what it is to be.
pub(super) struct Prepared {
    pub(super) path: HostPath,
    pub(super) before: Bytes,
    /// `None`: it is so already.
    pub(super) after: Option<Bytes>,
    pub(super) copy: HostPath,
    pub(super) clear_text_secrets: Vec<String>,
    /// The origins or addresses that it named before.
    pub(super) addresses: Vec<String>,
    /// Whether it is another file than was seen, which an interrupted run may have written.
    pub(super) was_changed: bool,
}

impl Prepared {
    /// Keeps the copy, unless it is kept already.
    pub(super) async fn keep(&self, files: &HostFiles<'_>) -> Result<()> {
        if self.after.is_none() {
            return Ok(());
        }
        let copy = &self.copy;
        let told = |error: Error| {
            let detail = format!(
                "{}; a copy may be left, the site was not touched",
                error.detail()
            );
            Error::new(error.kind(), detail).with_effect(error.effect())
        };
        if !files.exists(copy).await? {
            files.copy(&self.path, copy).await.map_err(told)?;
        }
        if require(files, copy).await? != self.before {
            return Err(Error::new(
                ErrorKind::AlreadyExists,
                format!("{copy}: it is there and is not a copy of {}", self.path),
            )
            .with_remedy("look at it and move it away"));
        }
        Ok(())
    }

    /// Refuses a file that is not what was prepared from any more.
    pub(super) async fn check_unchanged(&self, files: &HostFiles<'_>) -> Result<()> {
        if require(files, &self.path).await? == self.before {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::Busy,
            format!("{}: somebody else wrote to it meanwhile", self.path),
        ))
    }

    /// Replaces the file and reads it again.
    pub(super) async fn replace(&self, files: &HostFiles<'_>) -> Result<()> {
        let Some(after) = &self.after else {
            return Ok(());
        };
        let replaced = files.replace(&self.path, after).await;
        let now = require(files, &self.path).await;
        match (replaced, now) {
            (_, Ok(now)) if now == *after => Ok(()),
            (Err(error), _) => Err(error),
            (Ok(()), Ok(_)) => Err(Error::new(
                ErrorKind::Corrupt,
                format!(
                    "{}: after it was replaced it holds something else",
                    self.path
                ),
            )
            .with_effect(Effect::Partial)),
            (Ok(()), Err(error)) => Err(error.with_effect(Effect::Unknown)),
        }
    }

    pub(super) fn written(self) -> WrittenWebConfig {
        let sha256_before = sha256(&self.before);
        WrittenWebConfig {
            sha256: self
                .after
                .as_ref()
                .map_or_else(|| sha256_before.clone(), |after| sha256(after)),
            copy: self.after.is_some().then_some(self.copy),
            path: self.path,
            sha256_before,
            clear_text_secrets: self.clear_text_secrets,
        }
    }
}

/// The file, which must be there.
pub(super) async fn require(files: &HostFiles<'_>, path: &HostPath) -> Result<Bytes> {
    files
        .read(path)
        .await?
        .ok_or_else(|| Error::new(ErrorKind::NotFound, format!("{path}: it is not there")))
}

/// Puts back what was changed, the last one first, and reports both: what failed, and what is there now.
/// `failed` is the file whose replacement failed, if it came to that.
pub(super) async fn undo(
    files: &HostFiles<'_>,
    failure: Error,
    changed: &[Prepared],
    failed: Option<&Prepared>,
) -> Error {
    // A lost answer may be carried out later still.
    let mut effect = match failure.effect() {
        Effect::Unknown if failed.is_some() => Effect::Unknown,
        _ => Effect::None,
    };
    let mut facts = vec![failure.detail().to_owned()];
    let mut remedy = failure.remedy().map(str::to_owned);
    let all = changed.iter().map(|file| (file, false));
    let all = all.chain(failed.map(|file| (file, true)));
    for (file, is_failed) in all.rev().filter(|(file, _)| file.after.is_some()) {
        let path = &file.path;
        match put_back(files, file, is_failed).await {
            Ok(true) => facts.push(format!("{path} was put back as it was")),
            Ok(false) => facts.push(format!("{path} is as it was")),
            Err(problem) => {
                effect = Effect::Partial;
                let copy = &file.copy;
                facts.push(format!(
                    "{path} could not be put back ({problem}); its copy is {copy}"
                ));
                remedy = Some(format!("look at {path}, and copy {copy} over it"));
            }
        }
    }
    let error = Error::new(failure.kind(), facts.join("; ")).with_effect(effect);
    match remedy {
        Some(remedy) => error.with_remedy(remedy),
        None => error,
    }
}

/// Whether the file had to be put back.
async fn put_back(files: &HostFiles<'_>, file: &Prepared, is_failed: bool) -> Result<bool, String> {
    let told = |error: Error| error.detail().to_owned();
    let now = require(files, &file.path).await.map_err(told)?;
    if now == file.before {
        return Ok(false);
    }
    if !is_failed && Some(&now) != file.after.as_ref() {
        return Err("somebody else wrote to it since, which stays".to_owned());
    }
    let put = files.replace(&file.path, &file.before).await;
    let now = require(files, &file.path).await.map_err(told)?;
    if now == file.before {
        return Ok(true);
    }
    Err(put.map_or_else(told, |()| "it holds something else afterwards".to_owned()))
}
