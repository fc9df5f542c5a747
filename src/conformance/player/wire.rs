use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// How soon it is seen that the check is over.
const GLANCE: Duration = Duration::from_millis(50);

/// After how many bytes a connection ends. The default is: not at all.
#[derive(Clone, Copy, Debug)]
pub(in crate::conformance) struct Cut {
    /// Of what the server sends, as it is on the wire.
    pub(in crate::conformance) to_client: usize,
    /// Of what the client sends, as it is on the wire.
    pub(in crate::conformance) to_server: usize,
    /// Of what the server sends, before it is encrypted.
    pub(in crate::conformance) answer: usize,
}

impl Default for Cut {
    fn default() -> Self {
        Self {
            to_client: usize::MAX,
            to_server: usize::MAX,
            answer: usize::MAX,
        }
    }
}

/// A connection that ends when it should, and whose waits end with the check.
#[derive(Debug)]
pub(super) struct Wire {
    stream: TcpStream,
    is_over: Arc<AtomicBool>,
    left: Cut,
}

impl Wire {
    pub(super) fn new(stream: TcpStream, is_over: Arc<AtomicBool>, left: Cut) -> io::Result<Self> {
        stream.set_nonblocking(false)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(GLANCE))?;
        stream.set_write_timeout(Some(GLANCE))?;
        Ok(Self {
            stream,
            is_over,
            left,
        })
    }

    /// Tries until it works, the connection fails or the check is over.
    fn patiently(
        &mut self,
        mut attempt: impl FnMut(&mut TcpStream) -> io::Result<usize>,
    ) -> io::Result<usize> {
        loop {
            match attempt(&mut self.stream) {
                Err(error)
                    if matches!(
                        error.kind(),
                        io::ErrorKind::WouldBlock
                            | io::ErrorKind::TimedOut
                            | io::ErrorKind::Interrupted
                    ) =>
                {
                    if self.is_over.load(Ordering::Relaxed) {
                        return Err(io::Error::other("the check is over"));
                    }
                }
                other => return other,
            }
        }
    }

    /// Waits, but not beyond the check.
    pub(super) fn pause(&self, duration: Duration) -> io::Result<()> {
        let mut left = duration;
        while !left.is_zero() {
            if self.is_over.load(Ordering::Relaxed) {
                return Err(io::Error::other("the check is over"));
            }
            let step = left.min(GLANCE);
            std::thread::sleep(step);
            left -= step;
        }
        Ok(())
    }
}

impl Read for Wire {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = buffer.len().min(self.left.to_server);
        if most == 0 {
            return Err(io::Error::other("the connection is cut here"));
        }
        let read = self.patiently(|stream| stream.read(&mut buffer[..most]))?;
        if self.left.to_server != usize::MAX {
            self.left.to_server -= read;
        }
        Ok(read)
    }
}

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let most = bytes.len().min(self.left.to_client);
        if most == 0 && !bytes.is_empty() {
            return Err(io::Error::other("the connection is cut here"));
        }
        let written = self.patiently(|stream| stream.write(&bytes[..most]))?;
        if self.left.to_client != usize::MAX {
            self.left.to_client -= written;
        }
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
