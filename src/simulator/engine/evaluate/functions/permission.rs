//! What the caller may do: HAS_PERMS_BY_NAME and HAS_DBACCESS.

use super::{Call, Function, INT, yes_or_no};
use crate::simulator::Version;
use crate::simulator::engine::{find_user, views};
use crate::simulator::instance::same_name;
use crate::simulator::server_error::Result;
use crate::simulator::tsql::parse_object_name;
use crate::transport::SqlValue;

pub(super) const FUNCTIONS: &[Function] = &[
    Function::strict("HAS_DBACCESS", (1, 1), INT, has_database_access),
    Function::lenient("HAS_PERMS_BY_NAME", (3, 5), INT, has_permission),
];

/// The server permissions that the function knows; NULL for others.
const SERVER_PERMISSIONS: &[&str] = &[
    "ADMINISTER BULK OPERATIONS",
    "ALTER ANY AVAILABILITY GROUP",
    "ALTER ANY CONNECTION",
    "ALTER ANY CREDENTIAL",
    "ALTER ANY DATABASE",
    "ALTER ANY ENDPOINT",
    "ALTER ANY EVENT SESSION",
    "ALTER ANY LINKED SERVER",
    "ALTER ANY LOGIN",
    "ALTER ANY SERVER AUDIT",
    "ALTER ANY SERVER ROLE",
    "ALTER RESOURCES",
    "ALTER SERVER STATE",
    "ALTER SETTINGS",
    "ALTER TRACE",
    "AUTHENTICATE SERVER",
    "CONNECT ANY DATABASE",
    "CONNECT SQL",
    "CONTROL SERVER",
    "CREATE ANY DATABASE",
    "CREATE AVAILABILITY GROUP",
    "CREATE ENDPOINT",
    "CREATE LOGIN",
    "CREATE SERVER ROLE",
    "EXTERNAL ACCESS ASSEMBLY",
    "IMPERSONATE ANY LOGIN",
    "SELECT ALL USER SECURABLES",
    "SHUTDOWN",
    "UNSAFE ASSEMBLY",
    "VIEW ANY CRYPTOGRAPHICALLY SECURED DEFINITION",
    "VIEW ANY DATABASE",
    "VIEW ANY DEFINITION",
    "VIEW ANY ERROR LOG",
    "VIEW ANY PERFORMANCE DEFINITION",
    "VIEW ANY SECURITY DEFINITION",
    "VIEW SERVER PERFORMANCE STATE",
    "VIEW SERVER SECURITY STATE",
    "VIEW SERVER STATE",
];

/// The database permissions that the function knows; NULL for others.
const DATABASE_PERMISSIONS: &[&str] = &[
    "ALTER",
    "ALTER ANY ASYMMETRIC KEY",
    "ALTER ANY CERTIFICATE",
    "ALTER ANY DATABASE DDL TRIGGER",
    "ALTER ANY ROLE",
    "ALTER ANY SCHEMA",
    "ALTER ANY SERVICE",
    "ALTER ANY SYMMETRIC KEY",
    "ALTER ANY USER",
    "BACKUP DATABASE",
    "BACKUP LOG",
    "CHECKPOINT",
    "CONNECT",
    "CONTROL",
    "CREATE ASYMMETRIC KEY",
    "CREATE CERTIFICATE",
    "CREATE DATABASE",
    "CREATE FUNCTION",
    "CREATE PROCEDURE",
    "CREATE ROLE",
    "CREATE SCHEMA",
    "CREATE SYMMETRIC KEY",
    "CREATE TABLE",
    "CREATE USER",
    "CREATE VIEW",
    "DELETE",
    "EXECUTE",
    "INSERT",
    "REFERENCES",
    "SELECT",
    "SHOWPLAN",
    "TAKE OWNERSHIP",
    "UPDATE",
    "VIEW CRYPTOGRAPHICALLY SECURED DEFINITION",
    "VIEW DATABASE PERFORMANCE STATE",
    "VIEW DATABASE SECURITY STATE",
    "VIEW DATABASE STATE",
    "VIEW DEFINITION",
    "VIEW PERFORMANCE DEFINITION",
    "VIEW SECURITY DEFINITION",
];

/// Those that came with 2022 (documented): unknown names before.
const SINCE_2022: &[&str] = &[
    "CREATE LOGIN",
    "CREATE USER",
    "VIEW ANY CRYPTOGRAPHICALLY SECURED DEFINITION",
    "VIEW ANY ERROR LOG",
    "VIEW ANY PERFORMANCE DEFINITION",
    "VIEW ANY SECURITY DEFINITION",
    "VIEW CRYPTOGRAPHICALLY SECURED DEFINITION",
    "VIEW DATABASE PERFORMANCE STATE",
    "VIEW DATABASE SECURITY STATE",
    "VIEW PERFORMANCE DEFINITION",
    "VIEW SECURITY DEFINITION",
    "VIEW SERVER PERFORMANCE STATE",
    "VIEW SERVER SECURITY STATE",
];

/// The permissions on the server that a version knows.
pub(crate) fn server_permissions(version: Version) -> impl Iterator<Item = &'static str> {
    known(SERVER_PERMISSIONS, version)
}

/// The permissions on a database that a version knows.
pub(crate) fn database_permissions(version: Version) -> impl Iterator<Item = &'static str> {
    known(DATABASE_PERMISSIONS, version)
}

