use std::borrow::Cow;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use russh::Preferred;
use russh::client::{self, Config, Handle, Msg};
use russh::{Channel, ChannelMsg};
use tokio::sync::{OnceCell, Semaphore, SemaphorePermit};

use super::ear::{Ear, Heard};
use super::endpoint::SshEndpoint;
use super::known_hosts::KnownHosts;
use super::sftp::Sftp;
use super::shell::Shell;
use super::sign_in::sign_in;
use crate::transport::{HostError, TransportErrorKind};

/// Channels at a time: servers of OpenSSH allow ten (`MaxSessions`, documented), and files have one of their own.
const MOST_CHANNELS: usize = 8;

/// A connection to a host, signed in.
pub(super) struct Connection {
    handle: Handle<Ear>,
    heard: Heard,
    channels: Semaphore,
    /// A call was given up in the middle: what it began goes on, on a channel that nobody reads.
    is_abandoned: AtomicBool,
    pub(super) shell: OnceCell<Shell>,
    pub(super) sftp: OnceCell<Sftp>,
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection")
            .field("is_usable", &self.is_usable())
            .finish_non_exhaustive()
    }
}

/// A call under way. Dropped before it [`ends`](Self::end), it takes the connection out of use: the next call makes
/// a new one.
pub(super) struct Call<'a> {
    connection: &'a Connection,
    _slot: SemaphorePermit<'a>,
    has_ended: bool,
}

impl Call<'_> {
    /// The server answered whole: the connection is as good as before.
    pub(super) fn end(mut self) {
        self.has_ended = true;
    }
}

impl Drop for Call<'_> {
    fn drop(&mut self) {
        if !self.has_ended {
            self.connection.is_abandoned.store(true, Ordering::Relaxed);
        }
    }
}

impl Connection {
    /// Connects and signs in. Nothing was asked of the host before it returns.
    pub(super) async fn open(endpoint: &SshEndpoint) -> Result<Self, HostError> {
        let deadline = endpoint.connect_deadline;
        let name = format!("{}:{}", endpoint.address, endpoint.port);
        let connecting = tokio::time::timeout(deadline, Self::connect(endpoint));
        connecting.await.unwrap_or_else(|_| {
            let seconds = deadline.as_secs_f64();
            let detail = format!("{name}: no connection, signed in, within {seconds} seconds");
            Err(HostError::lost(TransportErrorKind::Connect, detail))
        })
    }

    async fn connect(endpoint: &SshEndpoint) -> Result<Self, HostError> {
        let (address, port) = (endpoint.address.as_str(), endpoint.port);
        let refused = |problem| HostError::lost(TransportErrorKind::Authenticate, problem);
        let known =
            KnownHosts::read(endpoint.known_hosts.clone(), address, port).map_err(refused)?;
        let config = Config {
            preferred: Preferred {
                key: Cow::Owned(known.algorithms()),
                ..Preferred::DEFAULT
            },
            // So that a peer which is gone without a word is noticed between calls too.
            keepalive_interval: Some(Duration::from_secs(15)),
            nodelay: true,
            ..Config::default()
        };
        let heard = Heard::default();
        let ear = Ear {
            known,
            heard: heard.clone(),
        };
        let connected = client::connect(Arc::new(config), (address, port), ear).await;
        let mut handle = connected.map_err(|error| match heard.refused_key() {
            Some(problem) => refused(problem),
            None => HostError::lost(
                TransportErrorKind::Connect,
                format!("{address}:{port}: {error}"),
            ),
        })?;
        sign_in(&mut handle, &endpoint.login).await?;
        tracing::debug!(address, port, "connected by SSH");
        Ok(Self {
            handle,
            heard,
            channels: Semaphore::new(MOST_CHANNELS),
            is_abandoned: AtomicBool::new(false),
            shell: OnceCell::new(),
            sftp: OnceCell::new(),
        })
    }

    /// Whether the next call may use it.
    pub(super) fn is_usable(&self) -> bool {
        !self.handle.is_closed() && !self.is_abandoned.load(Ordering::Relaxed)
    }

    /// Begins a call, when there is room for one.
    pub(super) async fn begin(&self) -> Result<Call<'_>, HostError> {
        let slot = self
            .channels
            .acquire()
            .await
            .map_err(|_| self.not_sent(&"it was closed"))?;
        Ok(Call {
            connection: self,
            _slot: slot,
            has_ended: false,
        })
    }

    pub(super) async fn channel(&self) -> Result<Channel<Msg>, HostError> {
        self.handle
            .channel_open_session()
            .await
            .map_err(|error| self.not_sent(&error))
    }

    /// A channel on which the server speaks SFTP.
    pub(super) async fn sftp_channel(&self) -> Result<Channel<Msg>, HostError> {
        let mut channel = self.channel().await?;
        let asked = channel.request_subsystem(true, "sftp").await;
        asked.map_err(|error| self.not_sent(&error))?;
        loop {
            match channel.wait().await {
                Some(ChannelMsg::Success) => return Ok(channel),
                Some(ChannelMsg::Failure) => {
                    return Err(HostError::lost(
                        TransportErrorKind::Unsupported,
                        "the server has no SFTP for this login; see Subsystem in its sshd_config",
                    ));
                }
                None => return Err(self.not_sent(&self.heard.end())),
                Some(_) => {}
            }
        }
    }

    /// The connection was lost before the request left.
    pub(super) fn not_sent(&self, problem: &dyn std::fmt::Display) -> HostError {
        self.is_abandoned.store(true, Ordering::Relaxed);
        HostError::lost(
            TransportErrorKind::Connect,
            format!("the connection was lost: {problem}"),
        )
    }

    /// It was lost after: the request may have been carried out.
    pub(super) fn interrupted(&self, what: &str) -> HostError {
        self.is_abandoned.store(true, Ordering::Relaxed);
        HostError::lost(
            TransportErrorKind::Interrupted,
            format!("{what}: {}", self.heard.end()),
        )
    }

    /// What is looked at once a connection.
    pub(super) async fn once<T: Send + Sync>(
        cell: &OnceCell<T>,
        look: impl Future<Output = Result<T, HostError>> + Send,
    ) -> Result<&T, HostError> {
        cell.get_or_try_init(|| look).await
    }
}
