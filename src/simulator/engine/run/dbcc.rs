//! DBCC CHECKDB: tells of the damage that a test planted, in the server's own words.

use super::Runner;
use crate::simulator::catalog::Contents;
use crate::simulator::engine::Caller;
use crate::simulator::engine::frame::Frame;
use crate::simulator::instance::State;
use crate::simulator::server_error::{Failure, Result, ServerError, message};
use crate::simulator::tsql::ast::CheckDatabase;
use crate::transport::SqlMessage;

impl Runner<'_> {
    pub(super) async fn dbcc(
        &mut self,
        statement: &CheckDatabase,
        frame: &Frame,
    ) -> Result<(), Failure> {
        let messages = {
            let state = self.session.instance.state();
            let caller = Caller::new(&state, self.session);
            let name = statement
                .database
                .as_ref()
                .unwrap_or(&self.session.database);
            check(
                &state,
                caller,
                &self.session.login,
                name,
                statement.is_quiet,
            )?
        };
        for message in messages {
            if message.is_error() {
                self.session.memory.last_error = message.number;
            }
            self.notice(frame, message).await?;
        }
        // Nobody saw `CurCmd` of it.
        let command = self.session.instance.choices.unseen_command;
        Ok(self.done(command, None).await?)
    }
}

/// All that it says, in its order.
fn check(
    state: &State,
    caller: Caller<'_>,
    login: &str,
    name: &str,
    is_quiet: bool,
) -> Result<Vec<SqlMessage>> {
    let Some(entry) = state.entry(name) else {
        return Err(ServerError::new(
            2520,
            16,
            5,
            format!(
                "Could not find database '{name}'. The database either does not exist, or was \
                 dropped before a statement tried to use it. Verify if the database exists by \
                 querying the sys.databases catalog view."
            ),
        ));
    };
    let name = &entry.name;
    let contents = &state.database(name)?.contents;
    if !caller.is_owner(name) {
        // Its state nobody saw.
        return Err(ServerError::new(
            7983,
            14,
            1,
            format!(
                "User '{}' does not have permission to run DBCC checkdb for database '{name}'.",
                caller.user(name).map_or(login, |user| &user.name)
            ),
        ));
    }
    let mut said = Vec::new();
    let notice = |number, text: String| message(number, 0, 1, text);
    if !is_quiet {
        said.push(notice(2536, format!("DBCC results for '{name}'.")));
    }
    let mut errors = 0;
    for table in contents
        .tables
        .iter()
        .filter(|table| contents.damaged_tables.contains(&table.id))
    {
        said.extend(damage(contents, table.id));
        errors += 2;
        said.push(notice(
            8990,
            format!(
                "CHECKDB found 0 allocation errors and 2 consistency errors in table '{}' (object \
                 ID {}).",
                table.name, table.id
            ),
        ));
    }
    if errors > 0 || !is_quiet {
        said.push(notice(
            8989,
            format!(
                "CHECKDB found 0 allocation errors and {errors} consistency errors in database \
                 '{name}'."
            ),
        ));
    }
    if errors > 0 {
        said.push(notice(
            8958,
            format!(
                "repair_allow_data_loss is the minimum repair level for the errors found by DBCC \
                 CHECKDB ({name})."
            ),
        ));
    }
    if !is_quiet {
        said.push(notice(
            2528,
            "DBCC execution completed. If DBCC printed error messages, contact your system \
             administrator."
                .to_owned(),
        ));
    }
    Ok(said)
}

/// 8939, then 8928: a page of a table that can't be read.
fn damage(contents: &Contents, table: i32) -> [SqlMessage; 2] {
    // What is no part of the simulated files is made up, and the same each time.
    let partition = 72_057_594_040_000_000_i64 + i64::from(table % 100_000);
    let page = format!("(1:{})", 300 + contents.damaged_tables.len());
    let where_ = format!(
        "object ID {table}, index ID 1, partition ID {partition}, alloc unit ID {partition} (type \
         In-row data)"
    );
    [
        message(
            8939,
            16,
            98,
            format!(
                "Table error: {}{}, page {page}. Test (IS_OFF (BUF_IOERR, pBUF->bstat)) failed. \
                 Values are 133129 and -4.",
                where_[..1].to_uppercase(),
                &where_[1..]
            ),
        ),
        message(
            8928,
            16,
            1,
            format!(
                "{}{}: Page {page} could not be processed.  See other errors for details.",
                where_[..1].to_uppercase(),
                &where_[1..]
            ),
        ),
    ]
}
