use std::ops::Range;

use roxmltree::Node;

use super::keyword::SqlClientKeyword;
use super::setting::Setting;
use super::xml::{self, Edit, Value};
use crate::error::{Error, ErrorKind, Result};

/// What the variables of the Web API begin with, in web.config of 2022 and later. Microsoft writes it in
/// capitals too, so case does not count.
const PREFIX: &str = "Database__";

/// An `environmentVariables` element with variables `Database__*`.
pub(super) struct Environment {
    variables: Vec<Variable>,
    /// Where another one goes, and what goes before it: a newline and blanks, or nothing.
    end: usize,
    indent: String,
}

struct Variable {
    name: String,
    keyword: Option<SqlClientKeyword>,
    value: Value,
    /// The element, with the blanks before it.
    whole: Range<usize>,
}

impl Environment {
    /// Reads an `environmentVariables`; `None` where it holds none of Orchestrator's.
    pub(super) fn read(element: Node<'_, '_>) -> Result<Option<Self>> {
        let text = element.document().input_text();
        let mut this = Self {
            variables: Vec::new(),
            end: 0,
            indent: String::new(),
        };
        for node in element
            .children()
            .filter(|node| xml::is(*node, "environmentVariable"))
        {
            let name = xml::attribute(node, "name").unwrap_or_default();
            let is_ours = name
                .get(..PREFIX.len())
                .is_some_and(|start| start.eq_ignore_ascii_case(PREFIX));
            if !is_ours {
                continue;
            }
            let range = node.range();
            let before = text[..range.start]
                .trim_end_matches([' ', '\t', '\r', '\n'])
                .len();
            this.end = range.end;
            text[before..range.start].clone_into(&mut this.indent);
            let value = xml::value(node, "value")?.ok_or_else(|| {
                Error::new(
                    ErrorKind::Corrupt,
                    format!("the variable {name} has no value"),
                )
            })?;
            this.variables.push(Variable {
                name: name.to_owned(),
                keyword: SqlClientKeyword::named(&name[PREFIX.len()..]),
                value,
                whole: before..range.end,
            });
        }
        let has = |keyword| {
            this.variables
                .iter()
                .any(|variable| variable.keyword == Some(keyword))
        };
        // Applications of others have variables of this prefix too, such as Database__Provider.
        let is_orchestrator = has(SqlClientKeyword::Server) && has(SqlClientKeyword::Database);
        Ok(is_orchestrator.then_some(this))
    }

    pub(super) fn settings(&self) -> impl Iterator<Item = Setting<'_>> {
        self.variables.iter().map(|variable| Setting {
            name: &variable.name,
            keyword: variable.keyword,
            value: variable.value.text.as_str(),
        })
    }

    /// A name that stands there twice with two values, which IIS itself refuses.
    pub(super) fn contradiction(&self) -> Option<&str> {
        self.variables
            .iter()
            .enumerate()
            .find_map(|(at, variable)| {
                let mut others = self.variables[at + 1..].iter();
                others
                    .any(|other| {
                        other.name.eq_ignore_ascii_case(&variable.name)
                            && other.value.text.as_str() != variable.value.text.as_str()
                    })
                    .then_some(variable.name.as_str())
            })
    }

    /// What is to be changed for `keyword` to stand there once, with `value`.
    pub(super) fn edits(&self, keyword: SqlClientKeyword, value: &str) -> Vec<Edit> {
        let named: Vec<&Variable> = self
            .variables
            .iter()
            .filter(|variable| variable.keyword == Some(keyword))
            .collect();
        let is_usual =
            |variable: &&&Variable| variable.name.eq_ignore_ascii_case(keyword.in_environment());
        let Some(kept) = named.iter().find(is_usual).or_else(|| named.first()) else {
            return vec![self.another(keyword, value)];
        };
        let mut edits = Vec::new();
        for variable in &named {
            if variable.whole != kept.whole {
                edits.push(Edit {
                    range: variable.whole.clone(),
                    text: String::new(),
                });
            } else if variable.value.text.as_str() != value {
                edits.push(Edit {
                    range: variable.value.range.clone(),
                    text: xml::escaped(value, variable.value.quote),
                });
            }
        }
        edits
    }

    fn another(&self, keyword: SqlClientKeyword, value: &str) -> Edit {
        let quote = self.variables.last().map_or('"', |last| last.value.quote);
        Edit {
            range: self.end..self.end,
            text: format!(
                "{}<environmentVariable name={quote}{}{quote} value={quote}{}{quote} />",
                self.indent,
                keyword.in_environment(),
                xml::escaped(value, quote)
            ),
        }
    }
}
