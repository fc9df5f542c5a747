use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use tempfile::NamedTempFile;

use super::certificate;
use crate::adapter::endpoint::Door;
use crate::transport::{TransportError, TransportErrorKind};

/// The certificates that were verified for one instance, by the door they were seen behind.
#[derive(Debug, Default)]
pub(super) struct Pins(Mutex<BTreeMap<Door, Pin>>);

/// A certificate that was verified, in a file because the driver reads it from one. Only this user
/// may write the file; it goes with the last who holds it.
#[derive(Clone, Debug)]
pub(super) struct Pin(Arc<NamedTempFile>);

impl Pins {
    /// The certificate behind a door, and whether it was looked at just now.
    pub(super) async fn of(
        &self,
        door: &Door,
        is_strict: bool,
        ca_pem: &[u8],
    ) -> Result<(Pin, bool), TransportError> {
        if let Some(pin) = self.known(door) {
            return Ok((pin, false));
        }
        let certificate = certificate::verified(door, is_strict, ca_pem).await?;
        let pin = Pin::keep(&certificate).map_err(|error| {
            TransportError::new(
                TransportErrorKind::Connect,
                format!("the server's certificate can't be kept in a temporary file: {error}"),
            )
        })?;
        let mut pins = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        pins.insert(door.clone(), pin.clone());
        Ok((pin, true))
    }

    pub(super) fn forget(&self, door: &Door) {
        let mut pins = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        pins.remove(door);
    }

    fn known(&self, door: &Door) -> Option<Pin> {
        let pins = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        pins.get(door).cloned()
    }
}

impl Pin {
    fn keep(certificate: &[u8]) -> std::io::Result<Self> {
        let mut file = NamedTempFile::with_prefix("scorch-certificate-")?;
        file.write_all(certificate)?;
        file.flush()?;
        Ok(Self(Arc::new(file)))
    }

    pub(super) fn path(&self) -> &Path {
        self.0.path()
    }
}
