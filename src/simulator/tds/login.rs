//! LOGIN7: who signs in, and with what wishes.

use zeroize::Zeroizing;

use crate::simulator::tds::cursor::{Cursor, RequestError, utf16_text};
use crate::simulator::tds::version::TdsVersion;

const FIXED_LENGTH: usize = 94;
/// Before TDS 7.2, which brought new passwords.
const SHORT_FIXED_LENGTH: usize = 86;
const SMALLEST_PACKET: u32 = 512;
const LARGEST_PACKET: u32 = 32_767;
const INTEGRATED_SECURITY: u8 = 0x80;
const USER_INSTANCE: u8 = 0x02;
const CHANGES_PASSWORD: u8 = 0x01;
const HAS_EXTENSION: u8 = 0x10;
const END_OF_FEATURES: u8 = 0xFF;

/// Signing in with a token of somebody else.
pub(super) const FEATURE_FEDERATED: u8 = 0x02;
/// Text collated in UTF-8.
pub(super) const FEATURE_UTF8: u8 = 0x0A;

/// What a client says as it signs in.
#[derive(Debug)]
pub(super) struct Login {
    /// The version both sides speak from now on.
    pub(super) tds_version: TdsVersion,
    pub(super) packet_size: u16,
    pub(super) host_name: String,
    pub(super) user: String,
    pub(super) password: Zeroizing<String>,
    pub(super) program_name: String,
    pub(super) database: Option<String>,
    /// It wants to sign in as who it is to the operating system.
    pub(super) is_integrated: bool,
    /// What is to be the password from now on.
    pub(super) new_password: Option<Zeroizing<String>>,
    pub(super) language: Option<String>,
    pub(super) attaches_file: bool,
    /// It wants an instance of its own, as SQL Server Express gives.
    pub(super) wants_user_instance: bool,
    /// The features it asks for, `None` where it asks about none. Those that are not known here are
    /// left without an answer, which means that they are not there: taking up lost sessions,
    /// encrypted columns, transactions over servers, classified data, vectors and JSON.
    pub(super) features: Option<Vec<u8>>,
}

impl Login {
    /// `tls_first` is true for clients that began with TLS, as TDS 8.0 has it.
    pub(super) fn read(body: &[u8], tls_first: bool) -> Result<Self, RequestError> {
        let mut fixed = Cursor::new(body);
        let length = fixed.length()?;
        let body = body
            .get(..length)
            .filter(|body| body.len() >= SHORT_FIXED_LENGTH)
            .ok_or(RequestError::Malformed("its login has another length"))?;
        let asked = fixed.u32()?;
        let tds_version = TdsVersion::agreed(asked, tls_first).ok_or_else(|| {
            RequestError::Unsupported(format!("TDS before 7.1 (the client speaks {asked:#010x})"))
        })?;
        let is_short = tds_version < TdsVersion::V7_2;
        if !is_short && body.len() < FIXED_LENGTH {
            return Err(RequestError::Malformed("its login has another length"));
        }
        let packet_size = fixed.u32()?;
        let _client_version_process_connection: [u8; 12] = fixed.array()?;
        let [_, flags_2, _, flags_3] = fixed.array()?;
        let _time_zone_and_language: [u8; 8] = fixed.array()?;

        let mut text = || Field::read(&mut fixed)?.text(body);
        let host_name = text()?;
        let user = text()?;
        let password = Field::read(&mut fixed)?.password(body)?;
        let mut text = || Field::read(&mut fixed)?.text(body);
        let program_name = text()?;
        let _server_name = text()?;
        let extension = Field::read(&mut fixed)?;
        let mut text = || Field::read(&mut fixed)?.text(body);
        let _library = text()?;
        let language = text()?;
        let database = text()?;
        let _client_id: [u8; 6] = fixed.array()?;
        let _sspi = Field::read(&mut fixed)?;
        let attached_file = Field::read(&mut fixed)?;
        let new_password = if is_short {
            Zeroizing::default()
        } else {
            Field::read(&mut fixed)?.password(body)?
        };
        // What other versions have these flags for is nothing to this one.
        let flags_3 = if is_short { 0 } else { flags_3 };

        let features = (flags_3 & HAS_EXTENSION != 0)
            .then(|| extension.features(body))
            .transpose()?;
        Ok(Self {
            tds_version,
            packet_size: agreed_packet_size(packet_size),
            host_name,
            user,
            password,
            program_name,
            database: Some(database).filter(|name| !name.is_empty()),
            is_integrated: flags_2 & INTEGRATED_SECURITY != 0,
            new_password: (flags_3 & CHANGES_PASSWORD != 0).then_some(new_password),
            language: Some(language).filter(|name| !name.is_empty()),
            attaches_file: attached_file.length > 0,
            wants_user_instance: flags_3 & USER_INSTANCE != 0,
            features,
        })
    }
}

