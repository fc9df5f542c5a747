use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::inspect::{CertificateInfo, PrivateKey, permission};
use super::target;
use crate::context::Context;
use crate::error::{Effect, Error, ErrorKind, Result};
use crate::names::{DatabaseName, KeyName, ServerPath, SqlInstance};
use crate::operation::{Description, Observation, Operation, required, sealed::Sealed, shown};
use crate::progress::Progress;
use crate::secret::SecretRef;
use crate::sql::connection::Connection;
use crate::sql::file_examination::{self, Existence, FileExamination};
use crate::sql::statement::Statement;
use crate::sql::{key_file, key_file_password, numbers};

const NAME: &str = "back up certificate";

/// Backs a certificate up to two files of the server: the certificate, and its private key under a
/// password.
///
/// # Contract
/// * Without its private key a certificate opens nothing, so it is never backed up without.
/// * Both files must be new, the password is checked before anything is sent, and both files are
///   examined through SQL afterwards.
/// * The thumbprint is read before and after.
/// * The database is not written to, but for the date of the key's last backup that SQL Server keeps.
///
/// # Errors
/// `InvalidInput` (password, paths), `NotFound` (database, certificate, folder), `KeyMismatch` (it
/// has no private key, or that does not open), `PermissionDenied` (CONTROL on the certificate),
/// `AlreadyExists`: nothing was changed, but with effect `Partial` or `Unknown` the certificate's
/// file may be left, without a private key. With effect `Done` SQL Server reported success and a
/// file was then not found whole.
///
/// # Cancel safety
/// Dropping the future may leave files of those names behind.
///
/// # T-SQL
/// `BACKUP CERTIFICATE […] TO FILE = N'…' WITH PRIVATE KEY (FILE = N'…', ENCRYPTION BY PASSWORD = N'***' [, DECRYPTION BY PASSWORD = N'***'])`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[must_use]
pub struct BackUpCertificate {
    instance: SqlInstance,
    database: DatabaseName,
    certificate: KeyName,
    file: Option<ServerPath>,
    private_key_file: Option<ServerPath>,
    encrypted_by: Option<SecretRef>,
    opened_by: Option<SecretRef>,
}

/// A certificate that was backed up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct CertificateBackup {
    /// The certificate, as it was.
    pub certificate: CertificateInfo,
    /// The file of the certificate, as the server sees it.
    pub file: ServerPath,
    /// What was seen of it afterwards.
    pub examination: FileExamination,
    /// The file of its private key.
    pub private_key_file: ServerPath,
    /// What was seen of that.
    pub private_key_examination: FileExamination,
    /// The name of the private key file's password.
    pub encrypted_by: SecretRef,
}

