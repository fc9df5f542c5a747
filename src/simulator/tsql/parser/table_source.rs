//! What stands behind FROM.

use super::Parser;
use crate::simulator::server_error::Result;
use crate::simulator::tsql::ast::{Expression, JoinKind, TableSource};

impl Parser<'_> {
    pub(super) fn joined_source(&mut self) -> Result<TableSource> {
        let mut left = self.nested(Self::source)?;
        while let Some(kind) = self.join_kind()? {
            self.count_operator()?;
            let right = self.nested(Self::source)?;
            let has_condition = matches!(
                kind,
                JoinKind::Inner | JoinKind::Left | JoinKind::Right | JoinKind::Full
            );
            let condition = if has_condition {
                self.expect_word("ON")?;
                Some(self.condition()?)
            } else {
                None
            };
            left = TableSource::Join {
                kind,
                left: Box::new(left),
                right: Box::new(right),
                condition,
            };
        }
        Ok(left)
    }

    fn join_kind(&mut self) -> Result<Option<JoinKind>> {
        if self.take_word("JOIN") {
            return Ok(Some(JoinKind::Inner));
        }
        if self.take_words(&["INNER", "JOIN"]) {
            return Ok(Some(JoinKind::Inner));
        }
        if self.take_words(&["CROSS", "JOIN"]) {
            return Ok(Some(JoinKind::Cross));
        }
        if self.take_words(&["CROSS", "APPLY"]) {
            return Ok(Some(JoinKind::CrossApply));
        }
        if self.take_words(&["OUTER", "APPLY"]) {
            return Ok(Some(JoinKind::OuterApply));
        }
        for (word, kind) in [
            ("LEFT", JoinKind::Left),
            ("RIGHT", JoinKind::Right),
            ("FULL", JoinKind::Full),
        ] {
            if self.take_word(word) {
                let _ = self.take_word("OUTER");
                self.expect_word("JOIN")?;
                return Ok(Some(kind));
            }
        }
        Ok(None)
    }

    fn source(&mut self) -> Result<TableSource> {
        if self.is_symbol("(") {
            return self.parenthesised_source();
        }
        if self.take_word("OPENROWSET") {
            return self.open_rowset();
        }
        for unsupported in ["OPENQUERY", "OPENDATASOURCE", "OPENXML"] {
            if self.is_word(unsupported) {
                return Err(self.unsupported(unsupported));
            }
        }
        if self.is_variable() {
            let name = crate::simulator::tsql::ast::ObjectName::new(vec![self.variable()?]);
            let alias = self.source_alias()?;
            return Ok(TableSource::Table { name, alias });
        }
        let name = self.object_name()?;
        let is_hint = self.is_symbol("(") && self.is_word_at(1, "NOLOCK");
        if self.is_symbol("(") && !is_hint {
            self.next();
            let arguments = if self.is_symbol(")") {
                Vec::new()
            } else {
                self.list(Self::argument_or_default)?
            };
            self.expect_symbol(")")?;
            let alias = self.source_alias()?;
            return Ok(TableSource::Function {
                name,
                arguments,
                alias,
            });
        }
        if is_hint {
            self.skip_parentheses()?;
        }
        let alias = self.source_alias()?;
        if self.is_word("WITH") && self.peek_at(1).is_symbol("(") {
            self.next();
            self.skip_parentheses()?;
        }
        Ok(TableSource::Table { name, alias })
    }

    /// DEFAULT stands for NULL in the system's functions.
    fn argument_or_default(&mut self) -> Result<Expression> {
        if self.take_word("DEFAULT") {
            return Ok(Expression::Literal(
                crate::simulator::tsql::ast::Literal::Null,
            ));
        }
        self.scalar()
    }

    fn source_alias(&mut self) -> Result<Option<String>> {
        if self.take_word("AS") || self.is_name() {
            return self.name().map(Some);
        }
        Ok(None)
    }

    fn parenthesised_source(&mut self) -> Result<TableSource> {
        self.next();
        if self.take_word("VALUES") {
            let rows = self.list(|parser| {
                parser.expect_symbol("(")?;
                let row = parser.list(Self::scalar)?;
                parser.expect_symbol(")")?;
                Ok(row)
            })?;
            self.expect_symbol(")")?;
            let (alias, columns) = self.derived_alias()?;
            if columns.is_empty() {
                return Err(self.unexpected());
            }
            return Ok(TableSource::Values {
                rows,
                alias,
                columns,
            });
        }
        if self.is_word("SELECT") || self.is_word("WITH") {
            let query = Box::new(self.query()?);
            self.expect_symbol(")")?;
            let (alias, columns) = self.derived_alias()?;
            return Ok(TableSource::Derived {
                query,
                alias,
                columns,
            });
        }
        let inner = self.nested(Self::table_sources)?;
        self.expect_symbol(")")?;
        Ok(inner)
    }

    fn derived_alias(&mut self) -> Result<(String, Vec<String>)> {
        let _ = self.take_word("AS");
        let alias = self.name()?;
        let columns = if self.is_symbol("(") {
            self.name_list()?
        } else {
            Vec::new()
        };
        Ok((alias, columns))
    }

    /// `OPENROWSET(BULK N'path', SINGLE_BLOB) AS x`: the path is a literal, never a variable.
    fn open_rowset(&mut self) -> Result<TableSource> {
        self.expect_symbol("(")?;
        if !self.take_word("BULK") {
            return Err(self.unsupported("OPENROWSET without BULK"));
        }
        let path = self.text()?;
        self.expect_symbol(",")?;
        let is_binary = if self.take_word("SINGLE_BLOB") {
            true
        } else if self.take_word("SINGLE_CLOB") || self.take_word("SINGLE_NCLOB") {
            false
        } else {
            return Err(self.unsupported("OPENROWSET(BULK) with a format"));
        };
        self.expect_symbol(")")?;
        let alias = match self.source_alias()? {
            Some(alias) => alias,
            None => {
                return Err(self.error(
                    491,
                    "A correlation name must be specified for the bulk rowset in the from clause.",
                ));
            }
        };
        if self.is_symbol("(") {
            return Err(self.unsupported("column names behind OPENROWSET"));
        }
        Ok(TableSource::Bulk {
            path,
            is_binary,
            alias,
        })
    }
}
