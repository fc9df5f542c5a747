use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::backup::{CertificateBackup, explain_closed};
use super::inspect::{By, CertificateInfo, PrivateKey};
use super::target;
use crate::context::Context;
use crate::error::{Effect, Error, ErrorKind, Result};
use crate::names::{DatabaseName, KeyName, ServerPath, SqlInstance};
use crate::operation::{Description, Observation, Operation, required, sealed::Sealed, shown};
use crate::permission::Permission;
use crate::progress::Progress;
use crate::secret::{Secret, SecretRef};
use crate::sql::connection::Connection;
use crate::sql::file_examination::FileExamination;
use crate::sql::key_probe::{self, ProbeResult};
use crate::sql::permission_check;
use crate::sql::statement::Statement;
use crate::sql::{key_file, key_file_password, numbers};

const NAME: &str = "restore certificate";

/// Puts a certificate with its private key from two files into a database.
///
/// # Contract
/// * Nothing is replaced: a certificate of that name, or of that thumbprint under any name, is left
///   as it is.
/// * The private key comes under the master key of the database, which must be there and open, or
///   under a password ([`protected_by`](Self::protected_by)). Encrypted databases and backups open
///   only with a certificate of `master` under its master key.
/// * With [`expecting`](Self::expecting) the files must be the ones that were written, and the
///   thumbprint that the certificate has afterwards the one that it had.
/// * The private key is tried afterwards.
///
/// # Errors
/// `InvalidInput`, `NotFound` (database, files, no master key), `AlreadyExists`, `Corrupt` (files),
/// `KeyMismatch` (wrong password, the master key does not open), `PermissionDenied` (CREATE
/// CERTIFICATE): nothing was changed. `Unknown` when the answer was lost; `Done` when the certificate
/// was made and is not the expected one, or its private key does not open.
///
/// # Cancel safety
/// Dropping the future may leave the certificate there: observe.
///
/// # T-SQL
/// `CREATE CERTIFICATE […] FROM FILE = N'…' WITH PRIVATE KEY (FILE = N'…', DECRYPTION BY PASSWORD = N'***' [, ENCRYPTION BY PASSWORD = N'***'])`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[must_use]
pub struct RestoreCertificate {
    instance: SqlInstance,
    database: DatabaseName,
    certificate: KeyName,
    file: Option<ServerPath>,
    private_key_file: Option<ServerPath>,
    decrypted_by: Option<SecretRef>,
    protected_by: Option<SecretRef>,
    expecting: Option<Expected>,
}

/// What must come out of the files.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Expected {
    thumbprint: String,
    file_sha256: Option<String>,
    private_key_sha256: Option<String>,
}

/// A certificate that was restored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RestoredCertificate {
    /// The certificate, as it is now.
    pub certificate: CertificateInfo,
    /// What was seen of its file before.
    pub examination: FileExamination,
    /// What was seen of its private key's file.
    pub private_key_examination: FileExamination,
    /// Whether the private key opens.
    pub probe: ProbeResult,
}

impl RestoreCertificate {
    pub(super) const fn new(
        instance: SqlInstance,
        database: DatabaseName,
        certificate: KeyName,
    ) -> Self {
        Self {
            instance,
            database,
            certificate,
            file: None,
            private_key_file: None,
            decrypted_by: None,
            protected_by: None,
            expecting: None,
        }
    }

    /// The file of the certificate. Required.
    pub fn from_file(mut self, file: ServerPath) -> Self {
        self.file = Some(file);
        self
    }

    /// The file of its private key. Required.
    pub fn private_key_from_file(mut self, file: ServerPath) -> Self {
        self.private_key_file = Some(file);
        self
    }

    /// The password of the private key's file. Required.
    pub fn decrypted_by(mut self, password: SecretRef) -> Self {
        self.decrypted_by = Some(password);
        self
    }

