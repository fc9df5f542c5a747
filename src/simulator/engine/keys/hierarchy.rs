//! Opening keys: each one with the key above it.

use super::asymmetric::PairKind;
use super::message;
use crate::simulator::catalog::{AsymmetricKey, Contents, Guid, MasterKey, Protection, Wrapped};
use crate::simulator::engine::Session;
use crate::simulator::instance::{Edit, EditError, Instance, State, now};
use crate::simulator::keys::{CryptographyFailed, KeyDerivation, KeyMaterial, Label};
use crate::simulator::server_error::Result;

/// The service master key; 15466 where the machine's secret doesn't open it.
pub(super) fn service_master_key(state: &State) -> Result<KeyMaterial> {
    state
        .service_master_key
        .clone()
        .ok_or_else(message::not_decrypted)
}

impl MasterKey {
    /// A master key under one password.
    pub(super) fn new(
        key: &KeyMaterial,
        guid: Guid,
        password: &str,
        derivation: KeyDerivation,
    ) -> Result<Self, CryptographyFailed> {
        let created = now();
        let label = Label::MasterKey(guid);
        Ok(Self {
            guid,
            created,
            modified: created,
            check: key.wrap(label, &[])?,
            by_passwords: vec![derivation.wrap(password, label, &key.0)?],
            by_service_master_key: None,
        })
    }

    /// Whether `key` is this master key.
    pub(super) fn is(&self, key: &KeyMaterial) -> bool {
        key.unwrap(Label::MasterKey(self.guid), &self.check).is_ok()
    }

    /// The key, with one of its passwords.
    pub(super) fn open_by_password(&self, password: &str) -> Option<KeyMaterial> {
        let label = Label::MasterKey(self.guid);
        self.by_passwords
            .iter()
            .find_map(|wrapped| KeyDerivation::unwrap(password, label, wrapped).ok())
    }

    /// The key, with the service master key that wrapped the database's own copy.
    pub(super) fn open_by_service_master_key(&self, service: &KeyMaterial) -> Option<KeyMaterial> {
        let wrapped = self.by_service_master_key.as_ref()?;
        service.unwrap(Label::MasterKey(self.guid), wrapped).ok()
    }
}

/// A database master key that opened, and whether it took a stored password to open it.
struct Opened {
    key: KeyMaterial,
    by_stored_password: bool,
}

/// The master key of an online database as the server opens it by itself: with the copies under
/// the service master key, then with the passwords stored for the database's family.
fn open_automatically(state: &State, database: &str) -> Option<Opened> {
    let service = state.service_master_key.as_ref()?;
    let entry = state.entry(database)?;
    let master_key = state
        .database(database)
        .ok()?
        .contents
        .master_key
        .as_ref()?;
    let copy = || {
        let key = service
            .unwrap(
                Label::MasterKeyCopy(entry.family),
                entry.master_key_copy.as_ref()?,
            )
            .ok()?;
        master_key.is(&key).then_some(key)
    };
    let by_copy = master_key.open_by_service_master_key(service).or_else(copy);
    if let Some(key) = by_copy {
        return Some(Opened {
            key,
            by_stored_password: false,
        });
    }
    state
        .catalog
        .credentials
        .iter()
        .filter(|credential| credential.family == Some(entry.family))
        .find_map(|credential| {
            let label = Label::Credential(&credential.name);
            let password = service.unwrap(label, credential.secret.as_ref()?).ok()?;
            let password = std::str::from_utf8(&password.0).ok()?;
            master_key.open_by_password(password)
        })
        .map(|key| Opened {
            key,
            by_stored_password: true,
        })
}

/// The master key of an online database: as this session opened it, or as the server opens it by
/// itself. `None` where there is none or it doesn't open.
fn find_master_key(session: &Session, state: &State, database: &str) -> Option<Opened> {
    let stored = state
        .database(database)
        .ok()?
        .contents
        .master_key
        .as_ref()?;
    let by_session = session
        .open_master_keys
        .get(&database.to_lowercase())
        .filter(|key| stored.is(key));
    match by_session {
        Some(key) => Some(Opened {
            key: key.clone(),
            by_stored_password: false,
        }),
        None => open_automatically(state, database),
    }
}

