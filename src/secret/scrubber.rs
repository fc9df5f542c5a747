//! Takes known secrets out of what a server says.
//!
//! A server that is asked to back up a key under a password may echo the statement in a syntax
//! error (102, 105), and a hostile one in any form it likes.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD as BASE64;
use zeroize::Zeroizing;

use crate::secret::Secret;

/// A part of a secret as short as this is taken out too: servers cut what they echo.
const PART: usize = 8;
const MASK: &str = "***";

/// The secrets of one statement, in the forms in which they may come back.
#[derive(Default)]
pub(crate) struct Scrubber {
    forms: Vec<Zeroizing<String>>,
}

impl Scrubber {
    pub(crate) fn of(secrets: &[&Secret]) -> Self {
        let mut forms = Vec::new();
        for secret in secrets.iter().filter(|secret| !secret.expose().is_empty()) {
            let raw = secret.expose();
            let utf16: Zeroizing<Vec<u8>> =
                Zeroizing::new(raw.encode_utf16().flat_map(u16::to_le_bytes).collect());
            forms.push(Zeroizing::new(raw.to_owned()));
            forms.push(Zeroizing::new(raw.replace('\'', "''")));
            for bytes in [raw.as_bytes(), &utf16] {
                forms.push(Zeroizing::new(hex::encode(bytes)));
                forms.push(Zeroizing::new(hex::encode_upper(bytes)));
                forms.push(Zeroizing::new(BASE64.encode(bytes)));
                forms.push(Zeroizing::new(
                    bytes.iter().map(|b| char::from(*b)).collect(),
                ));
            }
        }
        forms.sort_by_key(|form| std::cmp::Reverse(form.len()));
        forms.dedup();
        Self { forms }
    }

    /// The text with `***` for every secret and every long part of one.
    pub(crate) fn text(&self, text: &str) -> String {
        let mut hidden = vec![false; text.len()];
        for form in &self.forms {
            for (part, _) in parts(form) {
                for (at, found) in text.match_indices(part) {
                    hidden[at..at + found.len()].fill(true);
                }
            }
        }
        let mut clean = String::with_capacity(text.len());
        let mut was_hidden = false;
        for (at, c) in text.char_indices() {
            if !hidden[at] {
                clean.push(c);
            } else if !was_hidden {
                clean.push_str(MASK);
            }
            was_hidden = hidden[at];
        }
        clean
    }
}

/// Every run of [`PART`] characters; a shorter form is one part.
fn parts(form: &str) -> impl Iterator<Item = (&str, usize)> {
    let starts: Vec<usize> = form.char_indices().map(|(at, _)| at).collect();
    let count = starts.len();
    (0..count.saturating_sub(PART - 1).max(1)).map(move |first| {
        let end = starts.get(first + PART).copied().unwrap_or(form.len());
        (&form[starts[first]..end], first)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_taken_out_in_every_form_and_in_parts() {
        let secret = Secret::new("Pa55'w0rd-of-the-key".to_owned());
        let scrubber = Scrubber::of(&[&secret]);
        for (text, clean) in [
            ("near 'Pa55'w0rd-of-the-key'.", "near '***'."),
            ("near 'Pa55''w0rd-of-the-key'.", "near '***'."),
            ("near 'w0rd-of-th", "near ***"),
            (
                "x 506135352777307264 UGE1NSd3MHJkLW9mLXRoZS1rZXk",
                "x *** ***",
            ),
            ("nothing here", "nothing here"),
        ] {
            assert_eq!(scrubber.text(text), clean);
        }
        let wide: String = "Pa55'w0rd-of-the-key"
            .chars()
            .flat_map(|c| [c, '\0'])
            .collect();
        assert_eq!(scrubber.text(&wide), "***");
    }

    #[test]
    fn short_and_empty_secrets_are_no_trouble() {
        let scrubber = Scrubber::of(&[&Secret::new(String::new()), &Secret::new("é".to_owned())]);
        assert_eq!(scrubber.text("caf\u{e9} au lait"), "caf*** au lait");
    }
}
