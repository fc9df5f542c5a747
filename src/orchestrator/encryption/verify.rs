use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::columns::{configurations, find, require_there, variables};
use super::key::SymmetricKey;
use super::round_trip::RoundTrip;
use super::verified::{EncryptionUser, EncryptionVerified, StoredUnderKey, UncountedColumn};
use crate::context::Context;
use crate::error::{Error, ErrorKind, Result};
use crate::names::{DatabaseName, KeyName, SqlInstance, UserName};
use crate::operation::{Description, Observation, Operation, sealed::Sealed};
use crate::orchestrator::catalog::{Catalog, ROOT};
use crate::orchestrator::procedures::{Procedures, require_same};
use crate::permission::{Permission, Securable};
use crate::sql::connection::Connection;
use crate::sql::statement::Statement;
use crate::sql::{DatabaseKeys, DatabaseKeysVerified, EncryptedColumn, Modules, impersonation};

const NAME: &str = "verify encryption of database";

/// The roles of the services, and whether they decrypt (documented).
const ROLES: [(&str, bool); 3] = [("Admins", true), ("Operators", false), ("Runtime", true)];

/// Tries the encryption of an Orchestrator database: its keys on what is stored, and its own
/// procedures on a constant, there and back.
///
/// # Contract
/// * Reads only. Each user's session becomes that user's for good, so that what a sysadmin or an owner
///   could do proves nothing.
/// * Procedures of the database run only where all its code is that of a baseline: see
///   [`trusting`](Self::trusting). A backup can carry code.
/// * Their parameters are read from the catalog and given by position: their names are not known.
/// * Counted are the values of `dbo.VARIABLES.Value` and, where the database stores such texts, the
///   encrypted parts of `dbo.CONFIGURATION.DataValue`, which integration packs are configured with (both
///   community); where it does not, the outcome says so. Each user needs SELECT on what is counted.
/// * NULL is failure. Counts and whether a constant came back leave the server, never a plaintext.
///
/// # Errors
/// `KeyMismatch` (the keys do not open, or not what was encrypted at the backup, or fewer values are
/// there than then), `ConsentRequired` (no baseline, or other code than in it), `Unsupported` (another
/// signature than the known one), `NotFound`, `PermissionDenied`, `InvalidInput`. Nothing is changed.
///
/// # Cancel safety
/// Dropping the future leaves nothing behind: keys are open in the sessions only.
///
/// # T-SQL
/// `EXECUTE AS USER = N'…' WITH NO REVERT`, `OPEN SYMMETRIC KEY [ORCHESTRATOR_SYM_KEY] …`,
/// `EXEC [Microsoft.SystemCenter.Orchestrator.Cryptography].[Encrypt] @value, @stored OUTPUT`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[must_use]
pub struct VerifyEncryption {
    instance: SqlInstance,
    database: DatabaseName,
    symmetric_key: Option<KeyName>,
    asymmetric_key: Option<KeyName>,
    users: Vec<UserName>,
    columns: Vec<EncryptedColumn>,
    /// Counted where the database has them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    columns_if_there: Vec<EncryptedColumn>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    trusting: Option<Box<Modules>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    at_backup: Option<Box<EncryptionVerified>>,
}

impl VerifyEncryption {
    pub(super) fn new(instance: SqlInstance, database: DatabaseName) -> Self {
        Self {
            instance,
            database,
            symmetric_key: "ORCHESTRATOR_SYM_KEY".parse().ok(),
            asymmetric_key: "ORCHESTRATOR_ASYM_KEY".parse().ok(),
            users: Vec::new(),
            columns: variables().into_iter().collect(),
            columns_if_there: configurations().into_iter().collect(),
            trusting: None,
            at_backup: None,
        }
    }

    /// A user to try it as. At least one; several, for the rights of several services: one in the role
    /// `Microsoft.SystemCenter.Orchestrator.Runtime`, one in `.Admins`.
    pub fn as_user(mut self, user: UserName) -> Self {
        self.users.push(user);
        self
    }

    /// Another column whose values to count, besides `dbo.VARIABLES.Value` and
    /// `dbo.CONFIGURATION.DataValue`.
    pub fn counting(mut self, column: EncryptedColumn) -> Self {
        self.columns.push(column);
        self
    }

    /// Leaves `dbo.CONFIGURATION.DataValue` out, for users that may not SELECT from it: whether
    /// Orchestrator's roles may is unconfirmed. Of its values nothing is proved then, and what was counted
    /// at the backup can't be left out.
    pub fn leaving_out_configurations(mut self) -> Self {
        self.columns_if_there.clear();
        self
    }

