use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::inspect::{self, OrphanedUser, OrphanedUsers, UserFinding, UsersEvidence};
use crate::context::Context;
use crate::error::{Effect, Error, ErrorKind, Result};
use crate::hazard::Hazard;
use crate::names::{DatabaseName, LoginName, SqlInstance, UserName};
use crate::operation::{Description, Observation, Operation, required, sealed::Sealed};
use crate::permission::Permission;
use crate::progress::Progress;
use crate::sql::connection::Connection;
use crate::sql::modules::{Modules, ModulesEvidence};
use crate::sql::statement::Statement;

const NAME: &str = "repair users of database";

/// Maps users whose login is missing to the logins of the same name.
///
/// Users whose SID a login has need nothing, which is the better way: make the login with its old SID
/// (`CREATE LOGIN … WITH SID`) instead.
///
/// # Contract
/// * That two of the same name are the same person only somebody who knows them can say: it is
///   done for what [`OrphanedUsers`] showed and nothing else ([`by_name`](Self::by_name)), and only if
///   all is still as it was seen, roles included.
/// * Only users of SQL logins are mapped. Windows accounts go by their SIDs.
/// * Where the database has triggers that `ALTER USER` would fire, it is refused unless they were
///   seen ([`after_seeing`](Self::after_seeing)): they came with the database, and run as whoever repairs.
///
/// # Errors
/// `ConsentRequired` (not seen, or seen otherwise; triggers), `PermissionDenied` (CONTROL on the
/// database, VIEW ANY DEFINITION), `NotFound`: nothing was changed. `Partial` when some users were
/// mapped and one was not.
///
/// # Cancel safety
/// Dropping the future may leave some users mapped and others not; `observe` tells.
///
/// # T-SQL
/// `ALTER USER [u] WITH LOGIN = [l]`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[must_use]
pub struct RepairUsers {
    instance: SqlInstance,
    database: DatabaseName,
    by_name: Option<UsersEvidence>,
    after_seeing: Option<ModulesEvidence>,
}

/// What became of the users.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RepairedUsers {
    /// Those that were mapped, as they are now.
    pub mapped: Vec<OrphanedUser>,
    /// Those whose login is still missing.
    pub left: Vec<OrphanedUser>,
}

impl RepairUsers {
    pub(crate) const fn new(instance: SqlInstance, database: DatabaseName) -> Self {
        Self {
            instance,
            database,
            by_name: None,
            after_seeing: None,
        }
    }

    /// Consents to mapping each user to the login of its name, as seen. Required.
    pub fn by_name(mut self, seen: &OrphanedUsers) -> Self {
        self.by_name = Some(seen.evidence());
        self
    }

    /// Consents to the triggers and modules that were seen.
    pub fn after_seeing(mut self, modules: &Modules) -> Self {
        self.after_seeing = Some(modules.evidence());
        self
    }

    fn target(&self) -> String {
        format!("database {} on {}", self.database, self.instance)
    }

    fn statement(user: &UserName, login: &LoginName) -> Statement {
        Statement::new("ALTER USER ")
            .identifier(user.as_str())
            .text(" WITH LOGIN = ")
            .identifier(login.as_str())
    }

    async fn repair(&self, cx: &Context) -> Result<RepairedUsers> {
        let seen = required(self.by_name.as_ref(), "by_name")?;
        let permissions = self.describe().permissions;
        let mut connection =
            Connection::open_inside(cx, &self.instance, &self.database, &permissions).await?;
        connection.identity().refuse_listener(&self.instance)?;
        let now = OrphanedUsers::read(&mut connection, &self.database).await?;
        if now.evidence() != *seen {
            return Err(Error::new(
                ErrorKind::ConsentRequired,
                "by_name: users, their roles or the logins are not as they were seen",
            )
            .with_remedy("look at Database::orphaned_users again, and decide anew"));
        }
        self.refuse_triggers(&mut connection).await?;
        cx.safe_point()?;
        cx.report(&Progress::Doing {
            operation: NAME,
            what: "map users to logins",
        });
        let mut effect = Effect::None;
        for (user, login) in &seen.by_name {
            let deadline = Some(cx.deadlines().key);
            let sent = connection
                .change(Self::statement(user, login).batch(), &[], deadline)
                .await;
            let answer = sent.map_err(|error| match (error.effect(), effect) {
                (Effect::None, Effect::Partial) => error.with_effect(Effect::Partial),
                _ => error,
            })?;
            answer
                .or_error()
                .map_err(|error| error.with_effect(effect))?;
            effect = Effect::Partial;
        }
        self.check(&mut connection, seen)
            .await
            .map_err(|error| match seen.by_name.is_empty() {
                true => error,
                false => error.with_effect(Effect::Done),
            })
    }

