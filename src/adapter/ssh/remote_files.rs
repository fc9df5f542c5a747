use russh_sftp::protocol::{FileAttributes, FileType};

use super::connection::{Call, Connection};
use super::endpoint::SshEndpoint;
use super::sftp::{Problem, Sftp};
use crate::names::HostPath;
use crate::transport::{HostError, LONGEST_FILE, TransportErrorKind, codes};

/// The files of a host, for one call.
pub(super) struct RemoteFiles<'a> {
    connection: &'a Connection,
    sftp: &'a Sftp,
    call: Call<'a>,
    below: &'a str,
}

fn refused(code: u32, path: &HostPath, problem: &str) -> HostError {
    HostError::refused(code, format!("{path}: {problem}"))
}

impl<'a> RemoteFiles<'a> {
    pub(super) async fn begin(
        connection: &'a Connection,
        endpoint: &'a SshEndpoint,
    ) -> Result<Self, HostError> {
        let sftp = Connection::once(&connection.sftp, Sftp::open(connection)).await?;
        let call = connection.begin().await?;
        Ok(Self {
            connection,
            sftp,
            call,
            below: &endpoint.files_below,
        })
    }

    /// Ends the call. What is not known to have ended at the server leaves the connection out of use, and with it
    /// goes whatever the server holds open for it.
    pub(super) fn end<T>(self, result: Result<T, HostError>) -> Result<T, HostError> {
        let is_lost =
            matches!(&result, Err(HostError::Lost(error)) if !error.kind().is_before_send());
        if !is_lost {
            self.call.end();
        }
        result
    }

    /// The path as SFTP has it: `C:\a` is `/C:/a`.
    fn remote(&self, path: &HostPath) -> String {
        let path = path.as_str();
        match path.starts_with('/') {
            true => format!("{}{path}", self.below),
            false => format!("{}/{}", self.below, path.replace('\\', "/")),
        }
    }

    fn failed(&self, path: &HostPath, problem: Problem) -> HostError {
        match problem.refusal(self.connection) {
            HostError::Refused { code, text } => refused(code, path, &text),
            lost => lost,
        }
    }

    /// What is there. A link is refused, because what it leads to is another file.
    pub(super) async fn look(&self, path: &HostPath) -> Result<Option<FileAttributes>, HostError> {
        match self.sftp.look(&self.remote(path)).await {
            Ok(found) if found.file_type() == FileType::Symlink => Err(refused(
                codes::ACCESS_DENIED,
                path,
                "it is a link, and links are not followed",
            )),
            Ok(found) => Ok(Some(found)),
            Err(problem) if problem.is_not_there() => Ok(None),
            Err(problem) => Err(self.failed(path, problem)),
        }
    }

    /// A file that must be there, and a file.
    pub(super) async fn file(&self, path: &HostPath) -> Result<FileAttributes, HostError> {
        match self.look(path).await? {
            None => Err(refused(codes::FILE_NOT_FOUND, path, "it is not there")),
            Some(found) if found.file_type() != FileType::File => {
                Err(refused(codes::ACCESS_DENIED, path, "it is no plain file"))
            }
            Some(found) => Ok(found),
        }
    }

    /// The same, and it may be changed: a server on Unix would not mind.
    pub(super) async fn writable(&self, path: &HostPath) -> Result<FileAttributes, HostError> {
        let found = self.file(path).await?;
        if is_read_only(&found) {
            return Err(refused(codes::ACCESS_DENIED, path, "it is read-only"));
        }
        Ok(found)
    }

    pub(super) async fn read(&self, path: &HostPath) -> Result<Vec<u8>, HostError> {
        self.file(path).await?;
        let read = self.sftp.read(&self.remote(path)).await;
        let content = read.map_err(|problem| self.failed(path, problem))?;
        check_length(path, &content)?;
        Ok(content)
    }

    pub(super) async fn list(&self, folder: &HostPath) -> Result<Vec<String>, HostError> {
        let listed = self.sftp.list(&self.remote(folder)).await;
        listed.map_err(|problem| match problem.is_not_there() {
            true => refused(codes::PATH_NOT_FOUND, folder, "it is not there"),
            false => self.failed(folder, problem),
        })
    }

    pub(super) async fn write_new(
        &self,
        path: &HostPath,
        content: &[u8],
        attributes: FileAttributes,
    ) -> Result<(), HostError> {
        check_length(path, content)?;
        let problem = match self
            .sftp
            .write_new(&self.remote(path), content, attributes)
            .await
        {
            Ok(()) => return Ok(()),
            Err(problem) => problem,
        };
        // SFTP has no word for a file that is there already, and one for all that is missing.
        match problem {
            Problem::Status(..) if problem.is_not_there() => Err(refused(
                codes::PATH_NOT_FOUND,
                path,
                "its folder is not there",
            )),
            Problem::Status(..) if self.sftp.look(&self.remote(path)).await.is_ok() => {
                Err(refused(codes::FILE_EXISTS, path, "it is there already"))
            }
            problem => Err(self.failed(path, problem)),
        }
    }

    /// A name beside, that nobody has: for what is on its way.
    pub(super) fn beside(path: &HostPath) -> Result<HostPath, HostError> {
        let name = format!("{}.{}.new", path.file_name(), crate::adapter::random_name());
        path.sibling(&name)
            .map_err(|error| refused(codes::BAD_PATH_NAME, path, error.problem()))
    }

    pub(super) fn check_renames(&self) -> Result<(), HostError> {
        if self.sftp.renames_over {
            return Ok(());
        }
        Err(HostError::lost(
            TransportErrorKind::Unsupported,
            "the server can't put a file in the place of another in one step (posix-rename@openssh.com)",
        ))
    }

    pub(super) async fn rename_over(
        &self,
        from: &HostPath,
        to: &HostPath,
    ) -> Result<(), HostError> {
        let renamed = self
            .sftp
            .rename_over(&self.remote(from), &self.remote(to))
            .await;
        renamed.map_err(|problem| self.failed(to, problem))
    }

    pub(super) async fn remove(&self, path: &HostPath) -> Result<(), HostError> {
        let removed = self.sftp.remove(&self.remote(path)).await;
        removed.map_err(|problem| self.failed(path, problem))
    }
}

/// Whether nobody may write it: so a server on Windows tells the attribute read-only (community).
pub(super) fn is_read_only(attributes: &FileAttributes) -> bool {
    attributes.permissions.is_some_and(|mode| mode & 0o222 == 0)
}

fn check_length(path: &HostPath, content: &[u8]) -> Result<(), HostError> {
    if content.len() as u64 > LONGEST_FILE {
        return Err(refused(
            codes::FILE_TOO_LARGE,
            path,
            "it is longer than any configuration",
        ));
    }
    Ok(())
}
