use std::ops::Range;

use roxmltree::Node;

use super::connection_string::{self, Pair, quoted_value};
use super::keyword::SqlClientKeyword;
use super::mapped::Mapped;
use super::setting::Setting;
use super::xml::{self, Edit};
use crate::error::{Error, ErrorKind, Result};

/// The name of the web service's connection string, in web.config of 2012 to 2019.
pub(super) const NAME: &str = "OrchestratorContext";

/// The keyword of Entity Framework under which SqlClient's connection string stands.
const INNER: &str = "provider connection string";

/// The connection string `OrchestratorContext`: one of Entity Framework, in which one of SqlClient stands
/// in quotes.
pub(super) struct EntityString {
    inner: Mapped,
    pairs: Vec<Pair>,
    /// The quote around the inner one; what is put into it has this quote doubled.
    inner_quote: char,
    /// The quote of the attribute.
    xml_quote: char,
}

impl EntityString {
    /// Reads an `<add name="OrchestratorContext" connectionString="…"/>`.
    pub(super) fn read(add: Node<'_, '_>) -> Result<Self> {
        let value = xml::value(add, "connectionString")?
            .ok_or_else(|| foreign("it has no attribute connectionString"))?;
        let outer = connection_string::read(&value.text)?;
        let mut named = outer
            .into_iter()
            .filter(|pair| pair.keyword.eq_ignore_ascii_case(INNER));
        let (Some(inner), None) = (named.next(), named.next()) else {
            return Err(foreign(
                "it has no, or more than one, part `provider connection string`",
            ));
        };
        let Some(inner_quote) = inner.quote else {
            return Err(foreign(
                "its part `provider connection string` is not in quotes",
            ));
        };
        Ok(Self {
            pairs: connection_string::read(&inner.value)?,
            inner: inner.value,
            inner_quote,
            xml_quote: value.quote,
        })
    }

    pub(super) fn settings(&self) -> impl Iterator<Item = Setting<'_>> {
        self.pairs.iter().map(|pair| Setting {
            name: &pair.keyword,
            keyword: SqlClientKeyword::named(&pair.keyword),
            value: pair.value.as_str(),
        })
    }

    /// What is to be changed for `keyword` to stand there once, with `value`.
    pub(super) fn edits(&self, keyword: SqlClientKeyword, value: &str) -> Vec<Edit> {
        let is_it = |pair: &&Pair| SqlClientKeyword::named(&pair.keyword) == Some(keyword);
        // The last one counts, and stays (documented).
        let Some(last) = self.pairs.iter().rfind(is_it) else {
            let name = keyword.in_connection_string();
            let pair = format!("{name}={}", quoted_value(value, None));
            // More than one may be put there, one behind the other.
            let (end, text) = match self.pairs.last() {
                Some(last) => (last.token.end, format!(";{pair}")),
                None => (0, format!("{pair};")),
            };
            return vec![self.edit(end..end, &text)];
        };
        let mut edits: Vec<Edit> = self
            .pairs
            .iter()
            .zip(self.pairs.iter().skip(1))
            .filter(|(pair, _)| is_it(pair) && pair.whole.start < last.whole.start)
            .map(|(pair, next)| self.edit(pair.whole.start..next.whole.start, ""))
            .collect();
        if last.value.as_str() != value {
            edits.push(self.edit(last.token.clone(), &quoted_value(value, last.quote)));
        }
        edits
    }

    fn edit(&self, part: Range<usize>, text: &str) -> Edit {
        let quote = self.inner_quote;
        let doubled = text.replace(quote, &format!("{quote}{quote}"));
        Edit {
            range: self.inner.source(part),
            text: xml::escaped(&doubled, self.xml_quote),
        }
    }
}

fn foreign(problem: &str) -> Error {
    Error::new(
        ErrorKind::Corrupt,
        format!("the connection string {NAME} is not as Orchestrator writes it: {problem}"),
    )
}
