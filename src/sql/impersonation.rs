//! A session that becomes a user's of the database, for good.

use crate::error::{Error, ErrorKind, Result};
use crate::names::UserName;
use crate::permission::Permission;
use crate::sql::connection::Connection;
use crate::sql::permission_check;
use crate::sql::statement::Statement;

/// Turns the session into the user's for good, and looks that it is, that it does not own the database,
/// and what it lacks of `needed`.
pub(crate) async fn become_user(
    connection: &mut Connection<'_>,
    user: &UserName,
    needed: &[Permission],
) -> Result<()> {
    connection.look(statement(user).batch()).await?;
    let who = Statement::new(
        "SELECT USER_NAME() AS user_name, IS_MEMBER(N'db_owner') AS is_owner, \
         IS_SRVROLEMEMBER(N'sysadmin') AS is_sysadmin",
    );
    let question = permission_check::question(needed);
    let batch = question.iter().fold(who, |all, next| all.and(next)).batch();
    let answer = connection.look(batch).await?;
    let row = answer.first()?;
    let name = row.text("user_name")?;
    if !name.eq_ignore_ascii_case(user.as_str()) {
        return Err(Error::new(
            ErrorKind::Corrupt,
            format!("as_user: the session is {name}'s, not {user}'s"),
        ));
    }
    if row.is("is_owner")? || row.is("is_sysadmin")? {
        return Err(Error::invalid(
            "as_user",
            format!("{user} owns the database, so that its success proves nothing"),
        )
        .with_remedy("name a user with the rights that the services' accounts have"));
    }
    permission_check::require(&answer, 1, needed).map_err(|error| {
        Error::new(error.kind(), format!("as_user: {user}: {}", error.detail())).with_remedy(
            error
                .remedy()
                .unwrap_or_default()
                .replace("the login", "the user"),
        )
    })
}

/// `EXECUTE AS USER = N'…' WITH NO REVERT`.
pub(crate) fn statement(user: &UserName) -> Statement {
    Statement::new("EXECUTE AS USER = ")
        .literal(user.as_str())
        .text(" WITH NO REVERT")
}
