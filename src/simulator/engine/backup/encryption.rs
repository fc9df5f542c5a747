//! WITH ENCRYPTION: a backup under a certificate of `master`.

use super::media_message;
use crate::simulator::catalog::{AsymmetricKey, Bytes, Contents, Protection, Wrapped};
use crate::simulator::engine::Session;
use crate::simulator::engine::keys::{
    check_database_encryption, server_certificate_key, unusable_certificate,
};
use crate::simulator::instance::{State, same_name};
use crate::simulator::keys::{
    KEY_LENGTH, KeyMaterial, Label, random_guid, unwrap_by_private_key, wrap_by_public_key,
};
use crate::simulator::media::{Encryption, SetHeader};
use crate::simulator::server_error::{Result, ServerError};

/// Whether a certificate's private key was ever backed up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kept {
    InAFile,
    Nowhere,
}

/// That a certificate of `master` can encrypt backups: the server must open its private key by
/// itself.
pub(super) fn check(session: &Session, certificate: &str) -> Result<Kept> {
    let state = session.instance.state();
    let found = find(&state, certificate)?;
    if found.protection != Protection::MasterKey {
        return Err(unusable_certificate(certificate));
    }
    Ok(match found.last_backup {
        Some(_) => Kept::InAFile,
        None => Kept::Nowhere,
    })
}

fn find<'a>(state: &'a State, certificate: &str) -> Result<&'a AsymmetricKey> {
    let certificates = &state.database("master")?.contents.certificates;
    certificates
        .iter()
        .find(|pair| same_name(&pair.name, certificate))
        .ok_or_else(|| {
            ServerError::new(
                15151,
                16,
                1,
                format!(
                    "Cannot find the certificate '{certificate}', because it does not exist or you \
                     do not have permission."
                ),
            )
        })
}

/// Encrypts content under a fresh key, and that key under a certificate.
pub(super) fn encrypt(
    state: &State,
    algorithm: &str,
    certificate: &str,
    content: &[u8],
) -> Result<(Vec<u8>, Encryption)> {
    let certificate = find(state, certificate)?;
    // Whatever the algorithm is called, the key is as long as AES-256's: the format is our own.
    let key = KeyMaterial::random(KEY_LENGTH)?;
    let key_guid = random_guid()?;
    let encrypted = key.wrap(Label::BackupSet(key_guid), content)?;
    let encryption = Encryption {
        algorithm: algorithm.to_lowercase(),
        thumbprint: certificate.thumbprint.clone(),
        key_guid,
        key: wrap_by_public_key(&certificate.public_key, key_guid, &key)?.0,
    };
    Ok((encrypted.0.0, encryption))
}

/// 33111 where the certificate is not on this server.
pub(super) fn require_certificate(
    session: &Session,
    state: &State,
    thumbprint: &Bytes,
) -> Result<()> {
    server_certificate_key(session, state, thumbprint).map(drop)
}

/// That this server can read a set: 33111 where a certificate is missing that encrypts the backup or
/// the database in it, 33117 where the edition has no encrypted databases.
pub(super) fn check_readable(session: &Session, state: &State, header: &SetHeader) -> Result<()> {
    if let Some(encryption) = &header.encryption {
        require_certificate(session, state, &encryption.thumbprint)?;
    }
    if let Some(thumbprint) = &header.tde {
        check_database_encryption(&session.instance)?;
        require_certificate(session, state, thumbprint)?;
    }
    Ok(())
}

/// The certificate that a restore of this database needs: while it is encrypted, and, unless chosen
/// otherwise, for as long as it has its key.
pub(super) fn of_database(session: &Session, contents: &Contents) -> Option<Bytes> {
    let is_bound = session
        .instance
        .choices
        .unused_encryption_key_needs_certificate;
    let key = contents.encryption_key.as_ref();
    key.filter(|key| key.is_on || is_bound)
        .map(|key| key.thumbprint.clone())
}

/// Decrypts content; 33111 where the certificate is not on this server.
pub(super) fn decrypt(
    session: &Session,
    state: &State,
    encryption: &Encryption,
    content: Vec<u8>,
) -> Result<Vec<u8>> {
    let thumbprint = &encryption.thumbprint;
    let private_key = server_certificate_key(session, state, thumbprint)?;
    let key = unwrap_by_private_key(
        &private_key,
        encryption.key_guid,
        &Wrapped(encryption.key.clone()),
    )
    .map_err(|_| media_message::damaged())?;
    let content = key
        .unwrap(
            Label::BackupSet(encryption.key_guid),
            &Wrapped(Bytes(content)),
        )
        .map_err(|_| media_message::damaged())?;
    Ok(content.0.to_vec())
}
