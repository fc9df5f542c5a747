use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio_rustls::rustls::{ServerConfig, ServerConnection, Stream};

use super::served::Seen;
use super::tokens;
use super::wire::{Cut, Wire};

const PRELOGIN: u8 = 0x12;
const LOGIN7: u8 = 0x10;
/// What a server's packets are.
pub(in crate::conformance) const REPLY: u8 = 0x04;
const ATTENTION: u8 = 0x06;
const LAST: u8 = 1;

pub(in crate::conformance) const ENCRYPT_OFF: u8 = 0;
pub(in crate::conformance) const ENCRYPT_ON: u8 = 1;
pub(in crate::conformance) const ENCRYPT_NOT_SUPPORTED: u8 = 2;

/// The body of a packet of the size that clients ask for.
const BODY: usize = 4096 - 8;

/// One connection of a client, seen from the server that is played.
#[derive(Debug)]
pub(in crate::conformance) struct Player {
    wire: Wire,
    tls: Option<Box<ServerConnection>>,
    seen: Arc<Mutex<Seen>>,
    /// How much of the answers may still be sent.
    answer_left: usize,
    /// The TDS version that the client asked for, as LOGINACK says it.
    version: [u8; 4],
    /// Whether the client asked for features, so that it waits for word on them.
    has_features: bool,
}

impl Player {
    pub(super) fn new(
        stream: TcpStream,
        is_over: Arc<AtomicBool>,
        seen: Arc<Mutex<Seen>>,
        cut: Cut,
    ) -> io::Result<Self> {
        Ok(Self {
            wire: Wire::new(stream, is_over, cut)?,
            tls: None,
            seen,
            answer_left: cut.answer,
            version: [0x74, 0, 0, 4],
            has_features: false,
        })
    }

    pub(in crate::conformance) fn note(&self, change: impl FnOnce(&mut Seen)) {
        if let Ok(mut seen) = self.seen.lock() {
            change(&mut seen);
        }
    }

    pub(in crate::conformance) fn pause(&self, duration: Duration) -> io::Result<()> {
        self.wire.pause(duration)
    }

    /// Bytes past TLS, whatever is agreed.
    pub(in crate::conformance) fn send_raw(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.wire.write_all(bytes)
    }

