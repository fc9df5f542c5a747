//! Sessions and what they run.

use super::{Columns, NULL, Row, SYSNAME, View, bit, int, text};
use crate::simulator::engine::evaluate::Context;
use crate::simulator::instance::{SessionInfo, now, same_name};
use crate::simulator::server_error::{Result, ServerError};
use crate::simulator::wire_type::WireType;
use crate::transport::SqlValue;

pub(super) const VIEWS: &[View] = &[
    View {
        schema: "sys",
        name: "dm_exec_sessions",
        columns: SESSIONS,
        make: sessions,
    },
    View {
        schema: "sys",
        name: "dm_exec_requests",
        columns: REQUESTS,
        make: requests,
    },
    View {
        schema: "sys",
        name: "dm_exec_connections",
        columns: CONNECTIONS,
        make: connections,
    },
    View {
        schema: "sys",
        name: "dm_tran_locks",
        columns: LOCKS,
        make: locks,
    },
];

const SESSIONS: Columns = &[
    ("session_id", WireType::SmallInt),
    ("login_time", WireType::DateTime),
    ("host_name", SYSNAME),
    ("program_name", SYSNAME),
    ("host_process_id", WireType::Int),
    ("client_interface_name", WireType::NVarChar(Some(32))),
    ("login_name", SYSNAME),
    ("original_login_name", SYSNAME),
    ("status", WireType::NVarChar(Some(30))),
    ("cpu_time", WireType::Int),
    ("last_request_start_time", WireType::DateTime),
    ("last_request_end_time", WireType::DateTime),
    ("reads", WireType::BigInt),
    ("writes", WireType::BigInt),
    ("is_user_process", WireType::Bit),
    ("database_id", WireType::SmallInt),
    ("authenticating_database_id", WireType::Int),
    ("open_transaction_count", WireType::Int),
];

const REQUESTS: Columns = &[
    ("session_id", WireType::SmallInt),
    ("request_id", WireType::Int),
    ("start_time", WireType::DateTime),
    ("status", WireType::NVarChar(Some(30))),
    ("command", WireType::NVarChar(Some(32))),
    ("database_id", WireType::SmallInt),
    ("user_id", WireType::Int),
    ("blocking_session_id", WireType::SmallInt),
    ("wait_type", WireType::NVarChar(Some(60))),
    ("wait_time", WireType::Int),
    ("open_transaction_count", WireType::Int),
    ("percent_complete", WireType::Real),
    ("estimated_completion_time", WireType::BigInt),
    ("cpu_time", WireType::Int),
    ("total_elapsed_time", WireType::Int),
];

const CONNECTIONS: Columns = &[
    ("session_id", WireType::Int),
    ("connect_time", WireType::DateTime),
    ("net_transport", WireType::NVarChar(Some(40))),
    ("protocol_type", WireType::NVarChar(Some(40))),
    ("encrypt_option", WireType::NVarChar(Some(40))),
    ("auth_scheme", WireType::NVarChar(Some(40))),
    ("client_net_address", WireType::VarChar(Some(48))),
];

const LOCKS: Columns = &[
    ("resource_type", WireType::NVarChar(Some(60))),
    ("resource_database_id", WireType::Int),
    ("resource_description", WireType::NVarChar(Some(256))),
    ("request_mode", WireType::NVarChar(Some(60))),
    ("request_status", WireType::NVarChar(Some(60))),
    ("request_session_id", WireType::Int),
];

/// One sees one's own session; others with VIEW SERVER STATE, which has another name since 2022.
fn visible<'a>(context: &Context<'a>) -> Vec<(i16, &'a SessionInfo)> {
    let caller = context.caller();
    let sees_all = caller.has_server("VIEW SERVER STATE")
        || caller.has_server("VIEW SERVER PERFORMANCE STATE");
    let own = context.session.spid;
    let sessions = context.state.sessions.iter();
    sessions
        .filter(|(spid, _)| sees_all || **spid == own)
        .map(|(spid, info)| (*spid, info))
        .collect()
}

fn database_id(context: &Context<'_>, name: &str) -> SqlValue {
    context
        .state
        .entry(name)
        .map_or(NULL, |entry| int(entry.id))
}

