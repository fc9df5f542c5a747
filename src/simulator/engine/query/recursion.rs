//! A named query that names itself: what it begins with, and what comes of each step's rows.

use super::Named;
use super::rowset::Rowset;
use crate::simulator::engine::evaluate::{Context, is_aggregate, walk};
use crate::simulator::instance::same_name;
use crate::simulator::server_error::{Result, ServerError};
use crate::simulator::tsql::ast::{
    Expression, JoinKind, NamedQuery, Query, QueryBody, Select, SelectItem, SetOperator,
    TableSource,
};

/// How many rows it may give here. To SQL Server it is tempdb that ends.
const MOST_ROWS: usize = 1_000_000;

#[derive(Debug)]
pub(super) struct Recursion<'a> {
    named: &'a NamedQuery,
    anchor: &'a QueryBody,
    /// What reads the rows of the step before.
    members: Vec<&'a Select>,
}

/// How often a query is named.
#[derive(Clone, Copy, Debug, Default)]
struct References {
    /// Behind FROM.
    sources: usize,
    /// In queries inside of expressions.
    in_subqueries: usize,
}

impl<'a> Recursion<'a> {
    /// `None` for a query that does not name itself.
    pub(super) fn of(named: &'a NamedQuery) -> Result<Option<Self>> {
        let names_itself = |body: &QueryBody| {
            let mut found = References::default();
            found.body(body, &named.name);
            found.sources + found.in_subqueries > 0
        };
        let Query {
            named: inner,
            body,
            order_by,
            ..
        } = &named.query;
        if !names_itself(body) {
            return Ok(None);
        }
        if !inner.is_empty() || !order_by.is_empty() {
            return Err(ServerError::unsupported(
                "WITH and ORDER BY in a query that names itself",
            ));
        }
        let (mut anchor, mut members) = (body, Vec::new());
        while let QueryBody::Set {
            operator: SetOperator::UnionAll,
            left,
            right,
        } = anchor
            && names_itself(right)
        {
            let QueryBody::Select(member) = &**right else {
                return Err(ServerError::unsupported(
                    "several queries in parentheses that name themselves",
                ));
            };
            members.push(&**member);
            anchor = left;
        }
        if names_itself(anchor) {
            return Err(no_anchor(&named.name, anchor, members.is_empty()));
        }
        members.reverse();
        for member in &members {
            check(&named.name, member)?;
        }
        Ok(Some(Self {
            named,
            anchor,
            members,
        }))
    }
}

/// Why what is left of the members still names itself.
fn no_anchor(name: &str, rest: &QueryBody, is_whole: bool) -> ServerError {
    let (number, text) = match rest {
        QueryBody::Select(_) if !is_whole => (
            246,
            format!("No anchor member was specified for recursive query \"{name}\"."),
        ),
        QueryBody::Set {
            operator: SetOperator::UnionAll,
            ..
        } => (
            247,
            format!(
                "An anchor member was found in the recursive part of recursive query \"{name}\"."
            ),
        ),
        _ => (
            252,
            format!(
                "Recursive common table expression '{name}' does not contain a top-level UNION ALL \
                 operator."
            ),
        ),
    };
    ServerError::new(number, 16, 1, text)
}

/// What a member that names the query must not have.
fn check(name: &str, member: &Select) -> Result<()> {
    let mut found = References::default();
    found.select(member, name);
    let has_aggregate = expressions(member).any(|expression| {
        let mut found = false;
        walk(expression, &mut |inner| found |= is_aggregate(inner));
        found
    });
    let part = format!("the recursive part of a recursive common table expression '{name}'.");
    let problem = if member.is_distinct {
        (460, format!("DISTINCT operator is not allowed in {part}"))
    } else if member.top.is_some() {
        (
            461,
            format!("The TOP or OFFSET operator is not allowed in {part}"),
        )
    } else if member.from.as_ref().is_some_and(has_outer_join) {
        (462, format!("Outer join is not allowed in {part}"))
    } else if has_aggregate || !member.group_by.is_empty() || member.having.is_some() {
        (
            467,
            format!("GROUP BY, HAVING, or aggregate functions are not allowed in {part}"),
        )
    } else if found.in_subqueries > 0 {
        (
            465,
            "Recursive references are not allowed in subqueries.".to_owned(),
        )
    } else if found.sources > 1 {
        (
            253,
            format!(
                "Recursive member of a common table expression '{name}' has multiple recursive \
                 references."
            ),
        )
    } else {
        return Ok(());
    };
    Err(ServerError::new(problem.0, 16, 1, problem.1))
}

fn expressions(select: &Select) -> impl Iterator<Item = &Expression> {
    let items = select.items.iter().filter_map(|item| match item {
        SelectItem::Value { value, .. } | SelectItem::Assign { value, .. } => Some(value),
        SelectItem::All(_) => None,
    });
    items
        .chain(&select.filter)
        .chain(&select.group_by)
        .chain(&select.having)
}

