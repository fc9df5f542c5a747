use std::collections::BTreeSet;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::aliases::{ClientAlias, KeptAliases, names_of};
use super::asked::AskedDatabase;
use super::discovery::{Installed, SettingsFile, look};
use super::heartbeat::{Heartbeat, Heartbeats};
use crate::context::Context;
use crate::error::{Effect, Error, Result};
use crate::names::{DatabaseName, HostName, HostPath, SqlInstance};
use crate::operation::{Description, Observation, Operation, sealed::Sealed};
use crate::orchestrator::host_files::HostFiles;
use crate::orchestrator::host_registry::HostRegistry;
use crate::orchestrator::{HostFailure, HostRole, computer};
use crate::permission::Permission;

const NAME: &str = "read data store configuration";

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
/// `Unsupported` without a port to files or service managers, `Unreachable`, `PermissionDenied`;
/// `Incompatible` where the name leads to another computer. What a named database does not answer is in the
/// output, and that the context has no port to registries.
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
    /// The computer that answers at its name. Attested by its registry. `None`: not seen.
    pub computer: Option<String>,
    /// Its installation of Windows (`MachineGuid`).
    pub machine_guid: Option<String>,
    /// What Orchestrator has there. Attested by its service manager.
    pub roles: BTreeSet<HostRole>,
    /// The files that are there. More than one is a contradiction that somebody has to resolve.
    pub settings: Vec<SettingsFile>,
    /// Where they were looked for. The place is unconfirmed.
    pub looked_at: Vec<HostPath>,
    /// The aliases for the instances that were named.
    pub aliases: Vec<ClientAlias>,
    /// What came of asking each database that was named.
    pub asked: Vec<AskedDatabase>,
    /// The database that the host uses. `None`: unknown.
    pub attested: Option<Heartbeat>,
    /// What could not be seen, and why.
    pub unknown: Vec<String>,
}

impl DataStoreInfo {
    /// What came of asking that database.
    #[must_use]
    pub fn asked(&self, instance: &SqlInstance, database: &DatabaseName) -> Option<&AskedDatabase> {
        let mut all = self.asked.iter();
        all.find(|asked| asked.is_about(&self.host, instance, database))
    }
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
        let computer = computer::require(cx, &self.host).await?;
        let installed = Installed::on(cx, &self.host).await?;
        let (settings, looked_at) = match &self.settings_file {
            Some(path) => {
                let found = look(&files, path).await?.map(|(file, _)| file);
                (found.into_iter().collect(), vec![path.clone()])
            }
            None => installed.settings(&files).await?,
        };
        let mut info = DataStoreInfo {
            host: self.host.clone(),
            computer,
            machine_guid: None,
            roles: installed.roles,
            settings,
            looked_at,
            aliases: Vec::new(),
            asked: Vec::new(),
            attested: None,
            unknown: Vec::new(),
        };
        self.read_registry(cx, &mut info).await?;
        self.ask(cx, &mut info).await?;
        Ok(info)
    }

    async fn read_registry(&self, cx: &Context, info: &mut DataStoreInfo) -> Result<()> {
        let registry = match HostRegistry::of(cx, &self.host) {
            Ok(registry) => registry,
            Err(error) => {
                let unknown = format!("aliases, computer and installation: {}", error.detail());
                info.unknown.push(unknown);
                return Ok(());
            }
        };
        info.machine_guid = computer::machine_guid(cx, &self.host).await?;
        cx.safe_point()?;
        let names = names_of(self.asking.iter().map(|(instance, _)| instance));
        info.aliases = KeptAliases::of(&registry, &names).await?.present();
        Ok(())
    }

    async fn ask(&self, cx: &Context, info: &mut DataStoreInfo) -> Result<()> {
        for (instance, database) in &self.asking {
            cx.safe_point()?;
            let beats = async {
                let mut beats = Heartbeats::of(cx, instance, database, &self.host);
                beats.require().await?;
                beats.advancing().await
            };
            let (heartbeat, failure) = match beats.await {
                Ok(heartbeat) => (Some(heartbeat), None),
                Err(error) => {
                    cx.safe_point()?;
                    let place = format!("{database} on {instance}");
                    info.unknown.push(format!("{place}: {}", error.detail()));
                    (None, Some(HostFailure::from(&error)))
                }
            };
            info.asked.push(AskedDatabase {
                host: self.host.clone(),
                instance: instance.clone(),
                database: database.clone(),
                heartbeat,
                failure,
            });
        }
        let attesting: Vec<&Heartbeat> = info
            .asked
            .iter()
            .filter_map(|asked| asked.heartbeat.as_ref())
            .collect();
        match attesting[..] {
            [] if self.asking.is_empty() => info.unknown.push(
                "instance and database: no database was named whose heartbeats could tell; call .asking(…)".to_owned(),
            ),
            [] => info
                .unknown
                .push("instance and database: no heartbeat advances".to_owned()),
            [heartbeat] => info.attested = Some(heartbeat.clone()),
            // Two hosts of one name, or one database under two names.
            _ => info.unknown.push(format!(
                "instance and database: heartbeats advance in {} of those that were named",
                attesting.len()
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
