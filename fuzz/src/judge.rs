//! The judge of built statements: a tokenizer that none of us wrote.

use sqlparser::dialect::MsSqlDialect;
use sqlparser::tokenizer::{Token, Tokenizer};

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
