//! Certificates in files: BACKUP CERTIFICATE and CREATE CERTIFICATE … FROM FILE. The formats are our
//! own.

use serde::{Deserialize, Serialize};
use time::PrimitiveDateTime;

use super::asymmetric::PairKind;
use super::hierarchy::{self, change_contents};
use super::{file, message, permission};
use crate::simulator::catalog::{AsymmetricKey, Bytes, Guid, Protection, Wrapped};
use crate::simulator::engine::Session;
use crate::simulator::instance::{Instance, now, same_name};
use crate::simulator::keys::{
    KeyFile, KeyFileKind, KeyFileProblem, KeyMaterial, Label, open_key_file, unwrap_by_private_key,
    wrap_by_public_key,
};
use crate::simulator::server_error::{Result, ServerError};
use crate::simulator::tsql::ast::PrivateKeyFile;

const MAGIC: &[u8; 8] = b"SCRCHCER";
const KIND: PairKind = PairKind::Certificate;

/// The public part of a certificate, as it lies in a file.
#[derive(Serialize, Deserialize)]
struct CertificateFile {
    subject: String,
    bits: u16,
    thumbprint: Bytes,
    public_key: Bytes,
    validity: Option<(PrimitiveDateTime, PrimitiveDateTime)>,
}

pub(super) fn backup(
    session: &Session,
    name: &str,
    path: &str,
    private_key: Option<&PrivateKeyFile>,
) -> Result<()> {
    let (instance, database) = (&session.instance, &session.database);
    let (pair, key) = {
        let state = instance.state();
        let contents = &state.database(database)?.contents;
        let pair = KIND.find(contents, "find", name)?.clone();
        // Documented: CONTROL on the certificate.
        if !permission::may_use_pair(session, &state, &pair.grants) {
            return Err(message::not_found("find", KIND.name(), name));
        }
        let key = match private_key {
            Some(to) => {
                let password = to.encryption.as_deref().ok_or_else(no_password)?;
                file::check_password(instance, password)?;
                let decryption = to.decryption.as_deref();
                let of = (KIND, &pair);
                let key = hierarchy::private_key(session, &state, database, of, decryption, 1)?;
                Some((to, password, key))
            }
            None => None,
        };
        (pair, key)
    };
    file::create(instance, path, to_bytes(&pair)?)?;
    let Some((to, password, key)) = key else {
        return Ok(());
    };
    let key = KeyFile {
        guid: label(&pair.thumbprint),
        key,
    };
    let written = file::write(instance, &to.file, KeyFileKind::Certificate, &key, password);
    if let Err(error) = written {
        if !instance.choices.failed_certificate_backup_leaves_file {
            file::remove(instance, path)?;
        }
        return Err(error);
    }
    let mut state = instance.state();
    if state
        .entry(database)
        .is_some_and(|entry| entry.is_read_only)
    {
        return Ok(());
    }
    change_contents(instance, &mut state, database, |contents| {
        let mut pairs = KIND.pairs_mut(contents).iter_mut();
        if let Some(pair) = pairs.find(|other| other.thumbprint == pair.thumbprint) {
            pair.last_backup = Some(now());
        }
        Ok(())
    })
}

/// BACKUP … WITH PRIVATE KEY without a password does not parse.
fn no_password() -> ServerError {
    ServerError::new(102, 15, 1, "Incorrect syntax near ')'.")
}

fn to_bytes(pair: &AsymmetricKey) -> Result<Vec<u8>> {
    let file = CertificateFile {
        subject: pair.subject.clone(),
        bits: pair.bits,
        thumbprint: pair.thumbprint.clone(),
        public_key: pair.public_key.clone(),
        validity: pair.validity,
    };
    let mut bytes = MAGIC.to_vec();
    serde_json::to_writer(&mut bytes, &file).map_err(|_| message::invalid_certificate_data())?;
    Ok(bytes)
}

