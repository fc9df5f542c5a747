//! The first bytes of a connection: what both sides agree on, and TLS in its three places.

use std::fmt::Debug;
use std::io;

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::simulator::tds::connection::{Endpoint, invalid, malformed};
use crate::simulator::tds::handshake::HandshakeStream;
use crate::simulator::tds::login_stream::{LoginStream, RecordGate};
use crate::simulator::tds::packet::{LOGIN7, MessageReader, MessageWriter, PRELOGIN, REPLY};
use crate::simulator::tds::prelogin::{Agreement, Prelogin};
use crate::simulator::tls::{Tls, TlsMode};
use crate::simulator::{Version, WireBug};

/// What a TLS handshake begins with. No TDS message does.
const TLS_HANDSHAKE: u8 = 0x16;

/// What a conversation travels over, encrypted or not.
pub(super) trait Duplex: AsyncRead + AsyncWrite + Debug + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Debug + Send + Unpin> Duplex for S {}

/// A connection that is ready for a client to sign in.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) stream: Box<dyn Duplex>,
    /// TLS came first, as TDS 8.0 has it.
    pub(super) tls_first: bool,
}

impl Opened {
    fn after_prelogin(stream: impl Duplex + 'static) -> Self {
        Self {
            stream: Box::new(stream),
            tls_first: false,
        }
    }
}

/// Goes through PRELOGIN and, where it is agreed on, the TLS handshake; `None` when the client left
/// or can't be talked with.
///
/// The first byte tells TDS 8.0, where TLS comes first, from older versions, as MS-TDS has it.
pub(super) async fn open(endpoint: &Endpoint, stream: TcpStream) -> io::Result<Option<Opened>> {
    let mut first = [0];
    if stream.peek(&mut first).await? == 0 {
        return Ok(None);
    }
    open_as(endpoint, first[0], stream).await
}

/// The same, for a stream that is known to begin with `first`.
pub(super) async fn open_as<S: Duplex + 'static>(
    endpoint: &Endpoint,
    first: u8,
    stream: S,
) -> io::Result<Option<Opened>> {
    if first == TLS_HANDSHAKE {
        return open_strict(endpoint, stream).await;
    }
    if endpoint.mode == TlsMode::Strict {
        return Err(invalid("a client before TDS 8.0 is not talked with"));
    }
    // Old clients (jTDS) leave PRELOGIN out, and with it all encryption (community).
    if first == LOGIN7 {
        return match endpoint.mode {
            TlsMode::Full => Err(invalid("the client signs in without encryption")),
            _ => Ok(Some(Opened::after_prelogin(stream))),
        };
    }
    let Some((prelogin, stream)) = ask(stream).await? else {
        return Ok(None);
    };
    let (agreement, encryption) = prelogin.agree(endpoint.mode);
    let stream = answer(endpoint, stream, &prelogin, encryption).await?;
    match agreement {
        Agreement::Plain => Ok(Some(Opened::after_prelogin(stream))),
        Agreement::Encrypted => {
            let stream = handshake(endpoint, stream).await?;
            Ok(Some(Opened::after_prelogin(stream)))
        }
        Agreement::LoginEncrypted => {
            let stream = handshake(endpoint, RecordGate::new(stream)).await?;
            Ok(Some(Opened::after_prelogin(LoginStream::new(stream))))
        }
        Agreement::None => Err(io::Error::other(
            "one side insists on encryption, and the other one doesn't support it",
        )),
    }
}

/// TDS 8.0: TLS first, and PRELOGIN in it, whose word on encryption means nothing any more.
async fn open_strict<S: Duplex + 'static>(
    endpoint: &Endpoint,
    stream: S,
) -> io::Result<Option<Opened>> {
    /// Ignored by clients; what real servers put there is unconfirmed.
    const NOTHING_MORE: u8 = 2;
    let is_known =
        endpoint.mode == TlsMode::Strict || endpoint.instance.version >= Version::Sql2022;
    let tls = match &endpoint.tls {
        Some(tls) if is_known => tls,
        _ => return Err(invalid("TDS 8.0 is not spoken here")),
    };
    let stream = TlsAcceptor::from(tls.below.clone()).accept(stream).await?;
    let Some((prelogin, stream)) = ask(stream).await? else {
        return Ok(None);
    };
    let stream = answer(endpoint, stream, &prelogin, NOTHING_MORE).await?;
    Ok(Some(Opened {
        stream: Box::new(stream),
        tls_first: true,
    }))
}

/// The client's PRELOGIN; `None` when it left.
async fn ask<S: Duplex>(stream: S) -> io::Result<Option<(Prelogin, S)>> {
    let mut reader = MessageReader::new(stream);
    let Some(message) = reader.next().await? else {
        return Ok(None);
    };
    if message.kind != PRELOGIN {
        return Err(invalid("the client did not begin with PRELOGIN"));
    }
    let prelogin = Prelogin::read(&message.body).map_err(malformed)?;
    Ok(Some((prelogin, reader.into_stream())))
}

async fn answer<S: Duplex>(
    endpoint: &Endpoint,
    stream: S,
    prelogin: &Prelogin,
    encryption: u8,
) -> io::Result<S> {
    let instance = &endpoint.instance;
    let mut writer = MessageWriter::new(stream, REPLY);
    *writer.body() = prelogin.answer(instance.version, &instance.name, encryption);
    writer.end_message();
    writer.flush().await?;
    Ok(writer.into_stream())
}

/// The handshake inside PRELOGIN.
async fn handshake<S: Duplex>(
    endpoint: &Endpoint,
    stream: S,
) -> io::Result<TlsStream<HandshakeStream<S>>> {
    let Tls { inside, .. } = endpoint
        .tls
        .as_ref()
        .ok_or_else(|| io::Error::other("the listener has no certificate"))?;
    let splits_flights = endpoint.has(WireBug::TlsRecordPerPacket);
    let mut stream = TlsAcceptor::from(inside.clone())
        .accept(HandshakeStream::new(stream, splits_flights))
        .await?;
    stream.flush().await?;
    stream.get_mut().0.end_handshake();
    Ok(stream)
}
