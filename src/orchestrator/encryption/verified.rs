use serde::{Deserialize, Serialize};

use crate::names::{DatabaseName, UserName};
use crate::sql::{DatabaseKeysVerified, EncryptedColumn, Modules};

/// What came of trying the encryption of an Orchestrator database. Made at the backup it is the baseline
/// for the same at the restored database.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct EncryptionVerified {
    /// The instance, by its identity.
    pub server: String,
    /// The database.
    pub database: DatabaseName,
    /// The database's code, whose procedures ran.
    pub modules: Modules,
    /// Each user that it was tried as.
    pub users: Vec<EncryptionUser>,
    /// The roles of the services that decrypt, of which no user was a member: for them nothing is
    /// proved.
    pub unproved_roles: Vec<String>,
    /// The identifier of the symmetric key, in hexadecimal.
    pub key_guid: String,
    /// Which stored values begin with it. That they do where they are under it is unconfirmed, so this is
    /// evidence and decides nothing.
    pub stored: Vec<StoredUnderKey>,
    /// What integration packs are configured with, where the database does not store it as it is known
    /// (community): of it nothing is proved.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub uncounted: Vec<UncountedColumn>,
    /// A constant as the database's own `Encrypt` encrypted it, in hexadecimal. No secret.
    pub constant: String,
}

/// What came of trying as a user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct EncryptionUser {
    /// The user.
    pub user: UserName,
    /// Orchestrator's roles that it is a member of.
    pub roles: Vec<String>,
    /// How many stored values are there, and how many decrypt.
    pub keys: DatabaseKeysVerified,
}

/// How many values of a column are under the key that is there now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct StoredUnderKey {
    /// The column.
    pub column: EncryptedColumn,
    /// Its encrypted values.
    pub values: u64,
    /// Those that begin with the key's identifier. The others were encrypted under a key that was
    /// dropped since.
    pub under_key: u64,
}

/// A column whose values were not counted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct UncountedColumn {
    /// The column, by the name that it is known by.
    pub column: EncryptedColumn,
    /// Why not: usually it is not there.
    pub why: String,
}

impl EncryptionVerified {
    /// Whether every stored value decrypts, as each user. Of no value at all that can't be said, so it
    /// is not.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        !self.users.is_empty() && self.users.iter().all(|user| user.keys.is_whole())
    }
}
