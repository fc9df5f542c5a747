//! Triggers on the database, and the code that is never here: assemblies.

use super::empty::empty;
use super::{Columns, DESCRIPTION, Row, SYSNAME, View, bit, contents, int, sees_definitions, text};
use crate::simulator::engine::evaluate::Context;
use crate::simulator::server_error::Result;
use crate::simulator::wire_type::WireType;
use crate::transport::SqlValue;

pub(super) const VIEWS: &[View] = &[
    View {
        schema: "sys",
        name: "triggers",
        columns: TRIGGERS,
        make: triggers,
    },
    empty(
        "assemblies",
        &[
            ("name", SYSNAME),
            ("principal_id", WireType::Int),
            ("assembly_id", WireType::Int),
            ("permission_set", WireType::TinyInt),
            ("permission_set_desc", DESCRIPTION),
            ("is_user_defined", WireType::Bit),
        ],
    ),
];

const TRIGGERS: Columns = &[
    ("name", SYSNAME),
    ("object_id", WireType::Int),
    ("parent_class", WireType::TinyInt),
    ("parent_class_desc", DESCRIPTION),
    ("parent_id", WireType::Int),
    ("type", WireType::Char(2)),
    ("type_desc", DESCRIPTION),
    ("create_date", WireType::DateTime),
    ("modify_date", WireType::DateTime),
    ("is_ms_shipped", WireType::Bit),
    ("is_disabled", WireType::Bit),
    ("is_not_for_replication", WireType::Bit),
    ("is_instead_of_trigger", WireType::Bit),
];

fn triggers(context: &Context<'_>, database: &str) -> Result<Vec<Row>> {
    let Some(known) = contents(context, database).filter(|_| sees_definitions(context, database))
    else {
        return Ok(Vec::new());
    };
    let rows = known.triggers.iter().map(|trigger| {
        vec![
            text(&trigger.name),
            int(trigger.id),
            int(0),
            text("DATABASE"),
            int(0),
            text("TR"),
            text("SQL_TRIGGER"),
            SqlValue::DateTime(known.created),
            SqlValue::DateTime(known.created),
            bit(false),
            bit(false),
            bit(false),
            bit(false),
        ]
    });
    Ok(rows.collect())
}