/// The beginning of a thumbprint: what binds the file of a private key to its certificate.
fn label(thumbprint: &Bytes) -> Guid {
    let mut label = Guid::default();
    for (to, from) in label.iter_mut().zip(&thumbprint.0) {
        *to = *from;
    }
    label
}

pub(super) fn create_from_file(
    session: &Session,
    name: &str,
    path: &str,
    private_key: Option<&PrivateKeyFile>,
) -> Result<()> {
    let (instance, database) = (&session.instance, &session.database);
    permission::database(session, &instance.state(), "CREATE CERTIFICATE")?;
    let certificate = read(instance, path)?;
    let private = private_key
        .map(|from| read_private_key(instance, from, &certificate).map(|key| (from, key)))
        .transpose()?;
    let wrapping = Label::PrivateKey(&certificate.thumbprint.0);
    let mut state = instance.state();
    let (private_key, protection) = match private {
        None => (Wrapped(Bytes::default()), Protection::NoPrivateKey),
        Some((from, key)) => match from.encryption.as_deref() {
            Some(password) => {
                file::check_password(instance, password)?;
                let wrapped = instance.derivation.wrap(password, wrapping, &key.0)?;
                (wrapped, Protection::Password)
            }
            None => {
                let master_key = hierarchy::master_key(session, &mut state, database)
                    .ok_or_else(|| message::no_master_key(1))?;
                (master_key.wrap(wrapping, &key.0)?, Protection::MasterKey)
            }
        },
    };
    let grants = permission::of_owner(session, &state);
    change_contents(instance, &mut state, database, |contents| {
        let pairs = KIND.pairs_mut(contents);
        let is_taken = |other: &AsymmetricKey| {
            same_name(&other.name, name) || other.thumbprint == certificate.thumbprint
        };
        if pairs.iter().any(is_taken) {
            return Err(message::name_taken(KIND.name(), name));
        }
        let id = pairs.iter().map(|pair| pair.id).max().unwrap_or(255) + 1;
        pairs.push(AsymmetricKey {
            id,
            name: name.to_owned(),
            subject: certificate.subject.clone(),
            bits: certificate.bits,
            thumbprint: certificate.thumbprint.clone(),
            public_key: certificate.public_key.clone(),
            private_key,
            protection,
            validity: certificate.validity,
            last_backup: None,
            grants,
        });
        Ok(())
    })
}

fn read(instance: &Instance, path: &str) -> Result<CertificateFile> {
    let bytes = instance
        .disk
        .read(&file::path(instance, path))
        .map_err(|_| message::invalid_certificate_file())?;
    bytes
        .strip_prefix(MAGIC)
        .and_then(|json| serde_json::from_slice(json).ok())
        .ok_or_else(message::invalid_certificate_file)
}

/// The private key of a file: it must be this certificate's.
fn read_private_key(
    instance: &Instance,
    from: &PrivateKeyFile,
    certificate: &CertificateFile,
) -> Result<KeyMaterial> {
    let bytes = instance
        .disk
        .read(&file::path(instance, &from.file))
        .map_err(|_| message::invalid_certificate_file())?;
    let password = from.decryption.as_deref().unwrap_or_default();
    let key =
        open_key_file(KeyFileKind::Certificate, &bytes, password).map_err(
            |problem| match problem {
                KeyFileProblem::Invalid => message::invalid_certificate_file(),
                KeyFileProblem::WrongPassword => message::private_key_password(),
            },
        )?;
    let label = label(&certificate.thumbprint);
    let sample = KeyMaterial::random(32)?;
    let opens = wrap_by_public_key(&certificate.public_key, label, &sample)
        .and_then(|wrapped| unwrap_by_private_key(&key.key, label, &wrapped))
        .is_ok_and(|opened| opened.is(&sample));
    if key.guid == label && opens {
        Ok(key.key)
    } else {
        Err(message::invalid_certificate_data())
    }
}
