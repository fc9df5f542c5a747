//! TLS inside PRELOGIN packets: how a handshake travels before TDS 8.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::simulator::tds::packet::{HEADER_LENGTH, INITIAL_PACKET_SIZE, PRELOGIN, header};

/// The header of a TLS record: its type, a version and its length.
pub(super) const RECORD_HEADER_LENGTH: usize = 5;

/// A stream whose bytes travel in PRELOGIN packets until the handshake is over, and bare after.
///
/// Each flight of the handshake is one message, sent when TLS flushes: some clients (tedious,
/// Microsoft's ODBC driver) wait for ever, or give up, when it comes as one message per record,
/// which [`WireBug::TlsRecordPerPacket`](crate::simulator::WireBug) plants.
#[derive(Debug)]
pub(super) struct HandshakeStream<S> {
    inner: S,
    is_over: bool,
    splits_flights: bool,
    header: [u8; HEADER_LENGTH],
    header_read: usize,
    body_left: usize,
    flight: Vec<u8>,
    ready: Vec<u8>,
    sent: usize,
}

impl<S> HandshakeStream<S> {
    pub(super) const fn new(inner: S, splits_flights: bool) -> Self {
        Self {
            inner,
            is_over: false,
            splits_flights,
            header: [0; HEADER_LENGTH],
            header_read: 0,
            body_left: 0,
            flight: Vec::new(),
            ready: Vec::new(),
            sent: 0,
        }
    }

    /// From now on bytes travel bare. To be called when all was flushed.
    pub(super) const fn end_handshake(&mut self) {
        self.is_over = true;
    }

    /// The stream under it, for what travels bare.
    pub(super) const fn inner_mut(&mut self) -> &mut S {
        &mut self.inner
    }

    fn cut_flight(&mut self) {
        let flight = std::mem::take(&mut self.flight);
        let mut rest = flight.as_slice();
        while !rest.is_empty() {
            let header = rest.first_chunk().filter(|_| self.splits_flights);
            let end = header.map_or(rest.len(), |header| record_length(*header).min(rest.len()));
            let (message, after) = rest.split_at(end);
            self.cut_message(message);
            rest = after;
        }
    }

    fn cut_message(&mut self, message: &[u8]) {
        let mut chunks = message
            .chunks(usize::from(INITIAL_PACKET_SIZE) - HEADER_LENGTH)
            .zip(1..)
            .peekable();
        while let Some((chunk, packet)) = chunks.next() {
            let length = u16::try_from(HEADER_LENGTH + chunk.len()).unwrap_or(INITIAL_PACKET_SIZE);
            let is_last = chunks.peek().is_none();
            self.ready
                .extend_from_slice(&header(PRELOGIN, is_last, length, packet));
            self.ready.extend_from_slice(chunk);
        }
    }
}

/// How long the TLS record with that header is.
pub(super) const fn record_length(header: [u8; RECORD_HEADER_LENGTH]) -> usize {
    let [_, _, _, high, low] = header;
    RECORD_HEADER_LENGTH + u16::from_be_bytes([high, low]) as usize
}

