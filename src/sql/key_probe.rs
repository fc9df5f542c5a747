use std::fmt;

use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::names::DatabaseName;
use crate::secret::Secret;
use crate::sql::connection::Connection;
use crate::sql::dependents::Dependents;
use crate::sql::numbers;
use crate::sql::statement::Statement;

/// Whether a database's master key opens by itself, as it was tried.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct KeyProbe {
    /// The database.
    pub database: DatabaseName,
    /// What came of it.
    pub result: ProbeResult,
}

/// What came of trying a database's master key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ProbeResult {
    /// It does not open here.
    DoesNotOpen,
    /// No asymmetric key and no certificate is protected by it, so there is nothing to try it on.
    NothingToProbe,
    /// It opens.
    Opens,
}

impl KeyProbe {
    /// Tries the master key of each database: a constant is encrypted with a public key of the
    /// database and decrypted with its private key, which the master key protects. Nothing is
    /// written.
    pub(crate) async fn all(
        connection: &mut Connection<'_>,
        dependents: &Dependents,
    ) -> Result<Vec<Self>> {
        let mut probes = Vec::new();
        for database in &dependents.databases {
            if database.state == "ONLINE" {
                let result = Self::of(connection, &database.name).await?;
                probes.push(Self {
                    database: database.name.clone(),
                    result,
                });
            }
        }
        connection
            .look(Statement::new("USE master").batch())
            .await?;
        Ok(probes)
    }

    /// Tries the master key of one database, which the session then is in.
    pub(crate) async fn of(
        connection: &mut Connection<'_>,
        database: &DatabaseName,
    ) -> Result<ProbeResult> {
        let batch = Statement::new("USE ")
            .identifier(database.as_str())
            .text(
                "; SELECT TOP (1) name FROM sys.asymmetric_keys WHERE pvt_key_encryption_type = 'MK' ORDER BY name; \
                 SELECT TOP (1) name FROM sys.certificates WHERE pvt_key_encryption_type = 'MK' ORDER BY name",
            )
            .batch();
        let answer = connection.look(batch).await?;
        let first = |set: usize| {
            answer
                .rows(set)
                .next()
                .map(|row| row.text("name"))
                .transpose()
        };
        let statement = if let Some(key) = first(0)? {
            Statement::new("SELECT DATALENGTH(DECRYPTBYASYMKEY(ASYMKEY_ID(")
                .literal(key)
                .text("), ENCRYPTBYASYMKEY(ASYMKEY_ID(")
                .literal(key)
                .text("), 0x50))) AS opened")
        } else if let Some(certificate) = first(1)? {
            of_certificate(certificate, None)
        } else {
            return Ok(ProbeResult::NothingToProbe);
        };
        // A key that can't be opened shows as NULL or as error 15581; which of the two is unconfirmed.
        let opens = match connection.look(statement.batch()).await {
            Ok(answer) => answer.first()?.integer_or_null("opened")? == Some(1),
            Err(error) if error.has_number(&[numbers::MASTER_KEY_CLOSED, 15466]) => false,
            Err(error) => return Err(error),
        };
        Ok(if opens {
            ProbeResult::Opens
        } else {
            ProbeResult::DoesNotOpen
        })
    }
}

/// Tries the private key of a certificate of the session's database, with its own password where it
/// has one: 1 where it opens.
pub(crate) fn of_certificate(name: &str, password: Option<&Secret>) -> Statement {
    let statement = Statement::new("SELECT DATALENGTH(DECRYPTBYCERT(CERT_ID(")
        .literal(name)
        .text("), ENCRYPTBYCERT(CERT_ID(")
        .literal(name)
        .text("), 0x50)");
    let statement = match password {
        Some(password) => statement.text(", ").secret(password),
        None => statement,
    };
    statement.text(")) AS opened")
}

impl fmt::Display for KeyProbe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.database, self.result)
    }
}

impl fmt::Display for ProbeResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::DoesNotOpen => "does not open",
            Self::NothingToProbe => "nothing to try it on",
            Self::Opens => "opens",
        })
    }
}
