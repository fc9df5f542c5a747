use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::context::Context;
use crate::error::{Effect, Error, ErrorKind, Result};
use crate::names::{DatabaseName, ServerPath, SqlInstance};
use crate::operation::{Description, Observation, Operation, required, sealed::Sealed, shown};
use crate::permission::Permission;
use crate::progress::Progress;
use crate::sql::connection::Connection;
use crate::sql::database::{Database, DatabaseInfo};
use crate::sql::key_probe::{KeyProbe, ProbeResult};
use crate::sql::statement::Statement;
use crate::sql::throwaway;
use crate::transport::SqlBatch;

const NAME: &str = "back up key sentinel";

/// A sentinel: a database of a few megabytes whose only content is a certificate under the service
/// master key of the instance that it was made on.
///
/// Where its backup is restored and the certificate opens, there is that service master key: so a key
/// file is [proved](crate::sql::ServiceMasterKey::prove_backup) without restoring the whole
/// deployment.
///
/// # Example
/// ```
/// use scorch_recovery::{Operation, sql::KeySentinel};
///
/// let sentinel = KeySentinel::backup(&"SQL01".parse()?).to_file(r"D:\backup\sentinel.bak".parse()?);
/// assert_eq!(sentinel.describe().script[0], "CREATE DATABASE [scorch_key_sentinel]");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct KeySentinel;

impl KeySentinel {
    /// Makes a sentinel on `instance`, backs it up to a file and drops it: `.to_file(path)`.
    pub fn backup(instance: &SqlInstance) -> BackUpKeySentinel {
        BackUpKeySentinel {
            instance: instance.clone(),
            file: None,
            database: None,
        }
    }
}

/// Makes a sentinel under an instance's service master key and backs it up to a file of the server.
///
/// # Contract
/// * No other database is touched, and none of that name may exist.
/// * The password of its master key is made up by the server and known to nobody, so that it opens
///   by the service master key alone.
/// * The database is dropped afterwards, whatever went wrong; where even that fails, the error says
///   what is left.
///
/// # Errors
/// `AlreadyExists` (a database of that name, or the file), `PermissionDenied` (CREATE ANY DATABASE),
/// and those of a [database backup](crate::sql::BackUpDatabase). `Partial` when the database is left;
/// `Unknown` when an answer was lost.
///
/// # Cancel safety
/// Dropping the future may leave the database behind: drop it by hand, it holds nothing.
///
/// # T-SQL
/// `CREATE DATABASE […]; CREATE MASTER KEY …; CREATE CERTIFICATE …; BACKUP DATABASE […]; DROP DATABASE […]`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[must_use]
pub struct BackUpKeySentinel {
    instance: SqlInstance,
    file: Option<ServerPath>,
    database: Option<DatabaseName>,
}

/// A sentinel that was backed up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct KeySentinelBackup {
    /// The file, as the server sees it.
    pub file: ServerPath,
    /// The name that the database had.
    pub database: DatabaseName,
    /// Its family: the same through all restores. In hexadecimal.
    pub family_guid: String,
    /// The instance, by its identity.
    pub server: String,
}

impl BackUpKeySentinel {
    /// The file to write. Required.
    pub fn to_file(mut self, file: ServerPath) -> Self {
        self.file = Some(file);
        self
    }

    /// The name of the database while it exists. Default: `scorch_key_sentinel`.
    pub fn as_database(mut self, name: DatabaseName) -> Self {
        self.database = Some(name);
        self
    }

    fn database(&self) -> Result<DatabaseName> {
        match &self.database {
            Some(name) => Ok(name.clone()),
            None => Ok("scorch_key_sentinel".parse()?),
        }
    }

    async fn back_up(&self, cx: &Context) -> Result<KeySentinelBackup> {
        let file = required(self.file.as_ref(), "to_file")?;
        let name = self.database()?;
        cx.check_path("to_file", file)?;
        let permissions = self.describe().permissions;
        let mut connection =
            Connection::open_allowed(cx, &self.instance, None, &permissions).await?;
        let identity = connection.identity();
        identity.refuse_listener(&self.instance)?;
        identity.refuse_foreign_path("to_file", file)?;
        if DatabaseInfo::read(&mut connection, &name).await?.is_some() {
            return Err(Error::new(
                ErrorKind::AlreadyExists,
                format!("there is a database {name} already"),
            )
            .with_remedy("give another name with .as_database(name), or drop it if it is the rest of an earlier attempt"));
        }
        cx.safe_point()?;
        cx.report(&Progress::Doing {
            operation: NAME,
            what: "make the sentinel and back it up",
        });
        let create = Statement::new("CREATE DATABASE ").identifier(name.as_str());
        change(&mut connection, create.batch()).await?;
        let made = self
            .fill_and_back_up(cx, &mut connection, &name, file)
            .await;
        let dropped = throwaway::drop_database(&mut connection, &name).await;
        let made = made.map_err(|error| match &dropped {
            Ok(()) => error.with_effect(Effect::None),
            Err(_) => left(error, &name),
        })?;
        dropped.map_err(|error| left(error, &name))?;
        Ok(made)
    }

