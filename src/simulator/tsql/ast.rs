//! Statements as they were read.

mod backup;
mod key;

pub(crate) use backup::{BackupStatement, Device, MediaOption, RestoreKind};
pub(crate) use key::{KeyProtector, KeyStatement, MasterKeyProtector};

/// A text that T-SQL takes as a literal or a variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum TextArgument {
    Literal(String),
    /// With its `@`.
    Variable(String),
}

/// A statement and the line it starts on.
#[derive(Clone, Debug)]
pub(crate) struct Statement {
    pub(crate) line: u32,
    pub(crate) kind: StatementKind,
}

#[derive(Clone, Debug)]
pub(crate) enum StatementKind {
    Backup(BackupStatement),
    Key(KeyStatement),
}
