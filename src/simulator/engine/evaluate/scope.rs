//! Which columns an expression sees.

use std::collections::BTreeMap;

use crate::simulator::instance::same_name;
use crate::simulator::server_error::{Result, ServerError};
use crate::simulator::tsql::ast::Expression;
use crate::simulator::wire_type::{Origin, WireType};
use crate::transport::SqlValue;

/// A column of a row source.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Column {
    /// The alias, or the parts of the table's name; empty in results.
    pub(crate) qualifier: Vec<String>,
    pub(crate) name: String,
    pub(crate) kind: WireType,
    pub(crate) is_nullable: bool,
    pub(crate) origin: Origin,
}

/// The columns of a query and one of its rows. Queries inside see those around them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scope<'a> {
    pub(crate) columns: &'a [Column],
    pub(crate) row: &'a [SqlValue],
    /// The rows of the group, where aggregates are allowed.
    pub(crate) group: Option<&'a [Vec<SqlValue>]>,
    /// The values of ROW_NUMBER for this row, by expression.
    pub(crate) numbers: Option<&'a RowNumbers>,
    /// What the query around this one sees.
    pub(crate) outer: Option<&'a Self>,
}

/// ROW_NUMBER values of one row, under the expression's text.
pub(crate) type RowNumbers = BTreeMap<String, i64>;

pub(crate) type Scopes<'a> = Option<&'a Scope<'a>>;

/// A column that was found, and its value in the row.
#[derive(Debug)]
pub(crate) struct Found<'a> {
    pub(crate) column: &'a Column,
    value: Option<&'a SqlValue>,
}

impl Found<'_> {
    pub(crate) fn value(&self) -> SqlValue {
        self.value.cloned().unwrap_or(SqlValue::Null)
    }
}

/// Finds a column by name, from the innermost query outwards: 207, 209, 4104.
pub(crate) fn resolve<'a>(parts: &[String], scope: Scopes<'a>) -> Result<Found<'a>> {
    let mut current = scope;
    while let Some(scope) = current {
        let mut found = None;
        for (at, column) in scope.columns.iter().enumerate() {
            if matches(column, parts) {
                if found.is_some() {
                    let name = parts.last().map_or("", String::as_str);
                    return Err(ServerError::new(
                        209,
                        16,
                        1,
                        format!("Ambiguous column name '{name}'."),
                    ));
                }
                found = Some(Found {
                    column,
                    value: scope.row.get(at),
                });
            }
        }
        if let Some(found) = found {
            return Ok(found);
        }
        current = scope.outer;
    }
    Err(not_found(parts))
}

fn not_found(parts: &[String]) -> ServerError {
    match parts {
        [name] => ServerError::new(207, 16, 1, format!("Invalid column name '{name}'.")),
        parts => ServerError::new(
            4104,
            16,
            1,
            format!(
                "The multi-part identifier \"{}\" could not be bound.",
                parts.join(".")
            ),
        ),
    }
}

/// Whether `t.a` names this column: what is written before the name must end the qualifier.
fn matches(column: &Column, parts: &[String]) -> bool {
    let Some((name, qualifier)) = parts.split_last() else {
        return false;
    };
    same_name(&column.name, name)
        && qualifier.len() <= column.qualifier.len()
        && qualifier
            .iter()
            .rev()
            .zip(column.qualifier.iter().rev())
            .all(|(wanted, known)| same_name(wanted, known) || wanted.is_empty())
}

/// The number that the query gave this row.
pub(super) fn row_number(expression: &Expression, scope: Scopes<'_>) -> Result<SqlValue> {
    scope
        .and_then(|scope| scope.numbers)
        .and_then(|numbers| numbers.get(&number_key(expression)))
        .map(|number| SqlValue::Int(*number))
        .ok_or_else(|| {
            ServerError::new(
                4108,
                15,
                1,
                "Windowed functions can only appear in the SELECT or ORDER BY clauses.",
            )
        })
}

/// Under what a ROW_NUMBER's values are kept.
pub(crate) fn number_key(expression: &Expression) -> String {
    format!("{expression:?}")
}
