//! Credentials, and the passwords that the server keeps to open master keys by itself.

use zeroize::Zeroizing;

use super::{hierarchy, message, permission};
use crate::simulator::catalog::{Credential, Wrapped};
use crate::simulator::engine::Session;
use crate::simulator::instance::{State, now, same_name};
use crate::simulator::keys::{KeyMaterial, Label, random_guid};
use crate::simulator::server_error::Result;

const KIND: &str = "credential";

fn wrap(state: &State, name: &str, secret: Option<&str>) -> Result<Option<Wrapped>> {
    let Some(secret) = secret else {
        return Ok(None);
    };
    let service = hierarchy::service_master_key(state)?;
    Ok(Some(
        service.wrap(Label::Credential(name), secret.as_bytes())?,
    ))
}

fn add(session: &Session, state: &mut State, credential: Credential) -> Result<()> {
    let added = session.instance.edit(state, |edit| {
        edit.catalog().credentials.push(credential);
        Ok(())
    });
    Ok(added?)
}

fn free_id(state: &State) -> i32 {
    let last = state
        .catalog
        .credentials
        .iter()
        .map(|credential| credential.id)
        .max();
    last.unwrap_or(65535) + 1
}

pub(super) fn create(
    session: &Session,
    name: &str,
    identity: &str,
    secret: Option<&str>,
) -> Result<()> {
    let mut state = session.instance.state();
    permission::credentials(session, &state)?;
    if state
        .catalog
        .credentials
        .iter()
        .any(|other| same_name(&other.name, name))
    {
        return Err(message::already_exists(KIND, name));
    }
    let credential = Credential {
        id: free_id(&state),
        name: name.to_owned(),
        identity: identity.to_owned(),
        secret: wrap(&state, name, secret)?,
        created: now(),
        family: None,
    };
    add(session, &mut state, credential)
}

/// Without a secret the old one is gone, as documented.
pub(super) fn alter(
    session: &Session,
    name: &str,
    identity: &str,
    secret: Option<&str>,
) -> Result<()> {
    let mut state = session.instance.state();
    permission::credentials(session, &state)?;
    let stored = state
        .catalog
        .credentials
        .iter()
        .find(|other| same_name(&other.name, name))
        .ok_or_else(|| message::not_found("alter", KIND, name))?;
    let (id, name) = (stored.id, stored.name.clone());
    let secret = wrap(&state, &name, secret)?;
    let altered = session.instance.edit(&mut state, |edit| {
        if let Some(credential) = edit
            .catalog()
            .credentials
            .iter_mut()
            .find(|other| other.id == id)
        {
            identity.clone_into(&mut credential.identity);
            credential.secret = secret;
        }
        Ok(())
    });
    Ok(altered?)
}

pub(super) fn drop(session: &Session, name: &str) -> Result<()> {
    let mut state = session.instance.state();
    permission::credentials(session, &state)?;
    if !state
        .catalog
        .credentials
        .iter()
        .any(|other| same_name(&other.name, name))
    {
        return Err(message::not_found("drop", KIND, name));
    }
    let dropped = session.instance.edit(&mut state, |edit| {
        edit.catalog()
            .credentials
            .retain(|other| !same_name(&other.name, name));
        Ok(())
    });
    Ok(dropped?)
}

/// `sp_control_dbmasterkey_password`: keeps a password, unchecked, for a family of databases, or
/// forgets it.
pub(crate) fn control_master_key_password(
    session: &Session,
    database: &str,
    password: &str,
    is_added: bool,
) -> Result<()> {
    control_password(session, database, password, is_added)
        .map_err(|error| super::chosen(&session.instance, error))
}

fn control_password(
    session: &Session,
    database: &str,
    password: &str,
    is_added: bool,
) -> Result<()> {
    let mut state = session.instance.state();
    if ["master", "model", "msdb", "tempdb"]
        .iter()
        .any(|system| same_name(system, database))
    {
        return Err(message::system_database());
    }
    let family = state.database(database)?.contents.family;
    permission::control(session, &state, database)?;
    let service = hierarchy::service_master_key(&state)?;
    let wanted = KeyMaterial(Zeroizing::new(password.as_bytes().to_vec()));
    let known = state.catalog.credentials.iter().find(|credential| {
        credential.family == Some(family)
            && credential.secret.as_ref().is_some_and(|secret| {
                service
                    .unwrap(Label::Credential(&credential.name), secret)
                    .is_ok_and(|stored| stored.is(&wanted))
            })
    });
    match (is_added, known.map(|credential| credential.id)) {
        (true, Some(_)) => Err(message::password_provisioned(database)),
        (false, None) => Err(message::password_not_provisioned(database)),
        (false, Some(id)) => {
            let dropped = session.instance.edit(&mut state, |edit| {
                edit.catalog()
                    .credentials
                    .retain(|credential| credential.id != id);
                Ok(())
            });
            Ok(dropped?)
        }
        (true, None) => {
            let name = format!(
                "##DBMKEY_{}_{}##",
                guid_text(family),
                guid_text(random_guid()?)
            );
            let credential = Credential {
                id: free_id(&state),
                secret: wrap(&state, &name, Some(password))?,
                identity: name.clone(),
                name,
                created: now(),
                family: Some(family),
            };
            add(session, &mut state, credential)
        }
    }
}

/// A GUID as SQL Server writes it: the first three groups are little-endian in memory.
fn guid_text(guid: crate::simulator::catalog::Guid) -> String {
    let [a, b, c, d, e, f, g, h, rest @ ..] = guid;
    let hex = hex::encode_upper(rest);
    let (fourth, fifth) = hex.split_at(4);
    format!(
        "{:02X}{:02X}{:02X}{:02X}-{:02X}{:02X}-{:02X}{:02X}-{fourth}-{fifth}",
        d, c, b, a, f, e, h, g
    )
}
