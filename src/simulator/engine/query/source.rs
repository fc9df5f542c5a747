//! What stands behind FROM: tables, views, derived tables, joins.

use super::Named;
use super::rowset::{Rowset, conform};
use crate::simulator::catalog::Table;
use crate::simulator::engine::evaluate::{Column, Context, Scope, Scopes};
use crate::simulator::engine::frame::MemoryTable;
use crate::simulator::engine::value::common_type;
use crate::simulator::engine::{table_store, views};
use crate::simulator::instance::{OpenDatabase, same_name};
use crate::simulator::server_error::{Result, ServerError};
use crate::simulator::storage::OsError;
use crate::simulator::tsql::ast::{Expression, JoinKind, ObjectName, TableSource};
use crate::simulator::wire_type::WireType;
use crate::transport::SqlValue;

/// The hidden column that tells rows apart. No T-SQL can name it.
pub(crate) const ROW_ID: &str = "\0row";

/// 208.
pub(crate) fn invalid_object(name: &ObjectName) -> ServerError {
    ServerError::new(208, 16, 1, format!("Invalid object name '{name}'."))
}

impl<'a> Context<'a> {
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
            } => {
                let function = views::find_function(name).ok_or_else(|| invalid_object(name))?;
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
                rename(
                    &mut rowset,
                    alias.as_deref().unwrap_or_else(|| name.name()),
                    &[],
                )?;
                Ok(rowset)
            }
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

    fn join(
        &self,
        kind: JoinKind,
        left: Rowset,
        right: &Rowset,
        condition: Option<&Expression>,
        outer: Scopes<'_>,
    ) -> Result<Rowset> {
        let right_width = right.columns.len();
        let left_width = left.columns.len();
        let columns: Vec<Column> = left.columns.iter().chain(&right.columns).cloned().collect();
        let mut rows = Vec::new();
        let mut right_met = vec![false; right.rows.len()];
        for left_row in &left.rows {
            let mut is_met = false;
            for (at, right_row) in right.rows.iter().enumerate() {
                let row: Vec<SqlValue> = left_row.iter().chain(right_row).cloned().collect();
                let scope = Scope {
                    columns: &columns,
                    row: &row,
                    group: None,
                    numbers: None,
                    outer,
                };
                let fits = match condition {
                    Some(condition) => self.condition(condition, Some(&scope))? == Some(true),
                    None => true,
                };
                if fits {
                    is_met = true;
                    right_met[at] = true;
                    rows.push(row);
                }
            }
            if !is_met && matches!(kind, JoinKind::Left | JoinKind::Full) {
                let mut row = left_row.clone();
                row.resize(left_width + right_width, SqlValue::Null);
                rows.push(row);
            }
        }
        if matches!(kind, JoinKind::Right | JoinKind::Full) {
            for (right_row, is_met) in right.rows.iter().zip(right_met) {
                if !is_met {
                    let mut row = vec![SqlValue::Null; left_width];
                    row.extend(right_row.iter().cloned());
                    rows.push(row);
                }
            }
        }
        Ok(Rowset { columns, rows })
    }

    /// The right side is read anew for each row of the left one.
    fn apply(
        &self,
        left: Rowset,
        right: &TableSource,
        keeps_left: bool,
        outer: Scopes<'_>,
    ) -> Result<Rowset> {
        let no_row = vec![SqlValue::Null; left.columns.len()];
        let shape = Scope {
            columns: &left.columns,
            row: &no_row,
            group: None,
            numbers: None,
            outer,
        };
        let right_columns = self.source(right, Some(&shape), true)?.columns;
        let mut rows = Vec::new();
        for left_row in &left.rows {
            let scope = Scope {
                columns: &left.columns,
                row: left_row,
                group: None,
                numbers: None,
                outer,
            };
            let found = self.source(right, Some(&scope), false)?.rows;
            if found.is_empty() && keeps_left {
                let mut row = left_row.clone();
                row.resize(left.columns.len() + right_columns.len(), SqlValue::Null);
                rows.push(row);
            }
            rows.extend(found.into_iter().map(|right_row| {
                left_row
                    .iter()
                    .cloned()
                    .chain(right_row)
                    .collect::<Vec<_>>()
            }));
        }
        let columns = left.columns.iter().chain(&right_columns).cloned().collect();
        Ok(Rowset { columns, rows })
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

    /// `OPENROWSET(BULK …)`: the file as one value.
    fn bulk(&self, path: &str, is_binary: bool, alias: &str, is_shape: bool) -> Result<Rowset> {
        if !self.caller().has_server("ADMINISTER BULK OPERATIONS") {
            return Err(ServerError::new(
                4834,
                16,
                4,
                "You do not have permission to use the bulk load statement.",
            ));
        }
        let kind = if is_binary {
            WireType::VarBinary(None)
        } else {
            WireType::VarChar(None)
        };
        let columns = vec![Column {
            qualifier: vec![alias.to_owned()],
            name: "BulkColumn".to_owned(),
            kind,
            is_nullable: true,
        }];
        if is_shape {
            return Ok(Rowset {
                columns,
                rows: Vec::new(),
            });
        }
        let bytes = self.instance.disk.read(path).map_err(|error| match error {
            OsError::FileNotFound => ServerError::new(
                4860,
                16,
                1,
                format!(
                    "Cannot bulk load. The file \"{path}\" does not exist or you don't have file \
                     access rights."
                ),
            ),
            error => ServerError::new(
                4861,
                16,
                1,
                format!(
                    "Cannot bulk load because the file \"{path}\" could not be opened. Operating \
                     system error code {error}."
                ),
            ),
        })?;
        let value = conform(SqlValue::Bytes(bytes), kind)?;
        Ok(Rowset {
            columns,
            rows: vec![vec![value]],
        })
    }

    fn table(&self, name: &ObjectName, alias: Option<&str>, is_shape: bool) -> Result<Rowset> {
        if let [plain] = name.parts.as_slice()
            && let Some((named, inner)) = self.named.and_then(|named| Named::find(named, plain))
        {
            let context = Context {
                named: Some(&inner),
                ..*self
            };
            let mut rowset = if is_shape {
                let columns = context.query_columns(&named.query, None)?;
                Rowset {
                    columns,
                    rows: Vec::new(),
                }
            } else {
                context.query(&named.query, None)?
            };
            rename(&mut rowset, alias.unwrap_or(plain), &named.columns)?;
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
        if let Some(view) = views::find(name) {
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
        self.check_writer(&database)?;
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

    /// `#t` of the session or `@t` of the frame.
    pub(crate) fn memory_table(&self, name: &str) -> Option<&'a MemoryTable> {
        let key = name.to_lowercase();
        if key.starts_with('@') {
            self.frame.tables.get(&key)
        } else {
            self.session.memory.temporary_tables.get(&key)
        }
    }

    /// The database that a name is in, if the caller may look there.
    pub(crate) fn database_of(&self, name: &ObjectName) -> Result<String> {
        match name.database() {
            None => Ok(self.session.database.clone()),
            Some(database) if same_name(database, &self.session.database) => {
                Ok(self.session.database.clone())
            }
            Some(database) if self.state.entry(database).is_none() => Err(invalid_object(name)),
            Some(database) => self.session.may_use(self.state, database),
        }
    }

    /// A user's table: 208 where it isn't there.
    pub(crate) fn user_table(&self, name: &ObjectName) -> Result<(&'a OpenDatabase, &'a Table)> {
        let database = self.database_of(name)?;
        let open = self.state.database(&database)?;
        let schema = name.schema().unwrap_or("dbo");
        let table =
            open.contents.tables.iter().find(|table| {
                same_name(&table.schema, schema) && same_name(&table.name, name.name())
            });
        table
            .map(|table| (open, table))
            .ok_or_else(|| invalid_object(name))
    }

    /// 229.
    pub(crate) fn check_table(
        &self,
        database: &str,
        table: &Table,
        permission: &str,
    ) -> Result<()> {
        // What a procedure uses is its owner's, as it is itself: who may run it needs no more.
        let is_chained = !self.frame.procedure.is_empty();
        if is_chained
            || self
                .caller()
                .has_object(database, &table.grants, permission)
        {
            return Ok(());
        }
        Err(ServerError::new(
            229,
            14,
            5,
            format!(
                "The {permission} permission was denied on the object '{}', database '{database}', \
                 schema '{}'.",
                table.name, table.schema
            ),
        ))
    }

    /// 1222 where another session's transaction has changed the database: who runs the statement
    /// waits and tries again.
    pub(crate) fn check_writer(&self, database: &str) -> Result<()> {
        let writer = self.state.locks.writers.get(&database.to_lowercase());
        if writer.is_some_and(|writer| *writer != self.session.spid) {
            return Err(ServerError::new(
                1222,
                16,
                51,
                "Lock request time out period exceeded.",
            ));
        }
        Ok(())
    }
}

fn unknown_server(server: &str) -> ServerError {
    ServerError::new(
        7202,
        11,
        2,
        format!(
            "Could not find server '{server}' in sys.servers. Verify that the correct server name \
             was specified. If necessary, execute the stored procedure sp_addlinkedserver to add \
             the server to sys.servers."
        ),
    )
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
fn rename(rowset: &mut Rowset, alias: &str, columns: &[String]) -> Result<()> {
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
