//! UPDATE and DELETE, and what all changes of rows share.

use std::collections::{BTreeMap, BTreeSet};

use super::{Runner, command};
use crate::simulator::catalog::{Table, TableKey};
use crate::simulator::engine::evaluate::{Column, Context, Scope};
use crate::simulator::engine::frame::{Frame, MemoryTable};
use crate::simulator::engine::query::{ROW_ID, Rowset, invalid_object};
use crate::simulator::engine::table_store;
use crate::simulator::engine::value::{plain_text, row_key};
use crate::simulator::instance::same_name;
use crate::simulator::server_error::{Failure, Result, ServerError};
use crate::simulator::tsql::ast::{
    Assignment, ChangeStatement, Expression, ObjectName, TableSource,
};
use crate::simulator::tsql::parse_data_type;
use crate::simulator::wire_type::WireType;
use crate::transport::SqlValue;

/// A table whose rows are to be changed.
#[derive(Clone, Debug)]
pub(super) enum Target {
    /// `#t` or `@t`, in lower case.
    Memory(String),
    Stored {
        database: String,
        table: Table,
    },
}

/// What a change must know of its table.
#[derive(Clone, Debug)]
pub(super) struct Shape {
    pub(super) name: String,
    /// With database and schema, as messages show it.
    pub(super) full_name: String,
    pub(super) columns: Vec<ShapeColumn>,
    pub(super) keys: Vec<TableKey>,
    pub(super) next_identity: i64,
}

#[derive(Clone, Debug)]
pub(super) struct ShapeColumn {
    pub(super) name: String,
    pub(super) kind: WireType,
    pub(super) is_nullable: bool,
    pub(super) is_identity: bool,
    pub(super) default: Option<String>,
}

/// The rows that an UPDATE or DELETE goes through.
struct Matches {
    source: Rowset,
    /// The place of the target's row id in the source.
    id: usize,
    /// The place of the target's first column in the source.
    first: usize,
    /// The places of the rows that are to be changed.
    rows: Vec<usize>,
}

impl Target {
    /// Finds the table and checks the caller's permission on it.
    pub(super) fn find(
        context: &Context<'_>,
        name: &ObjectName,
        permission: &str,
    ) -> Result<(Self, Shape)> {
        let short = name.name();
        if short.starts_with('@') || short.starts_with('#') {
            let table = context
                .memory_table(short)
                .ok_or_else(|| invalid_object(name))?;
            return Ok((
                Self::Memory(short.to_lowercase()),
                Shape::of_memory(short, table),
            ));
        }
        let database = context.database_of(name)?;
        let (_, table) = context.user_table(name)?;
        context.check_table(&database, table, permission)?;
        context.check_writer(&database)?;
        let shape = Shape::of_stored(&database, table)?;
        Ok((
            Self::Stored {
                database,
                table: table.clone(),
            },
            shape,
        ))
    }

    /// All rows as they are, each with its id behind its values.
    fn rows(&self, context: &Context<'_>) -> Result<Vec<Vec<SqlValue>>> {
        match self {
            Self::Memory(name) => {
                let rows = context
                    .memory_table(name)
                    .map(|table| table.rows.as_slice());
                let numbered = (0..).zip(rows.unwrap_or_default());
                Ok(numbered
                    .map(|(id, row)| row.iter().cloned().chain([SqlValue::Int(id)]).collect())
                    .collect())
            }
            Self::Stored { database, table } => {
                table_store::read(context.state.database(database)?, table)
            }
        }
    }
}

impl Shape {
    fn of_memory(name: &str, table: &MemoryTable) -> Self {
        let definition = &table.definition;
        let columns = definition.columns.iter().map(|column| ShapeColumn {
            name: column.name.clone(),
            kind: column.kind,
            is_nullable: column.is_nullable,
            is_identity: column.identity.is_some(),
            default: column.default.clone(),
        });
        let keys = definition.keys.iter().map(|key| TableKey {
            name: key.name.clone().unwrap_or_else(|| format!("PK__{name}")),
            is_primary: key.is_primary,
            columns: key.columns.clone(),
        });
        Self {
            name: name.to_owned(),
            full_name: format!("tempdb.dbo.{name}"),
            columns: columns.collect(),
            keys: keys.collect(),
            next_identity: table.next_identity,
        }
    }

