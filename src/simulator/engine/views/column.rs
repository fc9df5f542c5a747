//! Columns, parameters and types.

use super::object::{visible_procedures, visible_tables};
use super::{COLLATION, Columns, NULL, Row, SYSNAME, View, bit, int, text};
use crate::simulator::engine::evaluate::Context;
use crate::simulator::engine::value::is_text;
use crate::simulator::server_error::Result;
use crate::simulator::tsql::ast::{ProcedureStatement, StatementKind};
use crate::simulator::tsql::{parse_batch, parse_data_type};
use crate::simulator::wire_type::WireType;

pub(super) const VIEWS: &[View] = &[
    View {
        schema: "sys",
        name: "columns",
        columns: TABLE_COLUMNS,
        make: table_columns,
    },
    View {
        schema: "sys",
        name: "all_columns",
        columns: TABLE_COLUMNS,
        make: table_columns,
    },
    View {
        schema: "sys",
        name: "parameters",
        columns: PARAMETERS,
        make: parameters,
    },
    View {
        schema: "sys",
        name: "types",
        columns: TYPES,
        make: types,
    },
];

const TABLE_COLUMNS: Columns = &[
    ("object_id", WireType::Int),
    ("name", SYSNAME),
    ("column_id", WireType::Int),
    ("system_type_id", WireType::TinyInt),
    ("user_type_id", WireType::Int),
    ("max_length", WireType::SmallInt),
    ("precision", WireType::TinyInt),
    ("scale", WireType::TinyInt),
    ("collation_name", SYSNAME),
    ("is_nullable", WireType::Bit),
    ("is_identity", WireType::Bit),
    ("is_computed", WireType::Bit),
];

const PARAMETERS: Columns = &[
    ("object_id", WireType::Int),
    ("name", SYSNAME),
    ("parameter_id", WireType::Int),
    ("system_type_id", WireType::TinyInt),
    ("user_type_id", WireType::Int),
    ("max_length", WireType::SmallInt),
    ("precision", WireType::TinyInt),
    ("scale", WireType::TinyInt),
    ("is_output", WireType::Bit),
    ("has_default_value", WireType::Bit),
    ("default_value", WireType::Variant),
];

const TYPES: Columns = &[
    ("name", SYSNAME),
    ("system_type_id", WireType::TinyInt),
    ("user_type_id", WireType::Int),
    ("schema_id", WireType::Int),
    ("is_user_defined", WireType::Bit),
];

/// `system_type_id` and name.
pub(crate) const SYSTEM_TYPES: &[(i32, &str)] = &[
    (34, "image"),
    (35, "text"),
    (36, "uniqueidentifier"),
    (40, "date"),
    (41, "time"),
    (42, "datetime2"),
    (43, "datetimeoffset"),
    (48, "tinyint"),
    (52, "smallint"),
    (56, "int"),
    (58, "smalldatetime"),
    (59, "real"),
    (60, "money"),
    (61, "datetime"),
    (62, "float"),
    (98, "sql_variant"),
    (99, "ntext"),
    (104, "bit"),
    (106, "decimal"),
    (108, "numeric"),
    (122, "smallmoney"),
    (127, "bigint"),
    (165, "varbinary"),
    (167, "varchar"),
    (173, "binary"),
    (175, "char"),
    (231, "nvarchar"),
    (239, "nchar"),
    (241, "xml"),
];

/// `max_length`: in bytes, -1 for max.
pub(crate) fn stored_length(kind: WireType) -> i16 {
    let length = |length: u16| i16::try_from(length).unwrap_or(i16::MAX);
    match kind {
        WireType::Bit | WireType::TinyInt => 1,
        WireType::SmallInt => 2,
        WireType::Int | WireType::Real | WireType::SmallMoney | WireType::SmallDateTime => 4,
        WireType::BigInt
        | WireType::Float
        | WireType::Money
        | WireType::DateTime
        | WireType::DateTime2(_) => 8,
        WireType::Date | WireType::Time(0..=2) => 3,
        WireType::Time(3 | 4) => 4,
        WireType::Time(_) => 5,
        WireType::DateTimeOffset(0..=2) => 8,
        WireType::DateTimeOffset(3 | 4) => 9,
        WireType::DateTimeOffset(_) => 10,
        WireType::Decimal { precision, .. } if precision > 28 => 17,
        WireType::Decimal { precision, .. } if precision > 19 => 13,
        WireType::Decimal { precision, .. } if precision > 9 => 9,
        WireType::Decimal { .. } => 5,
        WireType::UniqueIdentifier => 16,
        WireType::NVarChar(None)
        | WireType::VarChar(None)
        | WireType::VarBinary(None)
        | WireType::Xml => -1,
        WireType::NVarChar(Some(units)) | WireType::NChar(units) => length(units.saturating_mul(2)),
        WireType::VarChar(Some(bytes))
        | WireType::Char(bytes)
        | WireType::VarBinary(Some(bytes))
        | WireType::Binary(bytes) => length(bytes),
        WireType::Variant => 8016,
    }
}

