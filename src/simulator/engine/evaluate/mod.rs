//! Expressions: their values and their types.

mod aggregate;
mod call;
mod functions;
mod global;
mod infer;
mod like;
mod predicate;
mod scope;

use super::frame::Frame;
use super::value::{Conversion, combine, convert, negate};
use super::{Caller, Session};
use crate::simulator::instance::{Instance, State};
use crate::simulator::server_error::{Result, ServerError};
use crate::simulator::tsql::ast::{BinaryOperator, Expression, Literal, UnaryOperator};
use crate::transport::SqlValue;

pub(crate) use aggregate::{is_aggregate, walk};
pub(crate) use functions::{database_permissions, server_permissions};
pub(crate) use scope::{Column, RowNumbers, Scope, Scopes, number_key, resolve};

/// Everything that the value of an expression may depend on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Context<'a> {
    pub(crate) instance: &'a Instance,
    pub(crate) state: &'a State,
    pub(crate) session: &'a Session,
    pub(crate) frame: &'a Frame,
    /// What WITH named.
    pub(crate) named: Option<&'a super::query::Named<'a>>,
}

impl<'a> Context<'a> {
    pub(crate) fn caller(&self) -> Caller<'a> {
        Caller::new(self.state, self.session)
    }

    /// The value of an expression.
    pub(crate) fn value(&self, expression: &Expression, scope: Scopes<'_>) -> Result<SqlValue> {
        match expression {
            Expression::Literal(literal) => Ok(literal_value(literal)),
            Expression::Variable(name) => Ok(self.frame.variable(name)?.value.clone()),
            Expression::Global(name) => self.global(name).map(|(value, _)| value),
            Expression::Column(parts) => scope::resolve(parts, scope).map(|found| found.value()),
            Expression::Unary { operator, operand } => self.unary(*operator, operand, scope),
            Expression::Binary { operator, .. } if is_condition_operator(*operator) => {
                Err(not_a_value(expression))
            }
            Expression::Binary { .. } => self.chain(expression, scope),
            Expression::Subquery(query) => self.scalar_query(query, scope),
            Expression::Case { .. } => self.case(expression, scope),
            Expression::Convert {
                operand,
                target,
                style,
                is_try,
            } => {
                let value = self.value(operand, scope)?;
                let style = match style {
                    Some(style) => integer(&self.value(style, scope)?)?.unwrap_or(0),
                    None => 0,
                };
                let from = self.value_type(operand, &value, scope)?;
                match convert(&value, &Conversion::styled(from, *target, style)) {
                    Err(_) if *is_try => Ok(SqlValue::Null),
                    result => result,
                }
            }
            Expression::Call {
                function,
                arguments,
                is_distinct,
            } => {
                if is_aggregate(expression) {
                    return self.aggregate(function.name(), arguments, *is_distinct, scope);
                }
                self.call(function, arguments, scope)
            }
            // Most of what compares takes the server's collation, so it would lie.
            Expression::BinaryCollation(_) => Err(ServerError::unsupported(
                "a binary collation elsewhere than in CHARINDEX",
            )),
            Expression::CountRows => self.count_rows(scope),
            Expression::RowNumber { .. } => scope::row_number(expression, scope),
            Expression::IsNull { .. }
            | Expression::InList { .. }
            | Expression::InQuery { .. }
            | Expression::Between { .. }
            | Expression::Like { .. }
            | Expression::Exists(_) => Err(not_a_value(expression)),
        }
    }

    /// The type of an expression, or, where only its value knows it, the value's.
    pub(crate) fn value_type(
        &self,
        expression: &Expression,
        value: &SqlValue,
        scope: Scopes<'_>,
    ) -> Result<crate::simulator::wire_type::WireType> {
        let kind = self.infer(expression, scope)?;
        Ok(if kind == crate::simulator::wire_type::WireType::Variant {
            super::value::kind_of(value)
        } else {
            kind
        })
    }

    fn unary(
        &self,
        operator: UnaryOperator,
        operand: &Expression,
        scope: Scopes<'_>,
    ) -> Result<SqlValue> {
        let value = self.value(operand, scope)?;
        match operator {
            UnaryOperator::Plus => Ok(value),
            UnaryOperator::Minus => negate(&value),
            UnaryOperator::BitNot => Ok(match integer(&value)? {
                Some(value) => SqlValue::Int(!value),
                None => SqlValue::Null,
            }),
            UnaryOperator::Not => Err(misplaced_keyword("NOT")),
        }
    }

    /// `a + b + c …`: the left side nests without end, so it is walked, not recursed into.
    fn chain(&self, expression: &Expression, scope: Scopes<'_>) -> Result<SqlValue> {
        let mut links = Vec::new();
        let mut first = expression;
        while let Expression::Binary {
            operator,
            left,
            right,
        } = first
        {
            if is_condition_operator(*operator) {
                return Err(not_a_value(first));
            }
            links.push((*operator, right));
            first = left;
        }
        let mut value = self.value(first, scope)?;
        for (operator, right) in links.into_iter().rev() {
            let right = self.value(right, scope)?;
            value = combine(operator, &value, &right)?;
        }
        Ok(value)
    }

    fn case(&self, case: &Expression, scope: Scopes<'_>) -> Result<SqlValue> {
        let Expression::Case {
            operand,
            branches,
            otherwise,
        } = case
        else {
            return Ok(SqlValue::Null);
        };
        let operand = match operand {
            Some(operand) => Some(self.value(operand, scope)?),
            None => None,
        };
        let mut chosen = otherwise.as_deref();
        for (when, then) in branches {
            let is_met = match &operand {
                Some(operand) => {
                    let when = self.value(when, scope)?;
                    super::value::compare(operand, &when)?.is_some_and(std::cmp::Ordering::is_eq)
                }
                None => self.condition(when, scope)? == Some(true),
            };
            if is_met {
                chosen = Some(then);
                break;
            }
        }
        let Some(chosen) = chosen else {
            return Ok(SqlValue::Null);
        };
        let value = self.value(chosen, scope)?;
        let from = self.value_type(chosen, &value, scope)?;
        convert(&value, &Conversion::new(from, self.infer(case, scope)?))
    }
}

