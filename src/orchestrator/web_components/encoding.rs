use crate::error::{Error, ErrorKind, Result};

/// The longest file of a site that is read: real ones have a few KiB, and IIS itself reads a web.config up to
/// 250 KiB unless it is told otherwise (documented).
pub(super) const LONGEST: usize = 4 << 20;

/// How the characters of a file are bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    Utf8 { has_mark: bool },
    Utf16LittleEndian,
    Utf16BigEndian,
}

const MARK: char = '\u{feff}';

impl Encoding {
    /// Reads a file's characters, without its byte order mark. What can't be read back to the same bytes
    /// is refused, so that no edit changes what it does not mean to.
    pub(super) fn decode(bytes: &[u8]) -> Result<(Self, String)> {
        if bytes.len() > LONGEST {
            return Err(corrupt(format!(
                "it has {} bytes, and no configuration of a site is longer than {LONGEST}",
                bytes.len()
            )));
        }
        let (encoding, text) = match bytes {
            [0xff, 0xfe, 0, 0, ..] | [0, 0, 0xfe, 0xff, ..] => return Err(foreign("UTF-32")),
            [0xff, 0xfe, units @ ..] => {
                (Self::Utf16LittleEndian, utf16(units, u16::from_le_bytes)?)
            }
            [0xfe, 0xff, units @ ..] => (Self::Utf16BigEndian, utf16(units, u16::from_be_bytes)?),
            [b'<', 0, ..] | [0, b'<', ..] => {
                return Err(foreign("UTF-16 without a byte order mark"));
            }
            _ => {
                let (has_mark, rest) = match bytes {
                    [0xef, 0xbb, 0xbf, rest @ ..] => (true, rest),
                    _ => (false, bytes),
                };
                let text = std::str::from_utf8(rest).map_err(|error| {
                    corrupt(format!(
                        "it is not UTF-8 (byte {}), and has no byte order mark of UTF-16",
                        error.valid_up_to()
                    ))
                })?;
                (Self::Utf8 { has_mark }, text.to_owned())
            }
        };
        if text.starts_with(MARK) {
            return Err(corrupt("it has two byte order marks"));
        }
        encoding.check_declaration(&text)?;
        Ok((encoding, text))
    }

    /// The file's bytes.
    pub(super) fn encode(self, text: &str) -> Vec<u8> {
        let units = |to_bytes: fn(u16) -> [u8; 2]| {
            std::iter::once(MARK)
                .chain(text.chars())
                .flat_map(|character| {
                    let mut buffer = [0; 2];
                    let units = character.encode_utf16(&mut buffer).len();
                    buffer.into_iter().take(units)
                })
                .flat_map(to_bytes)
                .collect()
        };
        match self {
            Self::Utf8 { has_mark: true } => ["\u{feff}", text].concat().into_bytes(),
            Self::Utf8 { has_mark: false } => text.as_bytes().to_vec(),
            Self::Utf16LittleEndian => units(u16::to_le_bytes),
            Self::Utf16BigEndian => units(u16::to_be_bytes),
        }
    }

    /// Holds the XML declaration against what the file is.
    fn check_declaration(self, text: &str) -> Result<()> {
        let Some(declaration) = text
            .strip_prefix("<?xml")
            .filter(|rest| rest.starts_with(|c: char| c.is_ascii_whitespace()))
            .and_then(|rest| rest.split_once("?>"))
            .map(|(declaration, _)| declaration)
        else {
            return Ok(());
        };
        if let Some(version) = pseudo_attribute(declaration, "version")
            && version != "1.0"
        {
            return Err(corrupt("it declares another version of XML than 1.0"));
        }
        let Some(declared) = pseudo_attribute(declaration, "encoding") else {
            return Ok(());
        };
        let declared = declared.to_ascii_lowercase();
        let agrees = match self {
            Self::Utf8 { .. } => declared == "utf-8",
            Self::Utf16LittleEndian => matches!(declared.as_str(), "utf-16" | "utf-16le"),
            Self::Utf16BigEndian => matches!(declared.as_str(), "utf-16" | "utf-16be"),
        };
        if agrees {
            return Ok(());
        }
        if matches!(
            declared.as_str(),
            "utf-8" | "utf-16" | "utf-16le" | "utf-16be"
        ) {
            return Err(corrupt(format!(
                "it declares the encoding {declared} and is {self:?}"
            )));
        }
        Err(foreign(&format!("declared as {declared:?}")))
    }
}

