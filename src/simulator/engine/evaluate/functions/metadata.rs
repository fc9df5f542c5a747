//! Databases, objects and schemas by name and id.

use super::{Call, Function, INT, MAX_TEXT, Returns, SYSNAME, integer_or_null, text_or_null};
use crate::simulator::catalog::Contents;
use crate::simulator::engine::views;
use crate::simulator::instance::same_name;
use crate::simulator::server_error::Result;
use crate::simulator::tsql::ast::ObjectName;
use crate::simulator::tsql::parse_object_name;
use crate::simulator::wire_type::WireType;
use crate::transport::SqlValue;

pub(super) const FUNCTIONS: &[Function] = &[
    Function::strict(
        "COL_LENGTH",
        (2, 2),
        Returns::Type(WireType::SmallInt),
        column_length,
    ),
    Function::strict(
        "DB_ID",
        (0, 1),
        Returns::Type(WireType::SmallInt),
        database_id,
    ),
    Function::strict("DB_NAME", (0, 1), SYSNAME, database_name),
    Function::strict("OBJECT_DEFINITION", (1, 1), MAX_TEXT, object_definition),
    Function::strict("OBJECT_ID", (1, 2), INT, object_id),
    Function::strict("OBJECT_NAME", (1, 2), SYSNAME, object_name),
    Function::strict("OBJECT_SCHEMA_NAME", (1, 2), SYSNAME, object_schema),
    Function::strict("PARSENAME", (2, 2), SYSNAME, parse_name),
    Function::strict("SCHEMA_ID", (0, 1), INT, schema_id),
    Function::strict("SCHEMA_NAME", (0, 1), SYSNAME, schema_name),
    Function::strict("TYPE_NAME", (1, 1), SYSNAME, type_name),
];

fn database_id(call: &Call<'_>) -> Result<SqlValue> {
    let name = call
        .text(0)?
        .unwrap_or_else(|| call.context.session.database.clone());
    Ok(integer_or_null(
        call.context.state.entry(&name).map(|entry| entry.id),
    ))
}

fn database_name(call: &Call<'_>) -> Result<SqlValue> {
    let Some(id) = call.integer(0)? else {
        return Ok(text_or_null(Some(call.context.session.database.clone())));
    };
    let databases = &call.context.state.catalog.databases;
    let entry = databases.iter().find(|entry| i64::from(entry.id) == id);
    Ok(text_or_null(entry.map(|entry| entry.name.clone())))
}

fn contents<'a>(call: &Call<'a>, name: Option<&str>) -> Option<&'a Contents> {
    let database = name.unwrap_or(&call.context.session.database);
    call.context
        .state
        .databases
        .get(&database.to_lowercase())
        .map(|open| &open.contents)
}

/// The id of an object, and its type as `sys.objects` has it.
fn find_object(call: &Call<'_>, name: &ObjectName) -> Option<(i32, &'static str)> {
    if name.name().starts_with('#') {
        let temporary = &call.context.session.memory.temporary;
        let key = name.name().to_lowercase();
        let (place, first, kind) = match temporary.tables.keys().position(|table| *table == key) {
            Some(place) => (place, -1_000_000, "U"),
            None => {
                let mut names = temporary.procedures.keys();
                (names.position(|name| *name == key)?, -2_000_000, "P")
            }
        };
        return Some((i32::try_from(place).ok()?.checked_add(first)?, kind));
    }
    let contents = contents(call, name.database())?;
    let schema = name.schema().unwrap_or("dbo");
    let is_it = |own: &str, object: &str| same_name(own, schema) && same_name(object, name.name());
    let tables = contents
        .tables
        .iter()
        .map(|table| (&table.schema, &table.name, table.id, "U"));
    let procedures = contents
        .procedures
        .iter()
        .map(|known| (&known.schema, &known.name, known.id, "P"));
    tables
        .chain(procedures)
        .find(|(schema, object, ..)| is_it(schema, object))
        .map(|(_, _, id, kind)| (id, kind))
        .or_else(|| {
            let database = name.database().unwrap_or(&call.context.session.database);
            let view = views::find(name, database, call.context.instance.version)?;
            Some((view.object_id(), "V"))
        })
}

fn object_id(call: &Call<'_>) -> Result<SqlValue> {
    let wanted = call.text(1)?.map(|kind| kind.trim().to_uppercase());
    let name = call.text(0)?.and_then(|name| parse_object_name(&name));
    let found = name.and_then(|name| find_object(call, &name));
    let found = found.filter(|(_, kind)| {
        wanted
            .as_deref()
            .is_none_or(|wanted| wanted == *kind || wanted == "PC" && *kind == "P")
    });
    Ok(integer_or_null(found.map(|(id, _)| id)))
}

