//! Logins, users, roles and permissions.

use super::{Columns, DESCRIPTION, NULL, Row, SID, SYSNAME, View, bit, contents, int, text};
use crate::simulator::catalog::{Login, User};
use crate::simulator::engine::evaluate::Context;
use crate::simulator::engine::find_user;
use crate::simulator::instance::SID_WITHOUT_LOGIN;
use crate::simulator::server_error::Result;
use crate::simulator::wire_type::WireType;
use crate::transport::SqlValue;

pub(super) const VIEWS: &[View] = &[
    View {
        schema: "sys",
        name: "server_principals",
        columns: LOGINS,
        make: server_principals,
    },
    View {
        schema: "sys",
        name: "sql_logins",
        columns: LOGINS,
        make: sql_logins,
    },
    View {
        schema: "sys",
        name: "server_role_members",
        columns: ROLE_MEMBERS,
        make: server_role_members,
    },
    View {
        schema: "sys",
        name: "server_permissions",
        columns: PERMISSIONS,
        make: server_permissions,
    },
    View {
        schema: "sys",
        name: "database_principals",
        columns: USERS,
        make: database_principals,
    },
    View {
        schema: "sys",
        name: "database_role_members",
        columns: MEMBERS,
        make: database_role_members,
    },
    View {
        schema: "sys",
        name: "database_permissions",
        columns: PERMISSIONS,
        make: database_permissions,
    },
];

const LOGINS: Columns = &[
    ("name", SYSNAME),
    ("principal_id", WireType::Int),
    ("sid", SID),
    ("type", WireType::Char(1)),
    ("type_desc", DESCRIPTION),
    ("is_disabled", WireType::Bit),
    ("create_date", WireType::DateTime),
    ("modify_date", WireType::DateTime),
    ("default_database_name", SYSNAME),
    ("default_language_name", SYSNAME),
    ("credential_id", WireType::Int),
    ("owning_principal_id", WireType::Int),
    ("is_fixed_role", WireType::Bit),
    ("is_policy_checked", WireType::Bit),
    ("is_expiration_checked", WireType::Bit),
];

const ROLE_MEMBERS: Columns = &[
    ("role_principal_id", WireType::Int),
    ("member_principal_id", WireType::Int),
];

const MEMBERS: Columns = ROLE_MEMBERS;

const PERMISSIONS: Columns = &[
    ("class", WireType::TinyInt),
    ("class_desc", DESCRIPTION),
    ("major_id", WireType::Int),
    ("minor_id", WireType::Int),
    ("grantee_principal_id", WireType::Int),
    ("grantor_principal_id", WireType::Int),
    ("type", WireType::Char(4)),
    ("permission_name", SYSNAME),
    ("state", WireType::Char(1)),
    ("state_desc", DESCRIPTION),
];

const USERS: Columns = &[
    ("name", SYSNAME),
    ("principal_id", WireType::Int),
    ("type", WireType::Char(1)),
    ("type_desc", DESCRIPTION),
    ("default_schema_name", SYSNAME),
    ("create_date", WireType::DateTime),
    ("modify_date", WireType::DateTime),
    ("owning_principal_id", WireType::Int),
    ("sid", SID),
    ("is_fixed_role", WireType::Bit),
    ("authentication_type", WireType::Int),
    ("authentication_type_desc", DESCRIPTION),
    ("default_language_name", SYSNAME),
];

/// The ids of the fixed server roles.
const FIXED_ROLES: &[(i32, &str)] = &[
    (2, "public"),
    (3, "sysadmin"),
    (4, "securityadmin"),
    (5, "serveradmin"),
    (6, "setupadmin"),
    (7, "processadmin"),
    (8, "diskadmin"),
    (9, "dbcreator"),
    (10, "bulkadmin"),
];

/// One sees oneself and sa; others with VIEW ANY DEFINITION or ALTER ANY LOGIN.
fn visible_logins<'a>(context: &Context<'a>) -> impl Iterator<Item = &'a Login> {
    let caller = context.caller();
    let sees_all = caller.has_server("VIEW ANY DEFINITION") || caller.has_server("ALTER ANY LOGIN");
    let own = caller.login().map(|login| login.id);
    let logins = context.state.catalog.logins.iter();
    logins.filter(move |login| sees_all || login.id == 1 || Some(login.id) == own)
}

fn login(login: &Login) -> Row {
    vec![
        text(&login.name),
        int(login.id),
        SqlValue::Bytes(login.sid.0.clone()),
        text("S"),
        text("SQL_LOGIN"),
        bit(login.is_disabled),
        SqlValue::DateTime(login.created),
        SqlValue::DateTime(login.created),
        text(&login.default_database),
        text("us_english"),
        NULL,
        NULL,
        bit(false),
        bit(true),
        bit(false),
    ]
}

fn sql_logins(context: &Context<'_>, _: &str) -> Result<Vec<Row>> {
    Ok(visible_logins(context).map(login).collect())
}

fn server_principals(context: &Context<'_>, database: &str) -> Result<Vec<Row>> {
    let mut rows = sql_logins(context, database)?;
    let created = context.state.catalog.created;
    rows.extend(FIXED_ROLES.iter().map(|(id, name)| {
        vec![
            text(*name),
            int(*id),
            SqlValue::Bytes(vec![u8::try_from(*id).unwrap_or(0)]),
            text("R"),
            text("SERVER_ROLE"),
            bit(false),
            SqlValue::DateTime(created),
            SqlValue::DateTime(created),
            NULL,
            NULL,
            NULL,
            int(1),
            bit(*id != 2),
            bit(false),
            bit(false),
        ]
    }));
    Ok(rows)
}

