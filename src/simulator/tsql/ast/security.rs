//! Logins, users, roles and permissions.

use super::ObjectName;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum SecurityStatement {
    CreateLogin(Box<NewLogin>),
    AlterLogin {
        name: String,
        change: LoginChange,
    },
    DropLogin(String),
    CreateUser {
        name: String,
        /// `None`: WITHOUT LOGIN.
        login: Option<String>,
        default_schema: Option<String>,
    },
    /// ALTER USER … WITH LOGIN = ….
    MapUser {
        name: String,
        login: String,
    },
    DropUser {
        name: String,
        if_exists: bool,
    },
    CreateRole(String),
    DropRole(String),
    ChangeMembership {
        /// ALTER SERVER ROLE rather than ALTER ROLE.
        is_server_role: bool,
        role: String,
        member: String,
        is_added: bool,
    },
    Permission {
        action: PermissionAction,
        /// In upper case.
        permissions: Vec<String>,
        target: PermissionTarget,
        principals: Vec<String>,
        /// WITH GRANT OPTION; of REVOKE, GRANT OPTION FOR.
        with_grant: bool,
    },
    /// EXECUTE AS LOGIN or USER.
    Impersonate {
        is_login: bool,
        name: String,
        /// WITH NO REVERT.
        is_for_good: bool,
    },
    Revert,
}

/// CREATE LOGIN.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NewLogin {
    pub(crate) name: String,
    pub(crate) source: LoginSource,
    pub(crate) default_database: Option<String>,
    pub(crate) default_language: Option<String>,
    pub(crate) sid: Option<Vec<u8>>,
    pub(crate) checks_policy: bool,
    pub(crate) checks_expiration: bool,
}

/// Who vouches for a new login.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum LoginSource {
    Password(String),
    /// WITH PASSWORD = 0x… HASHED.
    Hash(Vec<u8>),
    Windows,
}

impl std::fmt::Debug for LoginSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Password(_) => "Password(***)",
            Self::Hash(_) => "Hash(***)",
            Self::Windows => "Windows",
        })
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum LoginChange {
    Enable,
    Disable,
    Password(String),
    DefaultDatabase(String),
    Name(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PermissionAction {
    Grant,
    Deny,
    Revoke,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum PermissionTarget {
    /// None was named: the server for server permissions, else the current database.
    Implied,
    Server,
    Database(String),
    Schema(String),
    Object(ObjectName),
    /// `SYMMETRIC KEY::k`, `CERTIFICATE::c`: the class in upper case, and the name.
    Other {
        class: String,
        name: String,
    },
}
