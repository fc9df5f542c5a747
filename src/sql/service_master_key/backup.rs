use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::inspect::{self, ServiceMasterKeyInfo};
use crate::context::Context;
use crate::error::{Error, Result};
use crate::names::{ServerPath, SqlInstance};
use crate::operation::{Description, Observation, Operation, required, sealed::Sealed, shown};
use crate::permission::Permission;
use crate::progress::Progress;
use crate::secret::SecretRef;
use crate::sql::connection::Connection;
use crate::sql::file_examination::{Existence, FileExamination};
use crate::sql::server_identity::ServerIdentity;
use crate::sql::statement::Statement;
use crate::sql::{key_file, key_file_password};

const NAME: &str = "back up service master key";

/// Backs a service master key up to a file of the server.
///
/// # Contract
/// * The file must be new: SQL Server overwrites no key file, and neither does this.
/// * The password is checked against SQL Server's rules before anything is sent, and goes over a
///   protected connection only.
/// * Afterwards the file is examined through SQL. Whether it really holds the key only a restore
///   can prove.
///
/// # Errors
/// `InvalidInput` (password, path), `PermissionDenied` (CONTROL SERVER), `AlreadyExists`,
/// `NotFound` (folder), `Unsupported` (Azure): nothing was changed. With effect `Unknown` the
/// answer was lost and there may be a file. With effect `Done` SQL Server reported success and the
/// file was then not found whole.
///
/// # Cancel safety
/// Dropping the future may leave a file of that name behind.
///
/// # T-SQL
/// `BACKUP SERVICE MASTER KEY TO FILE = N'…' ENCRYPTION BY PASSWORD = N'***'`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[must_use]
pub struct BackUpServiceMasterKey {
    instance: SqlInstance,
    file: Option<ServerPath>,
    encrypted_by: Option<SecretRef>,
}

/// A service master key that was backed up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct KeyBackup {
    /// The file, as the server sees it.
    pub file: ServerPath,
    /// What was seen of it afterwards.
    pub examination: FileExamination,
    /// The name of the password's secret.
    pub encrypted_by: SecretRef,
    /// Whose key it is.
    pub server: ServerIdentity,
    /// What the catalog showed of the key.
    pub key: ServiceMasterKeyInfo,
}

impl BackUpServiceMasterKey {
    pub(super) const fn new(instance: SqlInstance) -> Self {
        Self {
            instance,
            file: None,
            encrypted_by: None,
        }
    }

    /// The file to write. Required.
    pub fn to_file(mut self, file: ServerPath) -> Self {
        self.file = Some(file);
        self
    }

    /// The password of the file. Required. If it is lost, so is the key in the file.
    pub fn encrypted_by(mut self, password: SecretRef) -> Self {
        self.encrypted_by = Some(password);
        self
    }

    /// Who answers, the file's place and the key's row, in one round trip: the login that may back
    /// the key up may ask all three.
    async fn look_before<'a>(
        &self,
        cx: &'a Context,
        file: &ServerPath,
    ) -> Result<(Connection<'a>, ServiceMasterKeyInfo)> {
        let question = Existence::question(file).and(&Statement::new(inspect::QUESTION));
        let (mut connection, answer) =
            match Connection::open_asking(cx, &self.instance, &question).await {
                Ok(opened) => opened,
                Err(error) if error.sql_messages().is_empty() => return Err(error),
                Err(error) => {
                    // Some of it was refused: what is missing is said better by itself.
                    let mut connection = Connection::open(cx, &self.instance, None).await?;
                    connection
                        .require_server_permission("CONTROL SERVER")
                        .await?;
                    return Err(error);
                }
            };
        let identity = connection.identity();
        identity.refuse_listener(&self.instance)?;
        identity.refuse_foreign_path("to_file", file)?;
        match Existence::read(&answer, 1)? {
            Some(existence) => existence.require_free("to_file", file)?,
            None => {
                connection
                    .require_server_permission("CONTROL SERVER")
                    .await?
            }
        }
        let key = inspect::read(&answer, 3)?;
        Ok((connection, key))
    }

    async fn back_up(&self, cx: &Context) -> Result<KeyBackup> {
        let file = required(self.file.as_ref(), "to_file")?;
        let encrypted_by = required(self.encrypted_by.as_ref(), "encrypted_by")?;
        cx.check_path("to_file", file)?;
        let password = key_file_password::fetch_new(cx, "encrypted_by", encrypted_by).await?;

        let (mut connection, key) = self.look_before(cx, file).await?;

        cx.safe_point()?;
        cx.report(&Progress::Doing {
            operation: NAME,
            what: "write the key file",
        });
        let statement = Statement::new("BACKUP SERVICE MASTER KEY TO FILE = ")
            .literal(file.as_str())
            .text(" ENCRYPTION BY PASSWORD = ")
            .secret(&password);
        let examination = key_file::write(&mut connection, statement, file, &[&password]).await?;
        Ok(KeyBackup {
            file: file.clone(),
            examination,
            encrypted_by: encrypted_by.clone(),
            server: connection.identity().clone(),
            key,
        })
    }
}

impl Sealed for BackUpServiceMasterKey {}

#[async_trait]
impl Operation for BackUpServiceMasterKey {
    type Output = KeyBackup;

    fn describe(&self) -> Description {
        let script = Statement::new("BACKUP SERVICE MASTER KEY TO FILE = ")
            .literal(&shown(self.file.as_ref(), "to_file"))
            .text(" ENCRYPTION BY PASSWORD = '***'")
            .shown();
        Description {
            target: self.instance.to_string(),
            action: "back up the service master key to a file of the server".to_owned(),
            script: vec![script],
            hazards: Vec::new(),
            permissions: vec![Permission::server("CONTROL SERVER")],
        }
    }

    /// A file of that name may be whole or not: only a restore would prove it, so it is
    /// `Indeterminate`, and the way on is another backup under a fresh name.
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
            .map_err(|error: Error| error.at(NAME, &self.instance))
    }

    async fn run(&self, cx: &Context) -> Result<Self::Output> {
        super::super::tell(cx, NAME, &self.instance, self.back_up(cx)).await
    }
}
