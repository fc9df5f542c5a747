//! Joins: nested loops, which is enough here.

use super::rowset::Rowset;
use crate::simulator::engine::evaluate::{Column, Context, Scope, Scopes};
use crate::simulator::server_error::Result;
use crate::simulator::tsql::ast::{Expression, JoinKind, TableSource};
use crate::transport::SqlValue;

impl Context<'_> {
    pub(super) fn join(
        &self,
        kind: JoinKind,
        left: Rowset,
        right: &Rowset,
        condition: Option<&Expression>,
        outer: Scopes<'_>,
    ) -> Result<Rowset> {
        let right_width = right.columns.len();
        let left_width = left.columns.len();
        let columns: Vec<Column> = left.columns.iter().chain(&right.columns).cloned().collect();
        let mut rows = Vec::new();
        let mut right_met = vec![false; right.rows.len()];
        for left_row in &left.rows {
            let mut is_met = false;
            for (at, right_row) in right.rows.iter().enumerate() {
                let row: Vec<SqlValue> = left_row.iter().chain(right_row).cloned().collect();
                let scope = Scope {
                    columns: &columns,
                    row: &row,
                    group: None,
                    numbers: None,
                    outer,
                };
                let fits = match condition {
                    Some(condition) => self.condition(condition, Some(&scope))? == Some(true),
                    None => true,
                };
                if fits {
                    is_met = true;
                    right_met[at] = true;
                    rows.push(row);
                }
            }
            if !is_met && matches!(kind, JoinKind::Left | JoinKind::Full) {
                let mut row = left_row.clone();
                row.resize(left_width + right_width, SqlValue::Null);
                rows.push(row);
            }
        }
        if matches!(kind, JoinKind::Right | JoinKind::Full) {
            for (right_row, is_met) in right.rows.iter().zip(right_met) {
                if !is_met {
                    let mut row = vec![SqlValue::Null; left_width];
                    row.extend(right_row.iter().cloned());
                    rows.push(row);
                }
            }
        }
        Ok(Rowset { columns, rows })
    }

    /// The right side is read anew for each row of the left one.
    pub(super) fn apply(
        &self,
        left: Rowset,
        right: &TableSource,
        keeps_left: bool,
        outer: Scopes<'_>,
    ) -> Result<Rowset> {
        let no_row = vec![SqlValue::Null; left.columns.len()];
        let shape = Scope {
            columns: &left.columns,
            row: &no_row,
            group: None,
            numbers: None,
            outer,
        };
        let right_columns = self.source(right, Some(&shape), true)?.columns;
        let mut rows = Vec::new();
        for left_row in &left.rows {
            let scope = Scope {
                columns: &left.columns,
                row: left_row,
                group: None,
                numbers: None,
                outer,
            };
            let found = self.source(right, Some(&scope), false)?.rows;
            if found.is_empty() && keeps_left {
                let mut row = left_row.clone();
                row.resize(left.columns.len() + right_columns.len(), SqlValue::Null);
                rows.push(row);
            }
            rows.extend(found.into_iter().map(|right_row| {
                left_row
                    .iter()
                    .cloned()
                    .chain(right_row)
                    .collect::<Vec<_>>()
            }));
        }
        let columns = left.columns.iter().chain(&right_columns).cloned().collect();
        Ok(Rowset { columns, rows })
    }
}
