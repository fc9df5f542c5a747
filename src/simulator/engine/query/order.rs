//! ORDER BY.

use std::cmp::Ordering;

use super::rowset::Rowset;
use crate::simulator::engine::evaluate::Column;
use crate::simulator::engine::value::order;
use crate::simulator::instance::same_name;
use crate::simulator::server_error::{Result, ServerError};
use crate::simulator::tsql::ast::{Expression, Literal, OrderItem};
use crate::transport::SqlValue;

/// A row and what it is ordered by.
pub(super) struct Keyed<T> {
    pub(super) keys: Vec<SqlValue>,
    pub(super) row: T,
}

/// Sorts; rows that are equal keep their order. The first error of a comparison is reported.
pub(super) fn sort<T>(rows: &mut [Keyed<T>], items: &[OrderItem]) -> Result<()> {
    let mut failed = None;
    rows.sort_by(|left, right| {
        for ((a, b), item) in left.keys.iter().zip(&right.keys).zip(items) {
            match order(a, b) {
                Ok(Ordering::Equal) => {}
                Ok(found) if item.is_descending => return found.reverse(),
                Ok(found) => return found,
                Err(error) => {
                    failed.get_or_insert(error);
                }
            }
        }
        Ordering::Equal
    });
    failed.map_or(Ok(()), Err)
}

/// The output column that an ORDER BY item names: by its number (108) or its alias.
pub(super) fn output_column(item: &OrderItem, columns: &[Column]) -> Result<Option<usize>> {
    match &item.value {
        Expression::Literal(Literal::Int(number)) => usize::try_from(*number)
            .ok()
            .filter(|number| (1..=columns.len()).contains(number))
            .map(|number| Some(number - 1))
            .ok_or_else(|| {
                ServerError::new(
                    108,
                    16,
                    1,
                    format!(
                        "The ORDER BY position number {number} is out of range of the number of \
                         items in the select list."
                    ),
                )
            }),
        Expression::Column(parts) => match parts.as_slice() {
            [name] => Ok(columns
                .iter()
                .position(|column| same_name(&column.name, name))),
            _ => Ok(None),
        },
        _ => Ok(None),
    }
}

/// Orders the result of a UNION, which can only be ordered by what it shows (104).
pub(super) fn by_output(result: &mut Rowset, items: &[OrderItem]) -> Result<()> {
    if items.is_empty() {
        return Ok(());
    }
    let mut places = Vec::new();
    for item in items {
        places.push(output_column(item, &result.columns)?.ok_or_else(|| {
            ServerError::new(
                104,
                16,
                1,
                "ORDER BY items must appear in the select list if the statement contains a UNION, \
                 INTERSECT or EXCEPT operator.",
            )
        })?);
    }
    let mut rows: Vec<_> = std::mem::take(&mut result.rows)
        .into_iter()
        .map(|row| Keyed {
            keys: places.iter().map(|place| row[*place].clone()).collect(),
            row,
        })
        .collect();
    sort(&mut rows, items)?;
    result.rows = rows.into_iter().map(|keyed| keyed.row).collect();
    Ok(())
}
