//! The server: its settings, its linked servers, its credentials.

use super::{Columns, NULL, Row, SYSNAME, View, bit, int, text};
use crate::simulator::Platform;
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
        name: "configurations",
        columns: CONFIGURATIONS,
        make: configurations,
    },
    View {
        schema: "sys",
        name: "dm_os_sys_info",
        columns: SYSTEM,
        make: system,
    },
    View {
        schema: "sys",
        name: "dm_os_host_info",
        columns: HOST,
        make: host,
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

const CONFIGURATIONS: Columns = &[
    ("configuration_id", WireType::Int),
    ("name", WireType::NVarChar(Some(35))),
    ("value", WireType::Variant),
    ("minimum", WireType::Variant),
    ("maximum", WireType::Variant),
    ("value_in_use", WireType::Variant),
    ("description", WireType::NVarChar(Some(255))),
    ("is_dynamic", WireType::Bit),
    ("is_advanced", WireType::Bit),
];

const SYSTEM: Columns = &[
    ("cpu_count", WireType::Int),
    ("sqlserver_start_time", WireType::DateTime),
];

const HOST: Columns = &[
    ("host_platform", WireType::NVarChar(Some(256))),
    ("host_distribution", WireType::NVarChar(Some(256))),
    ("host_release", WireType::NVarChar(Some(256))),
    ("host_service_pack_level", WireType::NVarChar(Some(256))),
    ("host_sku", WireType::Int),
    ("os_language_version", WireType::Int),
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

/// Settings that tools ask for, with the values of a new installation.
const SETTINGS: &[(i64, &str, i64, i64, i64)] = &[
    (103, "user connections", 0, 0, 32_767),
    (109, "fill factor (%)", 0, 0, 100),
    (1534, "user options", 0, 0, 32_767),
    (1537, "media retention", 0, 0, 365),
    (1539, "max degree of parallelism", 0, 0, 32_767),
    (1543, "min server memory (MB)", 16, 0, 2_147_483_647),
    (
        1544,
        "max server memory (MB)",
        2_147_483_647,
        128,
        2_147_483_647,
    ),
    (1562, "clr enabled", 0, 0, 1),
    (1579, "backup compression default", 0, 0, 1),
    (1584, "backup checksum default", 0, 0, 1),
    (16_386, "Database Mail XPs", 0, 0, 1),
    (16_390, "xp_cmdshell", 0, 0, 1),
    (16_391, "Ad Hoc Distributed Queries", 0, 0, 1),
    (518, "show advanced options", 0, 0, 1),
];

fn configurations(_: &Context<'_>, _: &str) -> Result<Vec<Row>> {
    Ok(SETTINGS
        .iter()
        .map(|(id, name, value, least, most)| {
            vec![
                int(*id),
                text(*name),
                int(*value),
                int(*least),
                int(*most),
                int(*value),
                text(*name),
                bit(true),
                bit(false),
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

/// The machine that the instance poses to be on. Everybody may ask (documented up to 2019; of 2022
/// two pages of Microsoft's say different things).
fn host(context: &Context<'_>, _: &str) -> Result<Vec<Row>> {
    let (distribution, release, sku) = match context.instance.platform {
        Platform::Windows => ("Windows Server 2022 Standard", "10.0", int(7)),
        Platform::Linux => ("Ubuntu", "22.04", NULL),
    };
    Ok(vec![vec![
        text(context.instance.platform.name()),
        text(distribution),
        text(release),
        text(""),
        sku,
        int(1033),
    ]])
}
