//! How a listener is set up.

use std::io;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::browser::{SqlBrowser, Target};
use super::{Listener, accept};
use crate::simulator::SimulatedInstance;
use crate::simulator::tds::Endpoint;
use crate::simulator::tls::{Certificates, TlsMode};
use crate::simulator::wire_bug::WireBug;

/// Our own choice: what a real server allows is unconfirmed.
const SIGN_IN_DEADLINE: Duration = Duration::from_secs(60);

/// Sets up a [`Listener`].
#[derive(Debug)]
#[must_use]
pub struct ListenerBuilder {
    instance: SimulatedInstance,
    port: u16,
    mode: TlsMode,
    sign_in_deadline: Duration,
    browser_port: Option<u16>,
    browsers: Vec<SqlBrowser>,
    route: Option<(String, u16)>,
    bug: Option<WireBug>,
}

impl ListenerBuilder {
    pub(super) fn new(instance: &SimulatedInstance) -> Self {
        Self {
            instance: instance.clone(),
            port: 0,
            mode: TlsMode::Off,
            sign_in_deadline: SIGN_IN_DEADLINE,
            browser_port: None,
            browsers: Vec::new(),
            route: None,
            bug: None,
        }
    }

    /// The port to listen at; a free one where it is 0, which is the default.
    pub const fn port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// How connections are protected; not at all by default.
    ///
    /// With TLS, an authority and a certificate are made; see [`Listener::ca_pem`].
    pub const fn tls(mut self, mode: TlsMode) -> Self {
        self.mode = mode;
        self
    }

    /// How long a connection is kept whose client did not ask to sign in yet. Default: 60 seconds,
    /// which is our own choice: what a real server does is unconfirmed.
    pub const fn sign_in_deadline(mut self, deadline: Duration) -> Self {
        self.sign_in_deadline = deadline;
        self
    }

    /// Brings along a SQL Browser for this listener alone, at that port (UDP); at a free one where
    /// it is 0. See [`Listener::browser_address`].
    pub const fn browser_port(mut self, port: u16) -> Self {
        self.browser_port = Some(port);
        self
    }

    /// Lets a SQL Browser know this listener, beside others that it knows.
    pub fn known_to(mut self, browser: &SqlBrowser) -> Self {
        self.browsers.push(browser.clone());
        self
    }

    /// Sends whoever signs in to another server, as a gateway does, and as an availability group
    /// does for reading. Clients below TDS 7.4 don't know routing and stay here.
    pub fn route_to(mut self, host: impl Into<String>, port: u16) -> Self {
        self.route = Some((host.into(), port));
        self
    }

    /// Plants a mistake; the last one given counts.
    pub const fn wire_bug(mut self, bug: WireBug) -> Self {
        self.bug = Some(bug);
        self
    }

    /// Listens.
    ///
    /// # Errors
    /// Fails if a port is taken.
    pub async fn bind(self) -> io::Result<Listener> {
        let instance = self.instance.inner;
        let certificates = match self.mode {
            TlsMode::Off => None,
            _ => Some(Certificates::make(&instance.name)?),
        };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, self.port)).await?;
        let address = listener.local_addr()?;
        let browser = match self.browser_port {
            Some(port) => Some(SqlBrowser::bind(port).await?),
            None => None,
        };
        let announced = self
            .browsers
            .iter()
            .chain(&browser)
            .map(|browser| browser.announce(Target::new(&instance, address.port())))
            .collect();
        let (ca_pem, tls) = certificates
            .map(|certificates| (certificates.ca_pem, certificates.tls))
            .unzip();
        let endpoint = Arc::new(Endpoint {
            instance,
            mode: self.mode,
            sign_in_deadline: self.sign_in_deadline,
            tls,
            route: self.route,
            bug: self.bug,
        });
        let closing = CancellationToken::new();
        tokio::spawn(closing.clone().run_until_cancelled_owned(accept(
            listener,
            endpoint,
            closing.clone(),
        )));
        Ok(Listener {
            address,
            ca_pem,
            browser,
            _announced: announced,
            closing,
        })
    }
}
