//! What stands behind FROM: tables, views, derived tables, joins.

use super::lookup::{invalid_object, unknown_server};
use super::rowset::{Rowset, conform};
use crate::simulator::catalog::Table;
use crate::simulator::engine::evaluate::{Column, Context, Scopes};
use crate::simulator::engine::frame::MemoryTable;
use crate::simulator::engine::value::common_type;
use crate::simulator::engine::{table_store, views};
use crate::simulator::server_error::{Result, ServerError};
use crate::simulator::tsql::ast::{Expression, JoinKind, ObjectName, TableSource};
use crate::simulator::wire_type::{Origin, WireType};
use crate::transport::SqlValue;

/// The hidden column that tells rows apart. No T-SQL can name it.
pub(crate) const ROW_ID: &str = "\0row";

impl Context<'_> {
    /// The rows of FROM, or one row without columns. `is_shape`: the columns are enough.
    pub(super) fn from(
        &self,
        source: Option<&TableSource>,
        outer: Scopes<'_>,
        is_shape: bool,
    ) -> Result<Rowset> {
        match source {
            Some(source) => self.source(source, outer, is_shape),
            None => Ok(Rowset {
                columns: Vec::new(),
                rows: vec![Vec::new()],
            }),
        }
    }

    pub(crate) fn source(
        &self,
        source: &TableSource,
        outer: Scopes<'_>,
        is_shape: bool,
    ) -> Result<Rowset> {
        match source {
            TableSource::Table { name, alias } => self.table(name, alias.as_deref(), is_shape),
            TableSource::Derived {
                query,
                alias,
                columns,
            } => {
                let mut rowset = if is_shape {
                    Rowset {
                        columns: self.query_columns(query, outer)?,
                        rows: Vec::new(),
                    }
                } else {
                    self.query(query, outer)?
                };
                rename(&mut rowset, alias, columns)?;
                Ok(rowset)
            }
            TableSource::Values {
                rows,
                alias,
                columns,
            } => {
                let mut rowset = self.values(rows, outer)?;
                rename(&mut rowset, alias, columns)?;
                Ok(rowset)
            }
            TableSource::Bulk {
                path,
                is_binary,
                alias,
            } => self.bulk(path, *is_binary, alias, is_shape),
            TableSource::Function {
                name,
                arguments,
                alias,
            } => self.table_function(name, arguments, alias.as_deref(), (outer, is_shape)),
            TableSource::Join {
                kind,
                left,
                right,
                condition,
            } => {
                let left = self.source(left, outer, is_shape)?;
                if matches!(kind, JoinKind::CrossApply | JoinKind::OuterApply) {
                    return self.apply(left, right, *kind == JoinKind::OuterApply, outer);
                }
                let right = self.source(right, outer, is_shape)?;
                self.join(*kind, left, &right, condition.as_ref(), outer)
            }
        }
    }

    /// The rows of one of the system's functions.
    fn table_function(
        &self,
        name: &ObjectName,
        arguments: &[Expression],
        alias: Option<&str>,
        (outer, is_shape): (Scopes<'_>, bool),
    ) -> Result<Rowset> {
        let function = views::find_function(name, self.instance.version)
            .ok_or_else(|| invalid_object(name))?;
        let mut rowset = Rowset {
            columns: function.columns(),
            rows: Vec::new(),
        };
        if !is_shape {
            let arguments = arguments
                .iter()
                .map(|argument| self.value(argument, outer))
                .collect::<Result<Vec<_>>>()?;
            rowset.rows = function.rows(self, &arguments)?;
        }
        rename(&mut rowset, alias.unwrap_or_else(|| name.name()), &[])?;
        Ok(rowset)
    }

    fn values(&self, rows: &[Vec<Expression>], outer: Scopes<'_>) -> Result<Rowset> {
        let mut kinds: Vec<Option<WireType>> = Vec::new();
        let mut values = Vec::new();
        for row in rows {
            if !kinds.is_empty() && kinds.len() != row.len() {
                return Err(ServerError::new(
                    10709,
                    16,
                    1,
                    "The number of columns for each row in a table value constructor must be the \
                     same.",
                ));
            }
            kinds.resize(row.len(), None);
            let mut evaluated = Vec::new();
            for (expression, kind) in row.iter().zip(&mut kinds) {
                let value = self.value(expression, outer)?;
                if !value.is_null() {
                    let own = self.infer(expression, outer)?;
                    *kind = Some(kind.map_or(own, |kind| common_type(kind, own)));
                }
                evaluated.push(value);
            }
            values.push(evaluated);
        }
        let columns: Vec<Column> = kinds
            .into_iter()
            .map(|kind| Column {
                qualifier: Vec::new(),
                name: String::new(),
                kind: kind.unwrap_or(WireType::Int),
                is_nullable: true,
                origin: Origin::Computed,
            })
            .collect();
        let rows = values
            .into_iter()
            .map(|row| {
                row.into_iter()
                    .zip(&columns)
                    .map(|(value, column)| conform(value, column.kind))
                    .collect()
            })
            .collect::<Result<_>>()?;
        Ok(Rowset { columns, rows })
    }

    fn table(&self, name: &ObjectName, alias: Option<&str>, is_shape: bool) -> Result<Rowset> {
        if let [plain] = name.parts.as_slice()
            && let Some(rowset) = self.named_rows(plain, alias, is_shape)?
        {
            return Ok(rowset);
        }
        let short = name.name();
        if short.starts_with('@') || short.starts_with('#') {
            let table = self.memory_table(short).ok_or_else(|| {
                if short.starts_with('@') {
                    ServerError::new(
                        1087,
                        15,
                        2,
                        format!("Must declare the table variable \"{short}\"."),
                    )
                } else {
                    invalid_object(name)
                }
            })?;
            return Ok(memory_rows(table, alias.unwrap_or(short)));
        }
        if let Some(server) = name.server() {
            return Err(unknown_server(server));
        }
        let database = self.database_of(name)?;
        if let Some(view) = views::find(name, &database, self.instance.version) {
            let mut rowset = Rowset {
                columns: view.columns(),
                rows: Vec::new(),
            };
            if !is_shape {
                rowset.rows = view.rows(self, &database)?;
            }
            let parts = [name.schema().unwrap_or("sys").to_owned(), short.to_owned()];
            qualify(&mut rowset, alias, &parts);
            return Ok(rowset);
        }
        let (open, table) = self.user_table(name)?;
        self.check_table(&database, table, "SELECT")?;
        if !self.session.memory.reads_uncommitted {
            self.check_writer(&database)?;
        }
        let mut rowset = Rowset {
            columns: table_columns(table)?,
            rows: Vec::new(),
        };
        if !is_shape {
            rowset.rows = table_store::read(open, table)?;
        }
        qualify(
            &mut rowset,
            alias,
            &[database, table.schema.clone(), table.name.clone()],
        );
        Ok(rowset)
    }
}

