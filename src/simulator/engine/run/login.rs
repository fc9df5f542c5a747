//! Logins, server roles, and acting as somebody else.

use super::permission::Action;
use super::{Runner, command};
use crate::simulator::catalog::Login;
use crate::simulator::engine::keys::check_password;
use crate::simulator::engine::session::Impersonation;
use crate::simulator::engine::{Caller, Session, find_user};
use crate::simulator::instance::same_name;
use crate::simulator::keys::PasswordHash;
use crate::simulator::server_error::{Failure, Result, ServerError};
use crate::simulator::tsql::ast::{LoginChange, SecurityStatement};

/// Changes the password of the login that signed in, as a client may ask while it does: that it knew
/// the old one was seen.
pub(crate) fn change_own_password(session: &Session, password: &str) -> Result<()> {
    let instance = &session.instance;
    check_password(instance, password)?;
    let hash = PasswordHash::of(instance.derivation, password).map_err(|_| no_randomness())?;
    let mut state = instance.state();
    Ok(instance.edit(&mut state, |edit| {
        let mut logins = edit.catalog().logins.iter_mut();
        if let Some(login) = logins.find(|login| same_name(&login.name, &session.login)) {
            login.password_hash = hash;
        }
        Ok(())
    })?)
}

/// 15247.
pub(super) fn no_permission() -> ServerError {
    ServerError::new(
        15247,
        16,
        1,
        "User does not have permission to perform this action.",
    )
}

/// 15151.
pub(super) fn missing(verb: &str, what: &str, name: &str) -> ServerError {
    ServerError::new(
        15151,
        16,
        1,
        format!(
            "Cannot {verb} the {what} '{name}', because it does not exist or you do not have \
             permission."
        ),
    )
}

/// 15023 and 15025: a principal of that name exists.
pub(super) fn exists(number: i32, kind: &str, name: &str) -> ServerError {
    ServerError::new(
        number,
        16,
        1,
        format!("{kind} '{name}' already exists in the current database."),
    )
}

