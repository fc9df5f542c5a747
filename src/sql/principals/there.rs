//! What is on the server that logins are to be made on.

use std::collections::BTreeMap;

use super::consent::{ServerPowers, is_power, is_powerful_role};
use super::decision::{Decision, LoginFinding, LoginNote};
use super::login::{CapturedLogin, CapturedPassword, LoginKind, PermissionState, ServerPermission};
use super::statements::{Gift, is_of_every_login};
use super::value::Principals;
use crate::error::Result;
use crate::sql::answer::{Answer, Row};
use crate::sql::connection::Connection;
use crate::sql::statement::Statement;

/// It, as far as the captured logins are concerned.
#[derive(Debug, Default)]
pub(super) struct There {
    machine: String,
    logins: Vec<Known>,
    roles: Vec<String>,
    databases: Vec<String>,
    languages: Vec<String>,
    /// What Windows has here under the names of captured Windows logins: their SIDs.
    accounts: BTreeMap<String, Option<String>>,
}

#[derive(Debug)]
struct Known {
    id: i64,
    name: String,
    sid: String,
    roles: Vec<String>,
    permissions: Vec<ServerPermission>,
}

pub(super) fn sid_of(row: Row<'_>) -> Result<String> {
    Ok(hex::encode(row.bytes_or_null("sid")?.unwrap_or_default()))
}

fn is_same(one: &str, other: &str) -> bool {
    one == other || one.to_lowercase() == other.to_lowercase()
}

impl There {
    /// One round trip, whatever their number.
    pub(super) async fn read(
        connection: &mut Connection<'_>,
        captured: &Principals,
    ) -> Result<Self> {
        // Names are compared here: which collation the server would compare them by is the current
        // database's to say.
        let mut question = Statement::new(
            "SELECT name, principal_id, sid, type FROM sys.server_principals ORDER BY principal_id; \
             SELECT r.name AS role_name, m.member_principal_id FROM sys.server_role_members AS m \
             JOIN sys.server_principals AS r ON r.principal_id = m.role_principal_id; \
             SELECT grantee_principal_id, permission_name, state FROM sys.server_permissions WHERE class = 100; \
             SELECT name FROM sys.databases; SELECT name, alias FROM sys.syslanguages",
        );
        let windows: Vec<&CapturedLogin> = captured
            .logins
            .iter()
            .filter(|login| login.kind.is_windows())
            .collect();
        for login in &windows {
            let asked = Statement::new("SELECT SUSER_SID(")
                .literal(login.name.as_str())
                .text(") AS sid");
            question = question.and(&asked);
        }
        let answer = connection.look(question.batch()).await?;
        let mut there = Self {
            machine: connection.identity().machine_name.clone(),
            ..Self::default()
        };
        there.read_principals(&answer)?;
        for row in answer.rows(3) {
            there.databases.push(row.text("name")?.to_owned());
        }
        for row in answer.rows(4) {
            for column in ["name", "alias"] {
                there
                    .languages
                    .extend(row.text_or_null(column)?.map(str::to_owned));
            }
        }
        for (place, login) in windows.iter().enumerate() {
            let row = answer.rows(5 + place).next();
            let sid = match row.map(|row| row.bytes_or_null("sid")).transpose()? {
                Some(sid) => sid.map(hex::encode),
                None => None,
            };
            there.accounts.insert(login.name.as_str().to_owned(), sid);
        }
        Ok(there)
    }

    fn read_principals(&mut self, answer: &Answer) -> Result<()> {
        for row in answer.rows(0) {
            let name = row.text("name")?.to_owned();
            if row.text("type")?.trim() == "R" {
                self.roles.push(name);
                continue;
            }
            self.logins.push(Known {
                id: row.integer("principal_id")?,
                name,
                sid: sid_of(row)?,
                roles: Vec::new(),
                permissions: Vec::new(),
            });
        }
        for row in answer.rows(1) {
            let member = row.integer("member_principal_id")?;
            let role = row.text("role_name")?;
            if let Some(login) = self.logins.iter_mut().find(|login| login.id == member) {
                login.roles.push(role.to_owned());
            }
        }
        for row in answer.rows(2) {
            let grantee = row.integer("grantee_principal_id")?;
            let right = ServerPermission {
                name: row.text("permission_name")?.to_owned(),
                state: PermissionState::read(row.text("state")?),
            };
            if let Some(login) = self.logins.iter_mut().find(|login| login.id == grantee) {
                login.permissions.push(right);
            }
        }
        Ok(())
    }

