//! Search conditions.

use super::Parser;
use crate::simulator::server_error::Result;
use crate::simulator::tsql::ast::{BinaryOperator, Expression, UnaryOperator};
use crate::simulator::tsql::token::TokenKind;

impl Parser<'_> {
    /// A search condition, or a value where one stands alone.
    pub(super) fn condition(&mut self) -> Result<Expression> {
        if self.depth == 0 {
            self.operators = 0;
        }
        self.nested(Self::either)
    }

    fn either(&mut self) -> Result<Expression> {
        let mut left = self.both()?;
        while self.take_word("OR") {
            self.count_operator()?;
            left = Expression::binary(BinaryOperator::Or, left, self.both()?);
        }
        Ok(left)
    }

    fn both(&mut self) -> Result<Expression> {
        let mut left = self.negation()?;
        while self.take_word("AND") {
            self.count_operator()?;
            left = Expression::binary(BinaryOperator::And, left, self.negation()?);
        }
        Ok(left)
    }

    fn negation(&mut self) -> Result<Expression> {
        if !self.take_word("NOT") {
            return self.predicate();
        }
        let operand = self.nested(Self::negation)?;
        Ok(Expression::Unary {
            operator: UnaryOperator::Not,
            operand: Box::new(operand),
        })
    }

    fn predicate(&mut self) -> Result<Expression> {
        if self.take_word("EXISTS") {
            self.expect_symbol("(")?;
            let query = self.query()?;
            self.expect_symbol(")")?;
            return Ok(Expression::Exists(Box::new(query)));
        }
        let left = self.additive()?;
        if let Some(operator) = self.comparison() {
            if ["ALL", "ANY", "SOME"].iter().any(|word| self.is_word(word)) {
                return Err(self.unsupported("comparisons with ALL, ANY or SOME"));
            }
            return Ok(Expression::binary(operator, left, self.additive()?));
        }
        if self.take_word("IS") {
            let is_negated = self.take_word("NOT");
            self.expect_word("NULL")?;
            return Ok(Expression::IsNull {
                operand: Box::new(left),
                is_negated,
            });
        }
        let is_negated = self.is_word("NOT")
            && ["IN", "BETWEEN", "LIKE"]
                .iter()
                .any(|word| self.is_word_at(1, word));
        if is_negated {
            self.next();
        }
        if self.take_word("IN") {
            return self.membership(left, is_negated);
        }
        if self.take_word("BETWEEN") {
            return self.range(left, is_negated);
        }
        if self.take_word("LIKE") {
            return self.like(left, is_negated);
        }
        Ok(left)
    }

    fn comparison(&mut self) -> Option<BinaryOperator> {
        let operator = match self.peek().kind {
            TokenKind::Symbol("=") => BinaryOperator::Equal,
            TokenKind::Symbol("<>" | "!=") => BinaryOperator::NotEqual,
            TokenKind::Symbol("<") => BinaryOperator::Less,
            TokenKind::Symbol("<=" | "!>") => BinaryOperator::LessOrEqual,
            TokenKind::Symbol(">") => BinaryOperator::Greater,
            TokenKind::Symbol(">=" | "!<") => BinaryOperator::GreaterOrEqual,
            _ => return None,
        };
        self.next();
        Some(operator)
    }

    fn membership(&mut self, left: Expression, is_negated: bool) -> Result<Expression> {
        self.expect_symbol("(")?;
        let operand = Box::new(left);
        let result = if self.is_word("SELECT") || self.is_word("WITH") {
            Expression::InQuery {
                operand,
                query: Box::new(self.query()?),
                is_negated,
            }
        } else {
            Expression::InList {
                operand,
                list: self.list(Self::scalar)?,
                is_negated,
            }
        };
        self.expect_symbol(")")?;
        Ok(result)
    }

    fn range(&mut self, left: Expression, is_negated: bool) -> Result<Expression> {
        let low = Box::new(self.additive()?);
        self.expect_word("AND")?;
        Ok(Expression::Between {
            operand: Box::new(left),
            low,
            high: Box::new(self.additive()?),
            is_negated,
        })
    }

    fn like(&mut self, left: Expression, is_negated: bool) -> Result<Expression> {
        let pattern = Box::new(self.additive()?);
        let escape = if self.take_word("ESCAPE") {
            Some(Box::new(self.additive()?))
        } else {
            None
        };
        Ok(Expression::Like {
            operand: Box::new(left),
            pattern,
            escape,
            is_negated,
        })
    }
}
