//! Bytes on the disk: the server's own namespace of paths, and writes that a crash can't halve.

/// The disk of an instance.
#[derive(Debug)]
pub(crate) struct Disk {}
