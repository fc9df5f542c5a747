//! Queues: made, and switched on and off.

use super::Runner;
use super::table::{already_an_object, denied, free_id, has_object, no_schema};
use crate::simulator::catalog::Queue;
use crate::simulator::engine::Caller;
use crate::simulator::instance::same_name;
use crate::simulator::server_error::{Result, ServerError};
use crate::simulator::tsql::ast::ObjectName;

impl Runner<'_> {
    pub(super) fn queue(&mut self, name: &ObjectName, is_new: bool, is_on: bool) -> Result<()> {
        let database = self.session.database.clone();
        let may = {
            let state = self.session.instance.state();
            Caller::new(&state, self.session).has_database(&database, "CONTROL")
        };
        let schema = name.schema().unwrap_or("dbo").to_owned();
        let short = name.name().to_owned();
        if is_new && !may {
            return Err(denied("CREATE QUEUE", &database));
        }
        self.change_database(&database, |open| {
            let contents = &mut open.contents;
            let is_it = |known: &&mut Queue| {
                same_name(&known.schema, &schema) && same_name(&known.name, &short)
            };
            if !is_new {
                // Who may not alter it is not told whether it is there.
                let known = contents.queues.iter_mut().find(is_it).filter(|_| may);
                let known = known.ok_or_else(|| not_found(&short))?;
                known.is_on = is_on;
                return Ok(());
            }
            if has_object(contents, &schema, &short) {
                return Err(already_an_object(&short));
            }
            let known = contents.schemas.iter().find(|own| same_name(own, &schema));
            let schema = known.ok_or_else(|| no_schema(&schema))?.clone();
            contents.queues.push(Queue {
                id: free_id(contents),
                schema,
                name: short.clone(),
                is_on,
            });
            Ok(())
        })
    }
}

/// 15151.
fn not_found(name: &str) -> ServerError {
    ServerError::new(
        15151,
        16,
        1,
        format!(
            "Cannot alter the queue '{name}', because it does not exist or you do not have permission."
        ),
    )
}
