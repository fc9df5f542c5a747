//! GRANT, DENY, REVOKE.

use std::collections::{BTreeMap, BTreeSet};

use super::Runner;
use super::login::missing;
use crate::simulator::catalog::Login;
use crate::simulator::engine::evaluate::{database_permissions, server_permissions};
use crate::simulator::engine::frame::Frame;
use crate::simulator::engine::held::with_grant;
use crate::simulator::engine::{Caller, find_user};
use crate::simulator::instance::same_name;
use crate::simulator::server_error::{Result, ServerError};
use crate::simulator::tsql::ast::{ObjectName, PermissionAction, PermissionTarget};

/// What is done with permissions.
#[derive(Clone, Copy, Debug)]
pub(super) struct Action {
    pub(super) kind: PermissionAction,
    /// WITH GRANT OPTION; of REVOKE, GRANT OPTION FOR.
    pub(super) with_grant: bool,
}

impl Action {
    /// Whether it takes the option away, and leaves the right.
    fn is_of_option(self) -> bool {
        self.with_grant && self.kind == PermissionAction::Revoke
    }
}

impl Runner<'_> {
    pub(super) fn permission(
        &mut self,
        action: Action,
        permissions: &[String],
        target: &PermissionTarget,
        principals: &[String],
        frame: &Frame,
    ) -> Result<()> {
        for permission in permissions {
            for principal in principals {
                match target {
                    PermissionTarget::Implied if self.is_server_permission(permission) => {
                        self.on_server(action, permission, principal)?;
                    }
                    PermissionTarget::Server => self.on_server(action, permission, principal)?,
                    PermissionTarget::Implied => {
                        let database = self.session.database.clone();
                        self.on_database(action, permission, &database, principal)?;
                    }
                    PermissionTarget::Database(name) => {
                        if !same_name(name, &self.session.database) {
                            return Err(missing("find", "database", name));
                        }
                        self.on_database(action, permission, name, principal)?;
                    }
                    PermissionTarget::Object(name) => {
                        self.on_object(action, permission, name, principal, frame)?;
                    }
                    PermissionTarget::Schema(name) => {
                        self.on_schema(action, permission, name, principal)?;
                    }
                    PermissionTarget::Other { class, name } => {
                        self.on_key(action, permission, (class, name), principal)?;
                    }
                }
            }
        }
        Ok(())
    }

    fn is_server_permission(&self, permission: &str) -> bool {
        let version = self.session.instance.version;
        server_permissions(version).any(|known| known == permission)
            && !database_permissions(version).any(|known| known == permission)
    }

    fn on_server(&self, action: Action, permission: &str, principal: &str) -> Result<()> {
        if !server_permissions(self.session.instance.version).any(|known| known == permission) {
            return Err(incorrect(permission));
        }
        let instance = &self.session.instance;
        let mut state = instance.state();
        if !same_name(&self.session.database, "master") {
            return Err(ServerError::new(
                4621,
                16,
                10,
                "Permissions at the server scope can only be granted when the current database is \
                 master",
            ));
        }
        let caller = Caller::new(&state, self.session);
        let may_pass_on = |login: &Login| login.permissions.contains(&with_grant(permission));
        if !caller.has_server("CONTROL SERVER") && !caller.login().is_some_and(may_pass_on) {
            return Err(cannot_grant());
        }
        let place = state
            .catalog
            .logins
            .iter()
            .position(|login| same_name(&login.name, principal));
        let Some(place) = place else {
            return Err(missing("find", "login", principal));
        };
        Ok(instance.edit(&mut state, |edit| {
            let login = &mut edit.catalog().logins[place];
            apply(
                action,
                permission,
                &mut login.permissions,
                &mut login.denied,
            );
            Ok(())
        })?)
    }

    fn on_database(
        &mut self,
        action: Action,
        permission: &str,
        database: &str,
        principal: &str,
    ) -> Result<()> {
        if !database_permissions(self.session.instance.version).any(|known| known == permission) {
            return Err(incorrect(permission));
        }
        self.check_grantor(database)?;
        self.change_database(database, |open| {
            let users = &mut open.contents.users;
            let user = users
                .iter_mut()
                .find(|user| same_name(&user.name, principal));
            let Some(user) = user else {
                return Err(missing("find", "user", principal));
            };
            apply(action, permission, &mut user.permissions, &mut user.denied);
            Ok(())
        })
    }

    fn check_grantor(&self, database: &str) -> Result<()> {
        let state = self.session.instance.state();
        let caller = Caller::new(&state, self.session);
        if caller.has_database(database, "CONTROL")
            || caller.is_in_role(database, "db_securityadmin")
        {
            Ok(())
        } else {
            Err(cannot_grant())
        }
    }

    fn on_object(
        &mut self,
        action: Action,
        permission: &str,
        name: &ObjectName,
        principal: &str,
        frame: &Frame,
    ) -> Result<()> {
        let database = self.with_context(frame, |context| context.database_of(name))?;
        self.check_grantor(&database)?;
        let schema = name.schema().unwrap_or("dbo").to_owned();
        let object = name.name().to_owned();
        self.change_database(&database, |open| {
            let contents = &mut open.contents;
            let Some(user) = find_user(contents, principal) else {
                return Err(missing("find", "user", principal));
            };
            let principal = user.name.clone();
            let is_it =
                |own: &str, known: &str| same_name(own, &schema) && same_name(known, &object);
            let table = contents
                .tables
                .iter_mut()
                .find(|table| is_it(&table.schema, &table.name));
            let grants = match table {
                Some(table) => Some(&mut table.grants),
                None => contents
                    .procedures
                    .iter_mut()
                    .find(|known| is_it(&known.schema, &known.name))
                    .map(|known| &mut known.grants),
            };
            let Some(grants) = grants else {
                return Err(missing("find", "object", &object));
            };
            apply_to_object(action, permission, grants, &principal);
            Ok(())
        })
    }

    /// On a symmetric key, an asymmetric key or a certificate.
    fn on_key(
        &mut self,
        action: Action,
        permission: &str,
        (class, name): (&str, &str),
        principal: &str,
    ) -> Result<()> {
        let database = self.session.database.clone();
        self.check_grantor(&database)?;
        self.change_database(&database, |open| {
            let contents = &mut open.contents;
            let Some(user) = find_user(contents, principal) else {
                return Err(missing("find", "user", principal));
            };
            let principal = user.name.clone();
            let grants = match class {
                "SYMMETRIC KEY" => {
                    let mut keys = contents.symmetric_keys.iter_mut();
                    let known = keys.find(|key| same_name(&key.name, name));
                    known.map(|key| &mut key.grants)
                }
                "ASYMMETRIC KEY" | "CERTIFICATE" => {
                    let pairs = if class == "CERTIFICATE" {
                        &mut contents.certificates
                    } else {
                        &mut contents.asymmetric_keys
                    };
                    let known = pairs.iter_mut().find(|pair| same_name(&pair.name, name));
                    known.map(|pair| &mut pair.grants)
                }
                "USER" => {
                    let mut users = contents.users.iter_mut().filter(|user| !user.is_role);
                    let known = users.find(|user| same_name(&user.name, name));
                    known.map(|user| &mut user.grants)
                }
                _ => {
                    return Err(ServerError::unsupported(format_args!(
                        "permissions on the class {class}"
                    )));
                }
            };
            let Some(grants) = grants else {
                return Err(missing("find", &class.to_lowercase(), name));
            };
            apply_to_object(action, permission, grants, &principal);
            Ok(())
        })
    }

    /// On a schema, and so on all that is in it or will be.
    fn on_schema(
        &mut self,
        action: Action,
        permission: &str,
        schema: &str,
        principal: &str,
    ) -> Result<()> {
        let database = self.session.database.clone();
        self.check_grantor(&database)?;
        self.change_database(&database, |open| {
            let contents = &mut open.contents;
            let mut known = contents.schemas.iter();
            let Some(schema) = known.find(|known| same_name(known, schema)) else {
                return Err(missing("find", "schema", schema));
            };
            let schema = schema.clone();
            let Some(user) = find_user(contents, principal) else {
                return Err(missing("find", "user", principal));
            };
            let principal = user.name.clone();
            let grants = contents.schema_grants.entry(schema).or_default();
            apply_to_object(action, permission, grants, &principal);
            Ok(())
        })
    }
}

