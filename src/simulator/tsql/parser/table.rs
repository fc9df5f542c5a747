//! Tables, indexes and schemas.

use super::Parser;
use crate::simulator::server_error::Result;
use crate::simulator::tsql::ast::{
    ColumnDefinition, KeyDefinition, TableDefinition, TableStatement,
};

impl Parser<'_> {
    /// Behind CREATE.
    pub(super) fn create_table_object(&mut self) -> Result<TableStatement> {
        if self.take_word("TABLE") {
            let name = self.object_name()?;
            let definition = self.table_definition()?;
            if self.take_word("ON") {
                self.name()?;
            }
            return Ok(TableStatement::Create { name, definition });
        }
        if self.take_word("SCHEMA") {
            let name = self.name()?;
            if self.take_word("AUTHORIZATION") {
                self.name()?;
            }
            return Ok(TableStatement::CreateSchema { name });
        }
        let is_unique = self.take_word("UNIQUE");
        let _ = self.take_word("CLUSTERED") || self.take_word("NONCLUSTERED");
        self.expect_word("INDEX")?;
        let name = self.name()?;
        self.expect_word("ON")?;
        let table = self.object_name()?;
        let columns = self.key_columns()?;
        if self.take_word("INCLUDE") {
            self.skip_parentheses()?;
        }
        if self.is_word("WHERE") {
            return Err(self.unsupported("filtered indexes"));
        }
        self.index_options()?;
        Ok(TableStatement::CreateIndex {
            name,
            table,
            columns,
            is_unique,
        })
    }

    /// WITH (…) ON filegroup: nothing that a simulator's index has.
    fn index_options(&mut self) -> Result<()> {
        if self.is_word("WITH") && self.peek_at(1).is_symbol("(") {
            self.next();
            self.skip_parentheses()?;
        }
        if self.is_word("ON") && self.is_name_at(1) {
            self.at += 2;
        } else if self.is_word("ON") && self.is_word_at(1, "PRIMARY") {
            return Err(self.unexpected());
        }
        Ok(())
    }

    /// `(a ASC, b DESC)`.
    fn key_columns(&mut self) -> Result<Vec<String>> {
        self.expect_symbol("(")?;
        let columns = self.list(|parser| {
            let name = parser.name()?;
            let _ = parser.take_word("ASC") || parser.take_word("DESC");
            Ok(name)
        })?;
        self.expect_symbol(")")?;
        Ok(columns)
    }

    pub(super) fn table_definition(&mut self) -> Result<TableDefinition> {
        self.expect_symbol("(")?;
        let mut definition = TableDefinition::default();
        loop {
            if !self.table_constraint(&mut definition)? {
                self.column(&mut definition)?;
            }
            if !self.take_symbol(",") || self.is_symbol(")") {
                break;
            }
        }
        self.expect_symbol(")")?;
        Ok(definition)
    }

    /// A constraint of the table; `false` where a column stands.
    fn table_constraint(&mut self, definition: &mut TableDefinition) -> Result<bool> {
        let is_constraint = [
            "CONSTRAINT",
            "PRIMARY",
            "UNIQUE",
            "FOREIGN",
            "CHECK",
            "INDEX",
        ]
        .iter()
        .any(|word| self.is_word(word));
        if !is_constraint {
            return Ok(false);
        }
        let name = if self.take_word("CONSTRAINT") {
            Some(self.name()?)
        } else {
            None
        };
        if self.is_word("FOREIGN") {
            self.next();
            self.expect_word("KEY")?;
            self.name_list()?;
            self.references()?;
            return Ok(true);
        }
        let is_primary = if self.take_words(&["PRIMARY", "KEY"]) {
            true
        } else if self.take_word("UNIQUE") {
            false
        } else if self.is_word("CHECK") || self.is_word("DEFAULT") || self.is_word("INDEX") {
            return Err(self.unsupported("CHECK constraints, and others of a table"));
        } else {
            return Err(self.unexpected());
        };
        let _ = self.take_word("CLUSTERED") || self.take_word("NONCLUSTERED");
        let columns = self.key_columns()?;
        self.index_options()?;
        definition.keys.push(KeyDefinition {
            name,
            is_primary,
            columns,
        });
        Ok(true)
    }

    /// REFERENCES t (a) ON DELETE CASCADE. Foreign keys are read and not enforced.
    fn references(&mut self) -> Result<()> {
        self.expect_word("REFERENCES")?;
        self.object_name()?;
        if self.is_symbol("(") {
            self.name_list()?;
        }
        while self.take_word("ON") {
            if !(self.take_word("DELETE") || self.take_word("UPDATE")) {
                return Err(self.unexpected());
            }
            if self.take_words(&["NO", "ACTION"]) {
                continue;
            }
            return Err(self.unsupported("cascades of foreign keys"));
        }
        Ok(())
    }

    fn column(&mut self, definition: &mut TableDefinition) -> Result<()> {
        let name = self.name()?;
        if self.is_word("AS") {
            return Err(self.unsupported("computed columns"));
        }
        let (kind, type_name) = self.data_type()?;
        let mut column = ColumnDefinition {
            name,
            kind,
            type_name,
            is_nullable: true,
            identity: None,
            default: None,
        };
        while self.column_property(&mut column, definition)? {}
        definition.columns.push(column);
        Ok(())
    }

    fn column_property(
        &mut self,
        column: &mut ColumnDefinition,
        definition: &mut TableDefinition,
    ) -> Result<bool> {
        let name = if self.take_word("CONSTRAINT") {
            Some(self.name()?)
        } else {
            None
        };
        if self.take_words(&["NOT", "NULL"]) {
            column.is_nullable = false;
        } else if self.take_word("NULL") {
            column.is_nullable = true;
        } else if self.take_word("COLLATE") {
            self.name()?;
        } else if self.take_word("ROWGUIDCOL") || self.take_word("SPARSE") {
        } else if self.take_word("IDENTITY") {
            column.identity = Some(self.identity()?);
            column.is_nullable = false;
        } else if self.take_word("DEFAULT") {
            column.default = Some(self.default_text()?);
        } else if self.is_word("PRIMARY") || self.is_word("UNIQUE") {
            let is_primary = self.take_word("PRIMARY");
            if is_primary {
                self.expect_word("KEY")?;
            } else {
                self.expect_word("UNIQUE")?;
            }
            let _ = self.take_word("CLUSTERED") || self.take_word("NONCLUSTERED");
            self.index_options()?;
            if is_primary {
                column.is_nullable = false;
            }
            let columns = vec![column.name.clone()];
            definition.keys.push(KeyDefinition {
                name,
                is_primary,
                columns,
            });
        } else if self.take_words(&["FOREIGN", "KEY"]) || self.is_word("REFERENCES") {
            self.references()?;
        } else if self.is_word("CHECK") {
            return Err(self.unsupported("CHECK constraints"));
        } else if name.is_some() {
            return Err(self.unexpected());
        } else {
            return Ok(false);
        }
        Ok(true)
    }

    fn identity(&mut self) -> Result<(i64, i64)> {
        if !self.take_symbol("(") {
            return Ok((1, 1));
        }
        let seed = self.integer()?;
        self.expect_symbol(",")?;
        let increment = self.integer()?;
        self.expect_symbol(")")?;
        Ok((seed, increment))
    }

    /// A default, kept as the text it is.
    fn default_text(&mut self) -> Result<String> {
        let start = self.peek().start;
        self.scalar()?;
        let end = self.tokens[self.at - 1].end;
        Ok(self.text[start..end].to_owned())
    }

    /// Behind ALTER.
    pub(super) fn alter_table(&mut self) -> Result<TableStatement> {
        self.next();
        let name = self.object_name()?;
        if !self.take_word("ADD") || self.is_word("CONSTRAINT") && !self.adds_key() {
            return Err(self.unsupported("ALTER TABLE other than ADD of columns and keys"));
        }
        let mut definition = TableDefinition::default();
        loop {
            if !self.table_constraint(&mut definition)? {
                self.column(&mut definition)?;
            }
            if !self.take_symbol(",") {
                break;
            }
        }
        Ok(TableStatement::AddColumns { name, definition })
    }

    /// Whether `CONSTRAINT name` goes on as a key.
    fn adds_key(&self) -> bool {
        ["PRIMARY", "UNIQUE", "FOREIGN"]
            .iter()
            .any(|word| self.is_word_at(2, word))
    }

    /// Behind DROP.
    pub(super) fn drop_table_object(&mut self) -> Result<TableStatement> {
        if self.take_word("SCHEMA") {
            return Ok(TableStatement::DropSchema { name: self.name()? });
        }
        self.next();
        let if_exists = self.if_exists();
        let names = self.list(Self::object_name)?;
        Ok(TableStatement::Drop { names, if_exists })
    }

    pub(super) fn if_exists(&mut self) -> bool {
        self.take_words(&["IF", "EXISTS"])
    }
}
