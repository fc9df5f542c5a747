//! UNION, EXCEPT, INTERSECT.

use std::collections::BTreeSet;

use super::rowset::{Rowset, conform};
use crate::simulator::engine::evaluate::Column;
use crate::simulator::engine::value::{common_type, row_key};
use crate::simulator::server_error::{Result, ServerError};
use crate::simulator::tsql::ast::SetOperator;

/// The left side's names, and types that hold both sides' values (205).
pub(super) fn common_columns(left: Vec<Column>, right: &[Column]) -> Result<Vec<Column>> {
    if left.len() != right.len() {
        return Err(ServerError::new(
            205,
            16,
            1,
            "All queries combined using a UNION, INTERSECT or EXCEPT operator must have an equal \
             number of expressions in their target lists.",
        ));
    }
    Ok(left
        .into_iter()
        .zip(right)
        .map(|(left, right)| Column {
            kind: common_type(left.kind, right.kind),
            is_nullable: left.is_nullable || right.is_nullable,
            ..left
        })
        .collect())
}

pub(super) fn combine(operator: SetOperator, left: Rowset, right: Rowset) -> Result<Rowset> {
    let columns = common_columns(left.columns, &right.columns)?;
    let conformed = |rows: Vec<Vec<_>>| -> Result<Vec<Vec<_>>> {
        rows.into_iter()
            .map(|row| {
                row.into_iter()
                    .zip(&columns)
                    .map(|(value, column)| conform(value, column.kind))
                    .collect()
            })
            .collect()
    };
    let mut rows = conformed(left.rows)?;
    let others = conformed(right.rows)?;
    match operator {
        SetOperator::UnionAll => rows.extend(others),
        SetOperator::Union => {
            rows.extend(others);
            distinct(&mut rows);
        }
        SetOperator::Except | SetOperator::Intersect => {
            let known: BTreeSet<_> = others.iter().map(|row| row_key(row)).collect();
            let is_kept = operator == SetOperator::Intersect;
            rows.retain(|row| known.contains(&row_key(row)) == is_kept);
            distinct(&mut rows);
        }
    }
    Ok(Rowset { columns, rows })
}

/// Keeps the first of equal rows.
pub(super) fn distinct(rows: &mut Vec<Vec<crate::transport::SqlValue>>) {
    let mut seen = BTreeSet::new();
    rows.retain(|row| seen.insert(row_key(row)));
}
