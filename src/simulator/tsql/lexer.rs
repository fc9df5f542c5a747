//! Text to tokens.

use super::token::{Token, TokenKind};
use crate::simulator::server_error::{Result, ServerError};

/// The longest first, so that `<=` is not read as `<`.
const SYMBOLS: &[&str] = &[
    "<=", ">=", "<>", "!=", "!<", "!>", "+=", "-=", "*=", "/=", "%=", "::", "(", ")", ",", ".",
    ";", "=", "<", ">", "+", "-", "*", "/", "%", "&", "|", "^", "~", ":",
];

/// A backslash at the end of a line: in a text or bytes it joins the line to the next one, and
/// belongs to neither (documented).
const LINE_JOINTS: [&str; 2] = ["\\\r\n", "\\\n"];

fn join_lines(text: &str) -> String {
    let mut joined = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        joined.push_str(&rest[..at]);
        rest = &rest[at..];
        match LINE_JOINTS.iter().find(|mark| rest.starts_with(**mark)) {
            Some(mark) => rest = &rest[mark.len()..],
            None => {
                joined.push('\\');
                rest = &rest[1..];
            }
        }
    }
    joined + rest
}

/// Reads a batch. The last token is `End`.
pub(super) fn read(batch: &str) -> Result<Vec<Token>> {
    let mut lexer = Lexer {
        batch,
        at: 0,
        line: 1,
    };
    let mut tokens = Vec::new();
    loop {
        lexer.skip_blanks()?;
        let (start, line) = (lexer.at, lexer.line);
        let kind = lexer.next_kind()?;
        let is_end = kind == TokenKind::End;
        tokens.push(Token {
            kind,
            line,
            start,
            end: lexer.at,
        });
        if is_end {
            return Ok(tokens);
        }
    }
}

struct Lexer<'a> {
    batch: &'a str,
    at: usize,
    line: u32,
}

fn is_identifier_start(c: char) -> bool {
    c.is_alphabetic() || matches!(c, '_' | '#')
}

fn is_identifier_part(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '#' | '$' | '@')
}

fn is_blank(c: char) -> bool {
    c.is_whitespace() || matches!(c, '\0' | '\u{feff}' | '\u{1}'..='\u{1f}')
}

