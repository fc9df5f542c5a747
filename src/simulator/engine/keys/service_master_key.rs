//! BACKUP, RESTORE and ALTER SERVICE MASTER KEY.

use super::{file, hierarchy, message, permission};
use crate::simulator::catalog::{Catalog, DatabaseEntry, DatabaseState, Guid, ServiceMasterKeyRow};
use crate::simulator::engine::Session;
use crate::simulator::instance::{Edit, EditError, Instance, State, now};
use crate::simulator::keys::{KEY_LENGTH, KeyFile, KeyFileKind, KeyMaterial, Label, random_guid};
use crate::simulator::server_error::{Result, ServerError};
use crate::transport::SqlMessage;

const KIND: KeyFileKind = KeyFileKind::ServiceMasterKey;

pub(super) fn backup(session: &Session, path: &str, password: &str) -> Result<()> {
    let instance = &session.instance;
    let key = {
        let state = instance.state();
        permission::control_server(session, &state)?;
        file::check_password(instance, password)?;
        KeyFile {
            guid: state.catalog.service_master_key.guid,
            key: hierarchy::service_master_key(&state)?,
        }
    };
    file::write(instance, path, KIND, &key, password)
}

pub(super) fn restore(
    session: &Session,
    path: &str,
    password: &str,
    force: bool,
) -> Result<Vec<SqlMessage>> {
    let instance = &session.instance;
    permission::control_server(session, &instance.state())?;
    let restored = file::read(instance, path, KIND, password)?;
    let mut state = instance.state();
    if let Some(current) = &state.service_master_key
        && current.is(&restored.key)
    {
        return Ok(vec![message::identical_keys()]);
    }
    let guid = if instance.choices.key_file_carries_guid {
        restored.guid
    } else {
        random_guid()?
    };
    replace(instance, &mut state, restored.key, guid, force)
}

pub(super) fn regenerate(session: &Session, force: bool) -> Result<Vec<SqlMessage>> {
    let instance = &session.instance;
    let mut state = instance.state();
    permission::control_server(session, &state)?;
    let key = KeyMaterial::random(KEY_LENGTH)?;
    let guid = if instance.choices.regenerating_changes_guid {
        random_guid()?
    } else {
        state.catalog.service_master_key.guid
    };
    replace(instance, &mut state, key, guid, force)
}

/// Replaces the service master key: everything that the old one opens is encrypted anew, in
/// `master` and in the databases, in one change.
fn replace(
    instance: &Instance,
    state: &mut State,
    new: KeyMaterial,
    guid: Guid,
    force: bool,
) -> Result<Vec<SqlMessage>> {
    let old = state.service_master_key.clone();
    if old.is_none() && !force {
        return Err(message::current_key_not_decrypted());
    }
    // The machine's secret is gone: the new key could not be kept.
    let machine = instance
        .machine_secret
        .as_ref()
        .ok_or_else(generic_failure)?;
    let row = ServiceMasterKeyRow {
        guid,
        created: state.catalog.service_master_key.created,
        modified: now(),
        by_machine: machine.wrap(Label::ServiceMasterKey(guid), &new.0)?,
    };
    let mut change = Replacement {
        old: old.as_ref(),
        new: &new,
        force,
        notices: Vec::new(),
    };
    if old.is_none() {
        change.notices.push(message::current_key_ignored());
    }
    instance.edit(state, |edit| {
        change.credentials(edit.catalog())?;
        change.linked_logins(edit.catalog())?;
        let databases = edit.state().catalog.databases.clone();
        for entry in &databases {
            change.master_key(instance, edit, entry)?;
        }
        edit.catalog().service_master_key = row;
        Ok(())
    })?;
    let notices = change.notices;
    state.service_master_key = Some(new);
    Ok(notices)
}

struct Replacement<'a> {
    old: Option<&'a KeyMaterial>,
    new: &'a KeyMaterial,
    force: bool,
    notices: Vec<SqlMessage>,
}

