//! What WITH names.

use super::recursion::Recursion;
use super::rowset::Rowset;
use super::source::rename;
use crate::simulator::engine::evaluate::Context;
use crate::simulator::instance::same_name;
use crate::simulator::server_error::Result;
use crate::simulator::tsql::ast::{NamedQuery, Query};

/// How often a query names itself where OPTION says nothing.
const MOST_STEPS: u16 = 100;

/// The queries that WITH names, around the one that is read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Named<'a> {
    queries: &'a [NamedQuery],
    outer: Option<&'a Self>,
    /// How often one of them may name itself; 0 is without end.
    pub(super) most_steps: u16,
    /// The one that names itself, and the rows of the step before.
    step: Option<(&'a NamedQuery, &'a Rowset)>,
}

/// What a name stands for.
enum Found<'a> {
    Query(&'a NamedQuery, Named<'a>),
    Step(&'a NamedQuery, &'a Rowset),
}

impl<'a> Named<'a> {
    pub(super) fn of(query: &'a Query, outer: Option<&'a Self>) -> Self {
        let around = outer.map_or(MOST_STEPS, |outer| outer.most_steps);
        Self {
            queries: &query.named,
            outer,
            most_steps: query.max_recursion.unwrap_or(around),
            step: None,
        }
    }

    /// The same where `named` stands for the rows of its step before.
    pub(super) fn at_step<'b>(&self, named: &'b NamedQuery, rows: &'b Rowset) -> Named<'b>
    where
        'a: 'b,
    {
        Named {
            step: Some((named, rows)),
            ..*self
        }
    }

    /// A named query, and those that it may name: the ones before it.
    fn find(&'a self, name: &str) -> Option<Found<'a>> {
        if let Some((named, rows)) = self.step
            && same_name(&named.name, name)
        {
            return Some(Found::Step(named, rows));
        }
        let mut queries = self.queries.iter();
        match queries.position(|named| same_name(&named.name, name)) {
            Some(at) => {
                let before = Self {
                    queries: &self.queries[..at],
                    step: None,
                    ..*self
                };
                Some(Found::Query(&self.queries[at], before))
            }
            None => self.outer?.find(name),
        }
    }
}

impl Context<'_> {
    /// The rows of what WITH names so; `None` where it names nothing so.
    pub(super) fn named_rows(
        &self,
        name: &str,
        alias: Option<&str>,
        is_shape: bool,
    ) -> Result<Option<Rowset>> {
        let Some(found) = self.named.and_then(|named| named.find(name)) else {
            return Ok(None);
        };
        let (named, mut rowset) = match found {
            Found::Step(named, step) => (named, step.clone()),
            Found::Query(named, before) => {
                let context = Context {
                    named: Some(&before),
                    ..*self
                };
                let rowset = match Recursion::of(named)? {
                    Some(recursion) => context.recurse(&recursion, &before, is_shape)?,
                    None if is_shape => Rowset {
                        columns: context.query_columns(&named.query, None)?,
                        rows: Vec::new(),
                    },
                    None => context.query(&named.query, None)?,
                };
                (named, rowset)
            }
        };
        rename(&mut rowset, alias.unwrap_or(name), &named.columns)?;
        Ok(Some(rowset))
    }
}