    /// That each has its login now.
    async fn check(
        &self,
        connection: &mut Connection<'_>,
        seen: &UsersEvidence,
    ) -> Result<RepairedUsers> {
        let after = OrphanedUsers::read(connection, &self.database).await?;
        let mut mapped = Vec::new();
        for (user, login) in &seen.by_name {
            let found = after.users.iter().find(|found| found.name == *user);
            match found {
                Some(found) if is_matched(found, login) => mapped.push(found.clone()),
                _ => {
                    return Err(Error::new(
                        ErrorKind::Corrupt,
                        format!("the user {user} is not the login {login}'s after ALTER USER"),
                    )
                    .with_remedy("look at the users of the database again, and at its triggers"));
                }
            }
        }
        let left = after.orphaned().cloned().collect();
        Ok(RepairedUsers { mapped, left })
    }

    async fn refuse_triggers(&self, connection: &mut Connection<'_>) -> Result<()> {
        let modules = Modules::read(connection, &self.database).await?;
        let triggers: Vec<&str> = modules.enabled_triggers().collect();
        if triggers.is_empty() || self.after_seeing.as_ref() == Some(&modules.evidence()) {
            return Ok(());
        }
        let problem = if self.after_seeing.is_some() {
            "after_seeing: triggers or modules are not as they were seen"
        } else {
            "the database brought triggers that ALTER USER would run"
        };
        Err(Error::new(
            ErrorKind::ConsentRequired,
            format!("{problem}: {}", triggers.join(", ")),
        )
        .with_remedy("read Database::modules, disable them (DISABLE TRIGGER … ON DATABASE) or call .after_seeing(&modules)"))
    }
}

fn is_matched(user: &OrphanedUser, login: &LoginName) -> bool {
    matches!(&user.finding, UserFinding::Matched { login: found } if found == login)
}

impl Sealed for RepairUsers {}

#[async_trait]
impl Operation for RepairUsers {
    type Output = RepairedUsers;

    fn describe(&self) -> Description {
        let pairs = self.by_name.iter().flat_map(|seen| &seen.by_name);
        let users = pairs
            .clone()
            .map(|(user, login)| format!("{user} as {login}"));
        let enter = Statement::new("USE ").identifier(self.database.as_str());
        Description {
            target: self.target(),
            action: "map users whose login is missing to the logins of the same name".to_owned(),
            hazards: vec![Hazard::MapsUsersByName {
                users: users.collect(),
            }],
            script: std::iter::once(enter)
                .chain(pairs.map(|(user, login)| Self::statement(user, login)))
                .map(Statement::shown)
                .collect(),
            permissions: vec![
                Permission::database("CONTROL", &self.database),
                Permission::server("VIEW ANY DEFINITION"),
            ],
        }
    }

    async fn observe(&self, cx: &Context) -> Result<Observation> {
        let look = async {
            let seen = required(self.by_name.as_ref(), "by_name")?;
            let permissions = inspect::permissions(&self.database);
            let mut connection =
                Connection::open_inside(cx, &self.instance, &self.database, &permissions).await?;
            let now = OrphanedUsers::read(&mut connection, &self.database).await?;
            let done = seen.by_name.iter().filter(|(user, login)| {
                let found = now.users.iter().find(|found| found.name == **user);
                found.is_some_and(|found| is_matched(found, login))
            });
            let (done, all) = (done.count(), seen.by_name.len());
            Ok(match done {
                _ if done == all => Observation::Done,
                0 => Observation::NotDone,
                _ => Observation::Partial {
                    state: format!("{done} of {all} users have their login"),
                },
            })
        };
        look.await
            .map_err(|error: Error| error.at(NAME, self.target()))
    }

    async fn run(&self, cx: &Context) -> Result<Self::Output> {
        crate::sql::tell(cx, NAME, &self.target(), self.repair(cx)).await
    }
}
