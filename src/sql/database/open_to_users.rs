use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::alteration;
use super::inspect::DatabaseInfo;
use crate::context::Context;
use crate::error::{Effect, Error, ErrorKind, Result};
use crate::hazard::Hazard;
use crate::names::{DatabaseName, SqlInstance};
use crate::operation::{Description, Observation, Operation, required, sealed::Sealed};
use crate::permission::Permission;
use crate::progress::Progress;
use crate::sql::connection::Connection;
use crate::sql::database_keys::{DatabaseKeysVerified, VerifyDatabaseKeys};
use crate::sql::statement::Statement;

const NAME: &str = "open database to users";

/// Opens a database to all its users, once its stored data was seen to decrypt.
///
/// # Contract
/// * The proof ([`proved_by`](Self::proved_by)) is run again first, on this very database: one that
///   was seen earlier, or under another name, is not believed.
/// * Where it fails, the database stays as closed as it was.
///
/// # Errors
/// `KeyMismatch` (not everything decrypts, or there is nothing to decrypt), those of the proof,
/// `NotFound`, `Busy` (it is not online, or somebody has it alone), `PermissionDenied`,
/// `Unsupported` (availability group): nothing was changed. `Unknown` when the answer was lost.
///
/// # Cancel safety
/// Dropping the future leaves it done or not done, which [`observe`](Operation::observe) tells.
///
/// # T-SQL
/// That of the proof, then `ALTER DATABASE […] SET MULTI_USER`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[must_use]
pub struct OpenDatabaseToUsers {
    instance: SqlInstance,
    database: DatabaseName,
    proof: Option<VerifyDatabaseKeys>,
}

/// A database that is open to its users.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct OpenedDatabase {
    /// What was proved just before.
    pub proof: DatabaseKeysVerified,
    /// How it is now.
    pub database: DatabaseInfo,
}

impl OpenDatabaseToUsers {
    pub(super) const fn new(instance: SqlInstance, database: DatabaseName) -> Self {
        Self {
            instance,
            database,
            proof: None,
        }
    }

    /// What must hold before anybody gets in: the keys of this database, with the columns to count.
    /// Required.
    pub fn proved_by(mut self, proof: VerifyDatabaseKeys) -> Self {
        self.proof = Some(proof);
        self
    }

    fn target(&self) -> String {
        alteration::target(&self.database, &self.instance)
    }

    fn statement(&self) -> Statement {
        alteration::alter(&self.database).text(" SET MULTI_USER")
    }

    async fn open(&self, cx: &Context) -> Result<OpenedDatabase> {
        alteration::refuse_system("database", &self.database)?;
        let verify = required(self.proof.as_ref(), "proved_by")?;
        if !verify.is_of(&self.instance, &self.database) {
            return Err(Error::invalid(
                "proved_by",
                "it is of another database or instance",
            ));
        }
        let permissions = [self.permission()];
        let (mut connection, found) =
            alteration::begin(cx, &self.instance, &self.database, &permissions).await?;
        if found.state != "ONLINE" {
            return Err(Error::new(
                ErrorKind::Busy,
                format!("the database is {}", found.state),
            ));
        }
        cx.report(&Progress::Doing {
            operation: NAME,
            what: "prove that stored data decrypts",
        });
        let proof = verify.verify(cx, &rights_of(verify)).await?;
        if !proof.is_whole() {
            return Err(Error::new(
                ErrorKind::KeyMismatch,
                format!(
                    "{} of {} stored values decrypt",
                    proof.decrypted(),
                    proof.values()
                ),
            )
            .with_remedy(
                "the database stays as it is; make its keys open first, or count other columns",
            ));
        }
        cx.safe_point()?;
        cx.report(&Progress::Doing {
            operation: NAME,
            what: "let users in",
        });
        alteration::send(&mut connection, self.statement(), &permissions[0]).await?;
        let done = |error: Error| error.with_effect(Effect::Done);
        let database = DatabaseInfo::require(&mut connection, &self.database)
            .await
            .map_err(done)?;
        if database.user_access != "MULTI_USER" || database.id != found.id {
            return Err(done(Error::new(
                ErrorKind::Busy,
                format!("after it the database is {}", database.user_access),
            )));
        }
        Ok(OpenedDatabase { proof, database })
    }

    fn permission(&self) -> Permission {
        Permission::database("ALTER", &self.database)
    }
}

/// What the proof needs besides ALTER on the database, which is a right on each of its keys already; to
/// open a symmetric key, any does.
fn rights_of(proof: &VerifyDatabaseKeys) -> Vec<Permission> {
    let mut permissions = proof.describe().permissions;
    permissions.retain(|permission| permission.name != "VIEW DEFINITION");
    permissions
}

impl Sealed for OpenDatabaseToUsers {}

#[async_trait]
impl Operation for OpenDatabaseToUsers {
    type Output = OpenedDatabase;

    fn describe(&self) -> Description {
        let mut script = Vec::new();
        let mut permissions = Vec::new();
        if let Some(proof) = &self.proof {
            script.extend(proof.describe().script);
            permissions.extend(rights_of(proof));
        }
        script.push(self.statement().shown());
        permissions.push(self.permission());
        Description {
            target: self.target(),
            action: "prove that stored data decrypts, and open the database to its users"
                .to_owned(),
            script,
            hazards: vec![Hazard::OpensToUsers {
                database: self.database.to_string(),
            }],
            permissions,
        }
    }

    async fn observe(&self, cx: &Context) -> Result<Observation> {
        let look = async {
            let mut connection = Connection::open(cx, &self.instance, None).await?;
            let found = DatabaseInfo::require(&mut connection, &self.database).await?;
            Ok(
                if found.user_access == "MULTI_USER" && found.state == "ONLINE" {
                    Observation::Done
                } else {
                    Observation::NotDone
                },
            )
        };
        look.await
            .map_err(|error: Error| error.at(NAME, self.target()))
    }

    async fn run(&self, cx: &Context) -> Result<Self::Output> {
        crate::sql::tell(cx, NAME, &self.target(), self.open(cx)).await
    }
}
