use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::inside::{self, Inside, Password};
use super::inspect::{DatabaseMasterKeyInfo, MasterKeyEvidence};
use crate::context::Context;
use crate::error::{Effect, Result};
use crate::hazard::Hazard;
use crate::names::{DatabaseName, SqlInstance};
use crate::operation::{Description, Observation, Operation, required, sealed::Sealed};
use crate::permission::Permission;
use crate::progress::Progress;
use crate::secret::SecretRef;
use crate::sql::key_file_password;
use crate::sql::statement::Statement;

const NAME: &str = "protect database master key by password";

/// Gives a database's master key one more password.
///
/// With that password the database opens under any service master key, which is what makes a
/// [re-wrap](super::ProtectByServiceMasterKey) possible elsewhere. It is also a danger: whoever has
/// the password and a backup that was made after this reads everything. A
/// [backup of the master key](super::BackUpDatabaseMasterKey) to a file serves the same purpose and
/// does not write to the database.
///
/// # Contract
/// * The operation carries what was seen of the key ([`adding_to`](Self::adding_to)), which is
///   compared again.
/// * The password must have the strength of a generated one.
/// * Afterwards the password is tried in a new session.
///
/// # Errors
/// `ConsentRequired` (nothing was seen, or something else than what is there now), `InvalidInput`
/// (a password that somebody could guess), `AlreadyExists` (it is a password of the key already),
/// `KeyMismatch` (the key does not open), `NotFound`, `PermissionDenied` (CONTROL on the database),
/// `Busy` (read-only), `Unsupported` (availability group): nothing was changed. `Unknown` when the
/// answer was lost; `Done` when the password does not open the key all the same.
///
/// # Cancel safety
/// Dropping the future leaves it done or not done, which [`observe`](Operation::observe) tells.
///
/// # T-SQL
/// `[OPEN MASTER KEY DECRYPTION BY PASSWORD = N'***';]
/// ALTER MASTER KEY ADD ENCRYPTION BY PASSWORD = N'***'`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[must_use]
pub struct ProtectByPassword {
    instance: SqlInstance,
    database: DatabaseName,
    password: Option<SecretRef>,
    opened_by: Option<SecretRef>,
    adding_to: Option<MasterKeyEvidence>,
}

/// A database master key that has one more password.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ProtectedByPassword {
    /// The key, as it is now.
    pub key: DatabaseMasterKeyInfo,
    /// The name of the password.
    pub password: SecretRef,
}

impl ProtectByPassword {
    pub(super) const fn new(instance: SqlInstance, database: DatabaseName) -> Self {
        Self {
            instance,
            database,
            password: None,
            opened_by: None,
            adding_to: None,
        }
    }

    /// The new password. Required.
    pub fn password(mut self, password: SecretRef) -> Self {
        self.password = Some(password);
        self
    }

    /// A password that opens the key now, where it does not open by itself.
    pub fn opened_by(mut self, password: SecretRef) -> Self {
        self.opened_by = Some(password);
        self
    }

    /// Consents to one more way into a key that was seen to be protected like this.
    pub fn adding_to(mut self, seen: &DatabaseMasterKeyInfo) -> Self {
        self.adding_to = Some(seen.evidence());
        self
    }

    async fn protect(&self, cx: &Context) -> Result<ProtectedByPassword> {
        let name = required(self.password.as_ref(), "password")?;
        let password = Password::fetch(cx, "password", name).await?;
        key_file_password::check_generated("password", name, &password.secret)?;
        let opened_by = Password::fetch_any(cx, "opened_by", self.opened_by.as_ref()).await?;

        let (mut connection, inside) = Inside::enter(cx, &self.instance, &self.database).await?;
        inside.require_master_key()?;
        inside.require_writable()?;
        let seen = DatabaseMasterKeyInfo::read(&mut connection, &self.database).await?;
        seen.require_seen(self.adding_to.as_ref(), "adding_to")?;
        if let Some(opened_by) = &opened_by {
            inside::open(&mut connection, opened_by).await?;
        }
        cx.safe_point()?;
        cx.report(&Progress::Doing {
            operation: NAME,
            what: "add the password to the master key",
        });
        let batch = Statement::new("ALTER MASTER KEY ADD ENCRYPTION BY PASSWORD = ")
            .secret(&password.secret)
            .batch();
        let deadline = Some(cx.deadlines().key);
        connection
            .change(batch, &[&password.secret], deadline)
            .await?
            .or_error()
            .map_err(inside::explain_closed)?;
        drop(connection);
        self.check(cx, &password)
            .await
            .map_err(|error| error.with_effect(Effect::Done))
    }

    async fn check(&self, cx: &Context, password: &Password<'_>) -> Result<ProtectedByPassword> {
        let (mut connection, _) = Inside::enter(cx, &self.instance, &self.database).await?;
        inside::open(&mut connection, password).await?;
        let key = DatabaseMasterKeyInfo::read(&mut connection, &self.database).await?;
        Ok(ProtectedByPassword {
            key,
            password: password.name.clone(),
        })
    }

    async fn opens(&self, cx: &Context) -> Result<bool> {
        let name = required(self.password.as_ref(), "password")?;
        let password = Password::fetch(cx, "password", name).await?;
        let (mut connection, inside) = Inside::enter(cx, &self.instance, &self.database).await?;
        inside.require_master_key()?;
        inside::try_open(&mut connection, &password.secret).await
    }
}

impl Sealed for ProtectByPassword {}

#[async_trait]
impl Operation for ProtectByPassword {
    type Output = ProtectedByPassword;

    fn describe(&self) -> Description {
        let mut script = inside::script(&self.database, self.opened_by.is_some());
        script.push("ALTER MASTER KEY ADD ENCRYPTION BY PASSWORD = '***'".to_owned());
        Description {
            target: format!("database {} on {}", self.database, self.instance),
            action: "give the database master key one more password".to_owned(),
            script,
            hazards: vec![Hazard::OpensByPassword {
                database: self.database.to_string(),
            }],
            permissions: vec![Permission::database("CONTROL", &self.database)],
        }
    }

    async fn observe(&self, cx: &Context) -> Result<Observation> {
        match self.opens(cx).await {
            Ok(true) => Ok(Observation::Done),
            Ok(false) => Ok(Observation::NotDone),
            Err(error) => Err(error.at(NAME, super::target(&self.instance, &self.database))),
        }
    }

    async fn run(&self, cx: &Context) -> Result<Self::Output> {
        let target = super::target(&self.instance, &self.database);
        super::super::tell(cx, NAME, &target, self.protect(cx)).await
    }
}
