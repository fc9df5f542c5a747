//! Encryption by asymmetric keys and certificates, and decryption that opens its key by itself:
//! NULL wherever something is not there, does not open or does not fit.

use super::{Call, Function, Returns};
use crate::simulator::engine::keys::{
    PairKind, decrypt_by_key_auto, decrypt_by_pair, encrypt_by_pair,
};
use crate::simulator::engine::value::{Conversion, convert};
use crate::simulator::server_error::Result;
use crate::simulator::wire_type::WireType;
use crate::transport::SqlValue;

const BYTES: Returns = Returns::Type(WireType::VarBinary(Some(8000)));

pub(super) const FUNCTIONS: &[Function] = &[
    Function::lenient("DECRYPTBYASYMKEY", (2, 3), BYTES, |call| {
        decrypt(call, PairKind::AsymmetricKey)
    }),
    Function::lenient("DECRYPTBYCERT", (2, 3), BYTES, |call| {
        decrypt(call, PairKind::Certificate)
    }),
    Function::lenient("DECRYPTBYKEYAUTOASYMKEY", (3, 5), BYTES, |call| {
        decrypt_auto(call, PairKind::AsymmetricKey)
    }),
    Function::lenient("DECRYPTBYKEYAUTOCERT", (3, 5), BYTES, |call| {
        decrypt_auto(call, PairKind::Certificate)
    }),
    Function::lenient("ENCRYPTBYASYMKEY", (2, 2), BYTES, |call| {
        encrypt(call, PairKind::AsymmetricKey)
    }),
    Function::lenient("ENCRYPTBYCERT", (2, 2), BYTES, |call| {
        encrypt(call, PairKind::Certificate)
    }),
];

fn bytes(call: &Call<'_>, at: usize) -> Result<Option<Vec<u8>>> {
    let conversion = Conversion::new(call.kind(at), WireType::VarBinary(None));
    Ok(match convert(call.argument(at), &conversion)? {
        SqlValue::Bytes(bytes) => Some(bytes),
        _ => None,
    })
}

/// The id of a key pair and the bytes to work on.
fn pair_and_bytes(call: &Call<'_>, at: usize) -> Result<Option<(i32, Vec<u8>)>> {
    let id = call.integer(0)?.and_then(|id| i32::try_from(id).ok());
    Ok(id.zip(bytes(call, at)?))
}

fn or_null(bytes: Option<Vec<u8>>) -> SqlValue {
    bytes.map_or(SqlValue::Null, SqlValue::Bytes)
}

fn encrypt(call: &Call<'_>, kind: PairKind) -> Result<SqlValue> {
    let context = call.context;
    Ok(or_null(pair_and_bytes(call, 1)?.and_then(
        |(id, plaintext)| encrypt_by_pair(context.session, context.state, kind, id, &plaintext),
    )))
}

fn decrypt(call: &Call<'_>, kind: PairKind) -> Result<SqlValue> {
    let context = call.context;
    let password = call.text(2)?;
    Ok(or_null(pair_and_bytes(call, 1)?.and_then(
        |(id, ciphertext)| {
            let password = password.as_deref();
            decrypt_by_pair(
                context.session,
                context.state,
                kind,
                id,
                &ciphertext,
                password,
            )
        },
    )))
}

fn decrypt_auto(call: &Call<'_>, kind: PairKind) -> Result<SqlValue> {
    let context = call.context;
    let password = call.text(1)?;
    let authenticator = match call.integer(3)? {
        None | Some(0) => None,
        Some(_) => bytes(call, 4)?,
    };
    Ok(or_null(pair_and_bytes(call, 2)?.and_then(
        |(id, message)| {
            let (session, state) = (context.session, context.state);
            let password = password.as_deref();
            let authenticator = authenticator.as_deref();
            decrypt_by_key_auto(
                session,
                state,
                (kind, id),
                password,
                &message,
                authenticator,
            )
        },
    )))
}
