use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::DatabaseMasterKey;
use crate::context::Context;
use crate::error::{Effect, Error, ErrorKind, Result};
use crate::hazard::Hazard;
use crate::names::{DatabaseName, ServerPath, SqlInstance};
use crate::operation::{Description, Observation, Operation, required, sealed::Sealed, shown};
use crate::permission::Permission;
use crate::progress::Progress;
use crate::secret::SecretRef;
use crate::sql::connection::Connection;
use crate::sql::database::{Database, DatabaseBackup, DatabaseInfo};
use crate::sql::key_probe::{KeyProbe, ProbeResult};
use crate::sql::service_master_key::ServiceMasterKey;
use crate::sql::statement::Statement;
use crate::sql::throwaway;

const NAME: &str = "re-wrap database master key through a scratch instance";

/// Makes, on a scratch instance, of a backup that opens only under its old service master key one that
/// opens by a password: no neighbour of the target is touched.
///
/// Key and database are restored on the scratch instance, the master key there gets a password, and the
/// database is backed up again. On the target the new backup is restored and
/// [re-wrapped](super::ProtectByServiceMasterKey) by that password. (Experience of the field; each of the
/// statements is documented to do what is asked of it here.)
///
/// # Contract
/// * Nothing lives under the scratch instance's service master key, and it is not newer than the
///   target, which could not read its backup. Both are looked at, not believed.
/// * The password must have the strength of a generated one: whoever has it and the new backup reads
///   everything.
/// * At the end the database is dropped there and the scratch instance's key made anew, so that
///   neither stays.
///
/// # Errors
/// `ConsentRequired` (something lives under the scratch instance's key), `Incompatible` (it is newer
/// than the target, or older than the backup), `KeyMismatch` (wrong password, no key file, or the
/// database does not open under that key), and those of the steps: nothing was changed. `Partial` when
/// something is left on the scratch instance.
///
/// # Cancel safety
/// Dropping the future may leave key and database on the scratch instance: throw it away.
///
/// # T-SQL
/// `RESTORE SERVICE MASTER KEY …; RESTORE DATABASE …; ALTER MASTER KEY ADD ENCRYPTION BY PASSWORD = N'***';
/// BACKUP DATABASE …; DROP DATABASE …; ALTER SERVICE MASTER KEY REGENERATE`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[must_use]
pub struct RewrapThroughScratch {
    scratch: SqlInstance,
    database: DatabaseName,
    target: Option<SqlInstance>,
    key_file: Option<ServerPath>,
    decrypted_by: Option<SecretRef>,
    backup: Option<ServerPath>,
    password: Option<SecretRef>,
    to_file: Option<ServerPath>,
}

/// A backup that opens by a password.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RewrappedBackup {
    /// The new backup.
    pub backup: DatabaseBackup,
    /// The name of the password that opens the master key in it.
    pub password: SecretRef,
}

impl RewrapThroughScratch {
    pub(super) const fn new(scratch: SqlInstance, database: DatabaseName) -> Self {
        Self {
            scratch,
            database,
            target: None,
            key_file: None,
            decrypted_by: None,
            backup: None,
            password: None,
            to_file: None,
        }
    }

    /// The instance that the new backup is for. Required.
    pub fn for_target(mut self, target: &SqlInstance) -> Self {
        self.target = Some(target.clone());
        self
    }

    /// The file of the old service master key, as the scratch instance sees it. Required.
    pub fn key_file(mut self, file: ServerPath) -> Self {
        self.key_file = Some(file);
        self
    }

    /// The password of the key file. Required.
    pub fn decrypted_by(mut self, password: SecretRef) -> Self {
        self.decrypted_by = Some(password);
        self
    }

    /// The backup of the database, as the scratch instance sees it. Required.
    pub fn from_file(mut self, file: ServerPath) -> Self {
        self.backup = Some(file);
        self
    }

    /// The password that shall open the master key. Required.
    pub fn password(mut self, password: SecretRef) -> Self {
        self.password = Some(password);
        self
    }

    /// The new backup to write, as the scratch instance sees it. Required.
    pub fn to_file(mut self, file: ServerPath) -> Self {
        self.to_file = Some(file);
        self
    }

    async fn rewrap(&self, cx: &Context) -> Result<RewrappedBackup> {
        let target = required(self.target.as_ref(), "for_target")?;
        let to_file = required(self.to_file.as_ref(), "to_file")?;
        let password = required(self.password.as_ref(), "password")?;
        required(self.key_file.as_ref(), "key_file")?;
        required(self.backup.as_ref(), "from_file")?;
        cx.check_path("to_file", to_file)?;
        let target_version = Connection::open(cx, target, None)
            .await?
            .identity()
            .major_version();
        let mut connection = Connection::open(cx, &self.scratch, None).await?;
        let identity = connection.identity();
        identity.refuse_foreign_path("to_file", to_file)?;
        if identity.major_version() > target_version {
            return Err(Error::new(
                ErrorKind::Incompatible,
                format!(
                    "the scratch instance has version {}, the target {target_version}, which could not read its backup",
                    identity.major_version()
                ),
            )
            .with_remedy("use a scratch instance that is not newer than the target"));
        }
        throwaway::require(&mut connection, &self.database).await?;
        let mut family = None;
        let made = self.make(cx, to_file, password, &mut family).await;
        // Neither key nor database must stay, whatever came of it.
        let cleaned = throwaway::clean(&mut connection, &self.database, family.as_deref()).await;
        match (made, cleaned) {
            (Ok(backup), Ok(())) => Ok(RewrappedBackup {
                backup,
                password: password.clone(),
            }),
            (Err(error), Ok(())) => Err(error.with_effect(Effect::None)),
            (_, Err(error)) => Err(error
                .with_effect(Effect::Partial)
                .with_remedy(throwaway::remedy(&self.database))),
        }
    }