/// Zero means: as the server likes.
fn agreed_packet_size(asked: u32) -> u16 {
    let size = match asked {
        0 => super::packet::INITIAL_PACKET_SIZE.into(),
        asked => asked.clamp(SMALLEST_PACKET, LARGEST_PACKET),
    };
    u16::try_from(size).unwrap_or(super::packet::INITIAL_PACKET_SIZE)
}

/// Where a field of variable length is.
#[derive(Clone, Copy, Debug)]
struct Field {
    offset: usize,
    /// In characters, or bytes where it is no text.
    length: usize,
}

impl Field {
    fn read(fixed: &mut Cursor<'_>) -> Result<Self, RequestError> {
        Ok(Self {
            offset: usize::from(fixed.u16()?),
            length: usize::from(fixed.u16()?),
        })
    }

    fn bytes(self, body: &[u8], count: usize) -> Result<&[u8], RequestError> {
        let mut cursor = Cursor::new(body);
        // Where there is nothing, the offset may point anywhere.
        if count == 0 {
            return Ok(&[]);
        }
        cursor.bytes(self.offset)?;
        cursor.bytes(count)
    }

    fn text(self, body: &[u8]) -> Result<String, RequestError> {
        utf16_text(self.bytes(body, self.length * 2)?)
    }

    fn password(self, body: &[u8]) -> Result<Zeroizing<String>, RequestError> {
        let clear: Zeroizing<Vec<u8>> = Zeroizing::new(
            self.bytes(body, self.length * 2)?
                .iter()
                .map(|byte| (byte ^ 0xA5).rotate_left(4))
                .collect(),
        );
        utf16_text(&clear).map(Zeroizing::new)
    }

