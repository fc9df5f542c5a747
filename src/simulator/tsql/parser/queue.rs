//! Queues of the Service Broker, as far as they are switched on and off.

use super::Parser;
use crate::simulator::server_error::Result;
use crate::simulator::tsql::ast::TableStatement;

impl Parser<'_> {
    /// Behind CREATE or ALTER.
    pub(super) fn queue(&mut self, is_new: bool) -> Result<TableStatement> {
        self.next();
        let name = self.object_name()?;
        let mut is_on = true;
        if !is_new || self.is_word("WITH") {
            self.expect_word("WITH")?;
            if !self.take_word("STATUS") {
                return Err(self.unsupported("options of a queue other than STATUS"));
            }
            self.expect_symbol("=")?;
            is_on = self.take_word("ON");
            if !is_on {
                self.expect_word("OFF")?;
            }
        }
        Ok(TableStatement::Queue {
            name,
            is_new,
            is_on,
        })
    }
}
