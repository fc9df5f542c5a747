//! The T-SQL by which logins are made.

use super::consent::{ServerPowers, is_power, is_powerful_role};
use super::login::{CapturedLogin, CapturedPassword, LoginKind, PermissionState, ServerPermission};
use super::value::Principals;
use crate::names::DatabaseName;
use crate::secret::Secret;
use crate::sql::statement::Statement;

/// What of a login goes to a server, where not all of it can.
#[derive(Clone, Debug, Default)]
pub(super) struct Gift {
    pub(super) default_database: Option<DatabaseName>,
    pub(super) default_language: Option<String>,
    pub(super) roles: Vec<String>,
    pub(super) permissions: Vec<ServerPermission>,
}

impl Gift {
    /// All that the consent allows.
    pub(super) fn of(login: &CapturedLogin, powers: &ServerPowers) -> Self {
        let is_allowed = |what: &str| powers.hold(&login.name, what);
        let roles = login.server_roles.iter();
        let rights = login.permissions.iter();
        Self {
            default_database: login.default_database.clone(),
            default_language: login.default_language.clone(),
            roles: roles
                .filter(|role| !is_powerful_role(role) || is_allowed(role))
                .cloned()
                .collect(),
            permissions: rights
                .filter(|right| !is_power(right) || is_allowed(&right.name))
                .filter(|right| !is_of_every_login(right))
                .cloned()
                .collect(),
        }
    }

    fn grants(&self) -> impl Iterator<Item = &ServerPermission> {
        let rights = self.permissions.iter();
        rights.filter(|right| {
            matches!(
                right.state,
                PermissionState::Granted | PermissionState::GrantedWithGrantOption
            )
        })
    }

    /// Roles and rights by their names, `DENY X` for what is denied.
    pub(super) fn names(&self) -> Vec<String> {
        let rights = self.permissions.iter().map(|right| match right.state {
            PermissionState::Denied => format!("DENY {}", right.name),
            _ => right.name.clone(),
        });
        self.roles.iter().cloned().chain(rights).collect()
    }
}

/// CREATE LOGIN grants CONNECT SQL (documented).
pub(super) fn is_of_every_login(right: &ServerPermission) -> bool {
    right.name == "CONNECT SQL" && right.state == PermissionState::Granted
}

/// Makes a login where neither its name nor its SID is taken; what keeps it out goes with it, so that it
/// is never let in for a moment.
pub(super) fn create(
    login: &CapturedLogin,
    sid: &[u8],
    hash: Option<&Secret>,
    gift: &Gift,
) -> Statement {
    let name = login.name.as_str();
    let mut statement =
        Statement::new("IF NOT EXISTS (SELECT * FROM sys.server_principals WHERE name = ")
            .literal(name)
            .text(" OR sid = ")
            .bytes(sid)
            .text(") BEGIN CREATE LOGIN ")
            .identifier(name);
    statement = match hash {
        Some(hash) => statement
            .text(" WITH PASSWORD = ")
            .secret_bytes(hash)
            .text(" HASHED, SID = ")
            .bytes(sid)
            .text(on_or_off(
                login.checks_policy,
                [", CHECK_POLICY = ON", ", CHECK_POLICY = OFF"],
            ))
            .text(on_or_off(
                login.checks_expiration,
                [", CHECK_EXPIRATION = ON", ", CHECK_EXPIRATION = OFF"],
            )),
        None => statement.text(" FROM WINDOWS"),
    };
    let mut separator = if hash.is_some() { ", " } else { " WITH " };
    if let Some(database) = &gift.default_database {
        statement = statement
            .text(separator)
            .text("DEFAULT_DATABASE = ")
            .identifier(database.as_str());
        separator = ", ";
    }
    if let Some(language) = &gift.default_language {
        statement = statement
            .text(separator)
            .text("DEFAULT_LANGUAGE = ")
            .identifier(language);
    }
    if login.is_disabled {
        statement = statement
            .text("; ALTER LOGIN ")
            .identifier(name)
            .text(" DISABLE");
    }
    for denial in denials(login, gift) {
        statement = statement.and(&denial);
    }
    statement
}

