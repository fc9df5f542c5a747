//! Logins and users by name and id.

use super::{Call, Function, INT, Returns, SYSNAME, integer_or_null, text_or_null, yes_or_no};
use crate::simulator::engine::find_user;
use crate::simulator::instance::same_name;
use crate::simulator::server_error::Result;
use crate::simulator::wire_type::WireType;
use crate::transport::SqlValue;

const SID: Returns = Returns::Type(WireType::VarBinary(Some(85)));

/// The fixed server roles; public is one that everybody is in.
pub(crate) const SERVER_ROLES: &[&str] = &[
    "public",
    "sysadmin",
    "securityadmin",
    "serveradmin",
    "setupadmin",
    "processadmin",
    "diskadmin",
    "dbcreator",
    "bulkadmin",
];

pub(super) const FUNCTIONS: &[Function] = &[
    Function::strict("CURRENT_USER", (0, 0), SYSNAME, current_user),
    Function::strict("DATABASE_PRINCIPAL_ID", (0, 1), INT, user_id),
    Function::strict("IS_MEMBER", (1, 1), INT, is_member),
    Function::strict("IS_ROLEMEMBER", (1, 2), INT, is_member),
    Function::strict("IS_SRVROLEMEMBER", (1, 2), INT, is_server_role_member),
    Function::strict("ORIGINAL_LOGIN", (0, 0), SYSNAME, original_login),
    Function::strict("SESSION_USER", (0, 0), SYSNAME, current_user),
    Function::strict("SID_BINARY", (1, 1), SID, binary_sid),
    Function::strict("SUSER_ID", (0, 1), INT, login_id),
    Function::strict("SUSER_NAME", (0, 1), SYSNAME, login_name),
    Function::strict("SUSER_SID", (0, 2), SID, login_sid),
    Function::strict("SUSER_SNAME", (0, 1), SYSNAME, login_name),
    Function::strict("SYSTEM_USER", (0, 0), SYSNAME, login_name),
    Function::strict("USER", (0, 0), SYSNAME, current_user),
    Function::strict("USER_ID", (0, 1), INT, user_id),
    Function::strict("USER_NAME", (0, 1), SYSNAME, user_name),
];

fn original_login(call: &Call<'_>) -> Result<SqlValue> {
    let session = call.context.session;
    let first = session.memory.impersonations.first();
    Ok(text_or_null(Some(
        first.map_or(&session.login, |first| &first.login).clone(),
    )))
}

/// The session's login, or the one with a SID or an id.
fn login_name(call: &Call<'_>) -> Result<SqlValue> {
    let logins = &call.context.state.catalog.logins;
    let found = match call.arguments.first() {
        None => return Ok(text_or_null(Some(call.context.session.login.clone()))),
        Some(SqlValue::Bytes(sid)) => logins.iter().find(|login| login.sid.0 == *sid),
        Some(_) => {
            let id = call.integer(0)?;
            logins.iter().find(|login| Some(i64::from(login.id)) == id)
        }
    };
    Ok(text_or_null(found.map(|login| login.name.clone())))
}

fn named_login<'a>(call: &Call<'a>) -> Result<Option<&'a crate::simulator::catalog::Login>> {
    let name = match call.text(0)? {
        Some(name) => name,
        None => call.context.session.login.clone(),
    };
    Ok(call
        .context
        .state
        .catalog
        .logins
        .iter()
        .find(|login| same_name(&login.name, &name)))
}

fn login_sid(call: &Call<'_>) -> Result<SqlValue> {
    let login = named_login(call)?;
    Ok(login.map_or(SqlValue::Null, |login| SqlValue::Bytes(login.sid.0.clone())))
}

/// `S-1-5-…` as bytes; NULL for other texts. Undocumented.
fn binary_sid(call: &Call<'_>) -> Result<SqlValue> {
    let text = call.text(0)?.unwrap_or_default();
    let mut parts = text.split('-');
    if !parts.next().is_some_and(|s| s.eq_ignore_ascii_case("s")) || parts.next() != Some("1") {
        return Ok(SqlValue::Null);
    }
    let authority: Option<u64> = parts.next().and_then(|part| part.parse().ok());
    let below: Option<Vec<u32>> = parts.map(|part| part.parse().ok()).collect();
    let (Some(authority), Some(below)) = (authority, below) else {
        return Ok(SqlValue::Null);
    };
    let Some(count) = u8::try_from(below.len()).ok().filter(|count| *count <= 15) else {
        return Ok(SqlValue::Null);
    };
    let mut bytes = vec![1, count];
    // Six bytes, the greatest first; what is below is the other way round.
    bytes.extend_from_slice(&authority.to_be_bytes()[2..]);
    bytes.extend(below.into_iter().flat_map(u32::to_le_bytes));
    Ok(SqlValue::Bytes(bytes))
}

fn login_id(call: &Call<'_>) -> Result<SqlValue> {
    Ok(integer_or_null(named_login(call)?.map(|login| login.id)))
}

fn current_user(call: &Call<'_>) -> Result<SqlValue> {
    let context = call.context;
    let user = context.caller().user(&context.session.database);
    Ok(text_or_null(user.map(|user| user.name.clone())))
}

fn user_name(call: &Call<'_>) -> Result<SqlValue> {
    let Some(id) = call.integer(0)? else {
        return current_user(call);
    };
    let context = call.context;
    let contents = &context.state.database(&context.session.database)?.contents;
    let user = contents.users.iter().find(|user| i64::from(user.id) == id);
    Ok(text_or_null(user.map(|user| user.name.clone())))
}

fn user_id(call: &Call<'_>) -> Result<SqlValue> {
    let context = call.context;
    let database = &context.session.database;
    let user = match call.text(0)? {
        Some(name) => find_user(&context.state.database(database)?.contents, &name),
        None => context.caller().user(database),
    };
    Ok(integer_or_null(user.map(|user| user.id)))
}

/// NULL for a role that doesn't exist.
fn is_server_role_member(call: &Call<'_>) -> Result<SqlValue> {
    let role = call.text(0)?.unwrap_or_default().to_lowercase();
    if !SERVER_ROLES.contains(&role.as_str()) {
        return Ok(SqlValue::Null);
    }
    let is_public = role == "public";
    Ok(match call.text(1)? {
        None => yes_or_no(is_public || call.context.caller().is_in_server_role(&role)),
        Some(name) => call
            .context
            .state
            .login(&name)
            .map_or(SqlValue::Null, |login| {
                yes_or_no(
                    is_public || login.roles.contains("sysadmin") || login.roles.contains(&role),
                )
            }),
    })
}

fn is_member(call: &Call<'_>) -> Result<SqlValue> {
    let role = call.text(0)?.unwrap_or_default();
    let context = call.context;
    let database = &context.session.database;
    let contents = &context.state.database(database)?.contents;
    let Some(role) = find_user(contents, &role).filter(|role| role.is_role) else {
        return Ok(SqlValue::Null);
    };
    if let Some(name) = call.text(1)? {
        return Ok(find_user(contents, &name).map_or(SqlValue::Null, |user| {
            yes_or_no(user.roles.contains(&role.name))
        }));
    }
    let caller = context.caller();
    let is_dbo = caller.principals(database).contains("dbo");
    Ok(yes_or_no(
        is_dbo && role.name == "db_owner" || caller.is_in_role(database, &role.name),
    ))
}
