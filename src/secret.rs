//! Secrets, and the names they are fetched by.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

mod scrubber;
pub(crate) use scrubber::Scrubber;

/// A secret: zeroized when dropped, never shown, never serialized.
#[derive(Clone)]
pub struct Secret(SecretString);

impl Secret {
    /// Takes a secret over. The caller's own copies are the caller's to wipe.
    #[must_use]
    pub fn new(text: String) -> Self {
        // `into_boxed_str` would copy a string with spare room and leave the old bytes behind;
        // so the copy is made exactly sized and the original wiped.
        let text = zeroize::Zeroizing::new(text);
        Self(SecretString::from(text.as_str().to_owned()))
    }

    /// The secret itself. Every place that reads it can be found by this name.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(***)")
    }
}

/// The name of a secret. The only form in which secrets are part of operations, plans and journals.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SecretRef(String);

impl SecretRef {
    /// Names a secret. The [`SecretSource`](crate::transport::SecretSource) decides which names it
    /// knows.
    #[must_use]
    pub fn named(name: impl Into<String>) -> Self {
        Self(name.into())
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SecretRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
