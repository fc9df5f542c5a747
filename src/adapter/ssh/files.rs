use async_trait::async_trait;
use russh_sftp::protocol::{FileAttributes, FileType};
use time::OffsetDateTime;

use super::connection::Connection;
use super::endpoint::{FileReplacement, SshEndpoint};
use super::hosts::SshHosts;
use super::powershell::{self, Answer};
use super::remote_files::{RemoteFiles, is_read_only};
use crate::adapter::command_line::CommandLineError;
use crate::names::{HostName, HostPath};
use crate::transport::{FileStatus, FileTransport, HostError, TransportErrorKind, codes};

/// For the owner alone, until it is what it is to be.
const PRIVATE: u32 = 0o600;

#[async_trait]
impl FileTransport for SshHosts {
    async fn stat(
        &self,
        host: &HostName,
        path: &HostPath,
    ) -> Result<Option<FileStatus>, HostError> {
        let connection = self.connection(host).await?;
        let files = RemoteFiles::begin(&connection, &self.host(host)?.endpoint).await?;
        let found = files.look(path).await;
        let found = files.end(found)?;
        found.map(|found| status(path, &found)).transpose()
    }

    async fn read(&self, host: &HostName, path: &HostPath) -> Result<Vec<u8>, HostError> {
        let connection = self.connection(host).await?;
        let files = RemoteFiles::begin(&connection, &self.host(host)?.endpoint).await?;
        let read = files.read(path).await;
        files.end(read)
    }

    async fn list(&self, host: &HostName, folder: &HostPath) -> Result<Vec<String>, HostError> {
        let connection = self.connection(host).await?;
        let files = RemoteFiles::begin(&connection, &self.host(host)?.endpoint).await?;
        let listed = files.list(folder).await;
        files.end(listed)
    }

    async fn write_new(
        &self,
        host: &HostName,
        path: &HostPath,
        content: &[u8],
    ) -> Result<(), HostError> {
        let connection = self.connection(host).await?;
        let files = RemoteFiles::begin(&connection, &self.host(host)?.endpoint).await?;
        let written = files
            .write_new(path, content, FileAttributes::empty())
            .await;
        files.end(written)
    }

    async fn replace(
        &self,
        host: &HostName,
        path: &HostPath,
        content: &[u8],
    ) -> Result<(), HostError> {
        let connection = self.connection(host).await?;
        let endpoint = &self.host(host)?.endpoint;
        match endpoint.replacement {
            FileReplacement::SftpOnly => {
                let files = RemoteFiles::begin(&connection, endpoint).await?;
                let replaced = by_rename(&files, path, content).await;
                files.end(replaced)
            }
            FileReplacement::PowerShell => by_script(&connection, endpoint, path, content).await,
        }
    }

    async fn copy(&self, host: &HostName, from: &HostPath, to: &HostPath) -> Result<(), HostError> {
        let connection = self.connection(host).await?;
        let endpoint = &self.host(host)?.endpoint;
        let files = RemoteFiles::begin(&connection, endpoint).await?;
        if endpoint.replacement == FileReplacement::SftpOnly {
            let copied = by_hand(&files, from, to).await;
            return files.end(copied);
        }
        let found = files.file(from).await;
        files.end(found)?;
        let done = run(&connection, powershell::copy(from.as_str(), to.as_str())).await?;
        done.map(drop)
            .map_err(|code| HostError::refused(code, format!("{to}: a copy of {from}")))
    }

    /// By SFTP: what a file is given another name by keeps its permissions, on Windows too.
    async fn rename(
        &self,
        host: &HostName,
        from: &HostPath,
        to: &HostPath,
    ) -> Result<(), HostError> {
        let connection = self.connection(host).await?;
        let files = RemoteFiles::begin(&connection, &self.host(host)?.endpoint).await?;
        let renamed = async {
            if from.sibling(to.file_name()).ok().as_ref() != Some(to) {
                return Err(HostError::refused(
                    codes::ACCESS_DENIED,
                    format!("{to}: a file is renamed in its folder only"),
                ));
            }
            files.check_renames()?;
            files.file(from).await?;
            if files.look(to).await?.is_some() {
                files.writable(to).await?;
            }
            files.rename_over(from, to).await
        };
        let renamed = renamed.await;
        files.end(renamed)
    }

