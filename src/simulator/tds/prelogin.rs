//! PRELOGIN: what client and server agree on before anybody signs in.

use crate::simulator::Version;
use crate::simulator::tds::cursor::{Cursor, RequestError};
use crate::simulator::tls::TlsMode;

const VERSION: u8 = 0;
const ENCRYPTION: u8 = 1;
const INSTANCE: u8 = 2;
const THREAD: u8 = 3;
const MARS: u8 = 4;
const FEDERATED_AUTHENTICATION: u8 = 6;
const TERMINATOR: u8 = 0xFF;

const ENCRYPT_OFF: u8 = 0;
const ENCRYPT_ON: u8 = 1;
const ENCRYPT_NOT_SUPPORTED: u8 = 2;
const ENCRYPT_REQUIRED: u8 = 3;
/// The client has a certificate of its own. It is not asked for.
const CLIENT_CERTIFICATE: u8 = 0x80;

/// What a client asks.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Prelogin {
    /// The options, in the client's order.
    asked: Vec<u8>,
    encryption: u8,
    /// The instance the client wants to talk to; empty where it doesn't care.
    instance: String,
}

/// How the conversation goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Agreement {
    Plain,
    /// A TLS handshake follows, and the sign-in is encrypted, but nothing after it.
    LoginEncrypted,
    /// A TLS handshake follows, and everything after it is encrypted.
    Encrypted,
    /// One of the two insists on what the other one can't do.
    None,
}

impl Prelogin {
    pub(super) fn read(body: &[u8]) -> Result<Self, RequestError> {
        let mut prelogin = Self {
            asked: Vec::new(),
            encryption: ENCRYPT_NOT_SUPPORTED,
            instance: String::new(),
        };
        let mut table = Cursor::new(body);
        loop {
            let option = table.u8()?;
            if option == TERMINATOR {
                return Ok(prelogin);
            }
            if prelogin.asked.is_empty() && option != VERSION {
                return Err(RequestError::Malformed(
                    "its first option is not its version",
                ));
            }
            if prelogin.asked.contains(&option) {
                return Err(RequestError::Malformed("an option is there twice"));
            }
            let offset = usize::from(u16::from_be_bytes(table.array()?));
            let length = usize::from(u16::from_be_bytes(table.array()?));
            let mut data = Cursor::new(body);
            data.bytes(offset)?;
            let data = data.bytes(length)?;
            match (option, data) {
                (ENCRYPTION, [encryption]) => {
                    prelogin.encryption = encryption & !CLIENT_CERTIFICATE;
                }
                (ENCRYPTION, _) => {
                    return Err(RequestError::Malformed("its encryption is not one byte"));
                }
                (INSTANCE, name) => {
                    let name = name.split(|byte| *byte == 0).next().unwrap_or_default();
                    prelogin.instance = String::from_utf8_lossy(name).into_owned();
                }
                _ => {}
            }
            prelogin.asked.push(option);
        }
    }

    /// What both sides can do, as MS-TDS has it, for a client that begins with PRELOGIN: one of the
    /// two that insists on encryption drops the other one if that can't.
    ///
    /// Only servers answer ENCRYPT_REQ by MS-TDS, but a client that sends it (tiberius does) can
    /// mean nothing else than ENCRYPT_ON. No source says what a server answers to it.
    pub(super) fn agree(&self, mode: TlsMode) -> (Agreement, u8) {
        match (mode, self.encryption) {
            (TlsMode::Off, ENCRYPT_OFF | ENCRYPT_NOT_SUPPORTED) => {
                (Agreement::Plain, ENCRYPT_NOT_SUPPORTED)
            }
            (TlsMode::Off, _) => (Agreement::None, ENCRYPT_NOT_SUPPORTED),
            (TlsMode::Login, ENCRYPT_NOT_SUPPORTED) => (Agreement::Plain, ENCRYPT_NOT_SUPPORTED),
            (TlsMode::Login, ENCRYPT_OFF) => (Agreement::LoginEncrypted, ENCRYPT_OFF),
            (TlsMode::Login, _) => (Agreement::Encrypted, ENCRYPT_ON),
            (TlsMode::Full | TlsMode::Strict, ENCRYPT_NOT_SUPPORTED) => {
                (Agreement::None, ENCRYPT_REQUIRED)
            }
            (TlsMode::Full | TlsMode::Strict, ENCRYPT_ON) => (Agreement::Encrypted, ENCRYPT_ON),
            (TlsMode::Full | TlsMode::Strict, _) => (Agreement::Encrypted, ENCRYPT_REQUIRED),
        }
    }

