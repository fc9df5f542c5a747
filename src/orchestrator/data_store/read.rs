use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::config::server_of;
use super::discovery::{Installed, SettingsFile, look};
use super::heartbeat::{Heartbeat, Heartbeats};
use crate::context::Context;
use crate::error::{Effect, Error, Result};
use crate::names::{DatabaseName, HostName, HostPath, SqlInstance};
use crate::operation::{Description, Observation, Operation, sealed::Sealed};
use crate::orchestrator::host_files::HostFiles;
use crate::permission::Permission;
use crate::transport::RegistryView;

const NAME: &str = "read data store configuration";
/// Documented: aliases of SQL Server's clients.
const ALIASES: &str = r"SOFTWARE\Microsoft\MSSQLServer\Client\ConnectTo";

/// Reads what can be known of the data store configuration of a host.
///
/// # Contract
/// * `Settings.dat` is found and hashed, not parsed: it does not say which database it names.
/// * Which one it is, is only told where a heartbeat attests it: one that advances between two reads, in
///   `ACTIONSERVERS` of a database that [`asking`](Self::asking) names. Else it is unknown, and why is
///   said.
/// * Aliases of SQL Server's clients are told for the instances that are named, in both registry views:
///   the port to registries can't list what it is not asked for.
///
/// # Errors
/// `Unsupported` without a port to files or service managers, `Unreachable`, `PermissionDenied`. What a
/// named database or the registry does not answer is in the output.
///
/// # Cancel safety
/// Changes nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[must_use]
pub struct ReadDataStoreConfig {
    host: HostName,
    settings_file: Option<HostPath>,
    asking: Vec<(SqlInstance, DatabaseName)>,
}

/// What is known of a host's data store configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct DataStoreInfo {
    /// The host.
    pub host: HostName,
    /// The files that are there. More than one is a contradiction that somebody has to resolve.
    pub settings: Vec<SettingsFile>,
    /// Where they were looked for. The place is unconfirmed.
    pub looked_at: Vec<HostPath>,
    /// The aliases for the instances that were named.
    pub aliases: Vec<ClientAlias>,
    /// The database that the host uses. `None`: unknown.
    pub attested: Option<Heartbeat>,
    /// What could not be seen, and why.
    pub unknown: Vec<String>,
}

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

impl ReadDataStoreConfig {
    pub(super) const fn new(host: HostName) -> Self {
        Self {
            host,
            settings_file: None,
            asking: Vec::new(),
        }
    }

    /// Where its `Settings.dat` is. Default: it is looked for beside the programs of the services.
    pub fn settings_file(mut self, path: HostPath) -> Self {
        self.settings_file = Some(path);
        self
    }

    /// A database that may be the one: its heartbeats are asked for. May be called for several.
    pub fn asking(mut self, instance: &SqlInstance, database: &DatabaseName) -> Self {
        self.asking.push((instance.clone(), database.clone()));
        self
    }

    async fn read(&self, cx: &Context) -> Result<DataStoreInfo> {
        let files = HostFiles::of(cx, &self.host)?;
        cx.safe_point()?;
        let (settings, looked_at) = match &self.settings_file {
            Some(path) => {
                let found = look(&files, path).await?.map(|(file, _)| file);
                (found.into_iter().collect(), vec![path.clone()])
            }
            None => {
                let installed = Installed::on(cx, &self.host).await?;
                installed.settings(&files).await?
            }
        };
        let mut info = DataStoreInfo {
            host: self.host.clone(),
            settings,
            looked_at,
            aliases: Vec::new(),
            attested: None,
            unknown: Vec::new(),
        };
        self.read_aliases(cx, &mut info).await?;
        self.ask(cx, &mut info).await?;
        Ok(info)
    }

    async fn read_aliases(&self, cx: &Context, info: &mut DataStoreInfo) -> Result<()> {
        let mut names: Vec<&str> = Vec::new();
        for (instance, _) in &self.asking {
            for name in [instance.as_str(), server_of(instance.as_str())] {
                if !names.iter().any(|known| known.eq_ignore_ascii_case(name)) {
                    names.push(name);
                }
            }
        }
        if names.is_empty() {
            return Ok(());
        }
        let registry = match cx.registry() {
            Ok(registry) => registry,
            Err(error) => {
                info.unknown.push(format!("aliases: {}", error.detail()));
                return Ok(());
            }
        };
        for view in [RegistryView::Bits32, RegistryView::Bits64] {
            for name in &names {
                cx.safe_point()?;
                let call = registry.get(&self.host, view, ALIASES, name);
                match cx.within(Some(cx.deadlines().host), call).await {
                    Ok(Some(text)) => info.aliases.push(ClientAlias {
                        view,
                        name: (*name).to_owned(),
                        text,
                    }),
                    Ok(None) => {}
                    Err(error) => info
                        .unknown
                        .push(format!("the alias {name} ({view:?}): {error}")),
                }
            }
        }
        Ok(())
    }

    async fn ask(&self, cx: &Context, info: &mut DataStoreInfo) -> Result<()> {
        let mut attesting = Vec::new();
        for (instance, database) in &self.asking {
            cx.safe_point()?;
            let beats = async {
                let mut beats = Heartbeats::open(cx, instance, database, &self.host).await?;
                beats.advancing().await
            };
            match beats.await {
                Ok(heartbeat) => attesting.push(heartbeat),
                Err(error) => {
                    cx.safe_point()?;
                    let place = format!("{database} on {instance}");
                    info.unknown.push(format!("{place}: {}", error.detail()));
                }
            }
        }
        match attesting.len() {
            0 if self.asking.is_empty() => info.unknown.push(
                "instance and database: no database was named whose heartbeats could tell; call .asking(…)".to_owned(),
            ),
            0 => info
                .unknown
                .push("instance and database: no heartbeat advances".to_owned()),
            1 => info.attested = attesting.pop(),
            // Two hosts of one name, or one database under two names.
            more => info.unknown.push(format!(
                "instance and database: heartbeats advance in {more} of those that were named"
            )),
        }
        Ok(())
    }
}

impl Sealed for ReadDataStoreConfig {}

#[async_trait]
impl Operation for ReadDataStoreConfig {
    type Output = DataStoreInfo;

    fn describe(&self) -> Description {
        Description {
            target: self.host.to_string(),
            action: "read what can be known of the data store configuration".to_owned(),
            script: Vec::new(),
            hazards: Vec::new(),
            permissions: vec![Permission::host("membership of Administrators", &self.host)],
        }
    }

    async fn observe(&self, _: &Context) -> Result<Observation> {
        // Looking leaves nothing behind.
        Ok(Observation::NotDone)
    }

    async fn run(&self, cx: &Context) -> Result<Self::Output> {
        let read = async {
            let read = self.read(cx).await;
            read.map_err(|error: Error| error.with_effect(Effect::None))
        };
        crate::sql::tell(cx, NAME, &self.host, read).await
    }
}
