//! The rules for the password of a key file, checked before it is sent.

use std::collections::BTreeSet;

use crate::context::Context;
use crate::error::{Error, Result};
use crate::secret::{Secret, SecretRef};
use crate::sql::statement::is_one_literal;

/// SQL Server's own limit (documented).
const MOST_UNITS: usize = 128;

/// Fetches the password of a file or key that exists.
pub(crate) async fn fetch(cx: &Context, field: &str, name: &SecretRef) -> Result<Secret> {
    let password = cx.secret(field, name).await?;
    check_size(field, name, &password)?;
    Ok(password)
}

/// Fetches the password that a new file or key shall have.
pub(crate) async fn fetch_new(cx: &Context, field: &str, name: &SecretRef) -> Result<Secret> {
    let password = cx.secret(field, name).await?;
    check(field, name, &password)?;
    Ok(password)
}

/// For a new file. SQL Server hands the password to the operating system's policy (15116 to 15118):
/// at least 8 characters of three of four classes.
pub(crate) fn check(field: &str, name: &SecretRef, password: &Secret) -> Result<()> {
    check_size(field, name, password)?;
    let text = password.expose();
    let problem = if text.encode_utf16().count() < 8 {
        "it is shorter than 8 characters"
    } else if classes(text) < 3 {
        "it has fewer than three of: capital letters, small letters, digits, other characters"
    } else {
        return Ok(());
    };
    Err(refusal(field, name, problem)
        .with_remedy("use a generated password of 20 or more mixed characters, and keep it where the key file is not"))
}

/// For a password that is to be as good as a generated one: of at least 128 bits, as far as its
/// length and the kinds of its characters tell.
pub(crate) fn check_generated(field: &str, name: &SecretRef, password: &Secret) -> Result<()> {
    check(field, name, password)?;
    let text = password.expose();
    let different = text.chars().collect::<BTreeSet<char>>().len();
    let length = text.chars().count();
    // Characters that come again and again tell of a pattern.
    let is_varied = different * 2 >= length.min(32);
    if is_varied && length * bits_a_character(text) >= 128 * 8 {
        return Ok(());
    }
    Err(refusal(
        field,
        name,
        "it could be guessed: it has fewer than 128 bits",
    )
    .with_remedy("generate one: 22 or more random capital and small letters and digits"))
}

/// Eighths of a bit that a random character of these kinds has.
fn bits_a_character(text: &str) -> usize {
    match (
        text.chars().any(|c| !c.is_ascii_alphanumeric()),
        text.chars().any(char::is_lowercase) && text.chars().any(char::is_uppercase),
    ) {
        (true, true) => 52,
        (false, true) => 47,
        (true, false) => 46,
        (false, false) => 41,
    }
}

/// For a file that exists: what no password of a key file can be.
pub(crate) fn check_size(field: &str, name: &SecretRef, password: &Secret) -> Result<()> {
    let text = password.expose();
    let problem = if text.is_empty() {
        "it is empty"
    } else if text.contains('\0') {
        "it holds a NUL character"
    } else if !is_one_literal(text) {
        "it holds a backslash before a line break, and T-SQL leaves both out of a text"
    } else if text.encode_utf16().count() > MOST_UNITS {
        "it is longer than 128 characters"
    } else {
        return Ok(());
    };
    Err(refusal(field, name, problem)
        .with_remedy("give the password that the key file was made with"))
}

fn refusal(field: &str, name: &SecretRef, problem: &str) -> Error {
    Error::invalid(
        field,
        format!(
            "the secret {:?} does not meet SQL Server's password rules: {problem}",
            name.name()
        ),
    )
}

fn classes(text: &str) -> usize {
    let questions: [fn(char) -> bool; 3] =
        [char::is_uppercase, char::is_lowercase, |c| c.is_numeric()];
    let known = questions.iter().filter(|is| text.chars().any(**is)).count();
    let other = text.chars().any(|c| !questions.iter().any(|is| is(c)));
    known + usize::from(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_generated_is_refused_where_it_must_be() {
        let name = SecretRef::named("smk");
        let judge = |text: &str| check_generated("password", &name, &Secret::new(text.to_owned()));
        for weak in [
            "Abcdefg1",
            "Correct Horse 1",
            "Aa1Aa1Aa1Aa1Aa1Aa1Aa1Aa1Aa1Aa1Aa1",
        ] {
            let text = judge(weak).unwrap_err().to_string();
            assert!(text.contains("128 bits") && !text.contains(weak), "{text}");
        }
        judge("q7RtZ0pLw2XcVb9NmK4sDf").unwrap();
        judge("uX3!kd9_Zq-7Lr+Ta1Pw").unwrap();
    }

    #[test]
    fn weak_passwords_are_refused_without_showing_them() {
        let name = SecretRef::named("smk");
        for (password, part) in [
            ("Ab1", "shorter"),
            ("abcdefgh1", "fewer"),
            ("Abcdefg1\0", "NUL"),
            ("Abcdefg1\\\n", "backslash"),
            ("Abc\\\r\ndefg1", "backslash"),
            (&"Ab1".repeat(100), "longer"),
        ] {
            let error =
                check("encrypted_by", &name, &Secret::new(password.to_owned())).unwrap_err();
            let text = error.to_string();
            assert!(
                text.contains(part) && text.contains("encrypted_by") && !text.contains(password),
                "{text}"
            );
        }
        for good in ["Abcdefg1", "abc defg1", "o'Clock99", "ÄÖÜäöü12"] {
            check("encrypted_by", &name, &Secret::new(good.to_owned())).unwrap();
        }
    }
}