impl BackUpCertificate {
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
            encrypted_by: None,
            opened_by: None,
        }
    }

    /// The file of the certificate to write. Required.
    pub fn to_file(mut self, file: ServerPath) -> Self {
        self.file = Some(file);
        self
    }

    /// The file of its private key to write. Required.
    pub fn private_key_to_file(mut self, file: ServerPath) -> Self {
        self.private_key_file = Some(file);
        self
    }

    /// The password of the private key's file. Required.
    pub fn encrypted_by(mut self, password: SecretRef) -> Self {
        self.encrypted_by = Some(password);
        self
    }

    /// The password that protects the private key in the database, where one does.
    pub fn opened_by(mut self, password: SecretRef) -> Self {
        self.opened_by = Some(password);
        self
    }

    fn target(&self) -> String {
        target(&self.instance, &self.database, &self.certificate)
    }

    fn files(&self, cx: &Context) -> Result<(&ServerPath, &ServerPath)> {
        let file = required(self.file.as_ref(), "to_file")?;
        let private_key = required(self.private_key_file.as_ref(), "private_key_to_file")?;
        cx.check_path("to_file", file)?;
        cx.check_path("private_key_to_file", private_key)?;
        if file.as_str().eq_ignore_ascii_case(private_key.as_str()) {
            return Err(
                Error::invalid("private_key_to_file", "it is the certificate's own file")
                    .with_remedy("the certificate and its private key are two files; name each"),
            );
        }
        Ok((file, private_key))
    }

    fn statement(&self, file: &str, private_key: &str) -> Statement {
        Statement::new("BACKUP CERTIFICATE ")
            .identifier(self.certificate.as_str())
            .text(" TO FILE = ")
            .literal(file)
            .text(" WITH PRIVATE KEY (FILE = ")
            .literal(private_key)
            .text(", ENCRYPTION BY PASSWORD = ")
    }

    async fn back_up(&self, cx: &Context) -> Result<CertificateBackup> {
        let (file, private_key_file) = self.files(cx)?;
        let encrypted_by = required(self.encrypted_by.as_ref(), "encrypted_by")?;
        let password = key_file_password::fetch_new(cx, "encrypted_by", encrypted_by).await?;
        let own = match &self.opened_by {
            Some(name) => Some(key_file_password::fetch(cx, "opened_by", name).await?),
            None => None,
        };

        let permissions = self.describe().permissions;
        let mut connection =
            Connection::open_allowed(cx, &self.instance, Some(&self.database), &permissions)
                .await?;
        let identity = connection.identity();
        identity.refuse_listener(&self.instance)?;
        identity.refuse_foreign_path("to_file", file)?;
        identity.refuse_foreign_path("private_key_to_file", private_key_file)?;
        let before =
            CertificateInfo::require(&mut connection, &self.database, &self.certificate).await?;
        require_private_key(&before, own.is_some())?;
        for (field, path) in [("to_file", file), ("private_key_to_file", private_key_file)] {
            if let Some(existence) = Existence::of(&mut connection, path).await? {
                existence.require_free(field, path)?;
            }
        }
        let enter = Statement::new("USE ").identifier(self.database.as_str());
        connection.look(enter.batch()).await?;

        cx.safe_point()?;
        cx.report(&Progress::Doing {
            operation: NAME,
            what: "write the certificate and its private key",
        });
        let mut statement = self
            .statement(file.as_str(), private_key_file.as_str())
            .secret(&password);
        let mut secrets = vec![&password];
        if let Some(own) = &own {
            statement = statement.text(", DECRYPTION BY PASSWORD = ").secret(own);
            secrets.push(own);
        }
        let deadline = Some(cx.deadlines().key);
        let answer = connection
            .change(statement.text(")").batch(), &secrets, deadline)
            .await?;
        if let Err(error) = answer.or_error() {
            return Err(explain(&mut connection, error, file, private_key_file).await);
        }
        let examination = key_file::examine_written(&mut connection, file).await?;
        let private_key_examination =
            key_file::examine_written(&mut connection, private_key_file).await?;
        let certificate = self
            .check_same(&mut connection, &before)
            .await
            .map_err(|error| error.with_effect(Effect::Done))?;
        Ok(CertificateBackup {
            certificate,
            file: file.clone(),
            examination,
            private_key_file: private_key_file.clone(),
            private_key_examination,
            encrypted_by: encrypted_by.clone(),
        })
    }

    /// Somebody may have dropped the certificate and made another of that name meanwhile.
    async fn check_same(
        &self,
        connection: &mut Connection<'_>,
        before: &CertificateInfo,
    ) -> Result<CertificateInfo> {
        let after = CertificateInfo::require(connection, &self.database, &self.certificate).await?;
        if after.thumbprint == before.thumbprint {
            return Ok(after);
        }
        Err(Error::new(
            ErrorKind::KeyMismatch,
            format!(
                "the certificate had the thumbprint 0x{} before and has 0x{} now: which of them is in the files can't be told",
                before.thumbprint, after.thumbprint
            ),
        )
        .with_remedy("back it up again under fresh names"))
    }
}

/// Refuses a certificate whose private key isn't there, or whose password wasn't said.
fn require_private_key(certificate: &CertificateInfo, has_password: bool) -> Result<()> {
    match certificate.private_key {
        PrivateKey::Absent => Err(Error::new(
            ErrorKind::KeyMismatch,
            "the certificate has no private key here, and without one it opens nothing",
        )
        .with_remedy("back it up on the server that has its private key")),
        PrivateKey::ByPassword if !has_password => Err(Error::invalid(
            "opened_by",
            "the private key is protected by a password, and none was said",
        )
        .with_remedy("call .opened_by(…) with the name of that password")),
        _ => Ok(()),
    }
}

