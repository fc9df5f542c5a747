//! Statements on keys, certificates and credentials. They take literals, never variables.

use super::Parser;
use crate::simulator::server_error::Result;
use crate::simulator::tsql::ast::{
    BackupStatement, KeyProtector, KeyStatement, MasterKeyProtector, PrivateKeyFile, StatementKind,
};

impl Parser<'_> {
    pub(super) fn backup(&mut self) -> Result<StatementKind> {
        self.next();
        if self.take_words(&["SERVICE", "MASTER", "KEY"]) {
            let file = self.key_file("TO")?;
            let password = self.password("ENCRYPTION")?;
            return Ok(StatementKind::Key(KeyStatement::BackupServiceMasterKey {
                file,
                password,
            }));
        }
        if self.take_words(&["MASTER", "KEY"]) {
            if self.is_word("TO") && self.peek_at(1).is_word("URL") {
                return self.master_key_at_url(&["ENCRYPTION"]);
            }
            let file = self.key_file("TO")?;
            let password = self.password("ENCRYPTION")?;
            return Ok(StatementKind::Key(KeyStatement::BackupMasterKey {
                file,
                password,
            }));
        }
        if self.is_word("SYMMETRIC") {
            return Err(self.unsupported("BACKUP SYMMETRIC KEY"));
        }
        if self.take_word("CERTIFICATE") {
            return self.backup_certificate().map(StatementKind::Key);
        }
        self.backup_database().map(StatementKind::Backup)
    }

    pub(super) fn restore(&mut self) -> Result<StatementKind> {
        self.next();
        if self.take_words(&["SERVICE", "MASTER", "KEY"]) {
            let file = self.key_file("FROM")?;
            let password = self.password("DECRYPTION")?;
            let force = self.take_word("FORCE");
            return Ok(StatementKind::Key(KeyStatement::RestoreServiceMasterKey {
                file,
                password,
                force,
            }));
        }
        if self.take_words(&["MASTER", "KEY"]) {
            if self.is_word("FROM") && self.peek_at(1).is_word("URL") {
                return self.master_key_at_url(&["DECRYPTION", "ENCRYPTION"]);
            }
            let file = self.key_file("FROM")?;
            let decryption = self.password("DECRYPTION")?;
            let encryption = self.password("ENCRYPTION")?;
            let force = self.take_word("FORCE");
            return Ok(StatementKind::Key(KeyStatement::RestoreMasterKey {
                file,
                decryption,
                encryption,
                force,
            }));
        }
        let restore: Result<BackupStatement> = self.restore_database();
        restore.map(StatementKind::Backup)
    }

    /// `TO FILE = 'path'`.
    fn key_file(&mut self, direction: &str) -> Result<String> {
        self.expect_word(direction)?;
        self.expect_word("FILE")?;
        self.expect_symbol("=")?;
        self.text()
    }

    /// `TO URL = 'address'` and the passwords: what can be done with it the version decides.
    fn master_key_at_url(&mut self, passwords: &[&str]) -> Result<StatementKind> {
        self.next();
        self.next();
        self.expect_symbol("=")?;
        self.text()?;
        for direction in passwords {
            self.password(direction)?;
        }
        self.take_word("FORCE");
        Ok(StatementKind::Key(KeyStatement::MasterKeyAtUrl))
    }

    /// `ENCRYPTION BY PASSWORD = 'p'`.
    fn password(&mut self, direction: &str) -> Result<String> {
        self.expect_words(&[direction, "BY", "PASSWORD"])?;
        self.expect_symbol("=")?;
        self.text()
    }

    fn master_key(&mut self) -> Result<()> {
        self.expect_words(&["MASTER", "KEY"])
    }

    /// Behind CREATE.
    pub(super) fn create_key(&mut self) -> Result<KeyStatement> {
        if self.is_word("MASTER") {
            self.master_key()?;
            if !self.is_word("ENCRYPTION") {
                // A password may be left out on Azure only; here the statement ends too soon.
                return Err(self.unexpected());
            }
            let password = self.password("ENCRYPTION")?;
            return Ok(KeyStatement::CreateMasterKey { password });
        }
        if self.take_word("CREDENTIAL") {
            let name = self.name()?;
            let (identity, secret) = self.credential()?;
            return Ok(KeyStatement::CreateCredential {
                name,
                identity,
                secret,
            });
        }
        if self.take_word("CERTIFICATE") {
            return self.create_certificate();
        }
        if self.take_word("ASYMMETRIC") {
            self.expect_word("KEY")?;
            let name = self.name()?;
            self.owner()?;
            if self.is_word("FROM") {
                return Err(self.unsupported("asymmetric keys from a file or a provider"));
            }
            let algorithm = self.algorithm()?;
            let password = if self.is_word("ENCRYPTION") {
                Some(self.password("ENCRYPTION")?)
            } else {
                None
            };
            return Ok(KeyStatement::CreateAsymmetricKey {
                name,
                algorithm,
                password,
            });
        }
        self.expect_words(&["SYMMETRIC", "KEY"])?;
        let name = self.name()?;
        self.owner()?;
        if self.is_word("FROM") {
            return Err(self.unsupported("symmetric keys from a provider"));
        }
        let algorithm = self.algorithm()?;
        self.expect_words(&["ENCRYPTION", "BY"])?;
        let protectors = self.list(Self::protector)?;
        Ok(KeyStatement::CreateSymmetricKey {
            name,
            algorithm,
            protectors,
        })
    }

    fn owner(&mut self) -> Result<()> {
        if self.take_word("AUTHORIZATION") {
            self.name()?;
        }
        Ok(())
    }

    fn algorithm(&mut self) -> Result<String> {
        self.expect_word("WITH")?;
        if self.is_word("KEY_SOURCE") || self.is_word("IDENTITY_VALUE") {
            return Err(self.unsupported("KEY_SOURCE and IDENTITY_VALUE"));
        }
        self.expect_word("ALGORITHM")?;
        self.expect_symbol("=")?;
        let algorithm = self.name()?.to_ascii_uppercase();
        if self.is_symbol(",") {
            return Err(self.unsupported("KEY_SOURCE and IDENTITY_VALUE"));
        }
        Ok(algorithm)
    }

    fn create_certificate(&mut self) -> Result<KeyStatement> {
        let name = self.name()?;
        self.owner()?;
        if self.is_word("FROM") {
            return self.certificate_from_file(name);
        }
        let password = if self.is_word("ENCRYPTION") {
            Some(self.password("ENCRYPTION")?)
        } else {
            None
        };
        self.expect_words(&["WITH", "SUBJECT"])?;
        self.expect_symbol("=")?;
        let subject = self.text()?;
        while self.take_symbol(",") {
            if !(self.take_word("START_DATE") || self.take_word("EXPIRY_DATE")) {
                return Err(self.unexpected());
            }
            self.expect_symbol("=")?;
            self.text()?;
        }
        Ok(KeyStatement::CreateCertificate {
            name,
            subject,
            password,
        })
    }

    fn backup_certificate(&mut self) -> Result<KeyStatement> {
        let name = self.name()?;
        let file = self.key_file("TO")?;
        Ok(KeyStatement::BackupCertificate {
            name,
            file,
            private_key: self.private_key_file()?,
        })
    }

    fn certificate_from_file(&mut self, name: String) -> Result<KeyStatement> {
        if !self.peek_at(1).is_word("FILE") {
            return Err(self.unsupported("certificates from an assembly, a program or bytes"));
        }
        let file = self.key_file("FROM")?;
        Ok(KeyStatement::CreateCertificateFromFile {
            name,
            file,
            private_key: self.private_key_file()?,
        })
    }

    /// `WITH PRIVATE KEY (FILE = 'path', DECRYPTION BY PASSWORD = 'p', ENCRYPTION BY PASSWORD = 'p')`,
    /// if it is there.
    fn private_key_file(&mut self) -> Result<Option<PrivateKeyFile>> {
        if !self.take_word("WITH") {
            return Ok(None);
        }
        if self.is_word("FORMAT") {
            return Err(self.unsupported("certificates as PFX"));
        }
        self.expect_words(&["PRIVATE", "KEY"])?;
        self.expect_symbol("(")?;
        let (mut file, mut encryption, mut decryption) = (None, None, None);
        loop {
            if self.take_word("FILE") {
                self.expect_symbol("=")?;
                file = Some(self.text()?);
            } else if self.is_word("DECRYPTION") {
                decryption = Some(self.password("DECRYPTION")?);
            } else if self.is_word("ENCRYPTION") {
                encryption = Some(self.password("ENCRYPTION")?);
            } else if self.is_word("BINARY") || self.is_word("ALGORITHM") {
                return Err(self.unsupported("private keys as bytes or PFX"));
            } else {
                return Err(self.unexpected());
            }
            if !self.take_symbol(",") {
                break;
            }
        }
        self.expect_symbol(")")?;
        let Some(file) = file else {
            return Err(self.unexpected());
        };
        Ok(Some(PrivateKeyFile {
            file,
            encryption,
            decryption,
        }))
    }

    /// `WITH IDENTITY = 'i', SECRET = 's'`.
    fn credential(&mut self) -> Result<(String, Option<String>)> {
        self.expect_words(&["WITH", "IDENTITY"])?;
        self.expect_symbol("=")?;
        let identity = self.text()?;
        if !self.take_symbol(",") {
            return Ok((identity, None));
        }
        self.expect_word("SECRET")?;
        self.expect_symbol("=")?;
        Ok((identity, Some(self.text()?)))
    }

    /// What stands behind ENCRYPTION BY or DECRYPTION BY.
    fn protector(&mut self) -> Result<KeyProtector> {
        if self.take_word("PASSWORD") {
            self.expect_symbol("=")?;
            return self.text().map(KeyProtector::Password);
        }
        if self.take_words(&["SYMMETRIC", "KEY"]) {
            return self.name().map(KeyProtector::SymmetricKey);
        }
        let is_certificate = self.take_word("CERTIFICATE");
        if !is_certificate {
            self.expect_words(&["ASYMMETRIC", "KEY"])?;
        }
        let name = self.name()?;
        let password = if self.take_words(&["WITH", "PASSWORD"]) {
            self.expect_symbol("=")?;
            Some(self.text()?)
        } else {
            None
        };
        Ok(if is_certificate {
            KeyProtector::Certificate { name, password }
        } else {
            KeyProtector::AsymmetricKey { name, password }
        })
    }

    pub(super) fn open_key(&mut self) -> Result<KeyStatement> {
        self.next();
        if self.is_word("MASTER") {
            self.master_key()?;
            let password = self.password("DECRYPTION")?;
            return Ok(KeyStatement::OpenMasterKey { password });
        }
        if !self.is_word("SYMMETRIC") && self.is_name() {
            return Err(self.unsupported("cursors"));
        }
        self.expect_words(&["SYMMETRIC", "KEY"])?;
        let name = self.name()?;
        self.expect_words(&["DECRYPTION", "BY"])?;
        let decryption = self.protector()?;
        Ok(KeyStatement::OpenSymmetricKey { name, decryption })
    }

    pub(super) fn close_key(&mut self) -> Result<KeyStatement> {
        self.next();
        if self.is_word("MASTER") {
            self.master_key()?;
            return Ok(KeyStatement::CloseMasterKey);
        }
        if self.take_words(&["ALL", "SYMMETRIC", "KEYS"]) {
            return Ok(KeyStatement::CloseAllSymmetricKeys);
        }
        if !self.is_word("SYMMETRIC") && self.is_name() {
            return Err(self.unsupported("cursors"));
        }
        self.expect_words(&["SYMMETRIC", "KEY"])?;
        self.name().map(KeyStatement::CloseSymmetricKey)
    }

    /// Behind ALTER.
    pub(super) fn alter_key(&mut self) -> Result<KeyStatement> {
        if self.take_words(&["SERVICE", "MASTER", "KEY"]) {
            let force = self.take_word("FORCE");
            if !self.take_word("REGENERATE") {
                return Err(self.unsupported("this form of ALTER SERVICE MASTER KEY"));
            }
            return Ok(KeyStatement::RegenerateServiceMasterKey { force });
        }
        if self.take_word("CREDENTIAL") {
            let name = self.name()?;
            let (identity, secret) = self.credential()?;
            return Ok(KeyStatement::AlterCredential {
                name,
                identity,
                secret,
            });
        }
        if !self.is_word("MASTER") {
            let what = self.peek().shown().to_uppercase();
            return Err(self.unsupported(format_args!("ALTER {what}")));
        }
        self.master_key()?;
        let force = self.take_word("FORCE");
        if self.take_word("REGENERATE") {
            self.expect_word("WITH")?;
            let password = self.password("ENCRYPTION")?;
            return Ok(KeyStatement::RegenerateMasterKey { password, force });
        }
        let is_added = self.take_word("ADD");
        if !is_added {
            self.expect_word("DROP")?;
        }
        self.expect_words(&["ENCRYPTION", "BY"])?;
        let protector = if self.take_words(&["SERVICE", "MASTER", "KEY"]) {
            MasterKeyProtector::ServiceMasterKey
        } else {
            self.expect_word("PASSWORD")?;
            self.expect_symbol("=")?;
            MasterKeyProtector::Password(self.text()?)
        };
        Ok(if is_added {
            KeyStatement::AddMasterKeyEncryption(protector)
        } else {
            KeyStatement::DropMasterKeyEncryption(protector)
        })
    }

    /// Behind DROP.
    pub(super) fn drop_key(&mut self) -> Result<KeyStatement> {
        if self.is_word("MASTER") {
            self.master_key()?;
            return Ok(KeyStatement::DropMasterKey);
        }
        if self.take_word("CREDENTIAL") {
            return self.name().map(KeyStatement::DropCredential);
        }
        if self.take_word("CERTIFICATE") {
            return self.name().map(KeyStatement::DropCertificate);
        }
        if self.take_word("ASYMMETRIC") {
            self.expect_word("KEY")?;
            return self.name().map(KeyStatement::DropAsymmetricKey);
        }
        self.expect_words(&["SYMMETRIC", "KEY"])?;
        self.name().map(KeyStatement::DropSymmetricKey)
    }
}
