//! What encrypts a database itself, and whether its certificate was kept.

use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::hazard::Hazard;
use crate::names::{DatabaseName, KeyName};
use crate::progress::Progress;
use crate::sql::backup_set::BackupSet;
use crate::sql::certificate::{By, CertificateInfo};
use crate::sql::connection::Connection;
use crate::sql::statement::Statement;

/// How a database is encrypted itself (transparent data encryption, TDE): its files and every backup
/// of it need a certificate of `master`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct DatabaseEncryption {
    /// The thumbprint of the certificate, in hexadecimal; `None` without VIEW SERVER STATE.
    pub thumbprint: Option<String>,
    /// The certificate's name in `master`; `None` where the login can't see it.
    pub certificate: Option<KeyName>,
    /// When the certificate's private key was last backed up, server time. `None`: never on this
    /// server, or the login can't see.
    pub certificate_backup: Option<String>,
}

impl DatabaseEncryption {
    /// Reads it of an encrypted database, by its number. It takes VIEW SERVER STATE.
    pub(super) async fn read(connection: &mut Connection<'_>, database: i64) -> Result<Self> {
        let batch = Statement::new(
            "SELECT k.encryptor_thumbprint, c.name AS certificate, c.pvt_key_last_backup_date \
             FROM sys.dm_database_encryption_keys AS k \
             LEFT JOIN master.sys.certificates AS c ON c.thumbprint = k.encryptor_thumbprint \
             WHERE k.database_id = ",
        )
        .number(database)
        .batch();
        let answer = connection.look(batch).await?;
        // Gone meanwhile: then nobody can tell.
        let Some(row) = answer.rows(0).next() else {
            return Ok(Self::default());
        };
        let certificate = row.text_or_null("certificate")?;
        Ok(Self {
            thumbprint: row.bytes_or_null("encryptor_thumbprint")?.map(hex::encode),
            certificate: certificate.and_then(|name| name.parse().ok()),
            certificate_backup: row.time_or_null("pvt_key_last_backup_date")?,
        })
    }
}

/// Which certificates a backup set needs that were never backed up with their private keys: without
/// them nobody restores it elsewhere. Where that can't be seen, it is told as news.
pub(super) async fn certificates_not_kept(
    connection: &mut Connection<'_>,
    operation: &'static str,
    set: &BackupSet,
) -> Result<Vec<Hazard>> {
    let master: DatabaseName = "master".parse()?;
    let mut hazards = Vec::new();
    for thumbprint in set.certificates() {
        let by = By::Thumbprint(thumbprint);
        let found = CertificateInfo::read(connection, &master, by).await?;
        let text = match found {
            None => format!(
                "the backup needs the certificate with thumbprint 0x{thumbprint}; whether that was \
                 backed up with its private key this login can't see (VIEW DEFINITION on it)"
            ),
            Some(found) if found.last_backup.is_some() => continue,
            Some(found) => {
                let hazard = Hazard::CertificateNotBackedUp {
                    certificate: found.name.to_string(),
                    thumbprint: thumbprint.to_owned(),
                };
                let text = hazard.to_string();
                hazards.push(hazard);
                text
            }
        };
        connection
            .cx()
            .report(&Progress::Notice { operation, text });
    }
    Ok(hazards)
}
