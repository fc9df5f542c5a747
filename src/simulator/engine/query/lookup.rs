//! Finding tables by name, for those who may use them.

use crate::simulator::catalog::Table;
use crate::simulator::engine::evaluate::Context;
use crate::simulator::engine::frame::MemoryTable;
use crate::simulator::instance::{OpenDatabase, same_name};
use crate::simulator::server_error::{Result, ServerError};
use crate::simulator::tsql::ast::ObjectName;

/// 208.
pub(crate) fn invalid_object(name: &ObjectName) -> ServerError {
    ServerError::new(208, 16, 1, format!("Invalid object name '{name}'."))
}

impl<'a> Context<'a> {
    /// `#t` of the session or `@t` of the frame.
    pub(crate) fn memory_table(&self, name: &str) -> Option<&'a MemoryTable> {
        let key = name.to_lowercase();
        if key.starts_with('@') {
            self.frame.tables.get(&key)
        } else {
            self.session.memory.temporary.tables.get(&key)
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
                .has_in_schema(database, &table.schema, &table.grants, permission)
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

pub(super) fn unknown_server(server: &str) -> ServerError {
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
