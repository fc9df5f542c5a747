use serde::{Deserialize, Serialize};

use super::pools::PoolVerdict;
use crate::names::{HostName, HostPath};

/// What was written on a host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct WrittenWebComponents {
    /// The host.
    pub host: HostName,
    /// What it calls itself; `None`: that could not be seen.
    pub computer: Option<String>,
    /// Its files, in the order in which they were seen.
    pub files: Vec<WrittenWebConfig>,
    /// The application pools that serve those that are another file than was seen: each once, also where
    /// several applications serve one of them.
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