    /// What is to be done with a login that came from a machine, and what of it can't come along.
    pub(super) fn decide(
        &self,
        login: &CapturedLogin,
        machine: &str,
        powers: &ServerPowers,
    ) -> (Decision, Vec<LoginNote>) {
        if login.is_of_the_server() {
            return (Decision::Left(LoginFinding::OfTheServer), Vec::new());
        }
        let name = login.name.as_str();
        let by_sid = self.logins.iter().find(|known| known.sid == login.sid);
        if let Some(known) = by_sid {
            if !is_same(&known.name, name) {
                let finding = match known.name.parse() {
                    Ok(login) => LoginFinding::SidTaken { login },
                    Err(_) => LoginFinding::NameTaken {
                        sid: known.sid.clone(),
                    },
                };
                return (Decision::Left(finding), Vec::new());
            }
            let (gift, mut notes) = self.gift(login, powers);
            let gift = known.lacks(gift);
            notes.retain(|note| matches!(note, LoginNote::RoleMissing { .. }));
            return (Decision::Existing(gift), notes);
        }
        if let Some(known) = self.logins.iter().find(|known| is_same(&known.name, name)) {
            let sid = known.sid.clone();
            return (Decision::Left(LoginFinding::NameTaken { sid }), Vec::new());
        }
        if let Some(finding) = self.problem(login, machine) {
            return (Decision::Left(finding), Vec::new());
        }
        let (gift, notes) = self.gift(login, powers);
        (Decision::Create(gift), notes)
    }

    fn problem(&self, login: &CapturedLogin, machine: &str) -> Option<LoginFinding> {
        let is_elsewhere = !machine.eq_ignore_ascii_case(&self.machine);
        if login.is_machine_local && is_elsewhere {
            return Some(LoginFinding::MachineLocal);
        }
        match (&login.kind, &login.password) {
            (LoginKind::Sql, CapturedPassword::NotReadable { why }) => {
                Some(LoginFinding::NoPassword { why: why.clone() })
            }
            (LoginKind::Sql, _) => None,
            (LoginKind::WindowsUser | LoginKind::WindowsGroup, _) => {
                match self.accounts.get(login.name.as_str()).cloned().flatten() {
                    None => Some(LoginFinding::AccountUnknown),
                    Some(sid) if sid != login.sid => Some(LoginFinding::AnotherAccount { sid }),
                    Some(_) => None,
                }
            }
            (kind, _) => Some(LoginFinding::NotCarried { kind: kind.clone() }),
        }
    }

    /// What of a login can be had here, and what can't.
    fn gift(&self, login: &CapturedLogin, powers: &ServerPowers) -> (Gift, Vec<LoginNote>) {
        let mut gift = Gift::of(login, powers);
        let mut notes = Vec::new();
        let is_here = |all: &[String], name: &str| all.iter().any(|known| is_same(known, name));
        gift.default_database = gift.default_database.filter(|database| {
            let is_here = is_here(&self.databases, database.as_str());
            if !is_here {
                let database = database.clone();
                notes.push(LoginNote::DefaultDatabaseMissing { database });
            }
            is_here
        });
        gift.default_language = gift.default_language.filter(|language| {
            let is_here = is_here(&self.languages, language);
            if !is_here {
                let language = language.clone();
                notes.push(LoginNote::LanguageMissing { language });
            }
            is_here
        });
        gift.roles.retain(|role| {
            let is_here = is_here(&self.roles, role);
            if !is_here {
                notes.push(LoginNote::RoleMissing { role: role.clone() });
            }
            is_here
        });
        let roles = login
            .server_roles
            .iter()
            .filter(|role| is_powerful_role(role));
        let rights = login.permissions.iter().filter(|right| is_power(right));
        let withheld = roles
            .cloned()
            .chain(rights.map(|right| right.name.clone()))
            .filter(|what| !powers.hold(&login.name, what));
        notes.extend(withheld.map(|what| LoginNote::PowerWithheld { what }));
        (gift, notes)
    }
}

impl Known {
    /// What of a gift it does not have.
    fn lacks(&self, mut gift: Gift) -> Gift {
        gift.roles
            .retain(|role| !self.roles.iter().any(|own| is_same(own, role)));
        gift.permissions
            .retain(|right| !is_of_every_login(right) && !self.permissions.contains(right));
        gift
    }
}
