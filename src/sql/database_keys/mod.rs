mod column;
mod parts;

pub use column::{ColumnCount, EncryptedColumn, StoredForm};

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::context::Context;
use crate::error::{Error, ErrorKind, Result};
use crate::names::{DatabaseName, KeyName, SqlInstance, UserName};
use crate::operation::{Description, Observation, Operation, required, sealed::Sealed, shown};
use crate::permission::{Permission, Securable};
use crate::sql::connection::Connection;
use crate::sql::statement::Statement;
use crate::sql::{impersonation, numbers};

const NAME: &str = "verify database keys";

/// The keys inside a database, under its master key.
///
/// # Example
/// ```
/// use scorch_recovery::{Operation, sql::DatabaseKeys};
///
/// let verify = DatabaseKeys::verify(&"SQL01".parse()?, &"Orchestrator".parse()?)
///     .symmetric_key("ORCHESTRATOR_SYM_KEY".parse()?)
///     .opened_by_asymmetric_key("ORCHESTRATOR_ASYM_KEY".parse()?);
/// assert_eq!(
///     verify.describe().script,
///     ["OPEN SYMMETRIC KEY [ORCHESTRATOR_SYM_KEY] DECRYPTION BY ASYMMETRIC KEY [ORCHESTRATOR_ASYM_KEY]"]
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct DatabaseKeys;

impl DatabaseKeys {
    /// Tries a chain of keys of `database` on what is stored: `.symmetric_key(…)`,
    /// `.opened_by_asymmetric_key(…)`, `.counting(…)`.
    pub fn verify(instance: &SqlInstance, database: &DatabaseName) -> VerifyDatabaseKeys {
        VerifyDatabaseKeys {
            instance: instance.clone(),
            database: database.clone(),
            symmetric_key: None,
            asymmetric_key: None,
            columns: Vec::new(),
            user: None,
            at_backup: None,
        }
    }
}

/// Opens a symmetric key by an asymmetric key and counts which stored values it decrypts.
///
/// # Contract
/// * Reads only. Counts leave the server, never a plaintext.
/// * Calls nothing that the database brought: a procedure in it may return what it likes.
/// * `DECRYPTBYKEY` gives NULL for what it can't decrypt, so NULL counts as failure.
///
/// # Errors
/// `KeyMismatch` when the chain of keys does not open (15581: usually the service master key is not
/// the one of the backup), or when fewer values are there than at the backup; `NotFound` (database, key, table), `PermissionDenied`. Nothing is
/// changed.
///
/// # Cancel safety
/// Dropping the future leaves nothing behind: keys are open in the session only.
///
/// # T-SQL
/// `EXECUTE AS USER = N'…' WITH NO REVERT`, `OPEN SYMMETRIC KEY … DECRYPTION BY ASYMMETRIC KEY …`,
/// `SELECT COUNT(DECRYPTBYKEY(…)) …`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[must_use]
pub struct VerifyDatabaseKeys {
    instance: SqlInstance,
    database: DatabaseName,
    symmetric_key: Option<KeyName>,
    asymmetric_key: Option<KeyName>,
    columns: Vec<EncryptedColumn>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    user: Option<UserName>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    at_backup: Option<DatabaseKeysVerified>,
}

/// What came of trying the keys.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct DatabaseKeysVerified {
    /// The counts of each column, in the order asked.
    pub columns: Vec<ColumnCount>,
}

impl DatabaseKeysVerified {
    /// How many encrypted values there are.
    #[must_use]
    pub fn values(&self) -> u64 {
        self.columns.iter().map(|count| count.values).sum()
    }

    /// How many of them decrypt.
    #[must_use]
    pub fn decrypted(&self) -> u64 {
        self.columns.iter().map(|count| count.decrypted).sum()
    }

    /// Whether every encrypted value decrypts. Of no value at all that can't be said, so it is not.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.values() > 0 && self.values() == self.decrypted()
    }

    /// Refuses unless at least as much is there and decrypts as was at the backup.
    fn require_all_of(&self, at_backup: &Self) -> Result<()> {
        let mut fewer = Vec::new();
        for before in &at_backup.columns {
            let name = before.column.name();
            let now = self.columns.iter().find(|now| now.column == before.column);
            match now {
                None => {
                    return Err(Error::invalid(
                        "as_at_backup",
                        format!("{name} was counted at the backup and is not counted now"),
                    )
                    .with_remedy("count the same columns (.counting), in the same form"));
                }
                Some(now) if now.values < before.values || now.decrypted < before.decrypted => {
                    fewer.push(format!(
                        "of {name} {} values are there and {} decrypt, at the backup {} and {}",
                        now.values, now.decrypted, before.values, before.decrypted
                    ));
                }
                Some(_) => {}
            }
        }
        if fewer.is_empty() {
            return Ok(());
        }
        Err(Self::mismatch(fewer.join("; ")))
    }

    /// What is there is not what was counted at the backup.
    pub(crate) fn mismatch(detail: String) -> Error {
        Error::new(ErrorKind::KeyMismatch, detail).with_remedy(
            "this is not what was backed up: look whether it is another backup, or was changed since",
        )
    }
}

impl VerifyDatabaseKeys {
    /// The key that the values are encrypted with. Required.
    pub fn symmetric_key(mut self, key: KeyName) -> Self {
        self.symmetric_key = Some(key);
        self
    }

    /// The key that opens it, itself under the database master key. Required.
    pub fn opened_by_asymmetric_key(mut self, key: KeyName) -> Self {
        self.asymmetric_key = Some(key);
        self
    }