    async fn remove(&self, host: &HostName, path: &HostPath) -> Result<(), HostError> {
        let connection = self.connection(host).await?;
        let files = RemoteFiles::begin(&connection, &self.host(host)?.endpoint).await?;
        let removed = async {
            files.writable(path).await?;
            files.remove(path).await
        };
        let removed = removed.await;
        files.end(removed)
    }
}

fn status(path: &HostPath, found: &FileAttributes) -> Result<FileStatus, HostError> {
    let seconds = found.mtime.map(i64::from);
    let modified = seconds.and_then(|seconds| OffsetDateTime::from_unix_timestamp(seconds).ok());
    let is_folder = found.file_type() == FileType::Dir;
    match (found.size, modified) {
        (Some(size), Some(modified)) => Ok(FileStatus {
            size: if is_folder { 0 } else { size },
            modified,
            is_read_only: is_read_only(found),
        }),
        _ => Err(HostError::refused(
            codes::GENERAL_FAILURE,
            format!("{path}: the server does not tell its size and its time"),
        )),
    }
}

/// Beside, then over the old one, with its mode and owner.
async fn by_rename(
    files: &RemoteFiles<'_>,
    path: &HostPath,
    content: &[u8],
) -> Result<(), HostError> {
    files.check_renames()?;
    let old = files.writable(path).await?;
    let new = RemoteFiles::beside(path)?;
    let attributes = FileAttributes {
        permissions: Some(old.permissions.unwrap_or(PRIVATE) & 0o7777),
        uid: old.uid,
        gid: old.gid,
        ..FileAttributes::empty()
    };
    files.write_new(&new, content, attributes).await?;
    let renamed = files.rename_over(&new, path).await;
    if let Err(HostError::Refused { .. }) = renamed {
        files.remove(&new).await?;
    }
    renamed
}

/// Read and written again, with its mode, owner and time.
async fn by_hand(files: &RemoteFiles<'_>, from: &HostPath, to: &HostPath) -> Result<(), HostError> {
    let old = files.file(from).await?;
    let content = files.read(from).await?;
    let attributes = FileAttributes {
        permissions: Some(old.permissions.unwrap_or(PRIVATE) & 0o7777),
        uid: old.uid,
        gid: old.gid,
        atime: old.atime,
        mtime: old.mtime,
        ..FileAttributes::empty()
    };
    files.write_new(to, &content, attributes).await
}

/// Beside by SFTP, then over the old one by `ReplaceFile`.
async fn by_script(
    connection: &Connection,
    endpoint: &SshEndpoint,
    path: &HostPath,
    content: &[u8],
) -> Result<(), HostError> {
    let (new, kept) = (RemoteFiles::beside(path)?, RemoteFiles::beside(path)?);
    let files = RemoteFiles::begin(connection, endpoint).await?;
    let written = async {
        files.writable(path).await?;
        files
            .write_new(&new, content, FileAttributes::empty())
            .await
    };
    let written = written.await;
    files.end(written)?;
    let replaced = run(
        connection,
        powershell::replace(new.as_str(), path.as_str(), kept.as_str()),
    )
    .await;
    let problem = match replaced {
        Ok(Ok(told)) => {
            if told == "kept" {
                tracing::warn!(%path, %kept, "the old file could not be removed");
            }
            return Ok(());
        }
        Ok(Err(code)) => HostError::refused(code, format!("{path}: by ReplaceFile")),
        Err(error) => error,
    };
    // What may still be under way keeps its file.
    let is_over = match &problem {
        HostError::Refused { .. } => true,
        HostError::Lost(lost) => lost.kind() == TransportErrorKind::Unsupported,
    };
    if is_over {
        let files = RemoteFiles::begin(connection, endpoint).await?;
        let removed = files.remove(&new).await;
        files.end(removed)?;
    }
    Err(problem)
}

/// Runs a script on files: what it tells, or the number of Windows by which it was refused.
async fn run(
    connection: &Connection,
    script: Result<String, CommandLineError>,
) -> Result<Result<String, u32>, HostError> {
    let unsupported = |error: CommandLineError| {
        HostError::lost(TransportErrorKind::Unsupported, error.to_string())
    };
    Ok(
        match connection.script(&script.map_err(unsupported)?).await? {
            Answer::Done(told) => Ok(told),
            Answer::Refused(code) => Err(code),
        },
    )
}
