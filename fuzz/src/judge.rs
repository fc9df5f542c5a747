//! The judge of built statements: a tokenizer that none of us wrote.

use sqlparser::dialect::MsSqlDialect;
use sqlparser::tokenizer::{Token, Tokenizer};

use crate::over::Over;

/// The tokens of a text, without the blanks between them.
///
/// # Panics
/// If it is not T-SQL.
pub fn tokens(text: &str) -> Vec<Token> {
    Tokenizer::new(&MsSqlDialect {}, text)
        .tokenize()
        .unwrap_or_else(|error| panic!("{error}: {text}"))
        .into_iter()
        .filter(|token| !matches!(token, Token::Whitespace(_)))
        .collect()
}

/// A text that SQL Server reads as it stands. A backslash at the end of a line joins the line to
/// the next one and both vanish, which no tokenizer but SQL Server's own knows.
pub fn is_literal(text: &str) -> bool {
    !text.contains("\\\n") && !text.contains("\\\r")
}

/// Joins `(N'a' + N'b')`, which is how a text is written that is no literal in one piece.
pub fn join(tokens: Vec<Token>) -> Vec<Token> {
    let mut joined: Vec<Token> = Vec::with_capacity(tokens.len());
    let mut was_joined = false;
    for token in tokens {
        let mut rest = joined.iter_mut().rev();
        if let Token::NationalStringLiteral(next) = &token
            && next.starts_with(['\n', '\r'])
            && let (Some(Token::Plus), Some(Token::NationalStringLiteral(text))) =
                (rest.next(), rest.next())
            && text.ends_with('\\')
        {
            text.push_str(next);
            joined.pop();
            was_joined = true;
        } else if token == Token::RParen
            && std::mem::take(&mut was_joined)
            && let [.., Token::LParen, text] = &joined[..]
        {
            let text = text.clone();
            joined.truncate(joined.len() - 2);
            joined.push(text);
        } else {
            joined.push(token);
        }
    }
    joined
}

/// Whether `text` has the recorded tokens, the values in them made over.
///
/// # Panics
/// If it has others.
pub fn check(over: &Over, recorded: &[Token], text: &str) {
    let found = tokens(text);
    for token in &found {
        if let Token::NationalStringLiteral(value) | Token::SingleQuotedString(value) = token {
            assert!(is_literal(value), "no literal in one piece: {text}");
        }
    }
    let found = join(found);
    assert_eq!(recorded.len(), found.len(), "other tokens: {text}");
    for (recorded, found) in recorded.iter().zip(&found) {
        let is_same = match (recorded, found) {
            (Token::NationalStringLiteral(one), Token::NationalStringLiteral(other))
            | (Token::SingleQuotedString(one), Token::SingleQuotedString(other)) => {
                over.text(one) == *other || is_derived(one, other)
            }
            (Token::Word(one), Token::Word(other)) => {
                one.quote_style == other.quote_style
                    && match one.quote_style {
                        Some(_) => over.text(&one.value) == other.value,
                        None => one.value == other.value,
                    }
            }
            // Lengths of texts are counted.
            (Token::Number(_, one), Token::Number(_, other)) => one == other,
            (one, other) => one == other,
        };
        assert!(is_same, "{recorded:?} became {found:?}: {text}");
    }
}

/// Files of a restored database: their names are made of its name, and are plain.
fn is_derived(recorded: &str, found: &str) -> bool {
    let Some((folder, _)) = recorded.rsplit_once('\\') else {
        return false;
    };
    recorded.ends_with("df")
        && found.rsplit_once('\\').is_some_and(|(other, leaf)| {
            folder == other
                && leaf
                    .chars()
                    .all(|c| c.is_alphanumeric() || matches!(c, '-' | '_' | '.'))
        })
}
