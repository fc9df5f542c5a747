use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::discovery::{Installed, find, look};
use super::heartbeat::Heartbeats;
use super::kept::{copy_whole, leaf};
use super::settings_snapshot::SettingsSnapshot;
use crate::context::Context;
use crate::error::{Effect, Error, ErrorKind, Result};
use crate::names::{DatabaseName, HostName, HostPath, SqlInstance};
use crate::operation::{Description, Observation, Operation, sealed::Sealed};
use crate::orchestrator::computer;
use crate::orchestrator::host_files::HostFiles;
use crate::permission::Permission;

const NAME: &str = "back up data store configuration";

/// Copies the `Settings.dat` of a host on that host, to be put back there.
///
/// # Contract
/// * What it names can't be read from it. Where a Runbook Server runs, its heartbeat must advance in the
///   database that it is said to name; else whoever asks for the copy says so, and the output that nobody attested it.
/// * The copy has owner and permissions of the file, and is looked at. It stands beside the file unless
///   told otherwise; for a file backup it is to be taken off the host with its permissions.
/// * Computer and installation of Windows are noted: on another one it is not put back.
///
/// # Errors
/// `Unsupported` without a port to files, service managers or registries; `NotFound`, `PermissionDenied`,
/// `AlreadyExists`, `NoSpace`; `TimedOut` where the heartbeat stands still. Nothing was made, or it was
/// removed again.
///
/// # Cancel safety
/// Dropping the future may leave the copy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[must_use]
pub struct BackUpDataStoreConfig {
    host: HostName,
    instance: SqlInstance,
    database: DatabaseName,
    settings_file: Option<HostPath>,
    file: Option<HostPath>,
}

impl BackUpDataStoreConfig {
    pub(super) const fn new(host: HostName, instance: SqlInstance, database: DatabaseName) -> Self {
        Self {
            host,
            instance,
            database,
            settings_file: None,
            file: None,
        }
    }

    /// Where its `Settings.dat` is. Default: it is looked for beside the programs of the services.
    pub fn settings_file(mut self, path: HostPath) -> Self {
        self.settings_file = Some(path);
        self
    }

    /// Where the copy is to be. Default: beside the file, with the time and its hash in its name.
    pub fn to_file(mut self, path: HostPath) -> Self {
        self.file = Some(path);
        self
    }

    async fn back_up(&self, cx: &Context) -> Result<SettingsSnapshot> {
        let files = HostFiles::of(cx, &self.host)?;
        cx.registry()?;
        cx.safe_point()?;
        let unseen = |what: &str| {
            Error::new(
                ErrorKind::NotFound,
                format!("the registry of {} does not tell its {what}", self.host),
            )
        };
        let computer = computer::require(cx, &self.host).await?;
        let computer = computer.ok_or_else(|| unseen("name"))?;
        let guid = computer::machine_guid(cx, &self.host).await?;
        let machine_guid = guid.ok_or_else(|| unseen("MachineGuid"))?;
        let installed = Installed::on(cx, &self.host).await?;
        let path = find(&self.host, self.settings_file.as_ref(), &installed, &files).await?;
        let mut attested = None;
        if installed.runs_runbooks {
            let mut beats = Heartbeats::of(cx, &self.instance, &self.database, &self.host);
            beats.require().await?;
            attested = Some(beats.advancing().await?);
        }
        let gone = || Error::new(ErrorKind::NotFound, format!("{path}: it is not there"));
        let (file, _) = look(&files, &path).await?.ok_or_else(gone)?;
        cx.safe_point()?;
        let copy = match &self.file {
            Some(path) => path.clone(),
            None => path.sibling(&leaf(cx, &file, "backup"))?,
        };
        copy_whole(&files, &file, &copy).await?;
        Ok(SettingsSnapshot {
            host: self.host.clone(),
            computer,
            machine_guid,
            instance: self.instance.clone(),
            database: self.database.clone(),
            file,
            copy,
            attested,
        })
    }
}

impl Sealed for BackUpDataStoreConfig {}

#[async_trait]
impl Operation for BackUpDataStoreConfig {
    type Output = SettingsSnapshot;

    fn describe(&self) -> Description {
        Description {
            target: self.host.to_string(),
            action: format!(
                "copy Settings.dat, which names {} on {}",
                self.database, self.instance
            ),
            script: Vec::new(),
            hazards: Vec::new(),
            permissions: vec![Permission::host("membership of Administrators", &self.host)],
        }
    }

    async fn observe(&self, cx: &Context) -> Result<Observation> {
        let Some(copy) = &self.file else {
            return Ok(Observation::Indeterminate {
                seen: "the copy has the time in its name; look for what stands beside Settings.dat"
                    .to_owned(),
            });
        };
        let look = async {
            let files = HostFiles::of(cx, &self.host)?;
            Ok(match look(&files, copy).await? {
                Some((file, _)) => Observation::Indeterminate {
                    seen: format!(
                        "{copy} has the SHA-256 {}; whether it is whole, the file tells",
                        file.sha256
                    ),
                },
                None => Observation::NotDone,
            })
        };
        look.await
            .map_err(|error: Error| error.with_effect(Effect::None).at(NAME, &self.host))
    }

    async fn run(&self, cx: &Context) -> Result<Self::Output> {
        let backed = async {
            let backed = self.back_up(cx).await;
            backed.map_err(|error: Error| error.with_effect(Effect::None))
        };
        crate::sql::tell(cx, NAME, &self.host, backed).await
    }
}
