//! The server: its settings, its linked servers, its credentials.

use super::{Columns, NULL, Row, SYSNAME, View, bit, int, text};
use crate::simulator::engine::evaluate::Context;
use crate::simulator::server_error::Result;
use crate::simulator::wire_type::WireType;
use crate::transport::SqlValue;

pub(super) const VIEWS: &[View] = &[
    View {
        schema: "sys",
        name: "servers",
        columns: SERVERS,
        make: servers,
    },
    View {
        schema: "sys",
        name: "linked_logins",
        columns: LINKED_LOGINS,
        make: linked_logins,
    },
    View {
        schema: "sys",
        name: "credentials",
        columns: CREDENTIALS,
        make: credentials,
    },
    View {
        schema: "sys",
        name: "dm_os_sys_info",
        columns: SYSTEM,
        make: system,
    },
];

const SERVERS: Columns = &[
    ("server_id", WireType::Int),
    ("name", SYSNAME),
    ("product", SYSNAME),
    ("provider", SYSNAME),
    ("data_source", WireType::NVarChar(Some(4000))),
    ("is_linked", WireType::Bit),
    ("is_remote_login_enabled", WireType::Bit),
    ("modify_date", WireType::DateTime),
];

const LINKED_LOGINS: Columns = &[
    ("server_id", WireType::Int),
    ("local_principal_id", WireType::Int),
    ("uses_self_credential", WireType::Bit),
    ("remote_name", SYSNAME),
    ("modify_date", WireType::DateTime),
];

const CREDENTIALS: Columns = &[
    ("credential_id", WireType::Int),
    ("name", SYSNAME),
    ("credential_identity", WireType::NVarChar(Some(4000))),
    ("create_date", WireType::DateTime),
    ("modify_date", WireType::DateTime),
    ("target_type", WireType::NVarChar(Some(100))),
    ("target_id", WireType::Int),
];

const SYSTEM: Columns = &[
    ("cpu_count", WireType::Int),
    ("sqlserver_start_time", WireType::DateTime),
];

/// The linked servers, in the order in which they were made: each one once.
fn linked<'a>(context: &Context<'a>) -> Vec<&'a str> {
    let mut names: Vec<&str> = Vec::new();
    for login in &context.state.catalog.linked_logins {
        if !names.contains(&login.server.as_str()) {
            names.push(&login.server);
        }
    }
    names
}

fn server_id(context: &Context<'_>, name: &str) -> i64 {
    let place = linked(context).iter().position(|known| *known == name);
    place
        .and_then(|place| i64::try_from(place).ok())
        .map_or(0, |place| place + 1)
}

fn servers(context: &Context<'_>, _: &str) -> Result<Vec<Row>> {
    let created = context.state.catalog.created;
    let server = |id: i64, name: &str, product: &str, is_linked: bool| {
        vec![
            int(id),
            text(name),
            text(product),
            text("SQLNCLI"),
            text(name),
            bit(is_linked),
            bit(!is_linked),
            SqlValue::DateTime(created),
        ]
    };
    let own = server(0, &context.instance.name, "SQL Server", false);
    let others = (1..)
        .zip(linked(context))
        .map(|(id, name)| server(id, name, "SQL Server", true));
    Ok([own].into_iter().chain(others).collect())
}

fn linked_logins(context: &Context<'_>, _: &str) -> Result<Vec<Row>> {
    if !context.caller().has_server("ALTER ANY LINKED SERVER") {
        return Ok(Vec::new());
    }
    let created = context.state.catalog.created;
    let logins = &context.state.catalog.linked_logins;
    Ok(logins
        .iter()
        .filter(|login| !login.remote_user.is_empty())
        .map(|login| {
            vec![
                int(server_id(context, &login.server)),
                int(0),
                bit(false),
                text(&login.remote_user),
                SqlValue::DateTime(created),
            ]
        })
        .collect())
}

fn credentials(context: &Context<'_>, _: &str) -> Result<Vec<Row>> {
    let caller = context.caller();
    let sees_all =
        caller.has_server("VIEW ANY DEFINITION") || caller.has_server("ALTER ANY CREDENTIAL");
    if !sees_all {
        return Ok(Vec::new());
    }
    Ok(context
        .state
        .catalog
        .credentials
        .iter()
        .map(|credential| {
            vec![
                int(credential.id),
                text(&credential.name),
                text(&credential.identity),
                SqlValue::DateTime(credential.created),
                SqlValue::DateTime(credential.created),
                NULL,
                NULL,
            ]
        })
        .collect())
}

fn system(context: &Context<'_>, _: &str) -> Result<Vec<Row>> {
    super::session::check_server_state(context)?;
    let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    Ok(vec![vec![
        int(i64::try_from(processors).unwrap_or(1)),
        SqlValue::DateTime(context.instance.started),
    ]])
}
