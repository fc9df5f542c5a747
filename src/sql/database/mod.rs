//! Databases: looked at, backed up, verified, restored, checked, closed, renamed, swapped, opened.

mod alteration;
mod backup;
mod backup_options;
mod check_integrity;
mod closing;
mod enable_broker;
mod encryption;
mod inspect;
mod open_to_users;
mod rename;
mod restore;
mod restore_check;
mod restore_target;
mod restrict;
mod set_offline;
mod swap;
mod swap_places;
mod take_ownership;
mod verify;

pub use backup::{BackUpDatabase, DatabaseBackup};
pub use backup_options::{BackupCipher, BackupCompression};
pub use check_integrity::{CheckDatabaseIntegrity, DatabaseIntegrity};
pub use enable_broker::EnableBroker;
pub use encryption::DatabaseEncryption;
pub use inspect::{DatabaseFileInfo, DatabaseInfo, InspectDatabase};
pub use open_to_users::{OpenDatabaseToUsers, OpenedDatabase};
pub use rename::RenameDatabase;
pub use restore::{RestoreDatabase, RestoredDatabase};
pub use restrict::RestrictDatabase;
pub use set_offline::SetDatabaseOffline;
pub use swap::{SwapDatabases, SwappedDatabases};
pub use take_ownership::TakeDatabaseOwnership;
pub use verify::VerifyBackup;

use crate::names::{DatabaseName, SqlInstance};
use crate::sql::modules::InspectModules;
use crate::sql::users::{InspectOrphanedUsers, RepairUsers};

/// A database of an instance.
///
/// # Example
/// ```
/// use scorch_recovery::{Operation, sql::Database};
///
/// let backup = Database::backup(&"SQL01".parse()?, &"Orchestrator".parse()?)
///     .to_file(r"D:\backup\Orchestrator.bak".parse()?);
/// assert_eq!(
///     backup.describe().script[0],
///     r"BACKUP DATABASE [Orchestrator] TO DISK = N'D:\backup\Orchestrator.bak' WITH COPY_ONLY, CHECKSUM, COMPRESSION, FORMAT, INIT, STATS = 5"
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Database;

impl Database {
    /// Reads what the catalog shows of `database`.
    pub fn inspect(instance: &SqlInstance, database: &DatabaseName) -> InspectDatabase {
        InspectDatabase::new(instance.clone(), database.clone())
    }

    /// Lists the code that `database` holds, before any of it runs.
    pub fn modules(instance: &SqlInstance, database: &DatabaseName) -> InspectModules {
        InspectModules::new(instance.clone(), database.clone())
    }

    /// Looks which users of `database` have a login on the instance.
    pub fn orphaned_users(instance: &SqlInstance, database: &DatabaseName) -> InspectOrphanedUsers {
        InspectOrphanedUsers::new(instance.clone(), database.clone())
    }

    /// Maps users whose login is missing to the logins of the same name: `.by_name(&seen)`.
    pub fn repair_users(instance: &SqlInstance, database: &DatabaseName) -> RepairUsers {
        RepairUsers::new(instance.clone(), database.clone())
    }

    /// Backs `database` up to a file: `.to_file(path)`.
    pub fn backup(instance: &SqlInstance, database: &DatabaseName) -> BackUpDatabase {
        BackUpDatabase::new(instance.clone(), database.clone())
    }

    /// Verifies a backup on `instance`: `.file(path)`.
    pub fn verify(instance: &SqlInstance) -> VerifyBackup {
        VerifyBackup::new(instance.clone())
    }

    /// Restores a backup as `database`: `.from_file(path)`. Where a database of that name exists,
    /// the backup is restored beside it.
    pub fn restore(instance: &SqlInstance, database: &DatabaseName) -> RestoreDatabase {
        RestoreDatabase::new(instance.clone(), database.clone())
    }

    /// Checks every page of `database`: CHECKDB.
    pub fn check_integrity(
        instance: &SqlInstance,
        database: &DatabaseName,
    ) -> CheckDatabaseIntegrity {
        CheckDatabaseIntegrity::new(instance.clone(), database.clone())
    }

    /// Gives `database` another name: `.to(name)`, `.seen(&database)`.
    pub fn rename(instance: &SqlInstance, database: &DatabaseName) -> RenameDatabase {
        RenameDatabase::new(instance.clone(), database.clone())
    }

    /// Gives a restored database the name `database`, and puts the existing one aside:
    /// `.with(&restored)`, `.evicting(&existing)`.
    pub fn swap(instance: &SqlInstance, database: &DatabaseName) -> SwapDatabases {
        SwapDatabases::new(instance.clone(), database.clone())
    }

    /// Takes `database` offline: `.evicting(&seen)` where somebody may be in it.
    pub fn set_offline(instance: &SqlInstance, database: &DatabaseName) -> SetDatabaseOffline {
        SetDatabaseOffline::new(instance.clone(), database.clone())
    }

    /// Closes `database` to all but its owners and the administrators: `.evicting(&seen)` where
    /// somebody may be in it.
    pub fn restrict(instance: &SqlInstance, database: &DatabaseName) -> RestrictDatabase {
        RestrictDatabase::new(instance.clone(), database.clone())
    }

    /// Opens `database` to its users, once it is proved: `.proved_by(verify)`.
    pub fn open_to_users(instance: &SqlInstance, database: &DatabaseName) -> OpenDatabaseToUsers {
        OpenDatabaseToUsers::new(instance.clone(), database.clone())
    }

    /// Gives `database` its owner: `.by(login)`.
    pub fn take_ownership(
        instance: &SqlInstance,
        database: &DatabaseName,
    ) -> TakeDatabaseOwnership {
        TakeDatabaseOwnership::new(instance.clone(), database.clone())
    }

    /// Enables the Service Broker of `database`.
    pub fn enable_broker(instance: &SqlInstance, database: &DatabaseName) -> EnableBroker {
        EnableBroker::new(instance.clone(), database.clone())
    }

    /// A name for a backup file that nobody used before: instance, database, and the time to the
    /// second.
    #[must_use]
    pub fn fresh_file_name(
        instance: &SqlInstance,
        database: &DatabaseName,
        at: time::OffsetDateTime,
    ) -> String {
        super::service_master_key::fresh_name(instance.as_str(), database.as_str(), at, "bak")
    }
}
