//! A server by the book of a test: what it answers to a command line, and what it saw.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use russh::keys::ssh_key::LineEnding;
use russh::keys::ssh_key::private::Ed25519Keypair;
use russh::keys::{PrivateKey, PublicKey, PublicKeyBase64 as _};
use russh::server::{Auth, ChannelOpenHandle, Config, Handler, Msg, Session, VerifiedPublicKey};
use russh::{Channel, ChannelId, Error};
use scorch_recovery::Secret;
use scorch_recovery::adapter::ssh::{SshEndpoint, SshHosts, SshLogin};
use scorch_recovery::names::HostName;
use tokio::net::TcpListener;
use tokio::sync::{Notify, watch};

use crate::disk::Disk;

/// The question by which the adapter learns what reads its lines.
pub(crate) const QUESTION: &str = r#""C:\Windows\System32\cmd.exe" /d /c echo "%OS%""#;

/// What the server does about a command.
pub(crate) enum Answer {
    Ends(u32, String, String),
    /// The connection is cut, without a word.
    Cut,
    /// The command was ended by a signal.
    Killed,
    /// Nothing, for ever.
    Silent,
}

pub(crate) fn says(output: impl Into<String>) -> Answer {
    Answer::Ends(0, output.into(), String::new())
}

pub(crate) fn ends(code: u32, output: impl Into<String>) -> Answer {
    Answer::Ends(code, output.into(), String::new())
}

type Respond = Box<dyn Fn(&str, &[u8]) -> Answer + Send + Sync>;

pub(crate) struct Server {
    pub(crate) port: u16,
    pub(crate) folder: tempfile::TempDir,
    state: Arc<State>,
}

struct State {
    respond: Respond,
    /// What reads the lines: `cmd.exe`, or something else.
    is_cmd: AtomicBool,
    /// Answers come before the input is read.
    is_hasty: AtomicBool,
    takes_channels: AtomicBool,
    runs_commands: AtomicBool,
    disk: Mutex<Disk>,
    seen: Mutex<Vec<(String, String)>>,
    arrived: Notify,
    connections: AtomicUsize,
    signed_in: AtomicUsize,
    open: AtomicUsize,
    most_open: AtomicUsize,
    /// Ends all connections there are when it changes.
    ends: watch::Sender<u32>,
    /// Lets answers through.
    gate: watch::Sender<bool>,
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("port", &self.port)
            .finish_non_exhaustive()
    }
}

pub(crate) fn key(seed: u8) -> PrivateKey {
    PrivateKey::from(Ed25519Keypair::from_seed(&[seed; 32]))
}

/// The private key as the text of its file.
pub(crate) fn key_text(seed: u8) -> String {
    key(seed).to_openssh(LineEnding::LF).unwrap().to_string()
}

pub(crate) fn known_line(host: &str, key: &PublicKey) -> String {
    format!("{host} {} {}\n", key.algorithm(), key.public_key_base64())
}

pub(crate) const HOST_KEY: u8 = 1;
pub(crate) const USER_KEY: u8 = 2;

