//! The master key of a database: under it are the database's own keys.

mod backup;
mod inside;
mod inspect;
mod protect_by_password;
mod protect_by_service_master_key;
mod restore;
mod rewrap_through;
mod verify_password;

pub use backup::{BackUpDatabaseMasterKey, DatabaseMasterKeyBackup};
pub(crate) use inspect::MasterKeyEvidence;
pub use inspect::{DatabaseMasterKeyInfo, InspectDatabaseMasterKey};
pub use protect_by_password::{ProtectByPassword, ProtectedByPassword};
pub use protect_by_service_master_key::{ProtectByServiceMasterKey, ProtectedByServiceMasterKey};
pub use restore::{RestoreDatabaseMasterKey, RestoredDatabaseMasterKey};
pub use rewrap_through::{RewrapThroughScratch, RewrappedBackup};
pub use verify_password::{VerifiedPassword, VerifyPassword};

use crate::names::{DatabaseName, SqlInstance};

/// The master key of a database: under it are the database's own keys.
///
/// It is stored in its database, under one password or more, and by default once more under the
/// instance's service master key, so that it opens by itself. After a move to another instance that
/// last copy is of no use: the database's keys open again when either the old service master key is
/// restored there, or the master key is opened by a password and
/// [put under](Self::protect_by_service_master_key) the service master key that is there, which
/// touches no other database.
///
/// # Example
/// ```
/// use scorch_recovery::{Operation, SecretRef, sql::DatabaseMasterKey};
///
/// let rewrap = DatabaseMasterKey::protect_by_service_master_key(&"SQL02".parse()?, &"Orchestrator".parse()?)
///     .opened_by(SecretRef::named("orchestrator-master-key"));
/// assert_eq!(
///     rewrap.describe().script,
///     [
///         "USE [Orchestrator]",
///         "OPEN MASTER KEY DECRYPTION BY PASSWORD = '***'",
///         "ALTER MASTER KEY ADD ENCRYPTION BY SERVICE MASTER KEY",
///         "CLOSE MASTER KEY",
///     ]
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct DatabaseMasterKey;

/// What an operation is about, as errors name it.
fn target(instance: &SqlInstance, database: &DatabaseName) -> String {
    format!("{database} on {instance}")
}

impl DatabaseMasterKey {
    /// Reads how the master key of `database` is protected.
    pub fn inspect(instance: &SqlInstance, database: &DatabaseName) -> InspectDatabaseMasterKey {
        InspectDatabaseMasterKey::new(instance.clone(), database.clone())
    }

    /// Backs the master key of `database` up to a file: `.to_file(path).encrypted_by(secret)`.
    pub fn backup(instance: &SqlInstance, database: &DatabaseName) -> BackUpDatabaseMasterKey {
        BackUpDatabaseMasterKey::new(instance.clone(), database.clone())
    }

    /// Puts the master key of a file into `database`:
    /// `.from_file(path).decrypted_by(secret).encrypted_by(secret)`.
    pub fn restore(instance: &SqlInstance, database: &DatabaseName) -> RestoreDatabaseMasterKey {
        RestoreDatabaseMasterKey::new(instance.clone(), database.clone())
    }

    /// Gives the master key of `database` one more password: `.password(secret).adding_to(&seen)`.
    pub fn protect_by_password(
        instance: &SqlInstance,
        database: &DatabaseName,
    ) -> ProtectByPassword {
        ProtectByPassword::new(instance.clone(), database.clone())
    }

    /// *Re-wraps* the master key of `database`: puts it under the service master key of this
    /// instance, so that it opens by itself: `.opened_by(secret)`.
    pub fn protect_by_service_master_key(
        instance: &SqlInstance,
        database: &DatabaseName,
    ) -> ProtectByServiceMasterKey {
        ProtectByServiceMasterKey::new(instance.clone(), database.clone())
    }

    /// Makes, on a scratch instance, a backup of `database` that opens by a password, for a target
    /// whose service master key must stay as it is: `.for_target(&instance).key_file(path)
    /// .decrypted_by(secret).from_file(path).password(secret).to_file(path)`.
    pub fn rewrap_through(scratch: &SqlInstance, database: &DatabaseName) -> RewrapThroughScratch {
        RewrapThroughScratch::new(scratch.clone(), database.clone())
    }

    /// Tries whether a password opens the master key of `database`: `.password(secret)`.
    pub fn verify_password(instance: &SqlInstance, database: &DatabaseName) -> VerifyPassword {
        VerifyPassword::new(instance.clone(), database.clone())
    }
}
