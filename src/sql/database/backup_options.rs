//! How a backup is written: compression, encryption, and the sizes of its transfers.

use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorKind, Result};
use crate::names::{DatabaseName, KeyName};
use crate::permission::{Permission, Securable};
use crate::sql::certificate::{By, CertificateBackup, CertificateInfo, PrivateKey};
use crate::sql::connection::Connection;
use crate::sql::server_identity::ServerIdentity;
use crate::sql::statement::Statement;

/// Whether and how a backup is compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum BackupCompression {
    /// Where the edition can, by the server's own algorithm.
    #[default]
    IfPossible,
    /// `MS_XPRESS`, by that name: SQL Server 2022 and later.
    MsXpress,
    /// Not.
    None,
    /// `ZSTD`: SQL Server 2025 and later.
    Zstd,
}

/// The cipher of an encrypted backup.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum BackupCipher {
    /// `AES_128`.
    Aes128,
    /// `AES_192`.
    Aes192,
    /// `AES_256`.
    Aes256,
}

/// By what a backup is encrypted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct BackupEncryption {
    cipher: BackupCipher,
    certificate: KeyName,
    thumbprint: String,
}

/// What the operation was told of how to write.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct BackupOptions {
    pub(super) compression: BackupCompression,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) encryption: Option<BackupEncryption>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) block_size: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) buffer_count: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) max_transfer_size: Option<u32>,
}

impl BackupEncryption {
    pub(super) fn new(cipher: BackupCipher, backup: &CertificateBackup) -> Self {
        Self {
            cipher,
            certificate: backup.certificate.name.clone(),
            thumbprint: backup.certificate.thumbprint.clone(),
        }
    }

    pub(super) fn thumbprint(&self) -> &str {
        &self.thumbprint
    }

    /// Documented: VIEW DEFINITION on the certificate.
    pub(super) fn permission(&self) -> Option<Permission> {
        let on = Securable::Certificate {
            database: "master".parse().ok()?,
            certificate: self.certificate.clone(),
        };
        Some(Permission::new("VIEW DEFINITION", on))
    }

    /// Refuses unless `master` has this very certificate, usable and backed up with its private key:
    /// else nobody could ever restore the backup elsewhere.
    async fn require(&self, connection: &mut Connection<'_>) -> Result<()> {
        let master: DatabaseName = "master".parse()?;
        let by = By::Name(&self.certificate);
        let found = CertificateInfo::read(connection, &master, by).await?;
        let name = &self.certificate;
        let refuse = |kind: ErrorKind, problem: String, remedy: &str| {
            Err(Error::new(kind, format!("encrypted_by: {problem}")).with_remedy(remedy))
        };
        let Some(found) = found else {
            return refuse(
                ErrorKind::NotFound,
                format!("there is no certificate {name} in master that this login can see"),
                "check its name in master.sys.certificates, and that the login may see it",
            );
        };
        if found.thumbprint != self.thumbprint {
            return refuse(
                ErrorKind::KeyMismatch,
                format!(
                    "the certificate {name} has the thumbprint 0x{} here, and the one that was backed up 0x{}",
                    found.thumbprint, self.thumbprint
                ),
                "back up the certificate that is here (Certificate::backup), and say that backup",
            );
        }
        if found.private_key != PrivateKey::ByMasterKey {
            return refuse(
                ErrorKind::KeyMismatch,
                format!(
                    "the private key of {name} is not there or not under the master key of master, and SQL Server must open it by itself"
                ),
                "use a certificate whose private key the master key of master protects",
            );
        }
        Ok(())
    }
}

impl BackupOptions {
    /// Refuses what no server takes (the ranges are documented).
    pub(super) fn check(&self, is_on_s3: bool) -> Result<()> {
        const K64: u32 = 64 * 1024;
        if let Some(size) = self.block_size
            && !(size.is_power_of_two() && (512..=65_536).contains(&size))
        {
            return Err(Error::invalid(
                "block_size",
                format!("{size} is not 512, 1024, 2048 … 65536"),
            )
            .with_remedy("leave it out, unless the medium wants a certain one"));
        }
        if is_on_s3 {
            self.check_transfers_to_s3()?;
        } else if let Some(size) = self.max_transfer_size
            && !(size % K64 == 0 && (K64..=64 * K64).contains(&size))
        {
            return Err(Error::invalid(
                "max_transfer_size",
                format!("{size} is not a multiple of 65536 up to 4194304"),
            )
            .with_remedy("give a multiple of 64 KB, 4 MB at most"));
        }
        if self.buffer_count == Some(0) || self.buffer_count > Some(i32::MAX.unsigned_abs()) {
            return Err(Error::invalid(
                "buffer_count",
                "it is not from 1 to 2147483647",
            ));
        }
        let bytes = u64::from(self.buffer_count.unwrap_or(1))
            * u64::from(self.max_transfer_size.unwrap_or(if is_on_s3 {
                10 << 20
            } else {
                1 << 20
            }));
        if self.buffer_count.is_some() && bytes > 8 << 30 {
            return Err(Error::invalid(
                "buffer_count",
                format!("with the size of a transfer it takes {bytes} bytes of the server's memory"),
            )
            .with_remedy("SQL Server allots BUFFERCOUNT times MAXTRANSFERSIZE outside its buffer pool; 8 GB are the most that this takes"));
        }
        Ok(())
    }

