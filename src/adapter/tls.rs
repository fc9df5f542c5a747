use std::borrow::Cow;
use std::path::PathBuf;

use crate::transport::{TransportError, TransportErrorKind, Wire};

/// How a connection is protected.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Tls {
    /// Full TLS; the server's certificate must come from a CA in this PEM file. With tiberius the
    /// public ones on Mozilla's list count too: the driver always adds it.
    CaFile(PathBuf),
    /// The same, with the PEM text itself.
    CaPem(Vec<u8>),
    /// No TLS at all. Batches with secrets are refused over it.
    DangerPlaintext,
    /// Full TLS, but whoever answers is trusted. Batches with secrets are refused over it.
    DangerTrustAnyCertificate,
    /// Full TLS; the server's certificate must come from a CA that this machine trusts.
    SystemRoots,
}

impl Tls {
    /// What a session over it is worth, if all of it is encrypted.
    pub(super) const fn wire(&self) -> Wire {
        match self {
            Self::SystemRoots | Self::CaFile(_) | Self::CaPem(_) => Wire::Verified,
            Self::DangerTrustAnyCertificate => Wire::Encrypted,
            Self::DangerPlaintext => Wire::Plain,
        }
    }

    /// The PEM text of the CAs to trust, where they are not the system's.
    pub(super) fn ca_pem(&self) -> Result<Option<Cow<'_, [u8]>>, TransportError> {
        match self {
            Self::CaFile(path) => std::fs::read(path)
                .map(|pem| Some(Cow::Owned(pem)))
                .map_err(|error| {
                    TransportError::new(
                        TransportErrorKind::Connect,
                        format!("the CA file {} can't be read: {error}", path.display()),
                    )
                }),
            Self::CaPem(pem) => Ok(Some(Cow::Borrowed(pem))),
            Self::DangerPlaintext | Self::DangerTrustAnyCertificate | Self::SystemRoots => Ok(None),
        }
    }
}
