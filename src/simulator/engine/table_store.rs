//! Rows of user tables, in SQLite. SQLite keeps them and rolls them back; all else is done here.

use rusqlite::types::{Value, ValueRef};
use rusqlite::{Connection, params_from_iter};

use super::value::{decimal_text, parse_date_time};
use crate::simulator::catalog::Table;
use crate::simulator::instance::OpenDatabase;
use crate::simulator::server_error::{Result, ServerError};
use crate::simulator::tsql::parse_data_type;
use crate::simulator::wire_type::WireType;
use crate::transport::SqlValue;

/// The row store gave something back that was never put in: 824, as a damaged page.
fn damaged(error: impl std::fmt::Display) -> ServerError {
    ServerError::new(
        824,
        24,
        2,
        format!("SQL Server detected a logical consistency-based I/O error: {error}."),
    )
}

/// A table's name in SQLite: by its id, which never changes.
fn stored_name(table: &Table) -> String {
    format!("t{}", table.id)
}

pub(crate) fn create(rows: &Connection, table: &Table) -> Result<()> {
    let columns: Vec<String> = (0..table.columns.len())
        .map(|at| format!("c{at}"))
        .collect();
    let sql = format!(
        "CREATE TABLE {} ({})",
        stored_name(table),
        columns.join(", ")
    );
    rows.execute_batch(&sql).map_err(damaged)
}

pub(crate) fn drop_table(rows: &Connection, table: &Table) -> Result<()> {
    rows.execute_batch(&format!("DROP TABLE {}", stored_name(table)))
        .map_err(damaged)
}

/// Adds the columns that the table has and its rows don't; `values` fill them.
pub(crate) fn add_columns(rows: &Connection, table: &Table, values: &[SqlValue]) -> Result<()> {
    let first = table.columns.len() - values.len();
    for (at, value) in (first..).zip(values) {
        let name = stored_name(table);
        rows.execute_batch(&format!("ALTER TABLE {name} ADD COLUMN c{at}"))
            .map_err(damaged)?;
        rows.execute(&format!("UPDATE {name} SET c{at} = ?1"), [encode(value)])
            .map_err(damaged)?;
    }
    Ok(())
}

/// All rows, each with its id behind its values.
pub(crate) fn read(open: &OpenDatabase, table: &Table) -> Result<Vec<Vec<SqlValue>>> {
    let kinds: Vec<WireType> = table
        .columns
        .iter()
        .map(|column| parse_data_type(&column.type_name))
        .collect::<Result<_>>()?;
    let columns: Vec<String> = (0..kinds.len()).map(|at| format!("c{at}, ")).collect();
    let sql = format!(
        "SELECT {}rowid FROM {} ORDER BY rowid",
        columns.concat(),
        stored_name(table)
    );
    let mut statement = open.rows.prepare_cached(&sql).map_err(damaged)?;
    let mut found = statement.query([]).map_err(damaged)?;
    let mut rows = Vec::new();
    while let Some(row) = found.next().map_err(damaged)? {
        let mut values = Vec::with_capacity(kinds.len() + 1);
        for (at, kind) in kinds.iter().enumerate() {
            values.push(decode(row.get_ref(at).map_err(damaged)?, *kind)?);
        }
        values.push(SqlValue::Int(row.get(kinds.len()).map_err(damaged)?));
        rows.push(values);
    }
    Ok(rows)
}

pub(crate) fn insert(rows: &Connection, table: &Table, new: &[Vec<SqlValue>]) -> Result<()> {
    let places: Vec<String> = (1..=table.columns.len())
        .map(|at| format!("?{at}"))
        .collect();
    let sql = format!(
        "INSERT INTO {} VALUES ({})",
        stored_name(table),
        places.join(", ")
    );
    let mut statement = rows.prepare_cached(&sql).map_err(damaged)?;
    for row in new {
        statement
            .execute(params_from_iter(row.iter().map(encode)))
            .map_err(damaged)?;
    }
    Ok(())
}

pub(crate) fn update(rows: &Connection, table: &Table, id: i64, row: &[SqlValue]) -> Result<()> {
    let places: Vec<String> = (0..table.columns.len())
        .map(|at| format!("c{at} = ?{}", at + 1))
        .collect();
    let id_place = table.columns.len() + 1;
    let sql = format!(
        "UPDATE {} SET {} WHERE rowid = ?{id_place}",
        stored_name(table),
        places.join(", ")
    );
    let values = row.iter().map(encode).chain([Value::Integer(id)]);
    rows.prepare_cached(&sql)
        .and_then(|mut s| s.execute(params_from_iter(values)))
        .map_err(damaged)?;
    Ok(())
}

pub(crate) fn delete(rows: &Connection, table: &Table, ids: &[i64]) -> Result<()> {
    let sql = format!("DELETE FROM {} WHERE rowid = ?1", stored_name(table));
    let mut statement = rows.prepare_cached(&sql).map_err(damaged)?;
    for id in ids {
        statement.execute([id]).map_err(damaged)?;
    }
    Ok(())
}

pub(crate) fn clear(rows: &Connection, table: &Table) -> Result<()> {
    rows.execute_batch(&format!("DELETE FROM {}", stored_name(table)))
        .map_err(damaged)
}

fn encode(value: &SqlValue) -> Value {
    match value {
        SqlValue::Null => Value::Null,
        SqlValue::Bit(bit) => Value::Integer((*bit).into()),
        SqlValue::Int(number) => Value::Integer(*number),
        SqlValue::Float(number) => Value::Real(*number),
        SqlValue::Decimal { unscaled, scale } => Value::Text(decimal_text(*unscaled, *scale)),
        SqlValue::Text(text) => Value::Text(text.clone()),
        SqlValue::Bytes(bytes) => Value::Blob(bytes.clone()),
        SqlValue::Guid(guid) => Value::Blob(guid.to_vec()),
        SqlValue::DateTime(date) => {
            let (year, month, day) = date.to_calendar_date();
            let (hour, minute, second, nano) = date.as_hms_nano();
            Value::Text(format!(
                "{year:04}-{:02}-{day:02} {hour:02}:{minute:02}:{second:02}.{nano:09}",
                u8::from(month)
            ))
        }
    }
}

fn decode(value: ValueRef<'_>, kind: WireType) -> Result<SqlValue> {
    Ok(match (value, kind) {
        (ValueRef::Null, _) => SqlValue::Null,
        (ValueRef::Integer(number), WireType::Bit) => SqlValue::Bit(number != 0),
        (ValueRef::Integer(number), _) => SqlValue::Int(number),
        (ValueRef::Real(number), _) => SqlValue::Float(number),
        (ValueRef::Blob(bytes), WireType::UniqueIdentifier) => {
            SqlValue::Guid(bytes.try_into().map_err(damaged)?)
        }
        (ValueRef::Blob(bytes), _) => SqlValue::Bytes(bytes.to_vec()),
        (ValueRef::Text(text), kind) => {
            let text = std::str::from_utf8(text).map_err(damaged)?;
            match kind {
                WireType::DateTime
                | WireType::SmallDateTime
                | WireType::DateTime2(_)
                | WireType::Date
                | WireType::Time(_) => {
                    SqlValue::DateTime(parse_date_time(text).ok_or_else(|| damaged("a date"))?)
                }
                WireType::Decimal { .. } | WireType::Money | WireType::SmallMoney => {
                    super::query::conform(SqlValue::Text(text.to_owned()), kind)?
                }
                _ => SqlValue::Text(text.to_owned()),
            }
        }
    })
}
