//! KILL.

use super::Runner;
use crate::simulator::engine::Caller;
use crate::simulator::server_error::{Result, ServerError};

/// The sessions below are the server's own.
const FIRST_USER_SESSION: i64 = 51;

impl Runner<'_> {
    /// Ends another session: its connection closes, its batch stops and its transaction is taken
    /// back. With STATUSONLY nothing ends; how far the taking back is can't be told, since here it
    /// takes no time.
    pub(super) fn kill(&self, spid: i64, is_status_only: bool) -> Result<()> {
        let state = self.session.instance.state();
        let caller = Caller::new(&state, self.session);
        if !caller.has_server("ALTER ANY CONNECTION") {
            return Err(refused(
                6102,
                14,
                1,
                "User does not have permission to use the KILL statement.",
            ));
        }
        if self.session.transactions > 0 {
            return Err(refused(
                6115,
                16,
                1,
                "KILL command cannot be used inside user transactions.",
            ));
        }
        if spid <= 0 {
            return Err(refused(
                6101,
                16,
                1,
                format!("Session ID {spid} is not valid."),
            ));
        }
        if spid == i64::from(self.session.spid) {
            return Err(refused(
                6104,
                16,
                1,
                "Cannot use KILL to kill your own process.",
            ));
        }
        if spid < FIRST_USER_SESSION {
            return Err(refused(6107, 14, 1, "Only user processes can be killed."));
        }
        let found = i16::try_from(spid)
            .ok()
            .and_then(|spid| state.sessions.get(&spid));
        let Some(info) = found else {
            return Err(refused(
                6106,
                16,
                2,
                format!("Process ID {spid} is not an active process ID."),
            ));
        };
        if is_status_only {
            return Err(refused(
                6120,
                16,
                1,
                format!(
                    "Status report cannot be obtained. Rollback operation for Process ID {spid} is \
                     not in progress."
                ),
            ));
        }
        info.killed.cancel();
        Ok(())
    }
}

fn refused(number: i32, class: u8, state: u8, text: impl Into<String>) -> ServerError {
    ServerError::new(number, class, state, text)
}
