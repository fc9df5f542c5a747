use serde::{Deserialize, Serialize};

use super::discovery::SettingsFile;
use super::heartbeat::Heartbeat;
use crate::names::{HostName, HostPath};
use crate::orchestrator::HostVerdict;

/// Who writes the data store configuration of a host, and how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum DataStoreStrategy {
    /// Somebody types the values into the Data Store Configuration utility, as Microsoft's page has it. The
    /// values come as [`Progress::Attend`](crate::Progress::Attend), and it is waited until the file
    /// changes.
    #[default]
    AttendedDbSetup,
    /// The host program does it: the port [`DataStoreWriter`](crate::transport::DataStoreWriter).
    HostProvided,
}

/// A host's data store configuration was written, and who says so.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct WrittenDataStoreConfig {
    /// The host.
    pub host: HostName,
    /// Who wrote it.
    pub strategy: DataStoreStrategy,
    /// The file before. Attested by the port to files.
    pub before: SettingsFile,
    /// The file after.
    pub after: SettingsFile,
    /// The copy of the file before, with its permissions.
    pub copy: HostPath,
    /// The services that ran, restarted and settled. Attested by the port to service managers.
    pub services: Vec<HostVerdict>,
    /// The heartbeat in the new database, that says that it is used. Attested by that database. `None`: no Runbook
    /// Server ran there, or it was not to be looked for; then nothing says which database is used.
    pub heartbeat: Option<Heartbeat>,
}
