//! ENCRYPTBYASYMKEY, DECRYPTBYASYMKEY and their twins for certificates.

use zeroize::Zeroizing;

use super::asymmetric::PairKind;
use super::{hierarchy, message};
use crate::simulator::catalog::{AsymmetricKey, Bytes, Protection, Wrapped};
use crate::simulator::engine::Session;
use crate::simulator::instance::State;
use crate::simulator::keys::{KeyMaterial, unwrap_by_private_key, wrap_by_public_key};
use crate::simulator::server_error::Result;

/// What goes with a plaintext of its own: no key's GUID.
const NO_LABEL: [u8; 16] = [0; 16];

fn pair<'a>(
    session: &Session,
    state: &'a State,
    kind: PairKind,
    id: i32,
) -> Option<&'a AsymmetricKey> {
    let contents = &state.database(&session.database).ok()?.contents;
    kind.pairs(contents).iter().find(|pair| pair.id == id)
}

/// `None`, which is NULL, where there is no such pair or the plaintext is longer than the key takes.
pub(crate) fn encrypt_by_pair(
    session: &Session,
    state: &State,
    kind: PairKind,
    id: i32,
    plaintext: &[u8],
) -> Option<Vec<u8>> {
    let pair = pair(session, state, kind, id)?;
    let material = KeyMaterial(Zeroizing::new(plaintext.to_vec()));
    let wrapped = wrap_by_public_key(&pair.public_key, NO_LABEL, &material).ok()?;
    Some(wrapped.0.0)
}

/// `None`, which is NULL, where the private key can't be opened (15581 is the other possibility;
/// unconfirmed) or something doesn't fit. A wrong password of an asymmetric key raises 15466 with
/// state 9, as a transcript shows; of a certificate, nobody saw.
pub(crate) fn decrypt_by_pair(
    session: &Session,
    state: &State,
    kind: PairKind,
    id: i32,
    ciphertext: &[u8],
    password: Option<&str>,
) -> Result<Option<Vec<u8>>> {
    let Some(pair) = pair(session, state, kind, id) else {
        return Ok(None);
    };
    let database = &session.database;
    let private_key =
        hierarchy::private_key(session, state, database, (kind, pair), password, 3).ok();
    let has_wrong_password = pair.protection == Protection::Password && password.is_some();
    if private_key.is_none() && has_wrong_password && kind == PairKind::AsymmetricKey {
        return Err(message::not_decrypted_by_function());
    }
    let wrapped = Wrapped(Bytes(ciphertext.to_vec()));
    let plaintext = private_key
        .and_then(|private_key| unwrap_by_private_key(&private_key, NO_LABEL, &wrapped).ok());
    Ok(plaintext.map(|plaintext| plaintext.0.to_vec()))
}