/// The master key of an online database, for a statement: where it took a stored password to open
/// it, it is wrapped by the service master key from then on.
pub(super) fn master_key(
    session: &Session,
    state: &mut State,
    database: &str,
) -> Option<KeyMaterial> {
    let opened = find_master_key(session, state, database)?;
    if opened.by_stored_password {
        let service = state.service_master_key.clone()?;
        // Documented: this fails silently on a read-only database.
        let _ = session.instance.edit(state, |edit| {
            Ok(add_service_master_key(
                edit,
                database,
                &service,
                &opened.key,
            )?)
        });
    }
    Some(opened.key)
}

/// Wraps a database's master key by the service master key: in the database and in `master`.
pub(super) fn add_service_master_key(
    edit: &mut Edit<'_>,
    database: &str,
    service: &KeyMaterial,
    key: &KeyMaterial,
) -> Result<()> {
    let entry = edit.entry(database)?;
    if entry.is_read_only {
        return Err(read_only(database));
    }
    entry.master_key_copy = Some(service.wrap(Label::MasterKeyCopy(entry.family), &key.0)?);
    if let Some(master_key) = &mut edit.contents(database)?.master_key {
        let wrapped = service.wrap(Label::MasterKey(master_key.guid), &key.0)?;
        master_key.by_service_master_key = Some(wrapped);
    }
    Ok(())
}

/// 3906.
pub(super) fn read_only(database: &str) -> crate::simulator::server_error::ServerError {
    crate::simulator::server_error::ServerError::new(
        3906,
        16,
        1,
        format!("Failed to update database \"{database}\" because the database is read-only."),
    )
}

/// The private key of a pair. `no_master_key` is 15581's state for the statement that asks.
pub(super) fn private_key(
    session: &Session,
    state: &State,
    database: &str,
    (kind, pair): (PairKind, &AsymmetricKey),
    password: Option<&str>,
    no_master_key: u8,
) -> Result<KeyMaterial> {
    let label = Label::PrivateKey(&pair.thumbprint.0);
    match (&pair.protection, password) {
        (Protection::Password, Some(password)) => {
            KeyDerivation::unwrap(password, label, &pair.private_key).map_err(|_| {
                let number = session.instance.choices.wrong_private_key_password;
                message::wrong_private_key_password(number, kind.name())
            })
        }
        (Protection::Password, None) => Err(message::private_key_password()),
        (Protection::NoPrivateKey, _) => Err(message::no_private_key(kind.name())),
        _ => {
            let opened = find_master_key(session, state, database)
                .ok_or_else(|| message::no_master_key(no_master_key))?;
            opened
                .key
                .unwrap(label, &pair.private_key)
                .map_err(|_| message::not_decrypted())
        }
    }
}

/// The private key of a pair of `master`, as the server opens it by itself.
pub(super) fn server_private_key(
    state: &State,
    (kind, pair): (PairKind, &AsymmetricKey),
) -> Result<KeyMaterial> {
    match pair.protection {
        Protection::Password => Err(message::private_key_password()),
        Protection::NoPrivateKey => Err(message::no_private_key(kind.name())),
        _ => {
            // The state as seen where an encrypted database did not come up.
            let opened = open_automatically(state, "master");
            let opened = opened.ok_or_else(|| message::no_master_key(3))?;
            let label = Label::PrivateKey(&pair.thumbprint.0);
            let opened = opened.key.unwrap(label, &pair.private_key);
            opened.map_err(|_| message::not_decrypted())
        }
    }
}

/// Changes an online database's keys.
pub(super) fn change_contents<T>(
    instance: &Instance,
    state: &mut State,
    database: &str,
    change: impl FnOnce(&mut Contents) -> Result<T>,
) -> Result<T> {
    if state
        .entry(database)
        .is_some_and(|entry| entry.is_read_only)
    {
        return Err(read_only(database));
    }
    let changed = instance.edit(state, |edit| {
        change(edit.contents(database)?).map_err(EditError::Server)
    });
    Ok(changed?)
}

/// Whether `copy` is `master`'s copy of the master key that these contents hold.
pub(crate) fn is_current_master_key_copy(
    state: &State,
    contents: &Contents,
    copy: &Wrapped,
) -> bool {
    let opened = state.service_master_key.as_ref().and_then(|service| {
        service
            .unwrap(Label::MasterKeyCopy(contents.family), copy)
            .ok()
    });
    opened
        .zip(contents.master_key.as_ref())
        .is_some_and(|(key, master_key)| master_key.is(&key))
}
