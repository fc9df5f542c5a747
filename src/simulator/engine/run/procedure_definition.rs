//! Procedures: defined and dropped.

use super::table::{already_an_object, cannot_drop, free_id, has_object, no_schema};
use super::{Runner, command};
use crate::simulator::catalog::Procedure;
use crate::simulator::engine::Caller;
use crate::simulator::engine::frame::Frame;
use crate::simulator::engine::temporary::{TemporaryObjects, TemporaryProcedure};
use crate::simulator::instance::same_name;
use crate::simulator::server_error::{Failure, Result, ServerError};
use crate::simulator::tsql::ast::{DefinitionKind, ObjectName, ProcedureStatement};

impl Runner<'_> {
    pub(super) async fn define_procedure(
        &mut self,
        statement: &ProcedureStatement,
        frame: &Frame,
    ) -> Result<(), Failure> {
        match statement {
            ProcedureStatement::Create {
                name,
                definition,
                kind,
                ..
            } => {
                if TemporaryObjects::is_own_procedure(name) {
                    self.create_temporary_procedure(name, definition, *kind, frame)?;
                } else {
                    self.create_procedure(name, definition, *kind)?;
                }
            }
            ProcedureStatement::CreateTrigger { name, definition } => {
                self.create_trigger(name, definition)?;
            }
            ProcedureStatement::DropTrigger { name } => self.drop_trigger(name)?,
            ProcedureStatement::Drop { names, if_exists } => {
                for name in names {
                    self.drop_procedure(name, *if_exists)?;
                }
            }
        }
        Ok(self.done(command::NONE, None).await?)
    }

    /// Every login may; it is the session's alone, and goes with it or with the call that made it.
    fn create_temporary_procedure(
        &mut self,
        name: &ObjectName,
        definition: &str,
        kind: DefinitionKind,
        frame: &Frame,
    ) -> Result<()> {
        let temporary = &mut self.session.memory.temporary;
        let key = name.name().to_lowercase();
        let is_taken = temporary.has(&key);
        match (temporary.procedures.get_mut(&key), kind) {
            (Some(known), DefinitionKind::Alter | DefinitionKind::CreateOrAlter) => {
                definition.clone_into(&mut known.procedure.definition);
                return Ok(());
            }
            (None, DefinitionKind::Alter) => {
                return Err(crate::simulator::engine::query::invalid_object(name));
            }
            _ if is_taken => return Err(already_an_object(name.name())),
            _ => {}
        }
        let procedure = Procedure {
            // Nothing is found by it: such a procedure has no row in a view.
            id: 0,
            schema: "dbo".to_owned(),
            name: name.name().to_owned(),
            definition: definition.to_owned(),
            grants: std::collections::BTreeMap::new(),
        };
        let made = TemporaryProcedure {
            procedure,
            depth: frame.depth,
        };
        temporary.procedures.insert(key, made);
        Ok(())
    }

    fn create_procedure(
        &mut self,
        name: &ObjectName,
        definition: &str,
        kind: DefinitionKind,
    ) -> Result<()> {
        if name.database().is_some() {
            return Err(ServerError::new(
                166,
                15,
                1,
                "'CREATE/ALTER PROCEDURE' does not allow specifying the database name as a prefix \
                 to the object name.",
            ));
        }
        let database = self.session.database.clone();
        self.check_database("CREATE PROCEDURE", &database)?;
        let schema = name.schema().unwrap_or("dbo").to_owned();
        let short = name.name().to_owned();
        self.change_database(&database, |open| {
            let contents = &mut open.contents;
            let Some(schema) = contents
                .schemas
                .iter()
                .find(|known| same_name(known, &schema))
            else {
                return Err(no_schema(&schema));
            };
            let schema = schema.clone();
            let known = contents
                .procedures
                .iter_mut()
                .find(|known| same_name(&known.schema, &schema) && same_name(&known.name, &short));
            match (known, kind) {
                (Some(known), DefinitionKind::Alter | DefinitionKind::CreateOrAlter) => {
                    definition.clone_into(&mut known.definition);
                    return Ok(());
                }
                (None, DefinitionKind::Alter) => {
                    return Err(crate::simulator::engine::query::invalid_object(name));
                }
                _ => {}
            }
            if has_object(contents, &schema, &short) {
                return Err(already_an_object(&short));
            }
            contents.procedures.push(Procedure {
                id: free_id(contents),
                schema,
                name: short,
                definition: definition.to_owned(),
                grants: std::collections::BTreeMap::new(),
            });
            Ok(())
        })
    }

    fn drop_procedure(&mut self, name: &ObjectName, if_exists: bool) -> Result<()> {
        if TemporaryObjects::is_own_procedure(name) {
            let known = &mut self.session.memory.temporary.procedures;
            return match known.remove(&name.name().to_lowercase()) {
                None if !if_exists => Err(cannot_drop("procedure", name)),
                _ => Ok(()),
            };
        }
        let database = self.session.database.clone();
        let schema = name.schema().unwrap_or("dbo").to_owned();
        let is_it = |known: &Procedure| {
            same_name(&known.schema, &schema) && same_name(&known.name, name.name())
        };
        let may = {
            let state = self.session.instance.state();
            let caller = Caller::new(&state, self.session);
            let contents = &state.database(&database)?.contents;
            let known = contents.procedures.iter().find(|known| is_it(known));
            known.map(|known| {
                caller.has_database(&database, "CREATE PROCEDURE")
                    || caller.has_in_schema(&database, &known.schema, &known.grants, "CONTROL")
            })
        };
        match may {
            None if if_exists => Ok(()),
            None | Some(false) => Err(cannot_drop("procedure", name)),
            Some(true) => self.change_database(&database, |open| {
                open.contents.procedures.retain(|known| !is_it(known));
                Ok(())
            }),
        }
    }
}