fn server_role_members(context: &Context<'_>, _: &str) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for login in visible_logins(context) {
        for (id, role) in FIXED_ROLES {
            if login.roles.contains(*role) {
                rows.push(vec![int(*id), int(login.id)]);
            }
        }
    }
    Ok(rows)
}

/// The first letters of a permission's words: the code in `type` (guessed for most).
fn code(permission: &str) -> String {
    match permission {
        "CONTROL" | "CONTROL SERVER" => "CL".to_owned(),
        "CONNECT" => "CO".to_owned(),
        "CONNECT SQL" => "COSQ".to_owned(),
        "VIEW SERVER STATE" => "VWSS".to_owned(),
        "VIEW DEFINITION" => "VW".to_owned(),
        "SELECT" => "SL".to_owned(),
        "EXECUTE" => "EX".to_owned(),
        other => other
            .split(' ')
            .filter_map(|word| word.get(..2))
            .take(2)
            .collect(),
    }
}

fn permission(class: (i64, &str), major: i32, grantee: i32, name: &str, is_denied: bool) -> Row {
    vec![
        int(class.0),
        text(class.1),
        int(major),
        int(0),
        int(grantee),
        int(1),
        text(format!("{:<4}", code(name))),
        text(name),
        text(if is_denied { "D" } else { "G" }),
        text(if is_denied { "DENY" } else { "GRANT" }),
    ]
}

fn server_permissions(context: &Context<'_>, _: &str) -> Result<Vec<Row>> {
    let class = (100, "SERVER");
    let mut rows = vec![permission(class, 0, 2, "VIEW ANY DATABASE", false)];
    for login in visible_logins(context) {
        rows.push(permission(class, 0, login.id, "CONNECT SQL", false));
        rows.extend(
            login
                .permissions
                .iter()
                .map(|name| permission(class, 0, login.id, name, false)),
        );
        rows.extend(
            login
                .denied
                .iter()
                .map(|name| permission(class, 0, login.id, name, true)),
        );
    }
    Ok(rows)
}

/// One sees oneself, dbo, guest and the roles; others with VIEW DEFINITION.
fn visible_users<'a>(context: &Context<'a>, database: &str) -> Vec<&'a User> {
    let caller = context.caller();
    let own = caller.user(database).map(|user| user.id);
    let sees_all = super::sees_definitions(context, database)
        || caller.has_database(database, "ALTER ANY USER");
    let users = contents(context, database).map(|contents| contents.users.iter());
    users
        .into_iter()
        .flatten()
        .filter(|user| sees_all || user.is_role || user.id <= 4 || Some(user.id) == own)
        .collect()
}

fn database_principals(context: &Context<'_>, database: &str) -> Result<Vec<Row>> {
    let created = contents(context, database).map_or(context.state.catalog.created, |c| c.created);
    Ok(visible_users(context, database)
        .into_iter()
        .map(|user| {
            let has_login = (!user.is_role && user.sid.0.len() > 1 || user.id == 1)
                && !user.sid.0.starts_with(&SID_WITHOUT_LOGIN);
            vec![
                text(&user.name),
                int(user.id),
                text(if user.is_role { "R" } else { "S" }),
                text(if user.is_role {
                    "DATABASE_ROLE"
                } else {
                    "SQL_USER"
                }),
                if user.is_role { NULL } else { text("dbo") },
                SqlValue::DateTime(created),
                SqlValue::DateTime(created),
                if user.is_role { int(1) } else { NULL },
                if user.sid.0.is_empty() {
                    NULL
                } else {
                    SqlValue::Bytes(user.sid.0.clone())
                },
                bit(user.is_role && user.id >= 16_384 && user.id < 16_400),
                int(i64::from(has_login)),
                text(if has_login { "INSTANCE" } else { "NONE" }),
                NULL,
            ]
        })
        .collect())
}

fn database_role_members(context: &Context<'_>, database: &str) -> Result<Vec<Row>> {
    let Some(contents) = contents(context, database) else {
        return Ok(Vec::new());
    };
    let mut rows = Vec::new();
    for user in visible_users(context, database) {
        for role in &user.roles {
            if let Some(role) = find_user(contents, role) {
                rows.push(vec![int(role.id), int(user.id)]);
            }
        }
    }
    Ok(rows)
}

fn database_permissions(context: &Context<'_>, database: &str) -> Result<Vec<Row>> {
    let Some(contents) = contents(context, database) else {
        return Ok(Vec::new());
    };
    let class = (0, "DATABASE");
    let mut rows = Vec::new();
    for user in visible_users(context, database) {
        rows.extend(
            user.permissions
                .iter()
                .map(|name| permission(class, 0, user.id, name, false)),
        );
        rows.extend(
            user.denied
                .iter()
                .map(|name| permission(class, 0, user.id, name, true)),
        );
    }
    let tables = contents
        .tables
        .iter()
        .map(|table| (table.id, &table.grants));
    let procedures = contents
        .procedures
        .iter()
        .map(|known| (known.id, &known.grants));
    for (id, grants) in tables.chain(procedures) {
        for (principal, names) in grants {
            let Some(user) = find_user(contents, principal) else {
                continue;
            };
            for name in names {
                let (name, is_denied) = match name.strip_prefix("DENY ") {
                    Some(name) => (name, true),
                    None => (name.as_str(), false),
                };
                let class = (1, "OBJECT_OR_COLUMN");
                rows.push(permission(class, id, user.id, name, is_denied));
            }
        }
    }
    Ok(rows)
}
