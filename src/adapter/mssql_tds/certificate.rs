//! The server's certificate, verified against a CA of the caller's: a TLS handshake on a connection
//! of its own, which ends before anybody signs in.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};

use native_tls::{Certificate, HandshakeError, TlsConnector, TlsStream};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::adapter::endpoint::Door;
use crate::transport::{TransportError, TransportErrorKind};

/// Of a packet of TDS: kind, status, length of the whole, channel, number, window.
const HEAD: usize = 8;
const PRELOGIN: u8 = 0x12;
const TABULAR: u8 = 0x04;
const END_OF_MESSAGE: u8 = 1;
/// The longest packet before another size was agreed on.
const LONGEST_SENT: usize = 4096;
/// What a server may say until the handshake is over; certificates are some kilobytes.
const MOST_READ: usize = 256 * 1024;

/// Our PRELOGIN: a version of none, and encryption required of the server.
const QUESTION: [u8; 18] = [
    0, 0, 11, 0, 6, 1, 0, 17, 0, 1, 0xff, 0, 0, 0, 0, 0, 0, ENCRYPT_ON,
];
const ENCRYPT_ON: u8 = 1;
const ENCRYPT_REQUIRED: u8 = 3;

/// The certificate of the server behind a door, in DER: it comes from one of these CAs, it is
/// valid now, it bears the name, and who shows it holds its key.
pub(super) async fn verified(
    door: &Door,
    is_strict: bool,
    ca_pem: &[u8],
) -> Result<Vec<u8>, TransportError> {
    let connector = connector(is_strict, ca_pem)?;
    let stream = TcpStream::connect((door.host.as_str(), door.port))
        .await
        .map_err(|error| failed(format!("{}:{}: {error}", door.host, door.port)))?;
    let mut line = Line {
        stream,
        is_wrapped: !is_strict,
        left: MOST_READ,
    };
    if !is_strict {
        line.agree_on_encryption().await?;
    }
    let tls = line.shake_hands(&connector, &door.certificate_name).await?;
    tls.peer_certificate()
        .and_then(|certificate| certificate.map(|c| c.to_der()).transpose())
        .map_err(|error| failed(format!("TLS: {error}")))?
        .ok_or_else(|| failed("TLS: the server showed no certificate".to_owned()))
}

fn failed(problem: String) -> TransportError {
    TransportError::new(TransportErrorKind::Connect, problem)
}

fn connector(is_strict: bool, ca_pem: &[u8]) -> Result<TlsConnector, TransportError> {
    let cas = Certificate::stack_from_pem(ca_pem)
        .map_err(|error| failed(format!("the CA's certificate can't be read: {error}")))?;
    if cas.is_empty() {
        return Err(failed("there is no certificate in the CA's PEM".to_owned()));
    }
    let mut builder = TlsConnector::builder();
    builder.disable_built_in_roots(true);
    for ca in cas {
        builder.add_root_certificate(ca);
    }
    if is_strict {
        builder.request_alpns(&["tds/8.0"]);
    }
    builder
        .build()
        .map_err(|error| failed(format!("TLS: {error}")))
}

/// A connection, with TLS records in packets of TDS where the protocol has it so.
struct Line {
    stream: TcpStream,
    is_wrapped: bool,
    left: usize,
}

/// What the TLS library reads from and writes to; bytes are carried to and fro between its turns.
#[derive(Default)]
struct Desk {
    came: VecDeque<u8>,
    going: Vec<u8>,
}

impl Read for Desk {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.came.is_empty() {
            return Err(ErrorKind::WouldBlock.into());
        }
        self.came.read(buffer)
    }
}

impl Write for Desk {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.going.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Line {
    async fn agree_on_encryption(&mut self) -> Result<(), TransportError> {
        self.send(&QUESTION).await.map_err(|e| cut(&e))?;
        let answer = self.receive(TABULAR).await.map_err(|e| cut(&e))?;
        match encryption(&answer) {
            Some(ENCRYPT_ON | ENCRYPT_REQUIRED) => Ok(()),
            Some(_) => Err(failed(
                "the server does not encrypt the connection".to_owned(),
            )),
            None => Err(failed("the server's answer breaks the protocol".to_owned())),
        }
    }