fn sessions(context: &Context<'_>, _: &str) -> Result<Vec<Row>> {
    Ok(visible(context)
        .into_iter()
        .map(|(spid, info)| {
            let is_running = info.request.is_some();
            let transactions = context
                .state
                .locks
                .writers
                .values()
                .filter(|writer| **writer == spid)
                .count();
            let started = info
                .request
                .as_ref()
                .map_or(info.login_time, |request| request.started);
            vec![
                int(spid),
                SqlValue::DateTime(info.login_time),
                text(&info.host_name),
                text(&info.program_name),
                NULL,
                text("TDS"),
                text(&info.login),
                text(&info.login),
                text(if is_running { "running" } else { "sleeping" }),
                int(0),
                SqlValue::DateTime(started),
                if is_running {
                    NULL
                } else {
                    SqlValue::DateTime(started)
                },
                int(0),
                int(0),
                bit(true),
                database_id(context, &info.database),
                // All logins are the server's, which is to say master's.
                int(1),
                int(i64::from(transactions > 0)),
            ]
        })
        .collect())
}

fn requests(context: &Context<'_>, _: &str) -> Result<Vec<Row>> {
    let now = now();
    Ok(visible(context)
        .into_iter()
        .filter_map(|(spid, info)| Some((spid, info, info.request.as_ref()?)))
        .map(|(spid, info, request)| {
            let elapsed = (now - request.started).whole_milliseconds();
            let elapsed = i64::try_from(elapsed).unwrap_or(i64::MAX).max(0);
            vec![
                int(spid),
                int(0),
                SqlValue::DateTime(request.started),
                text("running"),
                text(&request.command),
                database_id(context, &info.database),
                int(1),
                int(0),
                NULL,
                int(0),
                int(0),
                SqlValue::Float(request.percent_complete.into()),
                int(remaining(elapsed, request.percent_complete)),
                int(elapsed.min(i32::MAX.into())),
                int(elapsed.min(i32::MAX.into())),
            ]
        })
        .collect())
}

/// What is left at the pace so far, in milliseconds; 0 where nothing is known.
fn remaining(elapsed: i64, percent: f32) -> i64 {
    let done = f64::from(percent);
    if done <= 0.0 {
        return 0;
    }
    let elapsed = i32::try_from(elapsed).map_or(f64::MAX, f64::from);
    let left = (elapsed * (100.0 - done) / done).round();
    format!("{left:.0}").parse().unwrap_or(0)
}

/// 300 and 297, where a view needs the permission to be read at all.
pub(super) fn check_server_state(context: &Context<'_>) -> Result<()> {
    check_state(context, "VIEW SERVER PERFORMANCE STATE")
}

/// The same, where since 2022 it is this permission.
pub(super) fn check_state(context: &Context<'_>, since_2022: &str) -> Result<()> {
    let caller = context.caller();
    if caller.has_server("VIEW SERVER STATE") || caller.has_server(since_2022) {
        return Ok(());
    }
    let name = if context.instance.version >= crate::simulator::Version::Sql2022 {
        since_2022
    } else {
        "VIEW SERVER STATE"
    };
    Err(ServerError::new(
        300,
        14,
        1,
        format!("{name} permission was denied on object 'server', database 'master'."),
    )
    .then(ServerError::new(
        297,
        16,
        1,
        "The user does not have permission to perform this action.",
    )))
}

fn connections(context: &Context<'_>, _: &str) -> Result<Vec<Row>> {
    check_server_state(context)?;
    Ok(context
        .state
        .sessions
        .iter()
        .map(|(spid, info)| {
            vec![
                int(*spid),
                SqlValue::DateTime(info.login_time),
                text("TCP"),
                text("TSQL"),
                // Whether a connection is encrypted only its wire knows.
                NULL,
                text("SQL"),
                text("127.0.0.1"),
            ]
        })
        .collect())
}

fn locks(context: &Context<'_>, _: &str) -> Result<Vec<Row>> {
    check_server_state(context)?;
    let lock = |kind: &str, database: &str, resource: &str, mode: &str, spid: i16| {
        vec![
            text(kind),
            database_id(context, database),
            text(resource),
            text(mode),
            text("GRANT"),
            int(spid),
        ]
    };
    let mut rows: Vec<Row> = context
        .state
        .sessions
        .iter()
        .filter(|(_, info)| !same_name(&info.database, "master"))
        .map(|(spid, info)| lock("DATABASE", &info.database, "", "S", *spid))
        .collect();
    rows.extend(context.state.locks.application.iter().map(|held| {
        let mode = if held.mode.eq_ignore_ascii_case("Exclusive") {
            "X"
        } else {
            "S"
        };
        lock(
            "APPLICATION",
            &held.database,
            &held.resource,
            mode,
            held.spid,
        )
    }));
    Ok(rows)
}
