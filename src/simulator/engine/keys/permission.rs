//! Who may do what with keys.

use super::message;
use crate::simulator::engine::Session;
use crate::simulator::instance::State;
use crate::simulator::server_error::Result;

/// CONTROL SERVER, or 15247.
pub(super) fn control_server(session: &Session, state: &State) -> Result<()> {
    if has_control_server(session, state) {
        Ok(())
    } else {
        Err(message::no_permission())
    }
}

fn has_control_server(session: &Session, state: &State) -> bool {
    state.login(&session.login).is_some_and(|login| {
        login.roles.contains("sysadmin")
            || (login.permissions.contains("CONTROL SERVER")
                && !login.denied.contains("CONTROL SERVER"))
    })
}

/// CONTROL on the session's database, or 15247.
pub(super) fn control_database(session: &Session, state: &State) -> Result<()> {
    if has_control_database(session, state, &session.database) {
        Ok(())
    } else {
        Err(message::no_permission())
    }
}

/// CONTROL on a database: its owner, `db_owner`, the permission itself, or CONTROL SERVER.
pub(super) fn has_control_database(session: &Session, state: &State, database: &str) -> bool {
    if has_control_server(session, state) {
        return true;
    }
    let (Some(login), Some(entry), Ok(open)) = (
        state.login(&session.login),
        state.entry(database),
        state.database(database),
    ) else {
        return false;
    };
    entry.owner == login.sid
        || open.contents.users.iter().any(|user| {
            !user.is_role
                && user.sid == login.sid
                && (user.roles.contains("db_owner")
                    || (user.permissions.contains("CONTROL") && !user.denied.contains("CONTROL")))
        })
}