    /// The extension holds the offset of the features, not the features.
    fn features(self, body: &[u8]) -> Result<Vec<u8>, RequestError> {
        let offset = Cursor::new(self.bytes(body, self.length)?).length()?;
        let mut cursor = Cursor::new(body);
        cursor.bytes(offset)?;
        let mut features = Vec::new();
        loop {
            let feature = cursor.u8()?;
            if feature == END_OF_FEATURES {
                return Ok(features);
            }
            let length = cursor.length()?;
            cursor.bytes(length)?;
            features.push(feature);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn utf16(text: &str) -> Vec<u8> {
        text.encode_utf16().flat_map(u16::to_le_bytes).collect()
    }

    /// A LOGIN7 with these texts (host, user, password, program) and one feature.
    fn login(version: u32, packet_size: u32, texts: [&str; 4], database: &str) -> Vec<u8> {
        let mut fixed = vec![0; 4];
        fixed.extend_from_slice(&version.to_le_bytes());
        fixed.extend_from_slice(&packet_size.to_le_bytes());
        fixed.extend_from_slice(&[0; 12]);
        fixed.extend_from_slice(&[0xE0, 0x03, 0, HAS_EXTENSION]);
        fixed.extend_from_slice(&[0; 8]);
        let mut data = Vec::new();
        let field = |fixed: &mut Vec<u8>, data: &mut Vec<u8>, bytes: &[u8], length: usize| {
            let offset = u16::try_from(FIXED_LENGTH + data.len()).unwrap();
            fixed.extend_from_slice(&offset.to_le_bytes());
            fixed.extend_from_slice(&u16::try_from(length).unwrap().to_le_bytes());
            data.extend_from_slice(bytes);
        };
        for (at, text) in texts.iter().enumerate() {
            let mut bytes = utf16(text);
            if at == 2 {
                for byte in &mut bytes {
                    *byte = byte.rotate_left(4) ^ 0xA5;
                }
            }
            field(&mut fixed, &mut data, &bytes, bytes.len() / 2);
        }
        field(&mut fixed, &mut data, &[], 0);
        let features_offset = FIXED_LENGTH + data.len() + 4 + database.len() * 2;
        let features_offset = u32::try_from(features_offset).unwrap().to_le_bytes();
        field(&mut fixed, &mut data, &features_offset, 4);
        field(&mut fixed, &mut data, &[], 0);
        field(&mut fixed, &mut data, &[], 0);
        field(&mut fixed, &mut data, &utf16(database), database.len());
        fixed.extend_from_slice(&[0; 6]);
        fixed.extend_from_slice(&[0; 16]);
        data.extend_from_slice(&[FEATURE_UTF8, 1, 0, 0, 0, 1, END_OF_FEATURES]);
        fixed.extend_from_slice(&data);
        let length = u32::try_from(fixed.len()).unwrap();
        fixed[..4].copy_from_slice(&length.to_le_bytes());
        fixed
    }

    const TEXTS: [&str; 4] = ["client", "sa", "pä$$wörd", "sqlcmd"];

    #[test]
    fn all_of_a_login_is_read() {
        let login = Login::read(&login(0x7400_0004, 8000, TEXTS, "Orchestrator"), true).unwrap();
        assert_eq!(login.host_name, "client");
        assert_eq!(login.user, "sa");
        assert_eq!(*login.password, "pä$$wörd");
        assert_eq!(login.program_name, "sqlcmd");
        assert_eq!(login.database.as_deref(), Some("Orchestrator"));
        assert_eq!(login.packet_size, 8000);
        assert_eq!(login.features.as_deref(), Some(&[FEATURE_UTF8][..]));
        assert!(!login.is_integrated && !login.attaches_file && !login.wants_user_instance);
        assert!(login.new_password.is_none() && login.language.is_none());
    }

    #[test]
    fn the_password_is_unscrambled_as_ms_tds_has_it() {
        // 'a' is 61 00; with its halves swapped and then XOR 0xA5: B3 A5.
        let field = Field {
            offset: 0,
            length: 1,
        };
        assert_eq!(*field.password(&[0xB3, 0xA5]).unwrap(), "a");
    }

    #[test]
    fn versions_and_sizes_are_agreed() {
        for (asked, agreed) in [(0, 4096), (1, 512), (100_000, 32_767)] {
            let login = Login::read(&login(0x0800_0000, asked, TEXTS, ""), true).unwrap();
            assert_eq!(login.packet_size, agreed);
            assert_eq!(login.database, None);
        }
        let old = Login::read(&login(0x7209_0002, 0, TEXTS, ""), true).unwrap();
        assert_eq!(old.tds_version, TdsVersion::V7_2);
        assert!(matches!(
            Login::read(&login(0x7000_0000, 0, TEXTS, ""), true),
            Err(RequestError::Unsupported(_))
        ));
    }

    #[test]
    fn clients_of_sql_server_2000_have_a_shorter_login() {
        let mut short = login(0x7100_0001, 0, TEXTS, "master");
        // What behind their fields is not one of them.
        short.drain(SHORT_FIXED_LENGTH..FIXED_LENGTH);
        let length = u32::try_from(short.len()).unwrap();
        short[..4].copy_from_slice(&length.to_le_bytes());
        for at in (36..72).step_by(4) {
            let offset = u16::from_le_bytes([short[at], short[at + 1]]) - 8;
            short[at..at + 2].copy_from_slice(&offset.to_le_bytes());
        }
        let old = Login::read(&short, false).unwrap();
        assert_eq!(old.tds_version, TdsVersion::V7_1);
        assert_eq!(
            (old.password.as_str(), old.database.as_deref()),
            (TEXTS[2], Some("master"))
        );
        assert!(old.new_password.is_none() && old.features.is_none());
        short[4..8].copy_from_slice(&0x7209_0002_u32.to_le_bytes());
        short.truncate(FIXED_LENGTH - 1);
        assert!(Login::read(&short, false).is_err());
    }

    #[test]
    fn no_cut_of_a_login_is_read_beyond_its_end() {
        let whole = login(0x7400_0004, 4096, TEXTS, "x");
        for end in 0..whole.len() {
            let mut cut = whole[..end].to_vec();
            if end >= 4 {
                cut[..4].copy_from_slice(&u32::try_from(end).unwrap().to_le_bytes());
            }
            assert!(Login::read(&cut, false).is_err(), "{end}");
        }
    }
}
