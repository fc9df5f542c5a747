use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::alteration::{self, Eviction, Place};
use super::inspect::DatabaseInfo;
use super::swap_places::{Places, Step};
use crate::context::Context;
use crate::error::{Effect, Error, ErrorKind, Result};
use crate::hazard::Hazard;
use crate::names::{DatabaseName, SqlInstance};
use crate::operation::{Description, Observation, Operation, required, sealed::Sealed, shown};
use crate::permission::Permission;
use crate::progress::Progress;
use crate::sql::connection::Connection;
use crate::sql::statement::Statement;

const NAME: &str = "swap databases";
/// No way through the steps is longer.
const MOST_STEPS: usize = 24;

/// Gives a restored database the name of the one beside which it was restored. The existing one is
/// kept, offline, under another name.
///
/// # Contract
/// * Both databases are known by their ids and files, so that no name is mistaken for another, and
///   every name is fixed when the operation is made: to run it again is to go on where it stopped.
/// * In this order: the existing one is closed to users, taken offline and renamed; the restored one
///   is closed to users, taken offline, renamed and set online. Whenever it stops, either one of the
///   two answers to the name, or none does and [`observe`](Operation::observe) says where both are.
/// * The restored database is closed to all but its owners and the administrators before it gets the
///   name, and stays so: prove it under its new name, then
///   [`Database::open_to_users`](super::Database::open_to_users). The existing one stays offline.
/// * Who is in the existing one is sent out only with its evidence ([`evicting`](Self::evicting)). SINGLE_USER
///   is never used: anybody may take that place.
/// * Whether a database that is offline can be renamed is unconfirmed. Where the server refuses it, the
///   database is set online, closed to users, for the moment of the new name.
///
/// # Errors
/// `InvalidInput`, `NotFound`, `ConsentRequired` (no evidence, or other databases than were seen),
/// `AlreadyExists` (the name to put aside under is taken), `Busy`, `PermissionDenied`, `Unsupported`
/// (availability group): with effect `None` nothing was changed. `Partial`: it stopped in between, and
/// both places are in the error; run it again. `Unknown`: the answer was lost; observe, or run it again.
///
/// # Cancel safety
/// Dropping the future leaves it at one of its steps, each of which is whole or not at all.
///
/// # T-SQL
/// `ALTER DATABASE […] SET RESTRICTED_USER WITH ROLLBACK IMMEDIATE`, `SET OFFLINE WITH ROLLBACK
/// IMMEDIATE`, `MODIFY NAME = […]`, `SET ONLINE`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[must_use]
pub struct SwapDatabases {
    instance: SqlInstance,
    database: DatabaseName,
    restored: Option<Place>,
    existing: Option<Place>,
    aside: Option<DatabaseName>,
    evicting: Eviction,
    /// Who could get into the existing database when it was seen.
    access: Option<String>,
}

/// Databases that were swapped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct SwappedDatabases {
    /// The one that has the name now: the restored one, closed to users.
    pub database: DatabaseInfo,
    /// The one that had it, offline; `None` where there was none.
    pub aside: Option<DatabaseInfo>,
}

impl SwapDatabases {
    pub(super) fn new(instance: SqlInstance, database: DatabaseName) -> Self {
        Self {
            instance,
            database,
            restored: None,
            existing: None,
            aside: None,
            evicting: Eviction::default(),
            access: None,
        }
    }

    /// The database that is to get the name, as it was seen. Required.
    pub fn with(mut self, restored: &DatabaseInfo) -> Self {
        self.restored = Some(Place::of(restored));
        self
    }

    /// The database that has the name, as it was seen: consents to sending out whoever is in it and
    /// to putting it aside. Required where there is one.
    pub fn evicting(mut self, existing: &DatabaseInfo) -> Self {
        self.existing = Some(Place::of(existing));
        self.evicting = Eviction::of(existing);
        self.access = Some(existing.user_access.clone());
        self
    }

    /// The name to put the existing database aside under. Default: the name with `_replaced`.
    pub fn aside_as(mut self, name: DatabaseName) -> Self {
        self.aside = Some(name);
        self
    }

    fn target(&self) -> String {
        alteration::target(&self.database, &self.instance)
    }

    fn aside_name(&self) -> Result<DatabaseName> {
        match &self.aside {
            Some(name) => Ok(name.clone()),
            None => Ok(format!("{}_replaced", self.database).parse()?),
        }
    }

