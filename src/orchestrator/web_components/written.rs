use serde::{Deserialize, Serialize};

use super::pools::PoolVerdict;
use crate::names::{HostName, HostPath};

/// What was written on a host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct WrittenWebComponents {
    /// The host.
    pub host: HostName,
    /// Its files, in the order in which they were seen.
    pub files: Vec<WrittenWebConfig>,
    /// The application pools of those that are another file than was seen.
    pub pools: Vec<PoolVerdict>,
}

/// A web.config that names the database now, or a console's configuration with the new names of hosts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct WrittenWebConfig {
    /// Where it is.
    pub path: HostPath,
    /// The copy of what it was; `None` where it named the database before, and was not touched.
    pub copy: Option<HostPath>,
    /// The SHA-256 of what it was.
    pub sha256_before: String,
    /// The SHA-256 of what it is.
    pub sha256: String,
    /// The names of secrets that stand in it in clear text, as they did before.
    pub clear_text_secrets: Vec<String>,
}
