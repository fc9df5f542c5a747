use serde::{Deserialize, Serialize};

use super::login::LoginKind;
use super::statements::Gift;
use crate::names::{DatabaseName, LoginName};

/// What became of a login.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum LoginOutcome {
    /// It was made.
    Created,
    /// It was there, with its name and its SID, and was left as it is but for what
    /// [`completing`](super::RestorePrincipals::completing) named.
    Existing,
    /// It was not made.
    Left {
        /// Why.
        finding: LoginFinding,
    },
}

/// Why a login is not made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "finding", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum LoginFinding {
    /// Windows knows no account or group of that name here (what SQL Server would answer with 15401).
    AccountUnknown,
    /// Windows knows one of that name, and it is another one: users would not find it.
    AnotherAccount {
        /// Its SID, in hexadecimal.
        sid: String,
    },
    /// It means somebody else on this machine.
    MachineLocal,
    /// There is another login of that name. It is never touched.
    NameTaken {
        /// Its SID, in hexadecimal.
        sid: String,
    },
    /// Its password's hash is not there.
    NoPassword {
        /// Why.
        why: String,
    },
    /// Logins of this kind are not made here: make it by its certificate, key or directory.
    NotCarried {
        /// What it is.
        kind: LoginKind,
    },
    /// Every server has its own.
    OfTheServer,
    /// Another login has its SID. It is never touched; users belong to it.
    SidTaken {
        /// That login.
        login: LoginName,
    },
}

/// What of a login did not come along.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "note", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum LoginNote {
    /// The database that it begins in is not here: it begins in `master`.
    DefaultDatabaseMissing {
        /// That database.
        database: DatabaseName,
    },
    /// Its language is not here: it has the server's.
    LanguageMissing {
        /// That language.
        language: String,
    },
    /// It gives away the server, and nobody consented.
    PowerWithheld {
        /// The role or right.
        what: String,
    },
    /// A login that was there does not have it.
    RightMissing {
        /// The role or right.
        what: String,
    },
    /// There is no such server role here.
    RoleMissing {
        /// The role.
        role: String,
    },
}

/// What is to be done with a login.
#[derive(Debug)]
pub(super) enum Decision {
    Create(Gift),
    /// It is there, and lacks this.
    Existing(Gift),
    Left(LoginFinding),
}
