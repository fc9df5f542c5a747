//! Logins, users, roles and permissions.

use super::ObjectName;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum SecurityStatement {
    CreateLogin {
        name: String,
        /// `None`: FROM WINDOWS.
        password: Option<String>,
        default_database: Option<String>,
        sid: Option<Vec<u8>>,
        checks_policy: bool,
    },
    AlterLogin {
        name: String,
        change: LoginChange,
    },
    DropLogin(String),
    CreateUser {
        name: String,
        /// `None`: WITHOUT LOGIN.
        login: Option<String>,
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
