//! Devices that are URLs: what the server looks at before it reaches for the storage.

use super::media_message;
use crate::simulator::Version;
use crate::simulator::engine::Session;
use crate::simulator::instance::same_name;
use crate::simulator::server_error::{Result, ServerError};
use crate::simulator::storage::OsError;
use crate::simulator::tsql::ast::Device;

/// The longest name of a device (documented).
const MOST_CHARACTERS: usize = 259;

pub(super) fn is_url(path: &str) -> bool {
    path.starts_with("https://") || path.starts_with("s3://")
}

/// All devices are of one kind (documented). The number of the error is not known.
pub(super) fn check_kinds(devices: &[Device]) -> Result<()> {
    let is_url = |device: &Device| matches!(device, Device::Url(_));
    if devices.iter().any(is_url) && !devices.iter().all(is_url) {
        return Err(ServerError::unsupported("media of files and URLs"));
    }
    Ok(())
}

/// The URL, if this server has a credential for it and its container is there. That a missing bucket
/// is 3201 with error 50 is documented; that a missing credential is the same, community; the rest
/// is taken to be.
pub(super) fn check(session: &Session, url: String) -> Result<String> {
    if url.is_empty() {
        return Err(media_message::no_device_name());
    }
    let instance = &session.instance;
    let refused = || media_message::cannot_open(&url, OsError::NotSupported, 1);
    let is_s3 = url.starts_with("s3://");
    let first = if is_s3 {
        Version::Sql2022
    } else {
        Version::Sql2016
    };
    if !is_url(&url) || url.encode_utf16().count() > MOST_CHARACTERS || instance.version < first {
        return Err(refused());
    }
    let slashes: Vec<usize> = url.match_indices('/').map(|(at, _)| at).collect();
    let &[_, _, host_end, container_end, ..] = slashes.as_slice() else {
        return Err(refused());
    };
    // A credential of S3 may be for the whole storage, too.
    let names = if is_s3 {
        vec![&url[..container_end], &url[..host_end]]
    } else {
        vec![&url[..container_end]]
    };
    let identity = if is_s3 {
        "S3 Access Key"
    } else {
        "SHARED ACCESS SIGNATURE"
    };
    let state = instance.state();
    let mut credentials = state.catalog.credentials.iter();
    let has_credential = credentials.any(|credential| {
        names.iter().any(|name| same_name(&credential.name, name))
            && credential.identity.eq_ignore_ascii_case(identity)
            && credential.secret.is_some()
    });
    drop(state);
    if !has_credential || instance.disk.look(&url).is_err() {
        return Err(refused());
    }
    Ok(url)
}
