mod read;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::context::Context;
use crate::error::{Error, ErrorKind, Result};
use crate::names::{DatabaseName, SqlInstance};
use crate::operation::{Description, Observation, Operation, sealed::Sealed};
use crate::permission::Permission;
use crate::sql::connection::Connection;

const NAME: &str = "inspect dependents of the service master key";

/// Everything that lives under the service master key of an instance, as far as it can be seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Dependents {
    /// The instance, by its identity.
    pub server: String,
    /// Databases that have a master key, or may have one.
    pub databases: Vec<DependentDatabase>,
    /// Credentials with a secret under the key. Those of `sp_control_dbmasterkey_password`
    /// (`##DBMKEY_…##`) hold the password of a database master key.
    pub credentials: Vec<String>,
    /// Linked servers' logins with a stored password: `SERVER: remote user`.
    pub linked_logins: Vec<String>,
    /// Certificates in `master` whose private keys are under its master key, and so under the service
    /// master key: those of encrypted databases (TDE) and encrypted backups.
    pub certificates: Vec<DependentCertificate>,
    /// Databases whose master key's password the instance has stored (`sp_control_dbmasterkey_password`),
    /// each once for each password; of a family that is not here, its identifier in hexadecimal. With
    /// one of them a key opens under any service master key, so "it opens" does not prove "same key".
    pub stored_passwords: Vec<String>,
    /// Whether this is all.
    pub completeness: Completeness,
}

/// A database under the key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct DependentDatabase {
    /// Its name.
    pub name: DatabaseName,
    /// `state_desc`: `ONLINE`, `OFFLINE`, `RESTORING`.
    pub state: String,
    /// Whether it is read-only, by its own setting or as a secondary.
    pub is_read_only: bool,
    /// Whether it belongs to an availability group, whose other replicas have keys of their own.
    pub is_in_availability_group: bool,
    /// Whether it has a master key; `None` where it can't be asked.
    pub has_master_key: Option<bool>,
}

/// A certificate in `master`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct DependentCertificate {
    /// Its name.
    pub name: String,
    /// Its SHA-1 thumbprint, in hexadecimal.
    pub thumbprint: String,
    /// The databases that it encrypts (TDE). What backups it encrypted is not recorded here.
    pub encrypts: Vec<String>,
}

/// Whether an inventory is whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "completeness", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Completeness {
    /// All there is.
    Complete,
    /// Something may be missing.
    Incomplete {
        /// What.
        what: String,
        /// Why, and what would help.
        why: String,
    },
}

/// What an operation carries of dependents that were seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct DependentsEvidence {
    digest: String,
    pub(crate) names: Vec<String>,
}

impl Dependents {
    /// Looks what lives under the service master key of `instance`.
    pub fn inspect(instance: &SqlInstance) -> InspectDependents {
        InspectDependents {
            instance: instance.clone(),
        }
    }

