use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::alteration::Eviction;
use super::closing::{Closed, Closing};
use super::inspect::DatabaseInfo;
use crate::context::Context;
use crate::error::Result;
use crate::names::{DatabaseName, SqlInstance};
use crate::operation::{Description, Observation, Operation, sealed::Sealed};

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

    const fn closing(&self) -> Closing<'_> {
        Closing {
            instance: &self.instance,
            database: &self.database,
            evicting: &self.evicting,
            closed: Closed::Restricted,
        }
    }
}

impl Sealed for RestrictDatabase {}

#[async_trait]
impl Operation for RestrictDatabase {
    type Output = DatabaseInfo;

    fn describe(&self) -> Description {
        self.closing().describe()
    }

    async fn observe(&self, cx: &Context) -> Result<Observation> {
        self.closing().observe(cx).await
    }

    async fn run(&self, cx: &Context) -> Result<Self::Output> {
        self.closing().run(cx).await
    }
}
