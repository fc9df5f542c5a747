//! An instance on which nothing is lost: a key is tried there, and it is left as it was.

use crate::error::{Error, ErrorKind, Result};
use crate::names::DatabaseName;
use crate::sql::connection::Connection;
use crate::sql::database::DatabaseInfo;
use crate::sql::dependents::Dependents;
use crate::sql::statement::Statement;

/// Refuses an instance under whose service master key anything lives, or on which there is a database
/// of that name. It is looked at, not believed.
pub(crate) async fn require(
    connection: &mut Connection<'_>,
    database: &DatabaseName,
) -> Result<()> {
    connection
        .require_server_permission("CONTROL SERVER")
        .await?;
    if DatabaseInfo::read(connection, database).await?.is_some() {
        return Err(Error::new(
            ErrorKind::AlreadyExists,
            format!("there is a database {database} on the throwaway instance"),
        )
        .with_remedy(
            "drop it if it is the rest of an earlier attempt, or name another throwaway",
        ));
    }
    let dependents = Dependents::read(connection).await?;
    dependents.require_complete()?;
    if dependents.is_empty() {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::ConsentRequired,
        format!(
            "it is no throwaway: under its service master key live {}",
            dependents.names().join(", ")
        ),
    )
    .with_remedy("name an instance on which nothing is lost"))
}

/// Drops a database that was restored there, and gives the instance a key that nobody else has.
pub(crate) async fn clean(
    connection: &mut Connection<'_>,
    database: &DatabaseName,
    family_guid: Option<&str>,
) -> Result<()> {
    if let Some(left) = DatabaseInfo::read(connection, database).await? {
        if family_guid.is_none() || left.family_guid.as_deref() != family_guid {
            return Err(Error::new(
                ErrorKind::AlreadyExists,
                format!("the database {database} on the throwaway instance may be somebody else's"),
            ));
        }
        drop_database(connection, database).await?;
    }
    let batch = Statement::new("ALTER SERVICE MASTER KEY REGENERATE").batch();
    let deadline = Some(connection.cx().deadlines().key);
    connection.change(batch, &[], deadline).await?.or_error()?;
    Ok(())
}

/// Drops a database. Only ever called on one that the operation itself made or restored.
pub(crate) async fn drop_database(
    connection: &mut Connection<'_>,
    database: &DatabaseName,
) -> Result<()> {
    let batch = Statement::new("USE master; DROP DATABASE ")
        .identifier(database.as_str())
        .batch();
    let deadline = Some(connection.cx().deadlines().key);
    connection.change(batch, &[], deadline).await?.or_error()?;
    Ok(())
}

/// What to do by hand where [`clean`] did not succeed.
pub(crate) fn remedy(database: &DatabaseName) -> String {
    format!(
        "throw the instance away, or drop the database {database} there and run ALTER SERVICE MASTER KEY REGENERATE"
    )
}