fn utf16(units: &[u8], from_bytes: fn([u8; 2]) -> u16) -> Result<String> {
    let (pairs, rest) = units.as_chunks::<2>();
    if !rest.is_empty() {
        return Err(corrupt("it is UTF-16 and ends within a character"));
    }
    char::decode_utf16(pairs.iter().copied().map(from_bytes))
        .collect::<Result<String, _>>()
        .map_err(|_| corrupt("it is UTF-16 and holds half of a surrogate pair"))
}

/// The value of `name="…"` in an XML declaration. Its form is the XML reader's to check.
fn pseudo_attribute<'a>(declaration: &'a str, name: &str) -> Option<&'a str> {
    let rest = declaration.split_once(name)?.1.trim_start();
    let rest = rest.strip_prefix('=')?.trim_start();
    let quote = rest.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    rest[1..].split_once(quote).map(|(value, _)| value)
}

fn corrupt(problem: impl Into<String>) -> Error {
    Error::new(ErrorKind::Corrupt, problem)
}

fn foreign(found: &str) -> Error {
    Error::new(
        ErrorKind::Unsupported,
        format!("its encoding ({found}) is neither UTF-8 nor UTF-16 with a byte order mark"),
    )
    .with_remedy("save the file as UTF-8 first")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_is_written_back() {
        let text = "<a b=\"é漢𝄞\">\r\n</a>";
        for encoding in [
            Encoding::Utf8 { has_mark: false },
            Encoding::Utf8 { has_mark: true },
            Encoding::Utf16LittleEndian,
            Encoding::Utf16BigEndian,
        ] {
            let bytes = encoding.encode(text);
            let (read, back) = Encoding::decode(&bytes).unwrap();
            assert_eq!((read, back.as_str()), (encoding, text));
            assert_eq!(read.encode(&back), bytes);
        }
    }

    #[test]
    fn what_is_neither_is_refused() {
        let utf16 = |text: &str| Encoding::Utf16LittleEndian.encode(text);
        for (bytes, part) in [
            (
                b"<?xml version='1.0' encoding='windows-1252'?><a/>".to_vec(),
                "windows-1252",
            ),
            (
                b"<?xml version='1.0' encoding=\"utf-16\"?><a/>".to_vec(),
                "declares the encoding utf-16",
            ),
            (
                utf16("<?xml version='1.0' encoding='utf-8'?><a/>"),
                "declares the encoding utf-8",
            ),
            (b"<?xml version='1.1'?><a/>".to_vec(), "another version"),
            (b"\xff\xfe\0\0<\0\0\0".to_vec(), "UTF-32"),
            (utf16("<a/>")[2..].to_vec(), "without a byte order mark"),
            (b"<a>\xe9</a>".to_vec(), "byte 3"),
            (b"\xff\xfe<\0a".to_vec(), "ends within"),
            (b"\xff\xfe\x00\xd8<\0".to_vec(), "surrogate"),
            (
                b"\xef\xbb\xbf\xef\xbb\xbf<a/>".to_vec(),
                "two byte order marks",
            ),
            (
                vec![b' '; LONGEST + 1],
                "no configuration of a site is longer",
            ),
        ] {
            let error = Encoding::decode(&bytes).unwrap_err();
            assert!(error.detail().contains(part), "{part}: {error}");
        }
        for fine in [
            "<?xml version='1.0' encoding = 'UTF-8' ?><a/>",
            "<a encoding='latin1'/>",
        ] {
            Encoding::decode(fine.as_bytes()).unwrap();
        }
    }
}
