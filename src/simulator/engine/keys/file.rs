//! Key files: where they lie, and what may go wrong with them.

use super::message;
use crate::simulator::Platform;
use crate::simulator::instance::Instance;
use crate::simulator::keys::{
    KeyFile, KeyFileKind, KeyFileProblem, check_policy, open_key_file, seal_key_file,
};
use crate::simulator::server_error::Result;
use crate::simulator::storage::{Change, ServerFile};

/// Writes a key file that must not be there yet; 15240 for everything that is wrong with the file.
pub(super) fn write(
    instance: &Instance,
    file: &str,
    kind: KeyFileKind,
    key: &KeyFile,
    password: &str,
) -> Result<()> {
    let bytes = seal_key_file(kind, key, password, instance.derivation)?;
    create(instance, file, bytes)
}

/// Writes a file that must not be there yet.
pub(super) fn create(instance: &Instance, file: &str, bytes: Vec<u8>) -> Result<()> {
    let path = path(instance, file);
    instance
        .disk
        .commit(vec![Change::Create(ServerFile::Path(path), bytes)])
        .map_err(|_| message::cannot_write(file))
}

/// Removes a file that was just made.
pub(super) fn remove(instance: &Instance, file: &str) -> Result<()> {
    let path = path(instance, file);
    instance
        .disk
        .commit(vec![Change::Remove(ServerFile::Path(path))])
        .map_err(|_| message::cannot_write(file))
}

/// A bare name lies in the data folder, as was seen on Windows.
pub(super) fn path(instance: &Instance, file: &str) -> String {
    let is_at_root =
        instance.platform == Platform::Linux && instance.choices.bare_key_file_at_root_on_linux;
    let folder = if is_at_root {
        String::new()
    } else {
        instance.data_folder()
    };
    instance.full_path(file, &folder)
}

/// Reads a key file: 15317 where it is missing or none, else what a wrong password raises.
pub(super) fn read(
    instance: &Instance,
    file: &str,
    kind: KeyFileKind,
    password: &str,
) -> Result<KeyFile> {
    let path = path(instance, file);
    let bytes = instance
        .disk
        .read(&path)
        .map_err(|_| message::invalid_key_file())?;
    open_key_file(kind, &bytes, password).map_err(|problem| match problem {
        KeyFileProblem::Invalid => message::invalid_key_file(),
        KeyFileProblem::WrongPassword => {
            message::wrong_key_file_password(instance.choices.wrong_key_file_password)
        }
    })
}

/// 15116 to 15118; on Linux, if so chosen, 33062 to 33064.
pub(crate) fn check_password(instance: &Instance, password: &str) -> Result<()> {
    let by_server =
        instance.platform == Platform::Linux && instance.choices.own_password_policy_on_linux;
    check_policy(password).map_err(if by_server {
        message::password_refused_by_server
    } else {
        message::password_refused
    })
}
