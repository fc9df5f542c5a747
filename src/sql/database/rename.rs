use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::alteration::{self, Place};
use super::inspect::DatabaseInfo;
use crate::context::Context;
use crate::error::{Effect, Error, ErrorKind, Result};
use crate::hazard::Hazard;
use crate::names::{DatabaseName, SqlInstance};
use crate::operation::{Description, Observation, Operation, required, sealed::Sealed, shown};
use crate::permission::Permission;
use crate::progress::Progress;
use crate::sql::connection::Connection;

const NAME: &str = "rename database";

/// Gives a database another name. Its files keep theirs.
///
/// # Contract
/// * Everybody who asks for the old name is told that there is no such database: so it takes the
///   evidence of the one that was seen ([`seen`](Self::seen)), and is told from others by its id and
///   its files, not by a name.
/// * It sends nobody out: who is in it is in the way. [`Database::set_offline`](super::Database::set_offline)
///   comes before it. Whether a database that is offline can be renamed is unconfirmed; where it
///   can't, the server says so and nothing was changed.
///
/// # Errors
/// `InvalidInput`, `ConsentRequired` (not the database that was seen), `AlreadyExists` (the new name is
/// taken), `Busy` (somebody is in it), `PermissionDenied`, `Unsupported` (availability group): nothing
/// was changed. `Unknown` when the answer was lost: observe.
///
/// # Cancel safety
/// Dropping the future leaves it done or not done, which [`observe`](Operation::observe) tells.
///
/// # T-SQL
/// `ALTER DATABASE […] MODIFY NAME = […]`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[must_use]
pub struct RenameDatabase {
    instance: SqlInstance,
    database: DatabaseName,
    to: Option<DatabaseName>,
    seen: Option<Place>,
}

impl RenameDatabase {
    pub(super) const fn new(instance: SqlInstance, database: DatabaseName) -> Self {
        Self {
            instance,
            database,
            to: None,
            seen: None,
        }
    }

    /// The new name. Required.
    pub fn to(mut self, name: DatabaseName) -> Self {
        self.to = Some(name);
        self
    }

    /// The database as it was seen. Required.
    pub fn seen(mut self, database: &DatabaseInfo) -> Self {
        self.seen = Some(Place::of(database));
        self
    }

    fn target(&self) -> String {
        alteration::target(&self.database, &self.instance)
    }

    fn place(&self) -> Result<&Place> {
        let place = self.seen.as_ref().ok_or_else(|| {
            Error::new(
                ErrorKind::ConsentRequired,
                "seen: whoever uses the name will not find the database any more",
            )
            .with_remedy("inspect the database, and consent with .seen(&database)")
        })?;
        if place.name == self.database {
            return Ok(place);
        }
        Err(Error::invalid(
            "seen",
            format!("it is {}, not {}", place.name, self.database),
        ))
    }

    async fn rename(&self, cx: &Context) -> Result<DatabaseInfo> {
        let to = required(self.to.as_ref(), "to")?;
        alteration::refuse_system("database", &self.database)?;
        alteration::refuse_system("to", to)?;
        let place = self.place()?;
        let permissions = [self.permission()];
        let mut connection =
            Connection::open_allowed(cx, &self.instance, None, &permissions).await?;
        let found = place.require(&mut connection, "seen").await?;
        alteration::refuse_group(&found)?;
        if let Some(taken) = DatabaseInfo::read(&mut connection, to).await?
            && taken.id != found.id
        {
            return Err(Error::new(
                ErrorKind::AlreadyExists,
                format!("{to}: there is a database of that name"),
            )
            .with_remedy("choose another name"));
        }
        cx.safe_point()?;
        cx.report(&Progress::Doing {
            operation: NAME,
            what: "give the database its new name",
        });
        let statement = alteration::alter(&found.name)
            .text(" MODIFY NAME = ")
            .identifier(to.as_str());
        alteration::send(&mut connection, statement, &self.permission()).await?;
        let done = |error: Error| error.with_effect(Effect::Done);
        match place.find(&mut connection).await.map_err(done)? {
            Some(after) if after.name == *to => Ok(after),
            _ => Err(done(Error::new(
                ErrorKind::Corrupt,
                "after it the database is not found under its new name",
            ))),
        }
    }

    fn permission(&self) -> Permission {
        Permission::database("ALTER", &self.database)
    }
}

impl Sealed for RenameDatabase {}

#[async_trait]
impl Operation for RenameDatabase {
    type Output = DatabaseInfo;

    fn describe(&self) -> Description {
        let to = shown(self.to.as_ref(), "to");
        Description {
            target: self.target(),
            action: format!("give the database the name {to}"),
            script: vec![
                alteration::alter(&self.database)
                    .text(" MODIFY NAME = ")
                    .identifier(&to)
                    .shown(),
            ],
            hazards: vec![Hazard::RenamesDatabase {
                from: self.database.to_string(),
                to,
            }],
            permissions: vec![self.permission()],
        }
    }

    /// Told by the id and the files of the database that was seen.
    async fn observe(&self, cx: &Context) -> Result<Observation> {
        let look = async {
            let to = required(self.to.as_ref(), "to")?;
            let place = self.place()?;
            let mut connection = Connection::open(cx, &self.instance, None).await?;
            Ok(match place.find(&mut connection).await? {
                Some(found) if found.name == *to => Observation::Done,
                Some(found) if found.name == self.database => Observation::NotDone,
                Some(found) => Observation::Indeterminate {
                    seen: format!("the database is called {}", found.name),
                },
                None => Observation::Indeterminate {
                    seen: "the database that was seen is not there any more".to_owned(),
                },
            })
        };
        look.await
            .map_err(|error: Error| error.at(NAME, self.target()))
    }

    async fn run(&self, cx: &Context) -> Result<Self::Output> {
        crate::sql::tell(cx, NAME, &self.target(), self.rename(cx)).await
    }
}
