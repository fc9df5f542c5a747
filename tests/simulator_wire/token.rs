//! The tokens of a reply, read back from its bytes: by the protocol's description, not by the
//! simulator's code.

/// A token of a reply.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Token {
    Columns(Vec<Column>),
    Row(Vec<Value>),
    Message(Message),
    Done(Done),
    /// ENVCHANGE: its type and the rest of it.
    Change(u8, Vec<u8>),
    /// LOGINACK and what else comes with a login, by its first byte.
    Login(u8),
    ReturnStatus(i32),
}

/// INFO or ERROR.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) is_error: bool,
    pub(crate) number: i32,
    pub(crate) state: u8,
    pub(crate) class: u8,
    pub(crate) text: String,
    pub(crate) procedure: String,
    pub(crate) line: u32,
}

/// DONE, DONEPROC or DONEINPROC, by its first byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Done {
    pub(crate) kind: u8,
    pub(crate) status: u16,
    pub(crate) command: u16,
    pub(crate) rows: u64,
}

/// A column of COLMETADATA.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Column {
    pub(crate) name: String,
    /// The type as the protocol's description names it, without its suffix: `IntN`, `NVarChar`.
    pub(crate) kind: &'static str,
    /// Where the type has one; 65535 is `max`.
    pub(crate) length: Option<u32>,
    pub(crate) precision: Option<u8>,
    pub(crate) scale: Option<u8>,
    pub(crate) flags: u16,
}

/// A cell of a ROW.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Null,
    Bit(bool),
    Int(i64),
    /// The digits of NUMERIC, with its scale left to its column.
    Numeric(i128),
    Text(String),
    Bytes(Vec<u8>),
    Guid,
    DateTime,
    /// What no test looks into.
    Other,
}

/// All tokens of a reply.
pub(crate) fn tokens(message: &[u8]) -> Vec<Token> {
    let mut reader = Reader { rest: message };
    let mut tokens = Vec::new();
    let mut columns: Vec<Column> = Vec::new();
    while !reader.rest.is_empty() {
        let kind = reader.byte();
        tokens.push(match kind {
            0x79 => Token::ReturnStatus(i32::from_le_bytes(reader.array())),
            0x81 => {
                columns = reader.columns();
                Token::Columns(columns.clone())
            }
            0xAA | 0xAB => Token::Message(reader.message(kind == 0xAA)),
            0xAD => {
                let length = reader.short();
                reader.take(usize::from(length));
                Token::Login(kind)
            }
            0xAE => {
                while reader.byte() != 0xFF {
                    let length = reader.long();
                    reader.take(usize::try_from(length).unwrap());
                }
                Token::Login(kind)
            }
            0xD1 => Token::Row(columns.iter().map(|column| reader.value(column)).collect()),
            0xE3 => {
                let length = usize::from(reader.short());
                let body = reader.take(length);
                Token::Change(body[0], body[1..].to_vec())
            }
            0xFD..=0xFF => Token::Done(Done {
                kind,
                status: reader.short(),
                command: reader.short(),
                rows: u64::from_le_bytes(reader.array()),
            }),
            other => panic!("a token of kind {other:#04x}"),
        });
    }
    tokens
}

struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> &'a [u8] {
        let (taken, rest) = self
            .rest
            .split_at_checked(length)
            .expect("a token ends amid its bytes");
        self.rest = rest;
        taken
    }

    fn array<const N: usize>(&mut self) -> [u8; N] {
        self.take(N).try_into().unwrap()
    }

    fn byte(&mut self) -> u8 {
        self.array::<1>()[0]
    }

    fn short(&mut self) -> u16 {
        u16::from_le_bytes(self.array())
    }

    fn long(&mut self) -> u32 {
        u32::from_le_bytes(self.array())
    }

    fn text(&mut self, units: usize) -> String {
        utf16(self.take(units * 2))
    }

    fn short_text(&mut self) -> String {
        let units = usize::from(self.byte());
        self.text(units)
    }

    fn message(&mut self, is_error: bool) -> Message {
        let length = usize::from(self.short());
        let mut body = Reader {
            rest: self.take(length),
        };
        let number = i32::from_le_bytes(body.array());
        let (state, class) = (body.byte(), body.byte());
        let units = usize::from(body.short());
        let text = body.text(units);
        let _server = body.short_text();
        let procedure = body.short_text();
        let line = body.long();
        assert!(body.rest.is_empty(), "a message is longer than it says");
        Message {
            is_error,
            number,
            state,
            class,
            text,
            procedure,
            line,
        }
    }

    fn columns(&mut self) -> Vec<Column> {
        let count = self.short();
        (0..count).map(|_| self.column()).collect()
    }

    fn column(&mut self) -> Column {
        let _user_type = self.long();
        let flags = self.short();
        let (mut length, mut precision, mut scale) = (None, None, None);
        let kind = match self.byte() {
            0x30 => "TinyInt",
            0x32 => "Bit",
            0x34 => "SmallInt",
            0x38 => "Int",
            0x3B => "Real",
            0x3D => "DateTime",
            0x3E => "Float",
            0x7F => "BigInt",
            0x28 => "Date",
            sized @ (0x24 | 0x26 | 0x68 | 0x6D | 0x6F) => {
                length = Some(u32::from(self.byte()));
                match sized {
                    0x24 => "UniqueIdentifier",
                    0x26 => "IntN",
                    0x68 => "BitN",
                    0x6D => "FloatN",
                    _ => "DateTimeN",
                }
            }
            0x2A => {
                scale = Some(self.byte());
                "DateTime2"
            }
            0x62 => {
                length = Some(self.long());
                "Variant"
            }
            0x6C => {
                length = Some(u32::from(self.byte()));
                precision = Some(self.byte());
                scale = Some(self.byte());
                "NumericN"
            }
            binary @ (0xA5 | 0xAD) => {
                length = Some(u32::from(self.short()));
                if binary == 0xA5 {
                    "VarBinary"
                } else {
                    "Binary"
                }
            }
            text @ (0xA7 | 0xAF | 0xE7 | 0xEF) => {
                length = Some(u32::from(self.short()));
                let _collation: [u8; 5] = self.array();
                match text {
                    0xA7 => "VarChar",
                    0xAF => "Char",
                    0xE7 => "NVarChar",
                    _ => "NChar",
                }
            }
            other => panic!("a column of type {other:#04x}"),
        };
        Column {
            flags,
            kind,
            length,
            precision,
            scale,
            name: self.short_text(),
        }
    }

    fn value(&mut self, column: &Column) -> Value {
        match column.kind {
            "Bit" => Value::Bit(self.byte() != 0),
            "TinyInt" => int(self.take(1)),
            "SmallInt" => int(self.take(2)),
            "Int" => int(self.take(4)),
            "BigInt" => int(self.take(8)),
            "DateTime" => {
                self.take(8);
                Value::DateTime
            }
            "Real" | "Float" => {
                self.take(if column.kind == "Real" { 4 } else { 8 });
                Value::Other
            }
            "VarBinary" | "Binary" | "VarChar" | "Char" | "NVarChar" | "NChar"
                if column.length != Some(0xFFFF) =>
            {
                let length = self.short();
                if length == 0xFFFF {
                    return Value::Null;
                }
                let bytes = self.take(usize::from(length));
                match column.kind {
                    "NVarChar" | "NChar" => Value::Text(utf16(bytes)),
                    "VarChar" | "Char" => Value::Text(String::from_utf8_lossy(bytes).into_owned()),
                    _ => Value::Bytes(bytes.to_vec()),
                }
            }
            "VarBinary" | "VarChar" | "NVarChar" => {
                let total = u64::from_le_bytes(self.array());
                if total == u64::MAX {
                    return Value::Null;
                }
                loop {
                    let length = self.long();
                    if length == 0 {
                        return Value::Other;
                    }
                    self.take(usize::try_from(length).unwrap());
                }
            }
            "Variant" => {
                let length = self.long();
                self.take(usize::try_from(length).unwrap());
                if length == 0 {
                    Value::Null
                } else {
                    Value::Other
                }
            }
            kind => {
                let length = usize::from(self.byte());
                if length == 0 {
                    return Value::Null;
                }
                let bytes = self.take(length);
                match kind {
                    "BitN" => Value::Bit(bytes[0] != 0),
                    "IntN" => int(bytes),
                    "NumericN" => {
                        let mut digits = [0; 16];
                        digits[..length - 1].copy_from_slice(&bytes[1..]);
                        let digits = i128::from_le_bytes(digits);
                        Value::Numeric(if bytes[0] == 0 { -digits } else { digits })
                    }
                    "UniqueIdentifier" => Value::Guid,
                    "DateTimeN" => Value::DateTime,
                    _ => Value::Other,
                }
            }
        }
    }
}

/// Whole numbers are signed, but for one byte.
fn int(bytes: &[u8]) -> Value {
    Value::Int(match bytes {
        [byte] => i64::from(*byte),
        [a, b] => i64::from(i16::from_le_bytes([*a, *b])),
        [a, b, c, d] => i64::from(i32::from_le_bytes([*a, *b, *c, *d])),
        bytes => i64::from_le_bytes(bytes.try_into().unwrap()),
    })
}

fn utf16(bytes: &[u8]) -> String {
    let units: Vec<u16> = bytes
        .chunks_exact(2)
        .map(|pair| u16::from_le_bytes([pair[0], pair[1]]))
        .collect();
    String::from_utf16_lossy(&units)
}
