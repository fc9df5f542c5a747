//! SELECT.

use super::group::check_grouped;
use super::order::{Keyed, output_column, sort};
use super::rowset::{Rowset, conform};
use super::source::ROW_ID;
use crate::simulator::engine::evaluate::{
    Column, Context, RowNumbers, Scope, Scopes, is_aggregate, resolve, walk,
};
use crate::simulator::instance::same_name;
use crate::simulator::server_error::{Result, ServerError};
use crate::simulator::tsql::ast::{Expression, OrderItem, Select, SelectItem};
use crate::simulator::wire_type::Origin as ColumnOrigin;
use crate::transport::SqlValue;

/// What one column of the result is: a value, and its name.
struct Output<'s> {
    value: std::borrow::Cow<'s, Expression>,
    name: String,
}

/// Where a row of the result comes from: one row, or a group of rows.
struct Origin {
    row: Vec<SqlValue>,
    group: Option<Vec<Vec<SqlValue>>>,
    numbers: RowNumbers,
}

impl Origin {
    fn scope<'a>(&'a self, columns: &'a [Column], outer: Scopes<'a>) -> Scope<'a> {
        Scope {
            columns,
            row: &self.row,
            group: self.group.as_deref(),
            numbers: Some(&self.numbers),
            outer,
        }
    }
}

impl Context<'_> {
    pub(super) fn select(
        &self,
        select: &Select,
        order_by: &[OrderItem],
        outer: Scopes<'_>,
    ) -> Result<Rowset> {
        let top = self.count(select.top.as_ref(), outer)?;
        let source = self.from(select.from.as_ref(), outer, false)?;
        let outputs = outputs(select, &source.columns)?;
        let columns = self.output_columns(&outputs, &source.columns, outer)?;
        let origins = self.origins(select, order_by, &outputs, &source, outer)?;
        let places: Vec<Option<usize>> = order_by
            .iter()
            .map(|item| output_column(item, &columns))
            .collect::<Result<_>>()?;
        let mut rows = Vec::with_capacity(origins.len());
        for origin in &origins {
            let scope = origin.scope(&source.columns, outer);
            let mut row = Vec::with_capacity(outputs.len());
            for (output, column) in outputs.iter().zip(&columns) {
                row.push(conform(
                    self.value(&output.value, Some(&scope))?,
                    column.kind,
                )?);
            }
            let mut keys = Vec::with_capacity(order_by.len());
            for (item, place) in order_by.iter().zip(&places) {
                keys.push(match place {
                    Some(place) => row[*place].clone(),
                    None => self.value(&item.value, Some(&scope))?,
                });
            }
            rows.push(Keyed { keys, row });
        }
        if select.is_distinct {
            let mut seen = std::collections::BTreeSet::new();
            rows.retain(|keyed| seen.insert(crate::simulator::engine::value::row_key(&keyed.row)));
        }
        sort(&mut rows, order_by)?;
        let rows = rows
            .into_iter()
            .map(|keyed| keyed.row)
            .take(top.unwrap_or(usize::MAX))
            .collect();
        Ok(Rowset { columns, rows })
    }

    /// The columns of the result, without rows.
    pub(super) fn select_columns(&self, select: &Select, outer: Scopes<'_>) -> Result<Vec<Column>> {
        let columns = self.from(select.from.as_ref(), outer, true)?.columns;
        let outputs = outputs(select, &columns)?;
        self.output_columns(&outputs, &columns, outer)
    }

    fn output_columns(
        &self,
        outputs: &[Output<'_>],
        source: &[Column],
        outer: Scopes<'_>,
    ) -> Result<Vec<Column>> {
        // Types alone are asked for: any group and any numbers will do.
        let scope = Scope {
            columns: source,
            row: &[],
            group: None,
            numbers: None,
            outer,
        };
        outputs
            .iter()
            .map(|output| {
                let (is_nullable, origin) = match &*output.value {
                    Expression::Column(parts) => {
                        let column = resolve(parts, Some(&scope))?.column;
                        (column.is_nullable, column.origin)
                    }
                    value if is_aggregate(value) => (true, ColumnOrigin::Statement),
                    // As captured; what of the other globals, nobody saw.
                    Expression::Global(name)
                        if matches!(name.as_str(), "@@SPID" | "@@TRANCOUNT") =>
                    {
                        (false, ColumnOrigin::Computed)
                    }
                    _ => (true, ColumnOrigin::Computed),
                };
                Ok(Column {
                    qualifier: Vec::new(),
                    name: output.name.clone(),
                    kind: self.infer(&output.value, Some(&scope))?,
                    is_nullable,
                    origin,
                })
            })
            .collect()
    }

    /// The rows that WHERE lets through.
    fn filtered(
        &self,
        filter: Option<&Expression>,
        source: &Rowset,
        outer: Scopes<'_>,
    ) -> Result<Vec<Vec<SqlValue>>> {
        let columns = &source.columns;
        let mut rows = Vec::new();
        for row in &source.rows {
            let scope = Scope {
                columns,
                row,
                group: None,
                numbers: None,
                outer,
            };
            let is_met = match filter {
                Some(filter) => self.condition(filter, Some(&scope))? == Some(true),
                None => true,
            };
            if is_met {
                rows.push(row.clone());
            }
        }
        Ok(rows)
    }

    /// The rows or groups that the result has a row for each.
    fn origins(
        &self,
        select: &Select,
        order_by: &[OrderItem],
        outputs: &[Output<'_>],
        source: &Rowset,
        outer: Scopes<'_>,
    ) -> Result<Vec<Origin>> {
        let columns = &source.columns;
        let rows = self.filtered(select.filter.as_ref(), source, outer)?;
        let values = || outputs.iter().map(|output| &*output.value);
        let keys = || order_by.iter().map(|item| &item.value);
        let is_grouped = !select.group_by.is_empty()
            || select.having.is_some()
            || values().chain(keys()).any(has_aggregate);
        if !is_grouped {
            let numbers = self.row_numbers(values().chain(keys()), columns, &rows, outer)?;
            return Ok(rows
                .into_iter()
                .zip(numbers)
                .map(|(row, numbers)| Origin {
                    row,
                    group: None,
                    numbers,
                })
                .collect());
        }
        for value in values() {
            check_grouped(value, &select.group_by, columns, "select list")?;
        }
        if let Some(having) = &select.having {
            check_grouped(having, &select.group_by, columns, "HAVING clause")?;
        }
        let mut origins = Vec::new();
        for group in self.groups(&select.group_by, columns, rows, outer)? {
            let row = group.first().cloned();
            let row = row.unwrap_or_else(|| vec![SqlValue::Null; columns.len()]);
            let origin = Origin {
                row,
                group: Some(group),
                numbers: RowNumbers::new(),
            };
            let is_met = match &select.having {
                Some(having) => {
                    let scope = origin.scope(columns, outer);
                    self.condition(having, Some(&scope))? == Some(true)
                }
                None => true,
            };
            if is_met {
                origins.push(origin);
            }
        }
        Ok(origins)
    }

    /// The rows that a SELECT with assignments goes through, one after the other.
    pub(crate) fn assignment_rows(
        &self,
        select: &Select,
        order_by: &[OrderItem],
    ) -> Result<AssignmentRows> {
        let top = self.count(select.top.as_ref(), None)?;
        let source = self.from(select.from.as_ref(), None, false)?;
        let outputs: Vec<Output<'_>> = select
            .items
            .iter()
            .filter_map(|item| match item {
                SelectItem::Assign { value, .. } => Some(Output {
                    value: std::borrow::Cow::Borrowed(value),
                    name: String::new(),
                }),
                _ => None,
            })
            .collect();
        let origins = self.origins(select, order_by, &outputs, &source, None)?;
        let mut rows = Vec::with_capacity(origins.len());
        for origin in origins {
            let scope = origin.scope(&source.columns, None);
            let mut keys = Vec::new();
            for item in order_by {
                keys.push(self.value(&item.value, Some(&scope))?);
            }
            rows.push(Keyed { keys, row: origin });
        }
        sort(&mut rows, order_by)?;
        let origins = rows
            .into_iter()
            .map(|keyed| keyed.row)
            .take(top.unwrap_or(usize::MAX))
            .collect();
        Ok(AssignmentRows {
            columns: source.columns,
            origins,
        })
    }
}

/// See [`Context::assignment_rows`].
pub(crate) struct AssignmentRows {
    columns: Vec<Column>,
    origins: Vec<Origin>,
}

impl AssignmentRows {
    pub(crate) fn len(&self) -> usize {
        self.origins.len()
    }

    /// The scope of one of the rows.
    pub(crate) fn scope(&self, at: usize) -> Option<Scope<'_>> {
        self.origins
            .get(at)
            .map(|origin| origin.scope(&self.columns, None))
    }
}

