use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::inside::{self, Inside, Password};
use crate::context::Context;
use crate::error::{Error, Result};
use crate::names::{DatabaseName, SqlInstance};
use crate::operation::{Description, Observation, Operation, required, sealed::Sealed};
use crate::permission::Permission;
use crate::secret::SecretRef;
use crate::sql::statement::Statement;

const NAME: &str = "verify password of database master key";

/// Tries whether a password opens a database's master key.
///
/// # Contract
/// Changes nothing: the key is opened in a session of its own, and closed. A password that does not
/// open it is an answer, not an error.
///
/// # Errors
/// `InvalidInput` (no password can look like that), `NotFound` (no such database, or it has no
/// master key), `PermissionDenied` (CONTROL on the database), and those of connecting. Nothing is
/// changed.
///
/// # Cancel safety
/// Dropping the future leaves nothing behind.
///
/// # T-SQL
/// `OPEN MASTER KEY DECRYPTION BY PASSWORD = N'***'; CLOSE MASTER KEY`. A wrong password raises 15313
/// (community).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[must_use]
pub struct VerifyPassword {
    instance: SqlInstance,
    database: DatabaseName,
    password: Option<SecretRef>,
}

/// What came of trying a password.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct VerifiedPassword {
    /// The database.
    pub database: DatabaseName,
    /// Whether the password opens its master key.
    pub opens: bool,
}

impl VerifyPassword {
    pub(super) const fn new(instance: SqlInstance, database: DatabaseName) -> Self {
        Self {
            instance,
            database,
            password: None,
        }
    }

    /// The password. Required.
    pub fn password(mut self, password: SecretRef) -> Self {
        self.password = Some(password);
        self
    }

    async fn verify(&self, cx: &Context) -> Result<VerifiedPassword> {
        let name = required(self.password.as_ref(), "password")?;
        let password = Password::fetch(cx, "password", name).await?;
        let (mut connection, inside) = Inside::enter(cx, &self.instance, &self.database).await?;
        inside.require_master_key()?;
        let opens = inside::try_open(&mut connection, &password.secret).await?;
        if opens {
            inside::close(&mut connection).await;
        }
        Ok(VerifiedPassword {
            database: self.database.clone(),
            opens,
        })
    }
}

impl Sealed for VerifyPassword {}

#[async_trait]
impl Operation for VerifyPassword {
    type Output = VerifiedPassword;

    fn describe(&self) -> Description {
        Description {
            target: format!("database {} on {}", self.database, self.instance),
            action: "try whether a password opens the database master key".to_owned(),
            script: vec![
                Statement::new("USE ")
                    .identifier(self.database.as_str())
                    .shown(),
                "OPEN MASTER KEY DECRYPTION BY PASSWORD = '***'".to_owned(),
                "CLOSE MASTER KEY".to_owned(),
            ],
            hazards: Vec::new(),
            permissions: vec![Permission::database("CONTROL", &self.database)],
        }
    }

    async fn observe(&self, _: &Context) -> Result<Observation> {
        Ok(Observation::NotDone)
    }

    async fn run(&self, cx: &Context) -> Result<Self::Output> {
        self.verify(cx)
            .await
            .map_err(|error: Error| error.at(NAME, super::target(&self.instance, &self.database)))
    }
}
