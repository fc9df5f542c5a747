//! GROUP BY.

use std::collections::BTreeMap;

use crate::simulator::engine::evaluate::{Column, Context, Scope, Scopes, is_aggregate};
use crate::simulator::engine::value::row_key;
use crate::simulator::server_error::{Result, ServerError};
use crate::simulator::tsql::ast::Expression;
use crate::transport::SqlValue;

impl Context<'_> {
    /// The rows by group, in the order in which the groups appear. Without GROUP BY all rows are one
    /// group, even where there are none.
    pub(super) fn groups(
        &self,
        group_by: &[Expression],
        columns: &[Column],
        rows: Vec<Vec<SqlValue>>,
        outer: Scopes<'_>,
    ) -> Result<Vec<Vec<Vec<SqlValue>>>> {
        if group_by.is_empty() {
            return Ok(vec![rows]);
        }
        let mut places = BTreeMap::new();
        let mut groups: Vec<Vec<Vec<SqlValue>>> = Vec::new();
        for row in rows {
            let scope = Scope {
                columns,
                row: &row,
                group: None,
                numbers: None,
                outer,
            };
            let key: Vec<SqlValue> = group_by
                .iter()
                .map(|expression| self.value(expression, Some(&scope)))
                .collect::<Result<_>>()?;
            let place = *places.entry(row_key(&key)).or_insert(groups.len());
            if place == groups.len() {
                groups.push(Vec::new());
            }
            groups[place].push(row);
        }
        Ok(groups)
    }
}

/// 8120: a column that is neither grouped by nor in an aggregate.
pub(super) fn check_grouped(
    expression: &Expression,
    group_by: &[Expression],
    columns: &[Column],
    clause: &str,
) -> Result<()> {
    if group_by.iter().any(|grouped| is_same(grouped, expression)) || is_aggregate(expression) {
        return Ok(());
    }
    let check = |inner: &Expression| check_grouped(inner, group_by, columns, clause);
    match expression {
        Expression::Column(parts) => not_grouped(parts, columns, clause),
        Expression::Unary { operand, .. }
        | Expression::IsNull { operand, .. }
        | Expression::Convert { operand, .. }
        | Expression::InQuery { operand, .. }
        | Expression::BinaryCollation(operand) => check(operand),
        Expression::Binary { left, right, .. } => {
            // The left side of a chain is as long as the chain; its length is bounded.
            check(right)?;
            check(left)
        }
        Expression::InList { operand, list, .. } => {
            check(operand)?;
            list.iter().try_for_each(check)
        }
        Expression::Between {
            operand, low, high, ..
        } => [operand, low, high]
            .into_iter()
            .try_for_each(|inner| check(inner)),
        Expression::Like {
            operand, pattern, ..
        } => [operand, pattern]
            .into_iter()
            .try_for_each(|inner| check(inner)),
        Expression::Case {
            operand,
            branches,
            otherwise,
        } => {
            operand.iter().try_for_each(|inner| check(inner))?;
            branches
                .iter()
                .try_for_each(|(when, then)| check(when).and_then(|()| check(then)))?;
            otherwise.iter().try_for_each(|inner| check(inner))
        }
        Expression::Call { arguments, .. } => arguments.iter().try_for_each(check),
        _ => Ok(()),
    }
}

/// A column of these sources: one of a query around this one is the same for the whole group.
fn not_grouped(parts: &[String], columns: &[Column], clause: &str) -> Result<()> {
    let scope = Scope {
        columns,
        row: &[],
        group: None,
        numbers: None,
        outer: None,
    };
    // A column of a query around this one is the same for the whole group.
    let Ok(found) = crate::simulator::engine::evaluate::resolve(parts, Some(&scope)) else {
        return Ok(());
    };
    let mut name = found.column.qualifier.last().cloned().unwrap_or_default();
    if !name.is_empty() {
        name.push('.');
    }
    name.push_str(&found.column.name);
    Err(ServerError::new(
        8120,
        16,
        1,
        format!(
            "Column '{name}' is invalid in the {clause} because it is not contained in \
             either an aggregate function or the GROUP BY clause."
        ),
    ))
}

/// The same expression: `t.a` is what `a` is.
fn is_same(one: &Expression, other: &Expression) -> bool {
    match (one, other) {
        (Expression::Column(one), Expression::Column(other)) => match (one.last(), other.last()) {
            (Some(a), Some(b)) => {
                a.eq_ignore_ascii_case(b)
                    && (one.len() == 1
                        || other.len() == 1
                        || one
                            .iter()
                            .zip(other)
                            .all(|(a, b)| a.eq_ignore_ascii_case(b)))
            }
            _ => false,
        },
        (one, other) => one == other,
    }
}
