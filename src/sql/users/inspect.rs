use std::collections::BTreeMap;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::context::Context;
use crate::error::Result;
use crate::names::{DatabaseName, LoginName, SqlInstance, UserName};
use crate::operation::{Description, Observation, Operation, sealed::Sealed};
use crate::permission::Permission;
use crate::sql::answer::{Answer, Row};
use crate::sql::connection::Connection;
use crate::sql::statement::Statement;

const NAME: &str = "inspect users of database";

/// The ids of dbo, guest, INFORMATION_SCHEMA and sys.
const LAST_FIXED_USER: i64 = 4;

/// Looks which users of a database have a login on the instance that it is on now.
///
/// # Contract
/// * Reads only, and calls nothing that the database brought.
/// * Users belong to logins by their SIDs. A login of the same name is said to be one, and no more.
///
/// # Errors
/// `NotFound` (no such database), `PermissionDenied` (VIEW ANY DEFINITION, without which logins stay
/// hidden and every user would look orphaned; CONNECT on the database). Nothing is changed.
///
/// # Cancel safety
/// Dropping the future leaves nothing behind.
///
/// # T-SQL
/// `SELECT … FROM sys.database_principals`, `sys.database_role_members`, `sys.server_principals`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[must_use]
pub struct InspectOrphanedUsers {
    instance: SqlInstance,
    database: DatabaseName,
}

/// The users of a database, each with its login or without.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct OrphanedUsers {
    /// The instance, by its identity.
    pub server: String,
    /// The database.
    pub database: DatabaseName,
    /// Whether the SID of `dbo` inside is that of the database's owner outside. After a restore by
    /// another login it is not (documented: 33009 for some features).
    pub is_owner_dbo: bool,
    /// All users but the fixed ones, by name.
    pub users: Vec<OrphanedUser>,
}

/// A user, and what became of its login.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct OrphanedUser {
    /// Its name.
    pub name: UserName,
    /// Its SID, in hexadecimal.
    pub sid: String,
    /// What it is.
    pub kind: UserKind,
    /// The roles it is a member of: what a login that is mapped to it gets.
    pub roles: Vec<String>,
    /// What was found of its login.
    pub finding: UserFinding,
    /// Whether its SID means other people on each machine: a group or account of a machine, not of a
    /// domain. (By the SID of BUILTIN, or a name that begins with this machine's.)
    pub is_machine_local: bool,
}

/// What a user is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum UserKind {
    /// Of a SQL login, or of none.
    Sql,
    /// Of a Windows account.
    WindowsUser,
    /// Of a Windows group.
    WindowsGroup,
}

/// What was found of a user's login.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "finding", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum UserFinding {
    /// It signs in to the database itself, and needs no login.
    Contained,
    /// The login with its SID.
    Matched {
        /// The login, which may have another name.
        login: LoginName,
    },
    /// No login has its SID or its name.
    NoLogin,
    /// No login has its SID; one has its name. Whether it is the same person nobody can tell from
    /// here.
    SameName {
        /// That login.
        login: LoginName,
        /// Its SID, in hexadecimal.
        sid: String,
    },
    /// A Windows account or group that this machine does not know: of another machine or domain, or
    /// deleted.
    Unknown,
    /// A Windows account or group that this machine knows, without a login of its own. It may enter
    /// through a group that has one.
    WithoutOwnLogin,
    /// It was made WITHOUT LOGIN.
    WithoutLogin,
}

/// What an operation carries of users that were seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct UsersEvidence {
    digest: String,
    /// Who would become whom.
    pub(super) by_name: BTreeMap<UserName, LoginName>,
}

impl OrphanedUser {
    /// Whether its login is missing.
    #[must_use]
    pub const fn is_orphaned(&self) -> bool {
        matches!(
            self.finding,
            UserFinding::NoLogin | UserFinding::SameName { .. } | UserFinding::Unknown
        )
    }
}

impl OrphanedUsers {
    /// Those whose login is missing.
    pub fn orphaned(&self) -> impl Iterator<Item = &OrphanedUser> {
        self.users.iter().filter(|user| user.is_orphaned())
    }

