use std::collections::BTreeMap;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::database_side::{CapturedPermission, CapturedRole, CapturedSecurable, CapturedUser};
use super::login::{
    CapturedLogin, CapturedPassword, LoginKind, PermissionState, ServerPermission, is_machine_local,
};
use super::password_hashes::PasswordHashes;
use super::there::sid_of;
use super::value::Principals;
use crate::context::Context;
use crate::error::Result;
use crate::names::{DatabaseName, LoginName, SqlInstance};
use crate::operation::{Description, Observation, Operation, sealed::Sealed};
use crate::permission::Permission;
use crate::sql::answer::{Answer, Row};
use crate::sql::connection::Connection;
use crate::sql::statement::Statement;
use crate::sql::users::UserKind;

const NAME: &str = "capture principals of database";

/// The ids of dbo, guest, INFORMATION_SCHEMA and sys.
const LAST_FIXED_USER: i64 = 4;

/// Reads the logins that a database's users belong to, its users, roles and rights.
///
/// # Contract
/// * Reads only, and calls nothing that the database brought. Two round trips, however many they are.
/// * Logins belong to users by their SIDs; the owner's login is one of them.
/// * The hashes of SQL logins' passwords are read where the login may see them (CONTROL SERVER; from
///   2022 on VIEW ANY CRYPTOGRAPHICALLY SECURED DEFINITION; documented), and only over a wire that may
///   carry a secret. Where not, [`CapturedPassword::NotReadable`] says why.
///
/// # Errors
/// `NotFound` (no such database), `PermissionDenied` (VIEW ANY DEFINITION, without which logins stay
/// hidden; CONNECT on the database). Nothing is changed.
///
/// # Cancel safety
/// Dropping the future leaves nothing behind.
///
/// # T-SQL
/// `SELECT … FROM sys.database_principals`, `sys.database_permissions`, `sys.server_principals`,
/// `sys.sql_logins`, `sys.server_role_members`, `sys.server_permissions`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[must_use]
pub struct CapturePrincipals {
    instance: SqlInstance,
    database: DatabaseName,
}

impl CapturePrincipals {
    pub(super) const fn new(instance: SqlInstance, database: DatabaseName) -> Self {
        Self { instance, database }
    }

    /// All of it, one result set for each. Nothing is compared but ids and SIDs: the collations of the
    /// database and the server need not be the same (468).
    fn question(&self, reads_hashes: bool) -> Statement {
        Statement::new("USE ")
            .identifier(self.database.as_str())
            .text(
                "; SELECT name, principal_id, sid, type, type_desc, default_schema_name, is_fixed_role \
                 FROM sys.database_principals ORDER BY principal_id; \
                 SELECT role_principal_id, member_principal_id FROM sys.database_role_members; \
                 SELECT p.class_desc, p.grantee_principal_id, p.permission_name, p.state, \
                 CASE p.class WHEN 1 THEN OBJECT_SCHEMA_NAME(p.major_id) END AS schema_name, \
                 CASE p.class WHEN 1 THEN OBJECT_NAME(p.major_id) WHEN 3 THEN SCHEMA_NAME(p.major_id) \
                 WHEN 4 THEN USER_NAME(p.major_id) WHEN 24 THEN s.name WHEN 25 THEN c.name \
                 WHEN 26 THEN a.name END AS securable, k.name AS column_name \
                 FROM sys.database_permissions AS p \
                 LEFT JOIN sys.symmetric_keys AS s ON p.class = 24 AND s.symmetric_key_id = p.major_id \
                 LEFT JOIN sys.certificates AS c ON p.class = 25 AND c.certificate_id = p.major_id \
                 LEFT JOIN sys.asymmetric_keys AS a ON p.class = 26 AND a.asymmetric_key_id = p.major_id \
                 LEFT JOIN sys.columns AS k ON p.class = 1 AND k.object_id = p.major_id AND k.column_id = p.minor_id \
                 WHERE p.major_id >= 0; \
                 SELECT l.name, l.principal_id, l.sid, l.type, l.type_desc, l.is_disabled, \
                 l.default_database_name, l.default_language_name, s.is_policy_checked, s.is_expiration_checked, ",
            )
            .text(if reads_hashes {
                // Every server has its own sa.
                "CASE WHEN l.sid <> 0x01 THEN s.password_hash END AS password_hash"
            } else {
                "NULL AS password_hash"
            })
            .text(
                " FROM sys.server_principals AS l \
                 LEFT JOIN sys.sql_logins AS s ON s.principal_id = l.principal_id \
                 LEFT JOIN sys.database_principals AS u ON u.sid = l.sid \
                 WHERE l.type IN ('S', 'U', 'G', 'C', 'K', 'E', 'X') AND (u.principal_id IS NOT NULL \
                 OR l.sid = (SELECT owner_sid FROM sys.databases WHERE database_id = DB_ID())) \
                 ORDER BY l.principal_id; \
                 SELECT r.name AS role_name, m.member_principal_id FROM sys.server_role_members AS m \
                 JOIN sys.server_principals AS r ON r.principal_id = m.role_principal_id; \
                 SELECT grantee_principal_id, permission_name, state FROM sys.server_permissions WHERE class = 100; \
                 USE master",
            )
    }