impl<S: AsyncRead + Unpin> HandshakeStream<S> {
    /// Reads on until the inside of a packet; `false` at the end of the stream.
    fn poll_body(&mut self, context: &mut Context<'_>) -> Poll<io::Result<bool>> {
        while self.body_left == 0 {
            let mut rest = ReadBuf::new(&mut self.header[self.header_read..]);
            ready!(Pin::new(&mut self.inner).poll_read(context, &mut rest))?;
            let count = rest.filled().len();
            if count == 0 {
                return Poll::Ready(Ok(false));
            }
            self.header_read += count;
            if self.header_read < HEADER_LENGTH {
                continue;
            }
            self.header_read = 0;
            let [kind, _, high, low, ..] = self.header;
            let length = usize::from(u16::from_be_bytes([high, low]));
            let body = length.checked_sub(HEADER_LENGTH);
            let Some(body) = body.filter(|_| kind == PRELOGIN) else {
                return Poll::Ready(Err(io::Error::new(
                    io::ErrorKind::InvalidData,
                    "the client did not go on with the TLS handshake",
                )));
            };
            self.body_left = body;
        }
        Poll::Ready(Ok(true))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for HandshakeStream<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.is_over {
            return Pin::new(&mut this.inner).poll_read(context, buffer);
        }
        if !ready!(this.poll_body(context))? {
            return Poll::Ready(Ok(()));
        }
        // Not a byte further than the packet: what follows it may not be wrapped any more.
        let mut bounded = vec![0; buffer.remaining().min(this.body_left)];
        let mut bounded = ReadBuf::new(&mut bounded);
        ready!(Pin::new(&mut this.inner).poll_read(context, &mut bounded))?;
        this.body_left -= bounded.filled().len();
        buffer.put_slice(bounded.filled());
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for HandshakeStream<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if this.is_over {
            return Pin::new(&mut this.inner).poll_write(context, bytes);
        }
        this.flight.extend_from_slice(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.cut_flight();
        while this.sent < this.ready.len() {
            let rest = &this.ready[this.sent..];
            let count = ready!(Pin::new(&mut this.inner).poll_write(context, rest))?;
            if count == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            this.sent += count;
        }
        this.ready.clear();
        this.sent = 0;
        Pin::new(&mut this.inner).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    #[tokio::test]
    async fn a_flight_is_one_message_and_what_follows_is_bare() {
        let (mut client, server) = duplex(64 * 1024);
        let mut server = HandshakeStream::new(server, false);
        server.write_all(b"ab").await.unwrap();
        server.write_all(b"c").await.unwrap();
        server.flush().await.unwrap();
        server.write_all(&[7; 5000]).await.unwrap();
        server.flush().await.unwrap();
        server.end_handshake();
        server.write_all(b"bare").await.unwrap();
        server.shutdown().await.unwrap();
        let mut bytes = Vec::new();
        client.read_to_end(&mut bytes).await.unwrap();
        let expected = [
            &[0x12, 1, 0, 11, 0, 0, 1, 0][..],
            b"abc",
            &[0x12, 0, 0x10, 0, 0, 0, 1, 0],
            &[7; 4088],
            &[0x12, 1, 0x03, 0x98, 0, 0, 2, 0],
            &[7; 912],
            b"bare",
        ]
        .concat();
        assert_eq!(bytes, expected);
    }

    #[tokio::test]
    async fn flights_are_split_into_records_where_that_is_planted() {
        let (mut client, server) = duplex(1024);
        let mut server = HandshakeStream::new(server, true);
        let records = [&[0x16, 3, 3, 0, 2, 1, 2][..], &[0x14, 3, 3, 0, 1, 1]].concat();
        server.write_all(&records).await.unwrap();
        server.flush().await.unwrap();
        drop(server);
        let mut bytes = Vec::new();
        client.read_to_end(&mut bytes).await.unwrap();
        let expected = [
            &[0x12, 1, 0, 15, 0, 0, 1, 0, 0x16, 3, 3, 0, 2, 1, 2][..],
            &[0x12, 1, 0, 14, 0, 0, 1, 0, 0x14, 3, 3, 0, 1, 1],
        ];
        assert_eq!(bytes, expected.concat());
    }

    #[tokio::test]
    async fn headers_are_taken_off_and_nothing_is_read_ahead() {
        let (mut client, server) = duplex(3);
        let mut server = HandshakeStream::new(server, false);
        let send = async move {
            let bytes = [
                &[0x12, 0, 0, 10, 0, 0, 1, 0][..],
                b"ab",
                &[0x12, 1, 0, 9, 0, 0, 2, 0],
                b"cbare",
            ];
            client.write_all(&bytes.concat()).await.unwrap();
        };
        let receive = async {
            let mut wrapped = [0; 3];
            server.read_exact(&mut wrapped).await.unwrap();
            assert_eq!(&wrapped, b"abc");
            server.end_handshake();
            let mut rest = String::new();
            server.read_to_string(&mut rest).await.unwrap();
            assert_eq!(rest, "bare");
        };
        tokio::join!(send, receive);
    }

    #[tokio::test]
    async fn other_packets_end_the_handshake() {
        let bytes: &[u8] = &[0x10, 1, 0, 9, 0, 0, 1, 0, 7];
        let mut stream = HandshakeStream::new(bytes, false);
        assert!(stream.read_u8().await.is_err());
    }
}
