use std::fmt;

use async_trait::async_trait;

use crate::names::{DatabaseName, HostName, LoginName, SqlInstance};
use crate::secret::Secret;
use crate::transport::HostError;

/// What a host's data store configuration is to say.
#[derive(Clone, Debug)]
#[allow(
    clippy::exhaustive_structs,
    reason = "host programs read all of it, and a new value must reach them"
)]
pub struct DataStoreValues {
    /// The text for the Server box of the Data Store Configuration utility, with port and suffixes.
    pub server: String,
    /// The instance in it.
    pub instance: SqlInstance,
    /// The database: one that exists.
    pub database: DatabaseName,
    /// The login of SQL Server's own authentication; `None`: Windows authentication.
    pub login: Option<DataStoreLogin>,
}

/// A login of SQL Server's own authentication.
#[derive(Clone, Debug)]
#[allow(
    clippy::exhaustive_structs,
    reason = "host programs read all of it, and a new value must reach them"
)]
pub struct DataStoreLogin {
    /// The user.
    pub user: LoginName,
    /// The password.
    pub password: Secret,
}

/// Writes the data store configuration of a host, by means that the host program has. The port it plugs
/// in, for instance over Orchestrator's `DBDataStore.dll`, which "custom tools" use (documented; its
/// interface is not).
///
/// # Contract
/// * It writes `Settings.dat` of that host and nothing else; services are restarted by the caller.
/// * A refusal wrote nothing. What was written is looked at afterwards, not believed.
/// * The password reaches neither logs nor errors nor a command line.
#[async_trait]
pub trait DataStoreWriter: fmt::Debug + Send + Sync {
    /// Writes it.
    async fn write(&self, host: &HostName, values: &DataStoreValues) -> Result<(), HostError>;
}