    async fn capture(&self, cx: &Context) -> Result<Principals> {
        let permissions = self.describe().permissions;
        let mut connection =
            Connection::open_allowed(cx, &self.instance, None, &permissions).await?;
        let problem = connection.wire_problem();
        let question = self.question(problem.is_none());
        let answer = connection.look(question.batch()).await?;
        let identity = connection.identity();
        let why = match problem {
            Some(problem) => format!("{problem}, so its hash was not asked for"),
            None => "seeing it takes CONTROL SERVER, or from SQL Server 2022 on VIEW ANY \
                     CRYPTOGRAPHICALLY SECURED DEFINITION"
                .to_owned(),
        };
        let mut hashes = PasswordHashes::default();
        let machine = identity.machine_name.clone();
        let logins = logins(&answer, &machine, &why, &mut hashes)?;
        let names = names(&answer)?;
        Ok(Principals {
            server: identity.names(),
            database: self.database.clone(),
            users: users(&answer, &logins, &machine)?,
            roles: roles(&answer, &names)?,
            permissions: permissions_of(&answer, &names)?,
            logins,
            machine,
            hashes,
        })
    }
}

fn users(answer: &Answer, logins: &[CapturedLogin], machine: &str) -> Result<Vec<CapturedUser>> {
    let mut users = Vec::new();
    for row in answer.rows(0) {
        let kind = match row.text("type")?.trim() {
            "R" | "A" => continue,
            "U" => UserKind::WindowsUser,
            "G" => UserKind::WindowsGroup,
            _ => UserKind::Sql,
        };
        if row.integer("principal_id")? <= LAST_FIXED_USER {
            continue;
        }
        let name = row.text("name")?;
        let sid = sid_of(row)?;
        let login = logins.iter().find(|login| login.sid == sid);
        users.push(CapturedUser {
            is_machine_local: kind != UserKind::Sql && is_machine_local(name, &sid, machine),
            name: name.parse()?,
            kind,
            default_schema: row.text_or_null("default_schema_name")?.map(str::to_owned),
            login: login.map(|login| login.name.clone()),
            sid,
        });
    }
    Ok(users)
}

/// All users and roles by their ids.
fn names(answer: &Answer) -> Result<BTreeMap<i64, String>> {
    let rows = answer.rows(0);
    rows.map(|row| Ok((row.integer("principal_id")?, row.text("name")?.to_owned())))
        .collect()
}

fn name_of(names: &BTreeMap<i64, String>, id: i64) -> String {
    let name = names.get(&id).cloned();
    name.unwrap_or_else(|| format!("<principal {id}>"))
}

/// Those that somebody made, and fixed ones with members. That dbo owns every database is no membership.
fn roles(answer: &Answer, names: &BTreeMap<i64, String>) -> Result<Vec<CapturedRole>> {
    let mut members: BTreeMap<i64, Vec<String>> = BTreeMap::new();
    for row in answer.rows(1) {
        let member = row.integer("member_principal_id")?;
        if member != 1 {
            let role = row.integer("role_principal_id")?;
            members
                .entry(role)
                .or_default()
                .push(name_of(names, member));
        }
    }
    let mut roles = Vec::new();
    for row in answer.rows(0) {
        if row.text("type")?.trim() != "R" {
            continue;
        }
        let id = row.integer("principal_id")?;
        // public is no fixed role (`is_fixed_role` is 0), and everybody is in it.
        let is_fixed = row.is("is_fixed_role")? || id == 0;
        let members = members.remove(&id).unwrap_or_default();
        if is_fixed && members.is_empty() {
            continue;
        }
        roles.push(CapturedRole {
            name: row.text("name")?.parse()?,
            is_fixed,
            members,
        });
    }
    Ok(roles)
}

