//! What the caller of a statement may do.

use std::collections::{BTreeMap, BTreeSet};

use crate::simulator::catalog::{Contents, Login, User};
use crate::simulator::engine::Session;
use crate::simulator::instance::{State, same_name};

/// The server permissions that everybody has.
const PUBLIC_SERVER: &[&str] = &["CONNECT SQL", "VIEW ANY DATABASE"];

/// Who a statement runs as.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Caller<'a> {
    state: &'a State,
    login: Option<&'a Login>,
    /// EXECUTE AS USER: the database and the user in it.
    user: Option<(&'a str, &'a str)>,
}

impl<'a> Caller<'a> {
    pub(crate) fn new(state: &'a State, session: &'a Session) -> Self {
        let user = session.memory.impersonated_user.as_ref();
        Self {
            state,
            login: state.login(&session.login),
            user: user.map(|(database, user)| (database.as_str(), user.as_str())),
        }
    }

    /// A login, wherever it is signed in.
    pub(crate) fn of_login(state: &'a State, login: &str) -> Self {
        Self {
            state,
            login: state.login(login),
            user: None,
        }
    }

    pub(crate) fn login(&self) -> Option<&'a Login> {
        self.login
    }

    /// Whether it is a member of a fixed server role. A sysadmin who acts as a user is none.
    pub(crate) fn is_in_server_role(&self, role: &str) -> bool {
        self.user.is_none()
            && self.login.is_some_and(|login| {
                login.roles.contains("sysadmin") || login.roles.contains(&role.to_lowercase())
            })
    }

    pub(crate) fn is_sysadmin(&self) -> bool {
        self.is_in_server_role("sysadmin")
    }

    /// Whether it has a server permission, in upper case: granted, implied or by a role.
    pub(crate) fn has_server(&self, permission: &str) -> bool {
        if self.is_sysadmin() {
            return true;
        }
        let Some(login) = self.login.filter(|_| self.user.is_none()) else {
            return PUBLIC_SERVER.contains(&permission);
        };
        let has = |wanted: &str| login.permissions.contains(wanted);
        if login.denied.contains(permission) {
            return false;
        }
        let by_role = |role: &str| login.roles.contains(role);
        PUBLIC_SERVER.contains(&permission)
            || has(permission)
            || has("CONTROL SERVER")
            || match permission {
                "VIEW SERVER PERFORMANCE STATE" | "VIEW SERVER SECURITY STATE" => {
                    self.has_server("VIEW SERVER STATE")
                }
                "VIEW SERVER STATE" => {
                    has("ALTER SERVER STATE") || by_role("serveradmin") || by_role("processadmin")
                }
                "VIEW ANY PERFORMANCE DEFINITION" | "VIEW ANY SECURITY DEFINITION" => {
                    self.has_server("VIEW ANY DEFINITION")
                }
                "ALTER SERVER STATE" => by_role("serveradmin") || by_role("processadmin"),
                "ALTER ANY CONNECTION" => by_role("processadmin"),
                "CREATE ANY DATABASE" => has("ALTER ANY DATABASE") || by_role("dbcreator"),
                "ALTER ANY DATABASE" => by_role("dbcreator"),
                "ADMINISTER BULK OPERATIONS" => by_role("bulkadmin"),
                "ALTER ANY LOGIN" | "ALTER ANY CREDENTIAL" => by_role("securityadmin"),
                "ALTER ANY LINKED SERVER" => by_role("setupadmin"),
                "ALTER SETTINGS" => by_role("serveradmin"),
                "VIEW ANY DEFINITION" => by_role("securityadmin"),
                _ => false,
            }
    }

    /// Whether the catalog shows it a login: oneself and sa; others with VIEW ANY DEFINITION or ALTER
    /// ANY LOGIN (documented).
    pub(crate) fn sees_login(&self, login: &Login) -> bool {
        login.id == 1
            || self.login.is_some_and(|own| own.id == login.id)
            || self.has_server("VIEW ANY DEFINITION")
            || self.has_server("ALTER ANY LOGIN")
    }

    /// Whether the catalog shows it the hashes of passwords (documented).
    pub(crate) fn sees_password_hashes(&self) -> bool {
        self.has_server("CONTROL SERVER")
            || self.has_server("VIEW ANY CRYPTOGRAPHICALLY SECURED DEFINITION")
    }

    /// Whether it may make databases: by the server's permission, or by CREATE DATABASE in `master`.
    pub(crate) fn may_create_databases(&self) -> bool {
        self.has_server("CREATE ANY DATABASE") || self.has_database("master", "CREATE DATABASE")
    }

    /// The database user it is: dbo for sysadmins and the owner; guest where guests may enter.
    pub(crate) fn user(&self, database: &str) -> Option<&'a User> {
        let contents = &self.state.databases.get(&database.to_lowercase())?.contents;
        let named = |name: &str| find_user(contents, name);
        if let Some((impersonated_in, user)) = self.user {
            return if same_name(impersonated_in, database) {
                named(user)
            } else {
                named("guest")
            }
            .filter(|user| may_connect(database, user));
        }
        let login = self.login?;
        let owner = self.state.entry(database).map(|entry| &entry.owner);
        if self.is_sysadmin() || owner == Some(&login.sid) {
            return named("dbo");
        }
        let by_sid = contents
            .users
            .iter()
            .find(|user| !user.is_role && user.sid == login.sid && user.id > 0)
            .filter(|user| !user.denied.contains("CONNECT"));
        match by_sid {
            Some(user) if user.name != "guest" => Some(user),
            _ => named("guest").filter(|guest| may_connect(database, guest)),
        }
    }

    /// The user and all roles it is in, directly or through roles; public is one of them.
    pub(crate) fn principals(&self, database: &str) -> BTreeSet<String> {
        let mut known = BTreeSet::new();
        let Some(user) = self.user(database) else {
            return known;
        };
        known.insert("public".to_owned());
        let Some(open) = self.state.databases.get(&database.to_lowercase()) else {
            return known;
        };
        let mut unread = vec![user];
        while let Some(principal) = unread.pop() {
            if known.insert(principal.name.to_lowercase()) {
                let roles = principal.roles.iter();
                unread.extend(roles.filter_map(|role| find_user(&open.contents, role)));
            }
        }
        known
    }

    pub(crate) fn is_in_role(&self, database: &str, role: &str) -> bool {
        self.principals(database).contains(&role.to_lowercase())
    }

    /// Whether it owns the database, for all that permissions can tell.
    pub(crate) fn is_owner(&self, database: &str) -> bool {
        let principals = self.principals(database);
        principals.contains("dbo") || principals.contains("db_owner")
    }

    /// Whether the database lets it in.
    pub(crate) fn can_enter(&self, database: &str) -> bool {
        self.has_server("CONTROL SERVER") || self.user(database).is_some()
    }

    /// Whether it has a permission on the database, in upper case.
    pub(crate) fn has_database(&self, database: &str, permission: &str) -> bool {
        if self.is_owner(database) || self.user.is_none() && self.has_server("CONTROL SERVER") {
            return true;
        }
        let Some(open) = self.state.databases.get(&database.to_lowercase()) else {
            return false;
        };
        let principals = self.principals(database);
        let held: Vec<&User> = open
            .contents
            .users
            .iter()
            .filter(|user| principals.contains(&user.name.to_lowercase()))
            .collect();
        if held.iter().any(|user| user.denied.contains(permission)) {
            return false;
        }
        let granted = |wanted: &str| held.iter().any(|user| user.permissions.contains(wanted));
        let by_role = |role: &str| principals.contains(role);
        granted(permission)
            || granted("CONTROL")
            || match permission {
                "ALTER" => self.has_server("ALTER ANY DATABASE"),
                "CONNECT" => !principals.is_empty(),
                "BACKUP DATABASE" | "BACKUP LOG" => by_role("db_backupoperator"),
                "SELECT" => by_role("db_datareader"),
                "INSERT" | "UPDATE" | "DELETE" => by_role("db_datawriter"),
                "CREATE TABLE"
                | "ALTER ANY DATABASE DDL TRIGGER"
                | "CREATE PROCEDURE"
                | "CREATE SCHEMA"
                | "ALTER ANY SCHEMA"
                | "ALTER ANY ASYMMETRIC KEY"
                | "ALTER ANY SYMMETRIC KEY"
                | "ALTER ANY CERTIFICATE" => by_role("db_ddladmin") || granted("ALTER"),
                "CREATE ASYMMETRIC KEY" => self.has_database(database, "ALTER ANY ASYMMETRIC KEY"),
                "CREATE CERTIFICATE" => self.has_database(database, "ALTER ANY CERTIFICATE"),
                "CREATE SYMMETRIC KEY" => self.has_database(database, "ALTER ANY SYMMETRIC KEY"),
                "ALTER ANY USER" => by_role("db_accessadmin") || granted("ALTER"),
                "ALTER ANY ROLE" => by_role("db_securityadmin") || granted("ALTER"),
                "VIEW DEFINITION" => {
                    by_role("db_securityadmin") || self.has_server("VIEW ANY DEFINITION")
                }
                "VIEW DATABASE STATE" => self.has_server("VIEW SERVER STATE"),
                "VIEW DATABASE PERFORMANCE STATE" | "VIEW DATABASE SECURITY STATE" => {
                    self.has_database(database, "VIEW DATABASE STATE")
                }
                _ => false,
            }
    }

    /// Whether it has a permission on what lies in a schema: on itself, the schema or all of the
    /// database.
    pub(crate) fn has_in_schema(
        &self,
        database: &str,
        schema: &str,
        grants: &BTreeMap<String, BTreeSet<String>>,
        permission: &str,
    ) -> bool {
        let open = self.state.databases.get(&database.to_lowercase());
        let on_schema = open.and_then(|open| {
            let mut known = open.contents.schema_grants.iter();
            known.find(|(name, _)| same_name(name, schema))
        });
        let Some((_, on_schema)) = on_schema else {
            return self.has_object(database, grants, permission);
        };
        let denied = format!("DENY {permission}");
        let principals = self.principals(database);
        let holds = |grants: &BTreeMap<String, BTreeSet<String>>, wanted: &str| {
            let mut held = grants.iter();
            held.any(|(name, set)| {
                principals.contains(&name.to_lowercase()) && set.contains(wanted)
            })
        };
        if !self.is_owner(database) && (holds(on_schema, &denied) || holds(grants, &denied)) {
            return false;
        }
        self.has_object(database, on_schema, permission)
            || self.has_object(database, grants, permission)
    }

    /// Whether it has a permission on an object: on itself, its schema's database or all of it.
    pub(crate) fn has_object(
        &self,
        database: &str,
        grants: &BTreeMap<String, BTreeSet<String>>,
        permission: &str,
    ) -> bool {
        let principals = self.principals(database);
        let denied = format!("DENY {permission}");
        let mut granted = false;
        for (principal, permissions) in grants {
            if principals.contains(&principal.to_lowercase()) {
                if permissions.contains(&denied) && !self.is_owner(database) {
                    return false;
                }
                granted |= permissions.contains(permission) || permissions.contains("CONTROL");
            }
        }
        granted || self.has_database(database, permission)
    }
}

/// Guests may enter the system databases, and others where CONNECT is granted to guest.
fn may_connect(database: &str, user: &User) -> bool {
    user.name != "guest"
        || user.permissions.contains("CONNECT")
        || ["master", "tempdb", "msdb"]
            .iter()
            .any(|system| same_name(system, database))
}

/// A user or role by name.
pub(crate) fn find_user<'a>(contents: &'a Contents, name: &str) -> Option<&'a User> {
    contents
        .users
        .iter()
        .find(|user| same_name(&user.name, name))
}
