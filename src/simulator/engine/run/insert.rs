//! INSERT.

use super::target::{Shape, ShapeColumn, Target};
use super::{Runner, command};
use crate::simulator::engine::evaluate::{Column, Context};
use crate::simulator::engine::frame::Frame;
use crate::simulator::engine::query::Rowset;
use crate::simulator::engine::value::{Conversion, fit};
use crate::simulator::server_error::{Failure, Result, ServerError};
use crate::simulator::tsql::ast::{
    Expression, InsertSource, ObjectName, OutputItem, TableDefinition,
};
use crate::simulator::tsql::parse_condition;
use crate::simulator::wire_type::{Origin, WireType};
use crate::transport::SqlValue;

/// A value to be stored, with its type; `None` is DEFAULT.
type Given = Option<(SqlValue, WireType)>;

/// Where a table's identity begins.
pub(super) fn identity_seed(definition: &TableDefinition) -> i64 {
    definition
        .columns
        .iter()
        .find_map(|column| column.identity)
        .map_or(1, |(seed, _)| seed)
}

impl Runner<'_> {
    pub(super) async fn insert(
        &mut self,
        name: &ObjectName,
        columns: &[String],
        source: &InsertSource,
        output: &[OutputItem],
        frame: &mut Frame,
    ) -> Result<(), Failure> {
        let (target, shape) =
            self.with_context(frame, |context| Target::find(context, name, "INSERT"))?;
        let places = places(&shape, columns)?;
        let given = self.given(&places, source, frame).await?;
        let mut next_identity = shape.next_identity;
        let rows = self.with_context(frame, |context| {
            let mut rows = Vec::with_capacity(given.len());
            for values in given {
                rows.push(full_row(
                    context,
                    &shape,
                    &places,
                    values,
                    &mut next_identity,
                )?);
            }
            shape.check_unique(context, &target, &rows, &[])?;
            Ok::<_, ServerError>(rows)
        })?;
        let count = rows.len();
        let shown = shown_rows(&shape, output, &rows)?;
        if shape.has_identity() && next_identity != shape.next_identity {
            self.session.memory.identity = Some(next_identity - 1);
        }
        self.store(&target, rows, next_identity, frame)?;
        self.session.memory.row_count = i64::try_from(count).unwrap_or(i64::MAX);
        if let Some(rowset) = shown {
            return Ok(self.send_rows(rowset, command::INSERT).await?);
        }
        Ok(self
            .done(command::INSERT, u64::try_from(count).ok())
            .await?)
    }

    /// The values as they are given, row by row.
    async fn given(
        &mut self,
        places: &[usize],
        source: &InsertSource,
        frame: &mut Frame,
    ) -> Result<Vec<Vec<Given>>, Failure> {
        let rowsets = match source {
            InsertSource::Defaults => {
                return Ok(vec![vec![None; places.len()]]);
            }
            InsertSource::Values(rows) => {
                return Ok(self.with_context(frame, |context| value_rows(context, rows))?);
            }
            InsertSource::Query(query) => {
                vec![self.with_context(frame, |context| context.query(query, None))?]
            }
            InsertSource::Execute(execute) => {
                let before = self.captured.replace(Vec::new());
                let result = self.execute(execute, frame).await;
                let captured = std::mem::replace(&mut self.captured, before);
                result?;
                captured.unwrap_or_default()
            }
        };
        let mut given = Vec::new();
        for rowset in rowsets {
            if rowset.columns.len() != places.len() {
                return Err(match source {
                    // State 7, as transcripts of INSERT … EXEC have it.
                    InsertSource::Execute(_) => wrong_number(7),
                    _ => mismatch(places.len(), rowset.columns.len()),
                }
                .into());
            }
            for row in rowset.rows {
                let typed = row.into_iter().zip(&rowset.columns);
                given.push(
                    typed
                        .map(|(value, column)| Some((value, column.kind)))
                        .collect(),
                );
            }
        }
        Ok(given)
    }
}

fn value_rows(context: &Context<'_>, rows: &[Vec<Option<Expression>>]) -> Result<Vec<Vec<Given>>> {
    let mut given = Vec::with_capacity(rows.len());
    for row in rows {
        let mut values = Vec::with_capacity(row.len());
        for expression in row {
            values.push(match expression {
                Some(expression) => {
                    let value = context.value(expression, None)?;
                    let kind = context.value_type(expression, &value, None)?;
                    Some((value, kind))
                }
                None => None,
            });
        }
        given.push(values);
    }
    Ok(given)
}

