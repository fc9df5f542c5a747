//! The session: who connected, what failed, which locks it holds.

use super::{Call, Function, INT, MAX_TEXT, Returns, SYSNAME, integer_or_null, text_or_null};
use crate::simulator::engine::value::fold;
use crate::simulator::server_error::Result;
use crate::simulator::wire_type::WireType;
use crate::transport::{SqlMessage, SqlValue};

pub(super) const FUNCTIONS: &[Function] = &[
    Function::strict("APPLOCK_MODE", (3, 3), SYSNAME, application_lock_mode),
    Function::strict("APP_NAME", (0, 0), SYSNAME, program_name),
    Function::strict("ERROR_LINE", (0, 0), INT, |call| {
        Ok(integer_or_null(
            caught(call).map(|caught| i64::from(caught.line)),
        ))
    }),
    Function::strict("ERROR_MESSAGE", (0, 0), MAX_TEXT, |call| {
        Ok(text_or_null(caught(call).map(|caught| caught.text.clone())))
    }),
    Function::strict("ERROR_NUMBER", (0, 0), INT, |call| {
        Ok(integer_or_null(caught(call).map(|caught| caught.number)))
    }),
    Function::strict("ERROR_PROCEDURE", (0, 0), SYSNAME, |call| {
        let named = caught(call).map(|caught| caught.procedure.clone());
        Ok(text_or_null(named.filter(|name| !name.is_empty())))
    }),
    Function::strict("ERROR_SEVERITY", (0, 0), INT, |call| {
        Ok(integer_or_null(caught(call).map(|caught| caught.class)))
    }),
    Function::strict("ERROR_STATE", (0, 0), INT, |call| {
        Ok(integer_or_null(caught(call).map(|caught| caught.state)))
    }),
    Function::strict("HOST_NAME", (0, 0), SYSNAME, host_name),
    Function::strict(
        "ROWCOUNT_BIG",
        (0, 0),
        Returns::Type(WireType::BigInt),
        |call| Ok(SqlValue::Int(call.context.session.memory.row_count)),
    ),
    Function::strict(
        "SCOPE_IDENTITY",
        (0, 0),
        Returns::Type(WireType::Decimal {
            precision: 38,
            scale: 0,
        }),
        |call| Ok(integer_or_null(call.context.session.memory.identity)),
    ),
    Function::strict(
        "XACT_STATE",
        (0, 0),
        Returns::Type(WireType::SmallInt),
        |call| Ok(super::yes_or_no(call.context.session.transactions > 0)),
    ),
];

fn caught<'a>(call: &Call<'a>) -> Option<&'a SqlMessage> {
    call.context.frame.caught.as_ref()
}

fn host_name(call: &Call<'_>) -> Result<SqlValue> {
    let context = call.context;
    let info = context.state.sessions.get(&context.session.spid);
    Ok(text_or_null(info.map(|info| info.host_name.clone())))
}

fn program_name(call: &Call<'_>) -> Result<SqlValue> {
    let context = call.context;
    let info = context.state.sessions.get(&context.session.spid);
    Ok(text_or_null(info.map(|info| info.program_name.clone())))
}

/// The mode in which this session holds an application lock: `NoLock` where it holds none.
fn application_lock_mode(call: &Call<'_>) -> Result<SqlValue> {
    let resource = fold(&call.text(1)?.unwrap_or_default());
    let session = call.context.session;
    let held = call.context.state.locks.application.iter().find(|lock| {
        lock.spid == session.spid
            && fold(&lock.resource) == resource
            && lock.database.eq_ignore_ascii_case(&session.database)
    });
    Ok(text_or_null(Some(
        held.map_or("NoLock", |lock| lock.mode.as_str()),
    )))
}