/// The name and the schema of an object by its id.
fn by_id(call: &Call<'_>) -> Result<Option<(String, String)>> {
    let id = call.integer(0)?;
    let database = match call.integer(1)? {
        Some(wanted) => {
            let databases = &call.context.state.catalog.databases;
            match databases.iter().find(|entry| i64::from(entry.id) == wanted) {
                Some(entry) => Some(entry.name.clone()),
                None => return Ok(None),
            }
        }
        None => None,
    };
    let Some(contents) = contents(call, database.as_deref()) else {
        return Ok(None);
    };
    let tables = contents
        .tables
        .iter()
        .map(|table| (table.id, &table.name, &table.schema));
    let procedures = contents
        .procedures
        .iter()
        .map(|known| (known.id, &known.name, &known.schema));
    let found = tables
        .chain(procedures)
        .find(|(known, ..)| Some(i64::from(*known)) == id);
    Ok(found.map(|(_, name, schema)| (name.clone(), schema.clone())))
}

fn object_name(call: &Call<'_>) -> Result<SqlValue> {
    Ok(text_or_null(by_id(call)?.map(|(name, _)| name)))
}

fn object_schema(call: &Call<'_>) -> Result<SqlValue> {
    Ok(text_or_null(by_id(call)?.map(|(_, schema)| schema)))
}

fn object_definition(call: &Call<'_>) -> Result<SqlValue> {
    let id = call.integer(0)?;
    let procedures = contents(call, None).map(|contents| contents.procedures.iter());
    let found = procedures
        .into_iter()
        .flatten()
        .find(|known| Some(i64::from(known.id)) == id);
    Ok(text_or_null(found.map(|known| known.definition.clone())))
}

fn schema_id(call: &Call<'_>) -> Result<SqlValue> {
    let name = call.text(0)?.unwrap_or_else(|| "dbo".to_owned());
    let id = contents(call, None).and_then(|contents| views::schema_id(contents, &name));
    Ok(integer_or_null(id))
}

fn schema_name(call: &Call<'_>) -> Result<SqlValue> {
    let Some(id) = call.integer(0)? else {
        return Ok(text_or_null(Some("dbo")));
    };
    let Some(contents) = contents(call, None) else {
        return Ok(SqlValue::Null);
    };
    let found = contents
        .schemas
        .iter()
        .find(|schema| views::schema_id(contents, schema).is_some_and(|own| i64::from(own) == id));
    Ok(text_or_null(found.cloned()))
}

fn column_length(call: &Call<'_>) -> Result<SqlValue> {
    let Some(name) = call.text(0)?.and_then(|name| parse_object_name(&name)) else {
        return Ok(SqlValue::Null);
    };
    let wanted = call.text(1)?.unwrap_or_default();
    let Some(contents) = contents(call, name.database()) else {
        return Ok(SqlValue::Null);
    };
    let schema = name.schema().unwrap_or("dbo");
    let column = contents
        .tables
        .iter()
        .find(|table| same_name(&table.schema, schema) && same_name(&table.name, name.name()))
        .and_then(|table| {
            table
                .columns
                .iter()
                .find(|column| same_name(&column.name, &wanted))
        });
    Ok(match column {
        Some(column) => {
            let kind = crate::simulator::tsql::parse_data_type(&column.type_name)?;
            SqlValue::Int(views::stored_length(kind).into())
        }
        None => SqlValue::Null,
    })
}

/// The part of a name, counted from its end.
fn parse_name(call: &Call<'_>) -> Result<SqlValue> {
    let name = call.text(0)?.and_then(|name| parse_object_name(&name));
    let back = call
        .integer(1)?
        .and_then(|back| usize::try_from(back).ok())
        .unwrap_or(0);
    let part = name.and_then(|name| {
        let at = name.parts.len().checked_sub(back)?;
        name.parts.get(at).filter(|part| !part.is_empty()).cloned()
    });
    Ok(text_or_null(part))
}

fn type_name(call: &Call<'_>) -> Result<SqlValue> {
    let id = call.integer(0)?;
    let found = views::SYSTEM_TYPES
        .iter()
        .find(|(own, _)| Some(i64::from(*own)) == id);
    Ok(text_or_null(found.map(|(_, name)| *name)))
}