impl Replacement<'_> {
    fn credentials(&mut self, catalog: &mut Catalog) -> Result<(), EditError> {
        for credential in &mut catalog.credentials {
            let Some(secret) = &mut credential.secret else {
                continue;
            };
            let label = Label::Credential(&credential.name);
            match self.old.and_then(|old| old.unwrap(label, secret).ok()) {
                Some(opened) => {
                    *secret = self.new.wrap(label, &opened.0).map_err(ServerError::from)?
                }
                None => self.failed("credential", &credential.name)?,
            }
        }
        Ok(())
    }

    fn linked_logins(&mut self, catalog: &mut Catalog) -> Result<(), EditError> {
        for login in &mut catalog.linked_logins {
            let Some(password) = &mut login.password else {
                continue;
            };
            let label = Label::LinkedLogin(&login.server, &login.remote_user);
            match self.old.and_then(|old| old.unwrap(label, password).ok()) {
                Some(opened) => {
                    *password = self.new.wrap(label, &opened.0).map_err(ServerError::from)?;
                }
                None if self.force => {
                    self.notices
                        .push(message::linked_login_ignored(&login.remote_user));
                }
                None => return Err(message::linked_login_not_decrypted(&login.remote_user).into()),
            }
        }
        Ok(())
    }

    /// The copies of one database's master key: `master`'s, and the database's own.
    fn master_key(
        &mut self,
        instance: &Instance,
        edit: &mut Edit<'_>,
        entry: &DatabaseEntry,
    ) -> Result<(), EditError> {
        let name = &entry.name;
        let copy_label = Label::MasterKeyCopy(entry.family);
        let copy = entry.master_key_copy.as_ref();
        let by_copy = copy
            .zip(self.old)
            .and_then(|(copy, old)| old.unwrap(copy_label, copy).ok());
        if entry.state != DatabaseState::Online {
            let choices = &instance.choices;
            let stops = if entry.state == DatabaseState::Restoring {
                choices.restoring_database_stops_key_restore
            } else {
                choices.offline_database_stops_key_restore
            };
            return match (copy, by_copy) {
                (None, _) => Ok(()),
                (Some(_), Some(key)) if !stops => {
                    let wrapped = self
                        .new
                        .wrap(copy_label, &key.0)
                        .map_err(ServerError::from)?;
                    edit.entry(name)?.master_key_copy = Some(wrapped);
                    Ok(())
                }
                _ => self.failed("master key", name),
            };
        }
        let state = edit.state();
        let Some(master_key) = state.database(name)?.contents.master_key.as_ref() else {
            return Ok(());
        };
        if master_key.by_service_master_key.is_none() && copy.is_none() {
            return Ok(());
        }
        let key = self
            .old
            .and_then(|old| master_key.open_by_service_master_key(old))
            .or_else(|| by_copy.filter(|key| master_key.is(key)));
        let Some(key) = key else {
            // Never this server's: a copy restored from another one, which the new key may open.
            let is_foreign = copy.is_none() && self.old.is_some();
            if is_foreign && !instance.choices.foreign_master_key_stops_key_restore {
                return Ok(());
            }
            return self.failed("master key", name);
        };
        let is_read_only = entry.is_read_only;
        if is_read_only && instance.choices.read_only_database_stops_key_restore {
            return self.failed("master key", name);
        }
        let own = master_key.by_service_master_key.is_some() && !is_read_only;
        if copy.is_some() {
            let wrapped = self
                .new
                .wrap(copy_label, &key.0)
                .map_err(ServerError::from)?;
            edit.entry(name)?.master_key_copy = Some(wrapped);
        }
        if own && let Some(master_key) = &mut edit.contents(name)?.master_key {
            let label = Label::MasterKey(master_key.guid);
            let wrapped = self.new.wrap(label, &key.0).map_err(ServerError::from)?;
            master_key.by_service_master_key = Some(wrapped);
        }
        Ok(())
    }

    /// Something that the old key didn't open: an error, or with FORCE a notice, and it stays as
    /// it is.
    fn failed(&mut self, kind: &str, name: &str) -> Result<(), EditError> {
        if !self.force {
            return Err(message::dependent_not_decrypted(kind, name).into());
        }
        self.notices.push(message::dependent_ignored(kind, name));
        Ok(())
    }
}

fn generic_failure() -> ServerError {
    ServerError::new(
        33096,
        16,
        1,
        "A generic failure occurred during Service Master Key encryption or decryption.",
    )
}
