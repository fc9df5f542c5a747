use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::inside::{self, Inside, Password};
use crate::context::Context;
use crate::error::{Error, Result};
use crate::names::{DatabaseName, ServerPath, SqlInstance};
use crate::operation::{Description, Observation, Operation, required, sealed::Sealed, shown};
use crate::permission::Permission;
use crate::progress::Progress;
use crate::secret::SecretRef;
use crate::sql::connection::Connection;
use crate::sql::file_examination::{Existence, FileExamination};
use crate::sql::statement::Statement;
use crate::sql::{key_file, key_file_password};

const NAME: &str = "back up database master key";

/// Backs a database's master key up to a file of the server.
///
/// # Contract
/// * The key must open: by itself, or by a password ([`opened_by`](Self::opened_by)).
/// * The file must be new, its password is checked before anything is sent, and the file is examined
///   through SQL afterwards.
/// * The database itself is not written to.
///
/// # Errors
/// `InvalidInput` (password, path), `KeyMismatch` (the key does not open), `PermissionDenied`
/// (CONTROL on the database), `AlreadyExists`, `NotFound` (folder, database, or it has no master
/// key): nothing was changed. With effect `Unknown` the answer was lost and there may be a file.
/// With effect `Done` SQL Server reported success and the file was then not found whole.
///
/// # Cancel safety
/// Dropping the future may leave a file of that name behind.
///
/// # T-SQL
/// `[OPEN MASTER KEY DECRYPTION BY PASSWORD = N'***';]
/// BACKUP MASTER KEY TO FILE = N'…' ENCRYPTION BY PASSWORD = N'***'`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[must_use]
pub struct BackUpDatabaseMasterKey {
    instance: SqlInstance,
    database: DatabaseName,
    file: Option<ServerPath>,
    encrypted_by: Option<SecretRef>,
    opened_by: Option<SecretRef>,
}

/// A database master key that was backed up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct DatabaseMasterKeyBackup {
    /// The database.
    pub database: DatabaseName,
    /// The file, as the server sees it.
    pub file: ServerPath,
    /// What was seen of it afterwards.
    pub examination: FileExamination,
    /// The name of the file's password.
    pub encrypted_by: SecretRef,
    /// The instance, by its identity.
    pub server: String,
}

impl BackUpDatabaseMasterKey {
    pub(super) const fn new(instance: SqlInstance, database: DatabaseName) -> Self {
        Self {
            instance,
            database,
            file: None,
            encrypted_by: None,
            opened_by: None,
        }
    }

    /// The file to write. Required.
    pub fn to_file(mut self, file: ServerPath) -> Self {
        self.file = Some(file);
        self
    }

    /// The password of the file. Required.
    pub fn encrypted_by(mut self, password: SecretRef) -> Self {
        self.encrypted_by = Some(password);
        self
    }

    /// A password of the master key, where it does not open by itself.
    pub fn opened_by(mut self, password: SecretRef) -> Self {
        self.opened_by = Some(password);
        self
    }

    fn statement(file: &str) -> Statement {
        Statement::new("BACKUP MASTER KEY TO FILE = ")
            .literal(file)
            .text(" ENCRYPTION BY PASSWORD = ")
    }

    async fn back_up(&self, cx: &Context) -> Result<DatabaseMasterKeyBackup> {
        let file = required(self.file.as_ref(), "to_file")?;
        let encrypted_by = required(self.encrypted_by.as_ref(), "encrypted_by")?;
        cx.check_path("to_file", file)?;
        let password = key_file_password::fetch_new(cx, "encrypted_by", encrypted_by).await?;
        let opened_by = Password::fetch_any(cx, "opened_by", self.opened_by.as_ref()).await?;

        let (mut connection, inside) = Inside::enter(cx, &self.instance, &self.database).await?;
        connection.identity().refuse_foreign_path("to_file", file)?;
        inside.require_master_key()?;
        if let Some(existence) = Existence::of(&mut connection, file).await? {
            existence.require_free("to_file", file)?;
        }
        if let Some(opened_by) = &opened_by {
            inside::open(&mut connection, opened_by).await?;
        }
        cx.safe_point()?;
        cx.report(&Progress::Doing {
            operation: NAME,
            what: "write the key file",
        });
        let statement = Self::statement(file.as_str()).secret(&password);
        let examination = key_file::write(&mut connection, statement, file, &[&password])
            .await
            .map_err(inside::explain_closed)?;
        Ok(DatabaseMasterKeyBackup {
            database: self.database.clone(),
            file: file.clone(),
            examination,
            encrypted_by: encrypted_by.clone(),
            server: connection.identity().names(),
        })
    }
}

impl Sealed for BackUpDatabaseMasterKey {}

#[async_trait]
impl Operation for BackUpDatabaseMasterKey {
    type Output = DatabaseMasterKeyBackup;

    fn describe(&self) -> Description {
        let mut script = inside::script(&self.database, self.opened_by.is_some());
        script.push(
            Self::statement(&shown(self.file.as_ref(), "to_file"))
                .text("'***'")
                .shown(),
        );
        Description {
            target: format!("database {} on {}", self.database, self.instance),
            action: "back up the database master key to a file of the server".to_owned(),
            script,
            hazards: Vec::new(),
            permissions: vec![Permission::database("CONTROL", &self.database)],
        }
    }

    /// Whether a file of that name holds the key only a restore can prove; the way on is another
    /// backup under a fresh name.
    async fn observe(&self, cx: &Context) -> Result<Observation> {
        let look = async {
            let file = required(self.file.as_ref(), "to_file")?;
            cx.check_path("to_file", file)?;
            let mut connection = Connection::open(cx, &self.instance, None).await?;
            let identity = connection.identity();
            identity.refuse_foreign_path("to_file", file)?;
            key_file::observe_written(&mut connection, file).await
        };
        look.await
            .map_err(|error: Error| error.at(NAME, super::target(&self.instance, &self.database)))
    }

    async fn run(&self, cx: &Context) -> Result<Self::Output> {
        let target = super::target(&self.instance, &self.database);
        super::super::tell(cx, NAME, &target, self.back_up(cx)).await
    }
}