    /// Whether nothing was found that depends on the key.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.names().is_empty()
    }

    /// What was found, each in a few words.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        let databases = self
            .databases
            .iter()
            .map(|database| match database.has_master_key {
                Some(_) => format!("database {}", database.name),
                None => format!("perhaps database {} ({})", database.name, database.state),
            });
        let credentials = self
            .credentials
            .iter()
            .map(|name| format!("credential {name}"));
        let logins = self
            .linked_logins
            .iter()
            .map(|name| format!("linked login {name}"));
        let certificates = self.certificates.iter().map(|certificate| {
            let name = &certificate.name;
            match certificate.encrypts.as_slice() {
                [] => format!("certificate {name} in master"),
                databases => format!(
                    "certificate {name} in master, which encrypts {}",
                    databases.join(", ")
                ),
            }
        });
        databases
            .chain(credentials)
            .chain(logins)
            .chain(certificates)
            .collect()
    }

    pub(crate) fn evidence(&self) -> DependentsEvidence {
        let mut hash = Sha256::new();
        let parts = [
            serde_json::json!(self.server),
            serde_json::json!(self.databases),
            serde_json::json!(self.credentials),
            serde_json::json!(self.linked_logins),
            serde_json::json!(self.certificates),
            serde_json::json!(self.stored_passwords),
        ];
        for part in parts {
            hash.update(part.to_string());
            hash.update([0]);
        }
        DependentsEvidence {
            digest: hex::encode(hash.finalize()),
            names: self.names(),
        }
    }

    pub(crate) fn require_complete(&self) -> Result<()> {
        let Completeness::Incomplete { what, why } = &self.completeness else {
            return Ok(());
        };
        let kind = if self
            .databases
            .iter()
            .any(|database| database.has_master_key.is_none())
        {
            ErrorKind::Busy
        } else {
            ErrorKind::PermissionDenied
        };
        Err(Error::new(
            kind,
            format!("not everything under the service master key can be seen ({what}), so it is not replaced"),
        )
        .with_remedy(why.clone()))
    }

    /// Replicas have keys of their own.
    pub(crate) fn require_ungrouped(&self) -> Result<()> {
        let grouped: Vec<&str> = self
            .databases
            .iter()
            .filter(|database| database.is_in_availability_group)
            .map(|database| database.name.as_str())
            .collect();
        if grouped.is_empty() {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::Unsupported,
            format!("databases under the key belong to availability groups: {}", grouped.join(", ")),
        )
        .with_remedy("a master key that is wrapped anew here would not open on the other replicas; plan this for all replicas together with the DBA"))
    }

    /// Whether the database `master` has a master key of its own, which encrypted databases (TDE) and
    /// encrypted backups hang on.
    pub(crate) fn has_key_in_master(&self) -> bool {
        let mut databases = self.databases.iter();
        databases.any(|database| database.name.as_str().eq_ignore_ascii_case("master"))
    }

    /// A key under which a database is offline or read-only can't be replaced whole.
    pub(crate) fn require_online(&self) -> Result<()> {
        let closed: Vec<String> = self
            .databases
            .iter()
            .filter(|database| database.state != "ONLINE" || database.is_read_only)
            .map(|database| {
                let how = if database.is_read_only {
                    "read-only"
                } else {
                    &database.state
                };
                format!("{} ({how})", database.name)
            })
            .collect();
        if closed.is_empty() {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::Busy,
            format!("databases with a master key are not online and writable: {}", closed.join(", ")),
        )
        .with_remedy("bring them online and make them writable, so that their master keys can be re-encrypted"))
    }
}

/// Looks what lives under the service master key of an instance.
///
/// # Contract
/// Reads only. What can't be seen is said in [`Dependents::completeness`].
///
/// # Errors
/// Those of connecting and reading the catalog. Nothing is changed.
///
/// # Cancel safety
/// Dropping the future leaves nothing behind.
///
/// # T-SQL
/// `SELECT … FROM sys.databases`, `[…].sys.symmetric_keys`, `sys.credentials`, `sys.linked_logins`,
/// `master.sys.certificates`, `sys.dm_database_encryption_keys`, `sys.master_key_passwords`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[must_use]
pub struct InspectDependents {
    instance: SqlInstance,
}

impl Sealed for InspectDependents {}

#[async_trait]
impl Operation for InspectDependents {
    type Output = Dependents;

    fn describe(&self) -> Description {
        Description {
            target: self.instance.to_string(),
            action: "look what lives under the service master key".to_owned(),
            script: Vec::new(),
            hazards: Vec::new(),
            permissions: vec![Permission::server("CONTROL SERVER")],
        }
    }

    async fn observe(&self, _: &Context) -> Result<Observation> {
        Ok(Observation::NotDone)
    }

    async fn run(&self, cx: &Context) -> Result<Self::Output> {
        let read = async {
            let permissions = self.describe().permissions;
            let mut connection =
                Connection::open_allowed(cx, &self.instance, None, &permissions).await?;
            Dependents::read(&mut connection).await
        };
        read.await
            .map_err(|error: Error| error.at(NAME, &self.instance))
    }
}