    pub(super) fn evidence(&self) -> UsersEvidence {
        let by_name = self.users.iter().filter_map(|user| match &user.finding {
            UserFinding::SameName { login, .. } => Some((user.name.clone(), login.clone())),
            _ => None,
        });
        UsersEvidence {
            digest: hex::encode(Sha256::digest(serde_json::json!(self).to_string())),
            by_name: by_name.collect(),
        }
    }

    /// Reads them in a session that is in the database.
    pub(super) async fn read(
        connection: &mut Connection<'_>,
        database: &DatabaseName,
    ) -> Result<Self> {
        // Names are compared here, not there: the database's collation need not be the server's, and
        // then the server refuses to compare (468).
        let batch = Statement::new(
            "SELECT name, principal_id, sid, type_desc, authentication_type, SUSER_SNAME(sid) AS resolved \
             FROM sys.database_principals WHERE type IN ('S', 'U', 'G') ORDER BY name; \
             SELECT m.member_principal_id, r.name AS role_name FROM sys.database_role_members AS m \
             JOIN sys.database_principals AS r ON r.principal_id = m.role_principal_id ORDER BY r.name; \
             SELECT name, sid, type_desc FROM sys.server_principals WHERE type IN ('S', 'U', 'G') ORDER BY name; \
             SELECT owner_sid FROM sys.databases WHERE database_id = DB_ID()",
        )
        .batch();
        let answer = connection.look(batch).await?;
        let machine = connection.identity().machine_name.clone();
        let logins = Logins::read(&answer, 2)?;
        let owner = answer.rows(3).next().map(|row| sid_of(row, "owner_sid"));
        let owner = owner.transpose()?;
        let mut roles: BTreeMap<i64, Vec<String>> = BTreeMap::new();
        for row in answer.rows(1) {
            let member = row.integer("member_principal_id")?;
            let role = row.text("role_name")?.to_owned();
            roles.entry(member).or_default().push(role);
        }
        let mut is_owner_dbo = false;
        let mut users = Vec::new();
        for row in answer.rows(0) {
            let id = row.integer("principal_id")?;
            let sid = sid_of(row, "sid")?;
            if id == 1 {
                is_owner_dbo = owner.as_ref() == Some(&sid);
            }
            if id <= LAST_FIXED_USER {
                continue;
            }
            let kind = match row.text("type_desc")? {
                "WINDOWS_USER" => UserKind::WindowsUser,
                "WINDOWS_GROUP" => UserKind::WindowsGroup,
                _ => UserKind::Sql,
            };
            let name: UserName = row.text("name")?.parse()?;
            let is_known = row.text_or_null("resolved")?.is_some();
            let finding = match row.integer_or_null("authentication_type")? {
                Some(2) => UserFinding::Contained,
                Some(0) => UserFinding::WithoutLogin,
                _ => logins.find(&name, &sid, kind, is_known),
            };
            users.push(OrphanedUser {
                is_machine_local: is_machine_local(&name, &sid, kind, &machine),
                name,
                sid,
                kind,
                roles: roles.remove(&id).unwrap_or_default(),
                finding,
            });
        }
        Ok(Self {
            server: connection.identity().names(),
            database: database.clone(),
            is_owner_dbo,
            users,
        })
    }
}

/// SIDs in hexadecimal; empty where there is none.
fn sid_of(row: Row<'_>, column: &str) -> Result<String> {
    Ok(hex::encode(row.bytes_or_null(column)?.unwrap_or_default()))
}

fn is_machine_local(name: &UserName, sid: &str, kind: UserKind, machine: &str) -> bool {
    // S-1-5-32.
    const BUILT_IN: &str = "01020000000000052000000";
    let prefix = name.as_str().split_once('\\').map(|(prefix, _)| prefix);
    kind != UserKind::Sql
        && (sid.starts_with(BUILT_IN)
            || prefix.is_some_and(|prefix| prefix.eq_ignore_ascii_case(machine)))
}

/// The logins of the instance.
struct Logins(Vec<(LoginName, String, bool)>);

impl Logins {
    fn read(answer: &Answer, set: usize) -> Result<Self> {
        let logins = answer.rows(set).map(|row| {
            let is_sql = row.text("type_desc")? == "SQL_LOGIN";
            Ok((row.text("name")?.parse()?, sid_of(row, "sid")?, is_sql))
        });
        logins.collect::<Result<_>>().map(Self)
    }

