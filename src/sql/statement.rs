//! The only place where a value becomes T-SQL.
//!
//! Keywords are `&'static str`, so no text from outside can get in as one; everything else is
//! quoted here. Each statement grows together with its redacted twin.

use zeroize::Zeroizing;

use crate::secret::Secret;
use crate::transport::SqlBatch;

/// A statement under construction.
pub(crate) struct Statement {
    clear: Zeroizing<String>,
    redacted: String,
}

impl Statement {
    pub(crate) fn new(text: &'static str) -> Self {
        Self {
            clear: Zeroizing::new(String::with_capacity(512)),
            redacted: String::with_capacity(512),
        }
        .text(text)
    }

    /// Keywords and punctuation.
    #[must_use]
    pub(crate) fn text(self, text: &'static str) -> Self {
        self.both(text)
    }

    /// The name of a permission: words of capital letters. Others, which a value that came by JSON may
    /// hold, become an identifier, which no server takes for a permission.
    #[must_use]
    pub(crate) fn keywords(self, words: &str) -> Self {
        let is_keywords = words.chars().all(|c| c.is_ascii_uppercase() || c == ' ');
        if is_keywords && !words.trim().is_empty() {
            self.both(words)
        } else {
            self.identifier(words)
        }
    }

    /// An identifier: `[a]]b]`.
    #[must_use]
    pub(crate) fn identifier(self, name: &str) -> Self {
        let quoted = quote_identifier(name);
        self.both(&quoted)
    }

    /// A text: `N'o''clock'`. Where it is no [literal in one piece](is_one_literal), the sum of two,
    /// which stands wherever T-SQL takes an expression; names and paths have no line breaks.
    #[must_use]
    pub(crate) fn literal(self, value: &str) -> Self {
        let quoted = quote_literal(value);
        self.both(&quoted)
    }

    /// A whole number.
    #[must_use]
    pub(crate) fn number(self, value: impl Into<i64>) -> Self {
        let digits = value.into().to_string();
        self.both(&digits)
    }

    /// Bytes: `0x0D0A`.
    #[must_use]
    pub(crate) fn bytes(self, value: &[u8]) -> Self {
        let digits = format!("0x{}", hex::encode_upper(value));
        self.both(&digits)
    }

    /// A secret text: quoted in the statement, `'***'` in its twin. It must be
    /// [one literal](is_one_literal): T-SQL takes passwords as nothing else.
    #[must_use]
    pub(crate) fn secret(mut self, secret: &Secret) -> Self {
        // A string that grows by itself leaves its old bytes behind, so room is made beforehand and
        // the text is quoted in place.
        let secret = secret.expose();
        self.reserve(secret.len() * 2 + 3);
        self.clear.push_str("N'");
        for c in secret.chars() {
            if c == '\'' {
                self.clear.push('\'');
            }
            self.clear.push(c);
        }
        self.clear.push('\'');
        self.redacted.push_str("'***'");
        self
    }

    /// A secret binary value, whose text is `0x…`: as it is in the statement, `'***'` in its twin.
    /// Any other text is quoted, which no server takes for one.
    #[must_use]
    pub(crate) fn secret_bytes(mut self, secret: &Secret) -> Self {
        let text = secret.expose();
        let digits = text.strip_prefix("0x").unwrap_or_default();
        if digits.is_empty() || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return self.secret(secret);
        }
        self.reserve(text.len());
        self.clear.push_str(text);
        self.redacted.push_str("'***'");
        self
    }

    /// Another statement behind this one, in the same batch.
    #[must_use]
    pub(crate) fn and(mut self, other: &Self) -> Self {
        self.reserve(other.clear.len() + 2);
        self.clear.push_str("; ");
        self.clear.push_str(&other.clear);
        self.redacted.push_str("; ");
        self.redacted.push_str(&other.redacted);
        self
    }

    /// The batch to send.
    pub(crate) fn batch(self) -> SqlBatch {
        SqlBatch::secret(self.clear, self.redacted)
    }

    /// What the statement looks like, secrets as `***`.
    pub(crate) fn shown(self) -> String {
        self.redacted
    }

    fn both(mut self, text: &str) -> Self {
        self.reserve(text.len());
        self.clear.push_str(text);
        self.redacted.push_str(text);
        self
    }

    fn reserve(&mut self, more: usize) {
        let needed = self.clear.len() + more;
        if needed > self.clear.capacity() {
            let mut larger = Zeroizing::new(String::with_capacity(needed.next_power_of_two()));
            larger.push_str(&self.clear);
            self.clear = larger;
        }
    }
}

