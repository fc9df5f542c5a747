//! What ENCRYPTBYKEY returns, bit for bit as SQL Server's security team described it.

use aws_lc_rs::cipher::{
    AES_128, AES_192, AES_256, AES_CBC_IV_LEN, DecryptionContext, EncryptionContext,
    PaddedBlockDecryptingKey, PaddedBlockEncryptingKey, UnboundCipherKey,
};
use aws_lc_rs::digest;
use aws_lc_rs::iv::FixedLength;
use zeroize::Zeroizing;

use super::{CryptographyFailed, KeyMaterial};
use crate::simulator::catalog::Guid;

const VERSION: [u8; 4] = [1, 0, 0, 0];
/// 0xBAADF00D, little-endian: how the server knows that a key fits.
const MAGIC: [u8; 4] = [0x0D, 0xF0, 0xAD, 0xBA];
const HEADER_LENGTH: usize = 16 + VERSION.len() + AES_CBC_IV_LEN;

/// Encrypts `plaintext`; the GUID in front says with which key. Fails where the plaintext is
/// longer than the format can say.
pub(crate) fn encrypt_message(
    guid: Guid,
    key: &KeyMaterial,
    plaintext: &[u8],
    authenticator: Option<&[u8]>,
) -> Result<Vec<u8>, CryptographyFailed> {
    let integrity = authenticator.map(integrity_bytes).unwrap_or_default();
    let length = |bytes: &[u8]| u16::try_from(bytes.len()).map_err(|_| CryptographyFailed);
    let mut inner = Zeroizing::new(Vec::with_capacity(
        MAGIC.len() + 4 + integrity.len() + plaintext.len() + AES_CBC_IV_LEN,
    ));
    inner.extend_from_slice(&MAGIC);
    inner.extend_from_slice(&length(&integrity)?.to_le_bytes());
    inner.extend_from_slice(&length(plaintext)?.to_le_bytes());
    inner.extend_from_slice(&integrity);
    inner.extend_from_slice(plaintext);
    let cipher = PaddedBlockEncryptingKey::cbc_pkcs7(cipher_key(key)?)?;
    let mut iv = [0; AES_CBC_IV_LEN];
    aws_lc_rs::rand::fill(&mut iv)?;
    cipher.less_safe_encrypt(&mut *inner, EncryptionContext::Iv128(FixedLength::from(iv)))?;

    let mut message = Vec::with_capacity(HEADER_LENGTH + inner.len());
    message.extend_from_slice(&guid);
    message.extend_from_slice(&VERSION);
    message.extend_from_slice(&iv);
    message.extend_from_slice(&inner);
    Ok(message)
}

/// The GUID of the key that a message says it was encrypted with.
pub(crate) fn message_key_guid(message: &[u8]) -> Option<Guid> {
    message.first_chunk().copied()
}

/// Decrypts; `None` where the key, the authenticator or the message doesn't fit.
pub(crate) fn decrypt_message(
    key: &KeyMaterial,
    message: &[u8],
    authenticator: Option<&[u8]>,
) -> Option<Zeroizing<Vec<u8>>> {
    let (_guid, rest) = message.split_at_checked(16)?;
    let (iv, ciphertext) = rest
        .strip_prefix(&VERSION)?
        .split_first_chunk::<AES_CBC_IV_LEN>()?;
    let cipher = PaddedBlockDecryptingKey::cbc_pkcs7(cipher_key(key).ok()?).ok()?;
    let mut buffer = Zeroizing::new(ciphertext.to_vec());
    let inner = cipher
        .decrypt(
            &mut buffer,
            DecryptionContext::Iv128(FixedLength::from(*iv)),
        )
        .ok()?;
    let inner: &[u8] = inner;
    let rest = inner.strip_prefix(&MAGIC)?;
    let (integrity_length, rest) = rest.split_first_chunk::<2>()?;
    let (length, rest) = rest.split_first_chunk::<2>()?;
    let (integrity, plaintext) =
        rest.split_at_checked(usize::from(u16::from_le_bytes(*integrity_length)))?;
    let expected = authenticator.map(integrity_bytes).unwrap_or_default();
    let fits = integrity == expected && plaintext.len() == usize::from(u16::from_le_bytes(*length));
    fits.then(|| Zeroizing::new(plaintext.to_vec()))
}

/// What the message keeps of the authenticator: its SHA-1 (community knowledge, unconfirmed).
fn integrity_bytes(authenticator: &[u8]) -> Vec<u8> {
    digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, authenticator)
        .as_ref()
        .to_vec()
}

fn cipher_key(key: &KeyMaterial) -> Result<UnboundCipherKey, CryptographyFailed> {
    let algorithm = match key.0.len() {
        16 => &AES_128,
        24 => &AES_192,
        32 => &AES_256,
        _ => return Err(CryptographyFailed),
    };
    Ok(UnboundCipherKey::new(algorithm, &key.0)?)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_layout_is_the_published_one() {
        let key = KeyMaterial(Zeroizing::new(vec![9; 32]));
        let message = encrypt_message([5; 16], &key, b"text", None).unwrap();
        assert_eq!(&message[..16], &[5; 16]);
        assert_eq!(&message[16..20], &[1, 0, 0, 0]);
        // Twelve bytes within one block of padding.
        assert_eq!(message.len(), 36 + 16);
        assert_eq!(message_key_guid(&message), Some([5; 16]));
        let again = encrypt_message([5; 16], &key, b"text", None).unwrap();
        assert_ne!(again[20..36], message[20..36], "the IV is fresh per call");
        // Decrypted by hand, block by block.
        let cipher = aws_lc_rs::cipher::DecryptingKey::cbc(cipher_key(&key).unwrap()).unwrap();
        let iv: [u8; 16] = message[20..36].try_into().unwrap();
        let mut inner = message[36..].to_vec();
        cipher
            .decrypt(&mut inner, DecryptionContext::Iv128(FixedLength::from(iv)))
            .unwrap();
        assert_eq!(
            inner,
            b"\x0D\xF0\xAD\xBA\x00\x00\x04\x00text\x04\x04\x04\x04"
        );
    }

    #[test]
    fn what_does_not_fit_is_none() {
        let key = KeyMaterial::random(32).unwrap();
        let message = encrypt_message([5; 16], &key, b"text", Some(b"row 1")).unwrap();
        assert_eq!(
            decrypt_message(&key, &message, Some(b"row 1"))
                .unwrap()
                .as_slice(),
            b"text"
        );
        assert!(decrypt_message(&key, &message, Some(b"row 2")).is_none());
        assert!(decrypt_message(&key, &message, None).is_none());
        assert!(
            decrypt_message(&KeyMaterial::random(32).unwrap(), &message, Some(b"row 1")).is_none()
        );
        assert!(decrypt_message(&key, b"short", None).is_none());
    }

    proptest! {
        #[test]
        fn what_was_encrypted_comes_back(
            plaintext in proptest::collection::vec(any::<u8>(), 0..200),
            length in prop::sample::select(vec![16_usize, 24, 32]),
        ) {
            let key = KeyMaterial::random(length).unwrap();
            let message = encrypt_message([5; 16], &key, &plaintext, None).unwrap();
            let opened = decrypt_message(&key, &message, None).unwrap();
            prop_assert_eq!(opened.as_slice(), plaintext.as_slice());
        }

        #[test]
        fn no_message_makes_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..120)) {
            let key = KeyMaterial(Zeroizing::new(vec![9; 32]));
            let _ = decrypt_message(&key, &bytes, None);
        }
    }
}
