//! Makes one login, and looks at it.

use super::decision::{LoginFinding, LoginOutcome};
use super::login::{CapturedLogin, LoginKind, PermissionState, ServerPermission};
use super::statements::{self, Gift};
use super::there::sid_of;
use crate::error::{Effect, Error, ErrorKind, Result};
use crate::secret::Secret;
use crate::sql::answer::Answer;
use crate::sql::connection::Connection;
use crate::sql::numbers;
use crate::sql::statement::Statement;

/// Makes it and gives it what is its own.
pub(super) async fn make(
    connection: &mut Connection<'_>,
    login: &CapturedLogin,
    hash: Option<&Secret>,
    gift: &Gift,
) -> Result<LoginOutcome> {
    let left = |finding| Ok(LoginOutcome::Left { finding });
    if login.kind == LoginKind::Sql && hash.is_none() {
        let why = "the secret holds no hash of it".to_owned();
        return left(LoginFinding::NoPassword { why });
    }
    let sid = login.sid_bytes()?;
    let hash = hash.filter(|_| login.kind == LoginKind::Sql);
    let look =
        Statement::new("SELECT name, sid, is_disabled FROM sys.server_principals WHERE sid = ")
            .bytes(&sid);
    // Server rights are granted from master only (4621).
    let batch = Statement::new("USE master")
        .and(&statements::create(login, &sid, hash, gift).text(" END"))
        .and(&look)
        .batch();
    // Servers may say it back in small letters.
    let lower = hash.map(|hash| Secret::new(hash.expose().to_ascii_lowercase()));
    let secrets: Vec<&Secret> = hash.into_iter().chain(&lower).collect();
    let deadline = Some(connection.cx().deadlines().key);
    let answer = connection.change(batch, &secrets, deadline).await?;
    let mut messages = answer.messages().iter();
    let is_there = is_there(&answer, login)?;
    if is_there.is_none() && messages.any(|message| message.number == numbers::NO_WINDOWS_ACCOUNT) {
        return left(LoginFinding::AccountUnknown);
    }
    let effect = is_there.map_or(Effect::None, |_| Effect::Partial);
    answer
        .or_error()
        .map_err(|error| error.with_effect(effect))?;
    match is_there {
        None => Err(Error::new(
            ErrorKind::AlreadyExists,
            format!(
                "the login {} is not there with its SID after CREATE LOGIN: its name or its SID was \
                 given to another one meanwhile",
                login.name
            ),
        )
        .with_remedy("look at the logins of the instance, and run it again")),
        Some(is_disabled) if is_disabled != login.is_disabled => Err(wrong(login, "is enabled")),
        Some(_) => {
            // What is denied was said with the login itself, and is looked at with the rest.
            if !gift.names().is_empty() {
                give(connection, login, gift, statements::rights(login, gift)).await?;
            }
            Ok(LoginOutcome::Created)
        }
    }
}

/// Whether it is there, and then whether it is disabled.
fn is_there(answer: &Answer, login: &CapturedLogin) -> Result<Option<bool>> {
    for row in answer.rows(0) {
        if sid_of(row)? == login.sid {
            return row.is("is_disabled").map(Some);
        }
    }
    Ok(None)
}

/// Gives a login that was there what it lacks. Whether there was anything.
pub(super) async fn complete(
    connection: &mut Connection<'_>,
    login: &CapturedLogin,
    lacking: &Gift,
) -> Result<bool> {
    if lacking.names().is_empty() {
        return Ok(false);
    }
    let mut rights = statements::denials(login, lacking);
    rights.extend(statements::rights(login, lacking));
    give(connection, login, lacking, rights).await?;
    Ok(true)
}

/// Sends the statements, and looks whether the login has all of the gift.
async fn give(
    connection: &mut Connection<'_>,
    login: &CapturedLogin,
    gift: &Gift,
    rights: Vec<Statement>,
) -> Result<()> {
    let sid = login.sid_bytes()?;
    let all = rights
        .iter()
        .fold(Statement::new("USE master"), |all, next| all.and(next));
    let look = Statement::new(
        "SELECT r.name AS role_name FROM sys.server_role_members AS m \
         JOIN sys.server_principals AS r ON r.principal_id = m.role_principal_id \
         JOIN sys.server_principals AS l ON l.principal_id = m.member_principal_id WHERE l.sid = ",
    )
    .bytes(&sid)
    .text(
        "; SELECT p.permission_name, p.state FROM sys.server_permissions AS p \
         JOIN sys.server_principals AS l ON l.principal_id = p.grantee_principal_id \
         WHERE p.class = 100 AND l.sid = ",
    )
    .bytes(&sid);
    let deadline = Some(connection.cx().deadlines().key);
    let answer = connection
        .change(all.and(&look).batch(), &[], deadline)
        .await?;
    let answer = answer
        .or_error()
        .map_err(|error| error.with_effect(Effect::Partial))?;
    let mut roles = Vec::new();
    for row in answer.rows(0) {
        roles.push(row.text("role_name")?.to_lowercase());
    }
    let mut held = Vec::new();
    for row in answer.rows(1) {
        held.push(ServerPermission {
            name: row.text("permission_name")?.to_owned(),
            state: PermissionState::read(row.text("state")?),
        });
    }
    let role = gift
        .roles
        .iter()
        .find(|role| !roles.contains(&role.to_lowercase()));
    let right = gift.permissions.iter().find(|right| !held.contains(right));
    match role.or_else(|| right.map(|right| &right.name)) {
        Some(what) => Err(wrong(login, &format!("does not have {what} as it had"))),
        None => Ok(()),
    }
}

/// That the server said nothing, and it is not as it was asked for.
fn wrong(login: &CapturedLogin, what: &str) -> Error {
    Error::new(
        ErrorKind::Corrupt,
        format!("the login {} {what} after it was made", login.name),
    )
    .with_effect(Effect::Partial)
    .with_remedy("look at the login, and at the triggers of the server")
}