    async fn shake_hands(
        &mut self,
        connector: &TlsConnector,
        name: &str,
    ) -> Result<TlsStream<Desk>, TransportError> {
        let mut turn = connector.connect(name, Desk::default());
        loop {
            let mut waiting = match turn {
                Ok(tls) => return Ok(tls),
                Err(HandshakeError::Failure(error)) => return Err(failed(format!("TLS: {error}"))),
                Err(HandshakeError::WouldBlock(waiting)) => waiting,
            };
            let going = std::mem::take(&mut waiting.get_mut().going);
            if !going.is_empty() {
                self.send(&going).await.map_err(|e| cut(&e))?;
            }
            let came = self.receive(PRELOGIN).await.map_err(|e| cut(&e))?;
            waiting.get_mut().came.extend(came);
            turn = waiting.handshake();
        }
    }

    async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        if !self.is_wrapped {
            return self.stream.write_all(bytes).await;
        }
        let mut parts = bytes.chunks(LONGEST_SENT - HEAD).peekable();
        let mut number = 0_u8;
        while let Some(part) = parts.next() {
            number = number.wrapping_add(1);
            let status = if parts.peek().is_none() {
                END_OF_MESSAGE
            } else {
                0
            };
            let length = u16::try_from(HEAD + part.len()).map_err(io::Error::other)?;
            let [high, low] = length.to_be_bytes();
            let head = [PRELOGIN, status, high, low, 0, 0, number, 0];
            self.stream.write_all(&[&head, part].concat()).await?;
        }
        Ok(())
    }

    /// The payload of the next packet, or what came next where there are no packets.
    async fn receive(&mut self, kind: u8) -> io::Result<Vec<u8>> {
        let mut came = if self.is_wrapped {
            let mut head = [0; HEAD];
            self.stream.read_exact(&mut head).await?;
            let length = usize::from(u16::from_be_bytes([head[2], head[3]]));
            if head[0] != kind || length <= HEAD {
                return Err(ErrorKind::InvalidData.into());
            }
            vec![0; length - HEAD]
        } else {
            vec![0; LONGEST_SENT]
        };
        if self.is_wrapped {
            self.stream.read_exact(&mut came).await?;
        } else {
            let length = self.stream.read(&mut came).await?;
            came.truncate(length);
        }
        if came.is_empty() {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        self.left = self
            .left
            .checked_sub(came.len())
            .ok_or(ErrorKind::InvalidData)?;
        Ok(came)
    }
}

fn cut(error: &io::Error) -> TransportError {
    failed(match error.kind() {
        ErrorKind::InvalidData => "the server's answer breaks the protocol".to_owned(),
        ErrorKind::UnexpectedEof => "the server closed the connection before TLS began".to_owned(),
        _ => error.to_string(),
    })
}

/// The option ENCRYPTION of a PRELOGIN.
fn encryption(answer: &[u8]) -> Option<u8> {
    let mut options = answer;
    loop {
        let (&kind, rest) = options.split_first()?;
        let (option, rest) = rest.split_first_chunk::<4>()?;
        if kind == 1 {
            let offset = usize::from(u16::from_be_bytes([option[0], option[1]]));
            return answer.get(offset).copied();
        }
        if kind == 0xff {
            return None;
        }
        options = rest;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_option() {
        assert_eq!(encryption(&QUESTION), Some(ENCRYPT_ON));
        for length in 0..QUESTION.len() {
            assert_eq!(encryption(&QUESTION[..length]), None, "{length}");
        }
        assert_eq!(encryption(&[0xff, 1, 0, 0, 0, 1]), None);
    }

    #[test]
    fn a_ca_that_is_none_is_told() {
        for pem in [
            &b""[..],
            b"no certificate",
            b"-----BEGIN CERTIFICATE-----\nAA\n-----END CERTIFICATE-----\n",
        ] {
            assert!(connector(false, pem).is_err());
        }
    }
}
