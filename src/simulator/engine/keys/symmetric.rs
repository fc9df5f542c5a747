//! CREATE, OPEN, CLOSE and DROP SYMMETRIC KEY.

use std::collections::BTreeMap;

use super::asymmetric::PairKind;
use super::hierarchy::{self, change_contents};
use super::{file, message, permission};
use crate::simulator::catalog::{Contents, Guid, Protection, SymmetricKey, Wrapped};
use crate::simulator::engine::Session;
use crate::simulator::engine::session::OpenSymmetricKey;
use crate::simulator::instance::{Instance, State, now, same_name};
use crate::simulator::keys::{
    KeyDerivation, KeyMaterial, Label, random_guid, unwrap_by_private_key, wrap_by_public_key,
};
use crate::simulator::server_error::{Result, ServerError};
use crate::simulator::tsql::ast::KeyProtector;

pub(super) fn create(
    session: &Session,
    name: &str,
    algorithm: &str,
    protectors: &[KeyProtector],
) -> Result<()> {
    let (instance, database) = (&session.instance, &session.database);
    let algorithm = algorithm.to_uppercase();
    let length = match algorithm.as_str() {
        "AES_128" => 16,
        "AES_192" => 24,
        "AES_256" => 32,
        _ => return Err(message::unavailable_algorithm()),
    };
    let material = KeyMaterial::random(length)?;
    let guid = random_guid()?;
    let mut state = instance.state();
    permission::database(session, &state, "ALTER ANY SYMMETRIC KEY")?;
    let contents = &state.database(database)?.contents;
    let wrapped = protectors
        .iter()
        .map(|protector| protect(instance, contents, protector, guid, &material))
        .collect::<Result<Vec<_>>>()?;
    change_contents(instance, &mut state, database, |contents| {
        if contents
            .symmetric_keys
            .iter()
            .any(|key| same_name(&key.name, name))
        {
            return Err(message::name_taken("symmetric key", name));
        }
        let id = contents
            .symmetric_keys
            .iter()
            .map(|key| key.id)
            .max()
            .unwrap_or(255)
            + 1;
        contents.symmetric_keys.push(SymmetricKey {
            id,
            name: name.to_owned(),
            guid,
            algorithm,
            created: now(),
            wrapped,
            grants: BTreeMap::new(),
        });
        Ok(())
    })
}

fn protect(
    instance: &Instance,
    contents: &Contents,
    protector: &KeyProtector,
    guid: Guid,
    material: &KeyMaterial,
) -> Result<(Protection, Wrapped)> {
    match protector {
        KeyProtector::Password(password) => {
            file::check_password(instance, password)?;
            let label = Label::SymmetricKey(guid);
            Ok((
                Protection::Password,
                instance.derivation.wrap(password, label, &material.0)?,
            ))
        }
        KeyProtector::AsymmetricKey { name, .. } => {
            let pair = PairKind::AsymmetricKey.find(contents, "find", name)?;
            let wrapped = wrap_by_public_key(&pair.public_key, guid, material)?;
            Ok((Protection::AsymmetricKey(pair.name.clone()), wrapped))
        }
        KeyProtector::Certificate { name, .. } => {
            let pair = PairKind::Certificate.find(contents, "find", name)?;
            let wrapped = wrap_by_public_key(&pair.public_key, guid, material)?;
            Ok((Protection::Certificate(pair.name.clone()), wrapped))
        }
        KeyProtector::SymmetricKey(_) => Err(by_symmetric_key()),
    }
}

