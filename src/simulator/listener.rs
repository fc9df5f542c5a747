//! The door of an instance on the network: loopback only.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::simulator::SimulatedInstance;
use crate::simulator::tds::{Endpoint, serve};
use crate::simulator::tls::{Certificates, TlsMode};

/// How long no connection is accepted after one could not be.
const AFTER_FAILURE: Duration = Duration::from_millis(100);

/// Takes connections of TDS clients for an instance, on `127.0.0.1` only.
///
/// Dropping it closes it and its connections.
#[derive(Debug)]
pub struct Listener {
    address: SocketAddr,
    ca_pem: Option<String>,
    closing: CancellationToken,
}

impl Listener {
    /// Listens at `port`, or at a free port where it is 0.
    ///
    /// With TLS, an authority and a certificate are made for it; see [`ca_pem`](Self::ca_pem).
    ///
    /// # Errors
    /// Fails if the port is taken.
    pub async fn bind(instance: &SimulatedInstance, port: u16, mode: TlsMode) -> io::Result<Self> {
        let certificates = match mode {
            TlsMode::Off => None,
            TlsMode::Full => Some(Certificates::make(&instance.inner.name)?),
        };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
        let address = listener.local_addr()?;
        let closing = CancellationToken::new();
        let (ca_pem, tls) = certificates
            .map(|certificates| (certificates.ca_pem, certificates.config))
            .unzip();
        let endpoint = Arc::new(Endpoint {
            instance: Arc::clone(&instance.inner),
            mode,
            tls,
        });
        tokio::spawn(closing.clone().run_until_cancelled_owned(accept(
            listener,
            endpoint,
            closing.clone(),
        )));
        Ok(Self {
            address,
            ca_pem,
            closing,
        })
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The certificate, in PEM, of the authority that clients must trust; `None` without TLS.
    #[must_use]
    pub fn ca_pem(&self) -> Option<&str> {
        self.ca_pem.as_deref()
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.closing.cancel();
    }
}

async fn accept(listener: TcpListener, endpoint: Arc<Endpoint>, closing: CancellationToken) {
    loop {
        let (stream, client) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                // Of the client that gave up, or of the process that has no descriptor left; in
                // either case the next one may get in.
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(AFTER_FAILURE).await;
                continue;
            }
        };
        let endpoint = Arc::clone(&endpoint);
        let talk = async move {
            if let Err(error) = serve(&endpoint, stream).await {
                tracing::debug!(%client, %error, "a connection broke");
            }
        };
        tokio::spawn(closing.clone().run_until_cancelled_owned(talk));
    }
}