    fn of_stored(database: &str, table: &Table) -> Result<Self> {
        let mut columns = Vec::with_capacity(table.columns.len());
        for column in &table.columns {
            columns.push(ShapeColumn {
                name: column.name.clone(),
                kind: parse_data_type(&column.type_name)?,
                is_nullable: column.nullable,
                is_identity: column.identity,
                default: column.default.clone(),
            });
        }
        Ok(Self {
            name: table.name.clone(),
            full_name: format!("{database}.{}.{}", table.schema, table.name),
            columns,
            keys: table.keys.clone(),
            next_identity: table.next_identity,
        })
    }

    pub(super) fn has_identity(&self) -> bool {
        self.columns.iter().any(|column| column.is_identity)
    }

    /// Where a column stands: 207 where there is none.
    pub(super) fn place(&self, name: &str) -> Result<usize> {
        self.columns
            .iter()
            .position(|column| same_name(&column.name, name))
            .ok_or_else(|| ServerError::new(207, 16, 1, format!("Invalid column name '{name}'.")))
    }

    /// 2627: `new` rows against each other and against those that stay.
    pub(super) fn check_unique(
        &self,
        context: &Context<'_>,
        target: &Target,
        new: &[Vec<SqlValue>],
        replaced: &[i64],
    ) -> Result<()> {
        if self.keys.is_empty() || new.is_empty() {
            return Ok(());
        }
        let replaced: BTreeSet<i64> = replaced.iter().copied().collect();
        let mut old = target.rows(context)?;
        old.retain(|row| match row.last() {
            Some(SqlValue::Int(id)) => !replaced.contains(id),
            _ => true,
        });
        for key in &self.keys {
            let places: Vec<usize> = key
                .columns
                .iter()
                .map(|name| self.place(name))
                .collect::<Result<_>>()?;
            let of = |row: &[SqlValue]| -> Vec<SqlValue> {
                places.iter().map(|at| row[*at].clone()).collect()
            };
            let mut known: BTreeSet<_> = old.iter().map(|row| row_key(&of(row))).collect();
            for row in new {
                let values = of(row);
                if !known.insert(row_key(&values)) {
                    return Err(self.duplicate(key, &values));
                }
            }
        }
        Ok(())
    }

    fn duplicate(&self, key: &TableKey, values: &[SqlValue]) -> ServerError {
        let kind = if key.is_primary {
            "PRIMARY KEY"
        } else {
            "UNIQUE KEY"
        };
        let shown: Vec<String> = values
            .iter()
            .map(|value| {
                if value.is_null() {
                    "<NULL>".to_owned()
                } else {
                    plain_text(value)
                }
            })
            .collect();
        let object = self
            .full_name
            .split_once('.')
            .map_or("", |(_, object)| object);
        ServerError::new(
            2627,
            14,
            1,
            format!(
                "Violation of {kind} constraint '{}'. Cannot insert duplicate key in object \
                 '{object}'. The duplicate key value is ({}).",
                key.name,
                shown.join(", ")
            ),
        )
    }
}