    /// Consents to running the procedures of a database with this code. It was read where the database
    /// came from, by [`Database::modules`](crate::sql::Database::modules): at the backup, of the
    /// database itself.
    pub fn trusting(mut self, modules: &Modules) -> Self {
        self.trusting = Some(Box::new(modules.clone()));
        self
    }

    /// What was found at the backup: the code that is trusted, the values that must be there and decrypt,
    /// and the constant that must decrypt.
    pub fn as_at_backup(mut self, verified: &EncryptionVerified) -> Self {
        self.at_backup = Some(Box::new(verified.clone()));
        self
    }

    fn target(&self) -> String {
        format!("database {} on {}", self.database, self.instance)
    }

    fn baseline(&self) -> Option<&Modules> {
        let at_backup = self.at_backup.as_ref().map(|verified| &verified.modules);
        at_backup.or(self.trusting.as_deref())
    }

    fn keys(&self) -> Result<(&KeyName, &KeyName)> {
        match (&self.symmetric_key, &self.asymmetric_key) {
            (Some(symmetric), Some(asymmetric)) => Ok((symmetric, asymmetric)),
            _ => Err(Error::invalid("keys", "a key has no name")),
        }
    }

    async fn verify(&self, cx: &Context) -> Result<EncryptionVerified> {
        if self.users.is_empty() {
            return Err(Error::invalid(
                "as_user",
                "no user was named; what a sysadmin can open proves nothing for the services",
            )
            .with_remedy("name a user of the database with few rights: .as_user(…)"));
        }
        let permissions = self.describe().permissions;
        let database = Some(&self.database);
        let mut connection =
            Connection::open_allowed(cx, &self.instance, database, &permissions).await?;
        let modules = Modules::read(&mut connection, &self.database).await?;
        require_same(&modules, self.baseline())?;
        let procedures = Procedures::read(&mut connection).await?;
        let round_trip = RoundTrip::of(&procedures)?;
        let key = SymmetricKey::read(&mut connection, self.symmetric_key.as_ref()).await?;
        let key_guid = key.guid().ok_or_else(|| {
            Error::new(
                ErrorKind::NotFound,
                "the database has no such symmetric key",
            )
            .with_remedy("see that it is an Orchestrator database")
        })?;
        let (columns, uncounted) = self.columns(&mut connection).await?;
        if let Some(before) = self.counted_before() {
            require_there(&uncounted, before)?;
        }
        let server = connection.identity().names();
        drop(connection);

        let (mut users, mut stored, mut constant) = (Vec::new(), None, String::new());
        for user in &self.users {
            cx.safe_point()?;
            let keys = self.count_as(cx, user, &columns).await?;
            let mut connection =
                Connection::open_allowed(cx, &self.instance, database, &[]).await?;
            let needed = round_trip.rights(&self.database)?;
            impersonation::become_user(&mut connection, user, &needed).await?;
            let roles = roles(&mut connection).await?;
            let at = |error: Error| as_user(user, error);
            constant = round_trip.go(&mut connection).await.map_err(at)?;
            if let Some(at_backup) = &self.at_backup {
                let back = round_trip.back(&mut connection, &at_backup.constant);
                back.await.map_err(at)?;
            }
            if stored.is_none() {
                stored = Some(stored_under(&mut connection, key_guid, &keys).await?);
            }
            users.push(EncryptionUser {
                user: user.clone(),
                roles,
                keys,
            });
        }
        Ok(EncryptionVerified {
            server,
            database: self.database.clone(),
            modules,
            unproved_roles: unproved(&users),
            users,
            key_guid: hex::encode(key_guid),
            stored: stored.unwrap_or_default(),
            uncounted,
            constant,
        })
    }

    /// What to count in this database, and what it lacks of that.
    async fn columns(
        &self,
        connection: &mut Connection<'_>,
    ) -> Result<(Vec<EncryptedColumn>, Vec<UncountedColumn>)> {
        let (mut columns, mut uncounted) = (self.columns.clone(), Vec::new());
        if !self.columns_if_there.is_empty() {
            let catalog = Catalog::read(connection).await?;
            for wanted in &self.columns_if_there {
                match find(&catalog, wanted) {
                    // Somebody may count it as one of his own.
                    Ok(found) if columns.iter().any(|one| one.name() == found.name()) => {}
                    Ok(found) => columns.push(found),
                    Err(why) => uncounted.push(UncountedColumn {
                        column: wanted.clone(),
                        why,
                    }),
                }
            }
        }
        Ok((columns, uncounted))
    }

