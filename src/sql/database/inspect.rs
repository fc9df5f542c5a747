use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::encryption::DatabaseEncryption;
use crate::context::Context;
use crate::error::{Error, ErrorKind, Result};
use crate::names::{DatabaseName, SqlInstance};
use crate::operation::{Description, Observation, Operation, sealed::Sealed};
use crate::permission::Permission;
use crate::sql::connection::Connection;
use crate::sql::statement::Statement;

const NAME: &str = "inspect database";

/// Reads what the catalog shows of a database.
///
/// # Contract
/// Reads only.
///
/// # Errors
/// `NotFound` (no such database that the login can see), `PermissionDenied` (VIEW ANY DATABASE), and
/// those of connecting. Nothing is changed.
///
/// # Cancel safety
/// Dropping the future leaves nothing behind.
///
/// # T-SQL
/// `SELECT … FROM sys.databases`, `sys.master_files`, `sys.database_recovery_status`,
/// `sys.dm_database_encryption_keys`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[must_use]
pub struct InspectDatabase {
    instance: SqlInstance,
    database: DatabaseName,
}

/// What the catalog shows of a database.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct DatabaseInfo {
    /// The instance it is on, by its identity.
    pub server: String,
    /// Its name.
    pub name: DatabaseName,
    /// `database_id`: the same for as long as it is not dropped, whatever it is called.
    #[serde(default)]
    pub id: i64,
    /// `state_desc`: `ONLINE`, `RESTORING`, `RECOVERY_PENDING`, `SUSPECT`, `OFFLINE`.
    pub state: String,
    /// `user_access_desc`: `MULTI_USER`, `RESTRICTED_USER`, `SINGLE_USER`.
    pub user_access: String,
    /// `recovery_model_desc`.
    pub recovery_model: String,
    /// When it was made, restored or last given a name, server time.
    pub created: String,
    /// When this was read, server time.
    pub inspected: String,
    /// The family: the same through all backups and restores. In hexadecimal.
    pub family_guid: Option<String>,
    /// Whether it belongs to an availability group.
    pub is_in_availability_group: bool,
    /// The login that owns it; `None` where no login has that SID here, or it can't be seen.
    #[serde(default)]
    pub owner: Option<String>,
    /// Whether its code may act outside of it with the rights of its owner.
    #[serde(default)]
    pub is_trustworthy: bool,
    /// Whether its Service Broker is enabled.
    #[serde(default)]
    pub is_broker_enabled: bool,
    /// What encrypts the database itself (TDE); `None` where it is not encrypted.
    #[serde(default)]
    pub encryption: Option<DatabaseEncryption>,
    /// Other sessions that are in it now; `None` without VIEW SERVER STATE.
    #[serde(default)]
    pub sessions: Option<u64>,
    /// Its files. Empty where the login may not see them: see `hides_files`.
    pub files: Vec<DatabaseFileInfo>,
    /// Whether the login may not see the files: it owns neither the database nor has CREATE ANY
    /// DATABASE, ALTER ANY DATABASE or VIEW ANY DEFINITION.
    pub hides_files: bool,
}

/// A file of a database.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct DatabaseFileInfo {
    /// The logical name.
    pub logical_name: String,
    /// Where it is, as the server sees it.
    pub path: String,
    /// Its size in bytes.
    pub size: i64,
}

impl DatabaseInfo {
    /// What an operation carries of a database that was seen: it must be the same one still. Sizes
    /// and states change by themselves and are left out.
    pub(crate) fn evidence(&self) -> String {
        let identity = serde_json::json!([self.server, self.name, self.created, self.family_guid]);
        hex::encode(Sha256::digest(identity.to_string()))
    }

    /// Reads a database over a connection that is open already; `None` where there is none.
    pub(crate) async fn read(
        connection: &mut Connection<'_>,
        name: &DatabaseName,
    ) -> Result<Option<Self>> {
        let by_name = |statement: Statement| statement.text("d.name = ").literal(name.as_str());
        Self::read_where(connection, by_name).await
    }

    /// The same, whatever it is called.
    pub(super) async fn read_id(connection: &mut Connection<'_>, id: i64) -> Result<Option<Self>> {
        let by_id = |statement: Statement| statement.text("d.database_id = ").number(id);
        Self::read_where(connection, by_id).await
    }

