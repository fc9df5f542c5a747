//! Whether a host has the configuration, by the looks of things. The file itself can't be read.

use super::aliases::{KEY, VIEWS};
use super::config::DataStoreConfig;
use super::discovery::{Installed, find, look};
use super::strategy::DataStoreStrategy;
use crate::context::Context;
use crate::error::Result;
use crate::names::{HostName, HostPath};
use crate::operation::Observation;
use crate::orchestrator::computer;
use crate::orchestrator::host_files::HostFiles;
use crate::orchestrator::host_registry::HostRegistry;

const TELLS: &str = "a heartbeat tells which database is used: DataStoreConfig::read";

pub(super) async fn observe(
    cx: &Context,
    host: &HostName,
    config: &DataStoreConfig,
    strategy: &DataStoreStrategy,
    settings_file: Option<&HostPath>,
) -> Result<Observation> {
    let files = HostFiles::of(cx, host)?;
    computer::require(cx, host).await?;
    if let DataStoreStrategy::SqlAlias(alias) = strategy {
        let registry = HostRegistry::of(cx, host)?;
        let mut set = Vec::new();
        for wanted in alias.wanted(config) {
            let now = registry.get(wanted.view, KEY, &wanted.name).await?;
            if now.as_ref() == Some(&wanted.text) {
                set.push(format!("{:?}", wanted.view));
            }
        }
        return Ok(match set.len() {
            0 => Observation::NotDone,
            count if count < VIEWS.len() => Observation::Partial {
                state: format!("the alias is set for {} only", set.join(", ")),
            },
            _ => Observation::Indeterminate {
                seen: format!(
                    "the aliases are set; whether the services were restarted since is not seen, and {TELLS}"
                ),
            },
        });
    }
    let installed = Installed::on(cx, host).await?;
    if matches!(strategy, DataStoreStrategy::SilentSetup(_)) && installed.roles.is_empty() {
        return Ok(Observation::NotDone);
    }
    let path = find(host, settings_file, &installed, &files).await?;
    let found = look(&files, &path).await?;
    let hash = found.map_or_else(|| "none".to_owned(), |(file, _)| file.sha256);
    if let DataStoreStrategy::SettingsSnapshot(snapshot) = strategy
        && snapshot.file.sha256 != hash
    {
        return Ok(Observation::NotDone);
    }
    Ok(Observation::Indeterminate {
        seen: format!("{path} has the SHA-256 {hash} and can't be read; {TELLS}"),
    })
}
