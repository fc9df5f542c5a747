//! UPDATE and DELETE, and what all changes of rows share.

use std::collections::{BTreeMap, BTreeSet};

use super::target::{Shape, ShapeColumn, Target};
use super::{Runner, command};
use crate::simulator::engine::evaluate::{Column, Context, Scope};
use crate::simulator::engine::frame::{Frame, MemoryTable};
use crate::simulator::engine::query::{ROW_ID, Rowset, invalid_object};
use crate::simulator::engine::table_store;
use crate::simulator::instance::same_name;
use crate::simulator::server_error::{Failure, Result, ServerError};
use crate::simulator::tsql::ast::{
    Assignment, ChangeStatement, Expression, ObjectName, TableSource,
};
use crate::transport::SqlValue;

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
            self.session.memory.temporary.tables.get_mut(name)
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
