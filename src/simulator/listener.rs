//! The door of an instance on the network: loopback only.

mod browser;
mod builder;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::simulator::SimulatedInstance;
use crate::simulator::tds::{Endpoint, serve};
use crate::simulator::tls::TlsMode;

pub use browser::SqlBrowser;
pub use builder::ListenerBuilder;

/// How long no connection is accepted after one could not be.
const AFTER_FAILURE: Duration = Duration::from_millis(100);

/// Takes connections of TDS clients for an instance, on `127.0.0.1` only.
///
/// Dropping it closes it and its connections, and its SQL Browser knows it no more.
#[derive(Debug)]
pub struct Listener {
    address: SocketAddr,
    ca_pem: Option<String>,
    /// The one it brought along.
    browser: Option<SqlBrowser>,
    _announced: Vec<browser::Announced>,
    closing: CancellationToken,
}

impl Listener {
    /// Sets up a listener for an instance.
    pub fn builder(instance: &SimulatedInstance) -> ListenerBuilder {
        ListenerBuilder::new(instance)
    }

    /// Listens at `port`, or at a free port where it is 0: short for a
    /// [`builder`](Self::builder) with nothing else set.
    ///
    /// With TLS, an authority and a certificate are made for it; see [`ca_pem`](Self::ca_pem).
    ///
    /// # Errors
    /// Fails if the port is taken.
    pub async fn bind(instance: &SimulatedInstance, port: u16, mode: TlsMode) -> io::Result<Self> {
        Self::builder(instance).port(port).tls(mode).bind().await
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where its SQL Browser answers (UDP), if
    /// [`browser_port`](ListenerBuilder::browser_port) asked for one.
    #[must_use]
    pub fn browser_address(&self) -> Option<SocketAddr> {
        self.browser.as_ref().map(SqlBrowser::address)
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