fn has_outer_join(source: &TableSource) -> bool {
    match source {
        TableSource::Join {
            kind, left, right, ..
        } => {
            let is_outer = matches!(
                kind,
                JoinKind::Left | JoinKind::Right | JoinKind::Full | JoinKind::OuterApply
            );
            is_outer || has_outer_join(left) || has_outer_join(right)
        }
        _ => false,
    }
}

impl References {
    fn body(&mut self, body: &QueryBody, name: &str) {
        match body {
            QueryBody::Select(select) => self.select(select, name),
            QueryBody::Set { left, right, .. } => {
                self.body(left, name);
                self.body(right, name);
            }
        }
    }

    fn select(&mut self, select: &Select, name: &str) {
        if let Some(from) = &select.from {
            self.source(from, name);
        }
        for expression in expressions(select) {
            self.expression(expression, name);
        }
    }

    fn source(&mut self, source: &TableSource, name: &str) {
        match source {
            TableSource::Table { name: table, .. } => {
                let is_it = matches!(&table.parts[..], [plain] if same_name(plain, name));
                self.sources += usize::from(is_it);
            }
            TableSource::Derived { query, .. } => self.body(&query.body, name),
            TableSource::Join {
                left,
                right,
                condition,
                ..
            } => {
                self.source(left, name);
                self.source(right, name);
                if let Some(expression) = condition {
                    self.expression(expression, name);
                }
            }
            TableSource::Function { arguments, .. } => {
                for expression in arguments {
                    self.expression(expression, name);
                }
            }
            TableSource::Values { rows, .. } => {
                for expression in rows.iter().flatten() {
                    self.expression(expression, name);
                }
            }
            TableSource::Bulk { .. } => {}
        }
    }

    fn expression(&mut self, expression: &Expression, name: &str) {
        walk(expression, &mut |inner| {
            let query = match inner {
                Expression::Subquery(query) | Expression::Exists(query) => query,
                Expression::InQuery { query, .. } => query,
                _ => return,
            };
            let mut found = Self::default();
            found.body(&query.body, name);
            self.in_subqueries += found.sources + found.in_subqueries;
        });
    }
}

impl Context<'_> {
    /// The rows that it begins with, and all that come of them; `before` is what it may name besides
    /// itself.
    pub(super) fn recurse(
        &self,
        recursion: &Recursion<'_>,
        before: &Named<'_>,
        is_shape: bool,
    ) -> Result<Rowset> {
        let mut all = Rowset {
            columns: self.body_columns(recursion.anchor, None)?,
            rows: Vec::new(),
        };
        self.check_types(recursion, before, &all)?;
        if is_shape {
            return Ok(all);
        }
        let mut step = self.body(recursion.anchor, None)?;
        let mut steps = 0_u16;
        while !step.rows.is_empty() {
            let mut next = Vec::new();
            {
                let named = before.at_step(recursion.named, &step);
                let context = Context {
                    named: Some(&named),
                    ..*self
                };
                for member in &recursion.members {
                    next.append(&mut context.select(member, &[], None)?.rows);
                }
            }
            all.rows.append(&mut step.rows);
            if all.rows.len() > MOST_ROWS {
                return Err(ServerError::unsupported(
                    "a query that names itself for more than 1,000,000 rows",
                ));
            }
            if !next.is_empty() {
                if before.most_steps > 0 && steps == before.most_steps {
                    return Err(exhausted(before.most_steps));
                }
                steps = steps.saturating_add(1);
            }
            step.rows = next;
        }
        Ok(all)
    }

    /// 240: what a member gives must be of the very types that the query begins with.
    fn check_types(
        &self,
        recursion: &Recursion<'_>,
        before: &Named<'_>,
        begun: &Rowset,
    ) -> Result<()> {
        let named = before.at_step(recursion.named, begun);
        let context = Context {
            named: Some(&named),
            ..*self
        };
        for member in &recursion.members {
            let columns = context.select_columns(member, None)?;
            super::set::common_columns(begun.columns.clone(), &columns)?;
            let names = &recursion.named.columns;
            for (at, (column, other)) in begun.columns.iter().zip(&columns).enumerate() {
                if column.kind != other.kind {
                    return Err(ServerError::new(
                        240,
                        16,
                        1,
                        format!(
                            "Types don't match between the anchor and the recursive part in column \
                             \"{}\" of recursive query \"{}\".",
                            names.get(at).unwrap_or(&column.name),
                            recursion.named.name
                        ),
                    ));
                }
            }
        }
        Ok(())
    }
}

/// 530.
fn exhausted(most: u16) -> ServerError {
    ServerError::new(
        530,
        16,
        1,
        format!(
            "The statement terminated. The maximum recursion {most} has been exhausted before \
             statement completion."
        ),
    )
}