    /// What can be said without a server.
    fn check_names(&self) -> Result<(&Place, DatabaseName)> {
        let restored = required(self.restored.as_ref(), "with")?;
        let aside = self.aside_name()?;
        for (field, name) in [
            ("database", &self.database),
            ("with", &restored.name),
            ("aside_as", &aside),
        ] {
            alteration::refuse_system(field, name)?;
        }
        if aside == self.database || aside == restored.name {
            return Err(Error::invalid(
                "aside_as",
                format!("{aside} is a name of one of the two"),
            ));
        }
        if let Some(existing) = &self.existing {
            if existing.name != self.database {
                return Err(Error::invalid(
                    "evicting",
                    format!("it is {}, not {}", existing.name, self.database),
                ));
            }
            if existing.is_same_database(restored) {
                return Err(Error::invalid("with", "it is the existing database itself"));
            }
        }
        Ok((restored, aside))
    }

    async fn look(&self, connection: &mut Connection<'_>) -> Result<Places> {
        let (restored, aside) = self.check_names()?;
        let existing = match &self.existing {
            Some(existing) => existing.find(connection).await?,
            None => None,
        };
        let named = DatabaseInfo::read(connection, &self.database).await?;
        Ok(Places {
            name: self.database.clone(),
            aside,
            restored_was: restored.name.clone(),
            expects_existing: self.existing.is_some(),
            access: self.access.clone(),
            restored: restored.find(connection).await?,
            existing,
            named,
            renames_online: false,
        })
    }

    /// Before the first change: what was consented to is what is there.
    async fn check(&self, connection: &mut Connection<'_>, places: &Places) -> Result<()> {
        for info in [&places.restored, &places.existing].into_iter().flatten() {
            alteration::refuse_group(info)?;
        }
        let changed = |setter: &str| {
            Error::new(
                ErrorKind::ConsentRequired,
                format!("{setter}: the database that was seen is not there any more"),
            )
            .with_remedy("inspect the databases again and decide anew")
        };
        if places.restored.is_none() {
            return Err(changed("with"));
        }
        if self.existing.is_some() && places.existing.is_none() {
            return Err(changed("evicting"));
        }
        if self.existing.is_none()
            && let Some(named) = &places.named
            && places.restored.as_ref().is_some_and(|it| it.id != named.id)
        {
            return Err(Error::new(
                ErrorKind::ConsentRequired,
                format!("evicting: {} exists, and would be put aside", named.name),
            )
            .with_remedy("inspect it, and consent with .evicting(&existing)"));
        }
        if !places.is_untouched() {
            return Ok(());
        }
        if let Some(existing) = &places.existing {
            self.evicting.check(existing)?;
        }
        if let Some(restored) = places.restored.as_ref().filter(|it| it.state != "ONLINE") {
            return Err(Error::new(
                ErrorKind::Busy,
                format!("with: {} is {}", restored.name, restored.state),
            )
            .with_remedy("only a database that is online can take the name"));
        }
        if self.existing.is_some()
            && let Some(taken) = DatabaseInfo::read(connection, &places.aside).await?
        {
            return Err(Error::new(
                ErrorKind::AlreadyExists,
                format!("aside_as: there is a database {}", taken.name),
            )
            .with_remedy("give another name with .aside_as(name)"));
        }
        Ok(())
    }

    async fn swap(&self, cx: &Context) -> Result<SwappedDatabases> {
        self.check_names()?;
        let mut connection =
            Connection::open_allowed(cx, &self.instance, None, &[permission()]).await?;
        let mut places = self.look(&mut connection).await?;
        self.check(&mut connection, &places).await?;
        let mut is_begun = !places.is_untouched();
        for _ in 0..MOST_STEPS {
            let step = match places.next() {
                Step::Done => return self.finish(places),
                step => step,
            };
            cx.safe_point()
                .map_err(|error| stopped(error, is_begun, &places))?;
            let Some((what, statement)) = statement_of(&step) else {
                let error = Error::new(ErrorKind::Busy, "the databases are where no step leads");
                return Err(stopped(error, is_begun, &places));
            };
            cx.report(&Progress::Doing {
                operation: NAME,
                what,
            });
            let sent = alteration::send(&mut connection, statement, &permission()).await;
            let renames_online = match sent {
                Ok(()) => {
                    is_begun = true;
                    places.renames_online
                }
                // The server said no: nothing happened. One way to go on is left.
                Err(error) if places.may_rename_online(&step, &error) => true,
                Err(error) => return Err(stopped(error, is_begun, &places)),
            };
            places = self
                .look(&mut connection)
                .await
                .map_err(|error| stopped(error, is_begun, &places))?;
            places.renames_online = renames_online;
        }
        let error = Error::new(ErrorKind::Busy, "somebody else changes these databases");
        Err(stopped(error, is_begun, &places))
    }

