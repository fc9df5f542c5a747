use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::context::Context;
use crate::error::{Error, ErrorKind, Result};
use crate::names::{DatabaseName, SqlInstance};
use crate::operation::{Description, Observation, Operation, sealed::Sealed};
use crate::permission::Permission;
use crate::sql::connection::Connection;
use crate::sql::statement::Statement;

const NAME: &str = "inspect dependents of the service master key";

/// How many databases are asked for their master key in one statement.
const DATABASES_A_STATEMENT: usize = 50;

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
        databases.chain(credentials).chain(logins).collect()
    }

    pub(crate) fn evidence(&self) -> DependentsEvidence {
        let mut hash = Sha256::new();
        let parts = [
            serde_json::json!(self.server),
            serde_json::json!(self.databases),
            serde_json::json!(self.credentials),
            serde_json::json!(self.linked_logins),
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
        let unknown: Vec<&str> = databases
            .iter()
            .filter(|database| database.has_master_key.is_none())
            .map(|database| database.name.as_str())
            .collect();
        let completeness = if !sees_all {
            Completeness::Incomplete {
                what: "credentials, linked logins and databases that the login may not see"
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
/// `SELECT … FROM sys.databases`, `[…].sys.symmetric_keys`, `sys.credentials`, `sys.linked_logins`
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
            let mut connection = Connection::open(cx, &self.instance, None).await?;
            Dependents::read(&mut connection).await
        };
        read.await
            .map_err(|error: Error| error.at(NAME, &self.instance))
    }
}
