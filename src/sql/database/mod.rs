//! Databases: looked at, backed up, verified, restored.

mod backup;
mod inspect;
mod restore;
mod restore_check;
mod restore_target;
mod verify;

pub use backup::{BackUpDatabase, DatabaseBackup};
pub use inspect::{DatabaseFileInfo, DatabaseInfo, InspectDatabase};
pub use restore::{RestoreDatabase, RestoredDatabase};
pub use verify::VerifyBackup;

use crate::names::{DatabaseName, SqlInstance};

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
