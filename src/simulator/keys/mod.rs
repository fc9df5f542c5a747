//! The cryptography of the key hierarchy. No SQL here.
//!
//! What wraps what: the machine's secret wraps the service master key; that wraps credentials,
//! linked logins and a copy of each database master key; a password wraps another copy of it; the
//! database master key wraps private keys; a public key wraps symmetric keys. Every wrap is
//! authenticated and bound to the name of what it holds, so a wrong key, and a ciphertext moved to
//! another place, fail.

mod asymmetric;
mod key_file;
mod machine_secret;
mod message;
mod password;
mod policy;
mod wrap;

use std::fmt;

use aws_lc_rs::{constant_time, rand};
use zeroize::Zeroizing;

use crate::simulator::catalog::Guid;

pub(crate) use asymmetric::{generate_key_pair, unwrap_by_private_key, wrap_by_public_key};
pub(crate) use key_file::{KeyFile, KeyFileKind, KeyFileProblem, open_key_file, seal_key_file};
pub(crate) use machine_secret::machine_secret;
pub(crate) use message::{decrypt_message, encrypt_message, message_key_guid};
pub(crate) use password::{KeyDerivation, PasswordHash};
pub(crate) use policy::{PasswordProblem, check_policy};
pub(crate) use wrap::Label;

/// The length of master keys and wrapping keys: AES-256.
pub(crate) const KEY_LENGTH: usize = 32;

/// A key in the clear, in memory only.
#[derive(Clone)]
pub(crate) struct KeyMaterial(pub(crate) Zeroizing<Vec<u8>>);

/// Something could not be decrypted, or the operating system gave no randomness. Cryptography
/// doesn't say why.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the cryptographic operation failed")]
pub(crate) struct CryptographyFailed;

impl From<aws_lc_rs::error::Unspecified> for CryptographyFailed {
    fn from(_: aws_lc_rs::error::Unspecified) -> Self {
        Self
    }
}

impl KeyMaterial {
    /// A new random key.
    pub(crate) fn random(length: usize) -> Result<Self, CryptographyFailed> {
        let mut bytes = Zeroizing::new(vec![0; length]);
        rand::fill(&mut bytes)?;
        Ok(Self(bytes))
    }

    /// Whether both are the same key, in constant time.
    pub(crate) fn is(&self, other: &Self) -> bool {
        constant_time::verify_slices_are_equal(&self.0, &other.0).is_ok()
    }
}

impl fmt::Debug for KeyMaterial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyMaterial(***)")
    }
}

/// A random GUID, marked as such (version 4), in the wire's byte order.
pub(crate) fn random_guid() -> Result<Guid, CryptographyFailed> {
    let mut guid = [0; 16];
    rand::fill(&mut guid)?;
    guid[7] = guid[7] & 0x0F | 0x40;
    guid[8] = guid[8] & 0x3F | 0x80;
    Ok(guid)
}
