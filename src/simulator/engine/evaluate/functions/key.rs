//! Keys: NULL wherever a key is not open or not there, as SQL Server has it.

use super::{Call, Function, INT, Returns, integer_or_null, text_or_null};
use crate::simulator::catalog::{Contents, SymmetricKey};
use crate::simulator::engine::evaluate::Context;
use crate::simulator::engine::keys::{self, PairKind};
use crate::simulator::engine::value::{Conversion, convert};
use crate::simulator::instance::same_name;
use crate::simulator::keys::{decrypt_message, encrypt_message, message_key_guid};
use crate::simulator::server_error::Result;
use crate::simulator::wire_type::WireType;
use crate::transport::SqlValue;

const BYTES: Returns = Returns::Type(WireType::VarBinary(Some(8000)));

pub(super) const FUNCTIONS: &[Function] = &[
    Function::strict("ASYMKEY_ID", (1, 1), INT, asymmetric_key_id),
    Function::strict("CERT_ID", (1, 1), INT, certificate_id),
    Function::lenient("DECRYPTBYASYMKEY", (2, 3), BYTES, |call| {
        decrypt_by_pair(call, PairKind::AsymmetricKey)
    }),
    Function::lenient("DECRYPTBYCERT", (2, 3), BYTES, |call| {
        decrypt_by_pair(call, PairKind::Certificate)
    }),
    Function::lenient("DECRYPTBYKEYAUTOASYMKEY", (3, 5), BYTES, |call| {
        decrypt_automatically(call, PairKind::AsymmetricKey)
    }),
    Function::lenient("DECRYPTBYKEYAUTOCERT", (3, 5), BYTES, |call| {
        decrypt_automatically(call, PairKind::Certificate)
    }),
    Function::strict("ENCRYPTBYASYMKEY", (2, 2), BYTES, |call| {
        encrypt_by_pair(call, PairKind::AsymmetricKey)
    }),
    Function::strict("ENCRYPTBYCERT", (2, 2), BYTES, |call| {
        encrypt_by_pair(call, PairKind::Certificate)
    }),
    Function::lenient("DECRYPTBYKEY", (1, 3), BYTES, decrypt),
    Function::lenient("ENCRYPTBYKEY", (2, 4), BYTES, encrypt),
    Function::strict(
        "KEY_GUID",
        (1, 1),
        Returns::Type(WireType::UniqueIdentifier),
        key_guid,
    ),
    Function::strict("KEY_ID", (1, 1), INT, key_id),
    Function::strict("KEY_NAME", (1, 1), super::SYSNAME, key_name),
    Function::strict(
        "NEWID",
        (0, 0),
        Returns::Type(WireType::UniqueIdentifier),
        new_id,
    ),
    Function::strict(
        "NEWSEQUENTIALID",
        (0, 0),
        Returns::Type(WireType::UniqueIdentifier),
        new_id,
    ),
    Function::strict("CRYPT_GEN_RANDOM", (1, 1), BYTES, random),
];

fn contents<'a>(context: &Context<'a>) -> Option<&'a Contents> {
    let database = context.session.database.to_lowercase();
    context
        .state
        .databases
        .get(&database)
        .map(|open| &open.contents)
}

fn symmetric_key<'a>(call: &Call<'a>) -> Result<Option<&'a SymmetricKey>> {
    let Some(name) = call.text(0)? else {
        return Ok(None);
    };
    let keys = contents(call.context).map(|contents| contents.symmetric_keys.iter());
    Ok(keys
        .into_iter()
        .flatten()
        .find(|key| same_name(&key.name, &name)))
}

fn key_guid(call: &Call<'_>) -> Result<SqlValue> {
    Ok(symmetric_key(call)?.map_or(SqlValue::Null, |key| SqlValue::Guid(key.guid)))
}

fn key_id(call: &Call<'_>) -> Result<SqlValue> {
    Ok(integer_or_null(symmetric_key(call)?.map(|key| key.id)))
}

/// Of a key's GUID or of what was encrypted with it.
fn key_name(call: &Call<'_>) -> Result<SqlValue> {
    let guid = match call.argument(0) {
        SqlValue::Guid(guid) => Some(*guid),
        SqlValue::Bytes(bytes) => message_key_guid(bytes),
        _ => None,
    };
    let keys = contents(call.context).map(|contents| contents.symmetric_keys.iter());
    let key = keys
        .into_iter()
        .flatten()
        .find(|key| Some(key.guid) == guid);
    Ok(text_or_null(key.map(|key| key.name.clone())))
}

fn asymmetric_key_id(call: &Call<'_>) -> Result<SqlValue> {
    let name = call.text(0)?.unwrap_or_default();
    let keys = contents(call.context).map(|contents| contents.asymmetric_keys.iter());
    let key = keys
        .into_iter()
        .flatten()
        .find(|key| same_name(&key.name, &name));
    Ok(integer_or_null(key.map(|key| key.id)))
}

