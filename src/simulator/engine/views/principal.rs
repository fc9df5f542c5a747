//! Logins, users, roles and permissions.

use std::collections::BTreeSet;

use super::{Columns, DESCRIPTION, NULL, Row, SID, SYSNAME, View, bit, contents, int, text};
use crate::simulator::catalog::{Login, PrincipalKind, User};
use crate::simulator::engine::evaluate::Context;
use crate::simulator::engine::{HeldState, find_user, held_permissions};
use crate::simulator::instance::SID_WITHOUT_LOGIN;
use crate::simulator::keys::PasswordHash;
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
        columns: SQL_LOGINS,
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
];

const SQL_LOGINS: Columns = &[
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
    ("is_policy_checked", WireType::Bit),
    ("is_expiration_checked", WireType::Bit),
    ("password_hash", WireType::VarBinary(Some(256))),
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

fn visible_logins<'a>(context: &Context<'a>) -> impl Iterator<Item = &'a Login> {
    let caller = context.caller();
    let logins = context.state.catalog.logins.iter();
    logins.filter(move |login| caller.sees_login(login))
}

/// `type` and `type_desc` of a login.
const fn login_type(kind: PrincipalKind) -> (&'static str, &'static str) {
    match kind {
        PrincipalKind::Sql => ("S", "SQL_LOGIN"),
        PrincipalKind::WindowsUser => ("U", "WINDOWS_LOGIN"),
        PrincipalKind::WindowsGroup => ("G", "WINDOWS_GROUP"),
    }
}

/// What both views say of a login.
fn login(login: &Login) -> Row {
    let (kind, description) = login_type(login.options.kind);
    vec![
        text(&login.name),
        int(login.id),
        SqlValue::Bytes(login.sid.0.clone()),
        text(kind),
        text(description),
        bit(login.is_disabled),
        SqlValue::DateTime(login.created),
        SqlValue::DateTime(login.created),
        text(&login.default_database),
        text(&login.options.default_language),
        NULL,
    ]
}

fn sql_logins(context: &Context<'_>, _: &str) -> Result<Vec<Row>> {
    let sees_hashes = context.caller().sees_password_hashes();
    let logins = visible_logins(context).filter(|of| of.options.kind == PrincipalKind::Sql);
    let rows = logins.map(|of| {
        let hash = PasswordHash::shown(of).filter(|_| sees_hashes);
        let mut row = login(of);
        row.extend([
            bit(of.options.checks_policy),
            bit(of.options.checks_expiration),
            hash.map_or(NULL, SqlValue::Bytes),
        ]);
        row
    });
    Ok(rows.collect())
}