    /// A password that shall protect the private key in the database, in place of its master key.
    pub fn protected_by(mut self, password: SecretRef) -> Self {
        self.protected_by = Some(password);
        self
    }

    /// The backup that the files must be of: by their hashes, where these were read, and by the
    /// thumbprint.
    pub fn expecting(mut self, backup: &CertificateBackup) -> Self {
        let hash = |examination: &FileExamination| match examination {
            FileExamination::Hashed { sha256, .. } => Some(sha256.clone()),
            _ => None,
        };
        self.expecting = Some(Expected {
            thumbprint: backup.certificate.thumbprint.clone(),
            file_sha256: hash(&backup.examination),
            private_key_sha256: hash(&backup.private_key_examination),
        });
        self
    }

    /// The thumbprint that the certificate must have, in hexadecimal, such as an encrypted backup
    /// names it.
    pub fn expecting_thumbprint(mut self, thumbprint: impl Into<String>) -> Self {
        let thumbprint = thumbprint.into().to_lowercase();
        self.expecting = Some(Expected {
            thumbprint: thumbprint.trim_start_matches("0x").to_owned(),
            file_sha256: None,
            private_key_sha256: None,
        });
        self
    }

    fn target(&self) -> String {
        target(&self.instance, &self.database, &self.certificate)
    }

    fn statement(&self, file: &str, private_key: &str) -> Statement {
        Statement::new("CREATE CERTIFICATE ")
            .identifier(self.certificate.as_str())
            .text(" FROM FILE = ")
            .literal(file)
            .text(" WITH PRIVATE KEY (FILE = ")
            .literal(private_key)
            .text(", DECRYPTION BY PASSWORD = ")
    }

    async fn restore(&self, cx: &Context) -> Result<RestoredCertificate> {
        let file = required(self.file.as_ref(), "from_file")?;
        let private_key_file = required(self.private_key_file.as_ref(), "private_key_from_file")?;
        let decrypted_by = required(self.decrypted_by.as_ref(), "decrypted_by")?;
        cx.check_path("from_file", file)?;
        cx.check_path("private_key_from_file", private_key_file)?;
        let password = key_file_password::fetch(cx, "decrypted_by", decrypted_by).await?;
        let own = match &self.protected_by {
            Some(name) => Some(key_file_password::fetch_new(cx, "protected_by", name).await?),
            None => None,
        };

        let mut connection = Connection::open(cx, &self.instance, None).await?;
        let identity = connection.identity();
        identity.refuse_listener(&self.instance)?;
        identity.refuse_foreign_path("from_file", file)?;
        identity.refuse_foreign_path("private_key_from_file", private_key_file)?;
        self.refuse_existing(&mut connection).await?;
        self.enter(&mut connection, own.is_some()).await?;
        let expected = self.expecting.as_ref();
        let hash = expected.and_then(|expected| expected.file_sha256.as_deref());
        let examination = key_file::examine(&mut connection, "from_file", file, hash).await?;
        let hash = expected.and_then(|expected| expected.private_key_sha256.as_deref());
        let private_key_examination = key_file::examine(
            &mut connection,
            "private_key_from_file",
            private_key_file,
            hash,
        )
        .await?;

        cx.safe_point()?;
        cx.report(&Progress::Doing {
            operation: NAME,
            what: "make the certificate from its files",
        });
        let mut statement = self
            .statement(file.as_str(), private_key_file.as_str())
            .secret(&password);
        let mut secrets = vec![&password];
        if let Some(own) = &own {
            statement = statement.text(", ENCRYPTION BY PASSWORD = ").secret(own);
            secrets.push(own);
        }
        let deadline = Some(cx.deadlines().key);
        connection
            .change(statement.text(")").batch(), &secrets, deadline)
            .await?
            .or_error()
            .map_err(explain)?;
        drop(connection);

        let (certificate, probe) = self
            .check(cx, own.as_ref())
            .await
            .map_err(|error| error.with_effect(Effect::Done))?;
        Ok(RestoredCertificate {
            certificate,
            examination,
            private_key_examination,
            probe,
        })
    }

