//! Queries: rows from sources, filtered, grouped, ordered.

mod bulk;
mod group;
mod join;
mod lookup;
mod named;
mod number;
mod order;
mod recursion;
mod rowset;
mod select;
mod set;
mod source;

use super::evaluate::{Context, Scopes};
use crate::simulator::server_error::{Result, ServerError};
use crate::simulator::tsql::ast::{Query, QueryBody};

pub(crate) use lookup::invalid_object;
pub(crate) use named::Named;
pub(crate) use rowset::{Rowset, conform};
pub(crate) use source::ROW_ID;

impl Context<'_> {
    /// The rows of a query.
    pub(crate) fn query(&self, query: &Query, outer: Scopes<'_>) -> Result<Rowset> {
        let named = Named::of(query, self.named);
        let context = Context {
            named: Some(&named),
            ..*self
        };
        let skip = context.count(query.offset.as_ref(), outer)?.unwrap_or(0);
        let take = context.count(query.fetch.as_ref(), outer)?;
        let mut result = match &query.body {
            QueryBody::Select(select) => context.select(select, &query.order_by, outer)?,
            body => {
                let mut result = context.body(body, outer)?;
                order::by_output(&mut result, &query.order_by)?;
                result
            }
        };
        if skip > 0 || take.is_some() {
            result.rows = result
                .rows
                .into_iter()
                .skip(skip)
                .take(take.unwrap_or(usize::MAX))
                .collect();
        }
        Ok(result)
    }

    fn body(&self, body: &QueryBody, outer: Scopes<'_>) -> Result<Rowset> {
        match body {
            QueryBody::Select(select) => self.select(select, &[], outer),
            QueryBody::Set {
                operator,
                left,
                right,
            } => {
                // Chains of UNION nest on the left; the parser bounds them.
                let left = self.body(left, outer)?;
                let right = self.body(right, outer)?;
                set::combine(*operator, left, right)
            }
        }
    }

    /// The columns of a query, without reading rows.
    pub(crate) fn query_columns(
        &self,
        query: &Query,
        outer: Scopes<'_>,
    ) -> Result<Vec<super::evaluate::Column>> {
        let named = Named::of(query, self.named);
        let context = Context {
            named: Some(&named),
            ..*self
        };
        context.body_columns(&query.body, outer)
    }

    fn body_columns(
        &self,
        body: &QueryBody,
        outer: Scopes<'_>,
    ) -> Result<Vec<super::evaluate::Column>> {
        match body {
            QueryBody::Select(select) => self.select_columns(select, outer),
            QueryBody::Set { left, right, .. } => {
                let left = self.body_columns(left, outer)?;
                let right = self.body_columns(right, outer)?;
                set::common_columns(left, &right)
            }
        }
    }

    /// The number of TOP, OFFSET and FETCH.
    fn count(
        &self,
        expression: Option<&crate::simulator::tsql::ast::Expression>,
        outer: Scopes<'_>,
    ) -> Result<Option<usize>> {
        let Some(expression) = expression else {
            return Ok(None);
        };
        let number = super::evaluate::integer(&self.value(expression, outer)?)?;
        match number.map(usize::try_from) {
            Some(Ok(number)) => Ok(Some(number)),
            _ => Err(ServerError::new(
                1060,
                15,
                1,
                "The number of rows provided for a TOP or FETCH clauses row count parameter must \
                 be an integer.",
            )),
        }
    }
}
