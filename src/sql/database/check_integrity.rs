use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::alteration;
use super::inspect::DatabaseInfo;
use crate::context::Context;
use crate::error::{Effect, Error, ErrorKind, Result};
use crate::names::{DatabaseName, SqlInstance};
use crate::operation::{Description, Observation, Operation, sealed::Sealed};
use crate::permission::Permission;
use crate::progress::Progress;
use crate::sql::connection::Connection;
use crate::sql::permission_check;
use crate::sql::statement::Statement;
use crate::sql::watched;
use crate::transport::{ErrorSupport, SqlMessage};

const NAME: &str = "check database integrity";

/// Checks every page of a database: `DBCC CHECKDB`.
///
/// # Contract
/// * Reads only. It reads all of the database, so it takes as long as a backup and slows others down.
/// * What it finds is reported whole, in the error's
///   [`sql_messages`](crate::Error::sql_messages), as far as the transport passes errors on: one that
///   tells the first error only is said to.
///
/// # Errors
/// `Corrupt` (it found damage: nothing here repairs, restore another backup), `NotFound`, `Busy` (not
/// online), `PermissionDenied`, `SqlServer` (the check itself failed). Nothing is changed.
///
/// # Cancel safety
/// Dropping the future leaves nothing behind; the server may go on reading for a while.
///
/// # T-SQL
/// `DBCC CHECKDB ([…]) WITH NO_INFOMSGS, ALL_ERRORMSGS`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[must_use]
pub struct CheckDatabaseIntegrity {
    instance: SqlInstance,
    database: DatabaseName,
}

/// A database in which nothing damaged was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct DatabaseIntegrity {
    /// The database that was checked, as it was just before.
    pub database: DatabaseInfo,
}

impl CheckDatabaseIntegrity {
    pub(super) const fn new(instance: SqlInstance, database: DatabaseName) -> Self {
        Self { instance, database }
    }

    fn target(&self) -> String {
        alteration::target(&self.database, &self.instance)
    }

    fn statement(&self) -> Statement {
        Statement::new("DBCC CHECKDB (")
            .identifier(self.database.as_str())
            .text(") WITH NO_INFOMSGS, ALL_ERRORMSGS")
    }

    fn permission(&self) -> Permission {
        Permission::database_role("db_owner", &self.database)
    }

    async fn check(&self, cx: &Context) -> Result<DatabaseIntegrity> {
        let mut connection = Connection::open(cx, &self.instance, None).await?;
        let database = DatabaseInfo::require(&mut connection, &self.database).await?;
        if database.state != "ONLINE" {
            return Err(Error::new(
                ErrorKind::Busy,
                format!("the database is {}", database.state),
            ));
        }
        cx.report(&Progress::Doing {
            operation: NAME,
            what: "read every page of the database",
        });
        let answer = watched::change(&mut connection, NAME, self.statement().batch())
            .await
            // It only reads.
            .map_err(|error| error.with_effect(Effect::None))?;
        match answer.or_error() {
            Ok(_) => Ok(DatabaseIntegrity { database }),
            Err(error) => Err(explain(cx, error, &self.permission())),
        }
    }
}

/// Numbers by which CHECKDB tells of damage, not of its own trouble (documented, as blocks of the
/// list of messages; 823 and 824 are the disk's).
fn is_damage(message: &SqlMessage) -> bool {
    message.is_error()
        && matches!(
            message.number,
            605 | 823 | 824 | 2508 | 2511..=2519 | 2530..=2592 | 5228..=5262 | 7901..=7982
            | 7984..=7999 | 8901..=8920 | 8922..=8966 | 8968..=8999
        )
}

fn explain(cx: &Context, error: Error, needed: &Permission) -> Error {
    let messages = error.sql_messages();
    if messages.iter().any(|message| message.number == 7983) {
        return permission_check::lacks(&[needed]).with_messages(messages.to_vec());
    }
    let damage = messages.iter().filter(|message| is_damage(message)).count();
    if damage == 0 {
        return error;
    }
    // 8989, the summary, is a notice, which not every transport passes on.
    let summary = messages.iter().find(|message| message.number == 8989);
    let told = match summary {
        Some(summary) => summary.text.clone(),
        None => format!("CHECKDB reports {damage} error(s)"),
    };
    let partial = match cx.sql().capabilities().errors {
        ErrorSupport::First => "; the transport tells the first error only",
        _ => "",
    };
    Error::new(
        ErrorKind::Corrupt,
        format!("{told}{partial}; {}", error.detail()),
    )
    .with_messages(messages.to_vec())
    .with_remedy(
        "don't use this database: restore another backup, and find out where the damage was done",
    )
}

impl Sealed for CheckDatabaseIntegrity {}

#[async_trait]
impl Operation for CheckDatabaseIntegrity {
    type Output = DatabaseIntegrity;

    fn describe(&self) -> Description {
        Description {
            target: self.target(),
            action: "check every page of the database".to_owned(),
            script: vec![self.statement().shown()],
            hazards: Vec::new(),
            permissions: vec![self.permission()],
        }
    }

    async fn observe(&self, _: &Context) -> Result<Observation> {
        Ok(Observation::NotDone)
    }

    async fn run(&self, cx: &Context) -> Result<Self::Output> {
        crate::sql::tell(cx, NAME, &self.target(), self.check(cx)).await
    }
}
