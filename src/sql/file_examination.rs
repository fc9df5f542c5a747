use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::error::{Error, ErrorKind, Result};
use crate::names::ServerPath;
use crate::sql::answer::{Answer, Row};
use crate::sql::connection::Connection;
use crate::sql::statement::Statement;
use crate::transport::SqlMessage;

/// Key files are a few hundred bytes to a few kilobytes. What is larger is none and is not fetched.
const MOST_KEY_FILE_BYTES: i64 = 1 << 20;

/// What could be seen of a file of the server, through SQL.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "file", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum FileExamination {
    /// There is no such file.
    Absent,
    /// It was read whole.
    Hashed {
        /// Its size in bytes.
        size: u64,
        /// Its SHA-256, in hexadecimal.
        sha256: String,
    },
    /// Nothing could be told. Never counts as success.
    NotExamined {
        /// Why not.
        reason: String,
    },
    /// It is there; its content was not looked at.
    Present,
}

/// A path that the server's file system was asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Existence {
    pub(crate) is_file: bool,
    pub(crate) is_folder: bool,
    pub(crate) has_parent: bool,
}

impl FileExamination {
    /// Reads a key file through `OPENROWSET(BULK …)`, which needs ADMINISTER BULK OPERATIONS; else
    /// asks `xp_fileexist`.
    pub(crate) async fn of_key_file(
        connection: &mut Connection<'_>,
        path: &ServerPath,
    ) -> Result<Self> {
        let batch = Statement::new(
            "SELECT CAST(DATALENGTH(BulkColumn) AS bigint) AS size, \
             CASE WHEN DATALENGTH(BulkColumn) <= ",
        )
        .number(MOST_KEY_FILE_BYTES)
        .text(" THEN BulkColumn END AS content FROM OPENROWSET(BULK ")
        .literal(path.as_str())
        .text(", SINGLE_BLOB) AS examined")
        .batch();
        let refusal = match connection.look(batch).await {
            Ok(answer) => match answer.rows(0).next() {
                Some(row) => return Self::hashed(row, path),
                None => "SQL Server gave no content".to_owned(),
            },
            Err(error) if error.sql_messages().is_empty() => return Err(error),
            Err(error) => error.detail().to_owned(),
        };
        Ok(match Existence::of(connection, path).await? {
            Some(existence) if existence.is_file => Self::Present,
            Some(_) => Self::Absent,
            None => Self::NotExamined { reason: refusal },
        })
    }

    fn hashed(row: Row<'_>, path: &ServerPath) -> Result<Self> {
        let size = row.integer_or_null("size")?.unwrap_or(0);
        let content = match row.bytes_or_null("content")? {
            Some(content) => content,
            None if size == 0 => &[],
            None => {
                return Err(Error::new(
                    ErrorKind::Corrupt,
                    format!("{path} has {size} bytes, which no key file has"),
                ));
            }
        };
        Ok(Self::Hashed {
            size: content.len() as u64,
            sha256: hex::encode(Sha256::digest(content)),
        })
    }
}

impl Existence {
    /// Asks the server whether there is a file of that path. `None`: this login can't be told (for
    /// logins without CONTROL SERVER `xp_fileexist` says "no" to everything).
    pub(crate) async fn of(
        connection: &mut Connection<'_>,
        path: &ServerPath,
    ) -> Result<Option<Self>> {
        match connection.look(Self::question(path).batch()).await {
            Ok(answer) => Self::read(&answer, 0),
            Err(error) if error.sql_messages().is_empty() => Err(error),
            Err(_) => Ok(None),
        }
    }

    /// The statements that ask; their answers are two result sets.
    pub(crate) fn question(path: &ServerPath) -> Statement {
        Statement::new(
            "SELECT HAS_PERMS_BY_NAME(NULL, NULL, N'CONTROL SERVER') AS allowed; \
             EXEC master.dbo.xp_fileexist ",
        )
        .literal(path.as_str())
    }

    /// Reads the answers from the result set `set` on.
    pub(crate) fn read(answer: &Answer, set: usize) -> Result<Option<Self>> {
        let is_told = match answer.rows(set).next() {
            Some(row) => row.is("allowed")?,
            None => false,
        };
        let Some(row) = answer.rows(set + 1).next().filter(|_| is_told) else {
            return Ok(None);
        };
        Ok(Some(Self {
            is_file: row.is("File Exists")?,
            is_folder: row.is("File is a Directory")?,
            has_parent: row.is("Parent Directory Exists")?,
        }))
    }

    /// Refuses a path at which something is, or whose folder is missing.
    pub(crate) fn require_free(self, field: &str, path: &ServerPath) -> Result<()> {
        if self.is_file || self.is_folder {
            return Err(Error::new(
                ErrorKind::AlreadyExists,
                format!("{field}: {path} exists already and is not overwritten"),
            )
            .with_remedy("choose a fresh name"));
        }
        if !self.has_parent {
            return Err(Error::new(
                ErrorKind::NotFound,
                format!("{field}: the folder of {path} does not exist on the server"),
            )
            .with_remedy("create it on the server, or name another one"));
        }
        Ok(())
    }
}

/// Says of error 15240, which stands for three causes, what can still be told.
pub(crate) async fn explain_unwritable(
    connection: &mut Connection<'_>,
    path: &ServerPath,
    messages: &[SqlMessage],
) -> Error {
    let existence = Existence::of(connection, path).await.ok().flatten();
    let (kind, cause) = match existence {
        Some(Existence { is_file: true, .. }) => {
            (ErrorKind::AlreadyExists, "the file exists already")
        }
        Some(Existence {
            has_parent: false, ..
        }) => (
            ErrorKind::NotFound,
            "its folder does not exist on the server",
        ),
        Some(_) => (
            ErrorKind::PermissionDenied,
            "SQL Server's service account may not write there, or the disk is full",
        ),
        None => (
            ErrorKind::SqlServer,
            "the file exists already, its folder does not, or the service account may not write there; SQL Server does not tell which",
        ),
    };
    Error::new(
        kind,
        format!("SQL Server error 15240: {path} can't be written: {cause}"),
    )
    .with_messages(messages.to_vec())
    .with_remedy("choose a fresh name in a folder that the service account may write to")
}
