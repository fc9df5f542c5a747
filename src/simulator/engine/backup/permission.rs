//! Who may back up and restore.

use super::message;
use crate::simulator::catalog::Login;
use crate::simulator::engine::Session;
use crate::simulator::instance::State;
use crate::simulator::server_error::Result;

fn has_server_permission(login: &Login, permissions: &[&str]) -> bool {
    login.roles.contains("sysadmin")
        || permissions
            .iter()
            .chain(&["CONTROL SERVER"])
            .any(|permission| {
                login.permissions.contains(*permission) && !login.denied.contains(*permission)
            })
}

/// BACKUP DATABASE or BACKUP LOG on a database: 262.
pub(super) fn backup(session: &Session, state: &State, database: &str, is_log: bool) -> Result<()> {
    let permission = if is_log {
        "BACKUP LOG"
    } else {
        "BACKUP DATABASE"
    };
    let denied = || message::permission_denied(permission, database);
    let login = state.login(&session.login).ok_or_else(denied)?;
    if has_server_permission(login, &[]) {
        return Ok(());
    }
    let is_owner = state
        .entry(database)
        .is_some_and(|entry| entry.owner == login.sid);
    let users = &state.database(database)?.contents.users;
    let by_user = users
        .iter()
        .filter(|user| !user.is_role && user.sid == login.sid)
        .any(|user| {
            let by_role =
                user.roles.contains("db_owner") || user.roles.contains("db_backupoperator");
            let granted =
                user.permissions.contains(permission) || user.permissions.contains("CONTROL");
            (by_role || granted) && !user.denied.contains(permission)
        });
    if is_owner || by_user {
        Ok(())
    } else {
        Err(denied())
    }
}

/// CREATE DATABASE, which reading a backup needs too: 262.
pub(super) fn create_database(session: &Session, state: &State) -> Result<()> {
    let allowed = state.login(&session.login).is_some_and(|login| {
        login.roles.contains("dbcreator")
            || has_server_permission(
                login,
                &[
                    "CREATE ANY DATABASE",
                    "ALTER ANY DATABASE",
                    "CREATE DATABASE",
                ],
            )
    });
    if allowed {
        Ok(())
    } else {
        Err(message::permission_denied("CREATE DATABASE", "master"))
    }
}

/// RESTORE over an existing database: sysadmin, dbcreator or its owner, else 3110. Members of
/// `db_owner` don't have it.
pub(super) fn restore(session: &Session, state: &State, database: &str) -> Result<()> {
    let Some(entry) = state.entry(database) else {
        return create_database(session, state);
    };
    let allowed = state.login(&session.login).is_some_and(|login| {
        login.roles.contains("dbcreator")
            || has_server_permission(login, &["ALTER ANY DATABASE"])
            || entry.owner == login.sid
    });
    if allowed {
        Ok(())
    } else {
        Err(message::no_restore_permission(&entry.name))
    }
}
