//! Bytes on the disk: the server's own namespace of paths, and writes that a crash can't halve.

mod disk;
mod envelope;
mod hold;
mod host;
mod intent;
mod namespace;
mod os_error;
mod power;

pub(crate) use disk::Disk;
pub(crate) use envelope::{EnvelopeError, FileKind, seal, unseal};
pub(crate) use hold::{Hold, HoldFor};
pub(crate) use intent::{Change, ServerFile};
pub(crate) use namespace::{HostPath as PathOnHost, Namespace, refuse_links};
pub(crate) use os_error::OsError;
pub use power::UnsyncedWrites;
