//! Expressions: what has a value.

use super::{ObjectName, Query};
use crate::simulator::wire_type::WireType;

/// A scalar expression or a search condition; the evaluator tells them apart.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Expression {
    Literal(Literal),
    /// With its `@`.
    Variable(String),
    /// `@@SPID` and its like, in upper case.
    Global(String),
    /// `a`, `t.a`, `s.t.a`.
    Column(Vec<String>),
    Unary {
        operator: UnaryOperator,
        operand: Box<Self>,
    },
    Binary {
        operator: BinaryOperator,
        left: Box<Self>,
        right: Box<Self>,
    },
    IsNull {
        operand: Box<Self>,
        is_negated: bool,
    },
    InList {
        operand: Box<Self>,
        list: Vec<Self>,
        is_negated: bool,
    },
    InQuery {
        operand: Box<Self>,
        query: Box<Query>,
        is_negated: bool,
    },
    Between {
        operand: Box<Self>,
        low: Box<Self>,
        high: Box<Self>,
        is_negated: bool,
    },
    Like {
        operand: Box<Self>,
        pattern: Box<Self>,
        escape: Option<Box<Self>>,
        is_negated: bool,
    },
    Exists(Box<Query>),
    Subquery(Box<Query>),
    Case {
        operand: Option<Box<Self>>,
        branches: Vec<(Self, Self)>,
        otherwise: Option<Box<Self>>,
    },
    /// CAST, CONVERT and their TRY_ forms.
    Convert {
        operand: Box<Self>,
        target: WireType,
        style: Option<Box<Self>>,
        /// NULL instead of an error.
        is_try: bool,
    },
    /// `… COLLATE Latin1_General_BIN2`: compared unit by unit.
    BinaryCollation(Box<Self>),
    Call {
        function: ObjectName,
        arguments: Vec<Self>,
        is_distinct: bool,
    },
    /// `ROW_NUMBER() OVER (…)`.
    RowNumber {
        partition: Vec<Self>,
        order: Vec<(Self, bool)>,
    },
    /// `COUNT(*)`.
    CountRows,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Literal {
    Null,
    Int(i64),
    Decimal { unscaled: i128, scale: u8 },
    Float(f64),
    Text { value: String, is_national: bool },
    Bytes(Vec<u8>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum UnaryOperator {
    Minus,
    Plus,
    BitNot,
    Not,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BinaryOperator {
    Or,
    And,
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Add,
    Subtract,
    Multiply,
    Divide,
    Modulo,
    BitAnd,
    BitOr,
    BitXor,
}

impl Expression {
    pub(crate) fn text(value: impl Into<String>) -> Self {
        Self::Literal(Literal::Text {
            value: value.into(),
            is_national: true,
        })
    }

    pub(crate) fn binary(operator: BinaryOperator, left: Self, right: Self) -> Self {
        Self::Binary {
            operator,
            left: Box::new(left),
            right: Box::new(right),
        }
    }
}
