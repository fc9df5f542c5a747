//! Search conditions: true, false or unknown.

use std::cmp::Ordering;

use super::super::value::compare;
use super::{Context, Scopes, like, text};
use crate::simulator::server_error::{Result, ServerError};
use crate::simulator::tsql::ast::{BinaryOperator, Expression, Query, UnaryOperator};
use crate::transport::SqlValue;

impl Context<'_> {
    /// Whether a condition is met; `None` is unknown.
    pub(crate) fn condition(
        &self,
        condition: &Expression,
        scope: Scopes<'_>,
    ) -> Result<Option<bool>> {
        match condition {
            Expression::Unary {
                operator: UnaryOperator::Not,
                operand,
            } => Ok(self.condition(operand, scope)?.map(|met| !met)),
            Expression::Binary {
                operator: BinaryOperator::And | BinaryOperator::Or,
                ..
            } => self.junction(condition, scope),
            Expression::Binary {
                operator,
                left,
                right,
            } => self.comparison(*operator, left, right, scope),
            Expression::IsNull {
                operand,
                is_negated,
            } => Ok(Some(self.value(operand, scope)?.is_null() != *is_negated)),
            Expression::InList {
                operand,
                list,
                is_negated,
            } => {
                let operand = self.value(operand, scope)?;
                let mut values = Vec::with_capacity(list.len());
                for item in list {
                    values.push(self.value(item, scope)?);
                }
                Ok(is_among(&operand, &values)?.map(|met| met != *is_negated))
            }
            Expression::InQuery {
                operand,
                query,
                is_negated,
            } => {
                let operand = self.value(operand, scope)?;
                let values = self.column_of(query, scope)?;
                Ok(is_among(&operand, &values)?.map(|met| met != *is_negated))
            }
            Expression::Between {
                operand,
                low,
                high,
                is_negated,
            } => {
                let operand = self.value(operand, scope)?;
                let low = compare(&operand, &self.value(low, scope)?)?.map(Ordering::is_ge);
                let high = compare(&operand, &self.value(high, scope)?)?.map(Ordering::is_le);
                Ok(and(low, high).map(|met| met != *is_negated))
            }
            Expression::Like { .. } => self.like(condition, scope),
            Expression::Exists(query) => Ok(Some(!self.query(query, scope)?.rows.is_empty())),
            _ => Err(not_a_condition()),
        }
    }

    fn like(&self, like: &Expression, scope: Scopes<'_>) -> Result<Option<bool>> {
        let Expression::Like {
            operand,
            pattern,
            escape,
            is_negated,
        } = like
        else {
            return Err(not_a_condition());
        };
        let operand = text(&self.value(operand, scope)?)?;
        let pattern = text(&self.value(pattern, scope)?)?;
        let escape = match escape {
            Some(escape) => text(&self.value(escape, scope)?)?.and_then(|e| e.chars().next()),
            None => None,
        };
        Ok(match (operand, pattern) {
            (Some(operand), Some(pattern)) => {
                Some(like::matches(&operand, &pattern, escape) != *is_negated)
            }
            _ => None,
        })
    }

    /// AND and OR: chains nest on the left, so they are walked.
    fn junction(&self, condition: &Expression, scope: Scopes<'_>) -> Result<Option<bool>> {
        let mut links = Vec::new();
        let mut first = condition;
        while let Expression::Binary {
            operator: operator @ (BinaryOperator::And | BinaryOperator::Or),
            left,
            right,
        } = first
        {
            links.push((*operator, right));
            first = left;
        }
        let mut result = self.condition(first, scope)?;
        for (operator, right) in links.into_iter().rev() {
            let is_and = operator == BinaryOperator::And;
            // What decides alone is not evaluated further.
            if result == Some(!is_and) {
                continue;
            }
            let right = self.condition(right, scope)?;
            result = if is_and {
                and(result, right)
            } else {
                or(result, right)
            };
        }
        Ok(result)
    }

    fn comparison(
        &self,
        operator: BinaryOperator,
        left: &Expression,
        right: &Expression,
        scope: Scopes<'_>,
    ) -> Result<Option<bool>> {
        let met: fn(Ordering) -> bool = match operator {
            BinaryOperator::Equal => Ordering::is_eq,
            BinaryOperator::NotEqual => Ordering::is_ne,
            BinaryOperator::Less => Ordering::is_lt,
            BinaryOperator::LessOrEqual => Ordering::is_le,
            BinaryOperator::Greater => Ordering::is_gt,
            BinaryOperator::GreaterOrEqual => Ordering::is_ge,
            _ => return Err(not_a_condition()),
        };
        let left = self.value(left, scope)?;
        let right = self.value(right, scope)?;
        Ok(compare(&left, &right)?.map(met))
    }

    /// The values of a query with one column (116).
    fn column_of(&self, query: &Query, scope: Scopes<'_>) -> Result<Vec<SqlValue>> {
        let result = self.query(query, scope)?;
        if result.columns.len() != 1 {
            return Err(one_column());
        }
        Ok(result
            .rows
            .into_iter()
            .filter_map(|row| row.into_iter().next())
            .collect())
    }

    /// The value of a query in an expression: none is NULL, several are 512.
    pub(super) fn scalar_query(&self, query: &Query, scope: Scopes<'_>) -> Result<SqlValue> {
        let values = self.column_of(query, scope)?;
        let mut values = values.into_iter();
        let first = values.next();
        if values.next().is_some() {
            return Err(ServerError::new(
                512,
                16,
                1,
                "Subquery returned more than 1 value. This is not permitted when the subquery \
                 follows =, !=, <, <= , >, >= or when the subquery is used as an expression.",
            ));
        }
        Ok(first.unwrap_or(SqlValue::Null))
    }
}

/// 116.
pub(super) fn one_column() -> ServerError {
    ServerError::new(
        116,
        16,
        1,
        "Only one expression can be specified in the select list when the subquery is not \
         introduced with EXISTS.",
    )
}

fn not_a_condition() -> ServerError {
    ServerError::new(
        4145,
        15,
        1,
        "An expression of non-boolean type specified in a context where a condition is expected.",
    )
}

fn is_among(operand: &SqlValue, values: &[SqlValue]) -> Result<Option<bool>> {
    let mut result = Some(false);
    for value in values {
        result = or(result, compare(operand, value)?.map(Ordering::is_eq));
        if result == Some(true) {
            break;
        }
    }
    Ok(result)
}

fn and(left: Option<bool>, right: Option<bool>) -> Option<bool> {
    match (left, right) {
        (Some(false), _) | (_, Some(false)) => Some(false),
        (Some(true), Some(true)) => Some(true),
        _ => None,
    }
}

fn or(left: Option<bool>, right: Option<bool>) -> Option<bool> {
    match (left, right) {
        (Some(true), _) | (_, Some(true)) => Some(true),
        (Some(false), Some(false)) => Some(false),
        _ => None,
    }
}
