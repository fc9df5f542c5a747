#![allow(unsafe_code, reason = "the Credential Manager is asked")]

use std::ptr;

use async_trait::async_trait;
use windows_sys::Win32::Security::Credentials::{
    CRED_TYPE_GENERIC, CREDENTIALW, CredFree, CredReadW,
};
use zeroize::{Zeroize as _, Zeroizing};

use super::answer::{answered, last_error, wide};
use crate::adapter::secrets::unknown;
use crate::secret::{Secret, SecretRef};
use crate::transport::{SecretSource, TransportError, TransportErrorKind};

/// Secrets from the Credential Manager of the account that this process runs as: the passwords of generic
/// credentials, named like them.
///
/// What `cmdkey /generic:NAME /user:ANY /pass` and the control panel store is read: text in UTF-16.
#[derive(Clone, Debug, Default)]
pub struct CredentialSecrets {
    prefix: String,
}

impl CredentialSecrets {
    /// Credentials named as the secrets are.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Credentials named as the secrets are, with `prefix` before: `"recovery/"`.
    #[must_use]
    pub fn prefixed(prefix: impl Into<String>) -> Self {
        Self {
            prefix: prefix.into(),
        }
    }
}

/// A credential of Windows' making, wiped and given back when dropped.
struct Read(*mut CREDENTIALW);

impl Read {
    fn blob(&mut self) -> &mut [u8] {
        // SAFETY: CredReadW succeeded and gave a pointer to a credential, which is valid until CredFree, and nobody
        // else has it.
        let credential = unsafe { &mut *self.0 };
        let size = usize::try_from(credential.CredentialBlobSize).unwrap_or(0);
        if size == 0 || credential.CredentialBlob.is_null() {
            return &mut [];
        }
        // SAFETY: the blob lies in the same allocation and has that many bytes (documented).
        unsafe { std::slice::from_raw_parts_mut(credential.CredentialBlob, size) }
    }
}

impl Drop for Read {
    fn drop(&mut self) {
        self.blob().zeroize();
        // SAFETY: the pointer came from CredReadW and is freed once.
        unsafe { CredFree(self.0.cast_const().cast()) };
    }
}

fn read(target: &str, name: &SecretRef) -> Result<Secret, TransportError> {
    if target.contains('\0') {
        return Err(unknown(name, "no credential's name holds NUL"));
    }
    let wide = wide(target);
    let mut found = ptr::null_mut();
    // SAFETY: the name ends with NUL and outlives the call, as does the place for the answer.
    let is_found = unsafe { CredReadW(wide.as_ptr(), CRED_TYPE_GENERIC, 0, &mut found) } != 0;
    if !is_found {
        let problem = answered(last_error());
        return Err(unknown(
            name,
            format_args!(
                "the generic credential {target:?} can't be read: {problem}; store it with cmdkey /generic:NAME /user:ANY /pass"
            ),
        ));
    }
    let mut found = Read(found);
    let (units, rest) = found.blob().as_chunks::<2>();
    let units: Zeroizing<Vec<u16>> =
        Zeroizing::new(units.iter().map(|unit| u16::from_le_bytes(*unit)).collect());
    if units.is_empty() || !rest.is_empty() {
        return Err(unknown(name, "the credential holds no text in UTF-16"));
    }
    let text = String::from_utf16(&units);
    text.map(Secret::new)
        .map_err(|_| unknown(name, "the credential holds no text in UTF-16"))
}

#[async_trait]
impl SecretSource for CredentialSecrets {
    async fn fetch(&self, name: &SecretRef) -> Result<Secret, TransportError> {
        let target = format!("{}{}", self.prefix, name.name());
        let name = name.clone();
        let read = tokio::task::spawn_blocking(move || read(&target, &name));
        read.await.unwrap_or_else(|error| {
            Err(TransportError::new(
                TransportErrorKind::Unknown,
                format!("the Credential Manager was not asked to the end: {error}"),
            ))
        })
    }
}

#[cfg(test)]
mod tests {
    use windows_sys::Win32::Security::Credentials::{
        CRED_PERSIST_SESSION, CredDeleteW, CredWriteW,
    };

    use super::*;

    fn store(target: &str, blob: &mut [u8]) {
        let (mut name, mut user) = (wide(target), wide("somebody"));
        let credential = CREDENTIALW {
            Type: CRED_TYPE_GENERIC,
            TargetName: name.as_mut_ptr(),
            CredentialBlobSize: u32::try_from(blob.len()).unwrap(),
            CredentialBlob: blob.as_mut_ptr(),
            Persist: CRED_PERSIST_SESSION,
            UserName: user.as_mut_ptr(),
            ..CREDENTIALW::default()
        };
        // SAFETY: every pointer in it is null or leads to what outlives the call.
        let is_stored = unsafe { CredWriteW(&credential, 0) } != 0;
        assert!(is_stored, "{}", answered(last_error()));
    }

    fn delete(target: &str) {
        let name = wide(target);
        // SAFETY: the name ends with NUL and outlives the call.
        assert_ne!(
            unsafe { CredDeleteW(name.as_ptr(), CRED_TYPE_GENERIC, 0) },
            0
        );
    }

    #[tokio::test]
    async fn a_stored_password_is_read_and_never_shown() {
        let secrets = CredentialSecrets::prefixed("scorch-test/o'b & 100 % ü/");
        let target = format!("{}smk", secrets.prefix);
        let fetch = || async { secrets.fetch(&SecretRef::named("smk")).await };
        let mut blob: Vec<u8> = "cänary\u{1f511}"
            .encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect();
        store(&target, &mut blob);
        assert_eq!(fetch().await.unwrap().expose(), "cänary\u{1f511}");
        store(&target, &mut b"canary!".to_vec());
        let odd = fetch().await.unwrap_err().to_string();
        assert!(odd.contains("UTF-16") && !odd.contains("canary"), "{odd}");
        delete(&target);
        let gone = fetch().await.unwrap_err();
        assert_eq!(gone.kind(), TransportErrorKind::Unsupported);
        assert!(gone.to_string().contains("cmdkey"), "{gone}");
    }
}
