use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::alteration::{self, Eviction};
use super::inspect::DatabaseInfo;
use crate::context::Context;
use crate::error::{Effect, Error, ErrorKind, Result};
use crate::hazard::Hazard;
use crate::names::{DatabaseName, SqlInstance};
use crate::operation::{Description, Observation, Operation, sealed::Sealed};
use crate::permission::Permission;
use crate::progress::Progress;
use crate::sql::connection::Connection;
use crate::sql::statement::Statement;

const NAME: &str = "restrict database";

/// Closes a database to all but its owners and the administrators.
///
/// # Contract
/// * Who is in it and may not stay is sent out, and loses what is not committed, only with the
///   evidence of what was seen ([`evicting`](Self::evicting)). Without, it is done only where nobody
///   is. Owners and administrators may stay, and come back: only offline keeps these out as well.
/// * Databases of the system and of availability groups are refused.
///
/// # Errors
/// `NotFound`, `ConsentRequired` (somebody is in it, or that can't be seen), `Busy` (somebody came in
/// between), `PermissionDenied`, `Unsupported`: nothing was changed. `Unknown` when the answer was
/// lost: observe.
///
/// # Cancel safety
/// Dropping the future leaves it done or not done, which [`observe`](Operation::observe) tells.
///
/// # T-SQL
/// `ALTER DATABASE […] SET RESTRICTED_USER WITH ROLLBACK IMMEDIATE` (`NO_WAIT` without evidence)
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[must_use]
pub struct RestrictDatabase {
    instance: SqlInstance,
    database: DatabaseName,
    evicting: Eviction,
}

impl RestrictDatabase {
    pub(super) fn new(instance: SqlInstance, database: DatabaseName) -> Self {
        Self {
            instance,
            database,
            evicting: Eviction::default(),
        }
    }

    /// Consents to sending out whoever is in the database that was seen.
    pub fn evicting(mut self, seen: &DatabaseInfo) -> Self {
        self.evicting = Eviction::of(seen);
        self
    }

    fn target(&self) -> String {
        alteration::target(&self.database, &self.instance)
    }

    fn statement(&self) -> Statement {
        alteration::alter(&self.database)
            .text(" SET RESTRICTED_USER")
            .text(self.evicting.termination())
    }

    fn permission(&self) -> Permission {
        Permission::database("ALTER", &self.database)
    }

    async fn set(&self, cx: &Context) -> Result<DatabaseInfo> {
        alteration::refuse_system("database", &self.database)?;
        let permissions = [self.permission()];
        let mut connection =
            Connection::open_allowed(cx, &self.instance, None, &permissions).await?;
        let found = DatabaseInfo::require(&mut connection, &self.database).await?;
        alteration::refuse_group(&found)?;
        if found.user_access == "RESTRICTED_USER" {
            return Ok(found);
        }
        self.evicting.check(&found)?;
        cx.safe_point()?;
        cx.report(&Progress::Doing {
            operation: NAME,
            what: "close the database to all but its owners",
        });
        alteration::send(&mut connection, self.statement(), &self.permission()).await?;
        let done = |error: Error| error.with_effect(Effect::Done);
        let after = DatabaseInfo::require(&mut connection, &self.database)
            .await
            .map_err(done)?;
        if after.user_access == "RESTRICTED_USER" {
            return Ok(after);
        }
        Err(done(Error::new(
            ErrorKind::Busy,
            format!("after it the database is {}", after.user_access),
        )))
    }
}

impl Sealed for RestrictDatabase {}

#[async_trait]
impl Operation for RestrictDatabase {
    type Output = DatabaseInfo;

    fn describe(&self) -> Description {
        Description {
            target: self.target(),
            action: "close the database to all but its owners and the administrators".to_owned(),
            script: vec![self.statement().shown()],
            hazards: vec![Hazard::EvictsSessions {
                database: self.database.to_string(),
            }],
            permissions: vec![self.permission()],
        }
    }

    async fn observe(&self, cx: &Context) -> Result<Observation> {
        let look = async {
            let mut connection = Connection::open(cx, &self.instance, None).await?;
            let found = DatabaseInfo::require(&mut connection, &self.database).await?;
            Ok(if found.user_access == "RESTRICTED_USER" {
                Observation::Done
            } else {
                Observation::NotDone
            })
        };
        look.await
            .map_err(|error: Error| error.at(NAME, self.target()))
    }

    async fn run(&self, cx: &Context) -> Result<Self::Output> {
        crate::sql::tell(cx, NAME, &self.target(), self.set(cx)).await
    }
}
