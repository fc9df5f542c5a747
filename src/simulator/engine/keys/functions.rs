//! Keys that open by themselves, where nobody opened them: for functions, and for backups.

use zeroize::Zeroizing;

use super::asymmetric::PairKind;
use super::{hierarchy, symmetric};
use crate::simulator::catalog::Bytes;
use crate::simulator::engine::Session;
use crate::simulator::instance::State;
use crate::simulator::keys::{KeyMaterial, decrypt_message, message_key_guid};
use crate::simulator::server_error::Result;

/// `DECRYPTBYKEYAUTOASYMKEY`, `DECRYPTBYKEYAUTOCERT`, with the pair by its id: `None`, which is
/// NULL, also where the key can't be opened (15581 is the other possibility; unconfirmed).
pub(crate) fn decrypt_by_key_auto(
    session: &Session,
    state: &State,
    (kind, id): (PairKind, i32),
    password: Option<&str>,
    ciphertext: &[u8],
    authenticator: Option<&[u8]>,
) -> Option<Vec<u8>> {
    let guid = message_key_guid(ciphertext)?;
    let contents = &state.database(&session.database).ok()?.contents;
    let pair = kind.pairs(contents).iter().find(|pair| pair.id == id)?;
    let key = contents
        .symmetric_keys
        .iter()
        .find(|key| key.guid == guid)?;
    let material = symmetric::open_by_pair(session, state, key, kind, &pair.name, password).ok()?;
    let plaintext: Zeroizing<Vec<u8>> = decrypt_message(&material, ciphertext, authenticator)?;
    Some(plaintext.to_vec())
}

/// The private key of the certificate in `master` with this thumbprint, for encrypted backups.
/// `None` where there is no such certificate.
pub(crate) fn server_certificate_key(
    session: &Session,
    state: &State,
    thumbprint: &Bytes,
) -> Result<Option<KeyMaterial>> {
    let certificates = &state.database("master")?.contents.certificates;
    let Some(pair) = certificates
        .iter()
        .find(|pair| pair.thumbprint == *thumbprint)
    else {
        return Ok(None);
    };
    let kind = PairKind::Certificate;
    hierarchy::private_key(session, state, "master", (kind, pair), None, 3).map(Some)
}
