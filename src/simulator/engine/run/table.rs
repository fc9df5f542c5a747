//! CREATE, ALTER, DROP and TRUNCATE of tables; schemas.

use super::table_definition::{check_definition, duplicate_column, keys, table_column};
use super::{Runner, command};
use crate::simulator::catalog::{Contents, Table};
use crate::simulator::engine::Caller;
use crate::simulator::engine::frame::{Frame, MemoryTable};
use crate::simulator::engine::table_store;
use crate::simulator::instance::same_name;
use crate::simulator::server_error::{Failure, Result, ServerError};
use crate::simulator::tsql::ast::{ObjectName, TableDefinition, TableStatement};
use crate::transport::SqlValue;

/// The first id of users' objects.
const FIRST_OBJECT: i32 = 581_577_110;

/// 2714.
pub(super) fn already_an_object(name: &str) -> ServerError {
    ServerError::new(
        2714,
        16,
        6,
        format!("There is already an object named '{name}' in the database."),
    )
}

/// 3701.
pub(super) fn cannot_drop(kind: &str, name: &ObjectName) -> ServerError {
    ServerError::new(
        3701,
        11,
        5,
        format!(
            "Cannot drop the {kind} '{}', because it does not exist or you do not have permission.",
            name.name()
        ),
    )
}

/// 262.
pub(super) fn denied(permission: &str, database: &str) -> ServerError {
    ServerError::new(
        262,
        14,
        1,
        format!("{permission} permission denied in database '{database}'."),
    )
}

/// An id that no object of the database has.
pub(super) fn free_id(contents: &Contents) -> i32 {
    let tables = contents.tables.iter().map(|table| table.id);
    let procedures = contents.procedures.iter().map(|procedure| procedure.id);
    let triggers = contents.triggers.iter().map(|trigger| trigger.id);
    let queues = contents.queues.iter().map(|queue| queue.id);
    tables
        .chain(procedures)
        .chain(triggers)
        .chain(queues)
        .max()
        .map_or(FIRST_OBJECT, |id| id.saturating_add(16))
}

pub(super) fn has_object(contents: &Contents, schema: &str, name: &str) -> bool {
    let is_it = |own: &str, object: &str| same_name(own, schema) && same_name(object, name);
    contents
        .tables
        .iter()
        .any(|table| is_it(&table.schema, &table.name))
        || contents
            .procedures
            .iter()
            .any(|known| is_it(&known.schema, &known.name))
        || contents
            .queues
            .iter()
            .any(|known| is_it(&known.schema, &known.name))
}

