//! Who may do what with keys.

use super::message;
use crate::simulator::engine::{Caller, Session};
use crate::simulator::instance::State;
use crate::simulator::server_error::Result;

/// CONTROL SERVER, or 15247.
pub(super) fn control_server(session: &Session, state: &State) -> Result<()> {
    allow(Caller::new(state, session).has_server("CONTROL SERVER"))
}

/// CONTROL on the session's database, or 15247.
pub(super) fn control_database(session: &Session, state: &State) -> Result<()> {
    control(session, state, &session.database)
}

/// CONTROL on a database, or 15247.
pub(super) fn control(session: &Session, state: &State, database: &str) -> Result<()> {
    allow(Caller::new(state, session).has_database(database, "CONTROL"))
}

fn allow(is_allowed: bool) -> Result<()> {
    if is_allowed {
        Ok(())
    } else {
        Err(message::no_permission())
    }
}
