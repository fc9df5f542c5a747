//! Triggers on the database, queues, and the code that is never here: assemblies.

use super::empty::empty;
use super::{
    Columns, DESCRIPTION, NULL, Row, SYSNAME, View, bit, contents, int, schema_id,
    sees_definitions, text,
};
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
    View {
        schema: "sys",
        name: "service_queues",
        columns: QUEUES,
        make: queues,
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

const QUEUES: Columns = &[
    ("name", SYSNAME),
    ("object_id", WireType::Int),
    ("schema_id", WireType::Int),
    ("type", WireType::Char(2)),
    ("type_desc", DESCRIPTION),
    ("is_ms_shipped", WireType::Bit),
    ("is_receive_enabled", WireType::Bit),
    ("is_enqueue_enabled", WireType::Bit),
    ("activation_procedure", WireType::NVarChar(Some(776))),
    ("execute_as_principal_id", WireType::Int),
    ("is_activation_enabled", WireType::Bit),
];

fn queues(context: &Context<'_>, database: &str) -> Result<Vec<Row>> {
    let Some(known) = contents(context, database).filter(|_| sees_definitions(context, database))
    else {
        return Ok(Vec::new());
    };
    let rows = known.queues.iter().map(|queue| {
        vec![
            text(&queue.name),
            int(queue.id),
            schema_id(known, &queue.schema).map_or(NULL, int),
            text("SQ"),
            text("SERVICE_QUEUE"),
            bit(false),
            bit(queue.is_on),
            bit(queue.is_on),
            NULL,
            NULL,
            bit(false),
        ]
    });
    Ok(rows.collect())
}

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
