//! Packets: messages put together from them and cut into them.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// Types of packets.
pub(super) const SQL_BATCH: u8 = 0x01;
pub(super) const RPC: u8 = 0x03;
pub(super) const REPLY: u8 = 0x04;
pub(super) const ATTENTION: u8 = 0x06;
pub(super) const BULK_LOAD: u8 = 0x07;
pub(super) const TRANSACTION_MANAGER: u8 = 0x0E;
pub(super) const LOGIN7: u8 = 0x10;
pub(super) const PRELOGIN: u8 = 0x12;

pub(super) const HEADER_LENGTH: usize = 8;
/// The size of packets until a login agrees on another one.
pub(super) const INITIAL_PACKET_SIZE: u16 = 4096;

const END_OF_MESSAGE: u8 = 0x01;
/// Set with the last packet of a request that its client gave up while it was sending.
const IGNORE_MESSAGE: u8 = 0x02;
/// Set with the first packet of a request that wants the session as it was after signing in.
const RESET_SESSION: u8 = 0x08;
/// The same, but with its transaction kept.
const RESET_SESSION_KEEP_TRANSACTION: u8 = 0x10;

/// No request of a client is nearly as large; what claims to be is not kept in memory.
const LARGEST_MESSAGE: usize = 64 * 1024 * 1024;
/// The same, of a client that has not signed in. MS-TDS has LOGIN7 be smaller.
const LARGEST_OF_STRANGERS: usize = 128 * 1024;

/// The header of a packet.
pub(super) fn header(kind: u8, is_last: bool, length: u16, packet: u8) -> [u8; HEADER_LENGTH] {
    let [high, low] = length.to_be_bytes();
    [kind, u8::from(is_last), high, low, 0, 0, packet, 0]
}

/// A request, put together.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Message {
    pub(super) kind: u8,
    pub(super) body: Vec<u8>,
    pub(super) reset: Reset,
}

/// What is to become of the session before the request runs. Pools of connections ask for that
/// with the first request of each new use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Reset {
    #[default]
    No,
    All,
    AllButTransaction,
}

impl Reset {
    const fn of(status: u8) -> Self {
        if status & RESET_SESSION != 0 {
            Self::All
        } else if status & RESET_SESSION_KEEP_TRANSACTION != 0 {
            Self::AllButTransaction
        } else {
            Self::No
        }
    }
}

/// Puts requests together from packets.
#[derive(Debug)]
pub(super) struct MessageReader<R> {
    stream: R,
    received: Vec<u8>,
    begun: Option<Message>,
    largest: usize,
}

impl<R: AsyncRead + Unpin> MessageReader<R> {
    pub(super) const fn new(stream: R) -> Self {
        Self {
            stream,
            received: Vec::new(),
            begun: None,
            largest: LARGEST_OF_STRANGERS,
        }
    }

    /// The client has signed in: its messages may be large now.
    pub(super) const fn trust(&mut self) {
        self.largest = LARGEST_MESSAGE;
    }

    /// The stream. What was received ahead of the last message is lost, and by then there is
    /// nothing: clients wait for their answer.
    pub(super) fn into_stream(self) -> R {
        self.stream
    }

    /// The next message; `None` when the stream has ended.
    ///
    /// Cancel safe: what was received stays in the reader.
    pub(super) async fn next(&mut self) -> io::Result<Option<Message>> {
        loop {
            while let Some(packet) = self.take_packet()? {
                if let Some(message) = self.add(packet)? {
                    return Ok(Some(message));
                }
            }
            self.received.reserve(usize::from(INITIAL_PACKET_SIZE));
            if self.stream.read_buf(&mut self.received).await? == 0 {
                return Ok(None);
            }
        }
    }

    fn take_packet(&mut self) -> io::Result<Option<Packet>> {
        let Some(&[kind, status, high, low, ..]) = self.received.first_chunk::<HEADER_LENGTH>()
        else {
            return Ok(None);
        };
        let length = usize::from(u16::from_be_bytes([high, low]));
        if length < HEADER_LENGTH {
            return Err(invalid("a packet is shorter than its header"));
        }
        if self.received.len() < length {
            return Ok(None);
        }
        let body = self.received[HEADER_LENGTH..length].to_vec();
        self.received.drain(..length);
        Ok(Some(Packet { kind, status, body }))
    }

