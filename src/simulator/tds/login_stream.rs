//! Encryption of the sign-in alone.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::server::TlsStream;

use crate::simulator::tds::handshake::{HandshakeStream, RECORD_HEADER_LENGTH, record_length};

/// The types of TLS records. No packet of a TDS client has one of these.
const RECORD_TYPES: std::ops::RangeInclusive<u8> = 0x14..=0x17;

/// A conversation whose sign-in is encrypted and whose rest is not.
///
/// By MS-TDS only the first packet of LOGIN7 must be encrypted, and clients differ in whether the
/// others are. So the first bytes that are no TLS record end the encryption, whenever they come.
/// What the server says is never encrypted.
#[derive(Debug)]
pub(super) struct LoginStream<S> {
    tls: TlsStream<HandshakeStream<RecordGate<S>>>,
    is_plain: bool,
}

impl<S> LoginStream<S> {
    /// Takes a stream whose handshake is over.
    pub(super) fn new(mut tls: TlsStream<HandshakeStream<RecordGate<S>>>) -> Self {
        tls.get_mut().0.inner_mut().watches = true;
        Self {
            tls,
            is_plain: false,
        }
    }

    fn gate(&mut self) -> &mut RecordGate<S> {
        self.tls.get_mut().0.inner_mut()
    }

    fn bare(&mut self) -> Pin<&mut S>
    where
        S: Unpin,
    {
        Pin::new(&mut self.gate().inner)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for LoginStream<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if !this.is_plain {
            let before = buffer.filled().len();
            match ready!(Pin::new(&mut this.tls).poll_read(context, buffer)) {
                Ok(()) if buffer.filled().len() > before => return Poll::Ready(Ok(())),
                // The client ended the encryption properly, or left.
                Ok(()) => {}
                // For TLS, the gate's closing is an end without a farewell.
                Err(_) if this.gate().is_closed() => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
            this.is_plain = true;
        }
        if let Some(first) = this.gate().refused.take() {
            buffer.put_slice(&[first]);
            return Poll::Ready(Ok(()));
        }
        this.bare().poll_read(context, buffer)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for LoginStream<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.get_mut().bare().poll_write(context, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().bare().poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().bare().poll_shutdown(context)
    }
}

/// What TLS reads from: nothing beyond the record that it reads, and nothing that is no record.
#[derive(Debug)]
pub(super) struct RecordGate<S> {
    inner: S,
    /// Off during the handshake, whose records travel in packets.
    watches: bool,
    header: [u8; RECORD_HEADER_LENGTH],
    header_read: usize,
    header_given: usize,
    body_left: usize,
    /// The first byte of what is no record. The gate is closed from then on.
    refused: Option<u8>,
}

impl<S> RecordGate<S> {
    pub(super) const fn new(inner: S) -> Self {
        Self {
            inner,
            watches: false,
            header: [0; RECORD_HEADER_LENGTH],
            header_read: 0,
            header_given: 0,
            body_left: 0,
            refused: None,
        }
    }

    const fn is_closed(&self) -> bool {
        self.refused.is_some()
    }
}

impl<S: AsyncRead + Unpin> RecordGate<S> {
    /// Reads on until a header is there; `false` at the end of the stream or of the records.
    fn poll_header(&mut self, context: &mut Context<'_>) -> Poll<io::Result<bool>> {
        while self.header_read < RECORD_HEADER_LENGTH {
            // One byte first: more of what is no record is not for us.
            let wanted = if self.header_read == 0 {
                1
            } else {
                RECORD_HEADER_LENGTH
            };
            let mut rest = ReadBuf::new(&mut self.header[self.header_read..wanted]);
            ready!(Pin::new(&mut self.inner).poll_read(context, &mut rest))?;
            let count = rest.filled().len();
            if count == 0 {
                return Poll::Ready(Ok(false));
            }
            self.header_read += count;
            if !RECORD_TYPES.contains(&self.header[0]) {
                self.refused = Some(self.header[0]);
                return Poll::Ready(Ok(false));
            }
        }
        Poll::Ready(Ok(true))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for RecordGate<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if !this.watches {
            return Pin::new(&mut this.inner).poll_read(context, buffer);
        }
        if this.is_closed() {
            return Poll::Ready(Ok(()));
        }
        if this.body_left == 0 {
            if !ready!(this.poll_header(context))? {
                return Poll::Ready(Ok(()));
            }
            let header = &this.header[this.header_given..];
            let count = header.len().min(buffer.remaining());
            buffer.put_slice(&header[..count]);
            this.header_given += count;
            if this.header_given == RECORD_HEADER_LENGTH {
                this.body_left = record_length(this.header) - RECORD_HEADER_LENGTH;
                this.header_read = 0;
                this.header_given = 0;
            }
            return Poll::Ready(Ok(()));
        }
        let most = this.body_left.min(buffer.remaining());
        let mut bounded = ReadBuf::new(buffer.initialize_unfilled_to(most));
        ready!(Pin::new(&mut this.inner).poll_read(context, &mut bounded))?;
        let count = bounded.filled().len();
        this.body_left -= count;
        buffer.advance(count);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for RecordGate<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().inner).poll_write(context, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_flush(context)
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
    async fn the_gate_gives_records_and_nothing_else() {
        let records = [&[0x17, 3, 3, 0, 3, 1, 2, 3][..], &[0x15, 3, 3, 0, 0]].concat();
        for capacity in [1, 2, 64] {
            let (mut client, server) = duplex(capacity);
            let sent = [&records[..], b"\x01plain"].concat();
            let send = async move { client.write_all(&sent).await };
            let receive = async {
                let mut gate = RecordGate::new(server);
                gate.watches = true;
                let mut seen = Vec::new();
                gate.read_to_end(&mut seen).await.unwrap();
                assert_eq!(seen, records);
                assert_eq!(gate.refused, Some(1));
                let mut rest = String::new();
                gate.inner.read_to_string(&mut rest).await.unwrap();
                assert_eq!(rest, "plain");
            };
            let (sent, ()) = tokio::join!(send, receive);
            sent.unwrap();
        }
    }

    #[tokio::test]
    async fn no_record_is_read_beyond_its_end() {
        let mut gate = RecordGate::new(&[0x16, 3, 3, 0, 1, 9, 0x17, 3][..]);
        gate.watches = true;
        let mut whole = [0; 64];
        let mut at = 0;
        while at < 6 {
            at += gate.read(&mut whole[at..]).await.unwrap();
        }
        assert_eq!(whole[..at], [0x16, 3, 3, 0, 1, 9]);
        assert_eq!(gate.read(&mut whole).await.unwrap(), 0, "half a header");
    }
}
