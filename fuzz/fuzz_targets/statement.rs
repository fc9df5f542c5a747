//! Statements that are built: any value, in every place, is what it was meant to be to a judge that
//! none of us wrote.
#![no_main]

use std::cell::RefCell;

use libfuzzer_sys::fuzz_target;
use scorch_recovery::sql::fuzzing::{Part, build};
use scorch_recovery_fuzz::operations::Scenes;
use scorch_recovery_fuzz::{Counting, bounded, judge, mode, plant};
use sqlparser::tokenizer::{Token, Word};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

thread_local! {
    static SCENES: RefCell<Option<Scenes>> = const { RefCell::new(None) };
}

/// Values between zero bytes.
fn values(data: &[u8]) -> Vec<String> {
    data.split(|byte| *byte == 0)
        .map(|value| String::from_utf8_lossy(value).into_owned())
        .collect()
}

/// A byte that says which part, a byte that says how long, and the value.
fn parts(mut rest: &[u8]) -> Vec<Part> {
    let mut parts = Vec::new();
    while let [kind, length, tail @ ..] = rest {
        let (value, tail) = tail.split_at(usize::from(*length).min(tail.len()));
        rest = tail;
        let text = || String::from_utf8_lossy(value).into_owned();
        parts.push(match kind % 6 {
            0 => Part::Identifier(text()),
            1 => Part::Literal(text()),
            2 if judge::is_literal(&text()) => Part::Secret(text()),
            // Passwords that are no literal are refused before a statement is built.
            2 => continue,
            3 => Part::Bytes(value.to_vec()),
            4 => {
                let mut wide = [0; 8];
                let count = value.len().min(8);
                wide[..count].copy_from_slice(&value[..count]);
                Part::Number(i64::from_le_bytes(wide))
            }
            _ => Part::And,
        });
    }
    parts
}

fn word(value: &str, quote_style: Option<char>) -> Token {
    match quote_style {
        // As the judge itself reads a keyword.
        None => judge::tokens(value).remove(0),
        Some(_) => Token::Word(Word {
            value: value.to_owned(),
            quote_style,
            keyword: sqlparser::keywords::Keyword::NoKeyword,
        }),
    }
}

/// What the parts are to be, to the server and to a reader.
fn expected(parts: &[Part], is_redacted: bool) -> Vec<Token> {
    let mut tokens = vec![word("SELECT", None)];
    for part in parts {
        match part {
            Part::Identifier(name) => tokens.push(word(name, Some('['))),
            Part::Secret(_) if is_redacted => {
                tokens.push(Token::SingleQuotedString("***".to_owned()));
            }
            Part::Literal(value) | Part::Secret(value) => {
                tokens.push(Token::NationalStringLiteral(value.clone()));
            }
            Part::Number(number) => {
                if *number < 0 {
                    tokens.push(Token::Minus);
                }
                tokens.push(Token::Number(number.unsigned_abs().to_string(), false));
            }
            Part::Bytes(bytes) => {
                let digits = bytes.iter().map(|byte| format!("{byte:02X}")).collect();
                tokens.push(Token::HexStringLiteral(digits));
            }
            Part::And => {
                tokens.push(Token::SemiColon);
                tokens.push(word("SELECT", None));
                continue;
            }
            _ => unreachable!("no other part is made here"),
        }
        tokens.push(Token::Comma);
    }
    tokens
}

fn check(parts: &[Part]) {
    let batch = build(parts);
    for (text, is_redacted) in [(batch.clear_text(), false), (batch.redacted(), true)] {
        let found = judge::tokens(text);
        for token in &found {
            if let Token::NationalStringLiteral(value) = token {
                assert!(judge::is_literal(value), "no literal in one piece: {text}");
            }
        }
        assert_eq!(judge::join(found), expected(parts, is_redacted), "{text}");
    }
    // Nothing that is shown depends on a secret.
    let others: Vec<Part> = parts
        .iter()
        .map(|part| match part {
            Part::Secret(_) => Part::Secret("another".to_owned()),
            open => open.clone(),
        })
        .collect();
    let other = build(&others);
    assert_eq!(batch.redacted(), other.redacted());
    assert_eq!(format!("{batch:?}"), format!("{other:?}"));
}

fuzz_target!(|data: &[u8]| {
    let (mode, rest) = mode(data);
    let most_memory = (8 << 20) + 512 * rest.len();
    if mode & 0x80 == 0 {
        let parts = parts(rest);
        bounded(rest.len(), most_memory, || check(&parts));
        return;
    }
    SCENES.with_borrow_mut(|scenes| {
        let scenes = scenes.get_or_insert_with(Scenes::record);
        let values = values(rest);
        let checked = bounded(rest.len(), most_memory, || scenes.run(mode & 0x7F, &values));
        if checked.is_some() {
            plant(&format!("{values:?}"));
        }
    });
});
