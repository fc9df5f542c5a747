//! Who may back up and restore.

use super::message;
use crate::simulator::engine::{Caller, Session};
use crate::simulator::instance::State;
use crate::simulator::server_error::Result;

/// BACKUP DATABASE or BACKUP LOG on a database: 262.
pub(super) fn backup(session: &Session, state: &State, database: &str, is_log: bool) -> Result<()> {
    let permission = if is_log {
        "BACKUP LOG"
    } else {
        "BACKUP DATABASE"
    };
    if Caller::new(state, session).has_database(database, permission) {
        Ok(())
    } else {
        Err(message::permission_denied(permission, database))
    }
}

/// CREATE DATABASE, which reading a backup needs too: 262.
pub(super) fn create_database(session: &Session, state: &State) -> Result<()> {
    if Caller::new(state, session).may_create_databases() {
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
    let caller = Caller::new(state, session);
    let is_owner = caller.login().is_some_and(|login| login.sid == entry.owner);
    if caller.has_server("ALTER ANY DATABASE") || is_owner {
        Ok(())
    } else {
        Err(message::no_restore_permission(&entry.name))
    }
}
