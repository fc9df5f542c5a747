//! Certificates with private keys: what encrypted databases and encrypted backups open with.

mod backup;
mod inspect;
mod restore;

pub use backup::{BackUpCertificate, CertificateBackup};
pub(crate) use inspect::By;
pub use inspect::{CertificateInfo, InspectCertificate, PrivateKey};
pub use restore::{RestoreCertificate, RestoredCertificate};

use crate::names::{DatabaseName, KeyName, SqlInstance};

/// A certificate of a database: in `master`, what transparent data encryption and encrypted backups
/// need wherever they are restored.
///
/// # Example
/// ```
/// use scorch_recovery::{Operation, SecretRef, sql::Certificate};
///
/// let backup = Certificate::backup(&"SQL01".parse()?, &"master".parse()?, &"tde".parse()?)
///     .to_file(r"D:\kit\tde.cer".parse()?)
///     .private_key_to_file(r"D:\kit\tde.pvk".parse()?)
///     .encrypted_by(SecretRef::named("tde"));
/// assert_eq!(
///     backup.describe().script[1],
///     r"BACKUP CERTIFICATE [tde] TO FILE = N'D:\kit\tde.cer' WITH PRIVATE KEY (FILE = N'D:\kit\tde.pvk', ENCRYPTION BY PASSWORD = '***')"
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Certificate;

impl Certificate {
    /// Reads what the catalog shows of the certificate `name` of `database`.
    pub fn inspect(
        instance: &SqlInstance,
        database: &DatabaseName,
        name: &KeyName,
    ) -> InspectCertificate {
        InspectCertificate::new(instance.clone(), database.clone(), name.clone())
    }

    /// Backs the certificate `name` of `database` up with its private key:
    /// `.to_file(path).private_key_to_file(path).encrypted_by(secret)`.
    pub fn backup(
        instance: &SqlInstance,
        database: &DatabaseName,
        name: &KeyName,
    ) -> BackUpCertificate {
        BackUpCertificate::new(instance.clone(), database.clone(), name.clone())
    }

    /// Puts a certificate that was backed up into `database` as `name`:
    /// `.from_file(path).private_key_from_file(path).decrypted_by(secret)`.
    pub fn restore(
        instance: &SqlInstance,
        database: &DatabaseName,
        name: &KeyName,
    ) -> RestoreCertificate {
        RestoreCertificate::new(instance.clone(), database.clone(), name.clone())
    }
}

/// What an operation is about, as errors name it.
fn target(instance: &SqlInstance, database: &DatabaseName, name: &KeyName) -> String {
    format!("certificate {name} of {database} on {instance}")
}
