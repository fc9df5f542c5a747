//! CREATE and DROP of asymmetric keys and certificates.

use std::collections::BTreeMap;

use time::{Duration, PrimitiveDateTime};

use super::hierarchy::{self, change_contents};
use super::{file, message, permission};
use crate::simulator::catalog::{AsymmetricKey, Contents, Protection};
use crate::simulator::engine::Session;
use crate::simulator::instance::{OpenDatabase, now, same_name};
use crate::simulator::keys::{Label, generate_key_pair};
use crate::simulator::server_error::{Result, ServerError};

/// The key length of CREATE CERTIFICATE without one.
const CERTIFICATE_BITS: u16 = 2048;

/// Whether a pair is an asymmetric key or a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PairKind {
    AsymmetricKey,
    Certificate,
}

impl PairKind {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::AsymmetricKey => "asymmetric key",
            Self::Certificate => "certificate",
        }
    }

    /// What a database allows who may make one (documented).
    const fn permission_to_create(self) -> &'static str {
        match self {
            Self::AsymmetricKey => "CREATE ASYMMETRIC KEY",
            Self::Certificate => "CREATE CERTIFICATE",
        }
    }

    pub(super) const fn pairs(self, contents: &Contents) -> &Vec<AsymmetricKey> {
        match self {
            Self::AsymmetricKey => &contents.asymmetric_keys,
            Self::Certificate => &contents.certificates,
        }
    }

    pub(super) const fn pairs_mut(self, contents: &mut Contents) -> &mut Vec<AsymmetricKey> {
        match self {
            Self::AsymmetricKey => &mut contents.asymmetric_keys,
            Self::Certificate => &mut contents.certificates,
        }
    }

    /// The pair with this name, or 15151.
    pub(super) fn find<'a>(
        self,
        contents: &'a Contents,
        action: &str,
        name: &str,
    ) -> Result<&'a AsymmetricKey> {
        self.pairs(contents)
            .iter()
            .find(|pair| same_name(&pair.name, name))
            .ok_or_else(|| message::not_found(action, self.name(), name))
    }

    /// Whether this is the protection by the pair with this name.
    fn protects(self, protection: &Protection, name: &str) -> bool {
        match (self, protection) {
            (Self::AsymmetricKey, Protection::AsymmetricKey(by))
            | (Self::Certificate, Protection::Certificate(by)) => same_name(by, name),
            _ => false,
        }
    }
}

pub(super) fn create_asymmetric_key(
    session: &Session,
    name: &str,
    algorithm: &str,
    password: Option<&str>,
) -> Result<()> {
    let bits = algorithm
        .to_uppercase()
        .strip_prefix("RSA_")
        .and_then(|bits| bits.parse().ok())
        .ok_or_else(message::unavailable_algorithm)?;
    create(session, PairKind::AsymmetricKey, name, "", bits, password)
}

pub(super) fn create_certificate(
    session: &Session,
    name: &str,
    subject: &str,
    password: Option<&str>,
) -> Result<()> {
    create(
        session,
        PairKind::Certificate,
        name,
        subject,
        CERTIFICATE_BITS,
        password,
    )
}

fn create(
    session: &Session,
    kind: PairKind,
    name: &str,
    subject: &str,
    bits: u16,
    password: Option<&str>,
) -> Result<()> {
    let (instance, database) = (&session.instance, &session.database);
    {
        let state = instance.state();
        permission::database(session, &state, kind.permission_to_create())?;
        if kind
            .find(&state.database(database)?.contents, "find", name)
            .is_ok()
        {
            return Err(message::name_taken(kind.name(), name));
        }
    }
    if let Some(password) = password {
        file::check_password(instance, password)?;
    }
    // Slow, so not under the lock.
    let pair = generate_key_pair(bits).ok_or_else(message::unavailable_algorithm)??;
    let label = Label::PrivateKey(&pair.thumbprint.0);
    let mut state = instance.state();
    let (private_key, protection) = match password {
        Some(password) => (
            instance
                .derivation
                .wrap(password, label, &pair.private_key.0)?,
            Protection::Password,
        ),
        None => {
            let key = hierarchy::master_key(session, &mut state, database)
                .ok_or_else(|| message::no_master_key(1))?;
            (key.wrap(label, &pair.private_key.0)?, Protection::MasterKey)
        }
    };
    change_contents(instance, &mut state, database, |contents| {
        let pairs = kind.pairs_mut(contents);
        if pairs.iter().any(|other| same_name(&other.name, name)) {
            return Err(message::name_taken(kind.name(), name));
        }
        let id = pairs.iter().map(|pair| pair.id).max().unwrap_or(255) + 1;
        pairs.push(AsymmetricKey {
            id,
            name: name.to_owned(),
            subject: subject.to_owned(),
            bits,
            thumbprint: pair.thumbprint.clone(),
            public_key: pair.public_key.clone(),
            private_key,
            protection,
            validity: (kind == PairKind::Certificate).then(validity).flatten(),
            last_backup: None,
            grants: BTreeMap::new(),
        });
        Ok(())
    })
}

/// From now on for a year (documented, where nothing is said).
fn validity() -> Option<(PrimitiveDateTime, PrimitiveDateTime)> {
    let start = now();
    Some((start, start.checked_add(Duration::days(365))?))
}

pub(super) fn drop(session: &Session, kind: PairKind, name: &str) -> Result<()> {
    let (instance, database) = (&session.instance, &session.database);
    let mut state = instance.state();
    permission::control_database(session, &state)?;
    let found = kind.find(&state.database(database)?.contents, "drop", name)?;
    if kind == PairKind::Certificate && same_name(database, "master") {
        let mut open = state.databases.values();
        let encrypts = |open: &OpenDatabase| {
            let key = open.contents.encryption_key.as_ref();
            key.is_some_and(|key| key.thumbprint == found.thumbprint)
        };
        if open.any(encrypts) {
            return Err(message::encrypts_a_database(kind.name(), name));
        }
    }
    change_contents(instance, &mut state, database, |contents| {
        kind.find(contents, "drop", name)?;
        let user = contents.symmetric_keys.iter().find(|key| {
            key.wrapped
                .iter()
                .any(|(protection, _)| kind.protects(protection, name))
        });
        if let Some(key) = user {
            return Err::<(), ServerError>(message::in_use(
                kind.name(),
                "symmetric key",
                &key.name,
            ));
        }
        kind.pairs_mut(contents)
            .retain(|pair| !same_name(&pair.name, name));
        Ok(())
    })
}
