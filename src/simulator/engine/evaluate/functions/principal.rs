//! Logins and users by name and id.

use super::{
    Call, Function, INT, Returns, SYSNAME, VARIANT, integer_or_null, text_or_null, yes_or_no,
};
use crate::simulator::catalog::PrincipalKind;
use crate::simulator::engine::find_user;
use crate::simulator::instance::same_name;
use crate::simulator::keys::PasswordHash;
use crate::simulator::server_error::Result;
use crate::simulator::windows_accounts;
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
    Function::strict("LOGINPROPERTY", (2, 2), VARIANT, login_property),
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
        Some(SqlValue::Bytes(sid)) => {
            let login = logins.iter().find(|login| login.sid.0 == *sid);
            // Windows is asked too: its accounts need no login.
            let accounts = &call.context.instance.windows_accounts;
            let known = accounts.with_sid(sid).filter(|_| login.is_none());
            if let Some(account) = known {
                return Ok(text_or_null(Some(account.name.clone())));
            }
            login
        }
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
    if let Some(login) = named_login(call)? {
        return Ok(SqlValue::Bytes(login.sid.0.clone()));
    }
    let name = call.text(0)?.unwrap_or_default();
    let account = call.context.instance.windows_accounts.named(&name);
    Ok(account.map_or(SqlValue::Null, |account| {
        SqlValue::Bytes(account.sid.0.clone())
    }))
}

/// `S-1-5-…` as bytes; NULL for other texts. Undocumented.
fn binary_sid(call: &Call<'_>) -> Result<SqlValue> {
    let text = call.text(0)?.unwrap_or_default();
    let sid = windows_accounts::binary_sid(&text);
    Ok(sid.map_or(SqlValue::Null, SqlValue::Bytes))
}

/// NULL for other names, for other properties, and for what the caller may not see. A password's
/// expiry is the operating system's, and no policy of one is simulated.
fn login_property(call: &Call<'_>) -> Result<SqlValue> {
    let property = call.text(1)?.unwrap_or_default().to_lowercase();
    let caller = call.context.caller();
    let Some(login) = named_login(call)?.filter(|login| caller.sees_login(login)) else {
        return Ok(SqlValue::Null);
    };
    let is_sql = login.options.kind == PrincipalKind::Sql;
    Ok(match property.as_str() {
        "defaultdatabase" => text_or_null(Some(login.default_database.clone())),
        "defaultlanguage" => text_or_null(Some(login.options.default_language.clone())),
        "badpasswordcount" | "isexpired" | "islocked" | "ismustchange" if is_sql => {
            SqlValue::Int(0)
        }
        "passwordhash" if caller.sees_password_hashes() => {
            PasswordHash::shown(login).map_or(SqlValue::Null, SqlValue::Bytes)
        }
        "passwordlastsettime" if is_sql => SqlValue::DateTime(login.created),
        _ => SqlValue::Null,
    })
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
