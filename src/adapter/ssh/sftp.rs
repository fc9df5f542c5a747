use russh_sftp::client::error::Error as SftpError;
use russh_sftp::client::rawsession::SftpResult;
use russh_sftp::client::{Config, RawSftpSession};
use russh_sftp::protocol::{FileAttributes, OpenFlags, Packet, StatusCode};

use super::connection::Connection;
use crate::transport::{HostError, LONGEST_FILE, TransportErrorKind, codes};

/// How much goes in one request. Every server takes it (documented: 32,768 at least).
const PIECE: u32 = 32 << 10;

/// The replies of SFTP that requests of ours get, on one channel of a connection.
pub(super) struct Sftp {
    raw: RawSftpSession,
    pub(super) renames_over: bool,
    can_sync: bool,
}

/// What went wrong with a request.
#[derive(Debug)]
pub(super) enum Problem {
    Status(StatusCode, String),
    /// The server's answer is missing or makes no sense.
    Lost(String),
}

impl From<SftpError> for Problem {
    fn from(error: SftpError) -> Self {
        match error {
            SftpError::Status(status) => Self::Status(status.status_code, status.error_message),
            error => Self::Lost(error.to_string()),
        }
    }
}

impl Problem {
    pub(super) const fn is_not_there(&self) -> bool {
        matches!(self, Self::Status(StatusCode::NoSuchFile, _))
    }

    /// As a refusal of Windows, whose numbers SFTP does not tell.
    pub(super) fn refusal(self, connection: &Connection) -> HostError {
        let (status, text) = match self {
            Self::Status(status, text) => (status, text),
            Self::Lost(text) => return connection.interrupted(&format!("SFTP: {text}")),
        };
        let code = match status {
            StatusCode::NoSuchFile => codes::FILE_NOT_FOUND,
            StatusCode::PermissionDenied => codes::ACCESS_DENIED,
            StatusCode::OpUnsupported => {
                return HostError::lost(TransportErrorKind::Unsupported, format!("SFTP: {text}"));
            }
            _ => codes::GENERAL_FAILURE,
        };
        HostError::refused(code, format!("SFTP: {status}, {text}"))
    }
}

impl Sftp {
    pub(super) async fn open(connection: &Connection) -> Result<Self, HostError> {
        let channel = connection.sftp_channel().await?;
        // The context's deadlines end a call.
        let config = Config {
            request_timeout_secs: 24 * 60 * 60,
            ..Config::default()
        };
        let raw = RawSftpSession::new_with_config(channel.into_stream(), config);
        let version = raw
            .init()
            .await
            .map_err(|error| connection.not_sent(&error))?;
        let has = |name: &str| version.extensions.contains_key(name);
        Ok(Self {
            raw,
            renames_over: has("posix-rename@openssh.com"),
            can_sync: has("fsync@openssh.com"),
        })
    }

    pub(super) async fn look(&self, path: &str) -> Result<FileAttributes, Problem> {
        Ok(self.raw.lstat(path).await?.attrs)
    }

    pub(super) async fn read(&self, path: &str) -> Result<Vec<u8>, Problem> {
        let handle = self
            .raw
            .open(path, OpenFlags::READ, FileAttributes::empty())
            .await?
            .handle;
        let read = self.pieces(&handle).await;
        self.raw.close(handle).await?;
        read
    }

    async fn pieces(&self, handle: &str) -> Result<Vec<u8>, Problem> {
        let mut content = Vec::new();
        // One byte more than is taken, to tell that it is too long.
        while (content.len() as u64) <= LONGEST_FILE {
            match self.raw.read(handle, content.len() as u64, PIECE).await {
                Ok(piece) if piece.data.is_empty() => {
                    return Err(Problem::Lost(
                        "the server sends nothing, and no end".to_owned(),
                    ));
                }
                Ok(piece) => content.extend_from_slice(&piece.data),
                Err(SftpError::Status(status)) if status.status_code == StatusCode::Eof => break,
                Err(error) => return Err(error.into()),
            }
        }
        Ok(content)
    }

    /// Makes a file that is not there yet. What can't be written whole is removed again.
    pub(super) async fn write_new(
        &self,
        path: &str,
        content: &[u8],
        attributes: FileAttributes,
    ) -> Result<(), Problem> {
        let flags = OpenFlags::WRITE | OpenFlags::CREATE | OpenFlags::EXCLUDE;
        let handle = self.raw.open(path, flags, attributes.clone()).await?.handle;
        let written = self.fill(&handle, content, attributes).await;
        let closed = self.raw.close(handle).await;
        let done = written.and_then(|()| Ok(closed.map(drop)?));
        if let Err(Problem::Status(..)) = done {
            self.remove(path).await?;
        }
        done
    }

    async fn fill(
        &self,
        handle: &str,
        content: &[u8],
        attributes: FileAttributes,
    ) -> Result<(), Problem> {
        for (offset, piece) in (0..)
            .step_by(PIECE as usize)
            .zip(content.chunks(PIECE as usize))
        {
            self.raw.write(handle, offset, piece.to_vec()).await?;
        }
        // On Unix what is given when a file is made goes through a mask, and misses the owner and the times. Who
        // gets an owner loses parts of its mode, so the owner comes first.
        if attributes.uid.is_some() {
            let owner = FileAttributes {
                uid: attributes.uid,
                gid: attributes.gid,
                ..FileAttributes::empty()
            };
            self.raw.fsetstat(handle, owner).await?;
        }
        if attributes.permissions.is_some() || attributes.mtime.is_some() {
            let rest = FileAttributes {
                uid: None,
                gid: None,
                ..attributes
            };
            self.raw.fsetstat(handle, rest).await?;
        }
        if self.can_sync {
            self.raw.fsync(handle).await?;
        }
        Ok(())
    }

    pub(super) async fn list(&self, folder: &str) -> Result<Vec<String>, Problem> {
        let handle = self.raw.opendir(folder).await?.handle;
        let mut names = Vec::new();
        let listed = loop {
            match self.raw.readdir(handle.as_str()).await {
                Ok(some) => names.extend(some.files.into_iter().map(|file| file.filename)),
                Err(SftpError::Status(status)) if status.status_code == StatusCode::Eof => {
                    break Ok(());
                }
                Err(error) => break Err(error),
            }
        };
        self.raw.close(handle).await?;
        listed?;
        names.retain(|name| name != "." && name != "..");
        Ok(names)
    }

    pub(super) async fn remove(&self, path: &str) -> Result<(), Problem> {
        self.raw.remove(path).await?;
        Ok(())
    }

    /// Renames over what is there, in one step.
    pub(super) async fn rename_over(&self, from: &str, to: &str) -> Result<(), Problem> {
        let mut data = Vec::new();
        for path in [from, to] {
            let length =
                u32::try_from(path.len()).map_err(|error| Problem::Lost(error.to_string()))?;
            data.extend_from_slice(&length.to_be_bytes());
            data.extend_from_slice(path.as_bytes());
        }
        let answer: SftpResult<Packet> = self.raw.extended("posix-rename@openssh.com", data).await;
        match answer? {
            Packet::Status(status) if status.status_code == StatusCode::Ok => Ok(()),
            Packet::Status(status) => {
                Err(Problem::Status(status.status_code, status.error_message))
            }
            _ => Err(Problem::Lost("an answer to another question".to_owned())),
        }
    }
}
