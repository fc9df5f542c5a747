//! Where a restored database's files go, and whether they fit.

use super::inspect::DatabaseInfo;
use crate::error::{Error, ErrorKind, Result};
use crate::names::{DatabaseName, LogicalFileName, ServerPath};
use crate::sql::backup_set::BackupSet;
use crate::sql::connection::Connection;
use crate::sql::file_examination::Existence;
use crate::sql::statement::Statement;

/// Where one file goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Relocation {
    pub(super) logical_name: LogicalFileName,
    pub(super) to: ServerPath,
}

/// Computes a place for every file of the set: in the instance's default folders, under names made
/// from the database's, so that a set of another server can't point anywhere.
pub(super) async fn plan(
    connection: &mut Connection<'_>,
    set: &BackupSet,
    database: &DatabaseName,
    folders: &Folders,
    replaced: Option<&DatabaseInfo>,
) -> Result<Vec<Relocation>> {
    let stem = sanitised(database.as_str());
    let mut relocations = Vec::with_capacity(set.files.len());
    for (index, file) in set.files.iter().enumerate() {
        let (folder, leaf) = match (file.is_log(), index) {
            (true, _) => (&folders.log, format!("{stem}_{index}.ldf")),
            (false, 0) => (&folders.data, format!("{stem}.mdf")),
            (false, _) => (&folders.data, format!("{stem}_{index}.ndf")),
        };
        let to = ServerPath::in_folder(folder, &leaf)?;
        // The files of a database that is replaced go with it, and their places may be taken.
        let is_own = replaced.is_some_and(|replaced| {
            replaced
                .files
                .iter()
                .any(|file| file.path.eq_ignore_ascii_case(to.as_str()))
        });
        match Existence::of(connection, &to).await? {
            _ if is_own => {}
            Some(existence) => existence.require_free("files of the restored database", &to)?,
            None if replaced.is_some() => {
                return Err(Error::new(
                    ErrorKind::PermissionDenied,
                    format!("whether {to} exists can't be told, and REPLACE would overwrite it"),
                )
                .with_remedy("use a login that has CONTROL SERVER to overwrite a database"));
            }
            None => refuse_used(connection, &to).await?,
        }
        relocations.push(Relocation {
            // A hostile set can say anything here; what SQL Server takes as a name is a name.
            logical_name: file.logical_name.parse()?,
            to,
        });
    }
    Ok(relocations)
}

/// Without CONTROL SERVER the file system can't be asked; the catalog knows the attached files, and
/// RESTORE itself refuses the others as long as REPLACE is not said.
async fn refuse_used(connection: &mut Connection<'_>, to: &ServerPath) -> Result<()> {
    let batch =
        Statement::new("SELECT COUNT(*) AS used FROM sys.master_files WHERE physical_name = ")
            .literal(to.as_str())
            .batch();
    if connection.look(batch).await?.first()?.integer("used")? > 0 {
        return Err(Error::new(
            ErrorKind::AlreadyExists,
            format!("{to} is a file of another database"),
        ));
    }
    Ok(())
}

/// A file name that every file system takes, made of a database's name.
fn sanitised(name: &str) -> String {
    let clean: String = name
        .chars()
        .map(|c| {
            if c.is_alphanumeric() || matches!(c, '-' | '_') {
                c
            } else {
                '_'
            }
        })
        .take(60)
        .collect();
    // Behind the prefix no name can be a device such as NUL.
    let is_plain = clean == name && clean.len() > 4;
    if is_plain {
        clean
    } else {
        use sha2::{Digest, Sha256};
        let digest = hex::encode(&Sha256::digest(name)[..4]);
        format!("db_{clean}_{digest}")
    }
}

/// The folders in which the instance puts new files, and its own internal database version.
#[derive(Clone, Debug)]
pub(super) struct Folders {
    pub(super) data: String,
    pub(super) log: String,
    /// `DATABASEPROPERTYEX('master', 'Version')`: the newest database version it takes.
    pub(super) database_version: i64,
}

