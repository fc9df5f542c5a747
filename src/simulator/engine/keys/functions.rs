//! Keys that open by themselves, where nobody opened them: for functions, and for backups.

use zeroize::Zeroizing;

use super::asymmetric::PairKind;
use super::{hierarchy, message, symmetric};
use crate::simulator::catalog::{AsymmetricKey, Bytes};
use crate::simulator::engine::Session;
use crate::simulator::instance::State;
use crate::simulator::keys::{KeyMaterial, decrypt_message, message_key_guid};
use crate::simulator::server_error::Result;

/// `DECRYPTBYKEYAUTOASYMKEY`, `DECRYPTBYKEYAUTOCERT`, with the pair by its id: `None` is NULL.
/// Whether it is that too where the key can't be opened nobody could confirm.
pub(crate) fn decrypt_by_key_auto(
    session: &Session,
    state: &State,
    (kind, id): (PairKind, i32),
    password: Option<&str>,
    ciphertext: &[u8],
    authenticator: Option<&[u8]>,
) -> Result<Option<Vec<u8>>> {
    let found = || {
        let guid = message_key_guid(ciphertext)?;
        let contents = &state.database(&session.database).ok()?.contents;
        let pair = kind.pairs(contents).iter().find(|pair| pair.id == id)?;
        let keys = &contents.symmetric_keys;
        Some((pair, keys.iter().find(|key| key.guid == guid)?))
    };
    let Some((pair, key)) = found() else {
        return Ok(None);
    };
    let opened = symmetric::open_by_pair(session, state, key, kind, &pair.name, password);
    let material = match opened {
        Ok(material) => material,
        Err(error) if session.instance.choices.automatic_decryption_fails => {
            return Err(error);
        }
        Err(_) => return Ok(None),
    };
    let plaintext: Option<Zeroizing<Vec<u8>>> =
        decrypt_message(&material, ciphertext, authenticator);
    Ok(plaintext.map(|plaintext| plaintext.to_vec()))
}

/// The private key of the certificate in `master` with this thumbprint, for encrypted backups.
/// 33111 where there is no such certificate.
pub(crate) fn server_certificate_key(
    session: &Session,
    state: &State,
    thumbprint: &Bytes,
) -> Result<KeyMaterial> {
    let pair = server_certificate(state, thumbprint)?;
    let kind = PairKind::Certificate;
    hierarchy::private_key(session, state, "master", (kind, pair), None, 3)
}

/// The certificate in `master` with this thumbprint, or 33111.
pub(super) fn server_certificate<'a>(
    state: &'a State,
    thumbprint: &Bytes,
) -> Result<&'a AsymmetricKey> {
    let mut certificates = state.database("master")?.contents.certificates.iter();
    certificates
        .find(|pair| pair.thumbprint == *thumbprint)
        .ok_or_else(|| message::no_server_certificate(&thumbprint.0))
}
