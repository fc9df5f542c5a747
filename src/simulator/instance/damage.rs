//! Damage that a test plants.

use super::{SimulatedInstance, same_name};

impl SimulatedInstance {
    /// Damages a page of a table, as a failing disk would: `DBCC CHECKDB` tells of it from then on,
    /// here and wherever a backup of the database is restored. Its rows are read as before.
    ///
    /// # Errors
    /// The database is not online, or has no such table.
    pub fn damage_table(&self, database: &str, table: &str) -> std::io::Result<()> {
        let mut state = self.inner.state();
        self.inner
            .edit(&mut state, |edit| {
                let contents = edit.contents(database)?;
                let found = contents
                    .tables
                    .iter()
                    .find(|known| same_name(&known.name, table));
                let id = found.map(|table| table.id).ok_or_else(|| {
                    crate::simulator::server_error::ServerError::unsupported(
                        "damage to a table that is not there",
                    )
                })?;
                contents.damaged_tables.insert(id);
                Ok(())
            })
            .map_err(|error| std::io::Error::other(format!("{error:?}")))
    }
}
