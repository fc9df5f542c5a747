//! Schemas and indexes.

use super::Runner;
use super::table::{already_an_object, cannot_drop};
use crate::simulator::catalog::TableKey;
use crate::simulator::engine::frame::Frame;
use crate::simulator::instance::same_name;
use crate::simulator::server_error::{Result, ServerError};
use crate::simulator::tsql::ast::ObjectName;

impl Runner<'_> {
    /// Only what a unique index forbids can be told from the outside.
    pub(super) fn create_index(
        &mut self,
        name: &str,
        table: &ObjectName,
        columns: &[String],
        is_unique: bool,
        frame: &Frame,
    ) -> Result<()> {
        let (database, table) = self.alterable(table, frame)?;
        for column in columns {
            if table
                .columns
                .iter()
                .all(|known| !same_name(&known.name, column))
            {
                return Err(ServerError::new(
                    1911,
                    16,
                    1,
                    format!("Column name '{column}' does not exist in the target table or view."),
                ));
            }
        }
        if !is_unique {
            return Ok(());
        }
        let key = TableKey {
            name: name.to_owned(),
            is_primary: false,
            columns: columns.to_vec(),
        };
        self.change_database(&database, |open| {
            let known = open
                .contents
                .tables
                .iter_mut()
                .find(|known| known.id == table.id);
            if let Some(known) = known {
                known.keys.push(key);
            }
            Ok(())
        })
    }

    pub(super) fn create_schema(&mut self, name: &str) -> Result<()> {
        let database = self.session.database.clone();
        self.check_database("CREATE SCHEMA", &database)?;
        self.change_database(&database, |open| {
            let schemas = &mut open.contents.schemas;
            if schemas.iter().any(|known| same_name(known, name)) {
                return Err(already_an_object(name));
            }
            schemas.push(name.to_owned());
            Ok(())
        })
    }

    pub(super) fn drop_schema(&mut self, name: &str) -> Result<()> {
        let database = self.session.database.clone();
        self.check_database("ALTER ANY SCHEMA", &database)?;
        self.change_database(&database, |open| {
            let contents = &mut open.contents;
            let is_fixed = ["dbo", "guest", "sys", "INFORMATION_SCHEMA"]
                .iter()
                .any(|fixed| same_name(fixed, name));
            let place = contents
                .schemas
                .iter()
                .position(|known| same_name(known, name));
            let Some(place) = place.filter(|_| !is_fixed) else {
                return Err(cannot_drop(
                    "schema",
                    &ObjectName::new(vec![name.to_owned()]),
                ));
            };
            let holds = contents
                .tables
                .iter()
                .any(|table| same_name(&table.schema, name))
                || contents
                    .procedures
                    .iter()
                    .any(|known| same_name(&known.schema, name));
            if holds {
                return Err(ServerError::new(
                    3729,
                    16,
                    1,
                    format!(
                        "Cannot drop schema '{name}' because it is being referenced by object."
                    ),
                ));
            }
            let schema = contents.schemas.remove(place);
            contents.schema_grants.remove(&schema);
            Ok(())
        })
    }
}