    fn finish(&self, places: Places) -> Result<SwappedDatabases> {
        let aside = places.existing;
        let database = places.restored.ok_or_else(|| {
            Error::new(ErrorKind::Corrupt, "the restored database is gone")
                .with_effect(Effect::Done)
        })?;
        Ok(SwappedDatabases { database, aside })
    }
}

fn permission() -> Permission {
    Permission::server("ALTER ANY DATABASE")
}

/// An error on the way says where both databases are.
fn stopped(error: Error, is_begun: bool, places: &Places) -> Error {
    let effect = match error.effect() {
        Effect::None if is_begun => Effect::Partial,
        effect => effect,
    };
    if effect == Effect::None {
        return error;
    }
    Error::new(
        error.kind(),
        format!("{}; {}", error.detail(), places.shown()),
    )
    .with_effect(effect)
    .with_messages(error.sql_messages().to_vec())
    .with_remedy("run it again: it goes on from where the databases are")
}

/// What a step is in words and in T-SQL.
fn statement_of(step: &Step) -> Option<(&'static str, Statement)> {
    Some(match step {
        Step::Close(name) => (
            "close a database to users",
            alteration::alter(name).text(" SET RESTRICTED_USER WITH ROLLBACK IMMEDIATE"),
        ),
        Step::TakeOffline(name) => (
            "take a database offline",
            alteration::alter(name).text(" SET OFFLINE WITH ROLLBACK IMMEDIATE"),
        ),
        Step::Rename(name, to) => (
            "give a database its name",
            alteration::alter(name)
                .text(" MODIFY NAME = ")
                .identifier(to.as_str()),
        ),
        Step::SetOnline(name) => (
            "set a database online",
            alteration::alter(name).text(" SET ONLINE"),
        ),
        Step::Done | Step::None => return None,
    })
}

impl Sealed for SwapDatabases {}

#[async_trait]
impl Operation for SwapDatabases {
    type Output = SwappedDatabases;

    fn describe(&self) -> Description {
        let aside = self.aside_name().ok();
        let aside = shown(aside.as_ref(), "aside_as");
        let restored = shown(self.restored.as_ref().map(|it| &it.name), "with");
        let name = self.database.as_str();
        let alter = |name: &str| Statement::new("ALTER DATABASE ").identifier(name);
        let closed = |name: &str| {
            [
                alter(name).text(" SET RESTRICTED_USER WITH ROLLBACK IMMEDIATE"),
                alter(name).text(" SET OFFLINE WITH ROLLBACK IMMEDIATE"),
            ]
        };
        let renamed = |name: &str, to: &str| alter(name).text(" MODIFY NAME = ").identifier(to);
        let mut statements = Vec::new();
        let mut hazards = Vec::new();
        if self.existing.is_some() {
            statements.extend(closed(name));
            statements.push(renamed(name, &aside));
            hazards.push(Hazard::EvictsSessions {
                database: name.to_owned(),
            });
            hazards.push(Hazard::RenamesDatabase {
                from: name.to_owned(),
                to: aside,
            });
        }
        statements.extend(closed(&restored));
        statements.push(renamed(&restored, name));
        statements.push(alter(name).text(" SET ONLINE"));
        Description {
            target: self.target(),
            action: format!("give {restored} the name {name}, and keep the existing one aside"),
            script: statements.into_iter().map(Statement::shown).collect(),
            hazards,
            permissions: vec![permission()],
        }
    }

    /// Told by ids and files. `Partial` says where both databases are.
    async fn observe(&self, cx: &Context) -> Result<Observation> {
        let look = async {
            self.check_names()?;
            let mut connection = Connection::open(cx, &self.instance, None).await?;
            Ok(self.look(&mut connection).await?.observation())
        };
        look.await
            .map_err(|error: Error| error.at(NAME, self.target()))
    }

    async fn run(&self, cx: &Context) -> Result<Self::Output> {
        crate::sql::tell(cx, NAME, &self.target(), self.swap(cx)).await
    }
}
