//! Doors for the fuzz targets, and what must hold behind them whatever comes in.
//!
//! A target gives bytes; what is read wrongly panics here, which is what a fuzzer looks for.

use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};

use crate::simulator::engine::Request;
use crate::simulator::tds::column::put_type;
use crate::simulator::tds::connection::{Endpoint, converse};
use crate::simulator::tds::cursor::Cursor;
use crate::simulator::tds::handshake::HandshakeStream;
use crate::simulator::tds::login::Login;
use crate::simulator::tds::packet::{HEADER_LENGTH, Message, MessageReader, Reset, header};
use crate::simulator::tds::prelogin::Prelogin;
use crate::simulator::tds::prepared::PreparedStatements;
use crate::simulator::tds::request::ClientRequest;
use crate::simulator::tds::secure::open_as;
use crate::simulator::tds::value::put_value;
use crate::simulator::tds::version::TdsVersion;
use crate::simulator::tds::{parameter, request};
use crate::simulator::tls::Certificates;
use crate::simulator::wire_type::WireType;
use crate::simulator::{SimulatedInstance, TlsMode, Version};
use crate::transport::SqlValue;

const MODES: [TlsMode; 4] = [TlsMode::Off, TlsMode::Login, TlsMode::Full, TlsMode::Strict];

/// What a request was read as: enough for a target to tell one from another.
#[derive(Debug)]
#[non_exhaustive]
pub enum Seen {
    /// It was refused.
    Nothing,
    /// The last procedure that is called, and how many parameters it has.
    Call(String, usize),
    /// Anything else.
    Other,
}

/// Reads a message of any type, as the connection would, in any of its states.
///
/// # Panics
/// If what is read is not what was written.
pub fn read_message(kind: u8, body: &[u8]) -> Seen {
    read_prelogin(body);
    for tls_first in [false, true] {
        if let Ok(login) = Login::read(body, tls_first) {
            assert!((512..=32_767).contains(&login.packet_size));
        }
    }
    let message = Message {
        kind,
        body: body.to_vec(),
        reset: Reset::No,
    };
    let Ok(ClientRequest::Run(run)) = request::read(&message, TdsVersion::V7_4) else {
        return Seen::Nothing;
    };
    let mut seen = Seen::Other;
    for request in run.requests {
        if let Request::Rpc {
            procedure,
            parameters,
        } = &request
        {
            for parameter in parameters {
                if let Some(value) = &parameter.value {
                    write_and_read(parameter.kind, value);
                }
            }
            seen = Seen::Call(procedure.clone(), parameters.len());
        }
        let mut prepared = PreparedStatements::default();
        let _ = prepared.resolve(request.clone());
        let _ = prepared.resolve(request);
    }
    seen
}

/// Reads one parameter's type and value.
///
/// # Panics
/// If what is read is not what was written.
pub fn read_parameter(bytes: &[u8]) {
    if let Ok((kind, value)) = parameter::read(&mut Cursor::new(bytes)) {
        write_and_read(kind, &value);
    }
}

/// A value that a server can write in this type is read back as it was.
fn write_and_read(kind: WireType, value: &SqlValue) {
    for nullable in [true, false] {
        let mut bytes = Vec::new();
        put_type(&mut bytes, kind, nullable);
        if put_value(&mut bytes, kind, nullable, value).is_err() {
            continue;
        }
        let mut cursor = Cursor::new(&bytes);
        let again = parameter::read(&mut cursor).expect("what was written can be read");
        assert!(cursor.is_at_end(), "{kind:?} {value:?}: more was written");
        let is_same = match (&again.1, value) {
            (SqlValue::Float(one), SqlValue::Float(other)) if one.is_nan() => other.is_nan(),
            (one, other) => one == other,
        };
        assert!(
            is_same && again.0 == kind,
            "{again:?} was {kind:?} {value:?}"
        );
    }
}

fn read_prelogin(body: &[u8]) {
    let Ok(prelogin) = Prelogin::read(body) else {
        return;
    };
    for mode in MODES {
        let (_, encryption) = prelogin.agree(mode);
        let answer = prelogin.answer(Version::Sql2022, r"SQL01\ORCH", encryption);
        assert!(answer.len() < 100, "an answer is small");
        Prelogin::read(&answer).expect("an answer can be read");
    }
}

/// Puts messages together from a stream that comes whole, and from one that comes in pieces.
///
/// # Panics
/// If the pieces make a difference.
pub fn read_packets(bytes: &[u8], piece: usize) {
    let whole = messages(Pieces(bytes, usize::MAX));
    let pieces = messages(Pieces(bytes, piece.max(1)));
    assert_eq!(whole.0, pieces.0, "pieces make other messages");
    assert_eq!(whole.1, pieces.1, "pieces end otherwise");
    let body: usize = whole.0.iter().map(|message| message.body.len()).sum();
    assert!(
        body <= bytes.len(),
        "messages are larger than their packets"
    );

    let stream = HandshakeStream::new(Pieces(bytes, piece.max(1)), false);
    let mut unwrapped = Vec::new();
    let _ = ready(pin!({ stream }).read_to_end(&mut unwrapped));
    assert!(unwrapped.len() <= bytes.len());
}

fn messages(stream: Pieces<'_>) -> (Vec<Message>, Option<String>) {
    let mut reader = MessageReader::new(stream);
    let mut messages = Vec::new();
    loop {
        match ready(reader.next()) {
            Ok(Some(message)) => messages.push(message),
            Ok(None) => return (messages, None),
            Err(error) => return (messages, Some(error.to_string())),
        }
    }
}

