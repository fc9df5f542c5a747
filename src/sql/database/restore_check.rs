//! What is looked at before a restore, after it, and when it is in doubt.

use super::inspect::DatabaseInfo;
use super::restore_target::Folders;
use crate::error::{Error, ErrorKind, Result};
use crate::names::DatabaseName;
use crate::operation::Observation;
use crate::sql::backup_set::{self, BackupSet};
use crate::sql::connection::Connection;
use crate::sql::statement::Statement;

/// A backup goes to the same or a newer version only.
pub(super) fn refuse_newer(
    connection: &Connection<'_>,
    set: &BackupSet,
    folders: &Folders,
) -> Result<()> {
    let server = connection.identity();
    let is_newer = set.database_version > folders.database_version
        || set.software_version_major > i64::from(server.major_version());
    if !is_newer {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::Incompatible,
        format!(
            "the backup is of database version {} (made by SQL Server {}), and {} takes {} at most",
            set.database_version, set.software_version_major, server.product_version, folders.database_version
        ),
    )
    .with_remedy("restore it on the same or a newer version of SQL Server; a backup can't go back to an older one"))
}

/// A backup, or the database in it, can be encrypted by a certificate in `master`, which must be
/// there. A login that does not see all that `master` has is not told so on its own word: the server
/// says it (33111) when it verifies the set, which comes before anything is touched as well.
pub(super) async fn require_certificates(
    connection: &mut Connection<'_>,
    set: &BackupSet,
) -> Result<()> {
    for thumbprint in set.certificates() {
        let bytes = hex::decode(thumbprint).unwrap_or_default();
        let batch = Statement::new(
            "SELECT (SELECT COUNT(*) FROM master.sys.certificates WHERE pvt_key_encryption_type <> 'NA' AND thumbprint = ",
        )
        .bytes(&bytes)
        .text(") + (SELECT COUNT(*) FROM master.sys.asymmetric_keys WHERE pvt_key_encryption_type <> 'NA' AND thumbprint = ")
        .bytes(&bytes)
        .text(") AS found, HAS_PERMS_BY_NAME(N'master', N'DATABASE', N'VIEW DEFINITION') AS sees_all")
        .batch();
        let answer = connection.look(batch).await?;
        let row = answer.first()?;
        if row.integer("found")? == 0 && row.is("sees_all")? {
            return Err(Error::new(
                ErrorKind::KeyMismatch,
                format!("the backup is encrypted by a certificate with thumbprint 0x{thumbprint}, which is not in master here with its private key"),
            )
            .with_remedy(backup_set::certificate_remedy(thumbprint)));
        }
    }
    Ok(())
}

/// Looks at what was restored; success of the statement alone is not believed.
pub(super) async fn check(
    connection: &mut Connection<'_>,
    name: &DatabaseName,
    set: &BackupSet,
) -> Result<DatabaseInfo> {
    let database = DatabaseInfo::require(connection, name).await?;
    if database.state != "ONLINE" {
        return Err(Error::new(
            ErrorKind::Corrupt,
            format!("after the restore the database is {}", database.state),
        ));
    }
    if database.family_guid.is_some() && database.family_guid != set.family_guid {
        return Err(Error::new(
            ErrorKind::Corrupt,
            "after the restore the database is not of the family that was backed up",
        ));
    }
    Ok(database)
}

/// What a name tells of the restore of a set; `None`: nothing.
pub(super) async fn observe_name(
    connection: &mut Connection<'_>,
    name: &DatabaseName,
    set: &BackupSet,
    is_certain: bool,
) -> Result<Option<Observation>> {
    let Some(database) = DatabaseInfo::read(connection, name).await? else {
        return Ok(None);
    };
    if database.state == "RESTORING" {
        return observe_restoring(connection, &database, is_certain)
            .await
            .map(Some);
    }
    if database.family_guid.is_some() && database.family_guid != set.family_guid {
        return Ok(None);
    }
    let batch = Statement::new(
        "SELECT TOP (1) b.backup_set_uuid FROM msdb.dbo.restorehistory AS r \
         JOIN msdb.dbo.backupset AS b ON b.backup_set_id = r.backup_set_id \
         WHERE r.destination_database_name = ",
    )
    .literal(name.as_str())
    .text(" ORDER BY r.restore_history_id DESC")
    .batch();
    let answer = connection.look(batch).await?;
    let last = answer
        .rows(0)
        .next()
        .map(|row| row.guid_or_null("backup_set_uuid"))
        .transpose()?;
    let is_of_set =
        last.flatten().map(hex::encode) == set.backup_set_guid && set.backup_set_guid.is_some();
    Ok(is_of_set.then_some(if database.state == "ONLINE" {
        Observation::Done
    } else {
        Observation::Partial {
            state: database.state,
        }
    }))
}

/// A database that is RESTORING: by this restore, when `is_certain`; else by whomever.
async fn observe_restoring(
    connection: &mut Connection<'_>,
    database: &DatabaseInfo,
    is_certain: bool,
) -> Result<Observation> {
    let name = &database.name;
    if !is_certain {
        return Ok(Observation::Indeterminate {
            seen: format!("{name} is RESTORING; whether this restore began it can't be told"),
        });
    }
    let batch = Statement::new(
        "SELECT HAS_PERMS_BY_NAME(NULL, NULL, N'VIEW SERVER STATE') AS allowed, \
         (SELECT COUNT(*) FROM sys.dm_exec_requests WHERE command = N'RESTORE DATABASE') AS running",
    )
    .batch();
    let answer = connection.look(batch).await?;
    let row = answer.first()?;
    Ok(if !row.is("allowed")? {
        Observation::Indeterminate {
            seen: format!(
                "{name} is RESTORING; without VIEW SERVER STATE it can't be told whether that still runs"
            ),
        }
    } else if row.integer("running")? > 0 {
        Observation::InProgress
    } else {
        Observation::Partial {
            state: "RESTORING".to_owned(),
        }
    })
}
