//! The form of every file that the server itself keeps: a kind, sections, and a checksum over all.

use aws_lc_rs::digest::{SHA256, digest};

const MAGIC: &[u8; 8] = b"SCRCHSIM";
const VERSION: u8 = 1;
const CHECKSUM_LENGTH: usize = 32;

/// What a file is, so that one is never taken for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FileKind {
    /// What `master` knows of the instance.
    Catalog,
    /// A database's primary data file.
    Data,
    /// The same, encrypted (TDE).
    EncryptedData,
    /// A database's log file.
    Log,
    /// The changes that a crash must not halve.
    Intent,
}

impl FileKind {
    const fn tag(self) -> u8 {
        match self {
            Self::Catalog => 1,
            Self::Data => 2,
            Self::Log => 3,
            Self::Intent => 4,
            Self::EncryptedData => 5,
        }
    }
}

/// A file that is not what it was written as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum EnvelopeError {
    #[error("it is empty")]
    Empty,
    #[error("it is no file of this kind")]
    Foreign,
    #[error("it is damaged: its checksum does not fit")]
    Damaged,
}

/// Puts sections into one file: magic, version, kind, then each section behind its length, then
/// the SHA-256 of all of it.
pub(crate) fn seal(kind: FileKind, sections: &[&[u8]]) -> Vec<u8> {
    let length: usize = sections.iter().map(|section| section.len() + 8).sum();
    let mut bytes = Vec::with_capacity(MAGIC.len() + 2 + length + CHECKSUM_LENGTH);
    bytes.extend_from_slice(MAGIC);
    bytes.extend_from_slice(&[VERSION, kind.tag()]);
    for section in sections {
        bytes.extend_from_slice(&(section.len() as u64).to_le_bytes());
        bytes.extend_from_slice(section);
    }
    let checksum = digest(&SHA256, &bytes);
    bytes.extend_from_slice(checksum.as_ref());
    bytes
}

/// Takes the sections out again, if nothing changed since [`seal`].
pub(crate) fn unseal<const SECTIONS: usize>(
    kind: FileKind,
    bytes: &[u8],
) -> Result<[&[u8]; SECTIONS], EnvelopeError> {
    if bytes.is_empty() {
        return Err(EnvelopeError::Empty);
    }
    if !bytes.starts_with(MAGIC) {
        return Err(EnvelopeError::Foreign);
    }
    let (content, checksum) = bytes
        .split_last_chunk::<CHECKSUM_LENGTH>()
        .ok_or(EnvelopeError::Damaged)?;
    if digest(&SHA256, content).as_ref() != checksum {
        return Err(EnvelopeError::Damaged);
    }
    let mut rest = content
        .strip_prefix(MAGIC)
        .and_then(|rest| rest.strip_prefix(&[VERSION, kind.tag()]))
        .ok_or(EnvelopeError::Foreign)?;
    let mut sections = [&[][..]; SECTIONS];
    for section in &mut sections {
        let (length, behind) = rest
            .split_first_chunk::<8>()
            .ok_or(EnvelopeError::Foreign)?;
        let length =
            usize::try_from(u64::from_le_bytes(*length)).map_err(|_| EnvelopeError::Foreign)?;
        (*section, rest) = behind
            .split_at_checked(length)
            .ok_or(EnvelopeError::Foreign)?;
    }
    if rest.is_empty() {
        Ok(sections)
    } else {
        Err(EnvelopeError::Foreign)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_come_back() {
        let bytes = seal(FileKind::Data, &[b"one", b"", b"three"]);
        assert_eq!(
            unseal::<3>(FileKind::Data, &bytes),
            Ok([&b"one"[..], b"", b"three"])
        );
        assert_eq!(
            unseal::<3>(FileKind::Log, &bytes),
            Err(EnvelopeError::Foreign)
        );
        assert_eq!(
            unseal::<2>(FileKind::Data, &bytes),
            Err(EnvelopeError::Foreign)
        );
        assert_eq!(
            unseal::<4>(FileKind::Data, &bytes),
            Err(EnvelopeError::Foreign)
        );
    }

    #[test]
    fn every_flipped_bit_and_every_cut_is_found() {
        let bytes = seal(FileKind::Catalog, &[b"content"]);
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut damaged = bytes.clone();
                damaged[at] ^= 1 << bit;
                assert!(
                    unseal::<1>(FileKind::Catalog, &damaged).is_err(),
                    "byte {at} bit {bit}"
                );
            }
            assert!(
                unseal::<1>(FileKind::Catalog, &bytes[..at]).is_err(),
                "cut at {at}"
            );
        }
        assert_eq!(
            unseal::<1>(FileKind::Catalog, b""),
            Err(EnvelopeError::Empty)
        );
    }
}