    fn find(&self, user: &UserName, sid: &str, kind: UserKind, is_known: bool) -> UserFinding {
        if let Some((login, ..)) = self.0.iter().find(|(_, of, _)| of == sid) {
            return UserFinding::Matched {
                login: login.clone(),
            };
        }
        if kind != UserKind::Sql {
            return if is_known {
                UserFinding::WithoutOwnLogin
            } else {
                UserFinding::Unknown
            };
        }
        // As it is spelled; else, where only one is meant, in whatever case.
        let lower = user.as_str().to_lowercase();
        let sql = || self.0.iter().filter(|(_, _, is_sql)| *is_sql);
        let exact = sql().find(|(login, ..)| login.as_str() == user.as_str());
        let mut alike = sql().filter(|(login, ..)| login.as_str().to_lowercase() == lower);
        let one = exact.or_else(|| match (alike.next(), alike.next()) {
            (one, None) => one,
            _ => None,
        });
        one.map_or(UserFinding::NoLogin, |(login, sid, _)| {
            UserFinding::SameName {
                login: login.clone(),
                sid: sid.clone(),
            }
        })
    }
}

/// What looking takes: CONNECT comes with the user.
pub(super) fn permissions(database: &DatabaseName) -> Vec<Permission> {
    vec![
        Permission::database("CONNECT", database),
        Permission::server("VIEW ANY DEFINITION"),
    ]
}

impl InspectOrphanedUsers {
    pub(crate) const fn new(instance: SqlInstance, database: DatabaseName) -> Self {
        Self { instance, database }
    }

    async fn inspect(&self, cx: &Context) -> Result<OrphanedUsers> {
        let mut connection = Connection::open_inside(
            cx,
            &self.instance,
            &self.database,
            &self.describe().permissions,
        )
        .await?;
        OrphanedUsers::read(&mut connection, &self.database).await
    }
}

impl Sealed for InspectOrphanedUsers {}

#[async_trait]
impl Operation for InspectOrphanedUsers {
    type Output = OrphanedUsers;

    fn describe(&self) -> Description {
        Description {
            target: format!("database {} on {}", self.database, self.instance),
            action: "look which users of the database have a login here".to_owned(),
            script: Vec::new(),
            hazards: Vec::new(),
            permissions: permissions(&self.database),
        }
    }

    async fn observe(&self, _: &Context) -> Result<Observation> {
        Ok(Observation::NotDone)
    }

    async fn run(&self, cx: &Context) -> Result<Self::Output> {
        self.inspect(cx)
            .await
            .map_err(|error| error.at(NAME, format_args!("{} on {}", self.database, self.instance)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_only_taken_for_another_where_one_is_meant() {
        let login = |name: &str, sid: &str, is_sql| (name.parse().unwrap(), sid.to_owned(), is_sql);
        let logins = Logins(vec![
            login("Ann", "01", true),
            login("ANN", "02", true),
            login("Bob", "03", true),
            login("Eve", "04", false),
        ]);
        let find =
            |user: &str, sid: &str| logins.find(&user.parse().unwrap(), sid, UserKind::Sql, false);
        assert!(
            matches!(find("x", "03"), UserFinding::Matched { login } if login.as_str() == "Bob")
        );
        assert!(matches!(find("ANN", "99"), UserFinding::SameName { sid, .. } if sid == "02"));
        assert_eq!(find("ann", "99"), UserFinding::NoLogin, "two are alike");
        assert!(matches!(find("bob", "99"), UserFinding::SameName { sid, .. } if sid == "03"));
        assert_eq!(find("Eve", "99"), UserFinding::NoLogin, "no SQL login");
    }

    #[test]
    fn what_means_others_on_each_machine_is_told() {
        let local = |name: &str, sid: &str| {
            is_machine_local(&name.parse().unwrap(), sid, UserKind::WindowsGroup, "SQL01")
        };
        assert!(local(
            r"BUILTIN\Administrators",
            "01020000000000052000000020020000"
        ));
        assert!(local(r"sql01\Operators", "0105"));
        assert!(!local(r"CONTOSO\Operators", "0105"));
    }
}