impl Runner<'_> {
    pub(super) async fn security(
        &mut self,
        statement: &SecurityStatement,
        frame: &crate::simulator::engine::frame::Frame,
    ) -> Result<(), Failure> {
        match statement {
            SecurityStatement::CreateLogin(login) => self.create_login(login)?,
            SecurityStatement::AlterLogin { name, change } => self.alter_login(name, change)?,
            SecurityStatement::DropLogin(name) => self.drop_login(name)?,
            SecurityStatement::ChangeMembership {
                is_server_role: true,
                role,
                member,
                is_added,
            } => {
                self.change_server_role(role, member, *is_added)?;
            }
            SecurityStatement::Impersonate {
                is_login,
                name,
                is_for_good,
            } => self.impersonate(*is_login, name, *is_for_good)?,
            SecurityStatement::Revert => self.revert()?,
            SecurityStatement::Permission {
                action,
                permissions,
                target,
                principals,
                with_grant,
            } => {
                let action = Action {
                    kind: *action,
                    with_grant: *with_grant,
                };
                self.permission(action, permissions, target, principals, frame)?;
            }
            other => self.user_statement(other)?,
        }
        Ok(self.done(command::NONE, None).await?)
    }

    /// Changes a login that the caller may change; one may change one's own password.
    fn edit_login(&self, name: &str, verb: &str, change: impl FnOnce(&mut Login)) -> Result<()> {
        let instance = &self.session.instance;
        let mut state = instance.state();
        let caller = Caller::new(&state, self.session);
        let may = caller.has_server("ALTER ANY LOGIN");
        let place = state
            .catalog
            .logins
            .iter()
            .position(|login| same_name(&login.name, name));
        let Some(place) = place.filter(|_| may) else {
            return Err(missing(verb, "login", name));
        };
        // Only sysadmins change sysadmins.
        if state.catalog.logins[place].roles.contains("sysadmin") && !caller.is_sysadmin() {
            return Err(missing(verb, "login", name));
        }
        Ok(instance.edit(&mut state, |edit| {
            change(&mut edit.catalog().logins[place]);
            Ok(())
        })?)
    }

    fn alter_login(&self, name: &str, change: &LoginChange) -> Result<()> {
        match change {
            LoginChange::Enable => {
                self.edit_login(name, "alter", |login| login.is_disabled = false)
            }
            LoginChange::Disable => {
                self.edit_login(name, "alter", |login| login.is_disabled = true)
            }
            LoginChange::Password(password) => {
                check_password(&self.session.instance, password)?;
                let derivation = self.session.instance.derivation;
                let hash = PasswordHash::of(derivation, password).map_err(|_| no_randomness())?;
                self.edit_login(name, "alter", |login| login.password_hash = hash)
            }
            LoginChange::DefaultDatabase(database) => self.edit_login(name, "alter", |login| {
                login.default_database.clone_from(database)
            }),
            LoginChange::Name(new) => {
                if self.session.instance.state().login(new).is_some() {
                    return Err(ServerError::new(
                        15025,
                        16,
                        1,
                        format!("The server principal '{new}' already exists."),
                    ));
                }
                self.edit_login(name, "alter", |login| login.name.clone_from(new))
            }
        }
    }

    fn drop_login(&self, name: &str) -> Result<()> {
        let instance = &self.session.instance;
        let mut state = instance.state();
        let caller = Caller::new(&state, self.session);
        let login = state
            .login(name)
            .filter(|_| caller.has_server("ALTER ANY LOGIN"));
        let Some(login) = login else {
            return Err(missing("drop", "login", name));
        };
        let (sid, name) = (login.sid.clone(), login.name.clone());
        if state
            .catalog
            .databases
            .iter()
            .any(|entry| entry.owner == sid)
        {
            return Err(ServerError::new(
                15174,
                16,
                1,
                format!(
                    "Login '{name}' owns one or more database(s). Change the owner of the \
                     database(s) before dropping the login."
                ),
            ));
        }
        if state
            .sessions
            .values()
            .any(|info| same_name(&info.login, &name))
        {
            return Err(ServerError::new(
                15434,
                16,
                1,
                format!("Could not drop login '{name}' as the user is currently logged in."),
            ));
        }
        Ok(instance.edit(&mut state, |edit| {
            edit.catalog()
                .logins
                .retain(|login| !same_name(&login.name, &name));
            Ok(())
        })?)
    }

    fn change_server_role(&self, role: &str, member: &str, is_added: bool) -> Result<()> {
        const FIXED: [&str; 8] = [
            "sysadmin",
            "securityadmin",
            "serveradmin",
            "setupadmin",
            "processadmin",
            "diskadmin",
            "dbcreator",
            "bulkadmin",
        ];
        let role = role.to_lowercase();
        let instance = &self.session.instance;
        let mut state = instance.state();
        let caller = Caller::new(&state, self.session);
        if !FIXED.contains(&role.as_str()) || !caller.is_in_server_role(&role) {
            return Err(missing("alter", "server role", &role));
        }
        let place = state
            .catalog
            .logins
            .iter()
            .position(|login| same_name(&login.name, member));
        let Some(place) = place else {
            return Err(missing("add", "principal", member));
        };
        Ok(instance.edit(&mut state, |edit| {
            let roles = &mut edit.catalog().logins[place].roles;
            if is_added {
                roles.insert(role);
            } else {
                roles.remove(&role);
            }
            Ok(())
        })?)
    }

    fn impersonate(&mut self, is_login: bool, name: &str, is_for_good: bool) -> Result<()> {
        let (login, user) = {
            let state = self.session.instance.state();
            let caller = Caller::new(&state, self.session);
            let refused = || {
                let kind = if is_login { "server" } else { "database" };
                ServerError::new(
                    if is_login { 15406 } else { 15517 },
                    16,
                    1,
                    format!(
                        "Cannot execute as the {kind} principal because the principal \"{name}\" \
                         does not exist, this type of principal cannot be impersonated, or you do \
                         not have permission."
                    ),
                )
            };
            if is_login {
                let may = caller.has_server("IMPERSONATE ANY LOGIN");
                let login = state.login(name).filter(|_| may).ok_or_else(refused)?;
                (login.name.clone(), None)
            } else {
                let database = &self.session.database;
                let contents = &state.database(database)?.contents;
                let user = find_user(contents, name)
                    .filter(|user| {
                        let may = caller.has_object(database, &user.grants, "IMPERSONATE");
                        !user.is_role && may
                    })
                    .ok_or_else(refused)?;
                (
                    self.session.login.clone(),
                    Some((database.clone(), user.name.clone())),
                )
            }
        };
        let memory = &mut self.session.memory;
        memory.impersonations.push(Impersonation {
            login: std::mem::replace(&mut self.session.login, login),
            user: std::mem::replace(&mut memory.impersonated_user, user),
            database: self.session.database.clone(),
        });
        // What it was is forgotten for all but the connection's end.
        self.session.memory.reverts_no_more |= is_for_good;
        Ok(())
    }

    /// Back to who one was. Without EXECUTE AS it does nothing.
    fn revert(&mut self) -> Result<()> {
        let memory = &mut self.session.memory;
        if memory.reverts_no_more {
            // That it is no error is unconfirmed.
            return Ok(());
        }
        let is_here = memory
            .impersonations
            .last()
            .is_none_or(|last| same_name(&last.database, &self.session.database));
        if !is_here {
            return Err(ServerError::new(
                15199,
                16,
                1,
                "The current security context cannot be reverted. Please switch to the original \
                 database where 'Execute As' was called and try it again.",
            ));
        }
        if let Some(last) = memory.impersonations.pop() {
            self.session.login = last.login;
            memory.impersonated_user = last.user;
        }
        Ok(())
    }
}

/// The next id of a login. Below 256 are the server's own.
pub(super) fn free_id(logins: &[Login]) -> i32 {
    let last = logins.iter().map(|login| login.id).max().unwrap_or(0);
    last.max(258).saturating_add(1)
}

pub(super) fn no_randomness() -> ServerError {
    ServerError::new(15_209, 16, 1, "An error occurred during encryption.")
}
