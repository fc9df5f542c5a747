//! Tables, columns, procedures, schemas and types.

use super::{Columns, DESCRIPTION, NULL, Row, SYSNAME, View, bit, contents, int, text};
use crate::simulator::catalog::{Contents, Procedure, Table};
use crate::simulator::engine::evaluate::Context;
use crate::simulator::instance::same_name;
use crate::simulator::server_error::Result;
use crate::simulator::wire_type::WireType;
use crate::transport::SqlValue;

pub(super) const VIEWS: &[View] = &[
    View {
        schema: "sys",
        name: "tables",
        columns: OBJECTS,
        make: tables,
    },
    View {
        schema: "sys",
        name: "objects",
        columns: OBJECTS,
        make: objects,
    },
    View {
        schema: "sys",
        name: "all_objects",
        columns: OBJECTS,
        make: all_objects,
    },
    View {
        schema: "sys",
        name: "procedures",
        columns: OBJECTS,
        make: procedures,
    },
    View {
        schema: "sys",
        name: "schemas",
        columns: SCHEMAS,
        make: schemas,
    },
    View {
        schema: "sys",
        name: "sql_modules",
        columns: MODULES,
        make: modules,
    },
];

const OBJECTS: Columns = &[
    ("name", SYSNAME),
    ("object_id", WireType::Int),
    ("principal_id", WireType::Int),
    ("schema_id", WireType::Int),
    ("parent_object_id", WireType::Int),
    ("type", WireType::Char(2)),
    ("type_desc", DESCRIPTION),
    ("create_date", WireType::DateTime),
    ("modify_date", WireType::DateTime),
    ("is_ms_shipped", WireType::Bit),
];

const SCHEMAS: Columns = &[
    ("name", SYSNAME),
    ("schema_id", WireType::Int),
    ("principal_id", WireType::Int),
];

const MODULES: Columns = &[
    ("object_id", WireType::Int),
    ("definition", WireType::NVarChar(None)),
    ("execute_as_principal_id", WireType::Int),
];

/// The id of a schema: those of every database first, then the users'.
pub(crate) fn schema_id(contents: &Contents, name: &str) -> Option<i32> {
    let place = contents
        .schemas
        .iter()
        .position(|schema| same_name(schema, name))?;
    i32::try_from(place).ok()?.checked_add(1)
}

/// Tables on which the caller has any permission.
pub(super) fn visible_tables<'a>(context: &Context<'a>, database: &str) -> Vec<&'a Table> {
    let caller = context.caller();
    let tables = contents(context, database).map(|contents| contents.tables.iter());
    tables
        .into_iter()
        .flatten()
        .filter(|table| {
            ["SELECT", "INSERT", "UPDATE", "DELETE", "VIEW DEFINITION"]
                .iter()
                .any(|permission| {
                    caller.has_in_schema(database, &table.schema, &table.grants, permission)
                })
        })
        .collect()
}

pub(super) fn visible_procedures<'a>(context: &Context<'a>, database: &str) -> Vec<&'a Procedure> {
    let caller = context.caller();
    let procedures = contents(context, database).map(|contents| contents.procedures.iter());
    procedures
        .into_iter()
        .flatten()
        .filter(|procedure| {
            ["EXECUTE", "VIEW DEFINITION"].iter().any(|permission| {
                caller.has_in_schema(database, &procedure.schema, &procedure.grants, permission)
            })
        })
        .collect()
}

fn object(
    contents: &Contents,
    (schema, name, id): (&str, &str, i32),
    (kind, description): (&str, &str),
) -> Row {
    vec![
        text(name),
        int(id),
        NULL,
        schema_id(contents, schema).map_or(NULL, int),
        int(0),
        text(kind),
        text(description),
        SqlValue::DateTime(contents.created),
        SqlValue::DateTime(contents.created),
        bit(false),
    ]
}

fn tables(context: &Context<'_>, database: &str) -> Result<Vec<Row>> {
    let Some(known) = contents(context, database) else {
        return Ok(Vec::new());
    };
    Ok(visible_tables(context, database)
        .into_iter()
        .map(|table| {
            object(
                known,
                (&table.schema, &table.name, table.id),
                ("U ", "USER_TABLE"),
            )
        })
        .collect())
}

fn procedures(context: &Context<'_>, database: &str) -> Result<Vec<Row>> {
    let Some(known) = contents(context, database) else {
        return Ok(Vec::new());
    };
    Ok(visible_procedures(context, database)
        .into_iter()
        .map(|procedure| {
            let named = (
                procedure.schema.as_str(),
                procedure.name.as_str(),
                procedure.id,
            );
            object(known, named, ("P ", "SQL_STORED_PROCEDURE"))
        })
        .collect())
}

fn objects(context: &Context<'_>, database: &str) -> Result<Vec<Row>> {
    let mut rows = tables(context, database)?;
    rows.extend(procedures(context, database)?);
    Ok(rows)
}

/// The users' objects and the system's views.
fn all_objects(context: &Context<'_>, database: &str) -> Result<Vec<Row>> {
    let mut rows = objects(context, database)?;
    let Some(known) = contents(context, database) else {
        return Ok(rows);
    };
    rows.extend(super::of_version(context.instance.version).map(|view| {
        let mut row = object(
            known,
            (view.schema, view.name, view.object_id()),
            ("V ", "VIEW"),
        );
        if let Some(is_shipped) = row.last_mut() {
            *is_shipped = bit(true);
        }
        row
    }));
    Ok(rows)
}

fn schemas(context: &Context<'_>, database: &str) -> Result<Vec<Row>> {
    let Some(known) = contents(context, database) else {
        return Ok(Vec::new());
    };
    Ok(known
        .schemas
        .iter()
        .map(|schema| {
            vec![
                text(schema),
                schema_id(known, schema).map_or(NULL, int),
                int(1),
            ]
        })
        .collect())
}

fn modules(context: &Context<'_>, database: &str) -> Result<Vec<Row>> {
    let caller = context.caller();
    let procedures = visible_procedures(context, database);
    let procedures = procedures.into_iter().map(|procedure| {
        // Who may call it sees that it is there, and not what it does.
        let sees = caller.has_in_schema(
            database,
            &procedure.schema,
            &procedure.grants,
            "VIEW DEFINITION",
        );
        (procedure.id, Some(&procedure.definition).filter(|_| sees))
    });
    let sees = super::sees_definitions(context, database);
    let triggers = contents(context, database).filter(|_| sees);
    let triggers = triggers.into_iter().flat_map(|known| &known.triggers);
    let triggers = triggers.map(|trigger| (trigger.id, Some(&trigger.definition)));
    Ok(procedures
        .chain(triggers)
        .map(|(id, definition)| vec![int(id), definition.map_or(NULL, text), NULL])
        .collect())
}