fn certificate_id(call: &Call<'_>) -> Result<SqlValue> {
    let name = call.text(0)?.unwrap_or_default();
    let keys = contents(call.context).map(|contents| contents.certificates.iter());
    let key = keys
        .into_iter()
        .flatten()
        .find(|key| same_name(&key.name, &name));
    Ok(integer_or_null(key.map(|key| key.id)))
}

fn bytes(call: &Call<'_>, at: usize) -> Result<Option<Vec<u8>>> {
    let conversion = Conversion::new(call.kind(at), WireType::VarBinary(None));
    Ok(match convert(call.argument(at), &conversion)? {
        SqlValue::Bytes(bytes) => Some(bytes),
        _ => None,
    })
}

/// The authenticator, where the flag in front of it asks for one.
fn authenticator(call: &Call<'_>, flag: usize) -> Result<Option<Vec<u8>>> {
    if call.integer(flag)?.unwrap_or(0) == 0 {
        return Ok(None);
    }
    bytes(call, flag + 1)
}

fn encrypt(call: &Call<'_>) -> Result<SqlValue> {
    let Some(guid) = guid(call)? else {
        return Ok(SqlValue::Null);
    };
    let Some(plaintext) = bytes(call, 1)? else {
        return Ok(SqlValue::Null);
    };
    let authenticator = authenticator(call, 2)?;
    let keys = &call.context.session.open_symmetric_keys;
    let message = keys.iter().find(|open| open.guid == guid).and_then(|open| {
        encrypt_message(guid, &open.material, &plaintext, authenticator.as_deref()).ok()
    });
    Ok(message.map_or(SqlValue::Null, SqlValue::Bytes))
}

fn guid(call: &Call<'_>) -> Result<Option<[u8; 16]>> {
    let conversion = Conversion::new(call.kind(0), WireType::UniqueIdentifier);
    Ok(match convert(call.argument(0), &conversion)? {
        SqlValue::Guid(guid) => Some(guid),
        _ => None,
    })
}

fn decrypt(call: &Call<'_>) -> Result<SqlValue> {
    let Some(message) = bytes(call, 0)? else {
        return Ok(SqlValue::Null);
    };
    let authenticator = authenticator(call, 1)?;
    let guid = message_key_guid(&message);
    let keys = &call.context.session.open_symmetric_keys;
    let plaintext = keys
        .iter()
        .find(|open| Some(open.guid) == guid)
        .and_then(|open| decrypt_message(&open.material, &message, authenticator.as_deref()));
    Ok(plaintext.map_or(SqlValue::Null, |plaintext| {
        SqlValue::Bytes(plaintext.to_vec())
    }))
}

fn bytes_or_null(bytes: Option<Vec<u8>>) -> SqlValue {
    bytes.map_or(SqlValue::Null, SqlValue::Bytes)
}

/// The id of a key pair.
fn pair_id(call: &Call<'_>) -> Result<Option<i32>> {
    Ok(call.integer(0)?.and_then(|id| i32::try_from(id).ok()))
}

fn encrypt_by_pair(call: &Call<'_>, kind: PairKind) -> Result<SqlValue> {
    let (Some(id), Some(plaintext)) = (pair_id(call)?, bytes(call, 1)?) else {
        return Ok(SqlValue::Null);
    };
    let Context { session, state, .. } = call.context;
    Ok(bytes_or_null(keys::encrypt_by_pair(
        session, state, kind, id, &plaintext,
    )))
}

fn decrypt_by_pair(call: &Call<'_>, kind: PairKind) -> Result<SqlValue> {
    let (Some(id), Some(ciphertext)) = (pair_id(call)?, bytes(call, 1)?) else {
        return Ok(SqlValue::Null);
    };
    let password = call.text(2)?;
    let Context { session, state, .. } = call.context;
    let plaintext =
        keys::decrypt_by_pair(session, state, kind, id, &ciphertext, password.as_deref())?;
    Ok(bytes_or_null(plaintext))
}

/// Opens the symmetric key for this one call.
fn decrypt_automatically(call: &Call<'_>, kind: PairKind) -> Result<SqlValue> {
    let (Some(id), Some(ciphertext)) = (pair_id(call)?, bytes(call, 2)?) else {
        return Ok(SqlValue::Null);
    };
    let password = call.text(1)?;
    let authenticator = authenticator(call, 3)?;
    let Context { session, state, .. } = call.context;
    let plaintext = keys::decrypt_by_key_auto(
        session,
        state,
        (kind, id),
        password.as_deref(),
        &ciphertext,
        authenticator.as_deref(),
    )?;
    Ok(bytes_or_null(plaintext))
}

fn new_id(_: &Call<'_>) -> Result<SqlValue> {
    Ok(crate::simulator::keys::random_guid().map_or(SqlValue::Null, SqlValue::Guid))
}

fn random(call: &Call<'_>) -> Result<SqlValue> {
    let length = call
        .integer(0)?
        .and_then(|length| usize::try_from(length).ok())
        .unwrap_or(0);
    let key = crate::simulator::keys::KeyMaterial::random(length.min(8000));
    Ok(key.map_or(SqlValue::Null, |key| SqlValue::Bytes(key.0.to_vec())))
}
