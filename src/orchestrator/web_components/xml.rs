use std::ops::Range;

use roxmltree::{Attribute, Document, Node, ParsingOptions};

use super::mapped::Mapped;
use crate::error::{Error, ErrorKind, Result};

/// A change of a text: what stands in a range is replaced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Edit {
    pub(super) range: Range<usize>,
    pub(super) text: String,
}

/// The elements of a file. Document type declarations, and with them entities of one's own, are refused.
pub(super) fn parse(text: &str) -> Result<Document<'_>> {
    let options = ParsingOptions {
        allow_dtd: false,
        nodes_limit: 1 << 18,
        ..ParsingOptions::default()
    };
    Document::parse_with_options(text, options).map_err(|error| match error {
        roxmltree::Error::DtdDetected => Error::new(
            ErrorKind::Unsupported,
            "it has a document type declaration, which no web.config needs and which is not followed",
        ),
        // The reader's own text may hold parts of the file.
        error => Error::new(
            ErrorKind::Corrupt,
            format!("it is not well-formed XML, at line {}", error.pos()),
        ),
    })
}

/// Whether a node is the element `name`: spelled so, and without a prefix.
pub(super) fn is(node: Node<'_, '_>, name: &str) -> bool {
    node.is_element()
        && node.tag_name().name() == name
        && node.document().input_text()[node.range().start + 1..].starts_with(name)
}

/// The elements at a path below a node. A part of it that is encrypted has none of these.
pub(super) fn below<'a, 'input>(parent: Node<'a, 'input>, path: &[&str]) -> Vec<Node<'a, 'input>> {
    let Some((first, rest)) = path.split_first() else {
        return vec![parent];
    };
    parent
        .children()
        .filter(|node| is(*node, first))
        .flat_map(|node| below(node, rest))
        .collect()
}

/// The value of an attribute, as it is meant.
pub(super) fn attribute<'a>(node: Node<'a, '_>, name: &str) -> Option<&'a str> {
    plain_attribute(node, name).map(|attribute| attribute.value())
}

fn plain_attribute<'a, 'input>(
    node: Node<'a, 'input>,
    name: &str,
) -> Option<Attribute<'a, 'input>> {
    node.attributes()
        .find(|attribute| attribute.name() == name && attribute.namespace().is_none())
}

/// An attribute's value with its places.
pub(super) struct Value {
    pub(super) text: Mapped,
    /// Where it stands, without its quotes.
    pub(super) range: Range<usize>,
    /// The quote around it.
    pub(super) quote: char,
}

/// The value of an attribute and where each character of it stands.
pub(super) fn value(node: Node<'_, '_>, name: &str) -> Result<Option<Value>> {
    let Some(attribute) = plain_attribute(node, name) else {
        return Ok(None);
    };
    let source = node.document().input_text();
    let lost = || {
        Error::new(
            ErrorKind::Corrupt,
            format!("where the value of {name} stands can't be told"),
        )
    };
    // The reader counts the blanks around `=` up to 255 only, so the quotes are looked for here.
    let whole = attribute.range();
    let written = source.get(whole.clone()).ok_or_else(lost)?;
    let open = written.find(['"', '\'']).ok_or_else(lost)?;
    let quote = if written[open..].starts_with('"') {
        '"'
    } else {
        '\''
    };
    let range = whole.start + open + 1..whole.end - 1;
    let text = source
        .get(range.clone())
        .and_then(|raw| unescaped(raw, range.start))
        .filter(|text| text.as_str() == attribute.value())
        .ok_or_else(lost)?;
    Ok(Some(Value { text, range, quote }))
}

/// Reads the value of an attribute: references, and blanks as XML normalises them.
fn unescaped(raw: &str, start: usize) -> Option<Mapped> {
    let mut mapped = Mapped::starting_at(start);
    let mut at = 0;
    while let Some(character) = raw[at..].chars().next() {
        let (meant, length) = match character {
            '&' => {
                let end = raw[at..].find(';')?;
                (referenced(&raw[at + 1..at + end])?, end + 1)
            }
            '\r' if raw[at + 1..].starts_with('\n') => (' ', 2),
            '\r' | '\n' | '\t' => (' ', 1),
            other => (other, other.len_utf8()),
        };
        at += length;
        mapped.push(meant, start + at);
    }
    Some(mapped)
}

fn referenced(name: &str) -> Option<char> {
    let number = match name {
        "amp" => return Some('&'),
        "apos" => return Some('\''),
        "gt" => return Some('>'),
        "lt" => return Some('<'),
        "quot" => return Some('"'),
        _ => name.strip_prefix('#')?,
    };
    let code = match number.strip_prefix('x') {
        Some(hexadecimal) => u32::from_str_radix(hexadecimal, 16),
        None => number.parse(),
    };
    char::from_u32(code.ok()?)
}