impl Folders {
    pub(super) async fn read(connection: &mut Connection<'_>) -> Result<Self> {
        let batch = Statement::new(
            "SELECT CAST(SERVERPROPERTY('InstanceDefaultDataPath') AS nvarchar(260)) AS data_path, \
             CAST(SERVERPROPERTY('InstanceDefaultLogPath') AS nvarchar(260)) AS log_path, \
             CAST(DATABASEPROPERTYEX(N'master', 'Version') AS int) AS database_version",
        )
        .batch();
        let answer = connection.look(batch).await?;
        let row = answer.first()?;
        let path = |name: &str| {
            Ok::<_, Error>(row.text_or_null(name)?.unwrap_or_default().to_owned()).and_then(|path| {
                if path.is_empty() {
                    Err(Error::new(ErrorKind::Unsupported, "the instance does not tell its default folders")
                        .with_remedy("it is older than SQL Server 2012, which this version does not restore to"))
                } else {
                    Ok(path)
                }
            })
        };
        Ok(Self {
            data: path("data_path")?,
            log: path("log_path")?,
            database_version: row.integer_or_null("database_version")?.unwrap_or(0),
        })
    }
}

/// What is known of the space for the files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Space {
    Enough,
    /// No volume of a known file holds the folder, or the login may not see volumes.
    Unknown(String),
}

/// Refuses when the files can't fit on their volume.
pub(super) async fn check_space(
    connection: &mut Connection<'_>,
    set: &BackupSet,
    folders: &Folders,
) -> Result<Space> {
    let batch = Statement::new(
        "SELECT DISTINCT v.volume_mount_point, v.available_bytes FROM sys.master_files AS f \
         CROSS APPLY sys.dm_os_volume_stats(f.database_id, f.file_id) AS v",
    )
    .batch();
    let answer = match connection.look(batch).await {
        Ok(answer) => answer,
        Err(error) if error.sql_messages().is_empty() => return Err(error),
        Err(error) => return Ok(Space::Unknown(error.detail().to_owned())),
    };
    let mut volumes = Vec::new();
    for row in answer.rows(0) {
        // SQL Server on Linux tells no mount points (documented).
        let (mount, available) = (
            row.text_or_null("volume_mount_point")?,
            row.integer_or_null("available_bytes")?,
        );
        if let (Some(mount), Some(available)) = (mount, available) {
            volumes.push((mount.to_owned(), available));
        }
    }
    let volume_of = |folder: &str| {
        volumes
            .iter()
            .filter(|(mount, _)| folder.to_lowercase().starts_with(&mount.to_lowercase()))
            .max_by_key(|(mount, _)| mount.len())
    };
    let (Some(data), Some(log)) = (volume_of(&folders.data), volume_of(&folders.log)) else {
        return Ok(Space::Unknown(
            "the volume of the default folders is not among those the server shows".to_owned(),
        ));
    };
    let size_of = |is_log: bool| {
        let files = set.files.iter().filter(|file| file.is_log() == is_log);
        files
            .map(|file| file.size.max(0))
            .fold(0_i64, i64::saturating_add)
    };
    let needs = if data.0 == log.0 {
        vec![(data, set.restored_size())]
    } else {
        vec![(data, size_of(false)), (log, size_of(true))]
    };
    for ((mount, available), needed) in needs {
        if needed > *available {
            return Err(Error::new(
                ErrorKind::NoSpace,
                format!("the files need {needed} bytes on {mount}, and {available} are free"),
            )
            .with_remedy("make room on that volume"));
        }
    }
    Ok(Space::Enough)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_names_are_plain_and_distinct() {
        assert_eq!(sanitised("Orchestrator"), "Orchestrator");
        let names = [
            "NUL",
            "com1",
            "a]b'c",
            "a_b_c",
            r"..\..\x",
            "漢/字",
            "a.b",
            "a_b",
            &"x".repeat(128),
        ];
        let files: std::collections::BTreeSet<String> =
            names.iter().map(|name| sanitised(name)).collect();
        assert_eq!(files.len(), names.len());
        for file in files {
            let path = format!(r"C:\data\{file}.mdf");
            assert!(path.parse::<ServerPath>().is_ok(), "{path}");
        }
    }
}
