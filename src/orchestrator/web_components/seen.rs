use serde::{Deserialize, Serialize};

use super::application::IisApplication;
use super::read::WebComponentsInfo;
use crate::names::HostPath;

/// A file as it was seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct SeenFile {
    pub(super) path: HostPath,
    pub(super) sha256: String,
    /// Whether it is the console's configuration, and no web.config.
    pub(super) is_console: bool,
    pub(super) pool: Option<SeenPool>,
}

/// The application pool of a file, as it was seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct SeenPool {
    pub(super) name: String,
    /// The applications in it that are not Orchestrator's.
    pub(super) shared_with: Vec<String>,
}

/// What was seen of a host, as far as a write needs it.
pub(super) fn files(info: &WebComponentsInfo) -> Vec<SeenFile> {
    let configs = info.found.iter().map(|found| found.application.as_ref());
    let consoles = info.consoles.iter().map(|found| found.application.as_ref());
    let ours: Vec<String> = configs
        .chain(consoles)
        .flatten()
        .map(IisApplication::identifier)
        .collect();
    let pool = |application: Option<&IisApplication>| {
        let application = application?;
        let neighbours = application.pool_shared_with.iter();
        Some(SeenPool {
            name: application.pool.clone()?,
            shared_with: neighbours
                .filter(|neighbour| !ours.contains(neighbour))
                .cloned()
                .collect(),
        })
    };
    let configs = info.found.iter().map(|found| SeenFile {
        path: found.path.clone(),
        sha256: found.sha256.clone(),
        is_console: false,
        pool: pool(found.application.as_ref()),
    });
    let consoles = info.consoles.iter().map(|found| SeenFile {
        path: found.path.clone(),
        sha256: found.sha256.clone(),
        is_console: true,
        pool: None,
    });
    configs.chain(consoles).collect()
}
