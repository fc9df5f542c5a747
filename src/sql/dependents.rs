use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::context::Context;
use crate::error::{Error, ErrorKind, Result};
use crate::names::{DatabaseName, SqlInstance};
use crate::operation::{Description, Observation, Operation, sealed::Sealed};
use crate::permission::Permission;
use crate::sql::answer::Row;
use crate::sql::connection::Connection;
use crate::sql::statement::Statement;

const NAME: &str = "inspect dependents of the service master key";

/// How many databases are asked for their master key in one statement.
const DATABASES_A_STATEMENT: usize = 200;

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

    pub(crate) async fn read(connection: &mut Connection<'_>) -> Result<Self> {
        let databases = read_databases(connection).await?;
        let (credentials, linked_logins, sees_all) = read_server(connection).await?;
        let (certificates, stored_passwords) = if sees_all {
            read_master(connection).await?
        } else {
            (Vec::new(), Vec::new())
        };
        let unknown: Vec<&str> = databases
            .iter()
            .filter(|database| database.has_master_key.is_none())
            .map(|database| database.name.as_str())
            .collect();
        let completeness = if !sees_all {
            Completeness::Incomplete {
                what: "credentials, linked logins, certificates in master and databases that the login may not see"
                    .to_owned(),
                why: "use a login that has CONTROL SERVER".to_owned(),
            }
        } else if unknown.is_empty() {
            Completeness::Complete
        } else {
            Completeness::Incomplete {
                what: format!("the master keys of: {}", unknown.join(", ")),
                why: "bring these databases online, so that they can be asked".to_owned(),
            }
        };
        Ok(Self {
            server: connection.identity().names(),
            databases,
            credentials,
            linked_logins,
            certificates,
            stored_passwords,
            completeness,
        })
    }
}

async fn read_databases(connection: &mut Connection<'_>) -> Result<Vec<DependentDatabase>> {
    let batch = Statement::new(
        "SELECT name, state_desc, \
         CASE WHEN is_read_only = 1 OR DATABASEPROPERTYEX(name, 'Updateability') = N'READ_ONLY' THEN 1 ELSE 0 END AS is_read_only, \
         CASE WHEN replica_id IS NULL THEN 0 ELSE 1 END AS is_in_availability_group, \
         HAS_DBACCESS(name) AS has_access \
         FROM sys.databases WHERE name <> N'tempdb' ORDER BY name",
    )
    .batch();
    let mut databases = Vec::new();
    let mut open = Vec::new();
    for row in connection.look(batch).await?.rows(0) {
        let database = DependentDatabase {
            name: row.text("name")?.parse()?,
            state: row.text("state_desc")?.to_owned(),
            is_read_only: row.is("is_read_only")?,
            is_in_availability_group: row.is("is_in_availability_group")?,
            has_master_key: None,
        };
        if database.state == "ONLINE" && row.is("has_access")? {
            open.push(databases.len());
        }
        databases.push(database);
    }
    for some in open.chunks(DATABASES_A_STATEMENT) {
        let mut statement = Statement::new("");
        for (index, at) in some.iter().enumerate() {
            statement = statement
                .text(if index == 0 {
                    "SELECT "
                } else {
                    " UNION ALL SELECT "
                })
                .number(i64::try_from(*at).unwrap_or(i64::MAX))
                .text(" AS ordinal, COUNT(*) AS master_keys FROM ")
                .identifier(databases[*at].name.as_str())
                .text(".sys.symmetric_keys WHERE symmetric_key_id = 101");
        }
        for row in connection.look(statement.batch()).await?.rows(0) {
            let at = usize::try_from(row.integer("ordinal")?).ok();
            if let Some(database) = at.and_then(|at| databases.get_mut(at)) {
                database.has_master_key = Some(row.integer("master_keys")? > 0);
            }
        }
    }
    databases.retain(|database| database.has_master_key != Some(false));
    Ok(databases)
}

async fn read_server(connection: &mut Connection<'_>) -> Result<(Vec<String>, Vec<String>, bool)> {
    let batch = Statement::new(
        "SELECT HAS_PERMS_BY_NAME(NULL, NULL, N'CONTROL SERVER') AS allowed; \
         SELECT name FROM sys.credentials ORDER BY name; \
         SELECT s.name AS server_name, l.remote_name FROM sys.linked_logins AS l \
         JOIN sys.servers AS s ON s.server_id = l.server_id \
         WHERE l.remote_name IS NOT NULL ORDER BY s.name, l.remote_name",
    )
    .batch();
    let answer = connection.look(batch).await?;
    let credentials = answer
        .rows(1)
        .map(|row| row.text("name").map(str::to_owned))
        .collect::<Result<_>>()?;
    let linked_logins = answer
        .rows(2)
        .map(|row| {
            Ok(format!(
                "{}: {}",
                row.text("server_name")?,
                row.text("remote_name")?
            ))
        })
        .collect::<Result<_>>()?;
    Ok((credentials, linked_logins, answer.first()?.is("allowed")?))
}

/// What is under the master key of `master`, and the passwords of other master keys that are stored.
async fn read_master(
    connection: &mut Connection<'_>,
) -> Result<(Vec<DependentCertificate>, Vec<String>)> {
    let batch = Statement::new(
        "SELECT name, thumbprint FROM master.sys.certificates \
         WHERE pvt_key_encryption_type = 'MK' AND name NOT LIKE N'##%' ORDER BY name; \
         SELECT d.name, k.encryptor_thumbprint FROM sys.dm_database_encryption_keys AS k \
         JOIN sys.databases AS d ON d.database_id = k.database_id WHERE d.name <> N'tempdb' ORDER BY d.name; \
         SELECT p.family_guid, d.name FROM sys.master_key_passwords AS p \
         LEFT JOIN sys.database_recovery_status AS r ON r.family_guid = p.family_guid \
         LEFT JOIN sys.databases AS d ON d.database_id = r.database_id ORDER BY d.name",
    )
    .batch();
    let answer = connection.look(batch).await?;
    let thumbprint = |row: &Row<'_>, name: &str| {
        Ok::<_, Error>(hex::encode(row.bytes_or_null(name)?.unwrap_or_default()))
    };
    let mut certificates = Vec::new();
    for row in answer.rows(0) {
        certificates.push(DependentCertificate {
            name: row.text("name")?.to_owned(),
            thumbprint: thumbprint(&row, "thumbprint")?,
            encrypts: Vec::new(),
        });
    }
    for row in answer.rows(1) {
        let encryptor = thumbprint(&row, "encryptor_thumbprint")?;
        let database = row.text("name")?;
        for certificate in &mut certificates {
            if certificate.thumbprint == encryptor {
                certificate.encrypts.push(database.to_owned());
            }
        }
    }
    let mut stored_passwords = Vec::new();
    for row in answer.rows(2) {
        stored_passwords.push(match row.text_or_null("name")? {
            Some(database) => database.to_owned(),
            None => hex::encode(row.guid_or_null("family_guid")?.unwrap_or_default()),
        });
    }
    Ok((certificates, stored_passwords))
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
