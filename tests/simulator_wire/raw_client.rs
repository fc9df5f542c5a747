//! A client that speaks bare TDS, for what drivers hide.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const SQL_BATCH: u8 = 0x01;
pub(crate) const ATTENTION: u8 = 0x06;
const LOGIN7: u8 = 0x10;
const PRELOGIN: u8 = 0x12;

pub(crate) const ENCRYPT_OFF: u8 = 0;
pub(crate) const ENCRYPT_ON: u8 = 1;
pub(crate) const ENCRYPT_NOT_SUPPORTED: u8 = 2;
pub(crate) const ENCRYPT_REQUIRED: u8 = 3;

pub(crate) struct RawClient {
    stream: TcpStream,
}

impl RawClient {
    /// Connects and sends PRELOGIN; gives the server's word on encryption.
    pub(crate) async fn connect(address: SocketAddr, encryption: u8) -> (Self, u8) {
        let stream = TcpStream::connect(address).await.unwrap();
        let mut client = Self { stream };
        let options = [0, 0, 11, 0, 6, 1, 0, 17, 0, 1, 0xFF, 0, 0, 0, 0, 0, 0];
        client
            .send(PRELOGIN, &[&options[..], &[encryption]].concat())
            .await;
        let answer = client.message().await.unwrap();
        let encryption = *answer.last().unwrap();
        (client, encryption)
    }

    /// Connects without encryption and signs in.
    pub(crate) async fn sign_in(address: SocketAddr, password: &str) -> Self {
        let (mut client, _) = Self::connect(address, ENCRYPT_NOT_SUPPORTED).await;
        client.send(LOGIN7, &login("sa", password)).await;
        let answer = client.message().await.unwrap();
        assert!(answer.ends_with(&[0xFD, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]));
        client
    }

    pub(crate) async fn batch(&mut self, text: &str) {
        let body = [&[4, 0, 0, 0], &utf16(text)[..]].concat();
        self.send(SQL_BATCH, &body).await;
    }

    /// A batch of a connection that a pool gives to its next user.
    pub(crate) async fn batch_after_reset(&mut self, text: &str) {
        const LAST_AND_RESET: u8 = 0x09;
        let body = [&[4, 0, 0, 0], &utf16(text)[..]].concat();
        self.send_packet(SQL_BATCH, LAST_AND_RESET, &body).await;
    }

    pub(crate) async fn send(&mut self, kind: u8, body: &[u8]) {
        self.send_packet(kind, 1, body).await;
    }

    async fn send_packet(&mut self, kind: u8, status: u8, body: &[u8]) {
        let [high, low] = u16::try_from(body.len() + 8).unwrap().to_be_bytes();
        let header = [kind, status, high, low, 0, 0, 1, 0];
        self.stream
            .write_all(&[&header[..], body].concat())
            .await
            .unwrap();
    }

    /// The next packet: whether it is its message's last, and its body. `None` at the end of the
    /// connection.
    pub(crate) async fn packet(&mut self) -> Option<(bool, Vec<u8>)> {
        let mut header = [0; 8];
        self.stream.read_exact(&mut header).await.ok()?;
        assert_eq!(header[0], 4, "servers send replies");
        let length = usize::from(u16::from_be_bytes([header[2], header[3]]));
        let mut body = vec![0; length - 8];
        self.stream.read_exact(&mut body).await.ok()?;
        Some((header[1] & 1 != 0, body))
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

fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

/// A LOGIN7 with a user and a password, and nothing else in it.
fn login(user: &str, password: &str) -> Vec<u8> {
    let (user, mut password) = (utf16(user), utf16(password));
    for byte in &mut password {
        *byte = byte.rotate_left(4) ^ 0xA5;
    }
    let mut bytes = vec![0; 94];
    let total = u32::try_from(94 + user.len() + password.len()).unwrap();
    bytes[..4].copy_from_slice(&total.to_le_bytes());
    bytes[4..8].copy_from_slice(&0x7400_0004_u32.to_le_bytes());
    let field = |bytes: &mut Vec<u8>, at: usize, text: &[u8]| {
        let offset = u16::try_from(bytes.len()).unwrap().to_le_bytes();
        let length = u16::try_from(text.len() / 2).unwrap().to_le_bytes();
        bytes[at..at + 2].copy_from_slice(&offset);
        bytes[at + 2..at + 4].copy_from_slice(&length);
        bytes.extend(text);
    };
    field(&mut bytes, 40, &user);
    field(&mut bytes, 44, &password);
    bytes
}
