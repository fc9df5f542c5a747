use std::ops::Range;

use serde::de::IgnoredAny;

use super::encoding::Encoding;
use super::renaming::{Renaming, renamed_address};
use super::xml::{self, Edit};
use crate::error::{Error, ErrorKind, Result};
use crate::names::split_url;

/// The configuration of the HTML5 console, `assets\configuration.json`, which names the API's address
/// (documented; under which key is not).
pub(super) struct ConsoleConfig {
    encoding: Encoding,
    text: String,
    addresses: Vec<Address>,
}

/// A text value that is an address.
struct Address {
    /// The text with its quotes.
    token: Range<usize>,
    value: String,
}

impl ConsoleConfig {
    /// Reads a configuration.json.
    pub(super) fn read(bytes: &[u8]) -> Result<Self> {
        let (encoding, text) = Encoding::decode(bytes)?;
        // The reader says that it is JSON; where its texts stand it does not say.
        serde_json::from_str::<IgnoredAny>(&text)
            .map_err(|error| corrupt(format!("it is not JSON, at line {}", error.line())))?;
        let mut addresses = Vec::new();
        for token in values(&text) {
            let value: String = serde_json::from_str(&text[token.clone()])
                .map_err(|_| corrupt("a text of it can't be read"))?;
            if split_url(&value).is_some() {
                addresses.push(Address { token, value });
            }
        }
        Ok(Self {
            encoding,
            text,
            addresses,
        })
    }

    /// The addresses that it names, in their order.
    pub(super) fn addresses(&self) -> impl Iterator<Item = &str> {
        self.addresses.iter().map(|address| address.value.as_str())
    }

    /// The file's bytes with the new names of hosts in its addresses; `None` where they are there already.
    pub(super) fn renamed(&self, renamings: &[Renaming]) -> Result<Option<Vec<u8>>> {
        let mut edits = Vec::new();
        for address in &self.addresses {
            if let Some(wanted) = renamed_address(&address.value, renamings)
                && wanted != address.value
            {
                edits.push(Edit {
                    range: address.token.clone(),
                    text: serde_json::Value::from(wanted).to_string(),
                });
            }
        }
        if edits.is_empty() {
            return Ok(None);
        }
        let text = xml::apply(&self.text, edits)?;
        Ok(Some(self.encoding.encode(&text)))
    }
}

/// Where the texts of a JSON document stand that are values, not keys. What is no JSON was refused before.
fn values(text: &str) -> Vec<Range<usize>> {
    let bytes = text.as_bytes();
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(open) = bytes[at..].iter().position(|byte| *byte == b'"') {
        let start = at + open;
        let mut end = start + 1;
        while end < bytes.len() && bytes[end] != b'"' {
            end += if bytes[end] == b'\\' { 2 } else { 1 };
        }
        end = (end + 1).min(bytes.len());
        let behind = bytes[end..].iter().find(|byte| !byte.is_ascii_whitespace());
        if behind != Some(&b':') {
            found.push(start..end);
        }
        at = end;
    }
    found
}

fn corrupt(problem: impl Into<String>) -> Error {
    Error::new(ErrorKind::Corrupt, problem)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The texts that are values, as a reader of JSON gives them.
    fn texts(value: &serde_json::Value) -> Vec<String> {
        match value {
            serde_json::Value::String(text) => vec![text.clone()],
            serde_json::Value::Array(values) => values.iter().flat_map(texts).collect(),
            serde_json::Value::Object(values) => values.values().flat_map(texts).collect(),
            _ => Vec::new(),
        }
    }

    fn json() -> impl Strategy<Value = serde_json::Value> {
        let text = "[ -~é漢\\n\\\\\":]{0,8}";
        let leaf = prop_oneof![
            text.prop_map(serde_json::Value::from),
            any::<i32>().prop_map(serde_json::Value::from),
            Just(serde_json::Value::Null),
        ];
        leaf.prop_recursive(4, 24, 4, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(serde_json::Value::from),
                prop::collection::vec((text, inner), 0..4)
                    .prop_map(|pairs| { serde_json::Value::Object(pairs.into_iter().collect()) }),
            ]
        })
    }

    proptest! {
        #[test]
        fn texts_are_found_where_they_stand(value in json(), is_pretty in any::<bool>()) {
            let text = if is_pretty {
                serde_json::to_string_pretty(&value).unwrap()
            } else {
                value.to_string()
            };
            let found: Vec<String> = values(&text)
                .into_iter()
                .map(|range| serde_json::from_str(&text[range]).unwrap())
                .collect();
            prop_assert_eq!(found, texts(&value));
        }

        #[test]
        fn reading_never_panics(text in "[\"\\\\:{}, a\\[\\]/h]{0,24}") {
            let _ = values(&text);
            let _ = ConsoleConfig::read(text.as_bytes());
        }
    }
}
