//! CREATE, OPEN, CLOSE, ALTER … ENCRYPTION and DROP MASTER KEY.

use super::hierarchy::{self, change_contents};
use super::{file, message, permission};
use crate::simulator::catalog::{Contents, MasterKey, Protection};
use crate::simulator::engine::Session;
use crate::simulator::instance::{EditError, State};
use crate::simulator::keys::{KEY_LENGTH, KeyDerivation, KeyMaterial, Label, random_guid};
use crate::simulator::server_error::Result;

/// 15581's state where a statement on the master key itself needs it.
const STATE: u8 = 1;

pub(super) fn create(session: &Session, password: &str) -> Result<()> {
    let (instance, database) = (&session.instance, &session.database);
    let mut state = instance.state();
    permission::control_database(session, &state)?;
    file::check_password(instance, password)?;
    if state.database(database)?.contents.master_key.is_some() {
        return Err(message::master_key_exists());
    }
    let service = hierarchy::service_master_key(&state)?;
    let key = KeyMaterial::random(KEY_LENGTH)?;
    let master_key = MasterKey::new(&key, random_guid()?, password, instance.derivation)?;
    let created = instance.edit(&mut state, |edit| {
        edit.contents(database)?.master_key = Some(master_key);
        hierarchy::add_service_master_key(edit, database, &service, &key).map_err(EditError::Server)
    });
    Ok(created?)
}

/// The password check of a master key: it changes nothing but the session.
pub(super) fn open(session: &mut Session, password: &str) -> Result<()> {
    let master_key = {
        let state = session.instance.state();
        permission::control_database(session, &state)?;
        existing(&state, &session.database, "find")?.clone()
    };
    let key = master_key
        .open_by_password(password)
        .ok_or_else(message::wrong_decryptor)?;
    session
        .open_master_keys
        .insert(session.database.to_lowercase(), key);
    Ok(())
}

pub(super) fn close(session: &mut Session) -> Result<()> {
    match session
        .open_master_keys
        .remove(&session.database.to_lowercase())
    {
        Some(_) => Ok(()),
        None => Err(message::not_open("master key")),
    }
}

pub(super) fn drop(session: &mut Session) -> Result<()> {
    let database = session.database.clone();
    let instance = session.instance.clone();
    let mut state = instance.state();
    permission::control_database(session, &state)?;
    existing(&state, &database, "find")?;
    if let Some((kind, name)) = protected_by_master_key(&state.database(&database)?.contents).next()
    {
        return Err(message::in_use("master key", kind, name));
    }
    let dropped = instance.edit(&mut state, |edit| {
        edit.contents(&database)?.master_key = None;
        edit.entry(&database)?.master_key_copy = None;
        Ok(())
    });
    dropped?;
    session.open_master_keys.remove(&database.to_lowercase());
    Ok(())
}

pub(super) fn add_password(session: &Session, password: &str) -> Result<()> {
    let (instance, database) = (&session.instance, &session.database);
    let mut state = instance.state();
    permission::control_database(session, &state)?;
    file::check_password(instance, password)?;
    let stored = existing(&state, database, "find")?.clone();
    let key = hierarchy::master_key(session, &mut state, database)
        .ok_or_else(|| message::no_master_key(STATE))?;
    if stored.open_by_password(password).is_some() {
        return Err(message::same_encryption("password", "******"));
    }
    let label = Label::MasterKey(stored.guid);
    let wrapped = instance.derivation.wrap(password, label, &key.0)?;
    change_contents(instance, &mut state, database, |contents| {
        if let Some(master_key) = &mut contents.master_key {
            master_key.by_passwords.push(wrapped);
        }
        Ok(())
    })
}

/// The documented repair after a database was moved: OPEN, then this.
pub(super) fn add_service_master_key(session: &Session) -> Result<()> {
    let (instance, database) = (&session.instance, &session.database);
    let mut state = instance.state();
    permission::control_database(session, &state)?;
    existing(&state, database, "find")?;
    let service = hierarchy::service_master_key(&state)?;
    let key = hierarchy::master_key(session, &mut state, database)
        .ok_or_else(|| message::no_master_key(STATE))?;
    let has_copy = state
        .entry(database)
        .is_some_and(|entry| entry.master_key_copy.is_some());
    let is_wrapped = existing(&state, database, "find")?
        .open_by_service_master_key(&service)
        .is_some();
    if has_copy && is_wrapped && instance.choices.adding_same_encryption_fails {
        return Err(message::same_encryption("master key", "service master key"));
    }
    let added = instance.edit(&mut state, |edit| {
        hierarchy::add_service_master_key(edit, database, &service, &key).map_err(EditError::Server)
    });
    Ok(added?)
}

pub(super) fn drop_service_master_key(session: &Session) -> Result<()> {
    let (instance, database) = (&session.instance, &session.database);
    let mut state = instance.state();
    permission::control_database(session, &state)?;
    if existing(&state, database, "find")?
        .by_service_master_key
        .is_none()
    {
        return Err(message::cannot_drop_encryption(
            "encryption",
            "service master key",
        ));
    }
    let dropped = instance.edit(&mut state, |edit| {
        edit.entry(database)?.master_key_copy = None;
        if let Some(master_key) = &mut edit.contents(database)?.master_key {
            master_key.by_service_master_key = None;
        }
        Ok(())
    });
    Ok(dropped?)
}

pub(super) fn drop_password(session: &Session, password: &str) -> Result<()> {
    let (instance, database) = (&session.instance, &session.database);
    let mut state = instance.state();
    permission::control_database(session, &state)?;
    let master_key = existing(&state, database, "find")?;
    let label = Label::MasterKey(master_key.guid);
    let at = master_key
        .by_passwords
        .iter()
        .position(|wrapped| KeyDerivation::unwrap(password, label, wrapped).is_ok())
        .ok_or_else(message::wrong_decryptor)?;
    // A master key always has a password; which number says so is unconfirmed.
    if master_key.by_passwords.len() == 1 {
        return Err(message::cannot_drop_encryption(
            "encryption",
            "the last password",
        ));
    }
    change_contents(instance, &mut state, database, |contents| {
        if let Some(master_key) = &mut contents.master_key {
            master_key.by_passwords.remove(at);
        }
        Ok(())
    })
}

/// The master key as it is stored, or 15151.
fn existing<'a>(state: &'a State, database: &str, action: &str) -> Result<&'a MasterKey> {
    let contents = &state.database(database)?.contents;
    contents
        .master_key
        .as_ref()
        .ok_or_else(|| message::not_found(action, "symmetric key", "master key"))
}

/// Kinds and names of the pairs whose private keys the master key protects.
pub(super) fn protected_by_master_key(
    contents: &Contents,
) -> impl Iterator<Item = (&'static str, &str)> {
    let certificates = contents
        .certificates
        .iter()
        .map(|pair| ("certificate", pair));
    let keys = contents
        .asymmetric_keys
        .iter()
        .map(|pair| ("asymmetric key", pair));
    certificates
        .chain(keys)
        .filter(|(_, pair)| pair.protection == Protection::MasterKey)
        .map(|(kind, pair)| (kind, pair.name.as_str()))
}