    /// Leaves what is there as it is.
    async fn refuse_existing(&self, connection: &mut Connection<'_>) -> Result<()> {
        let named = CertificateInfo::read(connection, &self.database, By::Name(&self.certificate));
        let mut found = named.await?;
        if let (None, Some(expected)) = (&found, &self.expecting) {
            let by = By::Thumbprint(&expected.thumbprint);
            found = CertificateInfo::read(connection, &self.database, by).await?;
        }
        let Some(found) = found else {
            return Ok(());
        };
        let is_expected = self
            .expecting
            .as_ref()
            .is_some_and(|expected| expected.thumbprint == found.thumbprint);
        let (what, remedy) = match (is_expected, found.private_key) {
            (true, PrivateKey::Absent) => (
                "it is the expected certificate, without its private key",
                "drop it (DROP CERTIFICATE) if nothing uses it, then restore it with its private key",
            ),
            (true, _) => (
                "it is the expected certificate, with its private key",
                "nothing needs to be done",
            ),
            (false, _) => ("it is another certificate", "restore it under another name"),
        };
        Err(Error::new(
            ErrorKind::AlreadyExists,
            format!(
                "{} in {} has the thumbprint 0x{}: {what}",
                found.name, self.database, found.thumbprint
            ),
        )
        .with_remedy(remedy))
    }

    /// Enters the database, where the master key must be, and the right to make a certificate.
    async fn enter(&self, connection: &mut Connection<'_>, has_own_password: bool) -> Result<()> {
        let batch = Statement::new("USE ")
            .identifier(self.database.as_str())
            .text(
                "; SELECT HAS_PERMS_BY_NAME(DB_NAME(), N'DATABASE', N'CREATE CERTIFICATE') AS allowed, \
                 HAS_PERMS_BY_NAME(DB_NAME(), N'DATABASE', N'VIEW DEFINITION') AS can_see, \
                 (SELECT COUNT(*) FROM sys.symmetric_keys WHERE symmetric_key_id = 101) AS master_keys",
            )
            .batch();
        let answer = connection.look(batch).await?;
        let row = answer.first()?;
        if !row.is("allowed")? {
            let create = Permission::database("CREATE CERTIFICATE", &self.database);
            return Err(permission_check::lacks(&[&create]));
        }
        let lacks_master_key = row.is("can_see")? && row.integer("master_keys")? == 0;
        if lacks_master_key && !has_own_password {
            return Err(Error::new(
                ErrorKind::NotFound,
                format!("{} has no master key, under which the private key would come", self.database),
            )
            .with_remedy("create one there first (CREATE MASTER KEY ENCRYPTION BY PASSWORD), or say a password with .protected_by(…)"));
        }
        Ok(())
    }

    /// Looks at what was made, and tries the private key in a new session.
    async fn check(
        &self,
        cx: &Context,
        own: Option<&Secret>,
    ) -> Result<(CertificateInfo, ProbeResult)> {
        let mut connection = Connection::open(cx, &self.instance, None).await?;
        let made =
            CertificateInfo::require(&mut connection, &self.database, &self.certificate).await?;
        if let Some(expected) = &self.expecting
            && expected.thumbprint != made.thumbprint
        {
            return Err(Error::new(
                ErrorKind::KeyMismatch,
                format!(
                    "the certificate that the files hold has the thumbprint 0x{}, and 0x{} was expected",
                    made.thumbprint, expected.thumbprint
                ),
            )
            .with_remedy(format!(
                "drop it (DROP CERTIFICATE {} in {}) and find the right files",
                self.certificate, self.database
            )));
        }
        let enter = Statement::new("USE ").identifier(self.database.as_str());
        connection.look(enter.batch()).await?;
        let probe = key_probe::of_certificate(self.certificate.as_str(), own);
        let secrets: Vec<&Secret> = own.into_iter().collect();
        let deadline = Some(cx.deadlines().look);
        let answer = connection
            .change(probe.batch(), &secrets, deadline)
            .await?
            .or_error();
        let opens = match answer {
            Ok(answer) => answer.first()?.integer_or_null("opened")? == Some(1),
            // What a private key that does not open raises is unconfirmed: NULL, or one of these.
            Err(error) if error.kind() == ErrorKind::KeyMismatch => false,
            Err(error) => return Err(error),
        };
        if opens {
            return Ok((made, ProbeResult::Opens));
        }
        Err(Error::new(
            ErrorKind::KeyMismatch,
            "the certificate was made, and its private key does not open here",
        )
        .with_remedy("look at the master key of the database (DatabaseMasterKey::inspect), drop the certificate and restore it again"))
    }
}

