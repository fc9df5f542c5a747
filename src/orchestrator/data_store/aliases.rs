//! The aliases of SQL Server's clients on a host, as they were and as they are to be.

use serde::{Deserialize, Serialize};

use super::config::server_of;
use crate::error::{Effect, Error, ErrorKind, Result};
use crate::names::SqlInstance;
use crate::orchestrator::host_registry::HostRegistry;
use crate::transport::RegistryView;

/// Documented: aliases of SQL Server's clients.
pub(super) const KEY: &str = r"SOFTWARE\Microsoft\MSSQLServer\Client\ConnectTo";
/// Programs of 32 bits read the one, programs of 64 the other.
pub(super) const VIEWS: [RegistryView; 2] = [RegistryView::Bits32, RegistryView::Bits64];
const ATTEMPTS: u32 = 4;

/// An alias of SQL Server's clients on a host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ClientAlias {
    /// For programs of which kind.
    pub view: RegistryView,
    /// The name it is for.
    pub name: String,
    /// What it says: `DBMSSOCN,SQL02,1433`.
    pub text: String,
}

/// The aliases for some names, as they were; `text` of those that are not there is `None`.
#[derive(Debug, Default)]
pub(super) struct KeptAliases(Vec<KeptAlias>);

#[derive(Debug, Serialize)]
struct KeptAlias {
    view: RegistryView,
    name: String,
    text: Option<String>,
}

/// The names that an alias for an instance may have, each once.
pub(super) fn names_of<'a>(instances: impl Iterator<Item = &'a SqlInstance>) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for instance in instances {
        for name in [instance.as_str(), server_of(instance.as_str())] {
            if !names.iter().any(|known| known.eq_ignore_ascii_case(name)) {
                names.push(name.to_owned());
            }
        }
    }
    names
}

impl KeptAliases {
    pub(super) async fn of(registry: &HostRegistry<'_>, names: &[String]) -> Result<Self> {
        let mut aliases = Vec::new();
        for view in VIEWS {
            for name in names {
                aliases.push(KeptAlias {
                    view,
                    name: name.clone(),
                    text: registry.get(view, KEY, name).await?,
                });
            }
        }
        Ok(Self(aliases))
    }

    /// Those that are there.
    pub(super) fn present(&self) -> Vec<ClientAlias> {
        let there = self.0.iter().filter_map(|kept| {
            Some(ClientAlias {
                view: kept.view,
                name: kept.name.clone(),
                text: kept.text.clone()?,
            })
        });
        there.collect()
    }

    /// All of them as a file that somebody may read: with those that are not there, as `null`.
    pub(super) fn record(&self) -> Vec<u8> {
        // Texts and enums only: it can't fail.
        serde_json::to_vec_pretty(&self.0).unwrap_or_default()
    }

    /// Puts them back as they were, and looks. How many had to be.
    pub(super) async fn put_back(&self, registry: &HostRegistry<'_>) -> Result<usize> {
        let mut changed = 0;
        for kept in &self.0 {
            changed += usize::from(kept.put_back(registry).await?);
        }
        Ok(changed)
    }
}

impl KeptAlias {
    async fn put_back(&self, registry: &HostRegistry<'_>) -> Result<bool> {
        let mut last = None;
        for attempt in 0..=ATTEMPTS {
            // What is there counts, not what was answered.
            match registry.get(self.view, KEY, &self.name).await {
                Ok(now) if now == self.text => return Ok(attempt > 0),
                Ok(_) => {}
                Err(error) => {
                    last = Some(error);
                    continue;
                }
            }
            if attempt == ATTEMPTS {
                break;
            }
            let done = match &self.text {
                Some(text) => registry.set(self.view, KEY, &self.name, text).await,
                None => registry.remove(self.view, KEY, &self.name).await,
            };
            last = done.err().or(last);
        }
        let is = self.text.as_deref().unwrap_or("not there");
        let error = last.unwrap_or_else(|| self.differs());
        let remedy = format!(
            r"the alias {} ({:?}) under HKLM\{KEY} was {is}: make it so again",
            self.name, self.view
        );
        Err(error.with_remedy(remedy))
    }

    fn differs(&self) -> Error {
        Error::new(
            ErrorKind::Corrupt,
            format!("the alias {} is not what was put back", self.name),
        )
    }
}

/// Sets an alias, and looks at it.
pub(super) async fn set(registry: &HostRegistry<'_>, alias: &ClientAlias) -> Result<()> {
    let ClientAlias { view, name, text } = alias;
    let set = registry.set(*view, KEY, name, text).await;
    match (registry.get(*view, KEY, name).await, set) {
        (Ok(Some(now)), _) if now == *text => Ok(()),
        (_, Err(error)) | (Err(error), Ok(())) => Err(error.with_effect(Effect::Unknown)),
        (Ok(_), Ok(())) => Err(Error::new(
            ErrorKind::Corrupt,
            format!("the alias {name} ({view:?}) is not what was set"),
        )
        .with_effect(Effect::Unknown)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instance_is_asked_for_by_its_whole_name_and_by_its_server() {
        let instances: Vec<SqlInstance> = [r"SQL01\ORCH", "sql01", "SQL02,1433"]
            .map(|text| text.parse().unwrap())
            .to_vec();
        assert_eq!(
            names_of(instances.iter()),
            [r"SQL01\ORCH", "SQL01", "SQL02,1433", "SQL02"]
        );
    }
}