/// The columns that values are given for: those named, or all without an identity.
fn places(shape: &Shape, columns: &[String]) -> Result<Vec<usize>> {
    if columns.is_empty() {
        return Ok((0..shape.columns.len())
            .filter(|at| !shape.columns[*at].is_identity)
            .collect());
    }
    let mut places = Vec::with_capacity(columns.len());
    for name in columns {
        let place = shape.place(name)?;
        if shape.columns[place].is_identity {
            return Err(ServerError::new(
                544,
                16,
                1,
                format!(
                    "Cannot insert explicit value for identity column in table '{}' when \
                     IDENTITY_INSERT is set to OFF.",
                    shape.name
                ),
            ));
        }
        if places.contains(&place) {
            return Err(ServerError::new(
                264,
                16,
                1,
                format!(
                    "The column name '{name}' is specified more than once in the SET clause or \
                     column list of an INSERT."
                ),
            ));
        }
        places.push(place);
    }
    Ok(places)
}

/// 120 and 121: a SELECT gives more or fewer values than the table takes.
fn mismatch(wanted: usize, given: usize) -> ServerError {
    let (number, text) = if given < wanted {
        (
            120,
            "The select list for the INSERT statement contains fewer items than the insert list. \
             The number of SELECT values must match the number of INSERT columns.",
        )
    } else {
        (
            121,
            "The select list for the INSERT statement contains more items than the insert list. \
             The number of SELECT values must match the number of INSERT columns.",
        )
    };
    ServerError::new(number, 15, 1, text)
}

/// 213: a number of values that the table does not take.
fn wrong_number(state: u8) -> ServerError {
    ServerError::new(
        213,
        16,
        state,
        "Column name or number of supplied values does not match table definition.",
    )
}

/// A row with all columns: given, counted, by default, or NULL.
fn full_row(
    context: &Context<'_>,
    shape: &Shape,
    places: &[usize],
    given: Vec<Given>,
    next_identity: &mut i64,
) -> Result<Vec<SqlValue>> {
    if given.len() != places.len() {
        return Err(wrong_number(1));
    }
    let mut values: Vec<Given> = vec![None; shape.columns.len()];
    for (place, value) in places.iter().zip(given) {
        values[*place] = value;
    }
    let mut row = Vec::with_capacity(values.len());
    for (value, column) in values.into_iter().zip(&shape.columns) {
        let value = match (value, &column.default) {
            _ if column.is_identity => {
                let value = *next_identity;
                *next_identity = value.saturating_add(1);
                Some((SqlValue::Int(value), WireType::BigInt))
            }
            (None, Some(default)) => {
                let default = parse_condition(default)?;
                let value = context.value(&default, None)?;
                let kind = context.value_type(&default, &value, None)?;
                Some((value, kind))
            }
            (value, _) => value,
        };
        let (value, kind) = value.unwrap_or((SqlValue::Null, column.kind));
        row.push(shape.stored(column, &value, kind, "INSERT")?);
    }
    Ok(row)
}

impl Shape {
    /// A value as its column keeps it: 515 for a NULL that may not be, 2628 for what is too long.
    pub(super) fn stored(
        &self,
        column: &ShapeColumn,
        value: &SqlValue,
        kind: WireType,
        verb: &str,
    ) -> Result<SqlValue> {
        if value.is_null() && !column.is_nullable {
            return Err(ServerError::new(
                515,
                16,
                2,
                format!(
                    "Cannot insert the value NULL into column '{}', table '{}'; column does not \
                     allow nulls. {verb} fails.",
                    column.name, self.full_name
                ),
            ));
        }
        fit(
            value,
            &Conversion::new(kind, column.kind),
            &self.full_name,
            &column.name,
        )
    }
}

/// What OUTPUT shows of the new rows.
fn shown_rows(
    shape: &Shape,
    items: &[OutputItem],
    rows: &[Vec<SqlValue>],
) -> Result<Option<Rowset>> {
    if items.is_empty() {
        return Ok(None);
    }
    let mut columns = Vec::new();
    let mut places = Vec::new();
    for item in items {
        let place = shape.place(&item.column)?;
        let column = &shape.columns[place];
        places.push(place);
        columns.push(Column {
            qualifier: Vec::new(),
            name: item.alias.clone().unwrap_or_else(|| column.name.clone()),
            kind: column.kind,
            is_nullable: column.is_nullable,
            origin: Origin::Stored,
        });
    }
    let rows = rows
        .iter()
        .map(|row| places.iter().map(|at| row[*at].clone()).collect())
        .collect();
    Ok(Some(Rowset { columns, rows }))
}