/// Says what SQL Server's refusal means.
fn explain(error: Error) -> Error {
    let (kind, problem, remedy) = if error.has_number(&[numbers::CERTIFICATE_FILE]) {
        (
            ErrorKind::Corrupt,
            "SQL Server error 15208: one of the files is missing, not readable by the service account, or not of a certificate; SQL Server does not tell which",
            "check both paths and hashes against what was kept when the certificate was backed up",
        )
    } else if error.has_number(&[numbers::CERTIFICATE_DATA]) {
        (
            ErrorKind::Corrupt,
            "SQL Server error 15297: the private key does not belong to the certificate, or the data is damaged",
            "give the two files of one backup",
        )
    } else {
        return explain_closed(error);
    };
    Error::new(kind, problem)
        .with_messages(error.sql_messages().to_vec())
        .with_remedy(remedy)
}

impl Sealed for RestoreCertificate {}

#[async_trait]
impl Operation for RestoreCertificate {
    type Output = RestoredCertificate;

    fn describe(&self) -> Description {
        let file = shown(self.file.as_ref(), "from_file");
        let private_key = shown(self.private_key_file.as_ref(), "private_key_from_file");
        let end = if self.protected_by.is_some() {
            "'***', ENCRYPTION BY PASSWORD = '***')"
        } else {
            "'***')"
        };
        Description {
            target: self.target(),
            action: "put the certificate of two files, with its private key, into the database"
                .to_owned(),
            script: vec![
                Statement::new("USE ")
                    .identifier(self.database.as_str())
                    .shown(),
                self.statement(&file, &private_key).text(end).shown(),
            ],
            hazards: Vec::new(),
            permissions: vec![Permission::database("CREATE CERTIFICATE", &self.database)],
        }
    }

    /// Told by the thumbprint, where one is expected; else a certificate of that name may be any.
    async fn observe(&self, cx: &Context) -> Result<Observation> {
        let look = async {
            let mut connection = Connection::open(cx, &self.instance, None).await?;
            let by = By::Name(&self.certificate);
            let found = CertificateInfo::read(&mut connection, &self.database, by).await?;
            Ok(match (found, &self.expecting) {
                (None, _) => Observation::NotDone,
                (Some(found), Some(expected)) if found.thumbprint == expected.thumbprint => {
                    if found.private_key == PrivateKey::Absent {
                        Observation::Partial {
                            state: "the certificate is there without its private key".to_owned(),
                        }
                    } else {
                        Observation::Done
                    }
                }
                (Some(found), _) => Observation::Indeterminate {
                    seen: format!(
                        "{} is there, with the thumbprint 0x{}",
                        found.name, found.thumbprint
                    ),
                },
            })
        };
        look.await
            .map_err(|error: Error| error.at(NAME, self.target()))
    }

    async fn run(&self, cx: &Context) -> Result<Self::Output> {
        crate::sql::tell(cx, NAME, &self.target(), self.restore(cx)).await
    }
}
