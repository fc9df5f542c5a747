//! Users and roles of a database.

use super::Runner;
use super::login::{exists, missing};
use crate::simulator::catalog::{Bytes, Contents, PrincipalKind, User};
use crate::simulator::engine::{Caller, find_user};
use crate::simulator::instance::{random_sid_without_login, same_name};
use crate::simulator::server_error::{Result, ServerError};
use crate::simulator::tsql::ast::SecurityStatement;

/// Users that every database has.
const LAST_FIXED_USER: i32 = 4;
/// The first id of a fixed role; those that users make come behind the last.
const FIRST_FIXED_ROLE: i32 = 16_384;

impl Runner<'_> {
    pub(super) fn user_statement(&mut self, statement: &SecurityStatement) -> Result<()> {
        match statement {
            SecurityStatement::CreateUser {
                name,
                login,
                default_schema,
            } => self.create_user(name, login.as_deref(), default_schema.clone()),
            SecurityStatement::MapUser { name, login } => self.map_user(name, login),
            SecurityStatement::DropUser { name, if_exists } => {
                self.drop_user(name, *if_exists, false)
            }
            SecurityStatement::DropRole(name) => self.drop_user(name, false, true),
            SecurityStatement::CreateRole(name) => self.create_role(name),
            SecurityStatement::ChangeMembership {
                role,
                member,
                is_added,
                ..
            } => self.change_role(role, member, *is_added),
            _ => Err(ServerError::unsupported("this statement on users")),
        }
    }

    /// Changes the users of the current database, with a permission.
    fn edit_users(
        &mut self,
        permission: &str,
        change: impl FnOnce(&mut Contents) -> Result<()>,
    ) -> Result<()> {
        let database = self.session.database.clone();
        {
            let state = self.session.instance.state();
            if !Caller::new(&state, self.session).has_database(&database, permission) {
                return Err(super::login::no_permission());
            }
        }
        self.change_database(&database, |open| change(&mut open.contents))
    }

    fn sid_of(&self, login: &str) -> Result<(Bytes, PrincipalKind)> {
        let state = self.session.instance.state();
        state
            .login(login)
            .map(|login| (login.sid.clone(), login.options.kind))
            .ok_or_else(|| {
                ServerError::new(
                    15007,
                    16,
                    1,
                    format!("'{login}' is not a valid login or you do not have permission."),
                )
            })
    }

    fn create_user(
        &mut self,
        name: &str,
        login: Option<&str>,
        default_schema: Option<String>,
    ) -> Result<()> {
        let (sid, kind) = match login {
            Some(login) => self.sid_of(login)?,
            None => {
                let sid = random_sid_without_login().map_err(|_| {
                    ServerError::new(15_209, 16, 1, "An error occurred during encryption.")
                })?;
                (sid, PrincipalKind::Sql)
            }
        };
        // CREATE USER guest would be GRANT CONNECT TO guest; it exists.
        self.edit_users("ALTER ANY USER", |contents| {
            if find_user(contents, name).is_some() {
                return Err(exists(15023, "User, group, or role", name));
            }
            if contents
                .users
                .iter()
                .any(|user| !user.is_role && user.sid == sid)
            {
                return Err(ServerError::new(
                    15063,
                    16,
                    1,
                    "The login already has an account under a different user name.",
                ));
            }
            let id = next_id(contents, LAST_FIXED_USER, FIRST_FIXED_ROLE);
            contents.users.push(User {
                kind,
                default_schema,
                ..new_user(id, name, sid, false)
            });
            Ok(())
        })
    }

    fn map_user(&mut self, name: &str, login: &str) -> Result<()> {
        let (sid, _) = self.sid_of(login)?;
        // Not ALTER ANY USER, which a change of the name needs (documented).
        self.edit_users("CONTROL", |contents| {
            let is_taken = contents
                .users
                .iter()
                .any(|user| user.sid == sid && !same_name(&user.name, name));
            let user = contents.users.iter_mut().find(|user| {
                !user.is_role && user.id > LAST_FIXED_USER && same_name(&user.name, name)
            });
            let Some(user) = user else {
                return Err(missing("alter", "user", name));
            };
            if is_taken {
                return Err(ServerError::new(
                    15063,
                    16,
                    1,
                    "The login already has an account under a different user name.",
                ));
            }
            user.sid = sid;
            Ok(())
        })
    }

    fn create_role(&mut self, name: &str) -> Result<()> {
        self.edit_users("ALTER ANY ROLE", |contents| {
            if find_user(contents, name).is_some() {
                return Err(exists(15023, "User, group, or role", name));
            }
            let id = next_id(contents, LAST_FIXED_USER, FIRST_FIXED_ROLE);
            contents
                .users
                .push(new_user(id, name, Bytes::default(), true));
            Ok(())
        })
    }

    fn drop_user(&mut self, name: &str, if_exists: bool, is_role: bool) -> Result<()> {
        let (permission, kind) = if is_role {
            ("ALTER ANY ROLE", "role")
        } else {
            ("ALTER ANY USER", "user")
        };
        self.edit_users(permission, |contents| {
            let is_fixed = |user: &User| {
                user.id <= LAST_FIXED_USER
                    || (FIRST_FIXED_ROLE..FIRST_FIXED_ROLE + 16).contains(&user.id)
            };
            let found = find_user(contents, name).filter(|user| user.is_role == is_role);
            let Some(user) = found else {
                return if if_exists {
                    Ok(())
                } else {
                    Err(missing("drop", kind, name))
                };
            };
            if is_fixed(user) {
                return Err(ServerError::new(
                    15150,
                    16,
                    1,
                    format!("Cannot drop the {kind} '{}'.", user.name),
                ));
            }
            let name = user.name.clone();
            if contents.users.iter().any(|user| user.roles.contains(&name)) {
                return Err(ServerError::new(
                    15144,
                    16,
                    1,
                    "The role has members. It must be empty before it can be dropped.",
                ));
            }
            contents.users.retain(|user| user.name != name);
            for table in &mut contents.tables {
                table.grants.remove(&name);
            }
            for procedure in &mut contents.procedures {
                procedure.grants.remove(&name);
            }
            for grants in contents.schema_grants.values_mut() {
                grants.remove(&name);
            }
            Ok(())
        })
    }

    fn change_role(&mut self, role: &str, member: &str, is_added: bool) -> Result<()> {
        let database = self.session.database.clone();
        // Only owners change the fixed roles.
        let is_fixed_role = {
            let state = self.session.instance.state();
            let contents = &state.database(&database)?.contents;
            let Some(role) = find_user(contents, role).filter(|role| role.is_role) else {
                return Err(missing("alter", "role", role));
            };
            (FIRST_FIXED_ROLE..FIRST_FIXED_ROLE + 16).contains(&role.id)
        };
        let permission = if is_fixed_role {
            "CONTROL"
        } else {
            "ALTER ANY ROLE"
        };
        {
            let state = self.session.instance.state();
            if !Caller::new(&state, self.session).has_database(&database, permission) {
                return Err(missing("alter", "role", role));
            }
        }
        self.edit_users(permission, |contents| {
            let role =
                find_user(contents, role).map_or_else(|| role.to_owned(), |r| r.name.clone());
            let user = contents
                .users
                .iter_mut()
                .find(|user| same_name(&user.name, member));
            let verb = if is_added { "add" } else { "drop" };
            let Some(user) = user.filter(|user| user.name != "dbo" && user.name != "public") else {
                return Err(missing(verb, "principal", member));
            };
            if is_added {
                user.roles.insert(role);
            } else {
                user.roles.remove(&role);
            }
            Ok(())
        })?;
        Ok(())
    }
}

/// The next id of users and roles that are not fixed.
fn next_id(contents: &Contents, least: i32, fixed: i32) -> i32 {
    let ids = contents
        .users
        .iter()
        .map(|user| user.id)
        .filter(|id| *id < fixed);
    ids.max().unwrap_or(least).max(least).saturating_add(1)
}

fn new_user(id: i32, name: &str, sid: Bytes, is_role: bool) -> User {
    User {
        id,
        name: name.to_owned(),
        sid,
        is_role,
        roles: std::collections::BTreeSet::new(),
        permissions: std::collections::BTreeSet::new(),
        denied: std::collections::BTreeSet::new(),
        grants: std::collections::BTreeMap::new(),
        kind: PrincipalKind::Sql,
        default_schema: None,
    }
}
