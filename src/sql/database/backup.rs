use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::inspect::DatabaseInfo;
use super::verify::verify_set;
use crate::context::Context;
use crate::error::{Effect, Error, ErrorKind, Result};
use crate::names::{DatabaseName, ServerPath, SqlInstance};
use crate::operation::{Description, Observation, Operation, required, sealed::Sealed, shown};
use crate::permission::Permission;
use crate::progress::Progress;
use crate::sql::backup_set::BackupSet;
use crate::sql::connection::Connection;
use crate::sql::file_examination::Existence;
use crate::sql::server_identity::ServerIdentity;
use crate::sql::statement::Statement;
use crate::sql::watched;

const NAME: &str = "back up database";

/// Backs a database up to a new file of the server, and verifies it.
///
/// # Contract
/// * COPY_ONLY: the chain of the DBA's own backups is left alone. CHECKSUM, and COMPRESSION where
///   the edition has it.
/// * The file must be new. The set is verified afterwards, and its header read back.
///
/// # Errors
/// `NotFound` (database, folder), `AlreadyExists` (file), `PermissionDenied`, `NoSpace`, `Busy`.
/// Nothing was changed but, with effect `Partial` or `Unknown`, a file that may be left; it is
/// never read as a whole one. With effect `Done` the backup was made and did not verify.
///
/// # Cancel safety
/// Dropping the future closes the connection; the server then gives the backup up and may leave
/// part of a file.
///
/// # T-SQL
/// `BACKUP DATABASE […] TO DISK = N'…' WITH COPY_ONLY, CHECKSUM, COMPRESSION, FORMAT, INIT, STATS = 5`,
/// `RESTORE VERIFYONLY …`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[must_use]
pub struct BackUpDatabase {
    instance: SqlInstance,
    database: DatabaseName,
    file: Option<ServerPath>,
}

/// A database that was backed up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct DatabaseBackup {
    /// The file, as the server sees it.
    pub file: ServerPath,
    /// What its header says; it was verified.
    pub set: BackupSet,
    /// Who made it.
    pub server: ServerIdentity,
}

impl BackUpDatabase {
    pub(super) const fn new(instance: SqlInstance, database: DatabaseName) -> Self {
        Self {
            instance,
            database,
            file: None,
        }
    }

    /// The file to write. Required.
    pub fn to_file(mut self, file: ServerPath) -> Self {
        self.file = Some(file);
        self
    }

    fn target(&self) -> String {
        format!("database {} on {}", self.database, self.instance)
    }

    fn statement(&self, file: &str, has_compression: bool) -> Statement {
        Statement::new("BACKUP DATABASE ")
            .identifier(self.database.as_str())
            .text(" TO DISK = ")
            .literal(file)
            .text(" WITH COPY_ONLY, CHECKSUM, ")
            .text(if has_compression {
                "COMPRESSION, "
            } else {
                "NO_COMPRESSION, "
            })
            .text("FORMAT, INIT, STATS = 5")
    }

    /// CREATE ANY DATABASE is for reading the set back, which takes the right to make a database.
    fn permissions(&self) -> Vec<Permission> {
        vec![
            Permission::database("BACKUP DATABASE", &self.database),
            Permission::server("CREATE ANY DATABASE"),
        ]
    }

    /// What a whole set in the file says of this backup.
    async fn judge(
        &self,
        connection: &mut Connection<'_>,
        file: &ServerPath,
        set: &BackupSet,
    ) -> Result<Observation> {
        let database = DatabaseInfo::read(connection, &self.database).await?;
        let family = database.and_then(|database| database.family_guid);
        let is_ours = set.database_name.to_lowercase() == self.database.as_str().to_lowercase()
            && set
                .server_name
                .eq_ignore_ascii_case(&connection.identity().server_name)
            && (family.is_none() || family == set.family_guid);
        if !is_ours {
            return Ok(Observation::Indeterminate {
                seen: format!(
                    "{file} holds a backup of {} of {}",
                    set.database_name, set.server_name
                ),
            });
        }
        if set.require_whole_database().is_err() {
            return Ok(Observation::Partial {
                state: format!("{file} holds no whole backup"),
            });
        }
        match verify_set(connection, NAME, file, set).await {
            Ok(()) => Ok(Observation::Done),
            Err(error) if error.kind() == ErrorKind::Corrupt => Ok(Observation::Partial {
                state: error.detail().to_owned(),
            }),
            Err(error) => Err(error),
        }
    }