pub(super) fn open(session: &mut Session, name: &str, decryption: &KeyProtector) -> Result<()> {
    let instance = session.instance.clone();
    let mut state = instance.state();
    let key = find(&state.database(&session.database)?.contents, "find", name)?.clone();
    if !permission::may_see_key(session, &state, &key.grants) {
        return Err(message::not_found("find", "symmetric key", name));
    }
    // A stored password is used once: this wraps the master key anew.
    hierarchy::master_key(session, &mut state, &session.database);
    let material = match decryption {
        KeyProtector::Password(password) => open_by_password(&key, password)?,
        KeyProtector::AsymmetricKey { name, password } => {
            let kind = PairKind::AsymmetricKey;
            open_by_pair(session, &state, &key, kind, name, password.as_deref())?
        }
        KeyProtector::Certificate { name, password } => {
            let kind = PairKind::Certificate;
            open_by_pair(session, &state, &key, kind, name, password.as_deref())?
        }
        KeyProtector::SymmetricKey(_) => return Err(by_symmetric_key()),
    };
    let database = session.database.clone();
    session
        .open_symmetric_keys
        .retain(|open| open.guid != key.guid);
    session.open_symmetric_keys.push(OpenSymmetricKey {
        database,
        name: key.name,
        guid: key.guid,
        material,
    });
    Ok(())
}

fn open_by_password(key: &SymmetricKey, password: &str) -> Result<KeyMaterial> {
    key.wrapped
        .iter()
        .filter(|(protection, _)| *protection == Protection::Password)
        .find_map(|(_, wrapped)| {
            KeyDerivation::unwrap(password, Label::SymmetricKey(key.guid), wrapped).ok()
        })
        .ok_or_else(message::wrong_decryptor)
}

/// Opens a key with the private key of a pair. States of 15581 as transcripts show them: 3, and 7
/// with a certificate.
pub(super) fn open_by_pair(
    session: &Session,
    state: &State,
    key: &SymmetricKey,
    kind: PairKind,
    pair_name: &str,
    password: Option<&str>,
) -> Result<KeyMaterial> {
    let database = &session.database;
    let pair = kind
        .find(&state.database(database)?.contents, "find", pair_name)?
        .clone();
    if !permission::may_use_pair(session, state, &pair.grants) {
        return Err(message::not_found("find", kind.name(), pair_name));
    }
    let wrapped = key
        .wrapped
        .iter()
        .find(|(protection, _)| match (kind, protection) {
            (PairKind::AsymmetricKey, Protection::AsymmetricKey(by))
            | (PairKind::Certificate, Protection::Certificate(by)) => same_name(by, pair_name),
            _ => false,
        })
        .map(|(_, wrapped)| wrapped)
        .ok_or_else(message::wrong_decryptor)?;
    let no_master_key = match kind {
        PairKind::AsymmetricKey => 3,
        PairKind::Certificate => 7,
    };
    let private_key = hierarchy::private_key(
        session,
        state,
        database,
        (kind, &pair),
        password,
        no_master_key,
    )?;
    unwrap_by_private_key(&private_key, key.guid, wrapped).map_err(|_| message::not_decrypted())
}

pub(super) fn close(session: &mut Session, name: &str) -> Result<()> {
    let database = session.database.clone();
    let before = session.open_symmetric_keys.len();
    session
        .open_symmetric_keys
        .retain(|open| !(same_name(&open.name, name) && same_name(&open.database, &database)));
    if session.open_symmetric_keys.len() == before {
        return Err(message::not_open(name));
    }
    Ok(())
}

pub(super) fn drop(session: &mut Session, name: &str) -> Result<()> {
    let instance = session.instance.clone();
    let mut state = instance.state();
    permission::control_database(session, &state)?;
    let guid = find(&state.database(&session.database)?.contents, "drop", name)?.guid;
    change_contents(&instance, &mut state, &session.database, |contents| {
        contents.symmetric_keys.retain(|key| key.guid != guid);
        Ok(())
    })?;
    session.open_symmetric_keys.retain(|open| open.guid != guid);
    Ok(())
}

fn find<'a>(contents: &'a Contents, action: &str, name: &str) -> Result<&'a SymmetricKey> {
    contents
        .symmetric_keys
        .iter()
        .find(|key| same_name(&key.name, name))
        .ok_or_else(|| message::not_found(action, "symmetric key", name))
}

fn by_symmetric_key() -> ServerError {
    ServerError::unsupported("symmetric keys that are encrypted by symmetric keys")
}