fn quote_identifier(name: &str) -> String {
    format!("[{}]", name.replace(']', "]]"))
}

fn quote_literal(value: &str) -> String {
    let quoted = value.replace('\'', "''");
    if is_one_literal(value) {
        return format!("N'{quoted}'");
    }
    let parts = quoted
        .replace("\\\n", "\\' + N'\n")
        .replace("\\\r", "\\' + N'\r");
    format!("(N'{parts}')")
}

/// Whether a text can be written as one literal. A backslash at the end of a line joins the line
/// to the next one, and both vanish (documented); there is no way to escape it.
pub(crate) fn is_one_literal(text: &str) -> bool {
    !text.contains("\\\n") && !text.contains("\\\r")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn values_are_quoted_and_secrets_redacted() {
        let batch = Statement::new("BACKUP SERVICE MASTER KEY TO FILE = ")
            .literal(r"C:\o'clock.key")
            .text(" ENCRYPTION BY PASSWORD = ")
            .secret(&Secret::new("p'w".to_owned()))
            .text(" -- ")
            .identifier("a]b")
            .number(7)
            .bytes(&[0, 255])
            .batch();
        assert_eq!(
            batch.clear_text(),
            r"BACKUP SERVICE MASTER KEY TO FILE = N'C:\o''clock.key' ENCRYPTION BY PASSWORD = N'p''w' -- [a]]b]70x00FF"
        );
        assert_eq!(
            batch.redacted(),
            r"BACKUP SERVICE MASTER KEY TO FILE = N'C:\o''clock.key' ENCRYPTION BY PASSWORD = '***' -- [a]]b]70x00FF"
        );
        assert!(batch.holds_secret());
        assert!(!format!("{batch:?}").contains("p'"));
    }

    #[test]
    fn a_secret_binary_value_is_digits_and_nothing_else() {
        let clear = |text: &str| {
            let batch = Statement::new("").secret_bytes(&Secret::new(text.to_owned()));
            let batch = batch.batch();
            assert_eq!(batch.redacted(), "'***'");
            batch.clear_text().to_owned()
        };
        assert_eq!(clear("0x0200aB"), "0x0200aB");
        for other in ["0x", "0x02; SHUTDOWN", "02", ""] {
            assert_eq!(clear(other), format!("N'{other}'"));
        }
    }

    #[test]
    fn what_is_no_permission_is_no_keyword() {
        let shown = |words: &str| Statement::new("GRANT ").keywords(words).shown();
        assert_eq!(shown("CONTROL SERVER"), "GRANT CONTROL SERVER");
        assert_eq!(shown("X TO a; DROP"), "GRANT [X TO a; DROP]");
        assert_eq!(shown(" "), "GRANT [ ]");
    }

    #[test]
    fn a_backslash_before_a_line_break_is_kept() {
        let batch = Statement::new("SELECT ").literal("a\\\nb'\\\r\nc").batch();
        assert_eq!(
            batch.clear_text(),
            "SELECT (N'a\\' + N'\nb''\\' + N'\r\nc')"
        );
        assert!(is_one_literal("a\\b\n") && !is_one_literal("a\\\r\n"));
    }

    /// Reads a quoted text back as T-SQL's rules say, and returns what is left behind it.
    fn unquote(text: &str, close: char) -> Option<(String, &str)> {
        let mut value = String::new();
        let mut rest = text.char_indices();
        while let Some((at, c)) = rest.next() {
            if c != close {
                value.push(c);
            } else if text[at + 1..].starts_with(close) {
                value.push(c);
                rest.next();
            } else {
                return Some((value, &text[at + 1..]));
            }
        }
        None
    }

    proptest! {
        #[test]
        fn quoting_can_be_undone_and_never_escaped(value in any::<String>()) {
            prop_assume!(is_one_literal(&value));
            let literal = quote_literal(&value);
            prop_assert_eq!(unquote(&literal[2..], '\''), Some((value.clone(), "")));
            let identifier = quote_identifier(&value);
            prop_assert_eq!(unquote(&identifier[1..], ']'), Some((value.clone(), "")));
            let batch = Statement::new("").secret(&Secret::new(value.clone())).batch();
            prop_assert_eq!(batch.clear_text(), literal);
            prop_assert_eq!(batch.redacted(), "'***'");
        }
    }
}
