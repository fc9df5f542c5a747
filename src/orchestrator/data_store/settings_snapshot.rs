use serde::{Deserialize, Serialize};

use super::config::{DataStoreConfig, DataStoreEncryption};
use super::discovery::{SettingsFile, look};
use super::heartbeat::Heartbeat;
use crate::context::Context;
use crate::error::{Error, ErrorKind, Result};
use crate::names::{DatabaseName, HostName, HostPath, SqlInstance};
use crate::orchestrator::computer;
use crate::orchestrator::host_files::{Bytes, HostFiles};

/// A copy of a host's own `Settings.dat`, made by
/// [`DataStoreConfig::backup`](super::DataStoreConfig::backup), with all by which it is known again.
///
/// Whether services take one that was put back is unconfirmed, even on the same installation of Windows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct SettingsSnapshot {
    /// The host.
    pub host: HostName,
    /// The computer, as it calls itself.
    pub computer: String,
    /// The installation of Windows there (`MachineGuid`).
    pub machine_guid: String,
    /// The instance that it names.
    pub instance: SqlInstance,
    /// The database that it names.
    pub database: DatabaseName,
    /// The file, as it was.
    pub file: SettingsFile,
    /// The copy on the host, with owner and permissions.
    pub copy: HostPath,
    /// The heartbeat that said that it names them. `None`: no Runbook Server ran, and whoever asked for
    /// the copy says so.
    pub attested: Option<Heartbeat>,
}

impl SettingsSnapshot {
    /// Refuses another host and other names, which needs no looking.
    pub(super) fn check(&self, host: &HostName, config: &DataStoreConfig) -> Result<()> {
        let same = |one: &str, other: &str| one.eq_ignore_ascii_case(other);
        if !same(self.host.as_str(), host.as_str()) {
            return Err(Error::invalid(
                "strategy",
                format!("the copy is of {}, and goes to no other host", self.host),
            ));
        }
        let is_named = same(self.instance.as_str(), config.instance().as_str());
        if !is_named || self.database != *config.database() {
            return Err(Error::invalid(
                "strategy",
                format!(
                    "the copy names {} on {}, and is put back for no other data store",
                    self.database, self.instance
                ),
            ));
        }
        if config.protection() != DataStoreEncryption::AsInstalled {
            return Err(Error::invalid(
                "encryption",
                "a copy protects the connection as it did",
            ));
        }
        Ok(())
    }

    /// Refuses another installation of Windows, another computer and another copy. Gives its content.
    pub(super) async fn require(
        &self,
        cx: &Context,
        files: &HostFiles<'_>,
        computer: Option<&str>,
    ) -> Result<Bytes> {
        let refused = |problem: String| Err(Error::new(ErrorKind::Incompatible, problem));
        match computer {
            Some(found) if found.eq_ignore_ascii_case(&self.computer) => {}
            Some(found) => {
                return refused(format!(
                    "it is {found} now, the copy is of {}",
                    self.computer
                ));
            }
            None => return refused("it can't be seen which computer it is".to_owned()),
        }
        let guid = computer::machine_guid(cx, &self.host).await?;
        let is_same = |guid: &String| guid.eq_ignore_ascii_case(&self.machine_guid);
        if !guid.as_ref().is_some_and(is_same) {
            let now = guid.unwrap_or_else(|| "unknown".to_owned());
            return refused(format!(
                "Windows was installed anew since the copy was made: its MachineGuid is {now}, it was {}",
                self.machine_guid
            ));
        }
        match look(files, &self.copy).await? {
            Some((file, content)) if file.sha256 == self.file.sha256 => Ok(content),
            Some((file, _)) => Err(Error::new(
                ErrorKind::Corrupt,
                format!(
                    "{} is not the copy that was made: its SHA-256 is {}, it was {}",
                    self.copy, file.sha256, self.file.sha256
                ),
            )),
            None => Err(Error::new(
                ErrorKind::NotFound,
                format!("{}: it is not there", self.copy),
            )),
        }
    }
}