/// Says what SQL Server's refusal means and what is left. That the certificate's file is written
/// before the private key's, and stays, is unconfirmed: so it is looked at.
async fn explain(
    connection: &mut Connection<'_>,
    error: Error,
    file: &ServerPath,
    private_key_file: &ServerPath,
) -> Error {
    let messages = error.sql_messages().to_vec();
    let unwritable = messages
        .iter()
        .find(|message| message.number == numbers::CANNOT_WRITE_KEY_FILE);
    let is_of_private_key =
        unwritable.is_some_and(|message| message.text.contains(private_key_file.as_str()));
    let error = match unwritable {
        Some(_) if is_of_private_key => {
            file_examination::explain_unwritable(connection, private_key_file, &messages).await
        }
        Some(_) => return file_examination::explain_unwritable(connection, file, &messages).await,
        None => explain_closed(error),
    };
    match Existence::of(connection, file).await {
        Ok(Some(Existence { is_file: false, .. })) => error,
        Ok(Some(_)) => error.with_effect(Effect::Partial).with_remedy(format!(
            "{file} is left, without a private key; remove it, or choose fresh names"
        )),
        _ => error.with_effect(Effect::Unknown).with_remedy(format!(
            "{file} may be left, without a private key; choose fresh names"
        )),
    }
}

/// Says of a private key that does not open what to do.
pub(super) fn explain_closed(error: Error) -> Error {
    let (problem, remedy) = if error.has_number(&[numbers::MASTER_KEY_CLOSED]) {
        (
            "the master key of the database, which protects the private key, does not open by itself on this instance (or there is none)",
            "mend it first: DatabaseMasterKey::protect_by_service_master_key, or create one in the database",
        )
    } else if error.has_number(&numbers::WRONG_PRIVATE_KEY_PASSWORD) {
        (
            "the private key does not open: the password is wrong, or there is no private key",
            "check the password against what was kept when it was made",
        )
    } else {
        return error;
    };
    Error::new(ErrorKind::KeyMismatch, problem)
        .with_messages(error.sql_messages().to_vec())
        .with_remedy(remedy)
}

impl Sealed for BackUpCertificate {}

#[async_trait]
impl Operation for BackUpCertificate {
    type Output = CertificateBackup;

    fn describe(&self) -> Description {
        let file = shown(self.file.as_ref(), "to_file");
        let private_key = shown(self.private_key_file.as_ref(), "private_key_to_file");
        let end = if self.opened_by.is_some() {
            "'***', DECRYPTION BY PASSWORD = '***')"
        } else {
            "'***')"
        };
        Description {
            target: self.target(),
            action: "back the certificate and its private key up to two files of the server"
                .to_owned(),
            script: vec![
                Statement::new("USE ")
                    .identifier(self.database.as_str())
                    .shown(),
                self.statement(&file, &private_key).text(end).shown(),
            ],
            hazards: Vec::new(),
            permissions: vec![permission("CONTROL", &self.database, &self.certificate)],
        }
    }

    /// Whether the files hold the key only a restore can prove; the way on is another backup under
    /// fresh names.
    async fn observe(&self, cx: &Context) -> Result<Observation> {
        let look = async {
            let (file, private_key_file) = self.files(cx)?;
            let mut connection = Connection::open(cx, &self.instance, None).await?;
            let identity = connection.identity();
            identity.refuse_foreign_path("to_file", file)?;
            identity.refuse_foreign_path("private_key_to_file", private_key_file)?;
            let first = key_file::observe_written(&mut connection, file).await?;
            let second = key_file::observe_written(&mut connection, private_key_file).await?;
            Ok(match (first, second) {
                (Observation::NotDone, Observation::NotDone) => Observation::NotDone,
                (Observation::NotDone, _) | (_, Observation::NotDone) => Observation::Partial {
                    state: format!("of {file} and {private_key_file} one exists"),
                },
                (Observation::Indeterminate { .. }, second) => second,
                (first, _) => first,
            })
        };
        look.await
            .map_err(|error: Error| error.at(NAME, self.target()))
    }

    async fn run(&self, cx: &Context) -> Result<Self::Output> {
        crate::sql::tell(cx, NAME, &self.target(), self.back_up(cx)).await
    }
}
