//! Whether a login has the rights that an operation needs, asked before anything is done.

use crate::error::{Error, ErrorKind, Result};
use crate::permission::{Permission, Securable};
use crate::sql::answer::Answer;
use crate::sql::statement::Statement;

/// One statement for each right, so that each has a result set of its own. What is in a database and
/// is no database is asked of the session's database, where the operation works.
pub(crate) fn question(permissions: &[Permission]) -> Option<Statement> {
    permissions
        .iter()
        .map(one)
        .reduce(|all, next| all.and(&next))
}

fn one(permission: &Permission) -> Statement {
    let begin = Statement::new("SELECT HAS_PERMS_BY_NAME(");
    let asked = match &permission.on {
        Securable::ServerRole => {
            return Statement::new("SELECT IS_SRVROLEMEMBER(")
                .literal(&permission.name)
                .text(") AS allowed");
        }
        // Asked of the session's database as well.
        Securable::DatabaseRole { .. } => {
            return Statement::new("SELECT IS_ROLEMEMBER(")
                .literal(&permission.name)
                .text(") AS allowed");
        }
        // No operation on SQL Server claims a right on a host.
        Securable::Host { .. } | Securable::Server => begin.text("NULL, NULL"),
        Securable::Database { database } => begin
            .literal(&quoted(&[database.as_str()]))
            .text(", N'DATABASE'"),
        Securable::SymmetricKey { key, .. } => begin
            .literal(&quoted(&[key.as_str()]))
            .text(", N'SYMMETRIC KEY'"),
        Securable::AsymmetricKey { key, .. } => begin
            .literal(&quoted(&[key.as_str()]))
            .text(", N'ASYMMETRIC KEY'"),
        Securable::Certificate { certificate, .. } => begin
            .literal(&quoted(&[certificate.as_str()]))
            .text(", N'CERTIFICATE'"),
        Securable::Procedure {
            schema, procedure, ..
        } => begin
            .literal(&quoted(&[schema.as_str(), procedure.as_str()]))
            .text(", N'OBJECT'"),
        Securable::Table { schema, table, .. } => begin
            .literal(&quoted(&[schema.as_str(), table.as_str()]))
            .text(", N'OBJECT'"),
        Securable::User { user, .. } => begin.literal(&quoted(&[user.as_str()])).text(", N'USER'"),
    };
    asked
        .text(", ")
        .literal(&permission.name)
        .text(") AS allowed")
}

/// A name as the function takes it: in brackets, since it splits at dots.
fn quoted(parts: &[&str]) -> String {
    let quoted = parts
        .iter()
        .map(|part| Statement::new("").identifier(part).shown());
    quoted.collect::<Vec<_>>().join(".")
}

/// Refuses a login that lacks one of them; the answers begin at the result set `first`. Where the
/// server knows no such thing (NULL), that is for the operation to find out.
pub(crate) fn require(answer: &Answer, first: usize, permissions: &[Permission]) -> Result<()> {
    let mut lacking = Vec::new();
    for (place, permission) in permissions.iter().enumerate() {
        let Some(row) = answer.rows(first + place).next() else {
            continue;
        };
        if row.integer_or_null("allowed")? == Some(0) {
            lacking.push(permission);
        }
    }
    if lacking.is_empty() {
        return Ok(());
    }
    Err(lacks(&lacking))
}

/// That the login lacks these.
pub(crate) fn lacks(permissions: &[&Permission]) -> Error {
    let names: Vec<String> = permissions.iter().map(ToString::to_string).collect();
    let names = names.join(", ");
    Error::new(
        ErrorKind::PermissionDenied,
        format!("the login lacks {names}"),
    )
    .with_remedy(format!(
        "GRANT {names} to the login (grant_script makes the statements), or use one that has it"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_quoted_twice() {
        let on = Securable::Table {
            database: "d".parse().unwrap(),
            schema: "o'x".parse().unwrap(),
            table: "a.b]c".parse().unwrap(),
        };
        let asked = question(&[
            Permission::server("CONTROL SERVER"),
            Permission::new("SELECT", on),
        ]);
        assert_eq!(
            asked.map(Statement::shown).unwrap(),
            "SELECT HAS_PERMS_BY_NAME(NULL, NULL, N'CONTROL SERVER') AS allowed; \
             SELECT HAS_PERMS_BY_NAME(N'[o''x].[a.b]]c]', N'OBJECT', N'SELECT') AS allowed"
        );
        assert!(question(&[]).is_none());
    }
}