fn server_principals(context: &Context<'_>, _: &str) -> Result<Vec<Row>> {
    let mut rows: Vec<Row> = visible_logins(context)
        .map(|of| {
            let mut row = login(of);
            row.extend([NULL, bit(false)]);
            row
        })
        .collect();
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

/// The class of what a permission is on, and the id of it.
type On = ((i64, &'static str), i32);

const ON_SERVER: On = ((100, "SERVER"), 0);
const ON_DATABASE: On = ((0, "DATABASE"), 0);

fn permission(((class, class_desc), major): On, grantee: i32, name: &str, state: HeldState) -> Row {
    let (letter, description) = match state {
        HeldState::Denied => ("D", "DENY"),
        HeldState::Granted => ("G", "GRANT"),
        HeldState::GrantedWithGrant => ("W", "GRANT_WITH_GRANT_OPTION"),
    };
    vec![
        int(class),
        text(class_desc),
        int(major),
        int(0),
        int(grantee),
        int(1),
        text(format!("{:<4}", code(name))),
        text(name),
        text(letter),
        text(description),
    ]
}

/// The rows of what is granted and denied to one.
fn held(on: On, grantee: i32, granted: &BTreeSet<String>, denied: &BTreeSet<String>) -> Vec<Row> {
    let granted = held_permissions(granted);
    let denied = denied.iter().map(|name| (name.as_str(), HeldState::Denied));
    granted
        .chain(denied)
        .map(|(name, state)| permission(on, grantee, name, state))
        .collect()
}

fn server_permissions(context: &Context<'_>, _: &str) -> Result<Vec<Row>> {
    let mut rows = vec![permission(
        ON_SERVER,
        2,
        "VIEW ANY DATABASE",
        HeldState::Granted,
    )];
    for login in visible_logins(context) {
        let is_denied = login.denied.contains("CONNECT SQL");
        if !is_denied && !login.permissions.contains("CONNECT SQL") {
            let connect = "CONNECT SQL";
            rows.push(permission(ON_SERVER, login.id, connect, HeldState::Granted));
        }
        rows.extend(held(ON_SERVER, login.id, &login.permissions, &login.denied));
    }
    Ok(rows)
}

/// The ids of dbo, guest, INFORMATION_SCHEMA and sys.
const LAST_FIXED_USER: i32 = 4;

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
            let (kind, description) = match user.kind {
                _ if user.is_role => ("R", "DATABASE_ROLE"),
                PrincipalKind::Sql => ("S", "SQL_USER"),
                PrincipalKind::WindowsUser => ("U", "WINDOWS_USER"),
                PrincipalKind::WindowsGroup => ("G", "WINDOWS_GROUP"),
            };
            let has_login = (!user.is_role && user.sid.0.len() > 1 || user.id == 1)
                && !user.sid.0.starts_with(&SID_WITHOUT_LOGIN);
            vec![
                text(&user.name),
                int(user.id),
                text(kind),
                text(description),
                match &user.default_schema {
                    _ if user.is_role => NULL,
                    Some(schema) => text(schema),
                    None if user.id > LAST_FIXED_USER || user.id == 1 => text("dbo"),
                    None if user.id == 2 => text("guest"),
                    None => NULL,
                },
                SqlValue::DateTime(created),
                SqlValue::DateTime(created),
                if user.is_role { int(1) } else { NULL },
                if user.sid.0.is_empty() {
                    NULL
                } else {
                    SqlValue::Bytes(user.sid.0.clone())
                },
                bit(user.is_role && user.id >= 16_384 && user.id < 16_400),
                int(match user.kind {
                    PrincipalKind::Sql => i64::from(has_login),
                    PrincipalKind::WindowsUser | PrincipalKind::WindowsGroup => 3,
                }),
                text(match user.kind {
                    PrincipalKind::Sql if has_login => "INSTANCE",
                    PrincipalKind::Sql => "NONE",
                    PrincipalKind::WindowsUser | PrincipalKind::WindowsGroup => "WINDOWS",
                }),
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
    let mut rows = Vec::new();
    let visible = visible_users(context, database);
    for user in &visible {
        rows.extend(held(ON_DATABASE, user.id, &user.permissions, &user.denied));
    }
    let (object, schema) = ((1, "OBJECT_OR_COLUMN"), (3, "SCHEMA"));
    let tables = contents.tables.iter().map(|of| (object, of.id, &of.grants));
    let procedures = contents.procedures.iter();
    let procedures = procedures.map(|of| (object, of.id, &of.grants));
    let users = contents.users.iter();
    let users = users.map(|of| ((4, "DATABASE_PRINCIPAL"), of.id, &of.grants));
    let schemas = contents.schema_grants.iter().filter_map(|(name, grants)| {
        let id = super::object::schema_id(contents, name)?;
        Some((schema, id, grants))
    });
    let keys = contents.symmetric_keys.iter();
    let keys = keys.map(|of| ((24, "SYMMETRIC_KEYS"), of.id, &of.grants));
    let certificates = contents.certificates.iter();
    let certificates = certificates.map(|of| ((25, "CERTIFICATE"), of.id, &of.grants));
    let pairs = contents.asymmetric_keys.iter();
    let pairs = pairs.map(|of| ((26, "ASYMMETRIC_KEY"), of.id, &of.grants));
    let on_these = tables
        .chain(procedures)
        .chain(schemas)
        .chain(users)
        .chain(keys)
        .chain(certificates)
        .chain(pairs);
    for (class, id, grants) in on_these {
        for (principal, names) in grants {
            let found = find_user(contents, principal);
            let Some(user) = found.filter(|user| visible.iter().any(|of| of.id == user.id)) else {
                continue;
            };
            let names = held_permissions(names);
            rows.extend(names.map(|(name, state)| permission((class, id), user.id, name, state)));
        }
    }
    Ok(rows)
}
