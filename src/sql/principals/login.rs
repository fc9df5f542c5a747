use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::names::{DatabaseName, LoginName};

/// The SID of `sa`, whatever it is called.
const SA: &str = "01";
/// S-1-5-32: the groups of BUILTIN.
const BUILT_IN: &str = "01020000000000052000000";
/// S-1-5-18 to 20, and S-1-5-80: the machine's own accounts, and those of its services.
const OF_MACHINE: [&str; 4] = [
    "010100000000000512000000",
    "010100000000000513000000",
    "010100000000000514000000",
    "010600000000000550000000",
];

/// A login as it was on its server. Its password's hash is not in here: see
/// [`Principals::password_hashes`](super::Principals::password_hashes).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct CapturedLogin {
    /// Its name.
    pub name: LoginName,
    /// Its SID, in hexadecimal: what users of databases belong to it by.
    pub sid: String,
    /// Who vouches for it.
    pub kind: LoginKind,
    /// The database that it begins in.
    pub default_database: Option<DatabaseName>,
    /// Its language.
    pub default_language: Option<String>,
    /// Whether it may not sign in.
    pub is_disabled: bool,
    /// `CHECK_POLICY`.
    pub checks_policy: bool,
    /// `CHECK_EXPIRATION`.
    pub checks_expiration: bool,
    /// Whether its password's hash was read.
    pub password: CapturedPassword,
    /// The server roles it is a member of.
    pub server_roles: Vec<String>,
    /// What it is granted and denied on the server.
    pub permissions: Vec<ServerPermission>,
    /// Whether it means somebody else on each machine: an account or group of the machine, of BUILTIN,
    /// or of one of its services.
    pub is_machine_local: bool,
}

/// Who vouches for a login.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum LoginKind {
    /// An asymmetric key in `master`.
    AsymmetricKey,
    /// A certificate in `master`.
    Certificate,
    /// Another directory, such as Microsoft Entra; its `type_desc`.
    Other(String),
    /// SQL Server itself, by a password.
    Sql,
    /// Windows, as a group.
    WindowsGroup,
    /// Windows, as an account.
    WindowsUser,
}

/// Whether the hash of a login's password was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "password", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum CapturedPassword {
    /// It was.
    Captured,
    /// The login has none.
    None,
    /// It was not, so that the login can't be made again with the password that its people know. (That
    /// of `sa` is never asked for: every server has its own.)
    NotReadable {
        /// Why, and what would help.
        why: String,
    },
}

/// A right on the server.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ServerPermission {
    /// `VIEW SERVER STATE`.
    pub name: String,
    /// How it is held.
    pub state: PermissionState,
}

/// How a right is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum PermissionState {
    /// Nobody may get it another way.
    Denied,
    /// It is granted.
    Granted,
    /// It is granted, and may be granted on.
    GrantedWithGrantOption,
    /// On a column, where the table's grant does not reach.
    Revoked,
}

impl PermissionState {
    pub(super) fn read(state: &str) -> Self {
        match state.trim() {
            "D" => Self::Denied,
            "W" => Self::GrantedWithGrantOption,
            "R" => Self::Revoked,
            _ => Self::Granted,
        }
    }
}

impl LoginKind {
    pub(super) fn read(kind: &str, description: &str) -> Self {
        match kind.trim() {
            "S" => Self::Sql,
            "U" => Self::WindowsUser,
            "G" => Self::WindowsGroup,
            "C" => Self::Certificate,
            "K" => Self::AsymmetricKey,
            _ => Self::Other(description.to_owned()),
        }
    }

    pub(super) const fn is_windows(&self) -> bool {
        matches!(self, Self::WindowsUser | Self::WindowsGroup)
    }
}

impl CapturedLogin {
    /// Whether every server has it, or makes it for itself: `sa`, and those with `##` around their
    /// names.
    #[must_use]
    pub fn is_of_the_server(&self) -> bool {
        self.sid == SA || self.name.as_str().starts_with("##")
    }

    pub(super) fn sid_bytes(&self) -> Result<Vec<u8>> {
        let bytes = hex::decode(&self.sid).ok().filter(|sid| !sid.is_empty());
        bytes.ok_or_else(|| Error::invalid("logins", format!("{}: its SID is none", self.name)))
    }
}

/// Whether a Windows account or group means others on each machine.
pub(super) fn is_machine_local(name: &str, sid: &str, machine: &str) -> bool {
    let prefix = name.split_once('\\').map(|(prefix, _)| prefix);
    sid.starts_with(BUILT_IN)
        || OF_MACHINE.iter().any(|own| sid.starts_with(own))
        || prefix.is_some_and(|prefix| prefix.eq_ignore_ascii_case(machine))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_means_others_on_each_machine_is_told() {
        let local = |name: &str, sid: &str| is_machine_local(name, sid, "SQL01");
        assert!(local(
            r"VORDEFINIERT\Administratoren",
            "01020000000000052000000020020000"
        ));
        assert!(local(r"sql01\svc", "0105"));
        assert!(local(r"NT-AUTORITÄT\SYSTEM", "010100000000000512000000"));
        let service = "010600000000000550000000e20f4fe7b15874e48e19026478c2dc9ac307b83e";
        assert!(local(r"NT SERVICE\MSSQLSERVER", service));
        assert!(!local(
            r"CONTOSO\svc",
            "010500000000000515000000010000000200000003000000e9030000"
        ));
    }
}
