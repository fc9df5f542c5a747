use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::conformance::check::{Outcome, miss};
use crate::names::WebUrl;

/// A web server of this machine that answers every request alike, and keeps what it was asked.
#[derive(Debug)]
pub(super) struct WebServer {
    address: SocketAddr,
    requests: Arc<Mutex<Vec<String>>>,
    is_over: Arc<AtomicBool>,
}

impl WebServer {
    /// One that answers with these bytes and closes the connection.
    pub(super) fn answering(bytes: impl Into<Vec<u8>>) -> Outcome<Self> {
        let failed = |error: std::io::Error| miss("a web server of the suite's", error.to_string());
        let listener = TcpListener::bind("127.0.0.1:0").map_err(failed)?;
        let this = Self {
            address: listener.local_addr().map_err(failed)?,
            requests: Arc::default(),
            is_over: Arc::default(),
        };
        let (requests, is_over) = (Arc::clone(&this.requests), Arc::clone(&this.is_over));
        let bytes = bytes.into();
        let serve = move || {
            for stream in listener.incoming() {
                if is_over.load(Ordering::Relaxed) {
                    return;
                }
                // Whoever goes away early is judged by what the port says of it.
                if let Ok(stream) = stream {
                    let _ = answer(stream, &bytes, &requests);
                }
            }
        };
        let thread = std::thread::Builder::new().name("web server of a check".to_owned());
        thread.spawn(serve).map_err(failed)?;
        Ok(this)
    }

    /// An address there.
    pub(super) fn url(&self, path: &str) -> Outcome<WebUrl> {
        let url = format!("http://127.0.0.1:{}{path}", self.address.port());
        url.parse()
            .map_err(|error: crate::names::NameError| miss("an address", error.to_string()))
    }

    /// The heads of the requests, one by one.
    pub(super) fn requests(&self) -> Vec<String> {
        let requests = self.requests.lock();
        requests.unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for WebServer {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        // Wakes the thread, which looks and ends.
        let _ = TcpStream::connect(self.address);
    }
}

fn answer(
    mut stream: TcpStream,
    bytes: &[u8],
    requests: &Mutex<Vec<String>>,
) -> std::io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        if stream.read(&mut byte)? == 0 {
            return Ok(());
        }
        head.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    requests
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .push(head);
    stream.write_all(bytes)
}
