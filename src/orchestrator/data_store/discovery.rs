//! Where a host's configuration is, and which roles it has.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::context::Context;
use crate::error::{Effect, Error, ErrorKind, Result};
use crate::names::{HostName, HostPath};
use crate::orchestrator::host_files::{Bytes, HostFiles, sha256};
use crate::orchestrator::services::HostCalls;
use crate::orchestrator::{Deployment, HostRole};
use crate::transport::ServiceState;

const FILE: &str = "Settings.dat";
/// Called so on Runbook Servers too (documented).
const FOLDER: &str = "Management Server";

/// Where Setup puts Orchestrator unless told otherwise (documented, and not the same on all pages). Only
/// looked at where the services don't tell.
const DEFAULTS: [&str; 6] = [
    r"C:\Program Files (x86)\Microsoft System Center 2012\Orchestrator",
    r"C:\Program Files (x86)\Microsoft System Center 2016\Orchestrator",
    r"C:\Program Files (x86)\Microsoft System Center\Orchestrator",
    r"C:\Program Files\Microsoft System Center\Orchestrator",
    r"C:\Program Files\Microsoft System Center\2022\Orchestrator",
    r"C:\Program Files\Microsoft System Center\2025\Orchestrator",
];

/// A `Settings.dat`, as it was seen. It is encrypted in an undocumented form and not parsed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct SettingsFile {
    /// Where it is.
    pub path: HostPath,
    /// Bytes.
    pub size: u64,
    /// When it was last written, UTC.
    pub modified: OffsetDateTime,
    /// The SHA-256 of its content.
    pub sha256: String,
}

/// What Orchestrator has on the host.
#[derive(Debug)]
pub(super) struct Installed {
    pub(super) roles: BTreeSet<HostRole>,
    programs: Vec<HostPath>,
    /// Whether `orunbook` runs: then it writes heartbeats.
    pub(super) runs_runbooks: bool,
}

