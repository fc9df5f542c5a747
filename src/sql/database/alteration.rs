//! What operations that alter a database have in common: which database they mean, who may be sent out
//! of it, and what the server says.

use serde::{Deserialize, Serialize};

use super::inspect::DatabaseInfo;
use crate::context::Context;
use crate::error::{Error, ErrorKind, Result};
use crate::names::{DatabaseName, SqlInstance};
use crate::permission::Permission;
use crate::sql::connection::Connection;
use crate::sql::permission_check;
use crate::sql::statement::Statement;

/// Who may be sent out of a database: nobody, or whoever is in the one that was seen.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Eviction(Option<String>);

impl Eviction {
    pub(super) fn of(seen: &DatabaseInfo) -> Self {
        Self(Some(seen.evidence()))
    }

    pub(super) const fn is_given(&self) -> bool {
        self.0.is_some()
    }

    /// Refuses to send anybody out who was not consented to.
    pub(super) fn check(&self, found: &DatabaseInfo) -> Result<()> {
        let problem = match (&self.0, found.sessions) {
            (Some(seen), _) if *seen == found.evidence() => return Ok(()),
            (Some(_), _) => "the database is not the one that was seen before".to_owned(),
            (None, Some(0)) => return Ok(()),
            (None, Some(sessions)) => format!(
                "{sessions} other session(s) are in {}, and would lose what they have not committed",
                found.name
            ),
            (None, None) => format!(
                "who is in {} can't be seen without VIEW SERVER STATE",
                found.name
            ),
        };
        Err(
            Error::new(ErrorKind::ConsentRequired, format!("evicting: {problem}")).with_remedy(
                "inspect the database, and consent to what is seen with .evicting(&seen)",
            ),
        )
    }

    /// What ends the statement.
    pub(super) const fn termination(&self) -> &'static str {
        if self.is_given() {
            " WITH ROLLBACK IMMEDIATE"
        } else {
            " WITH NO_WAIT"
        }
    }
}

/// A database whatever it is called: its id, and the files that only it can have. A new name changes
/// neither; dropping and restoring do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Place {
    server: String,
    id: i64,
    files: Vec<String>,
    /// What it was called when it was seen.
    pub(super) name: DatabaseName,
}

impl Place {
    pub(super) fn of(seen: &DatabaseInfo) -> Self {
        Self {
            server: seen.server.clone(),
            id: seen.id,
            files: paths(seen),
            name: seen.name.clone(),
        }
    }

    pub(super) const fn is_same_database(&self, other: &Self) -> bool {
        self.id == other.id
    }

    /// The database as it is now; `None` where it is gone, or where another one has its id.
    pub(super) async fn find(
        &self,
        connection: &mut Connection<'_>,
    ) -> Result<Option<DatabaseInfo>> {
        let found = DatabaseInfo::read_id(connection, self.id).await?;
        Ok(found.filter(|found| {
            // A login that sees no files has the id alone to go by.
            let hides_files = self.files.is_empty() || found.hides_files;
            found.server == self.server && (hides_files || paths(found) == self.files)
        }))
    }

    /// The same, where it must be there and be called what it was.
    pub(super) async fn require(
        &self,
        connection: &mut Connection<'_>,
        setter: &str,
    ) -> Result<DatabaseInfo> {
        self.find(connection)
            .await?
            .filter(|found| found.name == self.name)
            .ok_or_else(|| {
                Error::new(
                    ErrorKind::ConsentRequired,
                    format!(
                        "{setter}: the database {} that was seen is not there any more",
                        self.name
                    ),
                )
                .with_remedy("inspect it again and decide anew")
            })
    }
}

fn paths(info: &DatabaseInfo) -> Vec<String> {
    info.files.iter().map(|file| file.path.clone()).collect()
}

pub(super) fn target(database: &DatabaseName, instance: &SqlInstance) -> String {
    format!("database {database} on {instance}")
}

/// The system's own databases are nobody's to alter.
pub(super) fn refuse_system(field: &str, name: &DatabaseName) -> Result<()> {
    let is_system = ["master", "model", "msdb", "tempdb"]
        .iter()
        .any(|system| name.as_str().eq_ignore_ascii_case(system));
    if is_system {
        return Err(Error::invalid(
            field,
            format!("{name} is a database of the system"),
        ));
    }
    Ok(())
}

pub(super) fn refuse_group(info: &DatabaseInfo) -> Result<()> {
    if info.is_in_availability_group {
        return Err(Error::new(
            ErrorKind::Unsupported,
            format!(
                "{} belongs to an availability group, which no operation of this library leaves or joins",
                info.name
            ),
        )
        .with_remedy("take it out of the group first (ALTER AVAILABILITY GROUP … REMOVE DATABASE), and join it again at the end"));
    }
    Ok(())
}

/// A session of a login that may alter the database, and the database as it is; one of an
/// availability group is refused.
pub(super) async fn begin<'a>(
    cx: &'a Context,
    instance: &SqlInstance,
    database: &DatabaseName,
    permissions: &[Permission],
) -> Result<(Connection<'a>, DatabaseInfo)> {
    let mut connection = Connection::open_allowed(cx, instance, None, permissions).await?;
    let found = DatabaseInfo::require(&mut connection, database).await?;
    refuse_group(&found)?;
    Ok((connection, found))
}

/// `ALTER DATABASE [name]`, to be gone on with.
pub(super) fn alter(name: &DatabaseName) -> Statement {
    Statement::new("ALTER DATABASE ").identifier(name.as_str())
}

/// Sends a statement that alters a database whole or not at all. Taking back what others have not
/// committed can last, so no deadline but that of restores ends it.
pub(super) async fn send(
    connection: &mut Connection<'_>,
    statement: Statement,
    needed: &Permission,
) -> Result<()> {
    let deadline = connection.cx().deadlines().backup_or_restore;
    let answer = connection.change(statement.batch(), &[], deadline).await?;
    answer
        .or_error()
        .map(drop)
        .map_err(|error| explain(error, needed))
}

/// 5011 says three things at once; of a database that was seen it means that the right is missing.
fn explain(error: Error, needed: &Permission) -> Error {
    if !error.has_number(&[5011]) {
        return error;
    }
    permission_check::lacks(&[needed]).with_messages(error.sql_messages().to_vec())
}
