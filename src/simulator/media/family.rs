//! One family of a media set: the file on one device.
//!
//! A file is a run of frames, each with its own checksum: the label, then for every backup set a
//! header, blocks and an end. So damage is found where it is, and what stands before it stays
//! readable.

use aws_lc_rs::digest::{SHA256, digest};
use serde::de::DeserializeOwned;

use super::{MediaLabel, SetHeader};

const MAGIC: &[u8; 8] = b"SCRCHBAK";
const CHECKSUM_LENGTH: usize = 32;
const BLOCK_LENGTH: usize = 64 * 1024;

const LABEL: u8 = b'L';
const HEADER: u8 = b'H';
const BLOCK: u8 = b'B';
const END: u8 = b'E';
/// Stands behind the last set, so that a file cut between two sets is found.
const TRAILER: u8 = b'T';

/// A backup set as it lies in one family.
#[derive(Clone, Debug)]
pub(crate) struct StoredSet {
    pub(crate) header: SetHeader,
    /// This family's share of the content.
    pub(crate) blocks: Vec<Vec<u8>>,
    /// The number of the first block whose checksum doesn't fit.
    pub(crate) damaged_block: Option<usize>,
    /// Whether its end was found.
    pub(crate) is_complete: bool,
}

/// A family: its label and its backup sets.
#[derive(Clone, Debug)]
pub(crate) struct Family {
    pub(crate) label: MediaLabel,
    pub(crate) sets: Vec<StoredSet>,
    /// What stands behind the last set can't be read.
    pub(crate) is_damaged_at_end: bool,
}

/// Why a file is no family at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FamilyProblem {
    /// It has no content.
    Empty,
    /// It is something else, or its label is damaged.
    Malformed,
}

impl Family {
    pub(crate) const fn new(label: MediaLabel) -> Self {
        Self {
            label,
            sets: Vec::new(),
            is_damaged_at_end: false,
        }
    }

    /// The file's content. It breaks off behind a set that is not complete.
    pub(crate) fn to_bytes(&self) -> serde_json::Result<Vec<u8>> {
        let mut bytes = MAGIC.to_vec();
        put(&mut bytes, LABEL, &serde_json::to_vec(&self.label)?);
        for set in &self.sets {
            put(&mut bytes, HEADER, &serde_json::to_vec(&set.header)?);
            for block in &set.blocks {
                put(&mut bytes, BLOCK, block);
            }
            if !set.is_complete {
                return Ok(bytes);
            }
            put(&mut bytes, END, &(set.blocks.len() as u64).to_le_bytes());
        }
        put(&mut bytes, TRAILER, &(self.sets.len() as u64).to_le_bytes());
        Ok(bytes)
    }

    /// Reads a file as far as it can be read.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Result<Self, FamilyProblem> {
        if bytes.is_empty() {
            return Err(FamilyProblem::Empty);
        }
        let mut frames = Frames(bytes.strip_prefix(MAGIC).ok_or(FamilyProblem::Malformed)?);
        let label = match frames.next() {
            Some(Frame {
                tag: LABEL,
                payload,
                is_sound: true,
            }) => serde_json::from_slice(payload).map_err(|_| FamilyProblem::Malformed)?,
            _ => return Err(FamilyProblem::Malformed),
        };
        let mut family = Self::new(label);
        while let Some(frame) = frames.next() {
            if frame.tag == TRAILER {
                let count = (family.sets.len() as u64).to_le_bytes();
                family.is_damaged_at_end =
                    !(frame.is_sound && frame.payload == count && frames.0.is_empty());
                return Ok(family);
            }
            if !family.add(&frame) {
                break;
            }
        }
        family.is_damaged_at_end = true;
        Ok(family)
    }

    /// Takes a frame in; `false` where it makes no sense here.
    fn add(&mut self, frame: &Frame<'_>) -> bool {
        let open = self.sets.last_mut().filter(|set| !set.is_complete);
        match (frame.tag, open) {
            (HEADER, None) => match json::<SetHeader>(frame) {
                Some(header) => {
                    self.sets.push(StoredSet {
                        header,
                        blocks: Vec::new(),
                        damaged_block: None,
                        is_complete: false,
                    });
                    true
                }
                None => false,
            },
            (BLOCK, Some(set)) => {
                if !frame.is_sound {
                    set.damaged_block.get_or_insert(set.blocks.len());
                }
                set.blocks.push(frame.payload.to_vec());
                true
            }
            (END, Some(set)) => {
                let count = frame.payload.try_into().map(u64::from_le_bytes).ok();
                if !frame.is_sound || count != Some(set.blocks.len() as u64) {
                    set.damaged_block.get_or_insert(set.blocks.len());
                }
                set.is_complete = true;
                true
            }
            _ => false,
        }
    }
}

fn json<T: DeserializeOwned>(frame: &Frame<'_>) -> Option<T> {
    frame
        .is_sound
        .then(|| serde_json::from_slice(frame.payload).ok())?
}

fn put(bytes: &mut Vec<u8>, tag: u8, payload: &[u8]) {
    let start = bytes.len();
    bytes.push(tag);
    bytes.extend_from_slice(&(payload.len() as u64).to_le_bytes());
    bytes.extend_from_slice(payload);
    let checksum = digest(&SHA256, &bytes[start..]);
    bytes.extend_from_slice(checksum.as_ref());
}

struct Frame<'a> {
    tag: u8,
    payload: &'a [u8],
    is_sound: bool,
}

struct Frames<'a>(&'a [u8]);

