use serde::{Deserialize, Serialize};

use super::login::PermissionState;
use crate::names::{LoginName, UserName};
use crate::sql::users::UserKind;

/// A user of the database. It travels with a backup of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct CapturedUser {
    /// Its name.
    pub name: UserName,
    /// Its SID, in hexadecimal.
    pub sid: String,
    /// What it is.
    pub kind: UserKind,
    /// The schema where its unqualified names are looked for first.
    pub default_schema: Option<String>,
    /// The login with its SID, where one was seen. `None` of a Windows account that enters through a
    /// group, of a user WITHOUT LOGIN, and of one whose login is missing.
    pub login: Option<LoginName>,
    /// Whether its SID means somebody else on each machine.
    pub is_machine_local: bool,
}

/// A role of the database, and who is in it. It travels with a backup of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct CapturedRole {
    /// Its name.
    pub name: UserName,
    /// Whether every database has it.
    pub is_fixed: bool,
    /// Users and roles that are in it.
    pub members: Vec<String>,
}

/// A right in the database. It travels with a backup of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct CapturedPermission {
    /// The user or role that holds it.
    pub principal: String,
    /// `SELECT`, `CONNECT`.
    pub name: String,
    /// How it is held.
    pub state: PermissionState,
    /// On what.
    pub on: CapturedSecurable,
}

/// What a right in a database is on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct CapturedSecurable {
    /// `class_desc`: `DATABASE`, `SCHEMA`, `OBJECT_OR_COLUMN`, `CERTIFICATE`.
    pub class: String,
    /// The schema of an object.
    pub schema: Option<String>,
    /// Its name; `None` of the database itself, and of classes whose names were not looked up.
    pub name: Option<String>,
    /// The column, where it is on one.
    pub column: Option<String>,
}
