//! Databases that are encrypted themselves (TDE): CREATE, ALTER and DROP DATABASE ENCRYPTION KEY, and
//! ALTER DATABASE … SET ENCRYPTION. The encryption takes no time here: a database is encrypted whole when
//! the statement ends.

use super::asymmetric::PairKind;
use super::hierarchy::{self, change_contents};
use super::{functions, message, permission};
use crate::simulator::catalog::{AsymmetricKey, EncryptionKey, Protection};
use crate::simulator::engine::{Caller, Session};
use crate::simulator::instance::{Edit, EditError, Instance, OpenedKey, State, now};
use crate::simulator::keys::{
    KEY_LENGTH, KeyMaterial, random_guid, unwrap_by_private_key, wrap_by_public_key,
};
use crate::simulator::server_error::Result;
use crate::transport::SqlMessage;

const KIND: PairKind = PairKind::Certificate;

/// 33117 where the edition has no encrypted databases.
pub(crate) fn check_edition(instance: &Instance) -> Result<()> {
    if instance.edition.can_encrypt_databases(instance.version) {
        Ok(())
    } else {
        Err(message::database_encryption(33117))
    }
}

/// The database of a statement, which can have a key. Documented: CONTROL on it.
fn check_database(session: &Session, state: &State) -> Result<()> {
    check_edition(&session.instance)?;
    let database = &session.database;
    let entry = state.entry(database);
    if entry.is_none_or(|entry| entry.id <= 4) {
        return Err(message::database_encryption(33102));
    }
    permission::control_database(session, state)?;
    if entry.is_some_and(|entry| entry.is_read_only) {
        return Err(message::database_encryption(33118));
    }
    Ok(())
}

/// The certificate of `master`, if the caller sees it (documented: VIEW DEFINITION), and the server
/// opens its private key by itself.
fn certificate<'a>(session: &Session, state: &'a State, name: &str) -> Result<&'a AsymmetricKey> {
    let pair = KIND.find(&state.database("master")?.contents, "find", name)?;
    let caller = Caller::new(state, session);
    if !caller.has_object("master", &pair.grants, "VIEW DEFINITION") {
        return Err(message::not_found("find", KIND.name(), name));
    }
    if pair.protection != Protection::MasterKey {
        return Err(message::unusable_certificate(name));
    }
    Ok(pair)
}

pub(super) fn create(
    session: &Session,
    algorithm: &str,
    certificate_name: &str,
) -> Result<Vec<SqlMessage>> {
    let instance = &session.instance;
    let mut state = instance.state();
    check_database(session, &state)?;
    if present(session, &state).is_ok() {
        return Err(message::database_encryption(33103));
    }
    let pair = certificate(session, &state, certificate_name)?;
    // The server must open it by itself at every start: what it can't do is refused now.
    hierarchy::server_private_key(&state, (KIND, pair))?;
    let (mut key, _) = new_key(algorithm, pair)?;
    (key.set, key.is_on) = (None, false);
    let warning = warning(pair);
    change_contents(instance, &mut state, &session.database, |contents| {
        contents.encryption_key = Some(key);
        Ok(())
    })?;
    Ok(warning)
}

/// A key under a certificate.
fn new_key(algorithm: &str, pair: &AsymmetricKey) -> Result<(EncryptionKey, KeyMaterial)> {
    let material = KeyMaterial::random(KEY_LENGTH)?;
    let guid = random_guid()?;
    let created = now();
    let key = EncryptionKey {
        guid,
        algorithm: algorithm.to_owned(),
        created,
        set: Some(created),
        thumbprint: pair.thumbprint.clone(),
        key: wrap_by_public_key(&pair.public_key, guid, &material)?,
        is_on: true,
    };
    Ok((key, material))
}

/// 33091 under a certificate that nobody kept.
fn warning(pair: &AsymmetricKey) -> Vec<SqlMessage> {
    match pair.last_backup {
        Some(_) => Vec::new(),
        None => vec![message::certificate_not_backed_up()],
    }
}

