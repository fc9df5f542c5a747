//! Which databases a session may be in.

use super::Session;
use crate::simulator::catalog::{DatabaseState, UserAccess};
use crate::simulator::engine::Caller;
use crate::simulator::instance::State;
use crate::simulator::server_error::{Result, ServerError};

impl Session {
    /// 924 where another session has a database for itself.
    pub(crate) fn check_single_user(&self, state: &State, database: &str) -> Result<()> {
        let holder = state.locks.single_user.get(&database.to_lowercase());
        let entry = state
            .entry(database)
            .filter(|entry| entry.user_access == UserAccess::Single);
        match entry {
            Some(entry) if holder.is_some_and(|holder| *holder != self.spid) => {
                Err(ServerError::new(
                    924,
                    14,
                    1,
                    format!(
                        "Database '{}' is already open and can only have one user at a time.",
                        entry.name
                    ),
                ))
            }
            _ => Ok(()),
        }
    }

    /// The name of a database as it is spelled, if this session may use it now: 911, 916, 924, 927,
    /// 942.
    pub(crate) fn may_use(&self, state: &State, database: &str) -> Result<String> {
        let caller = Caller::new(state, self);
        state.database(database)?;
        let Some(entry) = state.entry(database) else {
            return Err(crate::simulator::instance::unknown_database(database));
        };
        if !caller.can_enter(&entry.name) {
            return Err(no_access(&self.login, &entry.name));
        }
        // Documented: only sysadmins; which error others get is unconfirmed.
        if entry.state == DatabaseState::Emergency && !caller.is_sysadmin() {
            return Err(no_access(&self.login, &entry.name));
        }
        self.check_single_user(state, &entry.name)?;
        match entry.user_access {
            UserAccess::Restricted
                if !caller.is_owner(&entry.name) && !caller.is_in_server_role("dbcreator") =>
            {
                if self.instance.choices.restricted_user_refusal == 916 {
                    return Err(no_access(&self.login, &entry.name));
                }
                Err(restricted(&entry.name))
            }
            _ => Ok(entry.name.clone()),
        }
    }
}

/// 916.
fn no_access(login: &str, database: &str) -> ServerError {
    ServerError::new(
        916,
        14,
        2,
        format!(
            "The server principal \"{login}\" is not able to access the database \"{database}\" \
             under the current security context."
        ),
    )
}

/// 923.
fn restricted(database: &str) -> ServerError {
    ServerError::new(
        923,
        14,
        1,
        format!(
            "Database '{database}' is in restricted mode. Only the database owner and members of \
             the dbcreator and sysadmin roles can access it."
        ),
    )
}

/// Who enters a single-user database that is free has it from then on. Whether it was free.
pub(crate) fn take_single_user(state: &mut State, database: &str, spid: i16) -> bool {
    let is_single = state
        .entry(database)
        .is_some_and(|entry| entry.user_access == UserAccess::Single);
    let key = database.to_lowercase();
    let is_free = is_single && !state.locks.single_user.contains_key(&key);
    if is_free {
        state.locks.single_user.insert(key, spid);
    }
    is_free
}
