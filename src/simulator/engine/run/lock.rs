//! Application locks: `sp_getapplock`, `sp_releaseapplock`.

use super::system::Arguments;
use crate::simulator::engine::Session;
use crate::simulator::engine::value::fold;
use crate::simulator::instance::ApplicationLock;
use crate::simulator::server_error::{Result, ServerError};

const MODES: [&str; 5] = [
    "Shared",
    "Update",
    "IntentShared",
    "IntentExclusive",
    "Exclusive",
];

/// Whether two sessions may hold a lock in these modes at once.
fn are_compatible(one: &str, other: &str) -> bool {
    matches!(
        (one, other),
        (
            "Shared" | "IntentShared",
            "Shared" | "IntentShared" | "Update"
        ) | ("Update", "Shared" | "IntentShared")
            | ("IntentExclusive", "IntentShared" | "IntentExclusive")
            | ("IntentShared", "IntentExclusive")
    )
}

/// Whether the lock belongs to the transaction, which must be open, or to the session.
fn is_of_transaction(session: &Session, arguments: &Arguments<'_>) -> Result<bool> {
    let owner = arguments
        .text("@LockOwner")?
        .unwrap_or_else(|| "Transaction".to_owned());
    match fold(&owner).as_str() {
        "session" => Ok(false),
        "transaction" if session.transactions > 0 => Ok(true),
        // The server's own text is unconfirmed.
        "transaction" => Err(ServerError::new(
            15_600,
            15,
            1,
            "An invalid parameter or option was specified for procedure 'sys.sp_getapplock'. \
             (There is no active transaction.)",
        )),
        _ => Err(invalid()),
    }
}

/// 15600.
fn invalid() -> ServerError {
    ServerError::new(
        15600,
        15,
        1,
        "An invalid parameter or option was specified for procedure 'sys.sp_getapplock'.",
    )
}

/// Takes the lock if no other session is in the way.
pub(super) fn take(session: &Session, arguments: &Arguments<'_>) -> Result<bool> {
    let resource = arguments.needed("@Resource")?;
    let wanted = arguments.needed("@LockMode")?;
    let mode = MODES.iter().find(|mode| fold(mode) == fold(&wanted));
    let mode = *mode.ok_or_else(invalid)?;
    let of_transaction = is_of_transaction(session, arguments)?;
    let mut state = session.instance.state();
    let is_free = state.locks.application.iter().all(|held| {
        held.spid == session.spid
            || fold(&held.resource) != fold(&resource)
            || fold(&held.database) != fold(&session.database)
            || are_compatible(&held.mode, mode)
    });
    if is_free {
        state.locks.application.push(ApplicationLock {
            database: session.database.clone(),
            resource,
            mode: mode.to_owned(),
            spid: session.spid,
            of_transaction,
        });
    }
    Ok(is_free)
}

/// Gives back one of the session's locks on a resource: 1223 where it holds none.
pub(super) fn release(session: &Session, arguments: &Arguments<'_>) -> Result<i32> {
    let resource = arguments.needed("@Resource")?;
    let mut state = session.instance.state();
    let place = state.locks.application.iter().position(|held| {
        held.spid == session.spid
            && fold(&held.resource) == fold(&resource)
            && fold(&held.database) == fold(&session.database)
    });
    let Some(place) = place else {
        return Err(ServerError::new(
            1223,
            16,
            1,
            format!(
                "Cannot release the application lock (Database Principal: 'public', Resource: \
                 '{resource}') because it is not currently held."
            ),
        ));
    };
    state.locks.application.remove(place);
    Ok(0)
}