    /// The answer. Only options that were asked are in it: clients take others for an attack
    /// (FEDAUTHREQUIRED, not asked, makes Microsoft's ODBC driver hang up).
    pub(super) fn answer(&self, version: Version, server: &str, encryption: u8) -> Vec<u8> {
        let (major, minor, build, _) = version.product();
        let [build_high, build_low] = build.to_be_bytes();
        let answers: Vec<(u8, Vec<u8>)> = self
            .asked
            .iter()
            .filter_map(|option| {
                let data = match *option {
                    VERSION => vec![major, minor, build_high, build_low, 0, 0],
                    ENCRYPTION => vec![encryption],
                    INSTANCE => vec![u8::from(!self.names(server))],
                    THREAD => Vec::new(),
                    MARS | FEDERATED_AUTHENTICATION => vec![0],
                    _ => return None,
                };
                Some((*option, data))
            })
            .collect();
        let mut offset = answers.len() * 5 + 1;
        let mut body = Vec::new();
        for (option, data) in &answers {
            body.push(*option);
            body.extend_from_slice(&short(offset));
            body.extend_from_slice(&short(data.len()));
            offset += data.len();
        }
        body.push(TERMINATOR);
        for (_, data) in &answers {
            body.extend_from_slice(data);
        }
        body
    }

    /// Whether the client asks for this instance. By port alone it asks for none, or for the name
    /// of every default instance.
    fn names(&self, server: &str) -> bool {
        let own = server
            .split_once('\\')
            .map_or("MSSQLSERVER", |(_, name)| name);
        self.instance.is_empty()
            || self.instance.eq_ignore_ascii_case("MSSQLServer")
            || self.instance.eq_ignore_ascii_case(own)
    }
}

/// An option appears once in the few bytes of an answer, so that its offsets always fit.
fn short(value: usize) -> [u8; 2] {
    u16::try_from(value).unwrap_or(u16::MAX).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asking(encryption: u8) -> Vec<u8> {
        let mut body = vec![
            0, 0, 26, 0, 6, 1, 0, 32, 0, 1, 2, 0, 33, 0, 5, 3, 0, 38, 0, 4, 4, 0, 42, 0, 1, 0xFF,
        ];
        body.extend_from_slice(&[17, 0, 0, 0, 0, 0, encryption]);
        body.extend_from_slice(b"ORCH\0");
        body.extend_from_slice(&[1, 2, 3, 4, 0]);
        body
    }

    #[test]
    fn the_answer_has_what_was_asked_and_no_more() {
        let prelogin = Prelogin::read(&asking(0)).unwrap();
        assert_eq!(prelogin.asked, [0, 1, 2, 3, 4]);
        assert_eq!(
            prelogin.answer(Version::Sql2022, r"SQL01\ORCH", 2),
            [
                0, 0, 26, 0, 6, 1, 0, 32, 0, 1, 2, 0, 33, 0, 1, 3, 0, 34, 0, 0, 4, 0, 34, 0, 1,
                0xFF, 16, 0, 0x10, 0x8C, 0, 0, 2, 0, 0
            ]
        );
        let only_version = Prelogin::read(&[0, 0, 6, 0, 6, 0xFF, 0, 0, 0, 0, 0, 0]).unwrap();
        assert_eq!(
            only_version.answer(Version::Sql2019, "SQL01", 2),
            [0, 0, 6, 0, 6, 0xFF, 15, 0, 0x11, 0x17, 0, 0]
        );
    }

    #[test]
    fn another_instance_is_told_apart() {
        let prelogin = Prelogin::read(&asking(0)).unwrap();
        assert!(prelogin.names(r"SQL01\orch"));
        assert!(!prelogin.names(r"SQL01\OTHER"));
        assert!(!prelogin.names("SQL01"));
    }

    #[test]
    fn encryption_is_agreed_as_ms_tds_has_it() {
        for (mode, asked, expected) in [
            (TlsMode::Off, 0, (Agreement::Plain, 2)),
            (TlsMode::Off, 1, (Agreement::None, 2)),
            (TlsMode::Off, 2, (Agreement::Plain, 2)),
            (TlsMode::Off, 3, (Agreement::None, 2)),
            (TlsMode::Login, 0, (Agreement::LoginEncrypted, 0)),
            (TlsMode::Login, 1, (Agreement::Encrypted, 1)),
            (TlsMode::Login, 2, (Agreement::Plain, 2)),
            (TlsMode::Login, 3, (Agreement::Encrypted, 1)),
            (TlsMode::Login, 0x80, (Agreement::LoginEncrypted, 0)),
            (TlsMode::Full, 0, (Agreement::Encrypted, 3)),
            (TlsMode::Full, 1, (Agreement::Encrypted, 1)),
            (TlsMode::Full, 2, (Agreement::None, 3)),
            (TlsMode::Full, 3, (Agreement::Encrypted, 3)),
            (TlsMode::Full, 0x81, (Agreement::Encrypted, 1)),
        ] {
            let prelogin = Prelogin::read(&asking(asked)).unwrap();
            assert_eq!(prelogin.agree(mode), expected, "{mode:?} {asked}");
        }
    }

    #[test]
    fn options_beyond_the_end_are_refused() {
        for bad in [
            &[][..],
            &[0, 0, 6],
            &[1, 0, 6, 0, 1, 0xFF],
            &[0, 0, 6, 0, 6, 0xFF, 0, 0],
            &[1, 0, 6, 0, 1, 0xFF, 0],
            // Its answer would repeat it too, and grow beyond what offsets can say.
            &[0, 0, 11, 0, 0, 0, 0, 11, 0, 0, 0xFF],
        ] {
            assert!(Prelogin::read(bad).is_err(), "{bad:?}");
        }
    }
}
