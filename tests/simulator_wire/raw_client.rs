//! A client that speaks bare TDS, for what drivers hide.
#![allow(dead_code, reason = "each test uses some of it")]

use std::io::{Read as _, Write as _};
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{ClientConfig, ClientConnection, ProtocolVersion, RootCertStore};

pub(crate) const SQL_BATCH: u8 = 0x01;
pub(crate) const RPC: u8 = 0x03;
pub(crate) const ATTENTION: u8 = 0x06;
pub(crate) const BULK_LOAD: u8 = 0x07;
pub(crate) const TRANSACTION_MANAGER: u8 = 0x0E;
pub(crate) const LOGIN7: u8 = 0x10;
pub(crate) const PRELOGIN: u8 = 0x12;

pub(crate) const ENCRYPT_OFF: u8 = 0;
pub(crate) const ENCRYPT_ON: u8 = 1;
pub(crate) const ENCRYPT_NOT_SUPPORTED: u8 = 2;
pub(crate) const ENCRYPT_REQUIRED: u8 = 3;

/// What the end of a sign-in that succeeded looks like.
pub(crate) const DONE: [u8; 13] = [0xFD, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

pub(crate) struct RawClient {
    stream: TcpStream,
    tls: Option<Box<ClientConnection>>,
    pub(crate) packet_size: usize,
}

impl RawClient {
    pub(crate) async fn open(address: SocketAddr) -> Self {
        Self {
            stream: TcpStream::connect(address).await.unwrap(),
            tls: None,
            packet_size: 4096,
        }
    }

    /// Connects and sends PRELOGIN; gives the server's word on encryption.
    pub(crate) async fn connect(address: SocketAddr, encryption: u8) -> (Self, u8) {
        let mut client = Self::open(address).await;
        let answer = client.prelogin(encryption).await.unwrap();
        (client, answer)
    }

    /// `None` when the server hangs up instead of an answer.
    pub(crate) async fn prelogin(&mut self, encryption: u8) -> Option<u8> {
        let options = [0, 0, 11, 0, 6, 1, 0, 17, 0, 1, 0xFF, 0, 0, 0, 0, 0, 0];
        self.send(PRELOGIN, &[&options[..], &[encryption]].concat())
            .await;
        self.message().await?.last().copied()
    }

    /// Connects without encryption and signs in.
    pub(crate) async fn sign_in(address: SocketAddr, password: &str) -> Self {
        let login = Login {
            password,
            ..Login::default()
        };
        let (client, answer) = Self::try_sign_in(address, &login).await;
        assert!(answer.ends_with(&DONE));
        client
    }

    /// Connects without encryption and asks to sign in; gives the server's whole answer.
    pub(crate) async fn try_sign_in(address: SocketAddr, login: &Login<'_>) -> (Self, Vec<u8>) {
        let (mut client, _) = Self::connect(address, ENCRYPT_NOT_SUPPORTED).await;
        client.send(LOGIN7, &login.bytes()).await;
        let answer = client.message().await.unwrap();
        (client, answer)
    }

    /// Leaves, and waits until the server has noticed.
    pub(crate) async fn leave(mut self) {
        self.stream.shutdown().await.unwrap();
        while self.packet().await.is_some() {}
    }

    /// A TLS handshake inside PRELOGIN. Gives how many messages the server's part of it took.
    pub(crate) async fn encrypt(&mut self, ca_pem: &str) -> usize {
        let mut messages = 0;
        let mut tls = client_tls(ca_pem, &[]);
        while tls.is_handshaking() {
            let mut flight = Vec::new();
            while tls.wants_write() {
                tls.write_tls(&mut flight).unwrap();
            }
            if !flight.is_empty() {
                self.send(PRELOGIN, &flight).await;
            }
            if tls.is_handshaking() {
                let message = self.handshake_message().await;
                messages += 1;
                let mut bytes = message.as_slice();
                while !bytes.is_empty() {
                    tls.read_tls(&mut bytes).unwrap();
                    tls.process_new_packets().unwrap();
                }
            }
        }
        assert_eq!(tls.protocol_version(), Some(ProtocolVersion::TLSv1_2));
        self.tls = Some(tls);
        messages
    }

    async fn handshake_message(&mut self) -> Vec<u8> {
        let (kind, is_last, body) = self.any_packet().await.unwrap();
        assert_eq!((kind, is_last), (PRELOGIN, true));
        body
    }

    /// A TLS handshake below everything, as TDS 8.0 has it. Gives the version, or `None` where the
    /// server would have none of it.
    pub(crate) async fn encrypt_first(
        &mut self,
        ca_pem: &str,
        alpn: &[&[u8]],
    ) -> Option<ProtocolVersion> {
        let mut tls = client_tls(ca_pem, alpn);
        while tls.is_handshaking() || tls.wants_write() {
            let mut flight = Vec::new();
            while tls.wants_write() {
                tls.write_tls(&mut flight).unwrap();
            }
            self.stream.write_all(&flight).await.ok()?;
            if tls.is_handshaking() {
                let mut bytes = vec![0; 4096];
                let count = self.stream.read(&mut bytes).await.ok()?;
                if count == 0 {
                    return None;
                }
                tls.read_tls(&mut &bytes[..count]).unwrap();
                tls.process_new_packets().ok()?;
            }
        }
        assert_eq!(tls.alpn_protocol(), alpn.first().copied());
        let version = tls.protocol_version();
        self.tls = Some(tls);
        version
    }

    /// What follows is not encrypted any more.
    pub(crate) fn end_encryption(&mut self) {
        self.tls = None;
    }

    pub(crate) async fn batch(&mut self, text: &str) {
        let body = [&HEADERS[..], &utf16(text)[..]].concat();
        self.send(SQL_BATCH, &body).await;
    }

    /// A batch and all of its answer.
    pub(crate) async fn ask(&mut self, text: &str) -> Vec<u8> {
        self.batch(text).await;
        self.message().await.unwrap()
    }

    /// A batch of a connection that a pool gives to its next user.
    pub(crate) async fn batch_after_reset(&mut self, text: &str) {
        const LAST_AND_RESET: u8 = 0x09;
        let body = [&HEADERS[..], &utf16(text)[..]].concat();
        self.send_packet(SQL_BATCH, LAST_AND_RESET, &body).await;
    }

    /// Sends a message, in as many packets as it takes.
    pub(crate) async fn send(&mut self, kind: u8, body: &[u8]) {
        let mut rest = body;
        while rest.len() > self.packet_size - 8 {
            let (packet, after) = rest.split_at(self.packet_size - 8);
            self.send_packet(kind, 0, packet).await;
            rest = after;
        }
        self.send_packet(kind, 1, rest).await;
    }

    pub(crate) async fn send_packet(&mut self, kind: u8, status: u8, body: &[u8]) {
        let [high, low] = u16::try_from(body.len() + 8).unwrap().to_be_bytes();
        let header = [kind, status, high, low, 0, 0, 1, 0];
        self.send_bytes(&[&header[..], body].concat()).await;
    }

    pub(crate) async fn send_bytes(&mut self, bytes: &[u8]) {
        let mut encrypted = Vec::new();
        let bytes = match &mut self.tls {
            None => bytes,
            Some(tls) => {
                tls.writer().write_all(bytes).unwrap();
                while tls.wants_write() {
                    tls.write_tls(&mut encrypted).unwrap();
                }
                &encrypted
            }
        };
        self.stream.write_all(bytes).await.unwrap();
    }

    /// The next packet: whether it is its message's last, and its body. `None` at the end of the
    /// connection.
    pub(crate) async fn packet(&mut self) -> Option<(bool, Vec<u8>)> {
        let (kind, is_last, body) = self.any_packet().await?;
        assert_eq!(kind, 4, "servers send replies");
        Some((is_last, body))
    }

    async fn any_packet(&mut self) -> Option<(u8, bool, Vec<u8>)> {
        let mut header = [0; 8];
        self.receive(&mut header).await?;
        let length = usize::from(u16::from_be_bytes([header[2], header[3]]));
        assert!(length <= self.packet_size, "a packet of {length} bytes");
        let mut body = vec![0; length - 8];
        self.receive(&mut body).await?;
        Some((header[0], header[1] & 1 != 0, body))
    }

    async fn receive(&mut self, bytes: &mut [u8]) -> Option<()> {
        let Some(tls) = &mut self.tls else {
            self.stream.read_exact(bytes).await.ok()?;
            return Some(());
        };
        let mut at = 0;
        while at < bytes.len() {
            if let Ok(count @ 1..) = tls.reader().read(&mut bytes[at..]) {
                at += count;
                continue;
            }
            let mut received = [0; 4096];
            let count = self.stream.read(&mut received).await.ok()?;
            if count == 0 {
                return None;
            }
            let mut received = &received[..count];
            while !received.is_empty() {
                tls.read_tls(&mut received).unwrap();
                tls.process_new_packets().ok()?;
            }
        }
        Some(())
    }

    /// The next message; `None` at the end of the connection.
    pub(crate) async fn message(&mut self) -> Option<Vec<u8>> {
        let mut message = Vec::new();
        loop {
            let (is_last, body) = self.packet().await?;
            message.extend(body);
            if is_last {
                return Some(message);
            }
        }
    }
}

fn client_tls(ca_pem: &str, alpn: &[&[u8]]) -> Box<ClientConnection> {
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_slice(ca_pem.as_bytes()).unwrap())
        .unwrap();
    let mut config = ClientConfig::builder_with_provider(aws_lc_rs::default_provider().into())
        .with_protocol_versions(&[&TLS12, &TLS13])
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
    let name = ServerName::try_from("localhost").unwrap();
    Box::new(ClientConnection::new(Arc::new(config), name).unwrap())
}

