//! Tables whose rows are to be changed.

use std::collections::BTreeSet;

use crate::simulator::catalog::{Table, TableKey};
use crate::simulator::engine::evaluate::Context;
use crate::simulator::engine::frame::MemoryTable;
use crate::simulator::engine::query::invalid_object;
use crate::simulator::engine::table_store;
use crate::simulator::engine::value::{plain_text, row_key};
use crate::simulator::instance::same_name;
use crate::simulator::server_error::{Result, ServerError};
use crate::simulator::tsql::ast::ObjectName;
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
    pub(super) fn rows(&self, context: &Context<'_>) -> Result<Vec<Vec<SqlValue>>> {
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