/// What is denied, one statement each.
pub(super) fn denials(login: &CapturedLogin, gift: &Gift) -> Vec<Statement> {
    let denied = gift.permissions.iter();
    let denied = denied.filter(|right| right.state == PermissionState::Denied);
    denied
        .map(|right| {
            Statement::new("DENY ")
                .keywords(&right.name)
                .text(" TO ")
                .identifier(login.name.as_str())
        })
        .collect()
}

const fn on_or_off(is_on: bool, [on, off]: [&'static str; 2]) -> &'static str {
    if is_on { on } else { off }
}

/// Roles and grants, one statement each.
pub(super) fn rights(login: &CapturedLogin, gift: &Gift) -> Vec<Statement> {
    let name = login.name.as_str();
    let roles = gift.roles.iter().map(|role| {
        Statement::new("ALTER SERVER ROLE ")
            .identifier(role)
            .text(" ADD MEMBER ")
            .identifier(name)
    });
    let grants = gift.grants().map(|right| {
        let grant = Statement::new("GRANT ")
            .keywords(&right.name)
            .text(" TO ")
            .identifier(name);
        match right.state {
            PermissionState::GrantedWithGrantOption => grant.text(" WITH GRANT OPTION"),
            _ => grant,
        }
    });
    roles.chain(grants).collect()
}

/// What is shown of a login's making before the hash is known; nothing where it is not made.
pub(super) fn shown(login: &CapturedLogin, powers: &ServerPowers) -> Vec<String> {
    let gift = Gift::of(login, powers);
    let Ok(sid) = login.sid_bytes() else {
        return Vec::new();
    };
    let unknown = Secret::new("0x00".to_owned());
    let hash = (login.kind == LoginKind::Sql).then_some(&unknown);
    if problem(login, hash).is_some() {
        return Vec::new();
    }
    std::iter::once(create(login, &sid, hash, &gift).text(" END"))
        .chain(rights(login, &gift))
        .map(Statement::shown)
        .collect()
}

/// Whether such a login can be made at all, of what is known of it alone.
fn problem(login: &CapturedLogin, hash: Option<&Secret>) -> Option<String> {
    match (&login.kind, &login.password) {
        (LoginKind::WindowsUser | LoginKind::WindowsGroup, _) => None,
        (LoginKind::Sql, CapturedPassword::NotReadable { why }) => Some(why.clone()),
        (LoginKind::Sql, _) if hash.is_none() => {
            Some("the hash of its password is not here".into())
        }
        (LoginKind::Sql, _) => None,
        (kind, _) => Some(format!("logins of this kind are not made: {kind:?}")),
    }
}

/// All logins, for who runs it by hand.
pub(super) fn script(principals: &Principals, powers: &ServerPowers) -> Secret {
    let mut lines = vec![Statement::new("USE master")];
    for login in principals.restorable() {
        let hash = principals.hashes.of(&login.sid);
        let elsewhere = "it means somebody else on another machine";
        let problem = match problem(login, hash) {
            None if login.is_machine_local => Some(elsewhere.to_owned()),
            found => found,
        };
        let (None, Ok(sid)) = (&problem, login.sid_bytes()) else {
            let why = problem.unwrap_or_else(|| "its SID is none".to_owned());
            let told = format!("The login {} is not made: {why}", login.name);
            lines.push(Statement::new("PRINT ").literal(&told));
            continue;
        };
        let gift = Gift::of(login, powers);
        let hash = hash.filter(|_| login.kind == LoginKind::Sql);
        let mut block = create(login, &sid, hash, &gift);
        for right in rights(login, &gift) {
            block = block.and(&right);
        }
        lines.push(block.text(" END"));
    }
    // Grown once: a string that grows leaves its old bytes behind.
    let lines: Vec<_> = lines.into_iter().map(Statement::batch).collect();
    let length = lines.iter().map(|line| line.clear_text().len() + 1).sum();
    let mut text = String::with_capacity(length);
    for line in &lines {
        text.push_str(line.clear_text());
        text.push('\n');
    }
    Secret::new(text)
}
