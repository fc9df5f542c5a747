//! The files of a backup: one, or the stripes of one media set.

use std::fmt;

use crate::context::Context;
use crate::error::{Error, Result};
use crate::names::ServerPath;
use crate::sql::server_identity::ServerIdentity;
use crate::sql::statement::Statement;

/// The most devices of a media set (documented).
const MOST_FILES: usize = 64;

/// The files of a media set, as one backup or restore names them all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BackupMedia {
    first: ServerPath,
    others: Vec<ServerPath>,
}

impl From<&ServerPath> for BackupMedia {
    fn from(file: &ServerPath) -> Self {
        Self {
            first: file.clone(),
            others: Vec::new(),
        }
    }
}

impl BackupMedia {
    /// Takes the files that came by the setter `field`, if they can be one set.
    pub(crate) fn new(
        cx: &Context,
        field: &str,
        first: &ServerPath,
        others: &[ServerPath],
    ) -> Result<Self> {
        let media = Self {
            first: first.clone(),
            others: others.to_vec(),
        };
        let count = media.files().count();
        if count > MOST_FILES {
            return Err(Error::invalid(
                field,
                format!("{count} files were said, and a media set has {MOST_FILES} at most"),
            ));
        }
        for (at, file) in media.files().enumerate() {
            cx.check_path(field, file)?;
            let is_twice = media
                .files()
                .take(at)
                .any(|other| other.as_str().eq_ignore_ascii_case(file.as_str()));
            if is_twice {
                return Err(Error::invalid(field, format!("{file} was said twice"))
                    .with_remedy("each stripe is a file of its own; name each once"));
            }
        }
        Ok(media)
    }

    pub(crate) fn refuse_foreign(&self, identity: &ServerIdentity, field: &str) -> Result<()> {
        self.files()
            .try_for_each(|file| identity.refuse_foreign_path(field, file))
    }

    pub(crate) fn files(&self) -> impl Iterator<Item = &ServerPath> {
        std::iter::once(&self.first).chain(&self.others)
    }

    /// `DISK = N'…', DISK = N'…'` behind what is there.
    pub(crate) fn devices(&self, statement: Statement) -> Statement {
        devices(statement, self.files().map(ServerPath::as_str))
    }
}

/// The same, of paths as a description shows them.
pub(crate) fn devices<'a>(
    statement: Statement,
    paths: impl IntoIterator<Item = &'a str>,
) -> Statement {
    let mut statement = statement;
    for (at, path) in paths.into_iter().enumerate() {
        statement = statement
            .text(if at == 0 { "DISK = " } else { ", DISK = " })
            .literal(path);
    }
    statement
}

impl fmt::Display for BackupMedia {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.first)?;
        self.others
            .iter()
            .try_for_each(|file| write!(f, ", {file}"))
    }
}
