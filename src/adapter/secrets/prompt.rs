use async_trait::async_trait;

use super::unknown;
use crate::secret::{Secret, SecretRef};
use crate::transport::{SecretSource, TransportError};

/// Asks the operator at the terminal, without echo. Where there is no terminal it is an error and
/// nothing waits.
#[derive(Clone, Copy, Debug, Default)]
pub struct PromptSecrets {
    is_confirmed: bool,
}

impl PromptSecrets {
    /// Asks once: for passwords that exist already.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            is_confirmed: false,
        }
    }

    /// Asks twice and compares: for the password of a new key file, whose key is lost with a slip
    /// of the finger.
    #[must_use]
    pub const fn confirming() -> Self {
        Self { is_confirmed: true }
    }
}

fn ask(name: &str, is_confirmed: bool) -> std::io::Result<Secret> {
    let prompt = format!("{} (not shown): ", name.escape_debug());
    let text = rpassword::prompt_password(prompt)?;
    let secret = Secret::new(text);
    if is_confirmed {
        let again = Secret::new(rpassword::prompt_password("once more: ")?);
        if again.expose() != secret.expose() {
            return Err(std::io::Error::other("the two differ"));
        }
    }
    Ok(secret)
}

#[async_trait]
impl SecretSource for PromptSecrets {
    /// # Cancel safety
    /// The prompt stays on the terminal until it is answered.
    async fn fetch(&self, name: &SecretRef) -> Result<Secret, TransportError> {
        let (asked_for, is_confirmed) = (name.name().to_owned(), self.is_confirmed);
        let asked = tokio::task::spawn_blocking(move || ask(&asked_for, is_confirmed)).await;
        match asked {
            Ok(Ok(secret)) if !secret.expose().is_empty() => Ok(secret),
            Ok(Ok(_)) => Err(unknown(name, "nothing was typed")),
            Ok(Err(error)) => Err(unknown(
                name,
                format_args!("it can't be asked for: {error}"),
            )),
            Err(_) => Err(unknown(name, "the prompt was given up")),
        }
    }
}
