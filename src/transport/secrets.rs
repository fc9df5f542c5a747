use async_trait::async_trait;

use crate::secret::{Secret, SecretRef};
use crate::transport::TransportError;

/// Hands out secrets by name, when they are needed and not before.
///
/// # Contract
/// * A name that is not known is an error of kind
///   [`Unsupported`](crate::transport::TransportErrorKind::Unsupported) whose detail names it.
/// * The secret is never logged, and never part of an error.
#[async_trait]
pub trait SecretSource: std::fmt::Debug + Send + Sync {
    /// Fetches the secret of that name.
    ///
    /// # Cancel safety
    /// Dropping the future fetches nothing.
    async fn fetch(&self, name: &SecretRef) -> Result<Secret, TransportError>;
}
