//! Where secrets come from: the environment, a file, a prompt, or the host's own hands; on Windows its
//! Credential Manager too (`CredentialSecrets`).

mod environment;
mod file;
mod map;
mod prompt;

#[cfg(windows)]
pub use super::windows::CredentialSecrets;
pub use environment::EnvironmentSecrets;
pub use file::FileSecrets;
#[cfg(feature = "ssh")]
pub(super) use file::private_file;
pub use map::MapSecrets;
pub use prompt::PromptSecrets;

use crate::secret::SecretRef;
use crate::transport::{TransportError, TransportErrorKind};

pub(super) fn unknown(name: &SecretRef, problem: impl std::fmt::Display) -> TransportError {
    TransportError::new(
        TransportErrorKind::Unsupported,
        format!("{problem} (secret {:?})", name.name()),
    )
}