    /// Documented: parts of an object have 5 to 20 MB, and other sizes than 10 MB take compression.
    fn check_transfers_to_s3(&self) -> Result<()> {
        const MB: u32 = 1 << 20;
        let Some(size) = self.max_transfer_size else {
            return Ok(());
        };
        if !(size % (64 * 1024) == 0 && (5 * MB..=20 * MB).contains(&size)) {
            return Err(Error::invalid(
                "max_transfer_size",
                format!(
                    "{size} is not a multiple of 65536 from 5242880 to 20971520, as S3 wants it"
                ),
            )
            .with_remedy("leave it out, or give 5 MB to 20 MB"));
        }
        if self.compression == BackupCompression::None {
            return Err(
                Error::invalid("max_transfer_size", "on S3 it takes a compressed backup")
                    .with_remedy("leave it out, or compress the backup"),
            );
        }
        Ok(())
    }

    /// Refuses what this server can't, before anything is sent.
    pub(super) async fn require(
        &self,
        connection: &mut Connection<'_>,
        is_on_s3: bool,
    ) -> Result<()> {
        let identity = connection.identity();
        let (major, can_compress) = (identity.major_version(), identity.can_compress());
        let needed = match self.compression {
            BackupCompression::MsXpress => Some(("MS_XPRESS", 16)),
            BackupCompression::Zstd => Some(("ZSTD", 17)),
            _ => None,
        };
        if let Some((algorithm, version)) = needed {
            if !can_compress {
                return Err(unsupported(identity, "compresses no backups"));
            }
            if major < version {
                return Err(unsupported(identity, &format!("does not know {algorithm}")));
            }
        }
        if is_on_s3 && self.max_transfer_size.is_some() && !can_compress {
            let what = "compresses no backups, which MAXTRANSFERSIZE on S3 takes";
            return Err(unsupported(identity, what));
        }
        match &self.encryption {
            None => Ok(()),
            Some(_) if !can_compress => Err(unsupported(identity, "encrypts no backups")),
            Some(_) if major < 12 => Err(unsupported(identity, "encrypts no backups")),
            Some(encryption) => encryption.require(connection).await,
        }
    }

    /// The options, behind others.
    pub(super) fn add_to(&self, statement: Statement, can_compress: bool) -> Statement {
        let mut statement = statement.text(match self.compression {
            BackupCompression::IfPossible if can_compress => ", COMPRESSION",
            BackupCompression::IfPossible | BackupCompression::None => ", NO_COMPRESSION",
            BackupCompression::MsXpress => ", COMPRESSION (ALGORITHM = MS_XPRESS)",
            BackupCompression::Zstd => ", COMPRESSION (ALGORITHM = ZSTD)",
        });
        if let Some(encryption) = &self.encryption {
            statement = statement
                .text(match encryption.cipher {
                    BackupCipher::Aes128 => {
                        ", ENCRYPTION (ALGORITHM = AES_128, SERVER CERTIFICATE = "
                    }
                    BackupCipher::Aes192 => {
                        ", ENCRYPTION (ALGORITHM = AES_192, SERVER CERTIFICATE = "
                    }
                    BackupCipher::Aes256 => {
                        ", ENCRYPTION (ALGORITHM = AES_256, SERVER CERTIFICATE = "
                    }
                })
                .identifier(encryption.certificate.as_str())
                .text(")");
        }
        for (name, value) in [
            (", BLOCKSIZE = ", self.block_size),
            (", BUFFERCOUNT = ", self.buffer_count),
            (", MAXTRANSFERSIZE = ", self.max_transfer_size),
        ] {
            if let Some(value) = value {
                statement = statement.text(name).number(value);
            }
        }
        statement
    }
}

fn unsupported(identity: &ServerIdentity, what: &str) -> Error {
    Error::new(
        ErrorKind::Unsupported,
        format!(
            "{} ({}, {}) {what}",
            identity.property_server_name, identity.edition, identity.product_version
        ),
    )
    .with_remedy("leave that option out")
}
