//! What a server's messages are made of: just enough to be believed, or to be absurd.

pub(in crate::conformance) const COLUMN_METADATA: u8 = 0x81;
pub(in crate::conformance) const ROW: u8 = 0xD1;
pub(in crate::conformance) const ENV_CHANGE: u8 = 0xE3;
pub(in crate::conformance) const ERROR: u8 = 0xAA;
pub(in crate::conformance) const INFO: u8 = 0xAB;
const LOGIN_ACK: u8 = 0xAD;
const DONE: u8 = 0xFD;

const BIG_VARCHAR: u8 = 0xA7;
const NVARCHAR: u8 = 0xE7;
const BIG_VARBINARY: u8 = 0xA5;
const INT_N: u8 = 0x26;
/// Latin1_General, as SQL Server writes it.
const COLLATION: [u8; 5] = [0x09, 0x04, 0xD0, 0x00, 0x34];
/// A length that says: in pieces, of any length.
const IN_PIECES: u16 = 0xFFFF;

pub(in crate::conformance) fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

/// A number as TDS writes it; what is too great for it is as great as it can be.
fn low_16(value: usize) -> [u8; 2] {
    u16::try_from(value).unwrap_or(u16::MAX).to_le_bytes()
}

/// A text with its count of UTF-16 units in one byte.
fn short_text(text: &str) -> Vec<u8> {
    let units = utf16(text);
    let count = u8::try_from(units.len() / 2).unwrap_or(u8::MAX);
    [&[count][..], &units].concat()
}

/// A token with its length in two bytes.
pub(in crate::conformance) fn sized(token: u8, body: &[u8]) -> Vec<u8> {
    [&[token][..], &low_16(body.len()), body].concat()
}

/// PRELOGIN's answer. `None` leaves encryption out.
pub(in crate::conformance) fn prelogin(encryption: Option<u8>) -> Vec<u8> {
    let mut options: Vec<(u8, Vec<u8>)> = vec![(0, vec![16, 0, 0x10, 0, 0, 0])];
    options.extend(encryption.map(|encryption| (1, vec![encryption])));
    options.push((2, vec![0]));
    options.push((4, vec![0]));
    let mut at = options.len() * 5 + 1;
    let (mut head, mut data) = (Vec::new(), Vec::new());
    for (option, value) in options {
        let [high, low] = u16::try_from(at).unwrap_or(u16::MAX).to_be_bytes();
        let length = u8::try_from(value.len()).unwrap_or(u8::MAX);
        head.extend([option, high, low, 0, length]);
        at += value.len();
        data.extend(value);
    }
    head.push(0xFF);
    head.extend(data);
    head
}

pub(in crate::conformance) fn env_change(kind: u8, new: &str, old: &str) -> Vec<u8> {
    let body = [&[kind][..], &short_text(new), &short_text(old)].concat();
    sized(ENV_CHANGE, &body)
}

/// The order to go to another server.
pub(in crate::conformance) fn routing(host: &str, port: u16) -> Vec<u8> {
    let name = utf16(host);
    let value = [
        &[0][..],
        &port.to_le_bytes(),
        &low_16(name.len() / 2),
        &name,
    ]
    .concat();
    let body = [&[20][..], &low_16(value.len()), &value, &[0, 0]].concat();
    sized(ENV_CHANGE, &body)
}

/// ERROR or INFO, by the class.
pub(in crate::conformance) fn message(number: i32, class: u8, text: &str) -> Vec<u8> {
    let units = utf16(text);
    let body = [
        &number.to_le_bytes()[..],
        &[1, class],
        &low_16(units.len() / 2),
        &units,
        &short_text("PLAYED"),
        &short_text(""),
        &1_u32.to_le_bytes(),
    ]
    .concat();
    sized(if class > 10 { ERROR } else { INFO }, &body)
}

pub(in crate::conformance) const DONE_MORE: u16 = 1;
pub(in crate::conformance) const DONE_ERROR: u16 = 2;
const DONE_COUNT: u16 = 0x10;