fn apply(
    action: Action,
    permission: &str,
    granted: &mut BTreeSet<String>,
    denied: &mut BTreeSet<String>,
) {
    granted.remove(&with_grant(permission));
    if action.is_of_option() {
        return;
    }
    granted.remove(permission);
    denied.remove(permission);
    match action.kind {
        PermissionAction::Grant => {
            granted.insert(permission.to_owned());
            if action.with_grant {
                granted.insert(with_grant(permission));
            }
        }
        PermissionAction::Deny => {
            denied.insert(permission.to_owned());
        }
        PermissionAction::Revoke => {}
    }
}

/// On an object, a denial is kept as `DENY SELECT`.
fn apply_to_object(
    action: Action,
    permission: &str,
    grants: &mut BTreeMap<String, BTreeSet<String>>,
    principal: &str,
) {
    let permission = if permission == "EXEC" {
        "EXECUTE"
    } else {
        permission
    };
    let denial = format!("DENY {permission}");
    let held = grants.entry(principal.to_owned()).or_default();
    held.remove(&with_grant(permission));
    if action.is_of_option() {
        return;
    }
    held.remove(permission);
    held.remove(&denial);
    match action.kind {
        PermissionAction::Grant => {
            held.insert(permission.to_owned());
            if action.with_grant {
                held.insert(with_grant(permission));
            }
        }
        PermissionAction::Deny => {
            held.insert(denial);
        }
        PermissionAction::Revoke => {}
    }
}

/// 102: no such permission.
fn incorrect(permission: &str) -> ServerError {
    ServerError::new(102, 15, 1, format!("Incorrect syntax near '{permission}'."))
}

/// 4613.
fn cannot_grant() -> ServerError {
    ServerError::new(4613, 16, 1, "Grantor does not have GRANT permission.")
}