impl<'a> Frames<'a> {
    /// The next frame; `None` at the end, and where what is left can't be one.
    fn next(&mut self) -> Option<Frame<'a>> {
        let (tag, rest) = self.0.split_first()?;
        let (length, rest) = rest.split_first_chunk::<8>()?;
        let length = usize::try_from(u64::from_le_bytes(*length)).ok()?;
        let (payload, rest) = rest.split_at_checked(length)?;
        let (checksum, rest) = rest.split_at_checked(CHECKSUM_LENGTH)?;
        let (content, _) = self.0.split_at_checked(9 + length)?;
        self.0 = rest;
        Some(Frame {
            tag: *tag,
            payload,
            is_sound: digest(&SHA256, content).as_ref() == checksum,
        })
    }
}

/// Deals content out to `families`, block by block.
pub(crate) fn split_blocks(content: &[u8], families: usize) -> Vec<Vec<Vec<u8>>> {
    let mut dealt = vec![Vec::new(); families.max(1)];
    let count = dealt.len();
    for (number, block) in content.chunks(BLOCK_LENGTH).enumerate() {
        if let Some(family) = dealt.get_mut(number % count) {
            family.push(block.to_vec());
        }
    }
    dealt
}

/// Puts content together again, from the families in their order.
pub(crate) fn join_blocks(families: &[&[Vec<u8>]]) -> Vec<u8> {
    let most = families
        .iter()
        .map(|blocks| blocks.len())
        .max()
        .unwrap_or(0);
    let mut content = Vec::new();
    for number in 0..most {
        for block in families.iter().filter_map(|blocks| blocks.get(number)) {
            content.extend_from_slice(block);
        }
    }
    content
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;
    use time::macros::datetime;

    use super::*;
    use crate::simulator::catalog::{RecoveryModel, UserAccess};
    use crate::simulator::media::SetKind;

    fn label() -> MediaLabel {
        MediaLabel {
            media_set: [1; 16],
            family: [2; 16],
            family_count: 1,
            family_number: 1,
            name: None,
            description: None,
            written: datetime!(2026-01-01 00:00),
            is_compressed: false,
        }
    }

    fn header(database: &str) -> SetHeader {
        SetHeader {
            id: [3; 16],
            kind: SetKind::Database,
            name: None,
            description: None,
            user: "sa".to_owned(),
            server: "SQL01".to_owned(),
            database: database.to_owned(),
            database_version: 957,
            database_created: datetime!(2026-01-01 00:00),
            compatibility_level: 160,
            product: (16, 0, 4236),
            started: datetime!(2026-01-01 00:00),
            finished: datetime!(2026-01-01 00:00),
            first_change: 1,
            last_change: 2,
            base: None,
            family: [4; 16],
            binding: [5; 16],
            recovery_fork: [6; 16],
            recovery_model: RecoveryModel::Simple,
            user_access: UserAccess::Multi,
            is_read_only: false,
            is_broker_enabled: false,
            has_checksums: true,
            is_compressed: false,
            compression_algorithm: None,
            is_copy_only: false,
            is_tail: false,
            encryption: None,
            tde: None,
            files: Vec::new(),
            size: 0,
        }
    }

    fn family() -> Family {
        let mut family = Family::new(label());
        for database in ["one", "two"] {
            family.sets.push(StoredSet {
                header: header(database),
                blocks: vec![database.as_bytes().to_vec(), vec![7; 100]],
                damaged_block: None,
                is_complete: true,
            });
        }
        family
    }

    fn is_sound(family: &Family) -> bool {
        !family.is_damaged_at_end
            && family.sets.len() == 2
            && family
                .sets
                .iter()
                .all(|set| set.is_complete && set.damaged_block.is_none())
    }

    #[test]
    fn sets_come_back() {
        let read = Family::from_bytes(&family().to_bytes().unwrap()).unwrap();
        assert!(is_sound(&read));
        assert_eq!(read.sets[1].header.database, "two");
        assert_eq!(read.sets[1].blocks[0], b"two");
    }

    #[test]
    fn every_flipped_bit_and_every_cut_is_found() {
        let bytes = family().to_bytes().unwrap();
        for at in 0..bytes.len() {
            for bit in [0, 3, 7] {
                let mut damaged = bytes.clone();
                damaged[at] ^= 1 << bit;
                let read = Family::from_bytes(&damaged);
                assert!(
                    !read.is_ok_and(|family| is_sound(&family)),
                    "byte {at} bit {bit}"
                );
            }
            let cut = Family::from_bytes(&bytes[..at]);
            assert!(!cut.is_ok_and(|family| is_sound(&family)), "cut at {at}");
        }
    }

    #[test]
    fn damage_of_one_set_leaves_the_others() {
        let bytes = family().to_bytes().unwrap();
        let at = bytes.windows(3).position(|part| part == b"one").unwrap();
        let block = bytes
            .windows(100)
            .position(|part| part == [7; 100])
            .unwrap();
        assert!(at < block);
        let mut damaged = bytes.clone();
        damaged[block] ^= 1;
        let read = Family::from_bytes(&damaged).unwrap();
        assert_eq!(read.sets[0].damaged_block, Some(1));
        assert_eq!(read.sets[1].damaged_block, None);
        assert_eq!(Family::from_bytes(b"").unwrap_err(), FamilyProblem::Empty);
        assert_eq!(
            Family::from_bytes(b"TAPE").unwrap_err(),
            FamilyProblem::Malformed
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn stripes_come_together(content in proptest::collection::vec(any::<u8>(), 0..300_000), families in 1_usize..5) {
            let dealt = split_blocks(&content, families);
            let dealt: Vec<&[Vec<u8>]> = dealt.iter().map(Vec::as_slice).collect();
            prop_assert_eq!(join_blocks(&dealt), content);
        }

        #[test]
        fn no_file_makes_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let mut file = MAGIC.to_vec();
            file.extend_from_slice(&bytes);
            let _ = Family::from_bytes(&file);
            let _ = Family::from_bytes(&bytes);
        }
    }
}
