//! The service master key: root of an instance's encryption hierarchy.

mod backup;
mod consent;
mod inspect;
mod prove_backup;
mod restore;

pub use backup::{BackUpServiceMasterKey, KeyBackup};
pub use inspect::{InspectServiceMasterKey, ServiceMasterKeyInfo};
pub use prove_backup::{ProveKeyBackup, ProvedKeyBackup};
pub use restore::{RestoreServiceMasterKey, RestoredKey};

use crate::names::SqlInstance;

/// The service master key of an instance.
///
/// It wraps the database master keys, credentials and linked-server passwords of *all* databases
/// of the instance. A database that was moved to another instance opens there only with the key it
/// was backed up under (or with its own master key's password).
///
/// # Example
/// ```
/// use scorch_recovery::{Operation, SecretRef, sql::ServiceMasterKey};
///
/// let restore = ServiceMasterKey::restore(&"SQL02".parse()?)
///     .from_file(r"C:\keys\SQL01.key".parse()?)
///     .decrypted_by(SecretRef::named("smk-backup"));
/// assert_eq!(
///     restore.describe().script,
///     [r"RESTORE SERVICE MASTER KEY FROM FILE = N'C:\keys\SQL01.key' DECRYPTION BY PASSWORD = '***'"]
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct ServiceMasterKey;

impl ServiceMasterKey {
    /// Reads what the catalog shows of the key of `instance`.
    pub fn inspect(instance: &SqlInstance) -> InspectServiceMasterKey {
        InspectServiceMasterKey::new(instance.clone())
    }

    /// Backs the key of `instance` up to a file: `.to_file(path).encrypted_by(secret)`.
    pub fn backup(instance: &SqlInstance) -> BackUpServiceMasterKey {
        BackUpServiceMasterKey::new(instance.clone())
    }

    /// Proves a key file on a throwaway instance:
    /// `.from_file(path).decrypted_by(secret).opening(&sentinel, path)`; or in place.
    pub fn prove_backup(instance: &SqlInstance) -> ProveKeyBackup {
        ProveKeyBackup::new(instance.clone())
    }

    /// Replaces the key of `instance` with that of a file: `.from_file(path).decrypted_by(secret)`.
    pub fn restore(instance: &SqlInstance) -> RestoreServiceMasterKey {
        RestoreServiceMasterKey::new(instance.clone())
    }

    /// A name for a key file that nobody used before: instance, what it is, and the time to the
    /// second.
    #[must_use]
    pub fn fresh_file_name(instance: &SqlInstance, at: time::OffsetDateTime) -> String {
        fresh_name(instance.as_str(), "service-master-key", at, "key")
    }
}

/// `SQL01_ORCH-service-master-key-20261122T104500Z.key`: what a file system takes everywhere.
pub(crate) fn fresh_name(
    of: &str,
    what: &str,
    at: time::OffsetDateTime,
    extension: &str,
) -> String {
    let of: String = of
        .chars()
        .map(|c| {
            if c.is_alphanumeric() || c == '-' {
                c
            } else {
                '_'
            }
        })
        .collect();
    let at = at.to_offset(time::UtcOffset::UTC);
    format!(
        "{of}-{what}-{:04}{:02}{:02}T{:02}{:02}{:02}Z.{extension}",
        at.year(),
        u8::from(at.month()),
        at.day(),
        at.hour(),
        at.minute(),
        at.second()
    )
}
