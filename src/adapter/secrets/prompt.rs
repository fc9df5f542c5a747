use async_trait::async_trait;

use super::unknown;
use crate::secret::{Secret, SecretRef};
use crate::transport::{SecretSource, TransportError};

/// Asks the operator at the terminal, without echo. Where there is no terminal it is an error and
/// nothing waits.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct PromptSecrets;

impl PromptSecrets {
    /// Makes it.
    #[must_use]
    pub const fn new() -> Self {
        Self
    }
}

#[async_trait]
impl SecretSource for PromptSecrets {
    /// # Cancel safety
    /// The prompt stays on the terminal until it is answered.
    async fn fetch(&self, name: &SecretRef) -> Result<Secret, TransportError> {
        let prompt = format!("{} (not shown): ", name.name().escape_debug());
        let asked = tokio::task::spawn_blocking(move || rpassword::prompt_password(prompt)).await;
        match asked {
            Ok(Ok(text)) if !text.is_empty() => Ok(Secret::new(text)),
            Ok(Ok(_)) => Err(unknown(name, "nothing was typed")),
            Ok(Err(error)) => Err(unknown(
                name,
                format_args!("it can't be asked for: {error}"),
            )),
            Err(_) => Err(unknown(name, "the prompt was given up")),
        }
    }
}
