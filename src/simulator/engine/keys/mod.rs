//! Statements on keys, certificates and credentials.

mod asymmetric;
mod certificate;
mod credential;
mod database_encryption;
mod file;
mod functions;
mod hierarchy;
mod master_key;
mod master_key_replacement;
mod message;
mod pair_function;
mod permission;
mod service_master_key;
mod symmetric;

use crate::simulator::Version;
use crate::simulator::engine::{Session, backup};
use crate::simulator::instance::Instance;
use crate::simulator::output::{Output, Reply};
use crate::simulator::server_error::{Failure, Result, ServerError};
use crate::simulator::tsql::ast::{KeyStatement, MasterKeyProtector};
use crate::transport::SqlMessage;

pub(crate) use asymmetric::PairKind;
pub(crate) use credential::control_master_key_password;
pub(crate) use database_encryption::{
    check_edition as check_database_encryption, open as open_encryption_key, set as set_encryption,
};
pub(crate) use file::check_password;
pub(crate) use functions::{decrypt_by_key_auto, server_certificate_key};
pub(crate) use hierarchy::is_current_master_key_copy;
pub(crate) use message::{certificate_not_backed_up, unusable_certificate};
pub(crate) use pair_function::{decrypt_by_pair, encrypt_by_pair};

/// Runs a statement on keys and sends its messages and its end. Errors are the caller's to send.
pub(crate) async fn execute(
    session: &mut Session,
    statement: &KeyStatement,
    output: &Output,
) -> Result<(), Failure> {
    let notices = run(session, statement).map_err(|error| chosen(&session.instance, error))?;
    for mut notice in notices {
        message::choose_unseen(&mut notice, &session.instance.choices);
        output.message(notice).await?;
    }
    let done = Reply::Done {
        command: session.instance.choices.unseen_command,
        rows: None,
        is_error: false,
    };
    Ok(output.send(done).await?)
}

/// An error with what was chosen where nobody saw it.
fn chosen(instance: &Instance, mut error: ServerError) -> ServerError {
    for message in &mut error.0 {
        message::choose_unseen(message, &instance.choices);
    }
    error
}

fn run(session: &mut Session, statement: &KeyStatement) -> Result<Vec<SqlMessage>> {
    use KeyStatement as S;
    check_edition(session, statement)?;
    match statement {
        S::BackupServiceMasterKey { file, password } => {
            service_master_key::backup(session, file, password)?;
        }
        S::RestoreServiceMasterKey {
            file,
            password,
            force,
        } => {
            return service_master_key::restore(session, file, password, *force);
        }
        S::RegenerateServiceMasterKey { force } => {
            return service_master_key::regenerate(session, *force);
        }
        S::RestoreMasterKey {
            file,
            decryption,
            encryption,
            force,
        } => {
            return master_key_replacement::restore(session, file, decryption, encryption, *force);
        }
        S::RegenerateMasterKey { password, force } => {
            return master_key_replacement::regenerate(session, password, *force);
        }
        S::BackupMasterKey { file, password } => {
            master_key_replacement::backup(session, file, password)?;
        }
        S::CreateDatabaseEncryptionKey {
            algorithm,
            certificate,
        } => return database_encryption::create(session, algorithm, certificate),
        S::RegenerateDatabaseEncryptionKey { algorithm } => {
            database_encryption::regenerate(session, algorithm)?;
        }
        S::ProtectDatabaseEncryptionKey { certificate } => {
            return database_encryption::protect(session, certificate);
        }
        S::DropDatabaseEncryptionKey => database_encryption::drop(session)?,
        S::CreateMasterKey { password } => master_key::create(session, password)?,
        S::OpenMasterKey { password } => master_key::open(session, password)?,
        S::CloseMasterKey => master_key::close(session)?,
        S::DropMasterKey => master_key::drop(session)?,
        S::AddMasterKeyEncryption(protector) => match protector {
            MasterKeyProtector::ServiceMasterKey => master_key::add_service_master_key(session)?,
            MasterKeyProtector::Password(password) => master_key::add_password(session, password)?,
        },
        S::DropMasterKeyEncryption(protector) => match protector {
            MasterKeyProtector::ServiceMasterKey => master_key::drop_service_master_key(session)?,
            MasterKeyProtector::Password(password) => master_key::drop_password(session, password)?,
        },
        other => run_below_master_key(session, other)?,
    }
    Ok(Vec::new())
}

/// Azure has no key files and no service master key that one could touch (documented).
fn check_edition(session: &Session, statement: &KeyStatement) -> Result<()> {
    use KeyStatement as S;
    if let S::MasterKeyAtUrl = statement {
        return Err(if session.instance.version >= Version::Sql2022 {
            ServerError::unsupported("key files at a URL")
        } else {
            ServerError::new(102, 15, 1, "Incorrect syntax near 'URL'.")
        });
    }
    let what = match statement {
        S::BackupServiceMasterKey { .. } => "BACKUP SERVICE MASTER KEY",
        S::RestoreServiceMasterKey { .. } => "RESTORE SERVICE MASTER KEY",
        S::RegenerateServiceMasterKey { .. } => "ALTER SERVICE MASTER KEY",
        S::BackupMasterKey { .. } => "BACKUP MASTER KEY",
        S::RestoreMasterKey { .. } => "RESTORE MASTER KEY",
        S::BackupCertificate { .. } => "BACKUP CERTIFICATE",
        _ => return Ok(()),
    };
    if session.instance.edition.is_azure() {
        return Err(backup::not_on_azure(what));
    }
    Ok(())
}

/// The statements on what lies below the master keys.
fn run_below_master_key(session: &mut Session, statement: &KeyStatement) -> Result<()> {
    use KeyStatement as S;
    match statement {
        S::CreateAsymmetricKey {
            name,
            algorithm,
            password,
        } => asymmetric::create_asymmetric_key(session, name, algorithm, password.as_deref()),
        S::DropAsymmetricKey(name) => asymmetric::drop(session, PairKind::AsymmetricKey, name),
        S::CreateCertificate {
            name,
            subject,
            password,
        } => asymmetric::create_certificate(session, name, subject, password.as_deref()),
        S::BackupCertificate {
            name,
            file,
            private_key,
        } => certificate::backup(session, name, file, private_key.as_ref()),
        S::CreateCertificateFromFile {
            name,
            file,
            private_key,
        } => certificate::create_from_file(session, name, file, private_key.as_ref()),
        S::DropCertificate(name) => asymmetric::drop(session, PairKind::Certificate, name),
        S::CreateSymmetricKey {
            name,
            algorithm,
            protectors,
        } => symmetric::create(session, name, algorithm, protectors),
        S::OpenSymmetricKey { name, decryption } => symmetric::open(session, name, decryption),
        S::CloseSymmetricKey(name) => symmetric::close(session, name),
        S::CloseAllSymmetricKeys => {
            session.open_symmetric_keys.clear();
            Ok(())
        }
        S::DropSymmetricKey(name) => symmetric::drop(session, name),
        S::CreateCredential {
            name,
            identity,
            secret,
        } => credential::create(session, name, identity, secret.as_deref()),
        S::AlterCredential {
            name,
            identity,
            secret,
        } => credential::alter(session, name, identity, secret.as_deref()),
        S::DropCredential(name) => credential::drop(session, name),
        _ => Err(ServerError::unsupported("this statement on keys")),
    }
}

#[cfg(test)]
mod tests;
