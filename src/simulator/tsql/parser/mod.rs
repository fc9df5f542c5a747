//! Tokens to statements, by recursive descent.
//!
//! Errors are those of SQL Server. T-SQL that is valid but not for this simulator is refused as
//! unsupported, so that nobody takes its absence for an answer of SQL Server.

mod backup;
mod change;
mod data_type;
mod database;
mod dbcc;
mod encryption_key;
mod expression;
mod flow;
mod key;
mod predicate;
mod procedure;
mod query;
mod queue;
mod security;
mod statement;
mod table;
mod table_source;
#[cfg(test)]
mod tests;
mod trigger;

use super::ast::{Expression, ObjectName, ProcedureParameter, Statement, TextArgument};
use super::lexer;
use super::token::{Token, TokenKind, is_reserved};
use crate::simulator::server_error::{Result, ServerError};
use crate::simulator::wire_type::WireType;

/// How deep statements, queries and expressions may nest.
const DEEPEST_NESTING: u32 = 48;

/// How many operators an expression may chain (`a + b + c …`).
const MOST_OPERATORS: u32 = 1000;

/// Reads a batch. The first error ends it.
pub(crate) fn parse_batch(batch: &str) -> Result<Vec<Statement>> {
    let mut parser = Parser::new(batch)?;
    parser.batch()
}

/// Reads one expression or search condition, such as a column's default.
pub(crate) fn parse_condition(text: &str) -> Result<Expression> {
    let mut parser = Parser::new(text)?;
    let condition = parser.condition()?;
    parser.expect_end()?;
    Ok(condition)
}

/// Reads a type: `nvarchar(max)`.
pub(crate) fn parse_data_type(text: &str) -> Result<WireType> {
    let mut parser = Parser::new(text)?;
    let (kind, _) = parser.data_type()?;
    parser.expect_end()?;
    Ok(kind)
}

/// Reads the second parameter of `sp_executesql`: `@a int, @b nvarchar(10) OUTPUT`.
pub(crate) fn parse_parameters(text: &str) -> Result<Vec<ProcedureParameter>> {
    let mut parser = Parser::new(text)?;
    let parameters = parser.procedure_parameters()?;
    parser.expect_end()?;
    Ok(parameters)
}

/// Reads a name that may have prefixes and brackets, as `OBJECT_ID` takes it. `None` where it is
/// none.
pub(crate) fn parse_object_name(text: &str) -> Option<ObjectName> {
    let mut parser = Parser::new(text).ok()?;
    let name = parser.object_name().ok()?;
    parser.is_end().then_some(name)
}

struct Parser<'a> {
    text: &'a str,
    tokens: Vec<Token>,
    at: usize,
    depth: u32,
    operators: u32,
}

impl<'a> Parser<'a> {
    fn new(text: &'a str) -> Result<Self> {
        Ok(Self {
            text,
            tokens: lexer::read(text)?,
            at: 0,
            depth: 0,
            operators: 0,
        })
    }

    fn peek_at(&self, ahead: usize) -> &Token {
        let last = self.tokens.len() - 1;
        &self.tokens[(self.at + ahead).min(last)]
    }

    fn peek(&self) -> &Token {
        self.peek_at(0)
    }

    fn line(&self) -> u32 {
        self.peek().line
    }

    fn next(&mut self) -> Token {
        let token = self.peek().clone();
        if self.at + 1 < self.tokens.len() {
            self.at += 1;
        }
        token
    }

    fn is_end(&self) -> bool {
        self.peek().kind == TokenKind::End
    }

    fn is_word(&self, word: &str) -> bool {
        self.peek().is_word(word)
    }

    fn is_word_at(&self, ahead: usize, word: &str) -> bool {
        self.peek_at(ahead).is_word(word)
    }

    fn is_symbol(&self, symbol: &str) -> bool {
        self.peek().is_symbol(symbol)
    }

    fn take_word(&mut self, word: &str) -> bool {
        let found = self.is_word(word);
        if found {
            self.next();
        }
        found
    }

    /// Takes all of them or none.
    fn take_words(&mut self, words: &[&str]) -> bool {
        let found = (0..)
            .zip(words)
            .all(|(ahead, word)| self.is_word_at(ahead, word));
        if found {
            self.at += words.len();
        }
        found
    }

    fn take_symbol(&mut self, symbol: &str) -> bool {
        let found = self.is_symbol(symbol);
        if found {
            self.next();
        }
        found
    }

    fn expect_word(&mut self, word: &str) -> Result<()> {
        if self.take_word(word) {
            Ok(())
        } else {
            Err(self.unexpected())
        }
    }

    fn expect_words(&mut self, words: &[&str]) -> Result<()> {
        words.iter().try_for_each(|word| self.expect_word(word))
    }

    fn expect_symbol(&mut self, symbol: &str) -> Result<()> {
        if self.take_symbol(symbol) {
            Ok(())
        } else {
            Err(self.unexpected())
        }
    }

    fn expect_end(&self) -> Result<()> {
        if self.is_end() {
            Ok(())
        } else {
            Err(self.unexpected())
        }
    }

