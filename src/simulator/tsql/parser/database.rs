//! CREATE, ALTER and DROP DATABASE.

use super::Parser;
use crate::simulator::server_error::Result;
use crate::simulator::tsql::ast::{DatabaseOption, DatabaseStatement, FileDefinition, Termination};
use crate::simulator::tsql::token::TokenKind;

impl Parser<'_> {
    pub(super) fn create_database(&mut self) -> Result<DatabaseStatement> {
        self.next();
        if self.is_word("SCOPED") || self.is_word("ENCRYPTION") || self.is_word("AUDIT") {
            let what = self.peek().shown().to_uppercase();
            return Err(self.unsupported(format_args!("CREATE DATABASE {what}")));
        }
        let name = self.name()?;
        let mut data = Vec::new();
        let mut log = Vec::new();
        if self.take_words(&["CONTAINMENT", "="]) || self.is_word("CONTAINMENT") {
            self.next();
            self.expect_symbol("=")?;
            if !self.take_word("NONE") {
                return Err(self.unsupported("contained databases"));
            }
        }
        if self.take_word("ON") {
            let _ = self.take_word("PRIMARY");
            data = self.list(Self::file_definition)?;
        }
        if self.take_words(&["LOG", "ON"]) {
            log = self.list(Self::file_definition)?;
        }
        if self.take_word("COLLATE") {
            let collation = self.name()?;
            if !collation.eq_ignore_ascii_case("SQL_Latin1_General_CP1_CI_AS") {
                return Err(self.unsupported(format_args!("the collation {collation}")));
            }
        }
        if self.is_word("FOR") || self.is_word("WITH") || self.is_word("AS") {
            return Err(self.unsupported("CREATE DATABASE with FOR, WITH or AS"));
        }
        Ok(DatabaseStatement::Create { name, data, log })
    }

    /// `(NAME = x, FILENAME = 'y', SIZE = 8MB, …)`; sizes mean nothing here.
    fn file_definition(&mut self) -> Result<FileDefinition> {
        if self.is_word("FILEGROUP") {
            return Err(self.unsupported("filegroups"));
        }
        self.expect_symbol("(")?;
        let mut logical_name = None;
        let mut path = None;
        loop {
            if self.take_word("NAME") {
                self.expect_symbol("=")?;
                logical_name = Some(self.name_or_text()?);
            } else if self.take_word("FILENAME") {
                self.expect_symbol("=")?;
                path = Some(self.text()?);
            } else if ["SIZE", "MAXSIZE", "FILEGROWTH"]
                .iter()
                .any(|word| self.is_word(word))
            {
                self.next();
                self.expect_symbol("=")?;
                while !self.is_symbol(",") && !self.is_symbol(")") && !self.is_end() {
                    self.next();
                }
            } else {
                return Err(self.unexpected());
            }
            if !self.take_symbol(",") {
                break;
            }
        }
        self.expect_symbol(")")?;
        match (logical_name, path) {
            (Some(logical_name), Some(path)) => Ok(FileDefinition { logical_name, path }),
            _ => Err(self.unexpected()),
        }
    }

    pub(super) fn name_or_text(&mut self) -> Result<String> {
        if matches!(self.peek().kind, TokenKind::Text { .. }) {
            self.text()
        } else {
            self.name()
        }
    }

    pub(super) fn drop_database(&mut self) -> Result<DatabaseStatement> {
        self.next();
        if self.is_word("SCOPED") || self.is_word("ENCRYPTION") || self.is_word("AUDIT") {
            return Err(self.unsupported("DROP DATABASE of something else"));
        }
        let if_exists = self.if_exists();
        let names = self.list(Self::name)?;
        Ok(DatabaseStatement::Drop { names, if_exists })
    }

    pub(super) fn alter_database(&mut self) -> Result<DatabaseStatement> {
        self.next();
        if self.is_word("SCOPED") || self.is_word("ENCRYPTION") || self.is_word("AUDIT") {
            return Err(self.unsupported("ALTER DATABASE of something else"));
        }
        let name = if self.take_word("CURRENT") {
            None
        } else {
            Some(self.name()?)
        };
        if self.take_word("MODIFY") {
            if !self.take_word("NAME") {
                return Err(self.unsupported("ALTER DATABASE MODIFY other than NAME"));
            }
            self.expect_symbol("=")?;
            let new_name = self.name()?;
            return Ok(DatabaseStatement::Rename { name, new_name });
        }
        if !self.take_word("SET") {
            if ["ADD", "REMOVE", "COLLATE", "PERFORM"]
                .iter()
                .any(|word| self.is_word(word))
            {
                return Err(self.unsupported("ALTER DATABASE ADD, REMOVE and COLLATE"));
            }
            return Err(self.unexpected());
        }
        let options = self.list(Self::database_option)?;
        let termination = self.termination()?;
        Ok(DatabaseStatement::Set {
            name,
            options,
            termination,
        })
    }

    fn database_option(&mut self) -> Result<DatabaseOption> {
        let word = |parser: &mut Self| match parser.next().kind {
            TokenKind::Word(word) => Ok(word.to_ascii_uppercase()),
            TokenKind::Number(number) => Ok(number),
            _ => {
                parser.at = parser.at.saturating_sub(1);
                Err(parser.unexpected())
            }
        };
        if matches!(self.peek().kind, TokenKind::Number(_)) {
            return Err(self.unexpected());
        }
        let name = word(self)?;
        let has_value = self.take_symbol("=")
            || matches!(self.peek().kind, TokenKind::Word(_))
                && !self.is_word("WITH")
                && matches!(
                    name.as_str(),
                    "RECOVERY"
                        | "TRUSTWORTHY"
                        | "AUTO_CLOSE"
                        | "AUTO_SHRINK"
                        | "PAGE_VERIFY"
                        | "DB_CHAINING"
                        | "READ_COMMITTED_SNAPSHOT"
                        | "ALLOW_SNAPSHOT_ISOLATION"
                        | "AUTO_CREATE_STATISTICS"
                        | "AUTO_UPDATE_STATISTICS"
                        | "ENCRYPTION"
                        | "QUERY_STORE"
                        | "ANSI_NULLS"
                        | "QUOTED_IDENTIFIER"
                        | "HADR"
                );
        if !has_value {
            return Ok(DatabaseOption { name, value: None });
        }
        let value = Some(word(self)?);
        Ok(DatabaseOption { name, value })
    }

    fn termination(&mut self) -> Result<Termination> {
        if !self.take_word("WITH") {
            return Ok(Termination::Wait);
        }
        if self.take_word("NO_WAIT") {
            return Ok(Termination::NoWait);
        }
        self.expect_word("ROLLBACK")?;
        if self.take_word("IMMEDIATE") {
            return Ok(Termination::RollbackImmediate);
        }
        self.expect_word("AFTER")?;
        let seconds = self.integer()?;
        let _ = self.take_word("SECONDS");
        Ok(Termination::RollbackAfter(seconds))
    }

    /// ALTER AUTHORIZATION ON DATABASE::x TO y.
    pub(super) fn alter_authorization(&mut self) -> Result<DatabaseStatement> {
        self.next();
        self.expect_word("ON")?;
        if !self.take_words(&["DATABASE"]) {
            return Err(self.unsupported("ALTER AUTHORIZATION of anything but a database"));
        }
        self.expect_symbol("::")?;
        let name = self.name()?;
        self.expect_word("TO")?;
        let login = self.name()?;
        Ok(DatabaseStatement::ChangeOwner { name, login })
    }
}