/// `ALL_HEADERS` with nothing in it.
pub(crate) const HEADERS: [u8; 4] = [4, 0, 0, 0];

pub(crate) fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

/// A LOGIN7 with a user and a password, and nothing else in it.
pub(crate) fn login(user: &str, password: &str) -> Vec<u8> {
    Login {
        user,
        password,
        ..Login::default()
    }
    .bytes()
}

/// What a LOGIN7 can say.
pub(crate) struct Login<'a> {
    pub(crate) version: u32,
    pub(crate) packet_size: u32,
    pub(crate) flags: [u8; 4],
    pub(crate) user: &'a str,
    pub(crate) password: &'a str,
    pub(crate) language: &'a str,
    pub(crate) database: &'a str,
    pub(crate) attached_file: &'a str,
    pub(crate) new_password: &'a str,
    /// Features and their data.
    pub(crate) features: &'a [(u8, &'a [u8])],
}

impl Default for Login<'_> {
    fn default() -> Self {
        Self {
            version: 0x7400_0004,
            packet_size: 0,
            flags: [0; 4],
            user: "sa",
            password: "",
            language: "",
            database: "",
            attached_file: "",
            new_password: "",
            features: &[],
        }
    }
}

impl Login<'_> {
    pub(crate) fn bytes(&self) -> Vec<u8> {
        const FIXED: usize = 94;
        let mut bytes = vec![0; FIXED];
        bytes[4..8].copy_from_slice(&self.version.to_le_bytes());
        bytes[8..12].copy_from_slice(&self.packet_size.to_le_bytes());
        bytes[24..28].copy_from_slice(&self.flags);
        let put = |bytes: &mut Vec<u8>, at: usize, data: &[u8], length: usize| {
            let offset = u16::try_from(bytes.len()).unwrap().to_le_bytes();
            let length = u16::try_from(length).unwrap().to_le_bytes();
            bytes[at..at + 2].copy_from_slice(&offset);
            bytes[at + 2..at + 4].copy_from_slice(&length);
            bytes.extend(data);
        };
        for (at, text, is_secret) in [
            (40, self.user, false),
            (44, self.password, true),
            (64, self.language, false),
            (68, self.database, false),
            (82, self.attached_file, false),
            (86, self.new_password, true),
        ] {
            let mut text = utf16(text);
            if is_secret {
                for byte in &mut text {
                    *byte = byte.rotate_left(4) ^ 0xA5;
                }
            }
            put(&mut bytes, at, &text, text.len() / 2);
        }
        if !self.features.is_empty() {
            bytes[27] |= 0x10;
            let offset = u32::try_from(bytes.len() + 4).unwrap().to_le_bytes();
            put(&mut bytes, 56, &offset, 4);
            for (feature, data) in self.features {
                bytes.push(*feature);
                bytes.extend(u32::try_from(data.len()).unwrap().to_le_bytes());
                bytes.extend(*data);
            }
            bytes.push(0xFF);
        }
        let length = u32::try_from(bytes.len()).unwrap().to_le_bytes();
        bytes[..4].copy_from_slice(&length);
        bytes
    }
}
