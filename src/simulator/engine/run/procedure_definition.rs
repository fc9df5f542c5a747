//! Procedures: defined and dropped.

use super::table::{already_an_object, free_id, has_object, no_schema};
use super::{Runner, command};
use crate::simulator::catalog::Procedure;
use crate::simulator::engine::Caller;
use crate::simulator::instance::same_name;
use crate::simulator::server_error::{Failure, Result, ServerError};
use crate::simulator::tsql::ast::{DefinitionKind, ObjectName, ProcedureStatement};

impl Runner<'_> {
    pub(super) async fn define_procedure(
        &mut self,
        statement: &ProcedureStatement,
    ) -> Result<(), Failure> {
        match statement {
            ProcedureStatement::Create {
                name,
                definition,
                kind,
                ..
            } => {
                self.create_procedure(name, definition, *kind)?;
            }
            ProcedureStatement::Drop { names, if_exists } => {
                for name in names {
                    self.drop_procedure(name, *if_exists)?;
                }
            }
        }
        Ok(self.done(command::NONE, None).await?)
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
                    || caller.has_object(&database, &known.grants, "CONTROL")
            })
        };
        match may {
            None if if_exists => Ok(()),
            None | Some(false) => Err(ServerError::new(
                3701,
                11,
                5,
                format!(
                    "Cannot drop the procedure '{}', because it does not exist or you do not have \
                     permission.",
                    name.name()
                ),
            )),
            Some(true) => self.change_database(&database, |open| {
                open.contents.procedures.retain(|known| !is_it(known));
                Ok(())
            }),
        }
    }
}
