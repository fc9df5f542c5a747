use async_trait::async_trait;

use super::unknown;
use crate::secret::{Secret, SecretRef};
use crate::transport::{SecretSource, TransportError};

/// Secrets from environment variables: the secret `smk-backup` with the prefix `SCORCH_` is
/// `SCORCH_SMK_BACKUP`.
///
/// Other programs of the same user can read a process's environment, and it can't be wiped: for a
/// rehearsal or a CI job this is good enough, for production a vault is better.
#[derive(Clone, Debug)]
pub struct EnvironmentSecrets {
    prefix: String,
}

impl EnvironmentSecrets {
    /// Secrets from variables whose names begin with `prefix`.
    #[must_use]
    pub fn with_prefix(prefix: impl Into<String>) -> Self {
        Self {
            prefix: prefix.into(),
        }
    }

    fn variable(&self, name: &SecretRef) -> String {
        let name: String = name
            .name()
            .chars()
            .map(|c| {
                if c.is_ascii_alphanumeric() {
                    c.to_ascii_uppercase()
                } else {
                    '_'
                }
            })
            .collect();
        format!("{}{name}", self.prefix)
    }
}

#[async_trait]
impl SecretSource for EnvironmentSecrets {
    async fn fetch(&self, name: &SecretRef) -> Result<Secret, TransportError> {
        let variable = self.variable(name);
        match std::env::var(&variable) {
            Ok(value) if !value.is_empty() => Ok(Secret::new(value)),
            Ok(_) => Err(unknown(
                name,
                format_args!("the environment variable {variable} is empty"),
            )),
            Err(std::env::VarError::NotPresent) => Err(unknown(
                name,
                format_args!("the environment variable {variable} is not set"),
            )),
            Err(std::env::VarError::NotUnicode(_)) => Err(unknown(
                name,
                format_args!("the environment variable {variable} is no Unicode text"),
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_variable_that_is_missing_is_named() {
        let secrets = EnvironmentSecrets::with_prefix("SCORCH_NOT_SET_");
        let error = secrets
            .fetch(&SecretRef::named("smk-backup"))
            .await
            .unwrap_err();
        assert!(
            error.to_string().contains("SCORCH_NOT_SET_SMK_BACKUP"),
            "{error}"
        );
    }

    #[tokio::test]
    async fn a_variable_that_is_set_is_found() {
        // Cargo sets this one for every test, so that nothing has to change the environment.
        let secrets = EnvironmentSecrets::with_prefix("CARGO_");
        let secret = secrets.fetch(&SecretRef::named("pkg-name")).await.unwrap();
        assert_eq!(secret.expose(), "scorch-recovery");
    }
}