/// The result of what never waits.
fn ready<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("a stream that is always ready was waited for"),
    }
}

/// Bytes that come a few at a time.
struct Pieces<'a>(&'a [u8], usize);

impl AsyncRead for Pieces<'_> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let count = self.1.min(buffer.remaining()).min(self.0.len());
        let (now, rest) = self.0.split_at(count);
        buffer.put_slice(now);
        self.0 = rest;
        Poll::Ready(Ok(()))
    }
}

/// Cuts a message into packets, each with a header that is right.
#[must_use]
pub fn packets(kind: u8, status: u8, body: &[u8], packet_size: usize) -> Vec<u8> {
    let size = packet_size.clamp(1, 32_000);
    let mut out = Vec::new();
    let mut rest = body;
    loop {
        let (now, later) = rest.split_at(size.min(rest.len()));
        let length = u16::try_from(HEADER_LENGTH + now.len()).unwrap_or(u16::MAX);
        let mut header = header(kind, later.is_empty(), length, 1);
        header[1] |= status;
        out.extend_from_slice(&header);
        out.extend_from_slice(now);
        if later.is_empty() {
            return out;
        }
        rest = later;
    }
}

/// A server to talk with, in memory.
#[derive(Debug)]
pub struct Server {
    endpoints: Vec<Endpoint>,
}

impl Server {
    /// The server of this instance, in every mode of encryption.
    ///
    /// # Panics
    /// If no certificate can be made.
    #[must_use]
    pub fn new(instance: &SimulatedInstance) -> Self {
        let certificates = Certificates::make(instance.name()).expect("a certificate");
        let endpoint = |mode| Endpoint {
            instance: Arc::clone(&instance.inner),
            mode,
            sign_in_deadline: Duration::MAX,
            tls: (mode != TlsMode::Off).then(|| certificates.tls.clone()),
            route: None,
            bug: None,
        };
        Self {
            endpoints: MODES.into_iter().map(endpoint).collect(),
        }
    }

    /// A whole conversation: each chunk is sent when the server waits for more, and the client
    /// leaves after the last. Gives how many bytes the server answered.
    ///
    /// # Panics
    /// If an answer is not made of packets.
    pub async fn converse(&self, mode: usize, mut chunks: VecDeque<Vec<u8>>) -> usize {
        let endpoint = &self.endpoints[mode % self.endpoints.len()];
        let client = Client::default();
        let Some(&first) = chunks.front().and_then(|chunk| chunk.first()) else {
            return 0;
        };
        {
            let serve = async {
                if let Ok(Some(opened)) = open_as(endpoint, first, client.clone()).await {
                    let _ = converse(endpoint, opened, None).await;
                }
            };
            let mut serve = pin!(serve);
            poll_fn(|context| {
                let polled = serve.as_mut().poll(context);
                if polled.is_pending() && client.is_waiting() {
                    match chunks.pop_front() {
                        Some(chunk) => client.send(&chunk),
                        None => client.leave(),
                    }
                }
                polled
            })
            .await;
        }
        let written = std::mem::take(&mut client.state().written);
        if endpoint.mode == TlsMode::Off {
            check_packets(&written);
        }
        written.len()
    }
}

/// Everything a server sends is whole packets of replies.
fn check_packets(mut bytes: &[u8]) {
    while !bytes.is_empty() {
        let [kind, status, high, low, ..] = bytes[..HEADER_LENGTH] else {
            unreachable!("eight bytes are more than four");
        };
        let length = usize::from(u16::from_be_bytes([high, low]));
        assert_eq!(kind, 4, "a packet of another type");
        assert!(status <= 1, "a packet of status {status}");
        assert!(length >= HEADER_LENGTH, "a packet without its header");
        bytes = &bytes[length..];
    }
}

/// The client's end of a connection in memory.
#[derive(Clone, Debug, Default)]
struct Client(Arc<Mutex<ClientState>>);

#[derive(Debug, Default)]
struct ClientState {
    sent: VecDeque<u8>,
    has_left: bool,
    waker: Option<Waker>,
    written: Vec<u8>,
}

/// More than this is not waited for: the client leaves.
const MOST_WRITTEN: usize = 1 << 20;

impl Client {
    fn state(&self) -> MutexGuard<'_, ClientState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the server looked for more and there was none.
    fn is_waiting(&self) -> bool {
        let state = self.state();
        state.sent.is_empty() && !state.has_left
    }

    fn send(&self, bytes: &[u8]) {
        let mut state = self.state();
        state.sent.extend(bytes);
        if let Some(waker) = state.waker.take() {
            waker.wake();
        }
    }

    fn leave(&self) {
        let mut state = self.state();
        state.has_left = true;
        if let Some(waker) = state.waker.take() {
            waker.wake();
        }
    }
}

impl AsyncRead for Client {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut state = self.state();
        if state.sent.is_empty() && !state.has_left {
            state.waker = Some(context.waker().clone());
            return Poll::Pending;
        }
        let count = buffer.remaining().min(state.sent.len());
        let bytes: Vec<u8> = state.sent.drain(..count).collect();
        buffer.put_slice(&bytes);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Client {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let mut state = self.state();
        if state.written.len() > MOST_WRITTEN {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        state.written.extend_from_slice(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