/// A text as the value of an attribute holds it, within the quote `quote`. The one place where values
/// become XML.
pub(super) fn escaped(text: &str, quote: char) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' if quote == '"' => escaped.push_str("&quot;"),
            '\'' if quote == '\'' => escaped.push_str("&apos;"),
            // As they stand, a reader makes blanks of them.
            '\t' | '\n' | '\r' => {
                escaped.push_str(&format!("&#x{:X};", u32::from(character)));
            }
            other => escaped.push(other),
        }
    }
    escaped
}

/// Whether XML can hold a text at all.
pub(super) fn can_hold(text: &str) -> bool {
    !text.contains(|c: char| {
        matches!(c, '\0'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}')
    })
}

/// Applies changes that don't overlap.
pub(super) fn apply(text: &str, mut edits: Vec<Edit>) -> Result<String> {
    edits.sort_by_key(|edit| (edit.range.start, edit.range.end));
    let mut edited = String::with_capacity(text.len());
    let mut at = 0;
    for edit in &edits {
        let Some(kept) = text.get(at..edit.range.start) else {
            return Err(Error::new(ErrorKind::Internal, "two edits overlap"));
        };
        edited.push_str(kept);
        edited.push_str(&edit.text);
        at = edit.range.end;
    }
    edited.push_str(text.get(at..).unwrap_or_default());
    Ok(edited)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> Value {
        let document = parse(text).unwrap();
        value(document.root_element(), "v").unwrap().unwrap()
    }

    #[test]
    fn values_are_found_with_their_places() {
        let blanks = " ".repeat(300);
        for (text, meant, raw) in [
            ("<a v=\"x\"/>", "x", "x"),
            ("<a b='v=\"no\"' v = 'x\"y'/>", "x\"y", "x\"y"),
            (
                "<a v='&lt;&#65;&#x42;&apos;'/>",
                "<AB'",
                "&lt;&#65;&#x42;&apos;",
            ),
            ("<a v='p\r\nq\tr'/>", "p q r", "p\r\nq\tr"),
            ("<a v=''/>", "", ""),
            (&format!("<a v{blanks}={blanks}'x'/>"), "x", "x"),
        ] {
            let value = read(text);
            assert_eq!(value.text.as_str(), meant, "{text}");
            assert_eq!(&text[value.range.clone()], raw, "{text}");
            let all = value.text.source(0..value.text.as_str().len());
            assert_eq!(all, value.range, "{text}");
        }
    }

    #[test]
    fn only_the_plain_element_is_meant() {
        let text = "<r xmlns:p='u' xmlns='d'><p:v/><v p:w='1'/></r>";
        let document = parse(text).unwrap();
        let found: Vec<bool> = document
            .root_element()
            .children()
            .map(|node| is(node, "v"))
            .collect();
        assert_eq!(found, [false, true]);
        let last = document.root_element().last_child().unwrap();
        assert_eq!(attribute(last, "w"), None);
    }

    #[test]
    fn hostile_files_are_refused() {
        let nested = "<a>".repeat(1 << 20);
        let siblings = format!("<a>{}</a>", "<b/>".repeat(1 << 19));
        for (text, kind) in [
            (
                "<!DOCTYPE a [<!ENTITY x 'y'>]><a v='&x;'/>",
                ErrorKind::Unsupported,
            ),
            (
                "<!DOCTYPE a SYSTEM 'http://h/x'><a/>",
                ErrorKind::Unsupported,
            ),
            ("<!DOCTYPE a><a/>", ErrorKind::Unsupported),
            ("<a v='&x;'/>", ErrorKind::Corrupt),
            ("<a v='1' v='2'/>", ErrorKind::Corrupt),
            ("<a><b></a></b>", ErrorKind::Corrupt),
            ("<a>", ErrorKind::Corrupt),
            ("", ErrorKind::Corrupt),
            ("<a>\u{1}</a>", ErrorKind::Corrupt),
            ("<a/><b/>", ErrorKind::Corrupt),
            ("<a v=x/>", ErrorKind::Corrupt),
            (nested.as_str(), ErrorKind::Corrupt),
            (siblings.as_str(), ErrorKind::Corrupt),
        ] {
            let error = parse(text).unwrap_err();
            assert_eq!(error.kind(), kind, "{error}");
        }
    }

    proptest! {
        #[test]
        fn what_is_escaped_is_read_back(text in "[ -~\t\r\né漢𝄞]{0,12}", single in any::<bool>()) {
            let quote = if single { '\'' } else { '"' };
            let xml = format!("<a v={quote}{}{quote}/>", escaped(&text, quote));
            let value = read(&xml);
            prop_assert_eq!(value.text.as_str(), text.as_str());
            let document = parse(&xml).unwrap();
            prop_assert_eq!(attribute(document.root_element(), "v"), Some(text.as_str()));
        }
    }
}