    fn error(&self, number: i32, text: impl Into<String>) -> ServerError {
        let mut error = ServerError::new(number, 15, 1, text);
        error.0[0].line = self.line();
        error
    }

    fn unsupported(&self, what: impl std::fmt::Display) -> ServerError {
        let mut error = ServerError::unsupported(what);
        error.0[0].line = self.line();
        error
    }

    /// 102 or 156: this token has no place here.
    fn unexpected(&self) -> ServerError {
        // At its end a batch is wrong near its last token.
        let token = if self.is_end() && self.at > 0 {
            &self.tokens[self.at - 1]
        } else {
            self.peek()
        };
        let shown = token.shown();
        let mut error = match &token.kind {
            TokenKind::Word(word) if is_reserved(word) => {
                self.error(156, format!("Incorrect syntax near the keyword '{shown}'."))
            }
            _ => self.error(102, format!("Incorrect syntax near '{shown}'.")),
        };
        error.0[0].line = token.line;
        error
    }

    /// Runs `read` one level deeper, or refuses (191).
    fn nested<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        if self.depth >= DEEPEST_NESTING {
            return Err(self.too_deep());
        }
        self.depth += 1;
        let result = read(self);
        self.depth -= 1;
        result
    }

    fn too_deep(&self) -> ServerError {
        self.error(
            191,
            "Some part of your SQL statement is nested too deeply. Rewrite the query or break it \
             up into smaller queries.",
        )
    }

    /// Counts an operator of a chain, which nests on the left without end.
    fn count_operator(&mut self) -> Result<()> {
        self.operators += 1;
        if self.operators > MOST_OPERATORS {
            Err(self.too_deep())
        } else {
            Ok(())
        }
    }

    /// Items between commas.
    fn list<T>(&mut self, mut item: impl FnMut(&mut Self) -> Result<T>) -> Result<Vec<T>> {
        let mut items = vec![item(self)?];
        while self.take_symbol(",") {
            items.push(item(self)?);
        }
        Ok(items)
    }

    fn is_name(&self) -> bool {
        self.is_name_at(0)
    }

    fn is_name_at(&self, ahead: usize) -> bool {
        match &self.peek_at(ahead).kind {
            TokenKind::Word(word) => !is_reserved(word),
            TokenKind::Quoted(_) => true,
            _ => false,
        }
    }

    /// An identifier.
    fn name(&mut self) -> Result<String> {
        if !self.is_name() {
            return Err(self.unexpected());
        }
        match self.next().kind {
            TokenKind::Word(name) | TokenKind::Quoted(name) => Ok(name),
            _ => Err(self.unexpected()),
        }
    }

    /// `a.b.c`, `a..c`.
    fn object_name(&mut self) -> Result<ObjectName> {
        let mut parts = vec![self.name()?];
        while self.take_symbol(".") {
            if self.is_symbol(".") {
                parts.push(String::new());
            } else {
                parts.push(self.name()?);
            }
        }
        if parts.len() > 4 {
            let shown = parts.join(".");
            return Err(self.error(
                117,
                format!(
                    "The object name '{shown}' contains more than the maximum number of prefixes. \
                     The maximum is 3."
                ),
            ));
        }
        Ok(ObjectName::new(parts))
    }

    /// `(a, b)`.
    fn name_list(&mut self) -> Result<Vec<String>> {
        self.expect_symbol("(")?;
        let names = self.list(Self::name)?;
        self.expect_symbol(")")?;
        Ok(names)
    }

    /// A string literal, and nothing else.
    fn text(&mut self) -> Result<String> {
        match &self.peek().kind {
            TokenKind::Text { value, .. } => {
                let value = value.clone();
                self.next();
                Ok(value)
            }
            _ => Err(self.unexpected()),
        }
    }

    /// A variable, with its `@`.
    fn variable(&mut self) -> Result<String> {
        match &self.peek().kind {
            TokenKind::Variable(name) if !name.starts_with("@@") => {
                let name = name.clone();
                self.next();
                Ok(name)
            }
            _ => Err(self.unexpected()),
        }
    }

    fn is_variable(&self) -> bool {
        matches!(&self.peek().kind, TokenKind::Variable(name) if !name.starts_with("@@"))
    }

    /// A string literal or a variable.
    fn text_argument(&mut self) -> Result<TextArgument> {
        if self.is_variable() {
            self.variable().map(TextArgument::Variable)
        } else {
            self.text().map(TextArgument::Literal)
        }
    }

    fn integer<T: std::str::FromStr>(&mut self) -> Result<T> {
        let is_negative = self.is_symbol("-");
        let digits = match &self.peek_at(usize::from(is_negative)).kind {
            TokenKind::Number(digits) if is_negative => format!("-{digits}"),
            TokenKind::Number(digits) => digits.clone(),
            _ => return Err(self.unexpected()),
        };
        let value = digits.parse().map_err(|_| self.unexpected())?;
        self.at += 1 + usize::from(is_negative);
        Ok(value)
    }
}