    async fn make(
        &self,
        cx: &Context,
        to_file: &ServerPath,
        password: &SecretRef,
        family: &mut Option<String>,
    ) -> Result<DatabaseBackup> {
        let key_file = required(self.key_file.as_ref(), "key_file")?;
        let decrypted_by = required(self.decrypted_by.as_ref(), "decrypted_by")?;
        let from_file = required(self.backup.as_ref(), "from_file")?;
        let doing = |what| {
            cx.report(&Progress::Doing {
                operation: NAME,
                what,
            });
        };
        doing("restore key and database on the scratch instance");
        ServiceMasterKey::restore(&self.scratch)
            .from_file(key_file.clone())
            .decrypted_by(decrypted_by.clone())
            .run(cx)
            .await?;
        let restored = Database::restore(&self.scratch, &self.database)
            .from_file(from_file.clone())
            .run(cx)
            .await?;
        family.clone_from(&restored.database.family_guid);
        let mut fresh = Connection::open(cx, &self.scratch, None).await?;
        if KeyProbe::of(&mut fresh, &self.database).await? == ProbeResult::DoesNotOpen {
            return Err(Error::new(
                ErrorKind::KeyMismatch,
                "the database does not open under the key of the key file",
            )
            .with_remedy("key file and backup must come from the same instance and time"));
        }
        drop(fresh);
        doing("give the master key a password, and back the database up again");
        let seen = DatabaseMasterKey::inspect(&self.scratch, &self.database)
            .run(cx)
            .await?;
        DatabaseMasterKey::protect_by_password(&self.scratch, &self.database)
            .password(password.clone())
            .adding_to(&seen)
            .run(cx)
            .await?;
        Database::backup(&self.scratch, &self.database)
            .to_file(to_file.clone())
            .run(cx)
            .await
    }
}

impl Sealed for RewrapThroughScratch {}

#[async_trait]
impl Operation for RewrapThroughScratch {
    type Output = RewrappedBackup;

    fn describe(&self) -> Description {
        let name = self.database.as_str();
        let file = |file: &Option<ServerPath>, setter| shown(file.as_ref(), setter);
        Description {
            target: self.scratch.to_string(),
            action:
                "make, on a scratch instance, a backup of the database that opens by a password"
                    .to_owned(),
            script: vec![
                Statement::new("RESTORE SERVICE MASTER KEY FROM FILE = ")
                    .literal(&file(&self.key_file, "key_file"))
                    .text(" DECRYPTION BY PASSWORD = '***'")
                    .shown(),
                Statement::new("RESTORE DATABASE ")
                    .identifier(name)
                    .text(" FROM DISK = ")
                    .literal(&file(&self.backup, "from_file"))
                    .shown(),
                "ALTER MASTER KEY ADD ENCRYPTION BY PASSWORD = '***'".to_owned(),
                Statement::new("BACKUP DATABASE ")
                    .identifier(name)
                    .text(" TO DISK = ")
                    .literal(&file(&self.to_file, "to_file"))
                    .shown(),
                Statement::new("DROP DATABASE ").identifier(name).shown(),
                "ALTER SERVICE MASTER KEY REGENERATE".to_owned(),
            ],
            hazards: vec![
                Hazard::OpensByPassword {
                    database: self.database.to_string(),
                },
                Hazard::ReplacesServiceMasterKey {
                    dependents: Vec::new(),
                },
            ],
            permissions: vec![Permission::server("CONTROL SERVER")],
        }
    }

    /// The new backup is what counts; what is left of an attempt on the scratch instance is told.
    async fn observe(&self, cx: &Context) -> Result<Observation> {
        let look = async {
            let to_file = required(self.to_file.as_ref(), "to_file")?;
            let mut connection = Connection::open(cx, &self.scratch, None).await?;
            if DatabaseInfo::read(&mut connection, &self.database)
                .await?
                .is_some()
            {
                return Ok(Observation::Partial {
                    state: format!("the database {} is on the scratch instance", self.database),
                });
            }
            drop(connection);
            let found = Database::backup(&self.scratch, &self.database)
                .to_file(to_file.clone())
                .observe(cx)
                .await?;
            // That it opens by the password only a restore can show.
            Ok(match found {
                Observation::Done => Observation::Indeterminate {
                    seen: format!(
                        "{to_file} is whole; whether it opens by the password a restore shows"
                    ),
                },
                other => other,
            })
        };
        look.await
            .map_err(|error: Error| error.at(NAME, &self.scratch))
    }

    async fn run(&self, cx: &Context) -> Result<Self::Output> {
        super::super::tell(cx, NAME, &self.scratch, self.rewrap(cx)).await
    }
}
