use serde::{Deserialize, Serialize};

use super::aliases::ClientAlias;
use super::discovery::SettingsFile;
use super::heartbeat::Heartbeat;
use super::strategy::DataStoreStrategy;
use crate::names::{HostName, HostPath};
use crate::orchestrator::HostVerdict;

/// A host's data store configuration was written, and who says so.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct WrittenDataStoreConfig {
    /// The host.
    pub host: HostName,
    /// How, and by whom; with the evidence that it was consented to.
    pub strategy: DataStoreStrategy,
    /// The computer that answered at the host's name. Attested by its registry. `None`: not seen.
    pub computer: Option<String>,
    /// The file before. Attested by the port to files. `None`: there was none.
    pub before: Option<SettingsFile>,
    /// The file after. An alias leaves it as it was.
    pub after: SettingsFile,
    /// The copy of the file before, with its permissions.
    pub copy: Option<HostPath>,
    /// The aliases for the instances that are concerned, before. Attested by its registry; none where the
    /// context has no port to registries.
    pub aliases_before: Vec<ClientAlias>,
    /// The services that ran, restarted and settled. Attested by the port to service managers.
    pub services: Vec<HostVerdict>,
    /// The heartbeat in the new database, that says that it is used. Attested by that database. `None`: no Runbook
    /// Server ran there, or it was not to be looked for; then nothing says which database is used.
    pub heartbeat: Option<Heartbeat>,
    /// Logs of Setup that hold a secret in clear text: change that secret, and delete them.
    pub exposed_in: Vec<HostPath>,
    /// What nobody attested, or what is not documented of what was done.
    pub unconfirmed: Vec<String>,
}
