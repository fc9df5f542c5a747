//! The format of backups: families of a media set, each with a label and backup sets behind it.
//!
//! The format is our own. A real server can't restore it, and says so: it is no Microsoft Tape
//! Format.

mod family;
mod set;

pub(crate) use family::{Family, FamilyProblem, StoredSet, join_blocks, split_blocks};
pub(crate) use set::{BaseBackup, Encryption, MediaLabel, SetFile, SetHeader, SetKind, lsn};