fn permissions_of(
    answer: &Answer,
    names: &BTreeMap<i64, String>,
) -> Result<Vec<CapturedPermission>> {
    let text = |row: Row<'_>, column: &str| {
        let text = row.text_or_null(column)?;
        Ok::<_, crate::error::Error>(text.map(str::to_owned))
    };
    let rows = answer.rows(2).map(|row| {
        Ok(CapturedPermission {
            principal: name_of(names, row.integer("grantee_principal_id")?),
            name: row.text("permission_name")?.to_owned(),
            state: PermissionState::read(row.text("state")?),
            on: CapturedSecurable {
                class: row.text("class_desc")?.to_owned(),
                schema: text(row, "schema_name")?,
                name: text(row, "securable")?,
                column: text(row, "column_name")?,
            },
        })
    });
    rows.collect()
}

fn logins(
    answer: &Answer,
    machine: &str,
    why_hidden: &str,
    hashes: &mut PasswordHashes,
) -> Result<Vec<CapturedLogin>> {
    let mut by_id: BTreeMap<i64, CapturedLogin> = BTreeMap::new();
    for row in answer.rows(3) {
        let name: LoginName = row.text("name")?.parse()?;
        let sid = sid_of(row)?;
        let kind = LoginKind::read(row.text("type")?, row.text("type_desc")?);
        let password = match (&kind, row.bytes_or_null("password_hash")?) {
            (LoginKind::Sql, Some(hash)) => {
                hashes.keep(&sid, hash);
                CapturedPassword::Captured
            }
            (LoginKind::Sql, None) => CapturedPassword::NotReadable {
                why: why_hidden.to_owned(),
            },
            _ => CapturedPassword::None,
        };
        let default_database = row.text_or_null("default_database_name")?;
        let login = CapturedLogin {
            is_machine_local: kind.is_windows() && is_machine_local(name.as_str(), &sid, machine),
            name,
            sid,
            kind,
            default_database: default_database.map(str::parse).transpose()?,
            default_language: row
                .text_or_null("default_language_name")?
                .map(str::to_owned),
            is_disabled: row.is("is_disabled")?,
            checks_policy: row.is("is_policy_checked")?,
            checks_expiration: row.is("is_expiration_checked")?,
            password,
            server_roles: Vec::new(),
            permissions: Vec::new(),
        };
        by_id.insert(row.integer("principal_id")?, login);
    }
    for row in answer.rows(4) {
        if let Some(login) = by_id.get_mut(&row.integer("member_principal_id")?) {
            login.server_roles.push(row.text("role_name")?.to_owned());
        }
    }
    for row in answer.rows(5) {
        if let Some(login) = by_id.get_mut(&row.integer("grantee_principal_id")?) {
            login.permissions.push(ServerPermission {
                name: row.text("permission_name")?.to_owned(),
                state: PermissionState::read(row.text("state")?),
            });
        }
    }
    Ok(by_id.into_values().collect())
}

impl Sealed for CapturePrincipals {}

#[async_trait]
impl Operation for CapturePrincipals {
    type Output = Principals;

    fn describe(&self) -> Description {
        Description {
            target: format!("database {} on {}", self.database, self.instance),
            action: "read logins, users, roles and rights around the database".to_owned(),
            script: Vec::new(),
            hazards: Vec::new(),
            permissions: vec![
                Permission::database("CONNECT", &self.database),
                Permission::server("VIEW ANY DEFINITION"),
            ],
        }
    }

    async fn observe(&self, _: &Context) -> Result<Observation> {
        Ok(Observation::NotDone)
    }

    async fn run(&self, cx: &Context) -> Result<Self::Output> {
        self.capture(cx)
            .await
            .map_err(|error| error.at(NAME, format_args!("{} on {}", self.database, self.instance)))
    }
}
