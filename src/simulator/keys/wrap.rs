//! Wrapping under a key: AES-256-GCM, bound to the name of what is wrapped.

use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use zeroize::Zeroizing;

use super::{CryptographyFailed, KEY_LENGTH, KeyMaterial};
use crate::simulator::catalog::{Bytes, Guid, Wrapped};

/// The name of what is wrapped. A ciphertext opens only under the label it was made with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Label<'a> {
    /// The service master key with this GUID.
    ServiceMasterKey(Guid),
    /// The database master key with this GUID.
    MasterKey(Guid),
    /// `master`'s copy of the database master key of this family of databases.
    MasterKeyCopy(Guid),
    /// The symmetric key with this GUID.
    SymmetricKey(Guid),
    /// The data file of a database that is encrypted with the key with this GUID.
    DataFile(Guid),
    /// The content of the backup set whose key has this GUID.
    BackupSet(Guid),
    /// The private key of the pair with this thumbprint.
    PrivateKey(&'a [u8]),
    /// A credential's secret, by the credential's name.
    Credential(&'a str),
    /// A linked login's password, by linked server and remote user.
    LinkedLogin(&'a str, &'a str),
    /// What a key file holds.
    KeyFile(&'a [u8]),
}

impl fmt::Display for Label<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ServiceMasterKey(guid) => write!(f, "service master key {}", hex::encode(guid)),
            Self::MasterKey(guid) => write!(f, "database master key {}", hex::encode(guid)),
            Self::MasterKeyCopy(family) => write!(f, "copy for master {}", hex::encode(family)),
            Self::SymmetricKey(guid) => write!(f, "symmetric key {}", hex::encode(guid)),
            Self::DataFile(guid) => write!(f, "data file {}", hex::encode(guid)),
            Self::BackupSet(guid) => write!(f, "backup set {}", hex::encode(guid)),
            Self::PrivateKey(thumbprint) => write!(f, "private key {}", hex::encode(thumbprint)),
            Self::Credential(name) => write!(f, "credential {name}"),
            // The length keeps ("a b", "c") and ("a", "b c") apart.
            Self::LinkedLogin(server, user) => {
                write!(f, "linked login {} {server} {user}", server.len())
            }
            Self::KeyFile(header) => write!(f, "key file {}", hex::encode(header)),
        }
    }
}

impl KeyMaterial {
    /// Encrypts `plaintext` under this key: nonce, ciphertext, tag.
    pub(crate) fn wrap(
        &self,
        label: Label<'_>,
        plaintext: &[u8],
    ) -> Result<Wrapped, CryptographyFailed> {
        let key = RandomizedNonceKey::new(&AES_256_GCM, self.wrapping_key()?)?;
        // Room for the tag, so that the plaintext is never copied to a second place by growing.
        let mut text = Zeroizing::new(Vec::with_capacity(plaintext.len() + AES_256_GCM.tag_len()));
        text.extend_from_slice(plaintext);
        let nonce =
            key.seal_in_place_append_tag(Aad::from(label.to_string().into_bytes()), &mut *text)?;
        let mut bytes = nonce.as_ref().to_vec();
        bytes.extend_from_slice(&text);
        Ok(Wrapped(Bytes(bytes)))
    }

    /// Decrypts what [`wrap`](Self::wrap) made under the same key and label.
    pub(crate) fn unwrap(
        &self,
        label: Label<'_>,
        wrapped: &Wrapped,
    ) -> Result<Self, CryptographyFailed> {
        let key = RandomizedNonceKey::new(&AES_256_GCM, self.wrapping_key()?)?;
        let (nonce, text) = wrapped
            .0
            .0
            .split_at_checked(NONCE_LEN)
            .ok_or(CryptographyFailed)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce)?;
        let mut text = Zeroizing::new(text.to_vec());
        let length = key
            .open_in_place(nonce, Aad::from(label.to_string().into_bytes()), &mut text)?
            .len();
        text.truncate(length);
        Ok(Self(text))
    }

    fn wrapping_key(&self) -> Result<&[u8; KEY_LENGTH], CryptographyFailed> {
        self.0.as_slice().try_into().map_err(|_| CryptographyFailed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opens_only_with_its_key_and_label() {
        let key = KeyMaterial::random(KEY_LENGTH).unwrap();
        let other = KeyMaterial::random(KEY_LENGTH).unwrap();
        let label = Label::Credential("backup");
        let wrapped = key.wrap(label, b"a secret").unwrap();
        assert_eq!(
            key.unwrap(label, &wrapped).unwrap().0.as_slice(),
            b"a secret"
        );
        assert!(other.unwrap(label, &wrapped).is_err());
        assert!(key.unwrap(Label::Credential("other"), &wrapped).is_err());
        assert_ne!(
            key.wrap(label, b"a secret").unwrap(),
            wrapped,
            "a nonce was used twice"
        );
    }

    #[test]
    fn every_flipped_bit_is_found() {
        let key = KeyMaterial::random(KEY_LENGTH).unwrap();
        let label = Label::MasterKey([7; 16]);
        let wrapped = key.wrap(label, b"a key").unwrap();
        for at in 0..wrapped.0.0.len() {
            let mut damaged = wrapped.clone();
            damaged.0.0[at] ^= 1;
            assert!(key.unwrap(label, &damaged).is_err(), "byte {at}");
        }
        assert!(key.unwrap(label, &Wrapped(Bytes(Vec::new()))).is_err());
    }

    #[test]
    fn labels_differ() {
        assert_ne!(
            Label::LinkedLogin("a b", "c").to_string(),
            Label::LinkedLogin("a", "b c").to_string()
        );
    }
}
