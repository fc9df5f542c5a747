//! Packets: messages put together from them and cut into them.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// Types of packets.
pub(super) const SQL_BATCH: u8 = 0x01;
pub(super) const RPC: u8 = 0x03;
pub(super) const REPLY: u8 = 0x04;
pub(super) const ATTENTION: u8 = 0x06;
pub(super) const TRANSACTION_MANAGER: u8 = 0x0E;
pub(super) const LOGIN7: u8 = 0x10;
pub(super) const PRELOGIN: u8 = 0x12;

pub(super) const HEADER_LENGTH: usize = 8;
/// The size of packets until a login agrees on another one.
pub(super) const INITIAL_PACKET_SIZE: u16 = 4096;

const END_OF_MESSAGE: u8 = 0x01;
/// Set with the last packet of a request that its client gave up while it was sending.
const IGNORE_MESSAGE: u8 = 0x02;

/// No request of a client is nearly as large; what claims to be is not kept in memory.
const LARGEST_MESSAGE: usize = 64 * 1024 * 1024;

/// The header of a packet.
pub(super) fn header(kind: u8, is_last: bool, length: u16, packet: u8) -> [u8; HEADER_LENGTH] {
    let [high, low] = length.to_be_bytes();
    [kind, u8::from(is_last), high, low, 0, 0, packet, 0]
}

/// A request, put together.
///
/// The bit that asks to reset the session first is accepted and changes nothing: pools of
/// connections set it with the first request of each new use.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Message {
    pub(super) kind: u8,
    pub(super) body: Vec<u8>,
}

/// Puts requests together from packets.
#[derive(Debug)]
pub(super) struct MessageReader<R> {
    stream: R,
    received: Vec<u8>,
    begun: Option<Message>,
}

impl<R: AsyncRead + Unpin> MessageReader<R> {
    pub(super) const fn new(stream: R) -> Self {
        Self {
            stream,
            received: Vec::new(),
            begun: None,
        }
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
            return Ok(Some(Message { kind, body }));
        }
        let message = match &mut self.begun {
            Some(message) if message.kind != kind => {
                return Err(invalid("a message has packets of two types"));
            }
            Some(message) => {
                message.body.extend_from_slice(&body);
                message
            }
            begun @ None => begun.insert(Message { kind, body }),
        };
        if message.body.len() > LARGEST_MESSAGE {
            return Err(invalid("a message is larger than 64 MiB"));
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
mod tests {
    use super::*;

    fn packet(kind: u8, status: u8, body: &[u8]) -> Vec<u8> {
        let length = u16::try_from(body.len() + HEADER_LENGTH).unwrap();
        let mut bytes = header(kind, false, length, 1).to_vec();
        bytes[1] = status;
        bytes.extend_from_slice(body);
        bytes
    }

    async fn read_all(bytes: &[u8]) -> io::Result<Vec<Message>> {
        let mut reader = MessageReader::new(bytes);
        let mut messages = Vec::new();
        while let Some(message) = reader.next().await? {
            messages.push(message);
        }
        Ok(messages)
    }

    fn message(kind: u8, body: &[u8]) -> Message {
        Message {
            kind,
            body: body.to_vec(),
        }
    }

    #[tokio::test]
    async fn messages_are_put_together_whatever_pieces_they_come_in() {
        let bytes = [
            packet(SQL_BATCH, 0, b"abc"),
            packet(SQL_BATCH, 0x09, b"de"),
            packet(RPC, 1, b"f"),
        ]
        .concat();
        let (client, server) = tokio::io::duplex(1);
        let mut reader = MessageReader::new(server);
        let send = async move {
            let mut client = client;
            client.write_all(&bytes).await.unwrap();
        };
        let receive = async {
            assert_eq!(
                reader.next().await.unwrap(),
                Some(message(SQL_BATCH, b"abcde"))
            );
            assert_eq!(reader.next().await.unwrap(), Some(message(RPC, b"f")));
            assert_eq!(reader.next().await.unwrap(), None);
        };
        tokio::join!(send, receive);
    }

    #[tokio::test]
    async fn what_was_given_up_is_not_a_message() {
        let bytes = [
            packet(SQL_BATCH, 0, b"abc"),
            packet(SQL_BATCH, 3, b""),
            packet(SQL_BATCH, 0, b"abc"),
            packet(ATTENTION, 1, b""),
            packet(SQL_BATCH, 1, b"x"),
        ]
        .concat();
        assert_eq!(
            read_all(&bytes).await.unwrap(),
            [message(ATTENTION, b""), message(SQL_BATCH, b"x")]
        );
    }

    #[tokio::test]
    async fn nonsense_is_refused() {
        for bad in [
            header(SQL_BATCH, true, 7, 1).to_vec(),
            [packet(SQL_BATCH, 0, b"a"), packet(RPC, 1, b"b")].concat(),
            packet(SQL_BATCH, 0, &[0; 60_000]).repeat(1200),
        ] {
            let error = read_all(&bad).await.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        }
    }

    #[tokio::test]
    async fn replies_are_cut_by_the_packet_size() {
        let mut writer = MessageWriter::new(Vec::new(), REPLY);
        writer.set_packet_size(12);
        writer.body().extend_from_slice(b"abcdefgh");
        writer.cut();
        writer.body().extend_from_slice(b"i");
        writer.end_message();
        writer.flush().await.unwrap();
        let expected = [
            &[4, 0, 0, 12, 0, 0, 1, 0][..],
            b"abcd",
            &[4, 0, 0, 12, 0, 0, 2, 0],
            b"efgh",
            &[4, 1, 0, 9, 0, 0, 3, 0],
            b"i",
        ]
        .concat();
        assert_eq!(writer.into_stream(), expected);
    }

    #[tokio::test]
    async fn a_part_of_a_reply_can_be_sent_ahead() {
        let mut writer = MessageWriter::new(Vec::new(), REPLY);
        writer.body().extend_from_slice(b"abc");
        writer.cut_all();
        writer.flush().await.unwrap();
        assert_eq!(writer.waiting(), 0);
        writer.body().extend_from_slice(b"d");
        writer.end_message();
        writer.body().extend_from_slice(b"e");
        writer.end_message();
        writer.flush().await.unwrap();
        let expected = [
            packet(REPLY, 0, b"abc"),
            [&[4, 1, 0, 9, 0, 0, 2, 0][..], b"d"].concat(),
            packet(REPLY, 1, b"e"),
        ]
        .concat();
        assert_eq!(writer.into_stream(), expected);
    }
}
