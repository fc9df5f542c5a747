use serde::{Deserialize, Serialize};

use super::heartbeat::Heartbeat;
use crate::error::ErrorKind;
use crate::names::{DatabaseName, HostName, SqlInstance};
use crate::orchestrator::HostFailure;

/// What came of asking a database for the heartbeat of a host. Evidence for what follows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct AskedDatabase {
    /// The host.
    pub host: HostName,
    /// The instance.
    pub instance: SqlInstance,
    /// The database.
    pub database: DatabaseName,
    /// The heartbeat, which advances: the host uses this database.
    pub heartbeat: Option<Heartbeat>,
    /// Why there is none: no answer, no such Runbook Server, or it stands still.
    pub failure: Option<HostFailure>,
}

impl AskedDatabase {
    /// Whether it was that host that was asked for in that database.
    pub(super) fn is_about(
        &self,
        host: &HostName,
        instance: &SqlInstance,
        database: &DatabaseName,
    ) -> bool {
        let same = |one: &str, other: &str| one.eq_ignore_ascii_case(other);
        same(self.host.as_str(), host.as_str())
            && same(self.instance.as_str(), instance.as_str())
            && self.database == *database
    }

    /// Whether the server gave no answer at all.
    pub(super) fn is_unanswered(&self) -> bool {
        let kind = self.failure.as_ref().map(|failure| failure.kind);
        matches!(kind, Some(ErrorKind::Unreachable | ErrorKind::TimedOut))
    }
}