impl Installed {
    /// Asks the service manager.
    pub(super) async fn on(cx: &Context, host: &HostName) -> Result<Self> {
        let calls = HostCalls { cx, host };
        let mut installed = Self {
            roles: BTreeSet::new(),
            programs: Vec::new(),
            runs_runbooks: false,
        };
        for (service, role) in [
            ("omanagement", HostRole::ManagementServer),
            ("orunbook", HostRole::RunbookServer),
        ] {
            match calls.look(&service.parse()?).await {
                Ok(status) => {
                    installed.roles.insert(role);
                    installed.runs_runbooks |=
                        role == HostRole::RunbookServer && status.state == ServiceState::Running;
                    installed.programs.push(status.program);
                }
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        Ok(installed)
    }

    pub(super) fn deployment(&self, host: &HostName) -> Deployment {
        self.roles
            .iter()
            .fold(Deployment::new(), |all, role| match role {
                HostRole::ManagementServer => all.management_server(host),
                HostRole::RunbookServer => all.runbook_server(host),
            })
    }

    /// The files that are there, and all places that were looked at.
    pub(super) async fn settings(
        &self,
        files: &HostFiles<'_>,
    ) -> Result<(Vec<SettingsFile>, Vec<HostPath>)> {
        let mut found: Vec<SettingsFile> = Vec::new();
        let mut looked = Vec::new();
        for program in &self.programs {
            for path in beside(program) {
                if looked.iter().any(|known| is_same(known, &path)) {
                    continue;
                }
                looked.push(path.clone());
                if let Some((file, _)) = look(files, &path).await? {
                    found.push(file);
                    break;
                }
            }
        }
        if found.is_empty() {
            for folder in DEFAULTS {
                let path: HostPath = format!(r"{folder}\{FOLDER}\{FILE}").parse()?;
                if looked.iter().any(|known| is_same(known, &path)) {
                    continue;
                }
                looked.push(path.clone());
                if let Some((file, _)) = look(files, &path).await? {
                    found.push(file);
                }
            }
        }
        Ok((found, looked))
    }
}

/// Looks at a file; `None`: none is there. Looking changes nothing, so a lost answer is asked for again.
pub(super) async fn look(
    files: &HostFiles<'_>,
    path: &HostPath,
) -> Result<Option<(SettingsFile, Bytes)>> {
    let mut attempt = 1;
    loop {
        match look_once(files, path).await {
            Err(error)
                if attempt < 3
                    && matches!(error.kind(), ErrorKind::TimedOut | ErrorKind::Unreachable) =>
            {
                attempt += 1;
            }
            seen => return seen.map_err(|error| error.with_effect(Effect::None)),
        }
    }
}

async fn look_once(
    files: &HostFiles<'_>,
    path: &HostPath,
) -> Result<Option<(SettingsFile, Bytes)>> {
    let Some(status) = files.stat(path).await? else {
        return Ok(None);
    };
    let Some(content) = files.read(path).await? else {
        return Ok(None);
    };
    let file = SettingsFile {
        path: path.clone(),
        size: content.len() as u64,
        modified: status.modified,
        sha256: sha256(&content),
    };
    Ok(Some((file, content)))
}

/// The file of a host with Orchestrator: where it is said to be, or the only one that is found.
pub(super) async fn find(
    host: &HostName,
    said: Option<&HostPath>,
    installed: &Installed,
    files: &HostFiles<'_>,
) -> Result<HostPath> {
    if installed.roles.is_empty() {
        return Err(Error::new(
            ErrorKind::NotFound,
            format!(
                "{host} has neither omanagement nor orunbook: no server of Orchestrator is there"
            ),
        ));
    }
    if let Some(path) = said {
        return Ok(path.clone());
    }
    let (found, looked) = installed.settings(files).await?;
    Ok(only(found, &looked)?.path)
}

/// The only one, else the remedy.
pub(super) fn only(found: Vec<SettingsFile>, looked: &[HostPath]) -> Result<SettingsFile> {
    let remedy = "say which with .settings_file(…)";
    let count = found.len();
    let places = |paths: Vec<&str>| paths.join(", ");
    let paths = places(found.iter().map(|file| file.path.as_str()).collect());
    let mut found = found.into_iter();
    match (found.next(), found.next()) {
        (Some(file), None) => Ok(file),
        (None, _) => Err(Error::new(
            ErrorKind::NotFound,
            format!(
                "there is no {FILE}; looked at {}",
                places(looked.iter().map(HostPath::as_str).collect())
            ),
        )
        .with_remedy(remedy)),
        (Some(_), Some(_)) => Err(Error::invalid(
            "settings_file",
            format!("there are {count} of them: {paths}"),
        )
        .with_remedy(remedy)),
    }
}

/// Where the file may be for a service of that program, the nearest first.
fn beside(program: &HostPath) -> Vec<HostPath> {
    let mut places = Vec::new();
    let mut folder = program.as_str();
    for _ in 0..3 {
        let Some((above, _)) = folder.rsplit_once('\\') else {
            break;
        };
        folder = above;
        let name = folder.rsplit('\\').next().unwrap_or_default();
        let path = if name.eq_ignore_ascii_case(FOLDER) {
            format!(r"{folder}\{FILE}")
        } else {
            format!(r"{folder}\{FOLDER}\{FILE}")
        };
        places.extend(path.parse());
    }
    places
}

fn is_same(one: &HostPath, other: &HostPath) -> bool {
    one.as_str().to_lowercase() == other.as_str().to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_follows_from_the_program() {
        let root = r"D:\Orchestrator";
        for program in [
            r"Management Server\ManagementService.exe",
            r"Runbook Server\RunbookService.exe",
            r"management server\Deployment Manager\OrchestratorRemotingService.exe",
        ] {
            let program = format!(r"{root}\{program}").parse().unwrap();
            let places = beside(&program);
            let wanted = format!(r"{root}\{FOLDER}\{FILE}").parse().unwrap();
            assert!(
                places.iter().any(|place| is_same(place, &wanted)),
                "{places:?}"
            );
        }
        assert_eq!(beside(&r"C:\a.exe".parse().unwrap()).len(), 1);
    }
}