/// The key of the statement's database, or 33104.
fn present(session: &Session, state: &State) -> Result<EncryptionKey> {
    let contents = &state.database(&session.database)?.contents;
    let key = contents.encryption_key.clone();
    key.ok_or_else(|| message::database_encryption(33104))
}

/// ALTER … ENCRYPTION BY SERVER CERTIFICATE: the same key under another certificate. Older backups
/// still need the old one.
pub(super) fn protect(session: &Session, certificate_name: &str) -> Result<Vec<SqlMessage>> {
    let mut state = session.instance.state();
    check_database(session, &state)?;
    let mut key = present(session, &state)?;
    let pair = certificate(session, &state, certificate_name)?;
    hierarchy::server_private_key(&state, (KIND, pair))?;
    let material = open(&state, &key)?;
    key.key = wrap_by_public_key(&pair.public_key, key.guid, &material)?;
    key.thumbprint = pair.thumbprint.clone();
    let warning = warning(pair);
    replace(session, &mut state, key, material)?;
    Ok(warning)
}

/// ALTER … REGENERATE: another key under the same certificate, with which the database is encrypted
/// anew.
pub(super) fn regenerate(session: &Session, algorithm: &str) -> Result<()> {
    let mut state = session.instance.state();
    check_database(session, &state)?;
    let before = present(session, &state)?;
    let pair = functions::server_certificate(&state, &before.thumbprint)?;
    hierarchy::server_private_key(&state, (KIND, pair))?;
    let (mut key, material) = new_key(algorithm, pair)?;
    (key.created, key.is_on) = (before.created, before.is_on);
    replace(session, &mut state, key, material)
}

fn replace(
    session: &Session,
    state: &mut State,
    key: EncryptionKey,
    material: KeyMaterial,
) -> Result<()> {
    let database = &session.database;
    let replaced = session.instance.edit(state, |edit| {
        let guid = key.guid;
        edit.keep_key(database, OpenedKey { guid, material })?;
        edit.contents(database)?.encryption_key = Some(key);
        Ok(())
    });
    Ok(replaced?)
}

pub(super) fn drop(session: &Session) -> Result<()> {
    let instance = &session.instance;
    let mut state = instance.state();
    check_database(session, &state)?;
    if present(session, &state)?.is_on {
        return Err(message::database_encryption(33105));
    }
    change_contents(instance, &mut state, &session.database, |contents| {
        contents.encryption_key = None;
        Ok(())
    })
}

/// The key of an encrypted database, as the server opens it by itself: 33111 where its certificate is
/// not here, 15581 where the master key of `master` doesn't open.
pub(crate) fn open(state: &State, key: &EncryptionKey) -> Result<KeyMaterial> {
    let pair = functions::server_certificate(state, &key.thumbprint)?;
    let private_key = hierarchy::server_private_key(state, (KIND, pair))?;
    unwrap_by_private_key(&private_key, key.guid, &key.key).map_err(|_| message::not_decrypted())
}

/// ALTER DATABASE … SET ENCRYPTION ON or OFF. What OFF is without any key nobody could confirm: here
/// it changes nothing.
pub(crate) fn set(
    instance: &Instance,
    edit: &mut Edit<'_>,
    database: &str,
    is_on: bool,
) -> Result<(), EditError> {
    let refused = |number| {
        let error = message::database_encryption(number);
        Err(super::chosen(instance, error).into())
    };
    let key = &edit.state().database(database)?.contents.encryption_key;
    let Some(key) = key.clone() else {
        return if is_on { refused(33106) } else { Ok(()) };
    };
    check_edition(instance)?;
    if key.is_on == is_on {
        return refused(if is_on { 33107 } else { 33108 });
    }
    if edit.entry(database)?.is_read_only {
        return refused(33118);
    }
    if is_on {
        let material = open(edit.state(), &key)?;
        let guid = key.guid;
        edit.keep_key(database, OpenedKey { guid, material })?;
    }
    if let Some(key) = &mut edit.contents(database)?.encryption_key {
        key.is_on = is_on;
        key.set = Some(now());
    }
    Ok(())
}
