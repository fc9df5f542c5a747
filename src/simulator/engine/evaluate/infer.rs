//! The type of an expression, before any row is read: clients see it also where no row comes.

use super::super::value::common_type;
use super::aggregate::total_type;
use super::predicate::one_column;
use super::{Context, Scopes, scope};
use crate::simulator::server_error::Result;
use crate::simulator::tsql::ast::{BinaryOperator, Expression, Literal};
use crate::simulator::wire_type::WireType;

impl Context<'_> {
    pub(crate) fn infer(&self, expression: &Expression, scope: Scopes<'_>) -> Result<WireType> {
        Ok(match expression {
            Expression::Literal(literal) => literal_type(literal),
            Expression::Variable(name) => self.frame.variable(name)?.kind,
            Expression::Global(name) => self.global(name)?.1,
            Expression::Column(parts) => scope::resolve(parts, scope)?.column.kind,
            Expression::Unary { operand, .. } | Expression::BinaryCollation(operand) => {
                self.infer(operand, scope)?
            }
            Expression::Binary { .. } => self.infer_chain(expression, scope)?,
            Expression::Subquery(query) => {
                let columns = self.query_columns(query, scope)?;
                match columns.as_slice() {
                    [column] => column.kind,
                    _ => return Err(one_column()),
                }
            }
            Expression::Case {
                branches,
                otherwise,
                ..
            } => {
                let results = branches
                    .iter()
                    .map(|(_, then)| then)
                    .chain(otherwise.as_deref());
                self.infer_common(results, scope)?
            }
            Expression::Convert { target, .. } => *target,
            Expression::Call {
                function,
                arguments,
                ..
            } if super::is_aggregate(expression) => {
                let argument = |at: usize| match arguments.get(at) {
                    Some(argument) => self.infer(argument, scope),
                    None => Ok(WireType::Int),
                };
                match function.name().to_ascii_uppercase().as_str() {
                    "COUNT" => WireType::Int,
                    "COUNT_BIG" => WireType::BigInt,
                    "SUM" => total_type(argument(0)?, false),
                    "AVG" => total_type(argument(0)?, true),
                    "STRING_AGG" => WireType::NVarChar(None),
                    _ => argument(0)?,
                }
            }
            Expression::Call {
                function,
                arguments,
                ..
            } => self.call_type(function, arguments, scope)?,
            Expression::CountRows => WireType::Int,
            Expression::RowNumber { .. } => WireType::BigInt,
            Expression::IsNull { .. }
            | Expression::InList { .. }
            | Expression::InQuery { .. }
            | Expression::Between { .. }
            | Expression::Like { .. }
            | Expression::Exists(_) => WireType::Bit,
        })
    }

    /// The type of a CASE or COALESCE. A NULL without a type takes any.
    pub(super) fn infer_common<'e>(
        &self,
        expressions: impl Iterator<Item = &'e Expression>,
        scope: Scopes<'_>,
    ) -> Result<WireType> {
        let mut common = None;
        for expression in expressions {
            if *expression == Expression::Literal(Literal::Null) {
                continue;
            }
            let kind = self.infer(expression, scope)?;
            common = Some(common.map_or(kind, |common| common_type(common, kind)));
        }
        Ok(common.unwrap_or(WireType::Int))
    }

    fn infer_chain(&self, expression: &Expression, scope: Scopes<'_>) -> Result<WireType> {
        let mut links = Vec::new();
        let mut first = expression;
        while let Expression::Binary {
            operator,
            left,
            right,
        } = first
        {
            links.push((*operator, right));
            first = left;
        }
        let mut kind = self.infer(first, scope)?;
        for (operator, right) in links.into_iter().rev() {
            kind = combined_type(operator, kind, self.infer(right, scope)?);
        }
        Ok(kind)
    }
}

fn literal_type(literal: &Literal) -> WireType {
    let length = |units: usize, most: u16| {
        u16::try_from(units.max(1))
            .ok()
            .filter(|units| *units <= most)
    };
    match literal {
        Literal::Null => WireType::Int,
        Literal::Int(value) if i32::try_from(*value).is_ok() => WireType::Int,
        // A whole number beyond int is a decimal to SQL Server.
        Literal::Int(value) => WireType::Decimal {
            precision: u8::try_from(value.unsigned_abs().to_string().len()).unwrap_or(19),
            scale: 0,
        },
        Literal::Decimal { unscaled, scale } => WireType::Decimal {
            precision: u8::try_from(unscaled.unsigned_abs().to_string().len())
                .unwrap_or(38)
                .max(*scale)
                .clamp(1, 38),
            scale: *scale,
        },
        Literal::Float(_) => WireType::Float,
        Literal::Text {
            value,
            is_national: true,
        } => WireType::NVarChar(length(value.encode_utf16().count(), 4000)),
        Literal::Text { value, .. } => WireType::VarChar(length(value.chars().count(), 8000)),
        Literal::Bytes(bytes) => WireType::VarBinary(length(bytes.len(), 8000)),
    }
}

fn combined_type(operator: BinaryOperator, left: WireType, right: WireType) -> WireType {
    if super::is_condition_operator(operator) {
        return WireType::Bit;
    }
    let sum = |a: Option<u16>, b: Option<u16>, most: u16| Some(a?.saturating_add(b?).min(most));
    let common = common_type(left, right);
    let length = |kind| match kind {
        WireType::NVarChar(length) | WireType::VarChar(length) | WireType::VarBinary(length) => {
            length
        }
        WireType::NChar(length) | WireType::Char(length) | WireType::Binary(length) => Some(length),
        _ => Some(0),
    };
    match common {
        WireType::NVarChar(_) | WireType::NChar(_) => {
            WireType::NVarChar(sum(length(left), length(right), 4000))
        }
        WireType::VarChar(_) | WireType::Char(_) => {
            WireType::VarChar(sum(length(left), length(right), 8000))
        }
        WireType::VarBinary(_) | WireType::Binary(_) => {
            WireType::VarBinary(sum(length(left), length(right), 8000))
        }
        // Of money, too, the result is a decimal here; to SQL Server it is money again.
        WireType::Decimal { .. } | WireType::Money | WireType::SmallMoney => {
            decimal_type(operator, left, right)
        }
        WireType::Bit => WireType::Int,
        kind => kind,
    }
}

/// The result's scale is what `combine` makes; its precision the widest, so that all fits.
fn decimal_type(operator: BinaryOperator, left: WireType, right: WireType) -> WireType {
    let scale = |kind| match kind {
        WireType::Decimal { scale, .. } => scale,
        WireType::Money | WireType::SmallMoney => 4,
        _ => 0,
    };
    let (left, right) = (scale(left), scale(right));
    let scale = match operator {
        BinaryOperator::Multiply => left.saturating_add(right),
        BinaryOperator::Divide => left.max(right).saturating_add(6),
        _ => left.max(right),
    };
    WireType::Decimal {
        precision: 38,
        scale: scale.min(38),
    }
}
