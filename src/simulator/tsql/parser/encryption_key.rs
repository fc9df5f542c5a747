//! CREATE, ALTER and DROP DATABASE ENCRYPTION KEY.

use super::Parser;
use crate::simulator::server_error::Result;
use crate::simulator::tsql::ast::KeyStatement;

const NAME: [&str; 3] = ["DATABASE", "ENCRYPTION", "KEY"];

impl Parser<'_> {
    /// Whether `DATABASE ENCRYPTION KEY` stands here, rather than a database.
    pub(super) fn is_encryption_key(&self) -> bool {
        (0..)
            .zip(NAME)
            .all(|(ahead, word)| self.is_word_at(ahead, word))
    }

    /// `WITH ALGORITHM = AES_256 ENCRYPTION BY SERVER CERTIFICATE c`.
    pub(super) fn create_encryption_key(&mut self) -> Result<KeyStatement> {
        self.take_words(&NAME);
        Ok(KeyStatement::CreateDatabaseEncryptionKey {
            algorithm: self.encryption_algorithm()?,
            certificate: self.server_certificate()?,
        })
    }

    /// `REGENERATE WITH ALGORITHM = AES_256`, or `ENCRYPTION BY SERVER CERTIFICATE c`.
    pub(super) fn alter_encryption_key(&mut self) -> Result<KeyStatement> {
        self.take_words(&NAME);
        if self.take_word("REGENERATE") {
            let algorithm = self.encryption_algorithm()?;
            return Ok(KeyStatement::RegenerateDatabaseEncryptionKey { algorithm });
        }
        let certificate = self.server_certificate()?;
        Ok(KeyStatement::ProtectDatabaseEncryptionKey { certificate })
    }

    fn encryption_algorithm(&mut self) -> Result<String> {
        self.expect_words(&["WITH", "ALGORITHM"])?;
        self.expect_symbol("=")?;
        let known = ["AES_128", "AES_192", "AES_256", "TRIPLE_DES_3KEY"];
        let Some(algorithm) = known.into_iter().find(|known| self.is_word(known)) else {
            return Err(self.unexpected());
        };
        if algorithm == "TRIPLE_DES_3KEY" {
            return Err(self.unsupported("databases encrypted with TRIPLE_DES_3KEY"));
        }
        self.next();
        Ok(algorithm.to_owned())
    }

    fn server_certificate(&mut self) -> Result<String> {
        self.expect_words(&["ENCRYPTION", "BY", "SERVER"])?;
        if self.is_word("ASYMMETRIC") {
            return Err(self.unsupported("asymmetric keys of a provider"));
        }
        self.expect_word("CERTIFICATE")?;
        self.name()
    }

    pub(super) fn drop_encryption_key(&mut self) -> KeyStatement {
        self.take_words(&NAME);
        KeyStatement::DropDatabaseEncryptionKey
    }
}
