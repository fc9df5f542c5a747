//! Variables, control of flow and transactions.

use super::Parser;
use crate::simulator::server_error::Result;
use crate::simulator::tsql::ast::{
    BinaryOperator, Declaration, Expression, FlowStatement, Statement, StatementKind,
    TransactionStatement,
};
use crate::simulator::tsql::token::{TokenKind, is_reserved};

/// The words that these statements begin with.
const FLOW: &[&str] = &[
    "BEGIN",
    "BREAK",
    "CHECKPOINT",
    "COMMIT",
    "CONTINUE",
    "DECLARE",
    "IF",
    "KILL",
    "PRINT",
    "RAISERROR",
    "RECONFIGURE",
    "RETURN",
    "ROLLBACK",
    "SAVE",
    "SET",
    "THROW",
    "USE",
    "WAITFOR",
    "WHILE",
];

impl Parser<'_> {
    pub(super) fn flow(&mut self) -> Result<FlowStatement> {
        let TokenKind::Word(word) = &self.peek().kind else {
            return Err(self.unexpected());
        };
        let word = word.to_ascii_uppercase();
        if !FLOW.contains(&word.as_str()) {
            return Err(self.unexpected());
        }
        self.next();
        match word.as_str() {
            "BEGIN" => self.begin(),
            "BREAK" => Ok(FlowStatement::Break),
            "CONTINUE" => Ok(FlowStatement::Continue),
            "CHECKPOINT" => Ok(FlowStatement::Checkpoint),
            "RECONFIGURE" => {
                self.take_words(&["WITH", "OVERRIDE"]);
                Ok(FlowStatement::Reconfigure)
            }
            "DECLARE" => self.declare(),
            "SET" => self.set(),
            "IF" => self.conditional(),
            "WHILE" => {
                let condition = self.condition()?;
                let body = Box::new(self.statement()?);
                Ok(FlowStatement::While { condition, body })
            }
            "PRINT" => self.scalar().map(FlowStatement::Print),
            "RAISERROR" => self.raise_error(),
            "THROW" => self.throw(),
            "RETURN" => {
                let has_value = !self.is_statement_end() && self.starts_value();
                let value = if has_value {
                    Some(self.scalar()?)
                } else {
                    None
                };
                Ok(FlowStatement::Return(value))
            }
            "USE" => self.name().map(FlowStatement::Use),
            "KILL" => {
                let spid = self.integer()?;
                let is_status_only = self.take_words(&["WITH", "STATUSONLY"]);
                Ok(FlowStatement::Kill {
                    spid,
                    is_status_only,
                })
            }
            "WAITFOR" => {
                if self.is_word("TIME") || self.is_symbol("(") {
                    return Err(self.unsupported("WAITFOR other than DELAY"));
                }
                self.expect_word("DELAY")?;
                self.scalar().map(FlowStatement::WaitForDelay)
            }
            _ => self.end_transaction(&word).map(FlowStatement::Transaction),
        }
    }

    fn is_statement_end(&self) -> bool {
        self.is_end() || self.is_symbol(";")
    }

    /// Whether an expression can begin here (RETURN may stand before another statement).
    fn starts_value(&self) -> bool {
        match &self.peek().kind {
            TokenKind::Word(word) => {
                !is_reserved(word)
                    || ["CASE", "NULL", "CONVERT", "COALESCE", "NULLIF"]
                        .iter()
                        .any(|known| word.eq_ignore_ascii_case(known))
            }
            TokenKind::End => false,
            TokenKind::Symbol(symbol) => matches!(*symbol, "(" | "-" | "+" | "~"),
            _ => true,
        }
    }

    fn begin(&mut self) -> Result<FlowStatement> {
        if self.take_word("TRAN") || self.take_word("TRANSACTION") {
            let name = self.transaction_name()?;
            return Ok(FlowStatement::Transaction(TransactionStatement::Begin(
                name,
            )));
        }
        if self.take_word("TRY") {
            let body = self.statements_until_end()?;
            self.expect_words(&["END", "TRY"])?;
            self.skip_semicolons();
            self.expect_words(&["BEGIN", "CATCH"])?;
            let handler = self.statements_until_end()?;
            self.expect_words(&["END", "CATCH"])?;
            return Ok(FlowStatement::Try { body, handler });
        }
        if self.is_word("DISTRIBUTED") || self.is_word("DIALOG") || self.is_word("CONVERSATION") {
            return Err(self.unsupported("distributed transactions and Service Broker dialogs"));
        }
        let body = self.statements_until_end()?;
        if body.is_empty() {
            return Err(self.unexpected());
        }
        self.expect_word("END")?;
        Ok(FlowStatement::Block(body))
    }

    fn statements_until_end(&mut self) -> Result<Vec<Statement>> {
        let mut statements = Vec::new();
        loop {
            self.skip_semicolons();
            if self.is_word("END") {
                return Ok(statements);
            }
            statements.push(self.statement()?);
        }
    }

    fn transaction_name(&mut self) -> Result<Option<String>> {
        if self.is_name() {
            return self.name().map(Some);
        }
        if self.is_variable() {
            return Err(self.unsupported("transactions named by a variable"));
        }
        Ok(None)
    }

    fn end_transaction(&mut self, verb: &str) -> Result<TransactionStatement> {
        let _ = self.take_word("TRAN") || self.take_word("TRANSACTION") || self.take_word("WORK");
        let name = self.transaction_name()?;
        match (verb, name) {
            ("COMMIT", _) => Ok(TransactionStatement::Commit),
            ("SAVE", Some(name)) => Ok(TransactionStatement::Save(name)),
            ("ROLLBACK", name) => Ok(TransactionStatement::Rollback(name)),
            _ => Err(self.unexpected()),
        }
    }

    fn conditional(&mut self) -> Result<FlowStatement> {
        let condition = self.condition()?;
        let then = Box::new(self.statement()?);
        self.skip_semicolons_before_else();
        let otherwise = if self.take_word("ELSE") {
            Some(Box::new(self.statement()?))
        } else {
            None
        };
        Ok(FlowStatement::If {
            condition,
            then,
            otherwise,
        })
    }

    fn skip_semicolons_before_else(&mut self) {
        let blanks = (0..)
            .take_while(|ahead| self.peek_at(*ahead).is_symbol(";"))
            .count();
        if self.is_word_at(blanks, "ELSE") {
            self.at += blanks;
        }
    }

    fn declare(&mut self) -> Result<FlowStatement> {
        let is_table = self.is_variable()
            && (self.is_word_at(1, "TABLE")
                || self.is_word_at(1, "AS") && self.is_word_at(2, "TABLE"));
        if is_table {
            let variable = self.variable()?;
            let _ = self.take_word("AS");
            self.next();
            let definition = self.table_definition()?;
            return Ok(FlowStatement::DeclareTable {
                variable,
                definition,
            });
        }
        if self.is_name() && self.is_word_at(1, "CURSOR") {
            return Err(self.unsupported("cursors"));
        }
        let declarations = self.list(|parser| {
            let variable = parser.variable()?;
            let _ = parser.take_word("AS");
            let (kind, _) = parser.data_type()?;
            let value = if parser.take_symbol("=") {
                Some(parser.scalar()?)
            } else {
                None
            };
            Ok(Declaration {
                variable,
                kind,
                value,
            })
        })?;
        Ok(FlowStatement::Declare(declarations))
    }

    fn set(&mut self) -> Result<FlowStatement> {
        if self.is_variable() {
            let variable = self.variable()?;
            let operator = self.assignment_operator()?;
            let value = self.scalar()?;
            let value = compound(operator, Expression::Variable(variable.clone()), value);
            return Ok(FlowStatement::SetVariable { variable, value });
        }
        self.set_options()
    }

    /// `NOCOUNT ON`; `ANSI_NULLS, ANSI_PADDING ON`.
    fn set_options(&mut self) -> Result<FlowStatement> {
        let line = self.line();
        let names = self.list(|parser| match &parser.peek().kind {
            TokenKind::Word(word) => {
                let word = word.to_ascii_uppercase();
                parser.next();
                Ok(word)
            }
            _ => Err(parser.unexpected()),
        })?;
        if names.iter().any(|name| name == "IDENTITY_INSERT") {
            return Err(self.unsupported("SET IDENTITY_INSERT"));
        }
        let values = self.option_values();
        if values.is_empty() {
            return Err(self.unexpected());
        }
        let mut settings: Vec<FlowStatement> = names
            .into_iter()
            .map(|name| {
                let words = std::iter::once(name).chain(values.iter().cloned());
                FlowStatement::SetOption(words.collect())
            })
            .collect();
        if settings.len() == 1 {
            return Ok(settings.remove(0));
        }
        let statement = |flow| Statement {
            line,
            kind: StatementKind::Flow(flow),
        };
        Ok(FlowStatement::Block(
            settings.into_iter().map(statement).collect(),
        ))
    }

    /// Words, numbers and texts up to where the statement must end.
    fn option_values(&mut self) -> Vec<String> {
        let mut values = Vec::new();
        loop {
            match &self.peek().kind {
                TokenKind::Word(word) if is_option_word(word) => {
                    values.push(word.to_ascii_uppercase());
                }
                TokenKind::Word(word) if values.is_empty() && !is_reserved(word) => {
                    values.push(word.to_ascii_uppercase());
                }
                TokenKind::Number(text) | TokenKind::Text { value: text, .. }
                    if values.is_empty() =>
                {
                    let is_negative = self.tokens[self.at - 1].is_symbol("-");
                    values.push(if is_negative {
                        format!("-{text}")
                    } else {
                        text.clone()
                    });
                }
                TokenKind::Quoted(text) if values.is_empty() => values.push(text.clone()),
                TokenKind::Hex(_) if values.is_empty() => values.push(self.peek().shown()),
                TokenKind::Symbol("-") if values.is_empty() => {}
                _ => return values,
            }
            self.next();
        }
    }

    /// `=`, or the operator of `+=` and its like.
    pub(super) fn assignment_operator(&mut self) -> Result<Option<BinaryOperator>> {
        let operator = match self.peek().kind {
            TokenKind::Symbol("=") => None,
            TokenKind::Symbol("+=") => Some(BinaryOperator::Add),
            TokenKind::Symbol("-=") => Some(BinaryOperator::Subtract),
            TokenKind::Symbol("*=") => Some(BinaryOperator::Multiply),
            TokenKind::Symbol("/=") => Some(BinaryOperator::Divide),
            TokenKind::Symbol("%=") => Some(BinaryOperator::Modulo),
            _ => return Err(self.unexpected()),
        };
        self.next();
        Ok(operator)
    }

    fn raise_error(&mut self) -> Result<FlowStatement> {
        self.expect_symbol("(")?;
        let message = self.scalar()?;
        self.expect_symbol(",")?;
        let severity = self.scalar()?;
        self.expect_symbol(",")?;
        let state = self.scalar()?;
        let mut arguments = Vec::new();
        while self.take_symbol(",") {
            arguments.push(self.scalar()?);
        }
        self.expect_symbol(")")?;
        if self.is_word("WITH") {
            self.next();
            self.list(|parser| {
                if ["NOWAIT", "LOG", "SETERROR"]
                    .iter()
                    .any(|word| parser.take_word(word))
                {
                    Ok(())
                } else {
                    Err(parser.unexpected())
                }
            })?;
        }
        Ok(FlowStatement::RaiseError {
            message,
            severity,
            state,
            arguments,
        })
    }

    fn throw(&mut self) -> Result<FlowStatement> {
        if self.is_statement_end() || !self.starts_value() {
            return Ok(FlowStatement::Throw(None));
        }
        let number = self.scalar()?;
        self.expect_symbol(",")?;
        let message = self.scalar()?;
        self.expect_symbol(",")?;
        let state = self.scalar()?;
        Ok(FlowStatement::Throw(Some(Box::new((
            number, message, state,
        )))))
    }
}

/// `target operator= value` as the value it assigns.
pub(super) fn compound(
    operator: Option<BinaryOperator>,
    target: Expression,
    value: Expression,
) -> Expression {
    match operator {
        Some(operator) => Expression::binary(operator, target, value),
        None => value,
    }
}

/// Words that go on with a SET option rather than begin the next statement.
fn is_option_word(word: &str) -> bool {
    [
        "ON",
        "OFF",
        "ISOLATION",
        "LEVEL",
        "READ",
        "COMMITTED",
        "UNCOMMITTED",
        "REPEATABLE",
        "SERIALIZABLE",
        "SNAPSHOT",
        "IO",
        "TIME",
        "NORMAL",
        "LOW",
        "HIGH",
    ]
    .iter()
    .any(|known| word.eq_ignore_ascii_case(known))
}