fn has_aggregate(expression: &Expression) -> bool {
    let mut found = false;
    walk(expression, &mut |inner| found |= is_aggregate(inner));
    found
}

/// The select list with its stars spelled out.
fn outputs<'s>(select: &'s Select, columns: &[Column]) -> Result<Vec<Output<'s>>> {
    let mut outputs = Vec::new();
    for item in &select.items {
        match item {
            SelectItem::All(qualifier) => {
                let before = outputs.len();
                for column in columns.iter().filter(|column| column.name != ROW_ID) {
                    let is_wanted = qualifier.as_ref().is_none_or(|wanted| {
                        column
                            .qualifier
                            .last()
                            .is_some_and(|own| same_name(own, wanted))
                    });
                    if is_wanted {
                        let mut parts = column.qualifier.clone();
                        parts.push(column.name.clone());
                        outputs.push(Output {
                            value: std::borrow::Cow::Owned(Expression::Column(parts)),
                            name: column.name.clone(),
                        });
                    }
                }
                if outputs.len() == before {
                    return Err(no_columns(qualifier.as_deref()));
                }
            }
            SelectItem::Value { value, alias } => {
                let name = match (alias, value) {
                    (Some(alias), _) => alias.clone(),
                    (None, Expression::Column(parts)) => parts.last().cloned().unwrap_or_default(),
                    _ => String::new(),
                };
                outputs.push(Output {
                    value: std::borrow::Cow::Borrowed(value),
                    name,
                });
            }
            SelectItem::Assign { .. } => {
                return Err(ServerError::new(
                    141,
                    15,
                    1,
                    "A SELECT statement that assigns a value to a variable must not be combined \
                     with data-retrieval operations.",
                ));
            }
        }
    }
    Ok(outputs)
}

fn no_columns(qualifier: Option<&str>) -> ServerError {
    match qualifier {
        Some(qualifier) => ServerError::new(
            107,
            15,
            1,
            format!(
                "The column prefix '{qualifier}' does not match with a table name or alias name \
                 used in the query."
            ),
        ),
        None => ServerError::new(263, 16, 1, "Must specify table to select from."),
    }
}
