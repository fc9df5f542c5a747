//! The file that BACKUP SERVICE MASTER KEY and BACKUP MASTER KEY write. The format is our own:
//! SQL Server's is not published.

use zeroize::Zeroizing;

use super::password::Recipe;
use super::{CryptographyFailed, KeyDerivation, KeyMaterial, Label};
use crate::simulator::catalog::{Bytes, Guid, Wrapped};

const MAGIC: &[u8; 8] = b"SCRCHKEY";
const VERSION: u8 = 1;
const HEADER_LENGTH: usize = MAGIC.len() + 2 + Recipe::LENGTH;

/// Which key a file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeyFileKind {
    ServiceMasterKey,
    MasterKey,
    /// The private key of a certificate; its GUID is the beginning of the thumbprint.
    Certificate,
}

impl KeyFileKind {
    const fn tag(self) -> u8 {
        match self {
            Self::ServiceMasterKey => 1,
            Self::MasterKey => 2,
            Self::Certificate => 3,
        }
    }
}

/// What a key file holds.
#[derive(Clone, Debug)]
pub(crate) struct KeyFile {
    /// The key's GUID. Whether SQL Server's files carry it is unconfirmed.
    pub(crate) guid: Guid,
    pub(crate) key: KeyMaterial,
}

/// Why a key file was not opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeyFileProblem {
    /// It is no key file, one of the other kind, or its header is damaged.
    Invalid,
    /// The password is wrong, or the ciphertext is damaged: cryptography can't tell.
    WrongPassword,
}

/// Writes a key file: header, then GUID and key under the password.
pub(crate) fn seal_key_file(
    kind: KeyFileKind,
    file: &KeyFile,
    password: &str,
    derivation: KeyDerivation,
) -> Result<Vec<u8>, CryptographyFailed> {
    let recipe = Recipe::new(derivation)?;
    let mut bytes = MAGIC.to_vec();
    bytes.extend_from_slice(&[VERSION, kind.tag()]);
    bytes.extend_from_slice(&recipe.to_bytes());
    let mut plaintext = Zeroizing::new(Vec::with_capacity(file.guid.len() + file.key.0.len()));
    plaintext.extend_from_slice(&file.guid);
    plaintext.extend_from_slice(&file.key.0);
    let sealed = recipe
        .key(password)
        .wrap(Label::KeyFile(&bytes), &plaintext)?;
    bytes.extend_from_slice(&sealed.0.0);
    Ok(bytes)
}

/// Opens a key file of this kind.
pub(crate) fn open_key_file(
    kind: KeyFileKind,
    bytes: &[u8],
    password: &str,
) -> Result<KeyFile, KeyFileProblem> {
    let (header, sealed) = bytes
        .split_at_checked(HEADER_LENGTH)
        .ok_or(KeyFileProblem::Invalid)?;
    let recipe = header
        .strip_prefix(MAGIC)
        .and_then(|rest| rest.strip_prefix(&[VERSION, kind.tag()]))
        .and_then(|rest| Recipe::from_bytes(rest.try_into().ok()?))
        .ok_or(KeyFileProblem::Invalid)?;
    let plaintext = recipe
        .key(password)
        .unwrap(Label::KeyFile(header), &Wrapped(Bytes(sealed.to_vec())))
        .map_err(|_| KeyFileProblem::WrongPassword)?;
    let (guid, key) = plaintext
        .0
        .split_first_chunk()
        .ok_or(KeyFileProblem::Invalid)?;
    if kind != KeyFileKind::Certificate && key.len() != super::KEY_LENGTH {
        return Err(KeyFileProblem::Invalid);
    }
    Ok(KeyFile {
        guid: *guid,
        key: KeyMaterial(Zeroizing::new(key.to_vec())),
    })
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::*;

    const CHEAP: KeyDerivation = KeyDerivation {
        iterations: NonZeroU32::MIN,
    };
    const KIND: KeyFileKind = KeyFileKind::ServiceMasterKey;

    fn file() -> (KeyFile, Vec<u8>) {
        let file = KeyFile {
            guid: [3; 16],
            key: KeyMaterial::random(32).unwrap(),
        };
        let bytes = seal_key_file(KIND, &file, "Password 1", CHEAP).unwrap();
        (file, bytes)
    }

    #[test]
    fn opens_with_its_password_only() {
        let (file, bytes) = file();
        let opened = open_key_file(KIND, &bytes, "Password 1").unwrap();
        assert!(opened.key.is(&file.key));
        assert_eq!(opened.guid, file.guid);
        assert_eq!(
            open_key_file(KIND, &bytes, "Password 2").unwrap_err(),
            KeyFileProblem::WrongPassword
        );
        assert_eq!(
            open_key_file(KeyFileKind::MasterKey, &bytes, "Password 1").unwrap_err(),
            KeyFileProblem::Invalid
        );
    }

    #[test]
    fn the_key_is_not_in_the_file() {
        let (file, bytes) = file();
        assert!(
            !bytes
                .windows(8)
                .any(|window| file.key.0.windows(8).any(|part| part == window))
        );
    }

    #[test]
    fn every_flipped_byte_and_every_cut_is_found() {
        let (_, bytes) = file();
        for at in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 0x80;
            // The cost's high bytes: a derivation that would take for ever is refused as invalid.
            assert!(
                open_key_file(KIND, &damaged, "Password 1").is_err(),
                "byte {at}"
            );
            assert!(
                open_key_file(KIND, &bytes[..at], "Password 1").is_err(),
                "cut at {at}"
            );
        }
    }
}