impl Runner<'_> {
    pub(super) async fn change(
        &mut self,
        change: &ChangeStatement,
        frame: &mut Frame,
    ) -> Result<(), Failure> {
        let (count, command) = match change {
            ChangeStatement::Insert {
                table,
                columns,
                source,
                output,
            } => {
                return self.insert(table, columns, source, output, frame).await;
            }
            ChangeStatement::Update {
                table,
                top,
                assignments,
                from,
                filter,
            } => {
                let found = Found {
                    table,
                    top,
                    from,
                    filter,
                };
                (self.update(&found, assignments, frame)?, command::UPDATE)
            }
            ChangeStatement::Delete {
                table,
                top,
                from,
                filter,
            } => {
                let found = Found {
                    table,
                    top,
                    from,
                    filter,
                };
                (self.delete(&found, frame)?, command::DELETE)
            }
        };
        self.session.memory.row_count = i64::try_from(count).unwrap_or(i64::MAX);
        Ok(self.done(command, u64::try_from(count).ok()).await?)
    }

    fn update(
        &mut self,
        found: &Found<'_>,
        assignments: &[Assignment],
        frame: &mut Frame,
    ) -> Result<usize> {
        let (target, changed) = self.with_context(frame, |context| {
            let name = found.target_name();
            let (target, shape) = Target::find(context, &name, "UPDATE")?;
            let matches = found.matches(context, &shape)?;
            let mut changed: BTreeMap<i64, Vec<SqlValue>> = BTreeMap::new();
            for at in &matches.rows {
                let row = &matches.source.rows[*at];
                let SqlValue::Int(id) = row[matches.id] else {
                    continue;
                };
                // A row that the join finds several times is changed once.
                if changed.contains_key(&id) {
                    continue;
                }
                let scope = matches.scope(row);
                let mut new = row[matches.first..matches.id].to_vec();
                for assignment in assignments {
                    let place = shape.place(&assignment.column)?;
                    let column = &shape.columns[place];
                    if column.is_identity {
                        return Err(identity_update(column));
                    }
                    let value = context.value(&assignment.value, Some(&scope))?;
                    let kind = context.value_type(&assignment.value, &value, Some(&scope))?;
                    new[place] = shape.stored(column, &value, kind, "UPDATE")?;
                }
                changed.insert(id, new);
            }
            let ids: Vec<i64> = changed.keys().copied().collect();
            let rows: Vec<Vec<SqlValue>> = changed.values().cloned().collect();
            shape.check_unique(context, &target, &rows, &ids)?;
            Ok::<_, ServerError>((target, changed))
        })?;
        let count = changed.len();
        match target {
            Target::Memory(name) => {
                if let Some(table) = self.memory_table(&name, frame) {
                    for (id, row) in changed {
                        if let Some(old) = usize::try_from(id)
                            .ok()
                            .and_then(|id| table.rows.get_mut(id))
                        {
                            *old = row;
                        }
                    }
                }
            }
            Target::Stored { database, table } => self.change_database(&database, |open| {
                changed
                    .iter()
                    .try_for_each(|(id, row)| table_store::update(&open.rows, &table, *id, row))
            })?,
        }
        Ok(count)
    }

    fn delete(&mut self, found: &Found<'_>, frame: &mut Frame) -> Result<usize> {
        let (target, ids) = self.with_context(frame, |context| {
            let name = found.target_name();
            let (target, shape) = Target::find(context, &name, "DELETE")?;
            let matches = found.matches(context, &shape)?;
            let ids: BTreeSet<i64> = matches
                .rows
                .iter()
                .filter_map(|at| match matches.source.rows[*at][matches.id] {
                    SqlValue::Int(id) => Some(id),
                    _ => None,
                })
                .collect();
            Ok::<_, ServerError>((target, ids))
        })?;
        let count = ids.len();
        match target {
            Target::Memory(name) => {
                if let Some(table) = self.memory_table(&name, frame) {
                    let mut id = -1;
                    table.rows.retain(|_| {
                        id += 1;
                        !ids.contains(&id)
                    });
                }
            }
            Target::Stored { database, table } => {
                let ids: Vec<i64> = ids.into_iter().collect();
                self.change_database(&database, |open| {
                    table_store::delete(&open.rows, &table, &ids)
                })?;
            }
        }
        Ok(count)
    }

    pub(super) fn memory_table<'f>(
        &'f mut self,
        name: &str,
        frame: &'f mut Frame,
    ) -> Option<&'f mut MemoryTable> {
        if name.starts_with('@') {
            frame.tables.get_mut(name)
        } else {
            self.session.memory.temporary_tables.get_mut(name)
        }
    }

    /// Adds rows that were checked.
    pub(super) fn store(
        &mut self,
        target: &Target,
        rows: Vec<Vec<SqlValue>>,
        next_identity: i64,
        frame: &mut Frame,
    ) -> Result<()> {
        match target {
            Target::Memory(name) => {
                if let Some(table) = self.memory_table(name, frame) {
                    table.rows.extend(rows);
                    table.next_identity = next_identity;
                }
                Ok(())
            }
            Target::Stored { database, table } => self.change_database(database, |open| {
                table_store::insert(&open.rows, table, &rows)?;
                let known = open
                    .contents
                    .tables
                    .iter_mut()
                    .find(|known| known.id == table.id);
                if let Some(known) = known {
                    known.next_identity = next_identity;
                }
                Ok(())
            }),
        }
    }
}

