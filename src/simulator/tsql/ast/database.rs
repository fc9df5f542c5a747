//! CREATE, ALTER and DROP DATABASE.

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum DatabaseStatement {
    Create {
        name: String,
        data: Vec<FileDefinition>,
        log: Vec<FileDefinition>,
    },
    Drop {
        names: Vec<String>,
        if_exists: bool,
    },
    Set {
        /// `None` is CURRENT.
        name: Option<String>,
        options: Vec<DatabaseOption>,
        termination: Termination,
    },
    Rename {
        name: Option<String>,
        new_name: String,
    },
    /// ALTER AUTHORIZATION ON DATABASE::name TO login.
    ChangeOwner {
        name: String,
        login: String,
    },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FileDefinition {
    pub(crate) logical_name: String,
    pub(crate) path: String,
}

/// An option of ALTER DATABASE … SET, in upper case: `SINGLE_USER`, `RECOVERY` with `SIMPLE`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DatabaseOption {
    pub(crate) name: String,
    pub(crate) value: Option<String>,
}

/// What happens to those who are in the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Termination {
    Wait,
    RollbackImmediate,
    /// Seconds.
    RollbackAfter(u32),
    NoWait,
}