pub(crate) const fn is_condition_operator(operator: BinaryOperator) -> bool {
    matches!(
        operator,
        BinaryOperator::Or
            | BinaryOperator::And
            | BinaryOperator::Equal
            | BinaryOperator::NotEqual
            | BinaryOperator::Less
            | BinaryOperator::LessOrEqual
            | BinaryOperator::Greater
            | BinaryOperator::GreaterOrEqual
    )
}

fn literal_value(literal: &Literal) -> SqlValue {
    match literal {
        Literal::Null => SqlValue::Null,
        Literal::Int(value) => SqlValue::Int(*value),
        Literal::Decimal { unscaled, scale } => SqlValue::Decimal {
            unscaled: *unscaled,
            scale: *scale,
        },
        Literal::Float(value) => SqlValue::Float(*value),
        Literal::Text { value, .. } => SqlValue::Text(value.clone()),
        Literal::Bytes(bytes) => SqlValue::Bytes(bytes.clone()),
    }
}

/// A condition stands where a value should. The server's parser finds this, at the comparison's
/// sign; ours reads both alike.
fn not_a_value(condition: &Expression) -> ServerError {
    let sign = match condition {
        Expression::Binary { operator, .. } => match operator {
            BinaryOperator::NotEqual => "<>",
            BinaryOperator::Less => "<",
            BinaryOperator::LessOrEqual => "<=",
            BinaryOperator::Greater => ">",
            BinaryOperator::GreaterOrEqual => ">=",
            BinaryOperator::Or => return misplaced_keyword("OR"),
            BinaryOperator::And => return misplaced_keyword("AND"),
            _ => "=",
        },
        Expression::IsNull { .. } => return misplaced_keyword("IS"),
        Expression::InList { .. } | Expression::InQuery { .. } => return misplaced_keyword("IN"),
        Expression::Between { .. } => return misplaced_keyword("BETWEEN"),
        Expression::Like { .. } => return misplaced_keyword("LIKE"),
        Expression::Exists(_) => return misplaced_keyword("EXISTS"),
        _ => return misplaced_keyword("NOT"),
    };
    ServerError::new(102, 15, 1, format!("Incorrect syntax near '{sign}'."))
}

/// 156.
fn misplaced_keyword(keyword: &str) -> ServerError {
    ServerError::new(
        156,
        15,
        1,
        format!("Incorrect syntax near the keyword '{keyword}'."),
    )
}

/// A value as a whole number; `None` is NULL.
pub(crate) fn integer(value: &SqlValue) -> Result<Option<i64>> {
    let kind = super::value::kind_of(value);
    let conversion = Conversion::new(kind, crate::simulator::wire_type::WireType::BigInt);
    Ok(match convert(value, &conversion)? {
        SqlValue::Int(value) => Some(value),
        _ => None,
    })
}

/// A value as a text; `None` is NULL.
pub(crate) fn text(value: &SqlValue) -> Result<Option<String>> {
    let kind = super::value::kind_of(value);
    let conversion = Conversion::new(kind, crate::simulator::wire_type::WireType::NVarChar(None));
    Ok(match convert(value, &conversion)? {
        SqlValue::Text(text) => Some(text),
        _ => None,
    })
}
