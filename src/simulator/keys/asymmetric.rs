//! RSA key pairs: what asymmetric keys and certificates are made of.

use aws_lc_rs::digest;
use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rsa::{
    KeySize, OAEP_SHA256_MGF1SHA256, OaepPrivateDecryptingKey, OaepPublicEncryptingKey,
    PrivateDecryptingKey, PublicEncryptingKey,
};
use zeroize::Zeroizing;

use super::{CryptographyFailed, KeyMaterial};
use crate::simulator::catalog::{Bytes, Guid, Wrapped};

/// A new key pair.
#[derive(Debug)]
pub(crate) struct KeyPair {
    /// PKCS #8.
    pub(crate) private_key: KeyMaterial,
    /// X.509 `SubjectPublicKeyInfo`.
    pub(crate) public_key: Bytes,
    /// SHA-1 over the public key: as long as SQL Server's, and no more than a name.
    pub(crate) thumbprint: Bytes,
}

/// Makes a pair; `None` for a length that the cryptography library doesn't make (512 and 1024 bits
/// are obsolete).
pub(crate) fn generate_key_pair(bits: u16) -> Option<Result<KeyPair, CryptographyFailed>> {
    let size = match bits {
        2048 => KeySize::Rsa2048,
        3072 => KeySize::Rsa3072,
        4096 => KeySize::Rsa4096,
        _ => return None,
    };
    Some(make(size))
}

fn make(size: KeySize) -> Result<KeyPair, CryptographyFailed> {
    let private = PrivateDecryptingKey::generate(size)?;
    let encoded = AsDer::<Pkcs8V1Der<'_>>::as_der(&private)?;
    let private_key = KeyMaterial(Zeroizing::new(encoded.as_ref().to_vec()));
    let public = AsDer::<PublicKeyX509Der<'_>>::as_der(&private.public_key())?;
    let public_key = public.as_ref().to_vec();
    let thumbprint = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, &public_key);
    Ok(KeyPair {
        private_key,
        thumbprint: Bytes(thumbprint.as_ref().to_vec()),
        public_key: Bytes(public_key),
    })
}

/// Encrypts a symmetric key's material for the owner of a private key; its GUID is the label.
pub(crate) fn wrap_by_public_key(
    public_key: &Bytes,
    label: Guid,
    material: &KeyMaterial,
) -> Result<Wrapped, CryptographyFailed> {
    let key = PublicEncryptingKey::from_der(&public_key.0).map_err(|_| CryptographyFailed)?;
    let key = OaepPublicEncryptingKey::new(key)?;
    let mut ciphertext = vec![0; key.ciphertext_size()];
    let length = key
        .encrypt(
            &OAEP_SHA256_MGF1SHA256,
            &material.0,
            &mut ciphertext,
            Some(&label),
        )?
        .len();
    ciphertext.truncate(length);
    Ok(Wrapped(Bytes(ciphertext)))
}

/// Decrypts what [`wrap_by_public_key`] made for this private key and label.
pub(crate) fn unwrap_by_private_key(
    private_key: &KeyMaterial,
    label: Guid,
    wrapped: &Wrapped,
) -> Result<KeyMaterial, CryptographyFailed> {
    let key = PrivateDecryptingKey::from_pkcs8(&private_key.0).map_err(|_| CryptographyFailed)?;
    let key = OaepPrivateDecryptingKey::new(key)?;
    let mut plaintext = Zeroizing::new(vec![0; key.min_output_size()]);
    let length = key
        .decrypt(
            &OAEP_SHA256_MGF1SHA256,
            &wrapped.0.0,
            &mut plaintext,
            Some(&label),
        )?
        .len();
    plaintext.truncate(length);
    Ok(KeyMaterial(plaintext))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_private_key_opens() {
        let pair = generate_key_pair(2048).unwrap().unwrap();
        let other = generate_key_pair(2048).unwrap().unwrap();
        let material = KeyMaterial::random(32).unwrap();
        let wrapped = wrap_by_public_key(&pair.public_key, [1; 16], &material).unwrap();
        assert!(
            unwrap_by_private_key(&pair.private_key, [1; 16], &wrapped)
                .unwrap()
                .is(&material)
        );
        assert!(unwrap_by_private_key(&other.private_key, [1; 16], &wrapped).is_err());
        assert!(unwrap_by_private_key(&pair.private_key, [2; 16], &wrapped).is_err());
        assert_eq!(pair.thumbprint.0.len(), 20);
    }

    #[test]
    fn obsolete_lengths_are_not_made() {
        assert!(generate_key_pair(512).is_none());
    }
}
