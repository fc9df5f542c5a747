//! Triggers on a database: kept, listed and dropped. None is ever run.

use super::Runner;
use super::table::{already_an_object, free_id};
use crate::simulator::catalog::Trigger;
use crate::simulator::instance::same_name;
use crate::simulator::server_error::{Result, ServerError};

/// What making and dropping one takes (documented).
const PERMISSION: &str = "ALTER ANY DATABASE DDL TRIGGER";

impl Runner<'_> {
    pub(super) fn create_trigger(&mut self, name: &str, definition: &str) -> Result<()> {
        let database = self.session.database.clone();
        self.check_database(PERMISSION, &database)?;
        self.change_database(&database, |open| {
            let contents = &mut open.contents;
            if contents
                .triggers
                .iter()
                .any(|known| same_name(&known.name, name))
            {
                return Err(already_an_object(name));
            }
            let id = free_id(contents);
            contents.triggers.push(Trigger {
                id,
                name: name.to_owned(),
                definition: definition.to_owned(),
            });
            Ok(())
        })
    }

    pub(super) fn drop_trigger(&mut self, name: &str) -> Result<()> {
        let database = self.session.database.clone();
        self.check_database(PERMISSION, &database)?;
        self.change_database(&database, |open| {
            let triggers = &mut open.contents.triggers;
            let before = triggers.len();
            triggers.retain(|known| !same_name(&known.name, name));
            if triggers.len() < before {
                return Ok(());
            }
            // The state is a guess.
            Err(ServerError::new(
                3701,
                11,
                5,
                format!(
                    "Cannot drop the trigger '{name}', because it does not exist or you do not \
                     have permission."
                ),
            ))
        })
    }
}
