use std::path::PathBuf;
use std::time::Duration;

use crate::secret::Secret;

/// Where an instance listens, and how the connection is protected.
#[derive(Clone, Debug)]
pub struct Endpoint {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) tls: Tls,
    pub(super) certificate_name: Option<String>,
    pub(super) idle_deadline: Option<Duration>,
}

/// How a connection is protected.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Tls {
    /// Full TLS; the server's certificate must come from a CA in this PEM file, or from one of the
    /// public ones on Mozilla's list, to which the driver always adds it.
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

impl Endpoint {
    /// An endpoint with full TLS and the system's roots.
    #[must_use]
    pub fn new(host: impl Into<String>, port: u16) -> Self {
        Self {
            host: host.into(),
            port,
            tls: Tls::SystemRoots,
            certificate_name: None,
            idle_deadline: None,
        }
    }

    /// How the connection is protected.
    #[must_use]
    pub fn tls(mut self, tls: Tls) -> Self {
        self.tls = tls;
        self
    }

    /// The name that the certificate must bear. Default: the host.
    #[must_use]
    pub fn certificate_name(mut self, name: impl Into<String>) -> Self {
        self.certificate_name = Some(name.into());
        self
    }

    /// How long the server may be silent within an answer. Default: without end, because a RESTORE
    /// may be silent for hours; a dead peer is found by TCP keepalive.
    #[must_use]
    pub fn idle_deadline(mut self, deadline: Duration) -> Self {
        self.idle_deadline = Some(deadline);
        self
    }
}

/// How to sign in: SQL Server authentication.
#[derive(Clone, Debug)]
pub struct Login {
    pub(super) user: String,
    pub(super) password: Secret,
}

impl Login {
    /// A login of SQL Server's own.
    #[must_use]
    pub fn sql_server(user: impl Into<String>, password: Secret) -> Self {
        Self {
            user: user.into(),
            password,
        }
    }
}