    /// What was counted at the backup: as many as one user saw then, each must see now.
    fn counted_before(&self) -> Option<&DatabaseKeysVerified> {
        let first = self.at_backup.as_ref()?.users.first()?;
        Some(&first.keys)
    }

    async fn count_as(
        &self,
        cx: &Context,
        user: &UserName,
        columns: &[EncryptedColumn],
    ) -> Result<DatabaseKeysVerified> {
        let (symmetric, asymmetric) = self.keys()?;
        let mut verify = DatabaseKeys::verify(&self.instance, &self.database)
            .symmetric_key(symmetric.clone())
            .opened_by_asymmetric_key(asymmetric.clone())
            .as_user(user.clone());
        for column in columns {
            verify = verify.counting(column.clone());
        }
        if let Some(before) = self.counted_before() {
            verify = verify.as_at_backup(before);
        }
        let verified = verify.verify(cx, &[]).await;
        verified.map_err(|error| as_user(user, error))
    }
}

async fn stored_under(
    connection: &mut Connection<'_>,
    key_guid: &[u8],
    keys: &DatabaseKeysVerified,
) -> Result<Vec<StoredUnderKey>> {
    let mut stored = Vec::new();
    for count in &keys.columns {
        stored.push(StoredUnderKey {
            column: count.column.clone(),
            values: count.values,
            under_key: count.column.count_under(connection, key_guid).await?,
        });
    }
    Ok(stored)
}

fn as_user(user: &UserName, error: Error) -> Error {
    let detail = error.detail();
    if detail.starts_with("as_user: ") {
        return error;
    }
    let told = Error::new(error.kind(), format!("as_user: {user}: {detail}"))
        .with_messages(error.sql_messages().to_vec());
    match error.remedy() {
        Some(remedy) => told.with_remedy(remedy),
        None => told,
    }
}

/// Orchestrator's roles that the session's user is a member of.
async fn roles(connection: &mut Connection<'_>) -> Result<Vec<String>> {
    let question = Statement::new(
        "SELECT IS_MEMBER(N'Microsoft.SystemCenter.Orchestrator.Admins') AS is_0, \
         IS_MEMBER(N'Microsoft.SystemCenter.Orchestrator.Operators') AS is_1, \
         IS_MEMBER(N'Microsoft.SystemCenter.Orchestrator.Runtime') AS is_2",
    );
    let answer = connection.look(question.batch()).await?;
    let row = answer.first()?;
    let mut roles = Vec::new();
    for (column, (role, _)) in ["is_0", "is_1", "is_2"].into_iter().zip(ROLES) {
        if row.is(column)? {
            roles.push(format!("{ROOT}.{role}"));
        }
    }
    Ok(roles)
}

fn unproved(users: &[EncryptionUser]) -> Vec<String> {
    let decrypting = ROLES.iter().filter(|(_, decrypts)| *decrypts);
    let names = decrypting.map(|(role, _)| format!("{ROOT}.{role}"));
    names
        .filter(|role| !users.iter().any(|user| user.roles.contains(role)))
        .collect()
}

impl Sealed for VerifyEncryption {}

#[async_trait]
impl Operation for VerifyEncryption {
    type Output = EncryptionVerified;

    fn describe(&self) -> Description {
        let mut script = Vec::new();
        for user in &self.users {
            script.push(impersonation::statement(user).shown());
            for procedure in ["Encrypt", "Decrypt"] {
                let schema = format!("{ROOT}{}", super::SCHEMA);
                let call = Statement::new("EXEC ")
                    .identifier(&schema)
                    .text(".")
                    .identifier(procedure);
                script.push(call.shown());
            }
        }
        let users = self.users.iter().map(|user| {
            let on = Securable::User {
                database: self.database.clone(),
                user: user.clone(),
            };
            Permission::new("IMPERSONATE", on)
        });
        let definitions = Permission::database("VIEW DEFINITION", &self.database);
        Description {
            target: self.target(),
            action:
                "try the keys on what is stored, and Orchestrator's own procedures on a constant"
                    .to_owned(),
            script,
            hazards: Vec::new(),
            permissions: std::iter::once(definitions).chain(users).collect(),
        }
    }

    async fn observe(&self, _: &Context) -> Result<Observation> {
        // Looking leaves nothing behind.
        Ok(Observation::NotDone)
    }

    async fn run(&self, cx: &Context) -> Result<Self::Output> {
        self.verify(cx)
            .await
            .map_err(|error| error.at(NAME, self.target()))
    }
}
