use std::future::Future;

use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::context::Context;
use crate::error::{Error, ErrorKind, Result};
use crate::names::{HostName, HostPath};
use crate::transport::{
    CommandOutput, ExposingCommand, FileStatus, FileTransport, HostCommand, HostError,
    LONGEST_FILE, codes,
};

/// The files of one host, through the context's ports and within its deadlines. Errors name the path.
pub(super) struct HostFiles<'a> {
    cx: &'a Context,
    host: &'a HostName,
    files: &'a dyn FileTransport,
}

/// The content of a file; it may hold passwords.
pub(super) type Bytes = Zeroizing<Vec<u8>>;

impl<'a> HostFiles<'a> {
    pub(super) fn of(cx: &'a Context, host: &'a HostName) -> Result<Self> {
        let files = cx.files()?;
        Ok(Self { cx, host, files })
    }

    /// The file; `None` where none is.
    pub(super) async fn read(&self, path: &HostPath) -> Result<Option<Bytes>> {
        let Some(status) = self.stat(path).await? else {
            return Ok(None);
        };
        if status.size > LONGEST_FILE {
            let problem = format!(
                "{path}: it has {} bytes, and no configuration is longer than {LONGEST_FILE}",
                status.size
            );
            return Err(Error::new(ErrorKind::Corrupt, problem));
        }
        let read = self.call(self.files.read(self.host, path)).await;
        read.map(|bytes| Some(Zeroizing::new(bytes)))
            .map_err(|error| at(path, error))
    }

    /// What is told of the file; `None` where none is.
    pub(super) async fn stat(&self, path: &HostPath) -> Result<Option<FileStatus>> {
        match self.call(self.files.stat(self.host, path)).await {
            Ok(status) => Ok(status),
            Err(error) if is_absent(&error) => Ok(None),
            Err(error) => Err(at(path, error)),
        }
    }

    pub(super) async fn exists(&self, path: &HostPath) -> Result<bool> {
        Ok(self.stat(path).await?.is_some())
    }

    pub(super) async fn write_new(&self, path: &HostPath, content: &[u8]) -> Result<()> {
        let written = self.call(self.files.write_new(self.host, path, content));
        written.await.map_err(|error| at(path, error))
    }

    pub(super) async fn replace(&self, path: &HostPath, content: &[u8]) -> Result<()> {
        let replaced = self.call(self.files.replace(self.host, path, content));
        replaced.await.map_err(|error| at(path, error))
    }

    pub(super) async fn copy(&self, from: &HostPath, to: &HostPath) -> Result<()> {
        let copied = self.call(self.files.copy(self.host, from, to));
        copied.await.map_err(|error| at(to, error))
    }

    pub(super) async fn remove(&self, path: &HostPath) -> Result<()> {
        let removed = self.call(self.files.remove(self.host, path));
        removed.await.map_err(|error| at(path, error))
    }

    /// Gives a file another name in its folder, over the one that has it.
    pub(super) async fn rename(&self, from: &HostPath, to: &HostPath) -> Result<()> {
        let renamed = self.call(self.files.rename(self.host, from, to));
        renamed.await.map_err(|error| at(to, error))
    }

    /// The names in a folder; none where there is no folder.
    pub(super) async fn list(&self, folder: &HostPath) -> Result<Vec<String>> {
        match self.call(self.files.list(self.host, folder)).await {
            Ok(names) => Ok(names),
            Err(error) if is_absent(&error) => Ok(Vec::new()),
            Err(error) => Err(at(folder, error)),
        }
    }

    /// Runs Setup, with secrets on its command line.
    pub(super) async fn run_setup(&self, command: &ExposingCommand) -> Result<CommandOutput> {
        let commands = self.cx.commands()?;
        let deadline = Some(self.cx.deadlines().setup);
        let run = commands.run_exposing(self.host, command);
        let run = self.cx.within(deadline, run).await;
        run.map_err(|error| at(&command.program, error))
    }

    pub(super) async fn run(&self, command: &HostCommand) -> Result<CommandOutput> {
        let commands = self.cx.commands()?;
        let deadline = Some(self.cx.deadlines().host_program);
        let run = self.cx.within(deadline, commands.run(self.host, command));
        run.await.map_err(|error| at(&command.program, error))
    }

    async fn call<T>(
        &self,
        work: impl Future<Output = Result<T, HostError>> + Send,
    ) -> Result<T, HostError> {
        self.cx.within(Some(self.cx.deadlines().host), work).await
    }
}

/// The SHA-256 of a file's content, in hexadecimal.
pub(super) fn sha256(content: &[u8]) -> String {
    hex::encode(Sha256::digest(content))
}

fn is_absent(error: &HostError) -> bool {
    matches!(
        error.code(),
        Some(codes::FILE_NOT_FOUND | codes::PATH_NOT_FOUND)
    )
}

fn at(path: &HostPath, error: HostError) -> Error {
    let detail = format!("{path}: {error}");
    let error = Error::from_host(error);
    Error::new(error.kind(), detail).with_effect(error.effect())
}
