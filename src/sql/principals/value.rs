use serde::{Deserialize, Serialize};

use super::capture::CapturePrincipals;
use super::consent::ServerPowers;
use super::database_side::{CapturedPermission, CapturedRole, CapturedUser};
use super::login::{CapturedLogin, CapturedPassword};
use super::password_hashes::PasswordHashes;
use super::restore::RestorePrincipals;
use super::statements;
use crate::error::Result;
use crate::names::{DatabaseName, SqlInstance};
use crate::secret::Secret;

/// The logins, users, roles and rights around a database, as they were.
///
/// Users, roles and rights inside travel with the database's backup; they are in here for who compares
/// and reports. Logins do not travel (documented): without theirs, users of a restored database are
/// orphaned. [`restore`](Self::restore) makes them again with the SIDs they had, so that each user finds
/// its login.
///
/// The hashes of passwords are carried beside the value, never in it: JSON, `Debug` and comparison leave
/// them out. Put [`password_hashes`](Self::password_hashes) into a vault.
///
/// # Example
/// ```
/// use scorch_recovery::{Operation, sql::Principals};
///
/// let capture = Principals::capture(&"SQL01".parse()?, &"Orchestrator".parse()?);
/// assert!(capture.describe().script.is_empty());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Principals {
    /// The instance, by its identity.
    pub server: String,
    /// The machine that its accounts and groups are of.
    pub machine: String,
    /// The database.
    pub database: DatabaseName,
    /// The logins that users of the database belong to by their SIDs, and that of its owner.
    pub logins: Vec<CapturedLogin>,
    /// Its users, but the fixed ones.
    pub users: Vec<CapturedUser>,
    /// Its roles: those that somebody made, and fixed ones with members.
    pub roles: Vec<CapturedRole>,
    /// What is granted and denied inside.
    pub permissions: Vec<CapturedPermission>,
    #[serde(skip)]
    pub(super) hashes: PasswordHashes,
}

impl Principals {
    /// Reads them on `instance`, of `database`.
    pub fn capture(instance: &SqlInstance, database: &DatabaseName) -> CapturePrincipals {
        CapturePrincipals::new(instance.clone(), database.clone())
    }

    /// Makes the logins again on another instance: `.password_hashes(secret)`.
    pub fn restore(&self, instance: &SqlInstance) -> RestorePrincipals {
        RestorePrincipals::new(instance.clone(), self.clone())
    }

    /// The hashes of the SQL logins' passwords that this value carries, as one secret for a vault: a
    /// line for each, the SID and the hash. Who has it can guess the passwords at leisure.
    #[must_use]
    pub fn password_hashes(&self) -> Secret {
        self.hashes.to_secret()
    }

    /// The same value with the hashes that [`password_hashes`](Self::password_hashes) gave, after it came
    /// back from JSON.
    ///
    /// # Errors
    /// `InvalidInput` where the secret is none of that kind.
    pub fn with_password_hashes(mut self, hashes: &Secret) -> Result<Self> {
        self.hashes = PasswordHashes::from_secret("password_hashes", hashes)?;
        Ok(self)
    }

    /// What of the logins gives them the whole server, or a way to it. It is never granted unless
    /// [`RestorePrincipals::granting_powers`] says so.
    #[must_use]
    pub fn powers(&self) -> ServerPowers {
        ServerPowers::of(self.restorable())
    }

    /// Logins that mean somebody else on another machine.
    pub fn machine_local(&self) -> impl Iterator<Item = &CapturedLogin> {
        self.logins.iter().filter(|login| login.is_machine_local)
    }

    /// SQL logins whose password was not readable.
    pub fn without_password(&self) -> impl Iterator<Item = &CapturedLogin> {
        let is_hidden =
            |login: &&CapturedLogin| matches!(login.password, CapturedPassword::NotReadable { .. });
        self.restorable().filter(is_hidden)
    }

    /// T-SQL that makes the logins again where neither their name nor their SID is taken, for a DBA to
    /// read and run by hand; without their [`powers`](Self::powers). What can't be made it says with
    /// PRINT.
    ///
    /// It holds the hashes of passwords, so it is a secret.
    #[must_use]
    pub fn script(&self) -> Secret {
        self.script_granting(&ServerPowers::default())
    }

    /// The same with these powers.
    #[must_use]
    pub fn script_granting(&self, powers: &ServerPowers) -> Secret {
        statements::script(self, powers)
    }

    /// Those that are not every server's own.
    pub(super) fn restorable(&self) -> impl Iterator<Item = &CapturedLogin> {
        self.logins.iter().filter(|login| !login.is_of_the_server())
    }
}
