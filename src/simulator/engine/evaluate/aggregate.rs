//! COUNT, SUM and their like.

use std::collections::BTreeSet;

use super::super::value::{Conversion, combine, convert, order, row_key};
use super::{Context, Scope, Scopes};
use crate::simulator::server_error::{Result, ServerError};
use crate::simulator::tsql::ast::{BinaryOperator, Expression};
use crate::simulator::wire_type::WireType;
use crate::transport::SqlValue;

const AGGREGATES: &[&str] = &[
    "AVG",
    "COUNT",
    "COUNT_BIG",
    "MAX",
    "MIN",
    "STRING_AGG",
    "SUM",
];

/// Whether an expression itself is an aggregate.
pub(crate) fn is_aggregate(expression: &Expression) -> bool {
    match expression {
        Expression::CountRows => true,
        Expression::Call { function, .. } => {
            function.parts.len() == 1
                && AGGREGATES.contains(&function.name().to_ascii_uppercase().as_str())
        }
        _ => false,
    }
}

/// Visits an expression and what is in it; not the queries in it, which have rows of their own.
pub(crate) fn walk<'a>(expression: &'a Expression, visit: &mut impl FnMut(&'a Expression)) {
    let mut pending = vec![expression];
    while let Some(expression) = pending.pop() {
        visit(expression);
        match expression {
            Expression::Unary { operand, .. }
            | Expression::IsNull { operand, .. }
            | Expression::InQuery { operand, .. }
            | Expression::BinaryCollation(operand) => pending.push(operand),
            Expression::Binary { left, right, .. } => pending.extend([&**left, &**right]),
            Expression::InList { operand, list, .. } => {
                pending.push(operand);
                pending.extend(list);
            }
            Expression::Between {
                operand, low, high, ..
            } => {
                pending.extend([&**operand, &**low, &**high]);
            }
            Expression::Like {
                operand, pattern, ..
            } => pending.extend([&**operand, &**pattern]),
            Expression::Case {
                operand,
                branches,
                otherwise,
            } => {
                pending.extend(operand.as_deref());
                pending.extend(branches.iter().flat_map(|(when, then)| [when, then]));
                pending.extend(otherwise.as_deref());
            }
            Expression::Convert { operand, style, .. } => {
                pending.push(operand);
                pending.extend(style.as_deref());
            }
            Expression::Call { arguments, .. } => pending.extend(arguments),
            _ => {}
        }
    }
}

impl Context<'_> {
    fn group<'a>(scope: Scopes<'a>) -> Result<(&'a Scope<'a>, &'a [Vec<SqlValue>])> {
        scope
            .and_then(|scope| Some((scope, scope.group?)))
            .ok_or_else(|| {
                ServerError::new(
                    147,
                    15,
                    1,
                    "An aggregate may not appear in the WHERE clause unless it is in a subquery \
                 contained in a HAVING clause or a select list, and the column being aggregated is \
                 an outer reference.",
                )
            })
    }

    pub(super) fn count_rows(&self, scope: Scopes<'_>) -> Result<SqlValue> {
        let (_, group) = Self::group(scope)?;
        Ok(SqlValue::Int(
            i64::try_from(group.len()).unwrap_or(i64::MAX),
        ))
    }

    pub(super) fn aggregate(
        &self,
        function: &str,
        arguments: &[Expression],
        is_distinct: bool,
        scope: Scopes<'_>,
    ) -> Result<SqlValue> {
        let (scope, group) = Self::group(scope)?;
        let Some(argument) = arguments.first() else {
            return Err(ServerError::new(
                174,
                15,
                1,
                format!(
                    "The {} function requires 1 argument(s).",
                    function.to_lowercase()
                ),
            ));
        };
        let mut values = Vec::new();
        let mut seen = BTreeSet::new();
        for row in group {
            let inner = Scope {
                row,
                group: None,
                ..*scope
            };
            let value = self.value(argument, Some(&inner))?;
            // Aggregates pass over NULL.
            if !value.is_null()
                && (!is_distinct || seen.insert(row_key(std::slice::from_ref(&value))))
            {
                values.push(value);
            }
        }
        let function = function.to_ascii_uppercase();
        match function.as_str() {
            "COUNT" | "COUNT_BIG" => Ok(SqlValue::Int(
                i64::try_from(values.len()).unwrap_or(i64::MAX),
            )),
            "MIN" => extreme(values, std::cmp::Ordering::Less),
            "MAX" => extreme(values, std::cmp::Ordering::Greater),
            "STRING_AGG" => {
                let separator = match arguments.get(1) {
                    Some(separator) => {
                        super::text(&self.value(separator, Some(scope))?)?.unwrap_or_default()
                    }
                    None => String::new(),
                };
                join(&values, &separator)
            }
            _ => {
                let kind = self.infer(
                    argument,
                    Some(&Scope {
                        group: None,
                        ..*scope
                    }),
                )?;
                total(&values, kind, function == "AVG")
            }
        }
    }
}

fn extreme(values: Vec<SqlValue>, wanted: std::cmp::Ordering) -> Result<SqlValue> {
    let mut best = SqlValue::Null;
    for value in values {
        if best.is_null() || order(&value, &best)? == wanted {
            best = value;
        }
    }
    Ok(best)
}

fn join(values: &[SqlValue], separator: &str) -> Result<SqlValue> {
    let mut texts = Vec::new();
    for value in values {
        texts.extend(super::text(value)?);
    }
    Ok(if texts.is_empty() {
        SqlValue::Null
    } else {
        SqlValue::Text(texts.join(separator))
    })
}

fn total(values: &[SqlValue], kind: WireType, is_average: bool) -> Result<SqlValue> {
    if matches!(kind, WireType::Bit) || super::super::value::is_text(kind) {
        let function = if is_average { "avg" } else { "sum" };
        let kind = super::super::value::type_name(kind);
        return Err(ServerError::new(
            8117,
            16,
            1,
            format!("Operand data type {kind} is invalid for {function} operator."),
        ));
    }
    let mut sum = SqlValue::Null;
    for value in values {
        sum = if sum.is_null() {
            value.clone()
        } else {
            combine(BinaryOperator::Add, &sum, value)?
        };
    }
    if is_average && !sum.is_null() {
        let count = SqlValue::Int(i64::try_from(values.len()).unwrap_or(i64::MAX));
        sum = combine(BinaryOperator::Divide, &sum, &count)?;
    }
    let result = total_type(kind, is_average);
    convert(
        &sum,
        &Conversion::new(super::super::value::kind_of(&sum), result),
    )
}

/// The type of SUM and AVG: that of their argument, but at least int.
pub(super) fn total_type(kind: WireType, is_average: bool) -> WireType {
    match kind {
        WireType::TinyInt | WireType::SmallInt | WireType::Bit => WireType::Int,
        WireType::Real => WireType::Float,
        WireType::Decimal { scale, .. } => WireType::Decimal {
            precision: 38,
            scale: if is_average { scale.max(6) } else { scale },
        },
        kind => kind,
    }
}