fn type_id(type_name: &str) -> i32 {
    let base = type_name.split('(').next().unwrap_or(type_name);
    let base = match base {
        "sysname" => "nvarchar",
        "integer" => "int",
        other => other,
    };
    SYSTEM_TYPES
        .iter()
        .find(|(_, name)| *name == base)
        .map_or(231, |(id, _)| *id)
}

const fn digits(kind: WireType) -> (u8, u8) {
    match kind {
        WireType::Decimal { precision, scale } => (precision, scale),
        WireType::TinyInt => (3, 0),
        WireType::SmallInt => (5, 0),
        WireType::Int => (10, 0),
        WireType::BigInt => (19, 0),
        WireType::Bit => (1, 0),
        WireType::Real => (24, 0),
        WireType::Float => (53, 0),
        WireType::DateTime => (23, 3),
        WireType::DateTime2(scale) => (27, scale),
        WireType::Date => (10, 0),
        WireType::SmallDateTime => (16, 0),
        WireType::Time(0) => (8, 0),
        WireType::Time(scale) => (9 + scale, scale),
        WireType::DateTimeOffset(0) => (26, 0),
        WireType::DateTimeOffset(scale) => (27 + scale, scale),
        WireType::Money => (19, 4),
        WireType::SmallMoney => (10, 4),
        _ => (0, 0),
    }
}

fn table_columns(context: &Context<'_>, database: &str) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for table in visible_tables(context, database) {
        for (number, column) in (1_i64..).zip(&table.columns) {
            let kind = parse_data_type(&column.type_name)?;
            let (precision, scale) = digits(kind);
            let id = type_id(&column.type_name);
            rows.push(vec![
                int(table.id),
                text(&column.name),
                int(number),
                int(id),
                int(if column.type_name == "sysname" {
                    256
                } else {
                    id
                }),
                int(stored_length(kind)),
                int(precision),
                int(scale),
                if is_text(kind) { text(COLLATION) } else { NULL },
                bit(column.nullable),
                bit(column.identity),
                bit(false),
            ]);
        }
    }
    Ok(rows)
}

fn parameters(context: &Context<'_>, database: &str) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for procedure in visible_procedures(context, database) {
        let statements = parse_batch(&procedure.definition)?;
        let Some(StatementKind::Procedure(ProcedureStatement::Create { parameters, .. })) =
            statements
                .into_iter()
                .next()
                .map(|statement| statement.kind)
        else {
            continue;
        };
        for (number, parameter) in (1_i64..).zip(parameters) {
            let (precision, scale) = digits(parameter.kind);
            let id = type_id(&parameter.type_name);
            rows.push(vec![
                int(procedure.id),
                text(parameter.name),
                int(number),
                int(id),
                int(id),
                int(stored_length(parameter.kind)),
                int(precision),
                int(scale),
                bit(parameter.is_output),
                // For procedures of T-SQL the server says 0, whatever their text says.
                bit(false),
                NULL,
            ]);
        }
    }
    Ok(rows)
}

fn types(_: &Context<'_>, _: &str) -> Result<Vec<Row>> {
    Ok(SYSTEM_TYPES
        .iter()
        .map(|(id, name)| vec![text(*name), int(*id), int(*id), int(4), bit(false)])
        .chain([vec![
            text("sysname"),
            int(231),
            int(256),
            int(4),
            bit(false),
        ]])
        .collect())
}
