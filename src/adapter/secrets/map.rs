use std::collections::BTreeMap;

use async_trait::async_trait;

use super::unknown;
use crate::secret::{Secret, SecretRef};
use crate::transport::{SecretSource, TransportError};

/// Secrets that the host hands over beforehand.
#[derive(Clone, Debug, Default)]
pub struct MapSecrets(BTreeMap<SecretRef, Secret>);

impl MapSecrets {
    /// Makes an empty map.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a secret.
    #[must_use]
    pub fn secret(mut self, name: SecretRef, secret: Secret) -> Self {
        self.0.insert(name, secret);
        self
    }
}

#[async_trait]
impl SecretSource for MapSecrets {
    async fn fetch(&self, name: &SecretRef) -> Result<Secret, TransportError> {
        self.0
            .get(name)
            .cloned()
            .ok_or_else(|| unknown(name, "the map does not hold it"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_was_put_in_comes_out_and_is_never_shown() {
        let name = SecretRef::named("smk");
        let secrets = MapSecrets::new().secret(name.clone(), Secret::new("canary".to_owned()));
        assert_eq!(secrets.fetch(&name).await.unwrap().expose(), "canary");
        assert!(!format!("{secrets:?}").contains("canary"));
        let error = secrets.fetch(&SecretRef::named("other")).await.unwrap_err();
        assert!(error.to_string().contains("other"));
    }
}