    async fn back_up(&self, cx: &Context) -> Result<DatabaseBackup> {
        let file = required(self.file.as_ref(), "to_file")?;
        cx.check_path("to_file", file)?;
        let permissions = self.permissions();
        let mut connection =
            Connection::open_allowed(cx, &self.instance, None, &permissions).await?;
        let identity = connection.identity();
        identity.refuse_foreign_path("to_file", file)?;
        let database = DatabaseInfo::require(&mut connection, &self.database).await?;
        if database.state != "ONLINE" {
            return Err(Error::new(
                ErrorKind::Busy,
                format!(
                    "the database is {}, and only an online one can be backed up",
                    database.state
                ),
            ));
        }
        require_absent(&mut connection, file).await?;

        cx.safe_point()?;
        cx.report(&Progress::Doing {
            operation: NAME,
            what: "write the backup",
        });
        let has_compression = connection.identity().can_compress();
        let batch = self.statement(file.as_str(), has_compression).batch();
        let answer = watched::change(&mut connection, NAME, batch).await?;
        if let Err(error) = answer.or_error() {
            let left = Existence::of(&mut connection, file).await.ok().flatten();
            let effect = match left {
                Some(Existence { is_file: false, .. }) => Effect::None,
                Some(_) => Effect::Partial,
                None => Effect::Unknown,
            };
            return Err(error.with_effect(effect));
        }

        cx.report(&Progress::Doing {
            operation: NAME,
            what: "verify the backup set",
        });
        let verified = async {
            let set = BackupSet::read(&mut connection, file, None).await?;
            set.require_whole_database()?;
            verify_set(&mut connection, NAME, file, &set).await?;
            if !set
                .database_name
                .eq_ignore_ascii_case(self.database.as_str())
            {
                return Err(Error::new(
                    ErrorKind::Corrupt,
                    format!("the file holds a backup of {}", set.database_name),
                ));
            }
            Ok(set)
        };
        let set = verified
            .await
            .map_err(|error: Error| error.with_effect(Effect::Done))?;
        Ok(DatabaseBackup {
            file: file.clone(),
            set,
            server: connection.identity().clone(),
        })
    }
}

/// Refuses a file that exists, or may: FORMAT would destroy it.
async fn require_absent(connection: &mut Connection<'_>, file: &ServerPath) -> Result<()> {
    if let Some(existence) = Existence::of(connection, file).await? {
        return existence.require_free("to_file", file);
    }
    // Without CONTROL SERVER the file system can't be asked, but a device can be looked at.
    let batch = Statement::new("RESTORE LABELONLY FROM DISK = ")
        .literal(file.as_str())
        .batch();
    let problem = match connection.look(batch).await {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) if error.sql_messages().is_empty() => return Err(error),
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            "this login can't tell whether it exists"
        }
        _ => "it exists already and is not overwritten",
    };
    Err(Error::new(
        ErrorKind::AlreadyExists,
        format!("to_file: {file}: {problem}"),
    )
    .with_remedy(
        "choose a fresh name, or use a login that has CONTROL SERVER or CREATE ANY DATABASE",
    ))
}

impl Sealed for BackUpDatabase {}

#[async_trait]
impl Operation for BackUpDatabase {
    type Output = DatabaseBackup;

    fn describe(&self) -> Description {
        let file = shown(self.file.as_ref(), "to_file");
        Description {
            target: self.target(),
            action: "back the database up to a new file and verify it".to_owned(),
            script: vec![
                self.statement(&file, true).shown(),
                Statement::new("RESTORE VERIFYONLY FROM DISK = ")
                    .literal(&file)
                    .text(" WITH FILE = 1, CHECKSUM, STATS = 5")
                    .shown(),
            ],
            hazards: Vec::new(),
            permissions: self.permissions(),
        }
    }

    async fn observe(&self, cx: &Context) -> Result<Observation> {
        let look = async {
            let file = required(self.file.as_ref(), "to_file")?;
            cx.check_path("to_file", file)?;
            let mut connection = Connection::open(cx, &self.instance, None).await?;
            let identity = connection.identity();
            identity.refuse_foreign_path("to_file", file)?;
            match BackupSet::read(&mut connection, file, None).await {
                Ok(set) => self.judge(&mut connection, file, &set).await,
                Err(error) => match error.kind() {
                    ErrorKind::NotFound => Ok(Observation::NotDone),
                    ErrorKind::Corrupt => Ok(Observation::Partial {
                        state: error.detail().to_owned(),
                    }),
                    ErrorKind::Busy => Ok(Observation::InProgress),
                    _ => Err(error),
                },
            }
        };
        look.await
            .map_err(|error: Error| error.at(NAME, self.target()))
    }

    async fn run(&self, cx: &Context) -> Result<Self::Output> {
        crate::sql::tell(cx, NAME, &self.target(), self.back_up(cx)).await
    }
}