fn known(names: &'static [&str], version: Version) -> impl Iterator<Item = &'static str> {
    let is_new = version >= Version::Sql2022;
    let names = names.iter().copied();
    names.filter(move |name| is_new || !SINCE_2022.contains(name))
}

const OBJECT_PERMISSIONS: &[&str] = &[
    "ALTER",
    "CONTROL",
    "DELETE",
    "EXECUTE",
    "INSERT",
    "REFERENCES",
    "SELECT",
    "TAKE OWNERSHIP",
    "UPDATE",
    "VIEW DEFINITION",
];

/// 1 or 0; NULL where the class, the permission or the securable doesn't exist.
fn has_permission(call: &Call<'_>) -> Result<SqlValue> {
    let securable = call.text(0)?;
    let class = call.text(1)?.map(|class| class.trim().to_uppercase());
    let Some(permission) = call
        .text(2)?
        .map(|permission| permission.trim().to_uppercase())
    else {
        return Ok(SqlValue::Null);
    };
    let caller = call.context.caller();
    let state = call.context.state;
    let version = call.context.instance.version;
    let current = &call.context.session.database;
    Ok(match (class.as_deref(), securable) {
        (None | Some("SERVER"), None) if permission == "ANY" => yes_or_no(true),
        (None | Some("SERVER"), None)
            if server_permissions(version).any(|known| known == permission) =>
        {
            yes_or_no(caller.has_server(&permission))
        }
        (Some("DATABASE"), name) => {
            let name = name.unwrap_or_else(|| current.clone());
            let is_known = permission == "ANY"
                || database_permissions(version).any(|known| known == permission);
            let name = parse_object_name(&name).map_or(name, |name| name.name().to_owned());
            match state.entry(&name) {
                Some(entry) if is_known => yes_or_no(if permission == "ANY" {
                    caller.can_enter(&entry.name)
                } else {
                    caller.has_database(&entry.name, &permission)
                }),
                _ => SqlValue::Null,
            }
        }
        (Some("OBJECT"), Some(name)) if OBJECT_PERMISSIONS.contains(&permission.as_str()) => {
            has_on_object(call, &name, &permission)
        }
        (Some(class @ ("SYMMETRIC KEY" | "ASYMMETRIC KEY" | "CERTIFICATE")), Some(name))
            if OBJECT_PERMISSIONS.contains(&permission.as_str()) =>
        {
            has_on_key(call, class, &name, &permission)
        }
        (Some("USER"), Some(name)) if permission == "IMPERSONATE" => {
            let name = parse_object_name(&name).map_or(name, |name| name.name().to_owned());
            let contents = state.databases.get(&current.to_lowercase());
            let user = contents.and_then(|open| find_user(&open.contents, &name));
            user.filter(|user| !user.is_role)
                .map_or(SqlValue::Null, |user| {
                    yes_or_no(caller.has_object(current, &user.grants, "IMPERSONATE"))
                })
        }
        (Some("LOGIN"), Some(name)) => match state.login(&name) {
            Some(_) => yes_or_no(caller.has_server("ALTER ANY LOGIN")),
            None => SqlValue::Null,
        },
        _ => SqlValue::Null,
    })
}

fn has_on_object(call: &Call<'_>, name: &str, permission: &str) -> SqlValue {
    let Some(name) = parse_object_name(name) else {
        return SqlValue::Null;
    };
    let database = name.database().unwrap_or(&call.context.session.database);
    let Some(open) = call.context.state.databases.get(&database.to_lowercase()) else {
        return SqlValue::Null;
    };
    let is_it = |schema: &str, object: &str| {
        same_name(object, name.name()) && same_name(schema, name.schema().unwrap_or("dbo"))
    };
    let contents = &open.contents;
    let table = contents
        .tables
        .iter()
        .find(|table| is_it(&table.schema, &table.name));
    let procedure = contents
        .procedures
        .iter()
        .find(|known| is_it(&known.schema, &known.name));
    let held = table
        .map(|table| (&table.schema, &table.grants))
        .or_else(|| procedure.map(|known| (&known.schema, &known.grants)));
    let caller = call.context.caller();
    match held {
        Some((schema, grants)) => {
            yes_or_no(caller.has_in_schema(database, schema, grants, permission))
        }
        None if views::find(&name, database, call.context.instance.version).is_some() => {
            yes_or_no(permission == "SELECT")
        }
        None => SqlValue::Null,
    }
}

/// On a key of the session's database. That a key on which the caller has nothing gives 0, as a table
/// does, and not NULL is unconfirmed.
fn has_on_key(call: &Call<'_>, class: &str, name: &str, permission: &str) -> SqlValue {
    let context = call.context;
    let database = &context.session.database;
    let Some(open) = context.state.databases.get(&database.to_lowercase()) else {
        return SqlValue::Null;
    };
    let name = parse_object_name(name).map_or_else(|| name.to_owned(), |n| n.name().to_owned());
    let contents = &open.contents;
    let pairs = match class {
        "CERTIFICATE" => &contents.certificates,
        _ => &contents.asymmetric_keys,
    };
    let grants = if class == "SYMMETRIC KEY" {
        let mut keys = contents.symmetric_keys.iter();
        let key = keys.find(|key| same_name(&key.name, &name));
        key.map(|key| &key.grants)
    } else {
        let pair = pairs.iter().find(|pair| same_name(&pair.name, &name));
        pair.map(|pair| &pair.grants)
    };
    grants.map_or(SqlValue::Null, |grants| {
        yes_or_no(context.caller().has_object(database, grants, permission))
    })
}

/// NULL for a database that doesn't exist, 0 for one that can't be entered.
fn has_database_access(call: &Call<'_>) -> Result<SqlValue> {
    let name = call.text(0)?.unwrap_or_default();
    Ok(match call.context.state.entry(&name) {
        Some(entry) => yes_or_no(
            call.context
                .session
                .may_use(call.context.state, &entry.name)
                .is_ok(),
        ),
        None => SqlValue::Null,
    })
}
