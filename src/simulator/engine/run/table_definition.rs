//! What a table's definition becomes.

use crate::simulator::catalog::{TableColumn, TableKey};
use crate::simulator::instance::same_name;
use crate::simulator::server_error::{Result, ServerError};
use crate::simulator::tsql::ast::{ColumnDefinition, TableDefinition};

pub(super) fn duplicate_column(column: &str, table: &str) -> ServerError {
    ServerError::new(
        2705,
        16,
        4,
        format!(
            "Column names in each table must be unique. Column name '{column}' in table '{table}' \
             is specified more than once."
        ),
    )
}

pub(super) fn check_definition(table: &str, definition: &TableDefinition) -> Result<()> {
    for (at, column) in definition.columns.iter().enumerate() {
        if definition.columns[..at]
            .iter()
            .any(|known| same_name(&known.name, &column.name))
        {
            return Err(duplicate_column(&column.name, table));
        }
        if column.kind == crate::simulator::wire_type::WireType::Variant {
            return Err(ServerError::unsupported("columns of type sql_variant"));
        }
        if column.identity.is_some_and(|(_, increment)| increment != 1) {
            return Err(ServerError::unsupported(
                "identities that do not count by 1",
            ));
        }
    }
    Ok(())
}

pub(super) fn table_column(column: &ColumnDefinition, definition: &TableDefinition) -> TableColumn {
    let is_key = definition
        .keys
        .iter()
        .any(|key| key.is_primary && key.columns.iter().any(|name| same_name(name, &column.name)));
    TableColumn {
        name: column.name.clone(),
        type_name: column.type_name.clone(),
        nullable: column.is_nullable && !is_key,
        identity: column.identity.is_some(),
        default: column.default.clone(),
    }
}

/// The keys, with names where none were given: as long and as arbitrary as the server's own.
pub(super) fn keys(table: &str, definition: &TableDefinition) -> Vec<TableKey> {
    (1..)
        .zip(&definition.keys)
        .map(|(number, key)| TableKey {
            name: key.name.clone().unwrap_or_else(|| {
                let prefix = if key.is_primary { "PK" } else { "UQ" };
                format!("{prefix}__{table}__{number:08X}")
            }),
            is_primary: key.is_primary,
            columns: key.columns.clone(),
        })
        .collect()
}
