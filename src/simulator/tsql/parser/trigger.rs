//! Triggers on a database.

use super::Parser;
use crate::simulator::server_error::Result;
use crate::simulator::tsql::ast::ProcedureStatement;

impl Parser<'_> {
    /// Behind CREATE.
    pub(super) fn create_trigger(&mut self) -> Result<ProcedureStatement> {
        if self.at != 1 {
            return Err(self.error(
                111,
                "'CREATE TRIGGER' must be the first statement in a query batch.",
            ));
        }
        self.next();
        let name = self.name()?;
        self.expect_word("ON")?;
        if !self.take_word("DATABASE") {
            return Err(self.unsupported("triggers on tables and on the server"));
        }
        if !self.take_word("FOR") {
            self.expect_word("AFTER")?;
        }
        self.list(Self::name)?;
        self.expect_word("AS")?;
        // Never run, but it must be T-SQL.
        loop {
            self.skip_semicolons();
            if self.is_end() {
                break;
            }
            self.statement()?;
        }
        let definition = self.text.trim().to_owned();
        Ok(ProcedureStatement::CreateTrigger { name, definition })
    }

    /// Behind DROP.
    pub(super) fn drop_trigger(&mut self) -> Result<ProcedureStatement> {
        self.next();
        let name = self.name()?;
        self.expect_words(&["ON", "DATABASE"])?;
        Ok(ProcedureStatement::DropTrigger { name })
    }
}