    /// Bytes as they are, in TLS where that is on.
    pub(in crate::conformance) fn send_bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        let most = bytes.len().min(self.answer_left);
        let part = &bytes[..most];
        match &mut self.tls {
            Some(tls) => {
                let mut stream = Stream::new(&mut **tls, &mut self.wire);
                stream.write_all(part)?;
                stream.flush()?;
            }
            None => self.wire.write_all(part)?,
        }
        if self.answer_left != usize::MAX {
            self.answer_left -= most;
        }
        if most < bytes.len() {
            return Err(io::Error::other("the answer is cut here"));
        }
        Ok(())
    }

    /// One packet, with whatever header.
    pub(in crate::conformance) fn send_packet(
        &mut self,
        kind: u8,
        is_last: bool,
        body: &[u8],
    ) -> io::Result<()> {
        self.send_bytes(&packet(kind, is_last, body))
    }

    /// A whole message of the server.
    pub(in crate::conformance) fn send(&mut self, body: &[u8]) -> io::Result<()> {
        let mut bytes = Vec::with_capacity(body.len() + 8);
        let mut rest = body;
        loop {
            let (part, after) = rest.split_at(rest.len().min(BODY));
            bytes.extend(packet(REPLY, after.is_empty(), part));
            rest = after;
            if rest.is_empty() {
                return self.send_bytes(&bytes);
            }
        }
    }

    /// A part of a message that goes on.
    pub(in crate::conformance) fn send_part(&mut self, body: &[u8]) -> io::Result<()> {
        let mut bytes = Vec::with_capacity(body.len() + 8);
        for part in body.chunks(BODY) {
            bytes.extend(packet(REPLY, false, part));
        }
        self.send_bytes(&bytes)
    }

    /// The same over and over, until the client is gone or the check is over.
    pub(in crate::conformance) fn send_for_ever(&mut self, body: &[u8]) -> io::Result<()> {
        loop {
            self.send_part(body)?;
        }
    }

    fn read_exact(&mut self, buffer: &mut [u8]) -> io::Result<()> {
        match &mut self.tls {
            Some(tls) => Stream::new(&mut **tls, &mut self.wire).read_exact(buffer),
            None => self.wire.read_exact(buffer),
        }
    }

    fn read_packet(&mut self) -> io::Result<(u8, bool, Vec<u8>)> {
        let mut header = [0; 8];
        self.read_exact(&mut header)?;
        let length = usize::from(u16::from_be_bytes([header[2], header[3]]));
        let body_length = length
            .checked_sub(8)
            .ok_or_else(|| io::Error::other("a packet shorter than its header"))?;
        let mut body = vec![0; body_length];
        self.read_exact(&mut body)?;
        Ok((header[0], header[1] & LAST != 0, body))
    }

    /// The client's next message: its kind and its body.
    pub(in crate::conformance) fn read(&mut self) -> io::Result<(u8, Vec<u8>)> {
        let mut message = Vec::new();
        loop {
            let (kind, is_last, body) = self.read_packet()?;
            message.extend(body);
            if is_last {
                return Ok((kind, message));
            }
        }
    }

    /// Reads PRELOGIN and says this about encryption; `None` leaves the option out.
    pub(in crate::conformance) fn prelogin(&mut self, encryption: Option<u8>) -> io::Result<()> {
        self.read_prelogin()?;
        self.send(&tokens::prelogin(encryption))
    }

    pub(in crate::conformance) fn read_prelogin(&mut self) -> io::Result<()> {
        match self.read()? {
            (PRELOGIN, _) => Ok(()),
            (LOGIN7, _) => {
                self.note(|seen| seen.clear_logins += 1);
                Err(io::Error::other("LOGIN7 before PRELOGIN"))
            }
            (kind, _) => Err(io::Error::other(format!("{kind} before PRELOGIN"))),
        }
    }

    /// The TLS handshake, in packets of PRELOGIN's kind.
    pub(in crate::conformance) fn handshake(
        &mut self,
        config: Arc<ServerConfig>,
    ) -> io::Result<()> {
        let mut tls = ServerConnection::new(config).map_err(io::Error::other)?;
        while tls.is_handshaking() {
            let (kind, _, body) = self.read_packet()?;
            if kind == LOGIN7 {
                self.note(|seen| seen.clear_logins += 1);
                return Err(io::Error::other("LOGIN7 in clear text"));
            }
            let mut rest = &body[..];
            while !rest.is_empty() {
                tls.read_tls(&mut rest)?;
                let processed = tls.process_new_packets();
                let mut out = Vec::new();
                while tls.wants_write() {
                    tls.write_tls(&mut out)?;
                }
                for part in out.chunks(BODY) {
                    self.wire.write_all(&packet(PRELOGIN, true, part))?;
                }
                processed.map_err(io::Error::other)?;
            }
        }
        self.tls = Some(Box::new(tls));
        self.note(|seen| seen.handshakes += 1);
        Ok(())
    }

    /// The TLS handshake of TDS 8.0: before anything else, and in no packets.
    pub(in crate::conformance) fn handshake_first(
        &mut self,
        config: Arc<ServerConfig>,
    ) -> io::Result<()> {
        let mut tls = ServerConnection::new(config).map_err(io::Error::other)?;
        while tls.is_handshaking() || tls.wants_write() {
            if let (0, 0) = tls.complete_io(&mut self.wire)? {
                return Err(io::Error::other("the client left within the handshake"));
            }
        }
        self.tls = Some(Box::new(tls));
        self.note(|seen| seen.handshakes += 1);
        Ok(())
    }

    /// The client's first bytes, as they are: whether it begins with TLS.
    pub(in crate::conformance) fn hear_hello(&mut self) -> io::Result<bool> {
        const TLS_HANDSHAKE: u8 = 0x16;
        let mut bytes = [0; 4096];
        let read = self.wire.read(&mut bytes)?;
        Ok(read > 0 && bytes[0] == TLS_HANDSHAKE)
    }

    /// From here on nothing is encrypted: what the client still encrypts is not understood.
    pub(in crate::conformance) fn end_tls(&mut self) {
        self.tls = None;
    }

    pub(in crate::conformance) fn read_login(&mut self) -> io::Result<()> {
        self.read_login_body().map(drop)
    }

    pub(in crate::conformance) fn read_login_body(&mut self) -> io::Result<Vec<u8>> {
        let (kind, body) = self.read()?;
        if kind != LOGIN7 {
            return Err(io::Error::other(format!("{kind} instead of LOGIN7")));
        }
        if let Some(version) = body.get(4..8) {
            self.version = [version[3], version[2], version[1], version[0]];
        }
        const EXTENSION: u8 = 0x10;
        self.has_features = body.get(27).is_some_and(|flags| flags & EXTENSION != 0);
        let is_protected = self.tls.is_some();
        self.note(|seen| {
            seen.logins += 1;
            if !is_protected {
                seen.clear_logins += 1;
            }
        });
        Ok(body)
    }

    /// The login's answer as a healthy server gives it.
    pub(in crate::conformance) fn accept_login(&mut self) -> io::Result<()> {
        let answer = tokens::login_answer(self.version, self.has_features);
        self.send(&answer)
    }

    pub(in crate::conformance) const fn version(&self) -> [u8; 4] {
        self.version
    }

    /// Everything up to the first batch, as a healthy server does it; the batch is read.
    pub(in crate::conformance) fn until_batch(&mut self) -> io::Result<()> {
        self.read_login()?;
        self.accept_login()?;
        self.read_batch()
    }

    pub(in crate::conformance) fn read_batch(&mut self) -> io::Result<()> {
        self.read_batch_body().map(drop)
    }

    pub(in crate::conformance) fn read_batch_body(&mut self) -> io::Result<Vec<u8>> {
        let (kind, body) = self.read()?;
        self.note(|seen| {
            if kind == ATTENTION {
                seen.attentions += 1;
            } else {
                seen.batches += 1;
            }
        });
        Ok(body)
    }

    /// Keeps the connection, and says nothing, until the client closes it or the check is over.
    pub(in crate::conformance) fn hold(&mut self) -> io::Result<()> {
        let mut buffer = [0; 4096];
        loop {
            match self.wire.read(&mut buffer) {
                Ok(0) => {
                    self.note(|seen| seen.ends += 1);
                    return Ok(());
                }
                Ok(_) => {}
                Err(error) => {
                    if error.kind() == io::ErrorKind::ConnectionReset {
                        self.note(|seen| seen.ends += 1);
                    }
                    return Err(error);
                }
            }
        }
    }
}

/// A packet with its header.
pub(in crate::conformance) fn packet(kind: u8, is_last: bool, body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(body.len() + 8).unwrap_or(u16::MAX);
    let [high, low] = length.to_be_bytes();
    let mut bytes = vec![kind, u8::from(is_last), high, low, 0, 0, 1, 0];
    bytes.extend(body);
    bytes
}
