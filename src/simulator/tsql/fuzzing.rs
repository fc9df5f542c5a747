//! Doors for the fuzz targets, and what must hold behind them whatever comes in.

use std::fmt::Write;

use super::ast::Statement;
use super::token::{Token, TokenKind};
use super::{
    lexer, parse_batch, parse_condition, parse_data_type, parse_object_name, parse_parameters,
};
use crate::simulator::server_error::ServerError;

/// Reads a text as everything that T-SQL is read as, and gives the statements' shapes as text;
/// `None` for what is no batch.
///
/// # Panics
/// If a position is wrong, or the same tokens written otherwise are read otherwise.
pub fn read(text: &str) -> Option<String> {
    let _ = parse_condition(text);
    let _ = parse_data_type(text);
    let _ = parse_parameters(text);
    let _ = parse_object_name(text);
    let read = parse_batch(text);
    let lines = u32::try_from(text.matches('\n').count()).unwrap_or(u32::MAX) + 1;
    match &read {
        Ok(statements) => {
            for statement in statements {
                assert!((1..=lines).contains(&statement.line), "no such line");
            }
        }
        Err(ServerError(messages)) => {
            assert!(!messages.is_empty(), "an error without a message");
            for message in messages {
                assert!((1..=lines).contains(&message.line), "no such line");
                assert!(message.number > 0 && message.class > 10, "no error");
            }
        }
    }
    if let Ok(tokens) = lexer::read(text) {
        check_positions(text, &tokens);
        if tokens.iter().all(can_be_written) {
            read_again(&tokens, &read);
        }
    }
    read.ok().map(|statements| format!("{statements:?}"))
}

fn check_positions(text: &str, tokens: &[Token]) {
    let mut end = 0;
    let mut line = 1;
    for token in tokens {
        assert!(end <= token.start && token.start <= token.end, "order");
        let own = text.get(token.start..token.end).expect("whole characters");
        assert!(line <= token.line, "lines go back");
        (end, line) = (token.end, token.line);
        if token.kind == TokenKind::End {
            assert_eq!((token.start, token.end), (text.len(), text.len()));
            continue;
        }
        let again = lexer::read(own).expect("a token is one by itself");
        assert_eq!(again.len(), 2, "a token is one by itself");
        assert!(again[0].kind == token.kind, "{own}: {}", again[0].shown());
    }
    assert!(
        tokens
            .last()
            .is_some_and(|last| last.kind == TokenKind::End)
    );
}

/// A text with a backslash at the end of a line can't be written on as many lines as it has.
fn can_be_written(token: &Token) -> bool {
    match &token.kind {
        TokenKind::Text { value, .. } => !value.contains("\\\n") && !value.contains("\\\r"),
        _ => true,
    }
}

/// The same tokens, each written in its plainest form and on its line, mean the same.
fn read_again(tokens: &[Token], read: &Result<Vec<Statement>, ServerError>) {
    let mut text = String::new();
    let mut line = 1;
    for token in tokens {
        while line < token.line {
            text.push('\n');
            line += 1;
        }
        write_token(&mut text, &token.kind);
        line += u32::try_from(match &token.kind {
            TokenKind::Text { value, .. } | TokenKind::Quoted(value) => value.matches('\n').count(),
            _ => 0,
        })
        .unwrap_or(u32::MAX);
        text.push(' ');
    }
    let again = parse_batch(&text);
    match (read, &again) {
        (Ok(one), Ok(other)) => {
            let (one, other) = (format!("{one:?}"), format!("{other:?}"));
            assert!(
                one == other || keeps_text(&one),
                "{text}: {one} but {other}"
            );
        }
        (Err(one), Err(other)) => assert_eq!(one.0[0], other.0[0], "{text}"),
        _ => panic!("{text}: {read:?} but {again:?}"),
    }
}

/// Whether a piece of the batch is kept as it was written: defaults and bodies of procedures.
fn keeps_text(statements: &str) -> bool {
    statements.contains("default: Some(") || statements.contains("definition: \"")
}

fn write_token(out: &mut String, kind: &TokenKind) {
    match kind {
        TokenKind::Word(text) | TokenKind::Number(text) | TokenKind::Variable(text) => {
            out.push_str(text);
        }
        TokenKind::Quoted(name) => {
            let _ = write!(out, "[{}]", name.replace(']', "]]"));
        }
        TokenKind::Text { value, is_national } => {
            let national = if *is_national { "N" } else { "" };
            let _ = write!(out, "{national}'{}'", value.replace('\'', "''"));
        }
        TokenKind::Hex(bytes) => {
            let _ = write!(out, "0x{}", hex::encode(bytes));
        }
        TokenKind::Symbol(symbol) => out.push_str(symbol),
        TokenKind::End => {}
    }
}
