//! Who may do what with keys.

use std::collections::{BTreeMap, BTreeSet};

use super::message;
use crate::simulator::engine::{Caller, Session};
use crate::simulator::instance::State;
use crate::simulator::server_error::Result;

/// Permissions by user or role.
type Grants = BTreeMap<String, BTreeSet<String>>;

/// CONTROL SERVER, or 15247.
pub(super) fn control_server(session: &Session, state: &State) -> Result<()> {
    allow(Caller::new(state, session).has_server("CONTROL SERVER"))
}

/// ALTER ANY CREDENTIAL (documented), or 15247.
pub(super) fn credentials(session: &Session, state: &State) -> Result<()> {
    allow(Caller::new(state, session).has_server("ALTER ANY CREDENTIAL"))
}

/// A permission on the session's database, or 15247.
pub(super) fn database(session: &Session, state: &State, permission: &str) -> Result<()> {
    allow(Caller::new(state, session).has_database(&session.database, permission))
}

/// Whether a symmetric key of the session's database is the caller's to open: with any permission
/// on it (documented).
pub(super) fn may_see_key(session: &Session, state: &State, grants: &Grants) -> bool {
    const ANY: [&str; 4] = ["VIEW DEFINITION", "REFERENCES", "ALTER", "TAKE OWNERSHIP"];
    let caller = Caller::new(state, session);
    let on_key = |permission: &&str| caller.has_object(&session.database, grants, permission);
    ANY.iter().any(on_key) || caller.has_database(&session.database, "ALTER ANY SYMMETRIC KEY")
}

/// Whether the private key of a pair of the session's database is the caller's to use: with
/// CONTROL on the pair (documented).
pub(super) fn may_use_pair(session: &Session, state: &State, grants: &Grants) -> bool {
    Caller::new(state, session).has_object(&session.database, grants, "CONTROL")
}

/// What who makes a thing in the session's database has on it, as its owner.
pub(super) fn of_owner(session: &Session, state: &State) -> Grants {
    let caller = Caller::new(state, session);
    let user = caller.user(&session.database);
    let user = user.filter(|_| !caller.is_owner(&session.database));
    let all = BTreeSet::from(["CONTROL".to_owned()]);
    user.map(|user| (user.name.clone(), all))
        .into_iter()
        .collect()
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
