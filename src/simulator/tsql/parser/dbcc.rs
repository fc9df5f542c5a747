//! DBCC, of which CHECKDB is known.

use super::Parser;
use crate::simulator::server_error::Result;
use crate::simulator::tsql::ast::CheckDatabase;
use crate::simulator::tsql::token::TokenKind;

/// Options that change nothing here: nothing is checked but what was planted.
const WITHOUT_EFFECT: [&str; 5] = [
    "ALL_ERRORMSGS",
    "DATA_PURITY",
    "EXTENDED_LOGICAL_CHECKS",
    "PHYSICAL_ONLY",
    "TABLOCK",
];

impl Parser<'_> {
    pub(super) fn dbcc(&mut self) -> Result<CheckDatabase> {
        self.next();
        if !self.take_word("CHECKDB") {
            let what = self.peek().shown().to_uppercase();
            return Err(self.unsupported(format_args!("DBCC {what}")));
        }
        let mut database = None;
        if self.take_symbol("(") {
            if matches!(self.peek().kind, TokenKind::Number(_)) {
                return Err(self.unsupported("DBCC CHECKDB of a number"));
            }
            database = Some(self.name_or_text()?);
            if self.take_symbol(",") && !self.take_word("NOINDEX") {
                return Err(self.unsupported("repairs by DBCC CHECKDB"));
            }
            self.expect_symbol(")")?;
        }
        let mut is_quiet = false;
        if self.take_word("WITH") {
            loop {
                if self.take_word("NO_INFOMSGS") {
                    is_quiet = true;
                } else if !WITHOUT_EFFECT.iter().any(|word| self.take_word(word)) {
                    let what = self.peek().shown().to_uppercase();
                    return Err(self.unsupported(format_args!("DBCC CHECKDB WITH {what}")));
                }
                if !self.take_symbol(",") {
                    break;
                }
            }
        }
        Ok(CheckDatabase { database, is_quiet })
    }
}
