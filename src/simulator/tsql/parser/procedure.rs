//! Procedures: defined and called.

use super::Parser;
use crate::simulator::server_error::Result;
use crate::simulator::tsql::ast::{
    Argument, DefinitionKind, ExecuteStatement, Expression, ProcedureParameter, ProcedureStatement,
    StatementKind,
};
use crate::simulator::tsql::token::TokenKind;

impl Parser<'_> {
    /// A procedure's name and what it is called with.
    pub(super) fn execute_procedure(&mut self, status: Option<String>) -> Result<ExecuteStatement> {
        let procedure = self.object_name()?;
        let mut arguments = Vec::new();
        if self.starts_argument() {
            arguments = self.list(Self::argument)?;
        }
        if self.take_word("WITH") {
            self.expect_word("RECOMPILE")?;
        }
        Ok(ExecuteStatement::Procedure {
            status,
            procedure,
            arguments,
        })
    }

    fn starts_argument(&self) -> bool {
        match &self.peek().kind {
            TokenKind::Text { .. }
            | TokenKind::Number(_)
            | TokenKind::Hex(_)
            | TokenKind::Variable(_)
            | TokenKind::Quoted(_) => true,
            TokenKind::Symbol(symbol) => *symbol == "-",
            TokenKind::Word(word) => {
                word.eq_ignore_ascii_case("NULL")
                    || word.eq_ignore_ascii_case("DEFAULT")
                    || self.is_name()
            }
            TokenKind::End => false,
        }
    }

    fn argument(&mut self) -> Result<Argument> {
        let name = if self.is_variable() && self.peek_at(1).is_symbol("=") {
            let name = self.variable()?;
            self.next();
            Some(name)
        } else {
            None
        };
        let value = if self.take_word("DEFAULT") {
            None
        } else if self.is_name() {
            // An argument without quotes is a text.
            Some(Expression::text(self.name()?))
        } else {
            // Arguments are constants and variables, never expressions.
            Some(self.constant()?)
        };
        let is_output = self.take_word("OUTPUT") || self.take_word("OUT");
        Ok(Argument {
            name,
            value,
            is_output,
        })
    }

    fn constant(&mut self) -> Result<Expression> {
        let is_signed = self.is_symbol("-") && matches!(self.peek_at(1).kind, TokenKind::Number(_));
        let is_constant = match &self.peek().kind {
            TokenKind::Text { .. }
            | TokenKind::Number(_)
            | TokenKind::Hex(_)
            | TokenKind::Variable(_) => true,
            TokenKind::Word(word) => word.eq_ignore_ascii_case("NULL"),
            _ => is_signed,
        };
        if !is_constant {
            return Err(self.unexpected());
        }
        self.unary_constant()
    }

    pub(super) fn create_procedure(&mut self, kind: DefinitionKind) -> Result<StatementKind> {
        let is_first = self.tokens[..self.at].iter().all(|token| {
            ["CREATE", "OR", "ALTER"]
                .iter()
                .any(|word| token.is_word(word))
                || token.is_symbol(";")
        });
        if !(self.take_word("PROCEDURE") || self.take_word("PROC")) {
            return Err(self.unsupported("CREATE OR ALTER of anything but a procedure"));
        }
        if !is_first {
            return Err(self.error(
                111,
                "'CREATE/ALTER PROCEDURE' must be the first statement in a query batch.",
            ));
        }
        let name = self.object_name()?;
        let has_parenthesis = self.take_symbol("(");
        let parameters = if self.is_variable() {
            self.procedure_parameters()?
        } else {
            Vec::new()
        };
        if has_parenthesis {
            self.expect_symbol(")")?;
        }
        if self.take_word("WITH") {
            self.list(|parser| {
                if parser.take_word("RECOMPILE") {
                    return Ok(());
                }
                if parser.take_words(&["EXECUTE", "AS"]) || parser.take_words(&["EXEC", "AS"]) {
                    return parser.procedure_principal();
                }
                Err(parser.unsupported("options of a procedure"))
            })?;
        }
        self.expect_word("AS")?;
        let mut body = Vec::new();
        loop {
            self.skip_semicolons();
            if self.is_end() {
                break;
            }
            body.push(self.statement()?);
        }
        let definition = self.text.trim().to_owned();
        Ok(StatementKind::Procedure(ProcedureStatement::Create {
            name,
            parameters,
            body,
            definition,
            kind,
        }))
    }

    /// CALLER is what every procedure here runs as; another principal would be a lie.
    fn procedure_principal(&mut self) -> Result<()> {
        if self.take_word("CALLER") {
            return Ok(());
        }
        // OWNER is the database's owner: the engine runs such a procedure as dbo.
        if self.take_word("OWNER") || self.take_word("SELF") {
            return Ok(());
        }
        Err(self.unsupported("EXECUTE AS a user in a procedure"))
    }

    pub(super) fn procedure_parameters(&mut self) -> Result<Vec<ProcedureParameter>> {
        self.list(|parser| {
            let name = parser.variable()?;
            let _ = parser.take_word("AS");
            let (kind, type_name) = parser.data_type()?;
            let _ = parser.take_word("VARYING");
            let _ = parser.take_word("NOT") | parser.take_word("NULL");
            let default = if parser.take_symbol("=") {
                Some(if parser.is_name() {
                    Expression::text(parser.name()?)
                } else {
                    parser.constant()?
                })
            } else {
                None
            };
            let is_output = parser.take_word("OUTPUT") || parser.take_word("OUT");
            let _ = parser.take_word("READONLY");
            Ok(ProcedureParameter {
                name,
                kind,
                type_name,
                default,
                is_output,
            })
        })
    }

    pub(super) fn drop_procedure(&mut self) -> Result<ProcedureStatement> {
        self.next();
        let if_exists = self.if_exists();
        let names = self.list(Self::object_name)?;
        Ok(ProcedureStatement::Drop { names, if_exists })
    }
}