pub(in crate::conformance) fn done(status: u16, rows: Option<u64>) -> Vec<u8> {
    let count = if rows.is_some() { DONE_COUNT } else { 0 };
    [
        &[DONE][..],
        &(status | count).to_le_bytes(),
        &[0xC1, 0],
        &rows.unwrap_or(0).to_le_bytes(),
    ]
    .concat()
}

pub(in crate::conformance) fn login_ack(version: [u8; 4]) -> Vec<u8> {
    let body = [
        &[1][..],
        &version,
        &short_text("Microsoft SQL Server\0\0"),
        &[16, 0, 0x10, 0],
    ]
    .concat();
    sized(LOGIN_ACK, &body)
}

/// What a login is answered when it is in.
pub(in crate::conformance) fn login_answer(version: [u8; 4], has_features: bool) -> Vec<u8> {
    let collation = [&[7, 5][..], &COLLATION, &[0]].concat();
    let features: &[u8] = if has_features { &[0xAE, 0xFF] } else { &[] };
    [
        &env_change(1, "master", "master")[..],
        &message(5701, 0, "Changed database context to 'master'."),
        &sized(ENV_CHANGE, &collation),
        &env_change(2, "us_english", ""),
        &message(5703, 0, "Changed language setting to us_english."),
        &login_ack(version),
        &env_change(4, "4096", "4096"),
        features,
        &done(0, None),
    ]
    .concat()
}

/// The kind of a column.
#[derive(Clone, Copy, Debug)]
pub(in crate::conformance) enum Kind {
    Int,
    /// `nvarchar` of up to 4000 units.
    Text,
    /// `nvarchar(max)`, in pieces.
    LongText,
    /// `varbinary(max)`, in pieces.
    LongBytes,
    /// `varchar` of up to 8000 bytes.
    Narrow,
}

impl Kind {
    /// The type's description, as COLMETADATA has it.
    fn description(self) -> Vec<u8> {
        let long = IN_PIECES.to_le_bytes();
        let most = 8000_u16.to_le_bytes();
        match self {
            Self::Int => vec![INT_N, 4],
            Self::Text => [&[NVARCHAR][..], &most, &COLLATION].concat(),
            Self::LongText => [&[NVARCHAR][..], &long, &COLLATION].concat(),
            Self::LongBytes => [&[BIG_VARBINARY][..], &long].concat(),
            Self::Narrow => [&[BIG_VARCHAR][..], &most, &COLLATION].concat(),
        }
    }
}

pub(in crate::conformance) fn columns(columns: &[(&str, Kind)]) -> Vec<u8> {
    let mut bytes = vec![COLUMN_METADATA];
    bytes.extend(low_16(columns.len()));
    for (name, kind) in columns {
        bytes.extend(column(&kind.description(), name));
    }
    bytes
}

/// One column of whatever type.
pub(in crate::conformance) fn column(description: &[u8], name: &str) -> Vec<u8> {
    const NULLABLE: [u8; 2] = [9, 0];
    [&[0, 0, 0, 0][..], &NULLABLE, description, &short_text(name)].concat()
}

/// COLMETADATA with one column of whatever type.
pub(in crate::conformance) fn one_column(description: &[u8]) -> Vec<u8> {
    [&[COLUMN_METADATA, 1, 0][..], &column(description, "a")].concat()
}

pub(in crate::conformance) fn int(value: i32) -> Vec<u8> {
    [&[4][..], &value.to_le_bytes()].concat()
}

pub(in crate::conformance) fn text(value: &str) -> Vec<u8> {
    let units = utf16(value);
    [&low_16(units.len())[..], &units].concat()
}

/// A value in pieces.
pub(in crate::conformance) fn in_pieces(pieces: &[&[u8]]) -> Vec<u8> {
    const UNKNOWN_LENGTH: u64 = 0xFFFF_FFFF_FFFF_FFFE;
    let mut bytes = UNKNOWN_LENGTH.to_le_bytes().to_vec();
    for piece in pieces.iter().copied().chain([&[][..]]) {
        let length = u32::try_from(piece.len()).unwrap_or(u32::MAX);
        bytes.extend(length.to_le_bytes());
        bytes.extend(piece);
    }
    bytes
}

pub(in crate::conformance) fn row(values: &[&[u8]]) -> Vec<u8> {
    [&[ROW][..], &values.concat()].concat()
}