/// A user table's columns, and the one that tells its rows apart.
fn table_columns(table: &Table) -> Result<Vec<Column>> {
    let mut columns = Vec::with_capacity(table.columns.len() + 1);
    for column in &table.columns {
        columns.push(Column {
            qualifier: Vec::new(),
            name: column.name.clone(),
            kind: crate::simulator::tsql::parse_data_type(&column.type_name)?,
            is_nullable: column.nullable,
            origin: if column.identity {
                Origin::Identity
            } else {
                Origin::Stored
            },
        });
    }
    columns.push(row_id_column());
    Ok(columns)
}

fn row_id_column() -> Column {
    Column {
        qualifier: Vec::new(),
        name: ROW_ID.to_owned(),
        kind: WireType::BigInt,
        is_nullable: false,
        origin: Origin::Computed,
    }
}

fn memory_rows(table: &MemoryTable, alias: &str) -> Rowset {
    let mut columns: Vec<Column> = table
        .definition
        .columns
        .iter()
        .map(|column| Column {
            qualifier: Vec::new(),
            name: column.name.clone(),
            kind: column.kind,
            is_nullable: column.is_nullable,
            origin: Origin::Stored,
        })
        .collect();
    columns.push(row_id_column());
    let rows = (0..)
        .zip(&table.rows)
        .map(|(id, row)| row.iter().cloned().chain([SqlValue::Int(id)]).collect())
        .collect();
    let mut rowset = Rowset { columns, rows };
    qualify(&mut rowset, Some(alias), &[]);
    rowset
}

fn qualify(rowset: &mut Rowset, alias: Option<&str>, parts: &[String]) {
    let qualifier = alias.map_or_else(|| parts.to_vec(), |alias| vec![alias.to_owned()]);
    for column in &mut rowset.columns {
        column.qualifier.clone_from(&qualifier);
    }
}

/// Gives a derived table its name and the names of its columns.
pub(super) fn rename(rowset: &mut Rowset, alias: &str, columns: &[String]) -> Result<()> {
    if !columns.is_empty() && columns.len() != rowset.columns.len() {
        let (number, word) = if columns.len() > rowset.columns.len() {
            (8159, "fewer")
        } else {
            (8158, "more")
        };
        return Err(ServerError::new(
            number,
            16,
            1,
            format!("'{alias}' has {word} columns than were specified in the column list."),
        ));
    }
    for (column, name) in rowset.columns.iter_mut().zip(columns) {
        column.name.clone_from(name);
    }
    qualify(rowset, Some(alias), &[]);
    Ok(())
}
