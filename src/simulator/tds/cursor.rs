//! Reads the bytes of a request, and never beyond their end.

/// Why a request can't be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum RequestError {
    /// The bytes are not TDS. The conversation can't go on.
    #[error("the request is malformed: {0}")]
    Malformed(&'static str),
    /// The bytes are TDS, but not what this server does. The conversation goes on.
    #[error("the request needs {0}")]
    Unsupported(String),
}

/// A position in the bytes of a request.
#[derive(Clone, Debug)]
pub(super) struct Cursor<'a> {
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(super) const fn is_at_end(&self) -> bool {
        self.rest.is_empty()
    }

    pub(super) fn bytes(&mut self, count: usize) -> Result<&'a [u8], RequestError> {
        let (taken, rest) = self
            .rest
            .split_at_checked(count)
            .ok_or(RequestError::Malformed("it ends too early"))?;
        self.rest = rest;
        Ok(taken)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], RequestError> {
        let (taken, rest) = self
            .rest
            .split_first_chunk::<N>()
            .ok_or(RequestError::Malformed("it ends too early"))?;
        self.rest = rest;
        Ok(*taken)
    }

    pub(super) fn u8(&mut self) -> Result<u8, RequestError> {
        self.array::<1>().map(|[byte]| byte)
    }

    pub(super) fn u16(&mut self) -> Result<u16, RequestError> {
        self.array().map(u16::from_le_bytes)
    }

    pub(super) fn u32(&mut self) -> Result<u32, RequestError> {
        self.array().map(u32::from_le_bytes)
    }

    pub(super) fn u64(&mut self) -> Result<u64, RequestError> {
        self.array().map(u64::from_le_bytes)
    }

    /// A length or offset of 32 bits.
    pub(super) fn length(&mut self) -> Result<usize, RequestError> {
        usize::try_from(self.u32()?).map_err(|_| RequestError::Malformed("a length is too large"))
    }

    /// UTF-16 text of that many units.
    pub(super) fn text(&mut self, units: usize) -> Result<String, RequestError> {
        let count = units
            .checked_mul(2)
            .ok_or(RequestError::Malformed("a length is too large"))?;
        utf16_text(self.bytes(count)?)
    }

    /// `B_VARCHAR`: a length of 8 bits, then UTF-16.
    pub(super) fn short_text(&mut self) -> Result<String, RequestError> {
        let units = self.u8()?;
        self.text(usize::from(units))
    }

    pub(super) const fn rest(self) -> &'a [u8] {
        self.rest
    }

    /// All that is left, as UTF-16.
    pub(super) fn rest_as_text(&mut self) -> Result<String, RequestError> {
        utf16_text(std::mem::take(&mut self.rest))
    }

    pub(super) const fn peek(&self) -> Option<u8> {
        match self.rest {
            [first, ..] => Some(*first),
            [] => None,
        }
    }

    /// Reads `ALL_HEADERS`, which every request begins with since TDS 7.2: gives the descriptor of
    /// the transaction that the client means the request for, if it says so. Other headers are about
    /// traces and query notifications, which nothing here depends on.
    pub(super) fn all_headers(&mut self) -> Result<Option<u64>, RequestError> {
        const TRANSACTION: u16 = 2;
        let shorter = || RequestError::Malformed("its headers are shorter than their length");
        let total = self.length()?.checked_sub(4).ok_or_else(shorter)?;
        let mut headers = Cursor::new(self.bytes(total)?);
        let mut descriptor = None;
        while !headers.is_at_end() {
            let length = headers.length()?.checked_sub(4).ok_or_else(shorter)?;
            let mut header = Cursor::new(headers.bytes(length)?);
            if header.u16()? == TRANSACTION {
                descriptor = Some(header.u64()?);
            }
        }
        Ok(descriptor)
    }
}

/// Lone surrogates, which SQL Server takes and Rust's strings can't hold, are replaced.
pub(super) fn utf16_text(bytes: &[u8]) -> Result<String, RequestError> {
    let (pairs, rest) = bytes.as_chunks::<2>();
    if !rest.is_empty() {
        return Err(RequestError::Malformed("its text has half a character"));
    }
    let units = pairs.iter().map(|pair| u16::from_le_bytes(*pair));
    Ok(char::decode_utf16(units)
        .map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_read_beyond_the_end() {
        let mut cursor = Cursor::new(&[1, 2, 3]);
        assert_eq!(cursor.u16(), Ok(0x0201));
        assert!(cursor.u16().is_err());
        assert!(cursor.text(usize::MAX).is_err());
        assert_eq!(cursor.u8(), Ok(3));
        assert!(cursor.is_at_end());
    }

    #[test]
    fn headers_name_a_transaction() {
        let transaction = [&[18, 0, 0, 0, 2, 0, 7][..], &[0; 7], &[1, 0, 0, 0]].concat();
        let other = [8, 0, 0, 0, 3, 0, 9, 9];
        for (headers, descriptor) in [
            (vec![], None),
            (other.to_vec(), None),
            ([&transaction[..], &other].concat(), Some(7)),
            ([&other[..], &transaction].concat(), Some(7)),
        ] {
            let total = u32::try_from(headers.len() + 4).unwrap().to_le_bytes();
            let bytes = [&total[..], &headers, &[b'a', 0]].concat();
            let mut cursor = Cursor::new(&bytes);
            assert_eq!(cursor.all_headers(), Ok(descriptor));
            assert_eq!(cursor.rest_as_text().unwrap(), "a");
        }
        for bad in [
            &[3, 0, 0, 0][..],
            &[5, 0, 0, 0],
            &[5, 0, 0, 0, 1],
            &[8, 0, 0, 0, 3, 0, 0, 0],
            &[8, 0, 0, 0, 4, 0, 0, 0],
            &[8, 0, 0, 0, 5, 0, 0, 0],
            &[10, 0, 0, 0, 6, 0, 0, 0, 2, 0],
            &[255, 255, 255, 255],
        ] {
            assert!(Cursor::new(bad).all_headers().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn half_characters_are_refused_and_lone_surrogates_replaced() {
        assert!(utf16_text(&[1]).is_err());
        assert_eq!(utf16_text(&[0, 0xD8]).unwrap(), "\u{FFFD}");
        assert_eq!(utf16_text(&[0x3D, 0xD8, 0, 0xDE]).unwrap(), "😀");
    }
}
