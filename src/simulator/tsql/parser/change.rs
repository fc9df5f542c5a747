//! INSERT, UPDATE, DELETE.

use super::Parser;
use super::flow::compound;
use crate::simulator::server_error::Result;
use crate::simulator::tsql::ast::{
    Assignment, ChangeStatement, Expression, InsertSource, ObjectName, OutputItem, TableStatement,
};

impl Parser<'_> {
    /// A table's name or a table variable.
    fn target(&mut self) -> Result<ObjectName> {
        if self.is_variable() {
            return Ok(ObjectName::new(vec![self.variable()?]));
        }
        let name = self.object_name()?;
        if self.is_word("WITH") && self.peek_at(1).is_symbol("(") {
            self.next();
            self.skip_parentheses()?;
        }
        Ok(name)
    }

    pub(super) fn insert(&mut self) -> Result<ChangeStatement> {
        self.next();
        let _ = self.take_word("INTO");
        let table = self.target()?;
        let columns = if self.is_symbol("(") && !self.is_word_at(1, "SELECT") {
            self.name_list()?
        } else {
            Vec::new()
        };
        let output = if self.take_word("OUTPUT") {
            self.output_items()?
        } else {
            Vec::new()
        };
        let source = if self.take_words(&["DEFAULT", "VALUES"]) {
            InsertSource::Defaults
        } else if self.take_word("VALUES") {
            InsertSource::Values(self.list(Self::value_row)?)
        } else if self.take_word("EXEC") || self.take_word("EXECUTE") {
            InsertSource::Execute(self.execute_call()?)
        } else if self.is_word("SELECT") || self.is_word("WITH") || self.is_symbol("(") {
            InsertSource::Query(self.query()?)
        } else {
            return Err(self.unexpected());
        };
        Ok(ChangeStatement::Insert {
            table,
            columns,
            source,
            output,
        })
    }

    fn output_items(&mut self) -> Result<Vec<OutputItem>> {
        let items = self.list(|parser| {
            parser.expect_word("INSERTED")?;
            parser.expect_symbol(".")?;
            let column = parser.name()?;
            let has_alias = parser.take_word("AS") || parser.is_name();
            let alias = if has_alias {
                Some(parser.name()?)
            } else {
                None
            };
            Ok(OutputItem { column, alias })
        })?;
        if self.is_word("INTO") {
            return Err(self.unsupported("OUTPUT … INTO"));
        }
        Ok(items)
    }

    fn value_row(&mut self) -> Result<Vec<Option<Expression>>> {
        self.expect_symbol("(")?;
        let row = self.list(|parser| {
            if parser.take_word("DEFAULT") {
                Ok(None)
            } else {
                parser.scalar().map(Some)
            }
        })?;
        self.expect_symbol(")")?;
        Ok(row)
    }

    pub(super) fn update(&mut self) -> Result<ChangeStatement> {
        self.next();
        let top = if self.take_word("TOP") {
            Some(self.top()?)
        } else {
            None
        };
        let table = self.target()?;
        self.expect_word("SET")?;
        let assignments = self.list(Self::assignment)?;
        if self.is_word("OUTPUT") {
            return Err(self.unsupported("OUTPUT of an UPDATE"));
        }
        let (from, filter) = self.sources_and_filter()?;
        Ok(ChangeStatement::Update {
            table,
            top,
            assignments,
            from,
            filter,
        })
    }

    fn assignment(&mut self) -> Result<Assignment> {
        if self.is_variable() {
            return Err(self.unsupported("variables in the SET of an UPDATE"));
        }
        let name = self.object_name()?;
        let operator = self.assignment_operator()?;
        let value = if self.take_word("DEFAULT") {
            return Err(self.unsupported("DEFAULT in the SET of an UPDATE"));
        } else {
            self.scalar()?
        };
        let column = name.name().to_owned();
        let value = compound(operator, Expression::Column(name.parts), value);
        Ok(Assignment { column, value })
    }

    pub(super) fn delete(&mut self) -> Result<ChangeStatement> {
        self.next();
        let top = if self.take_word("TOP") {
            Some(self.top()?)
        } else {
            None
        };
        let _ = self.take_word("FROM");
        let table = self.target()?;
        if self.is_word("OUTPUT") {
            return Err(self.unsupported("OUTPUT of a DELETE"));
        }
        let (from, filter) = self.sources_and_filter()?;
        Ok(ChangeStatement::Delete {
            table,
            top,
            from,
            filter,
        })
    }

    pub(super) fn truncate(&mut self) -> Result<TableStatement> {
        self.next();
        self.expect_word("TABLE")?;
        self.object_name().map(TableStatement::Truncate)
    }
}