    fn add(&mut self, packet: Packet) -> io::Result<Option<Message>> {
        let Packet { kind, status, body } = packet;
        // An attention may come before the request it stops is complete.
        if kind == ATTENTION {
            self.begun = None;
            let reset = Reset::No;
            return Ok(Some(Message { kind, body, reset }));
        }
        let message = match &mut self.begun {
            Some(message) if message.kind != kind => {
                return Err(invalid("a message has packets of two types"));
            }
            Some(message) => {
                message.body.extend_from_slice(&body);
                message
            }
            begun @ None => {
                let reset = Reset::of(status);
                begun.insert(Message { kind, body, reset })
            }
        };
        if message.body.len() > self.largest {
            return Err(invalid("a message is too large"));
        }
        if status & END_OF_MESSAGE == 0 {
            return Ok(None);
        }
        let message = self.begun.take();
        Ok(message.filter(|_| status & IGNORE_MESSAGE == 0))
    }
}

#[derive(Debug)]
struct Packet {
    kind: u8,
    status: u8,
    body: Vec<u8>,
}

fn invalid(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

/// Cuts replies into packets and sends them.
#[derive(Debug)]
pub(super) struct MessageWriter<W> {
    stream: W,
    kind: u8,
    packet_size: u16,
    next_packet: u8,
    body: Vec<u8>,
    ready: Vec<u8>,
    sent: usize,
    is_flushed: bool,
}

impl<W: AsyncWrite + Unpin> MessageWriter<W> {
    pub(super) const fn new(stream: W, kind: u8) -> Self {
        Self {
            stream,
            kind,
            packet_size: INITIAL_PACKET_SIZE,
            next_packet: 1,
            body: Vec::new(),
            ready: Vec::new(),
            sent: 0,
            is_flushed: true,
        }
    }

    pub(super) fn into_stream(self) -> W {
        self.stream
    }

    pub(super) const fn set_packet_size(&mut self, size: u16) {
        self.packet_size = size;
    }

    /// Where tokens are written to. They leave with [`cut`](Self::cut) and the like.
    pub(super) const fn body(&mut self) -> &mut Vec<u8> {
        &mut self.body
    }

    /// Cuts the full packets. At least a byte is kept back, so that the last packet is not empty.
    pub(super) fn cut(&mut self) {
        let capacity = self.capacity();
        let mut from = 0;
        while self.body.len() - from > capacity {
            let to = from + capacity;
            self.put_packet(from, to, false);
            from = to;
        }
        self.body.drain(..from);
    }

    /// Cuts everything there is, though the message goes on: a client is to see it now.
    pub(super) fn cut_all(&mut self) {
        self.cut();
        if !self.body.is_empty() {
            self.put_packet(0, self.body.len(), false);
            self.body.clear();
        }
    }

    /// Ends the message.
    pub(super) fn end_message(&mut self) {
        self.cut();
        self.put_packet(0, self.body.len(), true);
        self.body.clear();
        self.next_packet = 1;
    }

    /// How many bytes wait to be sent.
    pub(super) const fn waiting(&self) -> usize {
        self.ready.len() - self.sent
    }

    pub(super) const fn is_flushed(&self) -> bool {
        self.is_flushed
    }

    /// Sends what was cut.
    ///
    /// Cancel safe: what was not sent stays in the writer.
    pub(super) async fn flush(&mut self) -> io::Result<()> {
        while self.sent < self.ready.len() {
            let count = self.stream.write(&self.ready[self.sent..]).await?;
            if count == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
            self.sent += count;
        }
        self.ready.clear();
        self.sent = 0;
        self.stream.flush().await?;
        self.is_flushed = true;
        Ok(())
    }

    fn capacity(&self) -> usize {
        usize::from(self.packet_size) - HEADER_LENGTH
    }

    fn put_packet(&mut self, from: usize, to: usize, is_last: bool) {
        let length = u16::try_from(HEADER_LENGTH + to - from).unwrap_or(self.packet_size);
        self.ready
            .extend_from_slice(&header(self.kind, is_last, length, self.next_packet));
        self.ready.extend_from_slice(&self.body[from..to]);
        self.next_packet = self.next_packet.wrapping_add(1);
        self.is_flushed = false;
    }
}

#[cfg(test)]
mod tests;
