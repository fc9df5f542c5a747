//! INFORMATION_SCHEMA.

use super::{Columns, NULL, Row, SYSNAME, View, contents, int, text};
use crate::simulator::catalog::Table;
use crate::simulator::engine::evaluate::Context;
use crate::simulator::engine::value::{is_text, type_name};
use crate::simulator::server_error::Result;
use crate::simulator::tsql::parse_data_type;
use crate::simulator::wire_type::WireType;

const SCHEMA: &str = "INFORMATION_SCHEMA";

pub(super) const VIEWS: &[View] = &[
    View {
        schema: SCHEMA,
        name: "TABLES",
        columns: TABLES,
        make: tables,
    },
    View {
        schema: SCHEMA,
        name: "COLUMNS",
        columns: COLUMNS,
        make: table_columns,
    },
    View {
        schema: SCHEMA,
        name: "SCHEMATA",
        columns: SCHEMATA,
        make: schemata,
    },
    View {
        schema: SCHEMA,
        name: "ROUTINES",
        columns: ROUTINES,
        make: routines,
    },
];

const TABLES: Columns = &[
    ("TABLE_CATALOG", SYSNAME),
    ("TABLE_SCHEMA", SYSNAME),
    ("TABLE_NAME", SYSNAME),
    ("TABLE_TYPE", WireType::VarChar(Some(10))),
];

const COLUMNS: Columns = &[
    ("TABLE_CATALOG", SYSNAME),
    ("TABLE_SCHEMA", SYSNAME),
    ("TABLE_NAME", SYSNAME),
    ("COLUMN_NAME", SYSNAME),
    ("ORDINAL_POSITION", WireType::Int),
    ("COLUMN_DEFAULT", WireType::NVarChar(Some(4000))),
    ("IS_NULLABLE", WireType::VarChar(Some(3))),
    ("DATA_TYPE", SYSNAME),
    ("CHARACTER_MAXIMUM_LENGTH", WireType::Int),
];

const SCHEMATA: Columns = &[
    ("CATALOG_NAME", SYSNAME),
    ("SCHEMA_NAME", SYSNAME),
    ("SCHEMA_OWNER", SYSNAME),
];

const ROUTINES: Columns = &[
    ("ROUTINE_CATALOG", SYSNAME),
    ("ROUTINE_SCHEMA", SYSNAME),
    ("ROUTINE_NAME", SYSNAME),
    ("ROUTINE_TYPE", WireType::NVarChar(Some(20))),
    ("ROUTINE_DEFINITION", WireType::NVarChar(Some(4000))),
];

fn visible<'a>(context: &Context<'a>, database: &str) -> Vec<&'a Table> {
    let caller = context.caller();
    let tables = contents(context, database).map(|contents| contents.tables.iter());
    tables
        .into_iter()
        .flatten()
        .filter(|table| caller.has_in_schema(database, &table.schema, &table.grants, "SELECT"))
        .collect()
}

fn tables(context: &Context<'_>, database: &str) -> Result<Vec<Row>> {
    Ok(visible(context, database)
        .into_iter()
        .map(|table| {
            vec![
                text(database),
                text(&table.schema),
                text(&table.name),
                text("BASE TABLE"),
            ]
        })
        .collect())
}

fn table_columns(context: &Context<'_>, database: &str) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for table in visible(context, database) {
        for (number, column) in (1_i64..).zip(&table.columns) {
            let kind = parse_data_type(&column.type_name)?;
            let length = match kind {
                WireType::NVarChar(None) | WireType::VarChar(None) | WireType::VarBinary(None) => {
                    int(-1)
                }
                WireType::NVarChar(Some(length))
                | WireType::VarChar(Some(length))
                | WireType::VarBinary(Some(length))
                | WireType::NChar(length)
                | WireType::Char(length)
                | WireType::Binary(length) => int(length),
                _ => NULL,
            };
            let base = if is_text(kind) {
                type_name(kind)
            } else {
                column.type_name.split('(').next().unwrap_or_default()
            };
            rows.push(vec![
                text(database),
                text(&table.schema),
                text(&table.name),
                text(&column.name),
                int(number),
                column.default.as_ref().map_or(NULL, text),
                text(if column.nullable { "YES" } else { "NO" }),
                text(base),
                length,
            ]);
        }
    }
    Ok(rows)
}

fn schemata(context: &Context<'_>, database: &str) -> Result<Vec<Row>> {
    let schemas = contents(context, database).map(|contents| contents.schemas.iter());
    Ok(schemas
        .into_iter()
        .flatten()
        .map(|schema| vec![text(database), text(schema), text("dbo")])
        .collect())
}

fn routines(context: &Context<'_>, database: &str) -> Result<Vec<Row>> {
    let caller = context.caller();
    let procedures = contents(context, database).map(|contents| contents.procedures.iter());
    Ok(procedures
        .into_iter()
        .flatten()
        .filter(|procedure| {
            caller.has_in_schema(database, &procedure.schema, &procedure.grants, "EXECUTE")
        })
        .map(|procedure| {
            let start: String = procedure.definition.chars().take(4000).collect();
            vec![
                text(database),
                text(&procedure.schema),
                text(&procedure.name),
                text("PROCEDURE"),
                text(start),
            ]
        })
        .collect())
}