impl Server {
    pub(crate) async fn start(
        respond: impl Fn(&str, &[u8]) -> Answer + Send + Sync + 'static,
    ) -> Self {
        let state = Arc::new(State {
            respond: Box::new(respond),
            is_cmd: AtomicBool::new(true),
            is_hasty: AtomicBool::new(false),
            takes_channels: AtomicBool::new(true),
            runs_commands: AtomicBool::new(true),
            disk: Mutex::default(),
            seen: Mutex::default(),
            arrived: Notify::new(),
            connections: AtomicUsize::new(0),
            signed_in: AtomicUsize::new(0),
            open: AtomicUsize::new(0),
            most_open: AtomicUsize::new(0),
            ends: watch::Sender::new(0),
            gate: watch::Sender::new(true),
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(accept(listener, Arc::clone(&state)));
        let folder = tempfile::tempdir().unwrap();
        let line = known_line(&format!("[127.0.0.1]:{port}"), key(HOST_KEY).public_key());
        std::fs::write(folder.path().join("known_hosts"), line).unwrap();
        Self {
            port,
            folder,
            state,
        }
    }

    pub(crate) fn known_hosts(&self) -> PathBuf {
        self.folder.path().join("known_hosts")
    }

    pub(crate) fn login() -> SshLogin {
        SshLogin::key("recovery", Secret::new(key_text(USER_KEY)))
    }

    pub(crate) fn endpoint(&self, login: SshLogin) -> SshEndpoint {
        SshEndpoint::new("127.0.0.1", login)
            .port(self.port)
            .known_hosts(self.known_hosts())
    }

    /// `MS01`, at this server.
    pub(crate) fn hosts(&self) -> (SshHosts, HostName) {
        reach(self.endpoint(Self::login()))
    }

    pub(crate) fn is_no_cmd(&self) {
        self.state.is_cmd.store(false, Ordering::Relaxed);
    }

    pub(crate) fn is_hasty(&self) {
        self.state.is_hasty.store(true, Ordering::Relaxed);
    }

    pub(crate) fn take_channels(&self, does: bool) {
        self.state.takes_channels.store(does, Ordering::Relaxed);
    }

    pub(crate) fn disk(&self) -> Disk {
        self.state.disk.lock().unwrap().clone()
    }

    pub(crate) fn set_disk(&mut self, disk: Disk) {
        *self.state.disk.lock().unwrap() = disk;
    }

    pub(crate) fn runs_no_commands(&self) {
        self.state.runs_commands.store(false, Ordering::Relaxed);
    }

    pub(crate) fn connections(&self) -> usize {
        self.state.connections.load(Ordering::Relaxed)
    }

    /// How often somebody proved to have a key.
    pub(crate) fn signed_in(&self) -> usize {
        self.state.signed_in.load(Ordering::Relaxed)
    }

    /// How many channels were open at a time.
    pub(crate) fn most_open(&self) -> usize {
        self.state.most_open.load(Ordering::Relaxed)
    }

    /// The command lines that came, but for the question, and their inputs.
    pub(crate) fn seen(&self) -> Vec<(String, String)> {
        let seen = self.state.seen.lock().unwrap();
        seen.iter()
            .filter(|(line, _)| line != QUESTION)
            .cloned()
            .collect()
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        self.seen().into_iter().map(|(line, _)| line).collect()
    }

    /// Waits for a command that is not answered.
    pub(crate) async fn arrived(&self) {
        self.state.arrived.notified().await;
    }

    /// Ends all connections there are.
    pub(crate) fn end_connections(&self) {
        self.state.ends.send_modify(|times| *times += 1);
    }

    /// Keeps answers back, or lets them through.
    pub(crate) fn let_through(&self, does: bool) {
        self.state.gate.send_replace(does);
    }
}

pub(crate) fn reach(endpoint: SshEndpoint) -> (SshHosts, HostName) {
    let name: HostName = "MS01".parse().unwrap();
    (
        SshHosts::builder().host(name.clone(), endpoint).build(),
        name,
    )
}

async fn accept(listener: TcpListener, state: Arc<State>) {
    let config = Arc::new(Config {
        keys: vec![key(HOST_KEY)],
        auth_rejection_time: std::time::Duration::ZERO,
        ..Config::default()
    });
    while let Ok((socket, _)) = listener.accept().await {
        state.connections.fetch_add(1, Ordering::Relaxed);
        let (config, state) = (Arc::clone(&config), Arc::clone(&state));
        tokio::spawn(async move {
            let mut ends = state.ends.subscribe();
            let conversation = Conversation {
                state,
                commands: BTreeMap::new(),
                channels: BTreeMap::new(),
            };
            let Ok(session) = russh::server::run_stream(config, socket, conversation).await else {
                return;
            };
            let handle = session.handle();
            tokio::select! {
                _ = session => {}
                _ = ends.changed() => {
                    drop(handle.disconnect(russh::Disconnect::ByApplication, "bye".into(), String::new()).await);
                }
            }
        });
    }
}

struct Conversation {
    state: Arc<State>,
    commands: BTreeMap<ChannelId, (String, Vec<u8>)>,
    /// Those that nothing was asked of yet.
    channels: BTreeMap<ChannelId, Channel<Msg>>,
}

impl Conversation {
    async fn answer(&mut self, channel: ChannelId, session: &mut Session) -> Result<(), Error> {
        let Some((line, input)) = self.commands.remove(&channel) else {
            return Ok(());
        };
        let text = String::from_utf8(input.clone()).unwrap();
        self.state.seen.lock().unwrap().push((line.clone(), text));
        let answer = match line == QUESTION {
            true if self.state.is_cmd.load(Ordering::Relaxed) => says("\"Windows_NT\"\r\n"),
            true => ends(1, "At line:1 char:36\r\n"),
            false => (self.state.respond)(&line, &input),
        };
        let (code, output, error) = match answer {
            Answer::Ends(code, output, error) => (code, output, error),
            Answer::Cut => return Err(Error::Disconnect),
            Answer::Killed => {
                session.exit_signal_request(channel, russh::Sig::KILL, false, "killed", "")?;
                return session.close(channel);
            }
            Answer::Silent => {
                self.state.arrived.notify_one();
                return Ok(());
            }
        };
        let handle = session.handle();
        let state = Arc::clone(&self.state);
        tokio::spawn(async move {
            drop(state.gate.subscribe().wait_for(|is_open| *is_open).await);
            drop(handle.data(channel, output.into_bytes()).await);
            drop(handle.extended_data(channel, 1, error.into_bytes()).await);
            state.open.fetch_sub(1, Ordering::Relaxed);
            // The connection may be gone, and then nobody is to be told.
            let _ = handle.exit_status_request(channel, code).await;
            let _ = handle.eof(channel).await;
            let _ = handle.close(channel).await;
        });
        Ok(())
    }
}

impl Handler for Conversation {
    type Error = Error;

    async fn auth_publickey(
        &mut self,
        user: &str,
        shown: VerifiedPublicKey<'_>,
    ) -> Result<Auth, Error> {
        self.state.signed_in.fetch_add(1, Ordering::Relaxed);
        let is_known = user == "recovery"
            && shown.public_key.key_data() == key(USER_KEY).public_key().key_data();
        Ok(if is_known {
            Auth::Accept
        } else {
            Auth::reject()
        })
    }

    async fn channel_open_session(
        &mut self,
        channel: Channel<Msg>,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), Error> {
        if self.state.takes_channels.load(Ordering::Relaxed) {
            let open = self.state.open.fetch_add(1, Ordering::Relaxed) + 1;
            self.state.most_open.fetch_max(open, Ordering::Relaxed);
            self.channels.insert(channel.id(), channel);
            reply.accept().await;
        } else {
            reply
                .reject(russh::ChannelOpenFailure::ResourceShortage)
                .await;
        }
        Ok(())
    }

    async fn exec_request(
        &mut self,
        channel: ChannelId,
        line: &[u8],
        session: &mut Session,
    ) -> Result<(), Error> {
        self.channels.remove(&channel);
        let line = String::from_utf8(line.to_vec()).unwrap();
        if line != QUESTION && !self.state.runs_commands.load(Ordering::Relaxed) {
            return session.channel_failure(channel);
        }
        self.commands.insert(channel, (line, Vec::new()));
        session.channel_success(channel)?;
        if self.state.is_hasty.load(Ordering::Relaxed) {
            return self.answer(channel, session).await;
        }
        Ok(())
    }

    async fn subsystem_request(
        &mut self,
        channel: ChannelId,
        _: &str,
        session: &mut Session,
    ) -> Result<(), Error> {
        let stream = self.channels.remove(&channel).unwrap().into_stream();
        let disk = self.state.disk.lock().unwrap().clone();
        session.channel_success(channel)?;
        russh_sftp::server::run(stream, disk).await;
        Ok(())
    }

    async fn data(
        &mut self,
        channel: ChannelId,
        data: &[u8],
        _: &mut Session,
    ) -> Result<(), Error> {
        if let Some((_, input)) = self.commands.get_mut(&channel) {
            input.extend_from_slice(data);
        }
        Ok(())
    }

    async fn channel_eof(
        &mut self,
        channel: ChannelId,
        session: &mut Session,
    ) -> Result<(), Error> {
        self.answer(channel, session).await
    }
}