impl Runner<'_> {
    pub(super) async fn table(
        &mut self,
        statement: &TableStatement,
        frame: &mut Frame,
    ) -> Result<(), Failure> {
        let ended = match statement {
            TableStatement::Create { name, definition } => {
                check_definition(name.name(), definition)?;
                if name.name().starts_with('#') {
                    self.create_temporary(name, definition, frame)?;
                } else {
                    self.create_table(name, definition, Vec::new(), frame)?;
                }
                command::CREATE_TABLE
            }
            TableStatement::Drop { names, if_exists } => {
                for name in names {
                    self.drop_table(name, *if_exists, frame)?;
                }
                command::DROP_TABLE
            }
            TableStatement::AddColumns { name, definition } => {
                self.add_columns(name, definition, frame)?;
                command::NONE
            }
            TableStatement::Truncate(name) => {
                self.truncate(name, frame)?;
                command::NONE
            }
            TableStatement::CreateIndex {
                name,
                table,
                columns,
                is_unique,
            } => {
                self.create_index(name, table, columns, *is_unique, frame)?;
                command::NONE
            }
            TableStatement::CreateSchema { name } => {
                self.create_schema(name)?;
                command::NONE
            }
            TableStatement::Queue {
                name,
                is_new,
                is_on,
            } => {
                self.queue(name, *is_new, *is_on)?;
                command::NONE
            }
            TableStatement::DropSchema { name } => {
                self.drop_schema(name)?;
                command::NONE
            }
        };
        Ok(self.done(ended, None).await?)
    }

    fn create_temporary(
        &mut self,
        name: &ObjectName,
        definition: &TableDefinition,
        frame: &Frame,
    ) -> Result<()> {
        let temporary = &mut self.session.memory.temporary;
        let key = name.name().to_lowercase();
        if temporary.has(&key) {
            return Err(already_an_object(name.name()));
        }
        let table = MemoryTable {
            definition: definition.clone(),
            rows: Vec::new(),
            next_identity: super::insert::identity_seed(definition),
            depth: frame.depth,
        };
        temporary.tables.insert(key, table);
        Ok(())
    }

    /// Creates a table with these rows.
    pub(super) fn create_table(
        &mut self,
        name: &ObjectName,
        definition: &TableDefinition,
        rows: Vec<Vec<SqlValue>>,
        frame: &Frame,
    ) -> Result<()> {
        let database = self.with_context(frame, |context| {
            let database = context.database_of(name)?;
            if context.caller().has_database(&database, "CREATE TABLE") {
                Ok(database)
            } else {
                Err(denied("CREATE TABLE", &database))
            }
        })?;
        let schema = name.schema().unwrap_or("dbo").to_owned();
        let short = name.name().to_owned();
        let next_identity = super::insert::identity_seed(definition);
        self.change_database(&database, |open| {
            let contents = &mut open.contents;
            let Some(schema) = contents
                .schemas
                .iter()
                .find(|known| same_name(known, &schema))
            else {
                return Err(no_schema(&schema));
            };
            if has_object(contents, schema, &short) {
                return Err(already_an_object(&short));
            }
            let table = Table {
                id: free_id(contents),
                schema: schema.clone(),
                name: short.clone(),
                columns: definition
                    .columns
                    .iter()
                    .map(|column| table_column(column, definition))
                    .collect(),
                keys: keys(&short, definition),
                next_identity,
                grants: std::collections::BTreeMap::new(),
            };
            table_store::create(&open.rows, &table)?;
            table_store::insert(&open.rows, &table, &rows)?;
            contents.tables.push(table);
            Ok(())
        })
    }

    fn drop_table(&mut self, name: &ObjectName, if_exists: bool, frame: &Frame) -> Result<()> {
        if name.name().starts_with('#') {
            let key = name.name().to_lowercase();
            let dropped = self.session.memory.temporary.tables.remove(&key);
            return if dropped.is_some() || if_exists {
                Ok(())
            } else {
                Err(cannot_drop("table", name))
            };
        }
        let found = self.with_context(frame, |context| {
            let database = context.database_of(name)?;
            let (_, table) = context.user_table(name)?;
            let may =
                context
                    .caller()
                    .has_in_schema(&database, &table.schema, &table.grants, "CONTROL")
                    || context.caller().has_database(&database, "CREATE TABLE");
            Ok::<_, ServerError>((may, database, table.clone()))
        });
        let (may, database, table) = match found {
            Ok(found) => found,
            Err(_) if if_exists => return Ok(()),
            Err(_) => return Err(cannot_drop("table", name)),
        };
        if !may {
            return Err(cannot_drop("table", name));
        }
        self.change_database(&database, |open| {
            table_store::drop_table(&open.rows, &table)?;
            open.contents.tables.retain(|known| known.id != table.id);
            Ok(())
        })
    }

    fn truncate(&mut self, name: &ObjectName, frame: &mut Frame) -> Result<()> {
        let short = name.name().to_lowercase();
        if short.starts_with('#') {
            if let Some(table) = self.memory_table(&short, frame) {
                table.rows.clear();
                table.next_identity = super::insert::identity_seed(&table.definition);
                return Ok(());
            }
            return Err(missing(name));
        }
        let (database, table) = self.alterable(name, frame)?;
        self.change_database(&database, |open| {
            table_store::clear(&open.rows, &table)?;
            let known = open
                .contents
                .tables
                .iter_mut()
                .find(|known| known.id == table.id);
            if let Some(known) = known {
                known.next_identity = 1;
            }
            Ok(())
        })
    }

    /// A table that the caller may alter: 4701 as for one that isn't there.
    pub(super) fn alterable(&self, name: &ObjectName, frame: &Frame) -> Result<(String, Table)> {
        self.with_context(frame, |context| {
            let database = context.database_of(name)?;
            let (_, table) = context.user_table(name).map_err(|_| missing(name))?;
            let caller = context.caller();
            if caller.has_in_schema(&database, &table.schema, &table.grants, "ALTER")
                || caller.has_database(&database, "CREATE TABLE")
            {
                Ok((database, table.clone()))
            } else {
                Err(ServerError::new(
                    1088,
                    16,
                    7,
                    format!(
                        "Cannot find the object \"{}\" because it does not exist or you do not \
                         have permissions.",
                        name.name()
                    ),
                ))
            }
        })
    }

    fn add_columns(
        &mut self,
        name: &ObjectName,
        definition: &TableDefinition,
        frame: &Frame,
    ) -> Result<()> {
        let (database, table) = self.alterable(name, frame)?;
        check_definition(name.name(), definition)?;
        let mut filling = Vec::new();
        for column in &definition.columns {
            if table
                .columns
                .iter()
                .any(|known| same_name(&known.name, &column.name))
            {
                return Err(duplicate_column(&column.name, name.name()));
            }
            let value = match &column.default {
                // Rows that are there get the default where NULL may not be.
                Some(default) if !column.is_nullable => {
                    let default = crate::simulator::tsql::parse_condition(default)?;
                    self.typed_value(&default, frame)?.0
                }
                _ => SqlValue::Null,
            };
            filling.push(crate::simulator::engine::query::conform(
                value,
                column.kind,
            )?);
        }
        self.change_database(&database, |open| {
            let Some(known) = open
                .contents
                .tables
                .iter_mut()
                .find(|known| known.id == table.id)
            else {
                return Ok(());
            };
            let columns = definition
                .columns
                .iter()
                .map(|column| table_column(column, definition));
            known.columns.extend(columns);
            known.keys.extend(keys(&table.name, definition));
            table_store::add_columns(&open.rows, known, &filling)
        })
    }

    /// 262 where the caller lacks a permission on a database.
    pub(super) fn check_database(&self, permission: &str, database: &str) -> Result<()> {
        let state = self.session.instance.state();
        if Caller::new(&state, self.session).has_database(database, permission) {
            Ok(())
        } else {
            Err(denied(permission, database))
        }
    }
}

/// 4701.
fn missing(name: &ObjectName) -> ServerError {
    ServerError::new(
        4701,
        16,
        1,
        format!(
            "Cannot find the object \"{}\" because it does not exist or you do not have \
             permissions.",
            name.name()
        ),
    )
}

/// 2760.
pub(super) fn no_schema(schema: &str) -> ServerError {
    ServerError::new(
        2760,
        16,
        1,
        format!(
            "The specified schema name \"{schema}\" either does not exist or you do not have \
             permission to use it."
        ),
    )
}
