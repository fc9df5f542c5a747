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

const NAME: &str = "inspect database master key";

/// Reads how a database's master key is protected.
///
/// # Contract
/// Reads only.
///
/// # Errors
/// `NotFound` (no such database), and those of connecting. Nothing is changed.
///
/// # Cancel safety
/// Dropping the future leaves nothing behind.
///
/// # T-SQL
/// `SELECT … FROM sys.databases`, `[…].sys.symmetric_keys`, `[…].sys.key_encryptions`,
/// `sys.master_key_passwords`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[must_use]
pub struct InspectDatabaseMasterKey {
    instance: SqlInstance,
    database: DatabaseName,
}

/// How a database's master key is protected. Only trying it tells whether it opens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct DatabaseMasterKeyInfo {
    /// The instance, by its identity.
    pub server: String,
    /// The database.
    pub database: DatabaseName,
    /// Whether there is one that this login can see.
    pub exists: bool,
    /// `AES_256` or `TRIPLE_DES`.
    pub algorithm: Option<String>,
    /// How many passwords open it (`ESKP`, `ESP2`, `ESP3`).
    pub passwords: u64,
    /// Whether the database holds a copy under *a* service master key (`ESKM`). The copy travels
    /// with a backup, so on another instance it may be under a key that is not there.
    pub has_service_master_key_copy: bool,
    /// `sys.databases.is_master_key_encrypted_by_server`. That it is computed from `master`'s own
    /// copy, so that it reads 0 after a restore elsewhere, is unconfirmed.
    pub is_encrypted_by_server: bool,
    /// How many passwords the instance has stored for this family of databases
    /// (`sp_control_dbmasterkey_password`). With one of them the key opens under any service
    /// master key, so "it opens" does not prove "same key". `None`: the login may not see them
    /// (VIEW ANY DEFINITION).
    pub stored_passwords: Option<u64>,
}

impl InspectDatabaseMasterKey {
    pub(super) const fn new(instance: SqlInstance, database: DatabaseName) -> Self {
        Self { instance, database }
    }

    async fn inspect(&self, cx: &Context) -> Result<DatabaseMasterKeyInfo> {
        let permissions = self.describe().permissions;
        let mut connection =
            Connection::open_allowed(cx, &self.instance, None, &permissions).await?;
        DatabaseMasterKeyInfo::read(&mut connection, &self.database).await
    }
}

/// What an operation carries of a database master key that was seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct MasterKeyEvidence {
    digest: String,
}

impl DatabaseMasterKeyInfo {
    pub(crate) fn evidence(&self) -> MasterKeyEvidence {
        // Stored passwords are the instance's, not the database's, and not every login sees them.
        let seen = Self {
            stored_passwords: None,
            ..self.clone()
        };
        let seen = serde_json::json!(seen).to_string();
        MasterKeyEvidence {
            digest: hex::encode(Sha256::digest(seen)),
        }
    }

    /// Refuses to change a key that nobody has looked at, or that is not as it was then.
    pub(crate) fn require_seen(
        &self,
        seen: Option<&MasterKeyEvidence>,
        setter: &str,
    ) -> Result<()> {
        let problem = match seen {
            Some(seen) if *seen == self.evidence() => return Ok(()),
            Some(_) => "the master key is not protected as it was when it was seen",
            None => {
                "it changes how the database's keys are protected, and nobody has looked at that"
            }
        };
        Err(
            Error::new(ErrorKind::ConsentRequired, problem).with_remedy(format!(
                "read DatabaseMasterKey::inspect, decide, and call .{setter}(&seen)"
            )),
        )
    }

    pub(crate) async fn read(
        connection: &mut Connection<'_>,
        database: &DatabaseName,
    ) -> Result<Self> {
        let batch = Statement::new(
            "SELECT d.is_master_key_encrypted_by_server, \
             CASE WHEN HAS_PERMS_BY_NAME(NULL, NULL, N'VIEW ANY DEFINITION') = 1 THEN \
             (SELECT COUNT(*) FROM sys.master_key_passwords AS p \
             JOIN sys.database_recovery_status AS r ON r.family_guid = p.family_guid \
             WHERE r.database_id = d.database_id) END AS stored_passwords \
             FROM sys.databases AS d WHERE d.name = ",
        )
        .literal(database.as_str())
        .batch();
        let server = connection.look(batch).await?;
        let Some(row) = server.rows(0).next() else {
            return Err(
                Error::new(ErrorKind::NotFound, "there is no database of that name")
                    .with_remedy("check the name, and that the login may see it"),
            );
        };
        let batch = Statement::new("SELECT algorithm_desc FROM ")
            .identifier(database.as_str())
            .text(".sys.symmetric_keys WHERE symmetric_key_id = 101; SELECT crypt_type, COUNT(*) AS copies FROM ")
            .identifier(database.as_str())
            .text(".sys.key_encryptions WHERE key_id = 101 GROUP BY crypt_type")
            .batch();
        let inside = connection.look(batch).await?;
        let algorithm = inside
            .rows(0)
            .next()
            .map(|row| row.text("algorithm_desc"))
            .transpose()?;
        let (mut passwords, mut has_copy) = (0, false);
        for copy in inside.rows(1) {
            match copy.text("crypt_type")?.trim_end() {
                "ESKM" => has_copy = true,
                "ESKP" | "ESP2" | "ESP3" => passwords += count(copy.integer("copies")?),
                _ => {}
            }
        }
        Ok(Self {
            server: connection.identity().names(),
            database: database.clone(),
            exists: algorithm.is_some(),
            algorithm: algorithm.map(str::to_owned),
            passwords,
            has_service_master_key_copy: has_copy,
            is_encrypted_by_server: row.is("is_master_key_encrypted_by_server")?,
            stored_passwords: row.integer_or_null("stored_passwords")?.map(count),
        })
    }
}

/// A COUNT as what it is.
fn count(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(0)
}

impl Sealed for InspectDatabaseMasterKey {}

#[async_trait]
impl Operation for InspectDatabaseMasterKey {
    type Output = DatabaseMasterKeyInfo;

    fn describe(&self) -> Description {
        Description {
            target: format!("database {} on {}", self.database, self.instance),
            action: "read how the database master key is protected".to_owned(),
            script: Vec::new(),
            hazards: Vec::new(),
            permissions: vec![Permission::database("VIEW DEFINITION", &self.database)],
        }
    }

    async fn observe(&self, _: &Context) -> Result<Observation> {
        Ok(Observation::NotDone)
    }

    async fn run(&self, cx: &Context) -> Result<Self::Output> {
        self.inspect(cx)
            .await
            .map_err(|error| error.at(NAME, super::target(&self.instance, &self.database)))
    }
}