    /// A column whose values to count.
    pub fn counting(mut self, column: EncryptedColumn) -> Self {
        self.columns.push(column);
        self
    }

    /// Tries it as this user of the database, in a session that never turns back
    /// (`EXECUTE AS USER … WITH NO REVERT`). What a sysadmin or the database's owner can open proves
    /// nothing for the accounts that will work with it, so a user that owns the database is refused.
    pub fn as_user(mut self, user: UserName) -> Self {
        self.user = Some(user);
        self
    }

    /// What was counted at the backup, on the server that it was made on. Every column counted then
    /// must be counted now, and as many of its values be there and decrypt: values that are gone are
    /// not missed by who looks at what is left.
    pub fn as_at_backup(mut self, counted: &DatabaseKeysVerified) -> Self {
        self.at_backup = Some(counted.clone());
        self
    }

    /// Whether it is about this database.
    pub(crate) fn is_of(&self, instance: &SqlInstance, database: &DatabaseName) -> bool {
        self.instance == *instance && self.database == *database
    }

    fn open_statement(&self) -> Result<Statement> {
        Ok(Statement::new("OPEN SYMMETRIC KEY ")
            .identifier(required(self.symmetric_key.as_ref(), "symmetric_key")?.as_str())
            .text(" DECRYPTION BY ASYMMETRIC KEY ")
            .identifier(
                required(self.asymmetric_key.as_ref(), "opened_by_asymmetric_key")?.as_str(),
            ))
    }

    /// As [`run`](Operation::run), for a login that was asked for `permissions` only.
    pub(crate) async fn verify(
        &self,
        cx: &Context,
        permissions: &[Permission],
    ) -> Result<DatabaseKeysVerified> {
        let open = self.open_statement()?;
        let database = Some(&self.database);
        let mut connection =
            Connection::open_allowed(cx, &self.instance, database, permissions).await?;
        if let Some(user) = &self.user {
            impersonation::become_user(&mut connection, user, &self.permissions_on_keys()).await?;
        }
        connection.look(open.batch()).await.map_err(explain)?;
        let mut columns = Vec::with_capacity(self.columns.len());
        for column in &self.columns {
            columns.push(column.count(&mut connection).await?);
        }
        let verified = DatabaseKeysVerified { columns };
        if let Some(at_backup) = &self.at_backup {
            verified.require_all_of(at_backup)?;
        }
        Ok(verified)
    }
}

fn explain(error: Error) -> Error {
    if !error.has_number(&[numbers::MASTER_KEY_CLOSED]) {
        return error;
    }
    let messages = error.sql_messages().to_vec();
    Error::new(
        ErrorKind::KeyMismatch,
        "SQL Server error 15581: the database master key does not open on this instance; its service master key is not the one the database was backed up under",
    )
    .with_messages(messages)
    .with_remedy("restore the service master key that was backed up with the database, or open the master key by its password")
}

impl VerifyDatabaseKeys {
    /// What the login needs: with a user to be, that, and the rest is the user's.
    fn permissions(&self) -> Vec<Permission> {
        match self.user.clone() {
            Some(user) => {
                let database = self.database.clone();
                let on = Securable::User { database, user };
                vec![Permission::new("IMPERSONATE", on)]
            }
            None => self.permissions_on_keys(),
        }
    }

    fn permissions_on_keys(&self) -> Vec<Permission> {
        let database = || self.database.clone();
        let symmetric = self.symmetric_key.clone().map(|key| {
            let on = Securable::SymmetricKey {
                database: database(),
                key,
            };
            Permission::new("VIEW DEFINITION", on)
        });
        let asymmetric = self.asymmetric_key.clone().map(|key| {
            let on = Securable::AsymmetricKey {
                database: database(),
                key,
            };
            Permission::new("CONTROL", on)
        });
        let tables = self.columns.iter().map(|column| {
            let on = Securable::Table {
                database: database(),
                schema: column.schema.clone(),
                table: column.table.clone(),
            };
            Permission::new("SELECT", on)
        });
        symmetric
            .into_iter()
            .chain(asymmetric)
            .chain(tables)
            .collect()
    }
}

impl Sealed for VerifyDatabaseKeys {}

#[async_trait]
impl Operation for VerifyDatabaseKeys {
    type Output = DatabaseKeysVerified;

    fn describe(&self) -> Description {
        let script = Statement::new("OPEN SYMMETRIC KEY ")
            .identifier(&shown(self.symmetric_key.as_ref(), "symmetric_key"))
            .text(" DECRYPTION BY ASYMMETRIC KEY ")
            .identifier(&shown(
                self.asymmetric_key.as_ref(),
                "opened_by_asymmetric_key",
            ))
            .shown();
        Description {
            target: format!("database {} on {}", self.database, self.instance),
            action: "open the database's keys and count which stored values decrypt".to_owned(),
            script: self
                .user
                .iter()
                .map(|user| impersonation::statement(user).shown())
                .chain([script])
                .collect(),
            hazards: Vec::new(),
            permissions: self.permissions(),
        }
    }

    async fn observe(&self, _: &Context) -> Result<Observation> {
        Ok(Observation::NotDone)
    }

    async fn run(&self, cx: &Context) -> Result<Self::Output> {
        self.verify(cx, &self.permissions())
            .await
            .map_err(|error| error.at(NAME, format_args!("{} on {}", self.database, self.instance)))
    }
}
