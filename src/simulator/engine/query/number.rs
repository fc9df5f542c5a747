//! ROW_NUMBER.

use std::collections::BTreeMap;

use super::order::{Keyed, sort};
use crate::simulator::engine::evaluate::{
    Column, Context, RowNumbers, Scope, Scopes, number_key, walk,
};
use crate::simulator::engine::value::row_key;
use crate::simulator::server_error::Result;
use crate::simulator::tsql::ast::{Expression, OrderItem};
use crate::transport::SqlValue;

impl Context<'_> {
    /// The numbers of each row, for every ROW_NUMBER in the expressions.
    pub(super) fn row_numbers<'e>(
        &self,
        expressions: impl Iterator<Item = &'e Expression>,
        columns: &[Column],
        rows: &[Vec<SqlValue>],
        outer: Scopes<'_>,
    ) -> Result<Vec<RowNumbers>> {
        let mut found = Vec::new();
        for expression in expressions {
            walk(expression, &mut |inner| {
                if matches!(inner, Expression::RowNumber { .. }) {
                    found.push(inner);
                }
            });
        }
        let mut numbers = vec![RowNumbers::new(); rows.len()];
        for expression in found {
            let Expression::RowNumber { partition, order } = expression else {
                continue;
            };
            let items: Vec<OrderItem> = order
                .iter()
                .map(|(value, is_descending)| OrderItem {
                    value: value.clone(),
                    is_descending: *is_descending,
                })
                .collect();
            let mut partitions = BTreeMap::new();
            for (at, row) in rows.iter().enumerate() {
                let scope = Scope {
                    columns,
                    row,
                    group: None,
                    numbers: None,
                    outer,
                };
                let values = |expressions: &mut dyn Iterator<Item = &Expression>| {
                    expressions
                        .map(|e| self.value(e, Some(&scope)))
                        .collect::<Result<Vec<_>>>()
                };
                let keys = values(&mut items.iter().map(|item| &item.value))?;
                let partition = row_key(&values(&mut partition.iter())?);
                partitions
                    .entry(partition)
                    .or_insert_with(Vec::new)
                    .push(Keyed { keys, row: at });
            }
            let key = number_key(expression);
            for rows in partitions.values_mut() {
                sort(rows, &items)?;
                for (number, keyed) in (1..).zip(rows.iter()) {
                    numbers[keyed.row].insert(key.clone(), number);
                }
            }
        }
        Ok(numbers)
    }
}
