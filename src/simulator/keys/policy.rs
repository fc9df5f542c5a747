//! The password policy of Windows, as SQL Server applies it to the passwords of keys and logins.

/// What is wrong with a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PasswordProblem {
    /// 15116.
    TooShort,
    /// 15117.
    TooLong,
    /// 15118.
    NotComplex,
}

/// At least eight characters, at most 128, three of four classes.
///
/// The rule against account names is left out: key passwords belong to no account.
pub(crate) fn check_policy(password: &str) -> Result<(), PasswordProblem> {
    let length = password.chars().count();
    if length > 128 {
        return Err(PasswordProblem::TooLong);
    }
    if length < 8 {
        return Err(PasswordProblem::TooShort);
    }
    let classes: [fn(char) -> bool; 4] = [
        char::is_uppercase,
        char::is_lowercase,
        char::is_numeric,
        |c| !c.is_alphanumeric(),
    ];
    let present = classes
        .iter()
        .filter(|class| password.chars().any(class))
        .count();
    if present < 3 {
        return Err(PasswordProblem::NotComplex);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_of_four_classes() {
        for good in ["Password1", "password 1", "PASSWORD-1", "Pass-word"] {
            assert_eq!(check_policy(good), Ok(()), "{good}");
        }
        for weak in ["password", "password1", "PASSWORD!", "12345678", "p1p1p1p1"] {
            assert_eq!(
                check_policy(weak),
                Err(PasswordProblem::NotComplex),
                "{weak}"
            );
        }
        assert_eq!(check_policy("Pa-1"), Err(PasswordProblem::TooShort));
        assert_eq!(
            check_policy(&"Pa-1".repeat(33)),
            Err(PasswordProblem::TooLong)
        );
    }
}
