//! Replies, taken apart into tokens.
#![allow(dead_code, reason = "each test uses some of it")]

/// A token of a reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Token {
    Columns(Vec<Column>),
    /// The bytes of each value; `None` is NULL.
    Row(Vec<Option<Vec<u8>>>),
    Error(i32, String),
    Info(i32, String),
    /// The type, and what follows it.
    Change(u8, Vec<u8>),
    LoginAck(u32),
    Features(Vec<(u8, Vec<u8>)>),
    ReturnStatus(i32),
    /// The place, the name and the bytes.
    ReturnValue(u16, String, Option<Vec<u8>>),
    /// DONE, DONEPROC (0xFE) or DONEINPROC (0xFF): status, command, rows.
    Done(u8, u16, u16, u64),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Column {
    pub(crate) name: String,
    pub(crate) flags: u16,
    pub(crate) kind: Kind,
}

/// A type, and what it says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Kind {
    pub(crate) number: u8,
    pub(crate) properties: Vec<u8>,
}

pub(crate) fn tokens(reply: &[u8]) -> Vec<Token> {
    let mut reader = Reader(reply);
    let mut columns: Vec<Column> = Vec::new();
    let mut tokens = Vec::new();
    while !reader.0.is_empty() {
        let token = reader.token(&columns);
        if let Token::Columns(found) = &token {
            columns.clone_from(found);
        }
        tokens.push(token);
    }
    tokens
}

/// The numbers of the errors among them.
pub(crate) fn errors(tokens: &[Token]) -> Vec<i32> {
    let errors = tokens.iter().filter_map(|token| match token {
        Token::Error(number, _) => Some(*number),
        _ => None,
    });
    errors.collect()
}

/// The first value of the first row.
pub(crate) fn first_value(tokens: &[Token]) -> Option<Vec<u8>> {
    let row = tokens.iter().find_map(|token| match token {
        Token::Row(values) => Some(values),
        _ => None,
    });
    row.unwrap_or_else(|| panic!("no row: {tokens:?}"))[0].clone()
}

struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn take(&mut self, count: usize) -> Vec<u8> {
        let (taken, rest) = self.0.split_at(count);
        self.0 = rest;
        taken.to_vec()
    }

    fn number(&mut self, length: usize) -> u64 {
        let mut bytes = self.take(length);
        bytes.resize(8, 0);
        u64::from_le_bytes(bytes.try_into().unwrap())
    }

    fn u8(&mut self) -> u8 {
        u8::try_from(self.number(1)).unwrap()
    }

    fn u16(&mut self) -> u16 {
        u16::try_from(self.number(2)).unwrap()
    }

    fn length(&mut self, length: usize) -> usize {
        usize::try_from(self.number(length)).unwrap()
    }

    fn i32(&mut self) -> i32 {
        i32::from_le_bytes(self.take(4).try_into().unwrap())
    }

    fn text(&mut self, prefix: usize) -> String {
        let units = self.length(prefix);
        let bytes = self.take(units * 2);
        let units: Vec<u16> = bytes
            .chunks(2)
            .map(|pair| u16::from_le_bytes([pair[0], pair[1]]))
            .collect();
        String::from_utf16(&units).unwrap()
    }

    fn token(&mut self, columns: &[Column]) -> Token {
        match self.u8() {
            0x79 => Token::ReturnStatus(self.i32()),
            0x81 => {
                let count = self.u16();
                Token::Columns((0..count).map(|_| self.column()).collect())
            }
            kind @ (0xAA | 0xAB) => {
                let length = self.length(2);
                let mut message = Reader(&self.0[..length]);
                self.take(length);
                let number = message.i32();
                let _state_and_class = message.take(2);
                let text = message.text(2);
                let _server = message.text(1);
                let _procedure = message.text(1);
                assert_eq!(message.take(4).len(), message.0.len() + 4);
                if kind == 0xAA {
                    Token::Error(number, text)
                } else {
                    Token::Info(number, text)
                }
            }
            0xAC => {
                let ordinal = self.u16();
                let name = self.text(1);
                let _status_type_flags = self.take(7);
                let kind = self.kind();
                let value = self.value(&kind);
                Token::ReturnValue(ordinal, name, value)
            }
            0xAD => {
                let length = self.length(2);
                let ack = self.take(length);
                Token::LoginAck(u32::from_be_bytes(ack[1..5].try_into().unwrap()))
            }
            0xAE => {
                let mut features = Vec::new();
                loop {
                    let feature = self.u8();
                    if feature == 0xFF {
                        return Token::Features(features);
                    }
                    let length = self.length(4);
                    features.push((feature, self.take(length)));
                }
            }
            0xD1 => Token::Row(
                columns
                    .iter()
                    .map(|column| self.value(&column.kind))
                    .collect(),
            ),
            0xE3 => {
                let length = self.length(2);
                let change = self.take(length);
                Token::Change(change[0], change[1..].to_vec())
            }
            kind @ 0xFD..=0xFF => Token::Done(kind, self.u16(), self.u16(), self.number(8)),
            other => panic!("token {other:#x}"),
        }
    }

    fn column(&mut self) -> Column {
        let _user_type = self.take(4);
        let flags = self.u16();
        let kind = self.kind();
        let name = self.text(1);
        Column { name, flags, kind }
    }

    fn kind(&mut self) -> Kind {
        let number = self.u8();
        let properties = match number {
            0x30..=0x3E | 0x7A | 0x7F | 0x28 => 0,
            0x24 | 0x26 | 0x68 | 0x6D | 0x6E | 0x6F | 0x29 | 0x2A | 0x2B | 0xF1 => 1,
            0xA5 | 0xAD => 2,
            0x6A | 0x6C => 3,
            0x62 => 4,
            0xA7 | 0xAF | 0xE7 | 0xEF => 7,
            other => panic!("type {other:#x}"),
        };
        Kind {
            number,
            properties: self.take(properties),
        }
    }

    fn value(&mut self, kind: &Kind) -> Option<Vec<u8>> {
        let is_long = kind.properties.starts_with(&[0xFF, 0xFF]);
        let length = match kind.number {
            0x30 | 0x32 => 1,
            0x34 => 2,
            0x38 | 0x3A | 0x3B | 0x7A => 4,
            0x3C | 0x3D | 0x3E | 0x7F => 8,
            0x24 | 0x26 | 0x28 | 0x29 | 0x2A | 0x2B | 0x68 | 0x6A | 0x6C | 0x6D | 0x6E | 0x6F => {
                match self.length(1) {
                    0 => return None,
                    length => length,
                }
            }
            0x62 => match self.length(4) {
                0 => return None,
                length => length,
            },
            0xF1 => return self.chunks(),
            _ if is_long => return self.chunks(),
            _ => match self.length(2) {
                0xFFFF => return None,
                length => length,
            },
        };
        Some(self.take(length))
    }

    fn chunks(&mut self) -> Option<Vec<u8>> {
        if self.number(8) == u64::MAX {
            return None;
        }
        let mut value = Vec::new();
        loop {
            match self.length(4) {
                0 => return Some(value),
                length => value.extend(self.take(length)),
            }
        }
    }
}