    async fn read_where(
        connection: &mut Connection<'_>,
        which: impl Fn(Statement) -> Statement,
    ) -> Result<Option<Self>> {
        let databases = Statement::new(
            "SELECT d.name, d.database_id, d.state_desc, d.user_access_desc, d.recovery_model_desc, \
             CONVERT(nvarchar(30), d.create_date, 126) AS created, \
             CONVERT(nvarchar(30), GETDATE(), 126) AS inspected, \
             CASE WHEN d.replica_id IS NULL THEN 0 ELSE 1 END AS is_in_availability_group, \
             SUSER_SNAME(d.owner_sid) AS owner, d.is_trustworthy_on, d.is_broker_enabled, d.is_encrypted, \
             CASE WHEN HAS_PERMS_BY_NAME(NULL, NULL, N'VIEW SERVER STATE') = 1 THEN \
             (SELECT COUNT(*) FROM sys.dm_exec_sessions AS s WHERE s.database_id = d.database_id \
             AND s.is_user_process = 1 AND s.session_id <> @@SPID) END AS sessions, \
             (SELECT r.family_guid FROM sys.database_recovery_status AS r WHERE r.database_id = d.database_id) AS family_guid \
             FROM sys.databases AS d WHERE ",
        );
        let files = Statement::new(
            "SELECT f.name, f.physical_name, CAST(f.size AS bigint) * 8192 AS size \
             FROM sys.master_files AS f JOIN sys.databases AS d ON d.database_id = f.database_id WHERE ",
        );
        let files = which(files).text(" ORDER BY f.file_id");
        let batch = which(databases).and(&files).batch();
        let server = connection.identity().names();
        let answer = connection.look(batch).await?;
        let Some(row) = answer.rows(0).next() else {
            return Ok(None);
        };
        let text =
            |name: &str| Ok::<_, Error>(row.text_or_null(name)?.unwrap_or_default().to_owned());
        let files = answer
            .rows(1)
            .map(|file| {
                Ok(DatabaseFileInfo {
                    logical_name: file.text("name")?.to_owned(),
                    path: file.text("physical_name")?.to_owned(),
                    size: file.integer("size")?,
                })
            })
            .collect::<Result<Vec<_>>>()?;
        let id = row.integer("database_id")?;
        let sessions = row
            .integer_or_null("sessions")?
            .and_then(|sessions| sessions.try_into().ok());
        let encryption = match row.is("is_encrypted")? {
            false => None,
            // The right that the sessions are seen with.
            true if sessions.is_some() => Some(DatabaseEncryption::read(connection, id).await?),
            true => Some(DatabaseEncryption::default()),
        };
        Ok(Some(Self {
            server,
            name: row.text("name")?.parse()?,
            id,
            state: text("state_desc")?,
            user_access: text("user_access_desc")?,
            recovery_model: text("recovery_model_desc")?,
            created: text("created")?,
            inspected: text("inspected")?,
            family_guid: row.guid_or_null("family_guid")?.map(hex::encode),
            is_in_availability_group: row.is("is_in_availability_group")?,
            owner: row.text_or_null("owner")?.map(str::to_owned),
            is_trustworthy: row.is("is_trustworthy_on")?,
            is_broker_enabled: row.is("is_broker_enabled")?,
            encryption,
            sessions,
            // A database without files there is none of.
            hides_files: files.is_empty(),
            files,
        }))
    }

    /// The same, where the database must be there.
    pub(crate) async fn require(
        connection: &mut Connection<'_>,
        name: &DatabaseName,
    ) -> Result<Self> {
        Self::read(connection, name).await?.ok_or_else(|| {
            Error::new(ErrorKind::NotFound, "there is no database of that name")
                .with_remedy("check the name, and that the login may see it (VIEW ANY DATABASE)")
        })
    }
}

impl InspectDatabase {
    pub(super) const fn new(instance: SqlInstance, database: DatabaseName) -> Self {
        Self { instance, database }
    }

    fn target(&self) -> String {
        format!("database {} on {}", self.database, self.instance)
    }
}

impl Sealed for InspectDatabase {}

#[async_trait]
impl Operation for InspectDatabase {
    type Output = DatabaseInfo;

    fn describe(&self) -> Description {
        Description {
            target: self.target(),
            action: "read what the catalog shows of the database".to_owned(),
            script: Vec::new(),
            hazards: Vec::new(),
            permissions: vec![Permission::server("VIEW ANY DATABASE")],
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
            DatabaseInfo::require(&mut connection, &self.database).await
        };
        read.await
            .map_err(|error: Error| error.at(NAME, self.target()))
    }
}
