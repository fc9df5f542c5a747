//! sys.dm_database_encryption_keys: databases that are encrypted, or can be (TDE).

use super::session::check_state;
use super::{Columns, NULL, Row, View, int, text};
use crate::simulator::catalog::EncryptionKey;
use crate::simulator::engine::evaluate::Context;
use crate::simulator::server_error::Result;
use crate::simulator::wire_type::WireType;
use crate::transport::SqlValue;

pub(super) const VIEWS: &[View] = &[View {
    schema: "sys",
    name: "dm_database_encryption_keys",
    columns: COLUMNS,
    make: keys,
}];

const NAME: WireType = WireType::NVarChar(Some(32));

/// Those of SQL Server 2019 and later (documented).
const COLUMNS: Columns = &[
    ("database_id", WireType::Int),
    ("encryption_state", WireType::Int),
    ("create_date", WireType::DateTime),
    ("regenerate_date", WireType::DateTime),
    ("modify_date", WireType::DateTime),
    ("set_date", WireType::DateTime),
    ("opened_date", WireType::DateTime),
    ("key_algorithm", NAME),
    ("key_length", WireType::Int),
    ("encryptor_thumbprint", WireType::VarBinary(Some(20))),
    ("encryptor_type", NAME),
    ("percent_complete", WireType::Real),
    ("encryption_state_desc", NAME),
    ("encryption_scan_state", WireType::Int),
    ("encryption_scan_state_desc", NAME),
    ("encryption_scan_modify_date", WireType::DateTime),
];

/// The number of tempdb.
const TEMPDB: i32 = 2;

/// Whether any database is encrypted: tempdb is then, too (documented).
pub(super) fn encrypts_tempdb(context: &Context<'_>) -> bool {
    let mut open = context.state.databases.values();
    open.any(|open| is_on(open.contents.encryption_key.as_ref()))
}

pub(super) fn is_on(key: Option<&EncryptionKey>) -> bool {
    key.is_some_and(|key| key.is_on)
}

fn keys(context: &Context<'_>, _: &str) -> Result<Vec<Row>> {
    check_state(context, "VIEW SERVER SECURITY STATE")?;
    let mut rows = Vec::new();
    if encrypts_tempdb(context) {
        rows.push(tempdb(context));
    }
    for entry in &context.state.catalog.databases {
        let contents = super::contents(context, &entry.name);
        if let Some(key) = contents.and_then(|contents| contents.encryption_key.as_ref()) {
            rows.push(row(context, entry.id, key));
        }
    }
    Ok(rows)
}

fn row(context: &Context<'_>, database: i32, key: &EncryptionKey) -> Row {
    let length = match key.algorithm.as_str() {
        "AES_128" => 128,
        "AES_192" => 192,
        _ => 256,
    };
    let created = SqlValue::DateTime(key.created);
    let set = key.set.map_or(NULL, SqlValue::DateTime);
    let opened = SqlValue::DateTime(key.created.max(context.instance.started));
    let (state, name) = if key.is_on {
        (3, "ENCRYPTED")
    } else {
        (1, "UNENCRYPTED")
    };
    let (scan, scan_name) = if key.is_on {
        (4, "COMPLETE")
    } else {
        (0, "NONE")
    };
    vec![
        int(database),
        int(state),
        created.clone(),
        created.clone(),
        created,
        set.clone(),
        opened,
        text("AES"),
        int(length),
        SqlValue::Bytes(key.thumbprint.0.clone()),
        text("CERTIFICATE"),
        SqlValue::Float(0.0),
        text(name),
        int(scan),
        text(scan_name),
        set,
    ]
}

/// As community reports have it: no certificate, and AES with 256 bits.
fn tempdb(context: &Context<'_>) -> Row {
    let started = SqlValue::DateTime(context.instance.started);
    vec![
        int(TEMPDB),
        int(3),
        started.clone(),
        started.clone(),
        started.clone(),
        started.clone(),
        started.clone(),
        text("AES"),
        int(256),
        SqlValue::Bytes(Vec::new()),
        NULL,
        SqlValue::Float(0.0),
        text("ENCRYPTED"),
        int(4),
        text("COMPLETE"),
        started,
    ]
}