    async fn fill_and_back_up(
        &self,
        cx: &Context,
        connection: &mut Connection<'_>,
        name: &DatabaseName,
        file: &ServerPath,
    ) -> Result<KeySentinelBackup> {
        change(connection, fill(name).batch()).await?;
        let info = DatabaseInfo::require(connection, name).await?;
        let family_guid = info.family_guid.ok_or_else(|| {
            Error::new(
                ErrorKind::PermissionDenied,
                "the family of the sentinel can't be read",
            )
            .with_remedy("GRANT VIEW ANY DEFINITION to the login")
        })?;
        let mut fresh = Connection::open(cx, &self.instance, None).await?;
        if KeyProbe::of(&mut fresh, name).await? != ProbeResult::Opens {
            return Err(Error::new(
                ErrorKind::KeyMismatch,
                "the sentinel does not open on the very instance that it was made on",
            )
            .with_remedy(
                "look at the server's error log: its service master key may itself not open",
            ));
        }
        drop(fresh);
        Database::backup(&self.instance, name)
            .to_file(file.clone())
            .run(cx)
            .await?;
        Ok(KeySentinelBackup {
            file: file.clone(),
            database: name.clone(),
            family_guid,
            server: connection.identity().names(),
        })
    }
}

fn fill(name: &DatabaseName) -> Statement {
    Statement::new("USE ").identifier(name.as_str()).text(
        "; DECLARE @password nvarchar(100) = N'aA1!' + CONVERT(nvarchar(90), CRYPT_GEN_RANDOM(32), 2); \
         EXEC (N'CREATE MASTER KEY ENCRYPTION BY PASSWORD = N''' + @password + N''''); \
         CREATE CERTIFICATE sentinel WITH SUBJECT = N'opens by the service master key alone'; \
         USE master",
    )
}

async fn change(connection: &mut Connection<'_>, batch: SqlBatch) -> Result<()> {
    let deadline = Some(connection.cx().deadlines().key);
    connection.change(batch, &[], deadline).await?.or_error()?;
    Ok(())
}

/// An error after which a database is left.
fn left(error: Error, name: &DatabaseName) -> Error {
    error.with_effect(Effect::Partial).with_remedy(format!(
        "drop the database {name}, which is left and holds nothing but a certificate"
    ))
}

impl Sealed for BackUpKeySentinel {}

#[async_trait]
impl Operation for BackUpKeySentinel {
    type Output = KeySentinelBackup;

    fn describe(&self) -> Description {
        let name = self
            .database()
            .map_or_else(|error| error.to_string(), |name| name.to_string());
        let file = shown(self.file.as_ref(), "to_file");
        Description {
            target: self.instance.to_string(),
            action: "make a sentinel under the service master key, and back it up to a file of the server".to_owned(),
            script: vec![
                Statement::new("CREATE DATABASE ").identifier(&name).shown(),
                "CREATE MASTER KEY ENCRYPTION BY PASSWORD = '***'".to_owned(),
                "CREATE CERTIFICATE sentinel WITH SUBJECT = N'opens by the service master key alone'".to_owned(),
                Statement::new("BACKUP DATABASE ")
                    .identifier(&name)
                    .text(" TO DISK = ")
                    .literal(&file)
                    .shown(),
                Statement::new("DROP DATABASE ").identifier(&name).shown(),
            ],
            hazards: Vec::new(),
            permissions: vec![Permission::server("CREATE ANY DATABASE")],
        }
    }

    /// Looks whether the database is left of an attempt, and whether the file is there.
    async fn observe(&self, cx: &Context) -> Result<Observation> {
        let look = async {
            let name = self.database()?;
            let file = required(self.file.as_ref(), "to_file")?;
            cx.check_path("to_file", file)?;
            let mut connection = Connection::open(cx, &self.instance, None).await?;
            if DatabaseInfo::read(&mut connection, &name).await?.is_some() {
                return Ok(Observation::Partial {
                    state: format!("the database {name} is there"),
                });
            }
            drop(connection);
            Database::backup(&self.instance, &name)
                .to_file(file.clone())
                .observe(cx)
                .await
        };
        look.await
            .map_err(|error: Error| error.at(NAME, &self.instance))
    }

    async fn run(&self, cx: &Context) -> Result<Self::Output> {
        super::tell(cx, NAME, &self.instance, self.back_up(cx)).await
    }
}
