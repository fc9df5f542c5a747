use super::console::ConsoleConfig;
use super::prepared::{Prepared, require};
use super::private_copy::PrivateCopy;
use super::seen::SeenFile;
use super::web_config::{WebConfig, WebTarget};
use crate::error::{Error, ErrorKind, Result};
use crate::names::HostPath;
use crate::orchestrator::host_files::{Bytes, HostFiles, sha256};

/// How files are made what they are to be.
pub(super) struct Preparation<'a> {
    pub(super) files: &'a HostFiles<'a>,
    /// For the copies of what was, and the private copy.
    pub(super) folder: &'a HostPath,
    pub(super) aspnet_regiis: &'a HostPath,
    pub(super) target: &'a WebTarget,
}

/// What a file is to be, and what it says.
struct Made {
    after: Option<Vec<u8>>,
    addresses: Vec<String>,
    clear_text_secrets: Vec<String>,
}

impl Preparation<'_> {
    /// Reads a file and makes what it is to be. Nothing of the site changes.
    pub(super) async fn file(&self, seen: &SeenFile) -> Result<Prepared> {
        let path = &seen.path;
        let before = require(self.files, path).await?;
        let made = if seen.is_console {
            self.console(&before)
        } else {
            self.web_config(&before).await
        };
        self.prepared(seen, before, made)
            .await
            .map_err(|error| named(path, error))
    }

    async fn prepared(
        &self,
        seen: &SeenFile,
        before: Bytes,
        made: Result<Made>,
    ) -> Result<Prepared> {
        let path = &seen.path;
        let Made {
            after,
            addresses,
            mut clear_text_secrets,
        } = made?;
        let found = sha256(&before);
        let was_changed = found != seen.sha256;
        // What names the database already may have been written by an interrupted run of this.
        if after.is_some() && was_changed {
            return Err(Error::new(
                ErrorKind::ConsentRequired,
                "it is not the file that was seen",
            )
            .with_remedy(
                "read the web components again, look at what changed, and give what was seen then",
            ));
        }
        if after.is_some() {
            let status = self.files.stat(path).await?;
            if status.is_some_and(|status| status.is_read_only) {
                return Err(Error::new(ErrorKind::PermissionDenied, "it is read-only")
                    .with_remedy(
                        "find out who made it so, and take the attribute away (attrib -r)",
                    ));
            }
        }
        clear_text_secrets.sort();
        clear_text_secrets.dedup();
        Ok(Prepared {
            path: path.clone(),
            copy: self.folder.child(&copy_name(path, &found))?,
            before,
            after: after.map(Bytes::new),
            clear_text_secrets,
            addresses,
            was_changed,
        })
    }

    async fn web_config(&self, before: &[u8]) -> Result<Made> {
        let config = WebConfig::read(before)?;
        let is_encrypted = !config.protected.is_empty();
        let mut after = config.pointed_at(self.target)?;
        if is_encrypted {
            config.only_protected()?;
            let copy = PrivateCopy {
                files: self.files,
                folder: self.folder,
                aspnet_regiis: self.aspnet_regiis,
            };
            let edited = after.as_deref().unwrap_or(before);
            if let Some(edited) = copy.pointed_at(edited, self.target).await? {
                after = Some(edited);
            }
        } else if config.stores().is_empty() {
            return Err(Error::new(
                ErrorKind::NotFound,
                "it names no Orchestrator database",
            ));
        }
        if let Some(after) = &after {
            let now = WebConfig::read(after)?;
            if !is_encrypted && (!now.names(self.target) || now.pointed_at(self.target)?.is_some())
            {
                return Err(did_not_take());
            }
        }
        Ok(Made {
            after,
            addresses: config.origins().map(str::to_owned).collect(),
            clear_text_secrets: config
                .stores()
                .into_iter()
                .flat_map(|store| store.clear_text_secrets)
                .collect(),
        })
    }

    fn console(&self, before: &[u8]) -> Result<Made> {
        let config = ConsoleConfig::read(before)?;
        let after = config.renamed(&self.target.renamings)?;
        if let Some(after) = &after
            && ConsoleConfig::read(after)?
                .renamed(&self.target.renamings)?
                .is_some()
        {
            return Err(did_not_take());
        }
        Ok(Made {
            after,
            addresses: config.addresses().map(str::to_owned).collect(),
            clear_text_secrets: Vec::new(),
        })
    }
}

fn did_not_take() -> Error {
    Error::new(ErrorKind::Internal, "the edit did not take")
}

fn named(path: &HostPath, error: Error) -> Error {
    let place = format!("{path}: ");
    if error.detail().starts_with(&place) {
        return error;
    }
    let renamed =
        Error::new(error.kind(), format!("{place}{}", error.detail())).with_effect(error.effect());
    match error.remedy() {
        Some(remedy) => renamed.with_remedy(remedy),
        None => renamed,
    }
}

/// The copy of one file as it was has one name, so that a resumed run finds it.
fn copy_name(path: &HostPath, sha256_before: &str) -> String {
    let place = sha256(path.as_str().to_lowercase().as_bytes());
    let name = path.file_name();
    format!("{name}.{}.{}.copy", &place[..8], &sha256_before[..16])
}
