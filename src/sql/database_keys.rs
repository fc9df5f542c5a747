use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::context::Context;
use crate::error::{Error, ErrorKind, Result};
use crate::names::{
    ColumnName, DatabaseName, KeyName, SchemaName, SqlInstance, TableName, UserName,
};
use crate::operation::{Description, Observation, Operation, required, sealed::Sealed, shown};
use crate::permission::{Permission, Securable};
use crate::sql::connection::Connection;
use crate::sql::statement::Statement;
use crate::sql::{numbers, permission_check};

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
        }
    }
}

/// How a column holds its encrypted values.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "form", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum StoredForm {
    /// As `varbinary`, each value what ENCRYPTBYKEY gave.
    Binary,
    /// As text: the bytes in hexadecimal between two delimiters. Other texts are not counted.
    DelimitedHexadecimal {
        /// What stands before and behind the hexadecimal digits.
        delimiter: String,
    },
}

/// A column that holds encrypted values.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(
    clippy::exhaustive_structs,
    reason = "callers write it; a column is named by these"
)]
pub struct EncryptedColumn {
    /// The schema of the table.
    pub schema: SchemaName,
    /// The table.
    pub table: TableName,
    /// The column.
    pub column: ColumnName,
    /// How it holds them.
    pub form: StoredForm,
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
/// the one of the backup), `NotFound` (database, key, table), `PermissionDenied`. Nothing is
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
}

/// What came of trying the keys.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct DatabaseKeysVerified {
    /// The counts of each column, in the order asked.
    pub columns: Vec<ColumnCount>,
}

/// What a column holds, counted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ColumnCount {
    /// The column.
    pub column: EncryptedColumn,
    /// Rows whose value is NULL (or, for texts, is not in the encrypted form).
    pub without_value: u64,
    /// Encrypted values.
    pub values: u64,
    /// Encrypted values that decrypt. Any other one does not.
    pub decrypted: u64,
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
            self.become_user(&mut connection, user).await?;
        }
        connection.look(open.batch()).await.map_err(explain)?;
        let mut columns = Vec::with_capacity(self.columns.len());
        for column in &self.columns {
            columns.push(count(&mut connection, column).await?);
        }
        Ok(DatabaseKeysVerified { columns })
    }
}

impl VerifyDatabaseKeys {
    /// Turns the session into the user's for good, and looks that it is, and what it lacks.
    async fn become_user(&self, connection: &mut Connection<'_>, user: &UserName) -> Result<()> {
        let become_user = as_user(user).batch();
        connection.look(become_user).await?;
        let who = Statement::new(
            "SELECT USER_NAME() AS user_name, IS_MEMBER(N'db_owner') AS is_owner, \
             IS_SRVROLEMEMBER(N'sysadmin') AS is_sysadmin",
        );
        let needed = self.permissions_on_keys();
        let question = permission_check::question(&needed);
        let batch = question.iter().fold(who, |all, next| all.and(next)).batch();
        let answer = connection.look(batch).await?;
        let row = answer.first()?;
        let name = row.text("user_name")?;
        if !name.eq_ignore_ascii_case(user.as_str()) {
            return Err(Error::new(
                ErrorKind::Corrupt,
                format!("as_user: the session is {name}'s, not {user}'s"),
            ));
        }
        if row.is("is_owner")? || row.is("is_sysadmin")? {
            return Err(Error::invalid(
                "as_user",
                format!("{user} owns the database, so that its success proves nothing"),
            )
            .with_remedy("name a user with the rights that the services' accounts have"));
        }
        permission_check::require(&answer, 1, &needed).map_err(|error| {
            Error::new(error.kind(), format!("as_user: {user}: {}", error.detail())).with_remedy(
                error
                    .remedy()
                    .unwrap_or_default()
                    .replace("the login", "the user"),
            )
        })
    }
}

fn as_user(user: &UserName) -> Statement {
    Statement::new("EXECUTE AS USER = ")
        .literal(user.as_str())
        .text(" WITH NO REVERT")
}

async fn count(connection: &mut Connection<'_>, column: &EncryptedColumn) -> Result<ColumnCount> {
    let name = column.column.as_str();
    let mut statement = Statement::new("SELECT COUNT_BIG(*) AS all_rows, ");
    statement = match &column.form {
        StoredForm::Binary => statement
            .text("COUNT_BIG(")
            .identifier(name)
            .text(") AS stored, COUNT_BIG(DECRYPTBYKEY(")
            .identifier(name)
            .text(")) AS decrypted"),
        StoredForm::DelimitedHexadecimal { delimiter } => {
            let units = i64::try_from(delimiter.encode_utf16().count()).unwrap_or(i64::MAX);
            if !(1..=100).contains(&units) {
                return Err(Error::invalid(
                    "delimiter",
                    format!("it has {units} characters; give the 1 to 100 around the digits"),
                ));
            }
            let is_stored = |statement: Statement| {
                statement
                    .text("LEN(")
                    .identifier(name)
                    .text(") > ")
                    .number(2 * units)
                    .text(" AND LEFT(")
                    .identifier(name)
                    .text(", ")
                    .number(units)
                    .text(") = ")
                    .literal(delimiter)
                    .text(" AND RIGHT(")
                    .identifier(name)
                    .text(", ")
                    .number(units)
                    .text(") = ")
                    .literal(delimiter)
            };
            let statement = is_stored(statement.text("COUNT_BIG(CASE WHEN "))
                .text(" THEN 1 END) AS stored, COUNT_BIG(CASE WHEN ");
            is_stored(statement)
                .text(" THEN DECRYPTBYKEY(TRY_CONVERT(varbinary(8000), SUBSTRING(")
                .identifier(name)
                .text(", ")
                .number(units + 1)
                .text(", LEN(")
                .identifier(name)
                .text(") - ")
                .number(2 * units)
                .text("), 2)) END) AS decrypted")
        }
    };
    let batch = statement
        .text(" FROM ")
        .identifier(column.schema.as_str())
        .text(".")
        .identifier(column.table.as_str())
        .batch();
    let answer = connection.look(batch).await?;
    let row = answer.first()?;
    let number = |name: &str| Ok::<_, Error>(u64::try_from(row.integer(name)?).unwrap_or(0));
    let values = number("stored")?;
    Ok(ColumnCount {
        column: column.clone(),
        without_value: number("all_rows")?.saturating_sub(values),
        values,
        decrypted: number("decrypted")?,
    })
}

fn explain(error: Error) -> Error {
    if !error
        .sql_messages()
        .iter()
        .any(|m| m.number == numbers::MASTER_KEY_CLOSED)
    {
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
                .map(|user| as_user(user).shown())
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
