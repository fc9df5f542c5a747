//! What expressions ask of keys: KEY_GUID, ENCRYPTBYKEY, DECRYPTBYKEY and its AUTO forms.

use zeroize::Zeroizing;

use super::asymmetric::PairKind;
use super::{hierarchy, symmetric};
use crate::simulator::catalog::{Bytes, Guid};
use crate::simulator::engine::Session;
use crate::simulator::instance::{State, same_name};
use crate::simulator::keys::{KeyMaterial, decrypt_message, encrypt_message, message_key_guid};
use crate::simulator::server_error::Result;

/// Which pair an AUTO function opens a symmetric key with, by its id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AutoDecryptor {
    AsymmetricKey(i32),
    Certificate(i32),
}

/// `KEY_GUID`: of a symmetric key of the current database.
pub(crate) fn key_guid(session: &Session, name: &str) -> Option<Guid> {
    let state = session.instance.state();
    let keys = &state
        .database(&session.database)
        .ok()?
        .contents
        .symmetric_keys;
    Some(keys.iter().find(|key| same_name(&key.name, name))?.guid)
}

/// `ASYMKEY_ID`, `CERT_ID`.
pub(crate) fn pair_id(session: &Session, is_certificate: bool, name: &str) -> Option<i32> {
    let kind = if is_certificate {
        PairKind::Certificate
    } else {
        PairKind::AsymmetricKey
    };
    let state = session.instance.state();
    let contents = &state.database(&session.database).ok()?.contents;
    let pair = kind
        .pairs(contents)
        .iter()
        .find(|pair| same_name(&pair.name, name))?;
    Some(pair.id)
}

/// `ENCRYPTBYKEY`: `None`, which is NULL, where the key is not open or the text too long.
pub(crate) fn encrypt_by_key(
    session: &Session,
    guid: Guid,
    plaintext: &[u8],
    authenticator: Option<&[u8]>,
) -> Option<Vec<u8>> {
    let key = session
        .open_symmetric_keys
        .iter()
        .find(|open| open.guid == guid)?;
    encrypt_message(guid, &key.material, plaintext, authenticator).ok()
}

/// `DECRYPTBYKEY`: `None`, which is NULL, where the key is not open or something doesn't fit.
pub(crate) fn decrypt_by_key(
    session: &Session,
    ciphertext: &[u8],
    authenticator: Option<&[u8]>,
) -> Option<Zeroizing<Vec<u8>>> {
    let guid = message_key_guid(ciphertext)?;
    let key = session
        .open_symmetric_keys
        .iter()
        .find(|open| open.guid == guid)?;
    decrypt_message(&key.material, ciphertext, authenticator)
}

/// `DECRYPTBYKEYAUTOASYMKEY`, `DECRYPTBYKEYAUTOCERT`: NULL too where the key can't be opened
/// (15581 is the other possibility; unconfirmed).
pub(crate) fn decrypt_by_key_auto(
    session: &Session,
    state: &State,
    decryptor: AutoDecryptor,
    password: Option<&str>,
    ciphertext: &[u8],
    authenticator: Option<&[u8]>,
) -> Option<Zeroizing<Vec<u8>>> {
    let guid = message_key_guid(ciphertext)?;
    let (kind, id) = match decryptor {
        AutoDecryptor::AsymmetricKey(id) => (PairKind::AsymmetricKey, id),
        AutoDecryptor::Certificate(id) => (PairKind::Certificate, id),
    };
    let contents = &state.database(&session.database).ok()?.contents;
    let pair = kind
        .pairs(contents)
        .iter()
        .find(|pair| pair.id == id)?
        .name
        .clone();
    let key = contents
        .symmetric_keys
        .iter()
        .find(|key| key.guid == guid)?
        .clone();
    let material = symmetric::open_by_pair(session, state, &key, kind, &pair, password).ok()?;
    decrypt_message(&material, ciphertext, authenticator)
}

/// The private key of the certificate in `master` with this thumbprint, for TDE and encrypted
/// backups. `None` where there is no such certificate.
pub(crate) fn server_certificate_key(
    session: &Session,
    state: &State,
    thumbprint: &Bytes,
) -> Result<Option<KeyMaterial>> {
    let certificates = &state.database("master")?.contents.certificates;
    let Some(pair) = certificates
        .iter()
        .find(|pair| pair.thumbprint == *thumbprint)
        .cloned()
    else {
        return Ok(None);
    };
    hierarchy::private_key(session, state, "master", &pair, None, 3).map(Some)
}
