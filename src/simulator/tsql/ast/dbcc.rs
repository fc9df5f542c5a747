//! DBCC.

/// `DBCC CHECKDB (…) WITH …`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CheckDatabase {
    /// `None`: the one that the session is in.
    pub(crate) database: Option<String>,
    /// `NO_INFOMSGS`.
    pub(crate) is_quiet: bool,
}
