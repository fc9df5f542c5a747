use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// How much a server may send of which nothing can be handed on. Drivers keep a row whole, so this
/// is the longest row, too; nothing that we read comes near it.
pub(super) const LONGEST: u64 = 16 * 1024 * 1024;
/// How much is read before others get their turn. A driver in a stream without end would otherwise
/// keep its thread, and no deadline would ever be seen to pass.
const TURN: usize = 32 * 1024;

/// What was taken in since something was last handed on.
#[derive(Clone, Debug, Default)]
pub(super) struct Meter(Arc<AtomicU64>);

impl Meter {
    /// Something was handed on.
    pub(super) fn reset(&self) {
        self.0.store(0, Ordering::Relaxed);
    }
}

/// A connection whose peer can neither fill the memory nor keep the thread.
#[derive(Debug)]
pub(super) struct Guarded {
    stream: TcpStream,
    meter: Meter,
    turn: usize,
}

impl Guarded {
    pub(super) const fn new(stream: TcpStream, meter: Meter) -> Self {
        Self {
            stream,
            meter,
            turn: 0,
        }
    }
}

impl AsyncRead for Guarded {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.turn >= TURN {
            self.turn = 0;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(cx, buffer);
        if polled.is_pending() {
            self.turn = 0;
            return Poll::Pending;
        }
        let read = buffer.filled().len() - before;
        self.turn += read;
        let read = u64::try_from(read).unwrap_or(u64::MAX);
        let taken = self.meter.0.fetch_add(read, Ordering::Relaxed);
        if taken.saturating_add(read) > LONGEST {
            let problem =
                format!("the server sent more than {LONGEST} bytes without an end of a row");
            return Poll::Ready(Err(io::Error::other(problem)));
        }
        polled
    }
}

impl AsyncWrite for Guarded {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
