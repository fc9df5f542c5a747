//! A session inside a database, with its master key open or not.

use crate::context::Context;
use crate::error::{Effect, Error, ErrorKind, Result};
use crate::names::{DatabaseName, SqlInstance};
use crate::permission::Permission;
use crate::secret::{Secret, SecretRef};
use crate::sql::connection::Connection;
use crate::sql::statement::Statement;
use crate::sql::{key_file_password, numbers, permission_check};

/// A password of the master key, with the setter and the name that it came by.
#[derive(Debug)]
pub(super) struct Password<'a> {
    field: &'static str,
    pub(super) name: &'a SecretRef,
    pub(super) secret: Secret,
}

impl<'a> Password<'a> {
    /// Fetches the password of something that exists.
    pub(super) async fn fetch(
        cx: &Context,
        field: &'static str,
        name: &'a SecretRef,
    ) -> Result<Self> {
        let secret = key_file_password::fetch(cx, field, name).await?;
        Ok(Self {
            field,
            name,
            secret,
        })
    }

    /// The same, where it was said.
    pub(super) async fn fetch_any(
        cx: &Context,
        field: &'static str,
        name: Option<&'a SecretRef>,
    ) -> Result<Option<Self>> {
        match name {
            Some(name) => Self::fetch(cx, field, name).await.map(Some),
            None => Ok(None),
        }
    }
}

/// What was seen of a database when its session was entered.
#[derive(Debug)]
pub(super) struct Inside {
    pub(super) has_master_key: bool,
    is_read_only: bool,
    is_in_availability_group: bool,
}

impl Inside {
    /// Connects, enters `database`, and refuses a login that has no CONTROL on it.
    pub(super) async fn enter<'a>(
        cx: &'a Context,
        instance: &SqlInstance,
        database: &DatabaseName,
    ) -> Result<(Connection<'a>, Self)> {
        let mut connection = Connection::open(cx, instance, None).await?;
        connection.identity().refuse_listener(instance)?;
        let batch = Statement::new("USE ")
            .identifier(database.as_str())
            .text(
                "; SELECT HAS_PERMS_BY_NAME(DB_NAME(), N'DATABASE', N'CONTROL') AS allowed, \
                 (SELECT COUNT(*) FROM sys.symmetric_keys WHERE symmetric_key_id = 101) AS master_keys, \
                 CASE WHEN d.is_read_only = 1 OR DATABASEPROPERTYEX(d.name, 'Updateability') = N'READ_ONLY' THEN 1 ELSE 0 END AS is_read_only, \
                 CASE WHEN d.replica_id IS NULL THEN 0 ELSE 1 END AS is_in_availability_group \
                 FROM sys.databases AS d WHERE d.database_id = DB_ID()",
            )
            .batch();
        let answer = connection.look(batch).await?;
        let row = answer.first()?;
        if !row.is("allowed")? {
            let control = Permission::database("CONTROL", database);
            return Err(permission_check::lacks(&[&control]));
        }
        let inside = Self {
            has_master_key: row.integer("master_keys")? > 0,
            is_read_only: row.is("is_read_only")?,
            is_in_availability_group: row.is("is_in_availability_group")?,
        };
        Ok((connection, inside))
    }

    /// Refuses a database without a master key.
    pub(super) fn require_master_key(&self) -> Result<()> {
        if self.has_master_key {
            return Ok(());
        }
        Err(Error::new(ErrorKind::NotFound, "the database has no master key")
            .with_remedy("check the name of the database; one without a master key has nothing under the service master key"))
    }

    /// Refuses a database that can't be written to, or whose other replicas would be left behind.
    pub(super) fn require_writable(&self) -> Result<()> {
        if self.is_in_availability_group {
            return Err(Error::new(
                ErrorKind::Unsupported,
                "the database belongs to an availability group, whose replicas have service master keys of their own",
            )
            .with_remedy("plan this for all replicas together with the DBA: sp_control_dbmasterkey_password on each, or one service master key for all"));
        }
        if self.is_read_only {
            return Err(Error::new(ErrorKind::Busy, "the database is read-only")
                .with_remedy("make it writable first; its master key is stored in it"));
        }
        Ok(())
    }
}

/// `OPEN MASTER KEY` for the rest of the session. `false`: the password does not open it.
pub(super) async fn try_open(connection: &mut Connection<'_>, password: &Secret) -> Result<bool> {
    let batch = Statement::new("OPEN MASTER KEY DECRYPTION BY PASSWORD = ")
        .secret(password)
        .batch();
    let deadline = Some(connection.cx().deadlines().look);
    let answer = connection
        .change(batch, &[password], deadline)
        .await
        // It changes the session only, which is gone when its answer is lost.
        .map_err(|error| error.with_effect(Effect::None))?;
    match answer.or_error() {
        Ok(_) => Ok(true),
        Err(error) if error.has_number(&numbers::WRONG_MASTER_KEY_PASSWORD) => Ok(false),
        Err(error) => Err(error),
    }
}

/// The same, for a password that must open it.
pub(super) async fn open(connection: &mut Connection<'_>, password: &Password<'_>) -> Result<()> {
    if try_open(connection, &password.secret).await? {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::KeyMismatch,
        format!(
            "{}: the secret {:?} does not open the master key of the database",
            password.field,
            password.name.name()
        ),
    )
    .with_remedy("it must be a password of this database's master key as it is now; that of a key file is another one"))
}

/// `CLOSE MASTER KEY`. That it fails is of no matter: the session ends now.
pub(super) async fn close(connection: &mut Connection<'_>) {
    let batch = Statement::new("CLOSE MASTER KEY").batch();
    if let Err(error) = connection.look(batch).await {
        tracing::debug!(%error, "the master key stays open until the session ends");
    }
}

/// Says of 15581 and 15329, which mean that the master key is not open, what to do.
pub(super) fn explain_closed(error: Error) -> Error {
    if !error.has_number(&[
        numbers::MASTER_KEY_CLOSED,
        numbers::MASTER_KEY_NOT_DECRYPTED,
    ]) {
        return error;
    }
    Error::new(
        ErrorKind::KeyMismatch,
        "the master key of the database does not open by itself on this instance",
    )
    .with_messages(error.sql_messages().to_vec())
    .with_remedy("say one of its passwords with .opened_by(…), or restore the service master key that it was made under")
}

/// The first statements of a description.
pub(super) fn script(database: &DatabaseName, is_opened: bool) -> Vec<String> {
    let mut script = vec![Statement::new("USE ").identifier(database.as_str()).shown()];
    if is_opened {
        script.push("OPEN MASTER KEY DECRYPTION BY PASSWORD = '***'".to_owned());
    }
    script
}
