//! What Setup's logs hold of the secrets that it was told.

use std::fmt::Write as _;

use super::discovery::look;
use crate::names::HostPath;
use crate::orchestrator::host_files::HostFiles;
use crate::transport::{CommandArgument, ExposingCommand};

/// What the logs were found to hold.
#[derive(Debug, Default)]
pub(super) struct SetupLogs {
    /// Those that hold a secret in clear text.
    pub(super) exposed_in: Vec<HostPath>,
    /// Those that could not be read, and why.
    pub(super) unread: Vec<String>,
}

impl SetupLogs {
    /// Searches the files of the folders, not of those in them.
    pub(super) async fn search(
        files: &HostFiles<'_>,
        folders: &[HostPath],
        command: &ExposingCommand,
    ) -> Self {
        let mut logs = Self::default();
        for folder in folders {
            let names = match files.list(folder).await {
                Ok(names) => names,
                Err(_) => match files.list(folder).await {
                    Ok(names) => names,
                    Err(error) => {
                        logs.unread.push(error.detail().to_owned());
                        continue;
                    }
                },
            };
            if names.is_empty() {
                logs.unread
                    .push(format!("{folder}: there is nothing in it"));
            }
            for name in names {
                let Ok(path) = folder.child(&name) else {
                    logs.unread.push(format!("{folder}: {name:?} is no name"));
                    continue;
                };
                match look(files, &path).await {
                    Ok(Some((_, content))) if holds(&content, command) => {
                        logs.exposed_in.push(path);
                    }
                    Ok(_) => {}
                    Err(error) => logs.unread.push(error.detail().to_owned()),
                }
            }
        }
        logs
    }

    /// What is to be told beside what happened; `None`: nothing.
    pub(super) fn fact(&self) -> Option<String> {
        if self.exposed_in.is_empty() {
            return None;
        }
        let mut fact =
            "change the secrets that Setup was told: they stand in clear text in".to_owned();
        for path in &self.exposed_in {
            // Writing to a text does not fail.
            let _ = write!(fact, " {path}");
        }
        Some(fact)
    }
}

/// Whether a file holds one of the secrets, as UTF-8 or as UTF-16.
fn holds(content: &[u8], command: &ExposingCommand) -> bool {
    let secrets = command
        .arguments
        .iter()
        .filter_map(|argument| match argument {
            CommandArgument::Plain(_) => None,
            CommandArgument::Exposing { secret, .. } => Some(secret),
        });
    let has = |needle: &[u8]| content.windows(needle.len()).any(|window| window == needle);
    secrets.into_iter().any(|secret| {
        let text = secret.expose();
        let units: zeroize::Zeroizing<Vec<u8>> =
            zeroize::Zeroizing::new(text.encode_utf16().flat_map(u16::to_le_bytes).collect());
        has(text.as_bytes()) || has(&units)
    })
}
