//! What taking a database offline and restricting it have in common: both close it, by consent.

use super::alteration::{self, Eviction};
use super::inspect::DatabaseInfo;
use crate::context::Context;
use crate::error::{Effect, Error, ErrorKind, Result};
use crate::hazard::Hazard;
use crate::names::{DatabaseName, SqlInstance};
use crate::operation::{Description, Observation};
use crate::permission::Permission;
use crate::progress::Progress;
use crate::sql::connection::Connection;
use crate::sql::statement::Statement;

/// To whom a database is closed.
#[derive(Clone, Copy, Debug)]
pub(super) enum Closed {
    /// To everybody.
    Offline,
    /// To all but its owners and the administrators.
    Restricted,
}

impl Closed {
    const fn operation(self) -> &'static str {
        match self {
            Self::Offline => "set database offline",
            Self::Restricted => "restrict database",
        }
    }

    const fn action(self) -> &'static str {
        match self {
            Self::Offline => "take the database offline",
            Self::Restricted => "close the database to all but its owners and the administrators",
        }
    }

    const fn step(self) -> &'static str {
        match self {
            Self::Offline => "send everybody out and close the database",
            Self::Restricted => "close the database to all but its owners",
        }
    }

    const fn clause(self) -> &'static str {
        match self {
            Self::Offline => " SET OFFLINE",
            Self::Restricted => " SET RESTRICTED_USER",
        }
    }

    /// What the catalog says of the database in this regard, and what it is to say.
    fn look(self, found: &DatabaseInfo) -> (&str, &'static str) {
        match self {
            Self::Offline => (&found.state, "OFFLINE"),
            Self::Restricted => (&found.user_access, "RESTRICTED_USER"),
        }
    }

    fn is_reached(self, found: &DatabaseInfo) -> bool {
        let (is, expected) = self.look(found);
        is == expected
    }
}

/// A database that is to be closed.
#[derive(Debug)]
pub(super) struct Closing<'a> {
    pub(super) instance: &'a SqlInstance,
    pub(super) database: &'a DatabaseName,
    pub(super) evicting: &'a Eviction,
    pub(super) closed: Closed,
}

impl Closing<'_> {
    fn target(&self) -> String {
        alteration::target(self.database, self.instance)
    }

    fn statement(&self) -> Statement {
        alteration::alter(self.database)
            .text(self.closed.clause())
            .text(self.evicting.termination())
    }

    fn permission(&self) -> Permission {
        Permission::database("ALTER", self.database)
    }

    async fn close(&self, cx: &Context) -> Result<DatabaseInfo> {
        alteration::refuse_system("database", self.database)?;
        let permissions = [self.permission()];
        let (mut connection, found) =
            alteration::begin(cx, self.instance, self.database, &permissions).await?;
        if self.closed.is_reached(&found) {
            return Ok(found);
        }
        self.evicting.check(&found)?;
        cx.safe_point()?;
        cx.report(&Progress::Doing {
            operation: self.closed.operation(),
            what: self.closed.step(),
        });
        alteration::send(&mut connection, self.statement(), &permissions[0]).await?;
        let done = |error: Error| error.with_effect(Effect::Done);
        let after = DatabaseInfo::require(&mut connection, self.database)
            .await
            .map_err(done)?;
        if self.closed.is_reached(&after) {
            return Ok(after);
        }
        let (is, _) = self.closed.look(&after);
        Err(done(Error::new(
            ErrorKind::Busy,
            format!("after it the database is {is}"),
        )))
    }

    pub(super) fn describe(&self) -> Description {
        Description {
            target: self.target(),
            action: self.closed.action().to_owned(),
            script: vec![self.statement().shown()],
            hazards: vec![Hazard::EvictsSessions {
                database: self.database.to_string(),
            }],
            permissions: vec![self.permission()],
        }
    }

    pub(super) async fn observe(&self, cx: &Context) -> Result<Observation> {
        let look = async {
            let mut connection = Connection::open(cx, self.instance, None).await?;
            let found = DatabaseInfo::require(&mut connection, self.database).await?;
            Ok(if self.closed.is_reached(&found) {
                Observation::Done
            } else {
                Observation::NotDone
            })
        };
        look.await
            .map_err(|error: Error| error.at(self.closed.operation(), self.target()))
    }

    pub(super) async fn run(&self, cx: &Context) -> Result<DatabaseInfo> {
        let operation = self.closed.operation();
        crate::sql::tell(cx, operation, &self.target(), self.close(cx)).await
    }
}
