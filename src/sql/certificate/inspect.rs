use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::target;
use crate::context::Context;
use crate::error::{Error, ErrorKind, Result};
use crate::names::{DatabaseName, KeyName, SqlInstance};
use crate::operation::{Description, Observation, Operation, sealed::Sealed};
use crate::permission::{Permission, Securable};
use crate::sql::answer::Row;
use crate::sql::connection::Connection;
use crate::sql::statement::Statement;

const NAME: &str = "inspect certificate";

/// Reads what the catalog shows of a certificate.
///
/// # Contract
/// Reads only.
///
/// # Errors
/// `NotFound` (no such database, or no such certificate that this login can see), and those of
/// connecting. Nothing is changed.
///
/// # Cancel safety
/// Dropping the future leaves nothing behind.
///
/// # T-SQL
/// `SELECT … FROM sys.certificates`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[must_use]
pub struct InspectCertificate {
    instance: SqlInstance,
    database: DatabaseName,
    certificate: KeyName,
}

/// A certificate, as the catalog shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct CertificateInfo {
    /// The instance, by its identity.
    pub server: String,
    /// The database.
    pub database: DatabaseName,
    /// Its name here. Another instance may have it under another one.
    pub name: KeyName,
    /// What it is everywhere, in hexadecimal: what encrypted databases and backups name it by.
    pub thumbprint: String,
    /// Its subject.
    pub subject: String,
    /// How its private key is protected.
    pub private_key: PrivateKey,
    /// When it expires. Databases and backups under it open after that too (documented of TDE).
    pub expires: Option<String>,
    /// When its private key was last backed up, server time. `None`: never on this server, or the
    /// login can't see.
    pub last_backup: Option<String>,
}

/// How the private key of a certificate is protected: `pvt_key_encryption_type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum PrivateKey {
    /// `NA`: it is not there.
    Absent,
    /// `MK`: by the master key of the database. TDE and backups take only such ones.
    ByMasterKey,
    /// `PW`: by a password of its own.
    ByPassword,
    /// By something that this version does not know.
    Other,
}

impl PrivateKey {
    fn of(code: &str) -> Self {
        match code.trim_end() {
            "NA" => Self::Absent,
            "MK" => Self::ByMasterKey,
            "PW" => Self::ByPassword,
            _ => Self::Other,
        }
    }
}

/// What a certificate is looked up by.
#[derive(Clone, Copy, Debug)]
pub(crate) enum By<'a> {
    Name(&'a KeyName),
    /// In hexadecimal.
    Thumbprint(&'a str),
}

impl InspectCertificate {
    pub(super) const fn new(
        instance: SqlInstance,
        database: DatabaseName,
        certificate: KeyName,
    ) -> Self {
        Self {
            instance,
            database,
            certificate,
        }
    }

    fn target(&self) -> String {
        target(&self.instance, &self.database, &self.certificate)
    }

    async fn inspect(&self, cx: &Context) -> Result<CertificateInfo> {
        let permissions = self.describe().permissions;
        let mut connection =
            Connection::open_allowed(cx, &self.instance, Some(&self.database), &permissions)
                .await?;
        CertificateInfo::require(&mut connection, &self.database, &self.certificate).await
    }
}

impl CertificateInfo {
    /// Reads the certificate, if it is there and the login can see it.
    pub(crate) async fn read(
        connection: &mut Connection<'_>,
        database: &DatabaseName,
        by: By<'_>,
    ) -> Result<Option<Self>> {
        let statement = Statement::new(
            "SELECT name, thumbprint, subject, pvt_key_encryption_type, expiry_date, \
             pvt_key_last_backup_date FROM ",
        )
        .identifier(database.as_str());
        let statement = match by {
            By::Name(name) => statement
                .text(".sys.certificates WHERE name = ")
                .literal(name.as_str()),
            By::Thumbprint(thumbprint) => statement
                .text(".sys.certificates WHERE thumbprint = ")
                .bytes(&hex::decode(thumbprint).unwrap_or_default()),
        };
        let answer = connection.look(statement.batch()).await?;
        let server = connection.identity().names();
        let Some(row) = answer.rows(0).next() else {
            return Ok(None);
        };
        Self::from_row(row, server, database).map(Some)
    }

    fn from_row(row: Row<'_>, server: String, database: &DatabaseName) -> Result<Self> {
        Ok(Self {
            server,
            database: database.clone(),
            name: row.text("name")?.parse()?,
            thumbprint: hex::encode(row.bytes_or_null("thumbprint")?.unwrap_or_default()),
            subject: row.text_or_null("subject")?.unwrap_or_default().to_owned(),
            private_key: PrivateKey::of(row.text("pvt_key_encryption_type")?),
            expires: row.time_or_null("expiry_date")?,
            last_backup: row.time_or_null("pvt_key_last_backup_date")?,
        })
    }

    /// The same, of one that must be there.
    pub(crate) async fn require(
        connection: &mut Connection<'_>,
        database: &DatabaseName,
        name: &KeyName,
    ) -> Result<Self> {
        Self::read(connection, database, By::Name(name))
            .await?
            .ok_or_else(|| {
                Error::new(
                    ErrorKind::NotFound,
                    format!("there is no certificate {name} in {database} that this login can see"),
                )
                .with_remedy("check the name in sys.certificates of that database, and that the login may see it (VIEW DEFINITION)")
            })
    }
}

/// The right on a certificate.
pub(super) fn permission(
    name: &'static str,
    database: &DatabaseName,
    certificate: &KeyName,
) -> Permission {
    let on = Securable::Certificate {
        database: database.clone(),
        certificate: certificate.clone(),
    };
    Permission::new(name, on)
}

impl Sealed for InspectCertificate {}

#[async_trait]
impl Operation for InspectCertificate {
    type Output = CertificateInfo;

    fn describe(&self) -> Description {
        Description {
            target: self.target(),
            action: "read what the catalog shows of the certificate".to_owned(),
            script: Vec::new(),
            hazards: Vec::new(),
            permissions: vec![permission(
                "VIEW DEFINITION",
                &self.database,
                &self.certificate,
            )],
        }
    }

    async fn observe(&self, _: &Context) -> Result<Observation> {
        Ok(Observation::NotDone)
    }

    async fn run(&self, cx: &Context) -> Result<Self::Output> {
        self.inspect(cx)
            .await
            .map_err(|error| error.at(NAME, self.target()))
    }
}
