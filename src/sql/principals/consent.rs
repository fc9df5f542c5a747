use serde::{Deserialize, Serialize};

use super::login::{CapturedLogin, PermissionState, ServerPermission};
use crate::names::LoginName;

/// Fixed roles that don't give the server away. `securityadmin` does: it grants itself what it likes,
/// and Microsoft's page says to treat it as `sysadmin`.
const MODEST_ROLES: [&str; 7] = [
    "bulkadmin",
    "dbcreator",
    "diskadmin",
    "processadmin",
    "public",
    "serveradmin",
    "setupadmin",
];

/// Rights on the server that don't give it away. What is not in here is taken for one that does,
/// newer ones included.
const MODEST_RIGHTS: [&str; 16] = [
    "ADMINISTER BULK OPERATIONS",
    "ALTER ANY CONNECTION",
    "ALTER ANY DATABASE",
    "ALTER SERVER STATE",
    "ALTER SETTINGS",
    "ALTER TRACE",
    "CONNECT SQL",
    "CREATE ANY DATABASE",
    "CREATE ENDPOINT",
    "VIEW ANY DATABASE",
    "VIEW ANY DEFINITION",
    "VIEW ANY PERFORMANCE DEFINITION",
    "VIEW ANY SECURITY DEFINITION",
    "VIEW SERVER PERFORMANCE STATE",
    "VIEW SERVER SECURITY STATE",
    "VIEW SERVER STATE",
];

/// Roles and rights by which a login has the whole server, or can get it: what
/// [`RestorePrincipals::granting_powers`](super::RestorePrincipals::granting_powers) must have seen.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ServerPowers {
    /// One by one.
    pub powers: Vec<ServerPower>,
}

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ServerPower {
    /// The login.
    pub login: LoginName,
    /// The role, or the right: `sysadmin`, `CONTROL SERVER`.
    pub what: String,
}

impl std::fmt::Display for ServerPower {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.login, self.what)
    }
}

impl ServerPowers {
    pub(super) fn of<'a>(logins: impl Iterator<Item = &'a CapturedLogin>) -> Self {
        let powers = logins.flat_map(|login| {
            let roles = login
                .server_roles
                .iter()
                .filter(|role| is_powerful_role(role));
            let rights = login.permissions.iter().filter(|right| is_power(right));
            roles
                .cloned()
                .chain(rights.map(|right| right.name.clone()))
                .map(|what| ServerPower {
                    login: login.name.clone(),
                    what,
                })
        });
        Self {
            powers: powers.collect(),
        }
    }

    /// Only those of some logins, for who does not want all of them to get theirs.
    #[must_use]
    pub fn only_of(&self, logins: &[LoginName]) -> Self {
        let kept = self
            .powers
            .iter()
            .filter(|power| logins.contains(&power.login));
        Self {
            powers: kept.cloned().collect(),
        }
    }

    pub(super) fn hold(&self, login: &LoginName, what: &str) -> bool {
        let mut powers = self.powers.iter();
        powers.any(|power| power.login == *login && power.what == what)
    }
}

pub(super) fn is_powerful_role(role: &str) -> bool {
    !MODEST_ROLES.contains(&role)
}

/// A denial is no power; that it may be granted on makes a modest right one.
pub(super) fn is_power(right: &ServerPermission) -> bool {
    match right.state {
        PermissionState::Denied | PermissionState::Revoked => false,
        PermissionState::Granted => !MODEST_RIGHTS.contains(&right.name.as_str()),
        PermissionState::GrantedWithGrantOption => true,
    }
}