/// 8102.
fn identity_update(column: &ShapeColumn) -> ServerError {
    ServerError::new(
        8102,
        16,
        1,
        format!("Cannot update identity column '{}'.", column.name),
    )
}

/// Which rows an UPDATE or DELETE names.
struct Found<'s> {
    table: &'s ObjectName,
    top: &'s Option<Expression>,
    from: &'s Option<TableSource>,
    filter: &'s Option<Expression>,
}

impl Found<'_> {
    /// The table's own name, where the statement uses its alias.
    fn target_name(&self) -> ObjectName {
        let aliased = self
            .from
            .as_ref()
            .and_then(|from| aliased(from, self.table.name()));
        match aliased {
            Some(name) if self.table.parts.len() == 1 => name.clone(),
            _ => self.table.clone(),
        }
    }

    fn matches(&self, context: &Context<'_>, shape: &Shape) -> Result<Matches> {
        let own = TableSource::Table {
            name: self.table.clone(),
            alias: None,
        };
        let source = context.source(self.from.as_ref().unwrap_or(&own), None, false)?;
        let id = source
            .columns
            .iter()
            .position(|column| {
                column.name == ROW_ID
                    && column
                        .qualifier
                        .last()
                        .is_some_and(|qualifier| same_name(qualifier, self.table.name()))
            })
            .ok_or_else(|| invalid_object(self.table))?;
        let most = match self.top {
            Some(top) => {
                let top = crate::simulator::engine::evaluate::integer(&context.value(top, None)?)?;
                usize::try_from(top.unwrap_or(0)).unwrap_or(0)
            }
            None => usize::MAX,
        };
        let mut rows = Vec::new();
        for (at, row) in source.rows.iter().enumerate() {
            if rows.len() == most {
                break;
            }
            let scope = row_scope(&source.columns, row);
            let is_met = match self.filter {
                Some(filter) => context.condition(filter, Some(&scope))? == Some(true),
                None => true,
            };
            if is_met {
                rows.push(at);
            }
        }
        Ok(Matches {
            first: id - shape.columns.len(),
            source,
            id,
            rows,
        })
    }
}

impl Matches {
    fn scope<'a>(&'a self, row: &'a [SqlValue]) -> Scope<'a> {
        row_scope(&self.source.columns, row)
    }
}

const fn row_scope<'a>(columns: &'a [Column], row: &'a [SqlValue]) -> Scope<'a> {
    Scope {
        columns,
        row,
        group: None,
        numbers: None,
        outer: None,
    }
}

/// The table behind an alias.
fn aliased<'s>(source: &'s TableSource, wanted: &str) -> Option<&'s ObjectName> {
    match source {
        TableSource::Table {
            name,
            alias: Some(alias),
        } if same_name(alias, wanted) => Some(name),
        TableSource::Join { left, right, .. } => {
            aliased(left, wanted).or_else(|| aliased(right, wanted))
        }
        _ => None,
    }
}
