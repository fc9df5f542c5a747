//! Scalar expressions.

use super::Parser;
use crate::simulator::server_error::Result;
use crate::simulator::tsql::ast::{BinaryOperator, Expression, Literal, ObjectName, UnaryOperator};
use crate::simulator::tsql::token::{TokenKind, is_reserved};
use crate::simulator::wire_type::WireType;

/// Keywords that are functions when a parenthesis follows.
const KEYWORD_FUNCTIONS: &[&str] = &["LEFT", "RIGHT", "COALESCE", "NULLIF"];

/// Functions that are called without parentheses.
const BARE_FUNCTIONS: &[&str] = &[
    "CURRENT_TIMESTAMP",
    "CURRENT_USER",
    "SESSION_USER",
    "SYSTEM_USER",
    "USER",
];

impl Parser<'_> {
    /// A value: no comparison outside of parentheses.
    pub(super) fn scalar(&mut self) -> Result<Expression> {
        if self.depth == 0 {
            self.operators = 0;
        }
        self.nested(Self::additive)
    }

    pub(super) fn additive(&mut self) -> Result<Expression> {
        let mut left = self.multiplicative()?;
        loop {
            let operator = match self.peek().kind {
                TokenKind::Symbol("+") => BinaryOperator::Add,
                TokenKind::Symbol("-") => BinaryOperator::Subtract,
                TokenKind::Symbol("&") => BinaryOperator::BitAnd,
                TokenKind::Symbol("|") => BinaryOperator::BitOr,
                TokenKind::Symbol("^") => BinaryOperator::BitXor,
                _ => return Ok(left),
            };
            self.next();
            self.count_operator()?;
            left = Expression::binary(operator, left, self.multiplicative()?);
        }
    }

    fn multiplicative(&mut self) -> Result<Expression> {
        let mut left = self.unary()?;
        loop {
            let operator = match self.peek().kind {
                TokenKind::Symbol("*") => BinaryOperator::Multiply,
                TokenKind::Symbol("/") => BinaryOperator::Divide,
                TokenKind::Symbol("%") => BinaryOperator::Modulo,
                _ => return Ok(left),
            };
            self.next();
            self.count_operator()?;
            left = Expression::binary(operator, left, self.unary()?);
        }
    }

    /// A literal, a signed number or a variable: the caller has looked.
    pub(super) fn unary_constant(&mut self) -> Result<Expression> {
        self.unary()
    }

    fn unary(&mut self) -> Result<Expression> {
        let operator = match self.peek().kind {
            TokenKind::Symbol("-") => UnaryOperator::Minus,
            TokenKind::Symbol("+") => UnaryOperator::Plus,
            TokenKind::Symbol("~") => UnaryOperator::BitNot,
            _ => return self.postfix(),
        };
        self.next();
        let operand = self.nested(Self::unary)?;
        // `-2147483648` is a literal to everybody who reads it.
        if operator == UnaryOperator::Minus
            && let Expression::Literal(Literal::Int(value)) = operand
        {
            return Ok(Expression::Literal(Literal::Int(-value)));
        }
        Ok(Expression::Unary {
            operator,
            operand: Box::new(operand),
        })
    }

    fn postfix(&mut self) -> Result<Expression> {
        let mut value = self.primary()?;
        while self.take_word("COLLATE") {
            // One collation, case-insensitive, is all there is; others would lie. Who evaluates a
            // binary one says where it counts.
            let collation = self.name()?;
            if is_binary(&collation) {
                if !matches!(value, Expression::BinaryCollation(_)) {
                    value = Expression::BinaryCollation(Box::new(value));
                }
            } else if matches!(value, Expression::BinaryCollation(_))
                || (!collation.to_ascii_uppercase().contains("_CI_")
                    && !collation.eq_ignore_ascii_case("DATABASE_DEFAULT")
                    && !collation.eq_ignore_ascii_case("CATALOG_DEFAULT"))
            {
                return Err(self.unsupported(format_args!("the collation {collation}")));
            }
        }
        Ok(value)
    }

    fn primary(&mut self) -> Result<Expression> {
        let token = self.peek().clone();
        match token.kind {
            TokenKind::Text { value, is_national } => {
                self.next();
                Ok(Expression::Literal(Literal::Text { value, is_national }))
            }
            TokenKind::Number(text) => {
                let literal = number(&text).ok_or_else(|| {
                    self.error(
                        1007,
                        format!(
                            "The number '{text}' is out of the range for numeric representation \
                             (maximum precision 38)."
                        ),
                    )
                })?;
                self.next();
                Ok(Expression::Literal(literal))
            }
            TokenKind::Hex(bytes) => {
                self.next();
                Ok(Expression::Literal(Literal::Bytes(bytes)))
            }
            TokenKind::Variable(name) => {
                self.next();
                Ok(if name.starts_with("@@") {
                    Expression::Global(name.to_ascii_uppercase())
                } else {
                    Expression::Variable(name)
                })
            }
            TokenKind::Symbol("(") => self.parenthesis(),
            TokenKind::Word(word) if is_reserved(&word) => self.keyword(&word),
            TokenKind::Word(_) | TokenKind::Quoted(_) => self.column_or_call(),
            TokenKind::Symbol(_) | TokenKind::End => Err(self.unexpected()),
        }
    }

    fn parenthesis(&mut self) -> Result<Expression> {
        self.next();
        let is_query = self.is_word("SELECT") || self.is_word("WITH");
        let inner = if is_query {
            Expression::Subquery(Box::new(self.query()?))
        } else {
            self.condition()?
        };
        self.expect_symbol(")")?;
        Ok(inner)
    }

    fn keyword(&mut self, word: &str) -> Result<Expression> {
        let word = word.to_ascii_uppercase();
        match word.as_str() {
            "NULL" => {
                self.next();
                Ok(Expression::Literal(Literal::Null))
            }
            "CASE" => {
                self.next();
                self.case()
            }
            "CONVERT" | "TRY_CONVERT" => {
                self.next();
                self.convert(word == "TRY_CONVERT")
            }
            _ if BARE_FUNCTIONS.contains(&word.as_str()) => {
                self.next();
                Ok(call(word, Vec::new()))
            }
            _ if KEYWORD_FUNCTIONS.contains(&word.as_str()) && self.peek_at(1).is_symbol("(") => {
                self.at += 2;
                let arguments = self.list(Self::scalar)?;
                self.expect_symbol(")")?;
                Ok(call(word, arguments))
            }
            _ => Err(self.unexpected()),
        }
    }

    fn case(&mut self) -> Result<Expression> {
        let operand = if self.is_word("WHEN") {
            None
        } else {
            Some(Box::new(self.scalar()?))
        };
        let mut branches = Vec::new();
        while self.take_word("WHEN") {
            let when = self.condition()?;
            self.expect_word("THEN")?;
            branches.push((when, self.scalar()?));
        }
        if branches.is_empty() {
            return Err(self.unexpected());
        }
        let otherwise = if self.take_word("ELSE") {
            Some(Box::new(self.scalar()?))
        } else {
            None
        };
        self.expect_word("END")?;
        Ok(Expression::Case {
            operand,
            branches,
            otherwise,
        })
    }

    /// `(type, value[, style])`.
    fn convert(&mut self, is_try: bool) -> Result<Expression> {
        self.expect_symbol("(")?;
        let target = self.conversion_type()?;
        self.expect_symbol(",")?;
        let operand = Box::new(self.scalar()?);
        let style = if self.take_symbol(",") {
            Some(Box::new(self.scalar()?))
        } else {
            None
        };
        self.expect_symbol(")")?;
        Ok(Expression::Convert {
            operand,
            target,
            style,
            is_try,
        })
    }

    /// `(value AS type)`.
    fn cast(&mut self, is_try: bool) -> Result<Expression> {
        self.expect_symbol("(")?;
        let operand = Box::new(self.scalar()?);
        self.expect_word("AS")?;
        let target = self.conversion_type()?;
        self.expect_symbol(")")?;
        Ok(Expression::Convert {
            operand,
            target,
            style: None,
            is_try,
        })
    }

    /// In conversions a length left out is 30, not 1.
    fn conversion_type(&mut self) -> Result<WireType> {
        let (kind, written) = self.data_type()?;
        if written.contains('(') {
            return Ok(kind);
        }
        Ok(match kind {
            WireType::NVarChar(Some(1)) => WireType::NVarChar(Some(30)),
            WireType::VarChar(Some(1)) => WireType::VarChar(Some(30)),
            WireType::VarBinary(Some(1)) => WireType::VarBinary(Some(30)),
            WireType::NChar(1) => WireType::NChar(30),
            WireType::Char(1) => WireType::Char(30),
            WireType::Binary(1) => WireType::Binary(30),
            kind => kind,
        })
    }

    fn column_or_call(&mut self) -> Result<Expression> {
        let name = self.object_name()?;
        if !self.is_symbol("(") {
            return Ok(Expression::Column(name.parts));
        }
        if name.parts.len() == 1 {
            match name.name().to_ascii_uppercase().as_str() {
                "CAST" => return self.cast(false),
                "TRY_CAST" => return self.cast(true),
                "IIF" => return self.iif(),
                _ => {}
            }
        }
        self.next();
        let is_distinct = self.take_word("DISTINCT");
        let _ = !is_distinct && self.take_word("ALL");
        let is_count = name.name().to_ascii_uppercase().starts_with("COUNT");
        let call = if is_count && self.take_symbol("*") {
            Expression::CountRows
        } else {
            let arguments = if self.is_symbol(")") {
                Vec::new()
            } else {
                self.list(Self::scalar)?
            };
            Expression::Call {
                function: name,
                arguments,
                is_distinct,
            }
        };
        self.expect_symbol(")")?;
        if self.take_word("OVER") {
            self.window(&call)
        } else {
            Ok(call)
        }
    }

    fn window(&mut self, call: &Expression) -> Result<Expression> {
        let is_row_number = matches!(call, Expression::Call { function, .. }
            if function.name().eq_ignore_ascii_case("ROW_NUMBER"));
        if !is_row_number {
            return Err(self.unsupported("window functions other than ROW_NUMBER"));
        }
        self.expect_symbol("(")?;
        let partition = if self.take_words(&["PARTITION", "BY"]) {
            self.list(Self::scalar)?
        } else {
            Vec::new()
        };
        self.expect_words(&["ORDER", "BY"])?;
        let order = self.order_items()?;
        self.expect_symbol(")")?;
        let order = order
            .into_iter()
            .map(|item| (item.value, item.is_descending))
            .collect();
        Ok(Expression::RowNumber { partition, order })
    }

    /// `IIF(condition, a, b)` is a CASE.
    fn iif(&mut self) -> Result<Expression> {
        self.expect_symbol("(")?;
        let condition = self.condition()?;
        self.expect_symbol(",")?;
        let then = self.scalar()?;
        self.expect_symbol(",")?;
        let otherwise = self.scalar()?;
        self.expect_symbol(")")?;
        Ok(Expression::Case {
            operand: None,
            branches: vec![(condition, then)],
            otherwise: Some(Box::new(otherwise)),
        })
    }
}

fn call(function: String, arguments: Vec<Expression>) -> Expression {
    Expression::Call {
        function: ObjectName::new(vec![function]),
        arguments,
        is_distinct: false,
    }
}

/// Whole numbers are int or bigint, those with a point decimal, those with an exponent float.
fn number(text: &str) -> Option<Literal> {
    if text.contains('e') {
        // `1e` is valid T-SQL, and means 1e0.
        let text = if text.ends_with(['e', '+', '-']) {
            format!("{text}0")
        } else {
            text.to_owned()
        };
        return text.parse().ok().map(Literal::Float);
    }
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = format!("{whole}{fraction}");
    if !text.contains('.')
        && let Ok(value) = digits.parse()
    {
        return Some(Literal::Int(value));
    }
    if digits.trim_start_matches('0').len() > 38 {
        return None;
    }
    Some(Literal::Decimal {
        unscaled: if digits.is_empty() {
            0
        } else {
            digits.parse().ok()?
        },
        scale: u8::try_from(fraction.len()).ok()?,
    })
}

/// Whether a collation compares the units as they are.
fn is_binary(collation: &str) -> bool {
    collation.eq_ignore_ascii_case("Latin1_General_BIN2")
}
