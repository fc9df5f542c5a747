use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::connection::Player;
use super::wire::Cut;

/// What a played server saw of its clients.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::conformance) struct Seen {
    pub(in crate::conformance) connections: u32,
    pub(in crate::conformance) handshakes: u32,
    pub(in crate::conformance) logins: u32,
    /// Logins that came without TLS, so that anybody on the way could read the password.
    pub(in crate::conformance) clear_logins: u32,
    pub(in crate::conformance) batches: u32,
    pub(in crate::conformance) attentions: u32,
    /// Connections that the client closed while nothing was sent.
    pub(in crate::conformance) ends: u32,
}

/// What a played server does with each connection. When it returns, the connection is closed.
pub(in crate::conformance) type Play = Arc<dyn Fn(&mut Player) -> io::Result<()> + Send + Sync>;

/// A played server that runs. Dropping it ends it.
pub(in crate::conformance) struct Served {
    pub(in crate::conformance) address: SocketAddr,
    is_over: Arc<AtomicBool>,
    seen: Arc<Mutex<Seen>>,
}

impl Served {
    pub(in crate::conformance) fn start(play: Play, cut: Cut) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let is_over = Arc::new(AtomicBool::new(false));
        let seen = Arc::new(Mutex::new(Seen::default()));
        let (over, noted) = (Arc::clone(&is_over), Arc::clone(&seen));
        std::thread::Builder::new()
            .name("played server".to_owned())
            .spawn(move || accept(&listener, &play, &over, &noted, cut))?;
        Ok(Self {
            address,
            is_over,
            seen,
        })
    }

    pub(in crate::conformance) fn seen(&self) -> Seen {
        self.seen
            .lock()
            .map_or_else(|broken| *broken.into_inner(), |seen| *seen)
    }

    /// Waits until what was seen is as wanted; whether it came to be.
    pub(in crate::conformance) async fn wait_until(
        &self,
        limit: Duration,
        wanted: impl Fn(&Seen) -> bool + Send,
    ) -> bool {
        let begun = Instant::now();
        while !wanted(&self.seen()) {
            if begun.elapsed() > limit {
                return false;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        true
    }
}

fn accept(
    listener: &TcpListener,
    play: &Play,
    is_over: &Arc<AtomicBool>,
    seen: &Arc<Mutex<Seen>>,
    cut: Cut,
) {
    for stream in listener.incoming() {
        if is_over.load(Ordering::Relaxed) {
            return;
        }
        let Ok(stream) = stream else { continue };
        if let Ok(mut seen) = seen.lock() {
            seen.connections += 1;
        }
        // An error is the client's end of it, or the check's.
        if let Ok(mut player) = Player::new(stream, Arc::clone(is_over), Arc::clone(seen), cut) {
            let _ = play(&mut player);
        }
    }
}

impl fmt::Debug for Served {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Served")
            .field("address", &self.address)
            .field("seen", &self.seen())
            .finish_non_exhaustive()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        // Wakes the thread that waits for the next connection.
        let _ = TcpStream::connect_timeout(&self.address, Duration::from_millis(200));
    }
}
