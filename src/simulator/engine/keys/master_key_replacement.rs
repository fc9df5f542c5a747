//! BACKUP, RESTORE and REGENERATE of a database's master key.

use super::{file, hierarchy, message, permission};
use crate::simulator::catalog::{Guid, MasterKey, Protection};
use crate::simulator::engine::Session;
use crate::simulator::instance::{EditError, State};
use crate::simulator::keys::{KEY_LENGTH, KeyFile, KeyFileKind, KeyMaterial, Label, random_guid};
use crate::simulator::server_error::{Result, ServerError};
use crate::transport::SqlMessage;

const KIND: KeyFileKind = KeyFileKind::MasterKey;
const STATE: u8 = 2;

pub(super) fn backup(session: &Session, path: &str, password: &str) -> Result<()> {
    let (instance, database) = (&session.instance, &session.database);
    let key = {
        let mut state = instance.state();
        permission::control_database(session, &state)?;
        file::check_password(instance, password)?;
        let key = hierarchy::master_key(session, &mut state, database);
        let stored = state.database(database)?.contents.master_key.as_ref();
        let (key, stored) = key
            .zip(stored)
            .ok_or_else(|| message::no_master_key(STATE))?;
        KeyFile {
            guid: stored.guid,
            key,
        }
    };
    file::write(instance, path, KIND, &key, password)
}

pub(super) fn restore(
    session: &mut Session,
    path: &str,
    decryption: &str,
    encryption: &str,
    force: bool,
) -> Result<Vec<SqlMessage>> {
    let instance = session.instance.clone();
    permission::control_database(session, &instance.state())?;
    file::check_password(&instance, encryption)?;
    let restored = file::read(&instance, path, KIND, decryption)?;
    let guid = if instance.choices.key_file_carries_guid {
        restored.guid
    } else {
        random_guid()?
    };
    replace(session, &restored.key, guid, encryption, force)
}

pub(super) fn regenerate(
    session: &mut Session,
    password: &str,
    force: bool,
) -> Result<Vec<SqlMessage>> {
    {
        let state = session.instance.state();
        permission::control_database(session, &state)?;
        file::check_password(&session.instance, password)?;
        if state
            .database(&session.database)?
            .contents
            .master_key
            .is_none()
        {
            return Err(message::not_found("find", "symmetric key", "master key"));
        }
    }
    let key = KeyMaterial::random(KEY_LENGTH)?;
    replace(session, &key, random_guid()?, password, force)
}

/// Puts a new master key in the place of the old one: private keys are encrypted anew.
fn replace(
    session: &mut Session,
    new: &KeyMaterial,
    guid: Guid,
    password: &str,
    force: bool,
) -> Result<Vec<SqlMessage>> {
    let (instance, database) = (session.instance.clone(), session.database.clone());
    let mut state = instance.state();
    let stored = state.database(&database)?.contents.master_key.clone();
    let mut notices = Vec::new();
    let mut old = None;
    if stored.is_some() {
        old = hierarchy::master_key(session, &mut state, &database);
        match &old {
            Some(old) if old.is(new) => return Ok(vec![message::identical_keys()]),
            Some(_) => {}
            // The server can't know that an unopened key is the one in the file.
            None if force => notices.push(message::current_key_ignored()),
            None => return Err(message::current_key_not_decrypted()),
        }
    }
    let mut master_key = MasterKey::new(new, guid, password, instance.derivation)?;
    if let Some(stored) = &stored {
        master_key.created = stored.created;
    }
    // A key that comes to a database without one is not encrypted by the service master key.
    let service = stored
        .filter(|stored| stored.by_service_master_key.is_some())
        .and_then(|_| state.service_master_key.clone());
    let private_keys = reencrypted(&state, &database, old.as_ref(), new, force, &mut notices)?;
    let replaced = instance.edit(&mut state, |edit| {
        let contents = edit.contents(&database)?;
        contents.master_key = Some(master_key);
        for (pair, private_key) in contents
            .certificates
            .iter_mut()
            .chain(&mut contents.asymmetric_keys)
            .zip(private_keys)
        {
            if let Some(private_key) = private_key {
                pair.private_key = private_key;
            }
        }
        edit.entry(&database)?.master_key_copy = None;
        match &service {
            Some(service) => hierarchy::add_service_master_key(edit, &database, service, new)
                .map_err(EditError::Server),
            None => Ok(()),
        }
    });
    replaced?;
    session.open_master_keys.remove(&database.to_lowercase());
    Ok(notices)
}

/// The private keys under the new master key, in the order of certificates and asymmetric keys;
/// `None` for those that stay as they are.
fn reencrypted(
    state: &State,
    database: &str,
    old: Option<&KeyMaterial>,
    new: &KeyMaterial,
    force: bool,
    notices: &mut Vec<SqlMessage>,
) -> Result<Vec<Option<crate::simulator::catalog::Wrapped>>> {
    let contents = &state.database(database)?.contents;
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
        .map(|(kind, pair)| {
            if pair.protection != Protection::MasterKey {
                return Ok(None);
            }
            let label = Label::PrivateKey(&pair.thumbprint.0);
            match old.and_then(|old| old.unwrap(label, &pair.private_key).ok()) {
                Some(key) => Ok(Some(new.wrap(label, &key.0).map_err(ServerError::from)?)),
                None if force => {
                    notices.push(message::dependent_ignored(kind, &pair.name));
                    Ok(None)
                }
                None => Err(message::dependent_not_decrypted(kind, &pair.name)),
            }
        })
        .collect()
}