impl Lexer<'_> {
    fn rest(&self) -> &str {
        &self.batch[self.at..]
    }

    fn error(&self, line: u32, number: i32, text: String) -> ServerError {
        let mut error = ServerError::new(number, 15, 1, text);
        error.0[0].line = line;
        error
    }

    /// Goes on by the bytes given and counts the lines in them.
    fn advance(&mut self, bytes: usize) {
        let passed = &self.batch[self.at..self.at + bytes];
        let lines = passed.bytes().filter(|byte| *byte == b'\n').count();
        self.line = self
            .line
            .saturating_add(u32::try_from(lines).unwrap_or(u32::MAX));
        self.at += bytes;
    }

    fn take_while(&mut self, wanted: impl Fn(char) -> bool) -> String {
        let rest = self.rest();
        let bytes = rest.find(|c| !wanted(c)).unwrap_or(rest.len());
        let taken = rest[..bytes].to_owned();
        self.advance(bytes);
        taken
    }

    fn skip_blanks(&mut self) -> Result<()> {
        loop {
            let rest = self.rest();
            if rest.starts_with("--") {
                let bytes = rest.find('\n').unwrap_or(rest.len());
                self.advance(bytes);
            } else if rest.starts_with("/*") {
                self.skip_comment()?;
            } else if rest.starts_with(is_blank) {
                self.take_while(is_blank);
            } else {
                return Ok(());
            }
        }
    }

    /// Comments nest in T-SQL.
    fn skip_comment(&mut self) -> Result<()> {
        let line = self.line;
        let mut depth = 0_u32;
        loop {
            let rest = self.rest();
            if rest.starts_with("/*") {
                depth = depth.saturating_add(1);
                self.advance(2);
            } else if rest.starts_with("*/") {
                depth -= 1;
                self.advance(2);
                if depth == 0 {
                    return Ok(());
                }
            } else if let Some(c) = rest.chars().next() {
                self.advance(c.len_utf8());
            } else {
                let text = "Missing end comment mark '*/'.".to_owned();
                return Err(self.error(line, 113, text));
            }
        }
    }

    fn next_kind(&mut self) -> Result<TokenKind> {
        let rest = self.rest();
        let mut characters = rest.chars();
        let Some(first) = characters.next() else {
            return Ok(TokenKind::End);
        };
        let second = characters.next();
        match first {
            '\'' => self.text(false),
            'N' | 'n' if second == Some('\'') => {
                self.advance(1);
                self.text(true)
            }
            '[' => self.quoted(']'),
            '"' => self.quoted('"'),
            '@' => {
                self.advance(1);
                Ok(TokenKind::Variable(format!(
                    "@{}",
                    self.take_while(is_identifier_part)
                )))
            }
            '0' if matches!(second, Some('x' | 'X')) => Ok(self.hexadecimal()),
            '.' if second.is_some_and(|c| c.is_ascii_digit()) => Ok(self.number()),
            c if c.is_ascii_digit() => Ok(self.number()),
            c if is_identifier_start(c) => Ok(TokenKind::Word(self.take_while(is_identifier_part))),
            c => self.symbol(c),
        }
    }

    fn symbol(&mut self, first: char) -> Result<TokenKind> {
        let rest = self.rest();
        match SYMBOLS.iter().find(|symbol| rest.starts_with(**symbol)) {
            Some(symbol) => {
                self.advance(symbol.len());
                Ok(TokenKind::Symbol(symbol))
            }
            None => Err(self.error(self.line, 102, format!("Incorrect syntax near '{first}'."))),
        }
    }

    /// Everything up to the closing quote; a doubled one stands for itself. `None`: it never ends.
    fn enclosed(&mut self, close: char) -> Result<String, String> {
        self.advance(1);
        let mut value = String::new();
        loop {
            let rest = self.rest();
            let Some(at) = rest.find(close) else {
                value.push_str(rest);
                return Err(value);
            };
            value.push_str(&rest[..at]);
            let is_doubled = rest[at + close.len_utf8()..].starts_with(close);
            self.advance(at + close.len_utf8());
            if !is_doubled {
                return Ok(value);
            }
            value.push(close);
            self.advance(close.len_utf8());
        }
    }

    fn unclosed(&self, line: u32, value: &str) -> ServerError {
        // The server quotes the beginning of what it could not close, and complains twice.
        let shown: String = value.chars().take(128).collect();
        self.error(
            line,
            105,
            format!("Unclosed quotation mark after the character string '{shown}'."),
        )
        .then(self.error(line, 102, format!("Incorrect syntax near '{shown}'.")))
    }

    fn text(&mut self, is_national: bool) -> Result<TokenKind> {
        let line = self.line;
        match self.enclosed('\'') {
            Ok(value) => Ok(TokenKind::Text {
                value: join_lines(&value),
                is_national,
            }),
            Err(value) => Err(self.unclosed(line, &value)),
        }
    }

    fn quoted(&mut self, close: char) -> Result<TokenKind> {
        let line = self.line;
        match self.enclosed(close) {
            Ok(name) if name.is_empty() => Err(self.error(
                line,
                1038,
                "An object or column name is missing or empty. For SELECT INTO statements, verify \
                 each column has a name. For other statements, look for empty alias names. Aliases \
                 defined as \"\" or [] are not allowed. Change the alias to a valid name."
                    .to_owned(),
            )),
            Ok(name) if name.encode_utf16().count() > 128 => {
                let start: String = name.chars().take(128).collect();
                Err(self.error(
                    line,
                    103,
                    format!(
                        "The identifier that starts with '{start}' is too long. Maximum length is 128."
                    ),
                ))
            }
            Ok(name) => Ok(TokenKind::Quoted(name)),
            Err(value) => Err(self.unclosed(line, &value)),
        }
    }

    fn hexadecimal(&mut self) -> TokenKind {
        self.advance(2);
        let mut digits = String::new();
        loop {
            digits.push_str(&self.take_while(|c| c.is_ascii_hexdigit()));
            let Some(mark) = LINE_JOINTS
                .iter()
                .find(|mark| self.rest().starts_with(**mark))
            else {
                break;
            };
            self.advance(mark.len());
        }
        if digits.len() % 2 == 1 {
            digits.insert(0, '0');
        }
        TokenKind::Hex(hex::decode(digits).unwrap_or_default())
    }

    fn number(&mut self) -> TokenKind {
        let mut text = self.take_while(|c| c.is_ascii_digit());
        if self.rest().starts_with('.') {
            self.advance(1);
            text.push('.');
            text.push_str(&self.take_while(|c| c.is_ascii_digit()));
        }
        if self.rest().starts_with(['e', 'E']) {
            self.advance(1);
            text.push('e');
            if let Some(sign) = self
                .rest()
                .chars()
                .next()
                .filter(|c| matches!(c, '+' | '-'))
            {
                self.advance(1);
                text.push(sign);
            }
            text.push_str(&self.take_while(|c| c.is_ascii_digit()));
        }
        TokenKind::Number(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(batch: &str) -> Vec<String> {
        let tokens = read(batch).unwrap_or_else(|error| panic!("{batch}: {error:?}"));
        tokens.iter().map(Token::shown).collect()
    }

    #[test]
    fn quotes_are_undone() {
        assert_eq!(
            kinds("N'o''clock' [a]]b] \"c\"\"d\" 'x'"),
            ["o'clock", "a]b", "c\"d", "x", ""]
        );
    }

    #[test]
    fn a_backslash_at_the_end_of_a_line_joins_it_to_the_next() {
        assert_eq!(
            kinds("'a\\\n\\b\\\\\r\n\n' N'c\\\r\nd' 'e\\f\n' 0xA\\\nB [g\\\nh]"),
            ["a\\b\\\n", "cd", "e\\f\n", "0xAB", "g\\\nh", ""]
        );
        assert_eq!(read("'a\\\nb' c").unwrap_or_default()[1].line, 2);
    }

    #[test]
    fn comments_nest_and_lines_are_counted() {
        let tokens = read("-- one\n/* two /* three\n */ */ SELECT\n@@SPID").unwrap_or_default();
        assert_eq!(tokens[0].line, 3);
        assert_eq!(tokens[1].line, 4);
        assert_eq!(tokens[1].shown(), "@@SPID");
    }

    #[test]
    fn numbers_and_bytes() {
        assert_eq!(
            kinds("1 1.5 .5 1e-3 0xABC"),
            ["1", "1.5", ".5", "1e-3", "0x0ABC", ""]
        );
    }

    #[test]
    fn unclosed_quotes_are_105_and_comments_113() {
        let error = read("SELECT\n'abc").map(|_| ()).unwrap_err();
        assert_eq!((error.0[0].number, error.0[0].line), (105, 2));
        assert_eq!(
            error.0[0].text,
            "Unclosed quotation mark after the character string 'abc'."
        );
        assert_eq!(error.0[1].number, 102);
        assert_eq!(read("/* x").map(|_| ()).unwrap_err().0[0].number, 113);
    }
}
