use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::application::IisApplication;
use super::locate::Sites;
use super::read::WebComponentsInfo;
use crate::error::{Error, ErrorKind, Result};
use crate::names::{HostName, HostPath};

/// What was seen of a host, as far as a write needs it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Seen {
    host: HostName,
    computer: Option<String>,
    pub(super) files: Vec<SeenFile>,
}

/// A file as it was seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct SeenFile {
    pub(super) path: HostPath,
    pub(super) sha256: String,
    /// Whether it is the console's configuration, and no web.config.
    pub(super) is_console: bool,
    /// The application pools of those that serve it, each once. None for a console, which is files only.
    pub(super) pools: Vec<SeenPool>,
}

/// An application pool, as it was seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct SeenPool {
    /// `None`: IIS did not say which one it is.
    pub(super) name: Option<String>,
    /// The applications in it that are not Orchestrator's.
    pub(super) shared_with: Vec<String>,
}

impl Seen {
    pub(super) fn of(info: &WebComponentsInfo) -> Self {
        let configs = info.found.iter().map(|found| &found.applications);
        let consoles = info.consoles.iter().map(|found| &found.applications);
        let ours: BTreeSet<String> = configs
            .chain(consoles)
            .flatten()
            .map(IisApplication::identifier)
            .collect();
        let configs = info.found.iter().map(|found| SeenFile {
            path: found.path.clone(),
            sha256: found.sha256.clone(),
            is_console: false,
            pools: pools(&found.applications, &ours),
        });
        let consoles = info.consoles.iter().map(|found| SeenFile {
            path: found.path.clone(),
            sha256: found.sha256.clone(),
            is_console: true,
            pools: Vec::new(),
        });
        Self {
            host: info.host.clone(),
            computer: info.computer.clone(),
            files: configs.chain(consoles).collect(),
        }
    }

    /// Refuses what was seen on another host.
    pub(super) fn require_host(&self, host: &HostName) -> Result<()> {
        if self.host.as_str().eq_ignore_ascii_case(host.as_str()) {
            return Ok(());
        }
        let problem = format!("it was seen on {}, not on this host", self.host);
        Err(Error::invalid("seen", problem))
    }

    /// Refuses what was seen on another computer: an address may lead to another one than then.
    pub(super) fn require_computer(&self, now: Option<&str>) -> Result<()> {
        match (self.computer.as_deref(), now) {
            (Some(then), Some(now)) if !then.eq_ignore_ascii_case(now) => Err(Error::new(
                ErrorKind::Incompatible,
                format!(
                    "{} led to the computer {then} when it was looked at, and leads to {now}",
                    self.host
                ),
            )
            .with_remedy("see what the address leads to, and read the web components again")),
            _ => Ok(()),
        }
    }

    /// Files with the pools that they have now.
    pub(super) fn now(&self, files: Vec<SeenFile>, sites: &Sites) -> Vec<SeenFile> {
        let ours = self.files.iter().flat_map(|file| sites.of(&file.path));
        let ours = ours.flat_map(|candidate| &candidate.applications);
        let ours = ours.map(IisApplication::identifier).collect();
        let now = files.into_iter().map(|file| {
            let serving = sites.of(&file.path);
            let applications = serving.flat_map(|candidate| &candidate.applications);
            SeenFile {
                pools: pools(applications, &ours),
                ..file
            }
        });
        now.collect()
    }
}

/// The pools of applications, each once, whichever case its name has.
fn pools<'a>(
    applications: impl IntoIterator<Item = &'a IisApplication>,
    ours: &BTreeSet<String>,
) -> Vec<SeenPool> {
    let mut pools: Vec<SeenPool> = Vec::new();
    for application in applications {
        let pool = application.pool.as_deref();
        // It knows all that are in its pool: who comes second has none to add.
        if pools
            .iter()
            .any(|known| is_one(known.name.as_deref(), pool))
        {
            continue;
        }
        let neighbours = application.pool_shared_with.iter();
        let others = neighbours.filter(|neighbour| !ours.contains(*neighbour));
        pools.push(SeenPool {
            name: application.pool.clone(),
            shared_with: others.cloned().collect(),
        });
    }
    if pools.is_empty() {
        pools.push(SeenPool {
            name: None,
            shared_with: Vec::new(),
        });
    }
    pools
}

/// Whether two names of pools mean one, as far as is known (see [`super::application`]).
pub(super) fn is_one(one: Option<&str>, other: Option<&str>) -> bool {
    one.map(str::to_lowercase) == other.map(str::to_lowercase)
}
