use std::ops::Range;

use super::mapped::Mapped;
use crate::error::{Error, ErrorKind, Result};

/// A `keyword=value` of a connection string.
pub(super) struct Pair {
    /// The keyword as it is written, `==` read as `=`.
    pub(super) keyword: String,
    /// The value as it is meant: without its quotes.
    pub(super) value: Mapped,
    /// Where the value with its quotes stands in the text that was read.
    pub(super) token: Range<usize>,
    /// Where all of it stands there, without the `;`.
    pub(super) whole: Range<usize>,
    /// The quote around the value.
    pub(super) quote: Option<char>,
}

/// Reads a connection string (documented: `DbConnectionStringBuilder`, `SqlConnection.ConnectionString`):
/// pairs apart by `;`, blanks around keyword and value don't count, a value may stand in `"…"` or `'…'`
/// with that quote doubled inside, and `==` in a keyword is one `=`.
pub(super) fn read(text: &Mapped) -> Result<Vec<Pair>> {
    let source = text.as_str();
    let mut pairs = Vec::new();
    let mut at = 0;
    loop {
        at += blanks(&source[at..], |c| c.is_whitespace() || c == ';');
        if at == source.len() {
            return Ok(pairs);
        }
        let start = at;
        let (keyword, length) =
            keyword(&source[at..]).ok_or_else(|| malformed("it has a keyword without a value"))?;
        at += length;
        at += blanks(&source[at..], char::is_whitespace);
        let quote = source[at..]
            .chars()
            .next()
            .filter(|c| matches!(c, '"' | '\''));
        let (token, value) = match quote {
            Some(quote) => {
                let length = quoted(&source[at..], quote)
                    .ok_or_else(|| malformed("it has a quote that is not closed"))?;
                let inside = at + 1..at + length - 1;
                let doubled = doubled(&source[inside.clone()], quote);
                (
                    at..at + length,
                    text.part(inside, |place| doubled.contains(&place)),
                )
            }
            None => {
                let all = &source[at..];
                let length = all[..all.find(';').unwrap_or(all.len())].trim_end().len();
                (at..at + length, text.part(at..at + length, |_| false))
            }
        };
        at = token.end;
        let rest = blanks(&source[at..], char::is_whitespace);
        if !matches!(source[at + rest..].chars().next(), None | Some(';')) {
            return Err(malformed("it has more behind a quoted value"));
        }
        pairs.push(Pair {
            keyword,
            value,
            whole: start..token.end,
            token,
            quote,
        });
        at += rest;
    }
}

/// A value as a connection string holds it: bare where that is enough, else in quotes, those that it had
/// (`quote`) or those that need no doubling. The one place where values are quoted so.
pub(super) fn quoted_value(value: &str, quote: Option<char>) -> String {
    let is_bare = !value.is_empty()
        && value.trim() == value
        && !value.starts_with('=')
        && !value.contains(|c: char| matches!(c, ';' | '\'' | '"') || c.is_control());
    let quote = match quote {
        None if is_bare => return value.to_owned(),
        Some(quote) => quote,
        None if value.contains('\'') && !value.contains('"') => '"',
        None => '\'',
    };
    let doubled = value.replace(quote, &format!("{quote}{quote}"));
    format!("{quote}{doubled}{quote}")
}

fn blanks(text: &str, is_blank: impl Fn(char) -> bool) -> usize {
    text.len() - text.trim_start_matches(is_blank).len()
}

/// The keyword up to its `=`, and how long both are.
fn keyword(text: &str) -> Option<(String, usize)> {
    let mut keyword = String::new();
    let mut characters = text.char_indices().peekable();
    while let Some((at, character)) = characters.next() {
        match character {
            '=' if characters.next_if(|(_, next)| *next == '=').is_some() => keyword.push('='),
            '=' => {
                let keyword = keyword.trim();
                return (!keyword.is_empty()).then(|| (keyword.to_owned(), at + 1));
            }
            ';' => return None,
            _ => keyword.push(character),
        }
    }
    None
}

/// How long a quoted value is that begins with its quote, quotes included.
fn quoted(text: &str, quote: char) -> Option<usize> {
    let mut rest = text.char_indices().skip(1).peekable();
    while let Some((at, character)) = rest.next() {
        if character == quote && rest.next_if(|(_, next)| *next == quote).is_none() {
            return Some(at + 1);
        }
    }
    None
}

/// The first of each two quotes.
fn doubled(inside: &str, quote: char) -> Vec<usize> {
    let quotes = inside.match_indices(quote).map(|(at, _)| at);
    quotes.step_by(2).collect()
}

fn malformed(problem: &str) -> Error {
    Error::new(
        ErrorKind::Corrupt,
        format!("its connection string is malformed: {problem}"),
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn plain(text: &str) -> Mapped {
        let mut mapped = Mapped::starting_at(0);
        for (at, character) in text.char_indices() {
            mapped.push(character, at + character.len_utf8());
        }
        mapped
    }

    fn pairs(text: &str) -> Vec<(String, String)> {
        let pairs = read(&plain(text)).unwrap();
        let pair = |pair: Pair| (pair.keyword, pair.value.as_str().to_owned());
        pairs.into_iter().map(pair).collect()
    }

    #[test]
    fn reads_what_sql_client_reads() {
        for (text, expected) in [
            ("", vec![]),
            (" ; ;", vec![]),
            ("a=1;b = 2 ;", vec![("a", "1"), ("b", "2")]),
            (
                "a='x;''y';b=\"p\"\"q'\"",
                vec![("a", "x;'y"), ("b", "p\"q'")],
            ),
            ("a==b=c=d", vec![("a=b", "c=d")]),
            ("a=;b=x y z", vec![("a", ""), ("b", "x y z")]),
            (
                "Data Source=S\\I,1\n;\n Initial Catalog=é",
                vec![("Data Source", "S\\I,1"), ("Initial Catalog", "é")],
            ),
        ] {
            let expected: Vec<_> = expected
                .into_iter()
                .map(|(keyword, value): (&str, &str)| (keyword.to_owned(), value.to_owned()))
                .collect();
            assert_eq!(pairs(text), expected, "{text:?}");
        }
        for bad in ["a", "a;b=1", "=1", "a='x", "a=\"x\"\"", "a='x'y;b=1"] {
            assert!(read(&plain(bad)).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn values_are_quoted_where_they_must() {
        for (value, quote, expected) in [
            (r"SQL01\ORCH", None, r"SQL01\ORCH"),
            ("SQL01,1433", Some('\''), "'SQL01,1433'"),
            ("o'clock", None, "\"o'clock\""),
            ("a;b", None, "'a;b'"),
            (" x", None, "' x'"),
            ("both ' and \"", None, "'both '' and \"'"),
            ("", None, "''"),
            ("=x", None, "'=x'"),
        ] {
            assert_eq!(quoted_value(value, quote), expected);
        }
    }

    proptest! {
        #[test]
        fn what_is_quoted_is_read_back(value in "[ -~é漢\u{a0}]{0,12}", quote in prop::option::of(prop_oneof![Just('\''), Just('"')])) {
            let text = format!("a=1; b = {} ;c=2", quoted_value(&value, quote));
            prop_assert_eq!(&pairs(&text)[1], &("b".to_owned(), value));
            prop_assert_eq!(pairs(&text).len(), 3);
        }

        #[test]
        fn reading_never_panics(text in "[=;'\" ab\\\\é]{0,24}") {
            let _ = read(&plain(&text));
        }
    }
}
