//! This machine: its programs, and on Unix its files.
//!
//! On Windows files have permissions (ACL) that must stay, services and a registry; those are `adapter::windows`'s. So
//! there [`LocalMachine`] is a port to programs alone, and cannot tell what runs under a process id. Elsewhere, where
//! Orchestrator doesn't run, its files serve rehearsals and tools that prepare them.

#[cfg(unix)]
mod files;
#[cfg(target_os = "linux")]
mod linux_process;

use std::process::Stdio;

use async_trait::async_trait;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{ChildStdin, Command};

use crate::adapter::kept_output::KeptOutput;
use crate::names::{HostName, HostPath};
use crate::secret::Secret;
use crate::transport::{
    CommandArgument, CommandOutput, CommandTransport, ExposingCommand, HostCommand, HostError,
    ProcessStatus, TransportErrorKind, codes,
};

/// This machine, under the name that it has in the deployment. Calls for other hosts are refused; that the name is
/// this machine's is the word of whoever gives it.
///
/// # Cancel safety
/// A program that was started goes on when its future is dropped.
///
/// # Example
/// ```
/// use scorch_recovery::Context;
/// use scorch_recovery::adapter::local::LocalMachine;
///
/// let machine = LocalMachine::called("MS01".parse()?);
/// let cx = Context::builder().commands(machine).build()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct LocalMachine {
    name: HostName,
}

fn unsupported(detail: impl Into<String>) -> HostError {
    HostError::lost(TransportErrorKind::Unsupported, detail)
}

/// As Windows numbers it: there the number is what the system tells, elsewhere its nearest.
fn refused(what: &dyn std::fmt::Display, error: &std::io::Error) -> HostError {
    use std::io::ErrorKind;
    let told = error.raw_os_error().filter(|_| cfg!(windows));
    let code = told
        .and_then(|code| u32::try_from(code).ok())
        .unwrap_or_else(|| match error.kind() {
            ErrorKind::NotFound => codes::FILE_NOT_FOUND,
            ErrorKind::PermissionDenied | ErrorKind::IsADirectory => codes::ACCESS_DENIED,
            ErrorKind::AlreadyExists => codes::FILE_EXISTS,
            ErrorKind::StorageFull => codes::DISK_FULL,
            _ => codes::GENERAL_FAILURE,
        });
    HostError::refused(code, format!("{what}: {error}"))
}

impl LocalMachine {
    /// This machine, called so.
    #[must_use]
    pub const fn called(name: HostName) -> Self {
        Self { name }
    }

    fn check(&self, host: &HostName) -> Result<(), HostError> {
        if self.name.as_str().eq_ignore_ascii_case(host.as_str()) {
            return Ok(());
        }
        Err(unsupported(format!(
            "this reaches {} only, the machine it runs on",
            self.name
        )))
    }
}

impl LocalMachine {
    async fn execute(
        &self,
        program: &HostPath,
        arguments: &[&str],
        standard_input: Option<&Secret>,
    ) -> Result<CommandOutput, HostError> {
        let input = if standard_input.is_some() {
            Stdio::piped()
        } else {
            Stdio::null()
        };
        // No shell: the standard library quotes, and for batch files it refuses what can't be quoted.
        let mut child = Command::new(program.as_str())
            .args(arguments)
            .stdin(input)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| match error.kind() {
                std::io::ErrorKind::InvalidInput => unsupported(format!("{program}: {error}")),
                _ => refused(program, &error),
            })?;
        let lost = |error: std::io::Error| {
            HostError::lost(
                TransportErrorKind::Interrupted,
                format!("{program}: {error}"),
            )
        };
        let (input, output, error) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let ((), output, error, status) = tokio::join!(
            feed(input, standard_input),
            keep(output),
            keep(error),
            child.wait()
        );
        let exit_code = status.map_err(lost)?.code().ok_or_else(|| {
            HostError::lost(
                TransportErrorKind::Interrupted,
                format!("{program}: it was ended by a signal"),
            )
        })?;
        Ok(CommandOutput {
            exit_code: exit_code.cast_unsigned(),
            standard_output: output.map_err(lost)?.text(),
            standard_error: error.map_err(lost)?.text(),
        })
    }
}

#[async_trait]
impl CommandTransport for LocalMachine {
    async fn run(
        &self,
        host: &HostName,
        command: &HostCommand,
    ) -> Result<CommandOutput, HostError> {
        self.check(host)?;
        let arguments: Vec<&str> = command.arguments.iter().map(String::as_str).collect();
        let input = command.standard_input.as_ref();
        self.execute(&command.program, &arguments, input).await
    }

    async fn run_exposing(
        &self,
        host: &HostName,
        command: &ExposingCommand,
    ) -> Result<CommandOutput, HostError> {
        self.check(host)?;
        let whole = command.arguments.iter().map(CommandArgument::whole);
        let whole: Vec<Secret> = whole.collect();
        let arguments: Vec<&str> = whole.iter().map(Secret::expose).collect();
        self.execute(&command.program, &arguments, None).await
    }

    async fn process(
        &self,
        host: &HostName,
        process_id: u32,
    ) -> Result<Option<ProcessStatus>, HostError> {
        self.check(host)?;
        #[cfg(target_os = "linux")]
        return linux_process::status(process_id);
        #[cfg(not(target_os = "linux"))]
        Err(unsupported(format!(
            "what runs as process {process_id} is told by adapter::windows"
        )))
    }
}

/// Writes standard input, and ends it. That a program does not read all of it is its own affair.
async fn feed(input: Option<ChildStdin>, secret: Option<&Secret>) {
    if let (Some(mut input), Some(secret)) = (input, secret) {
        drop(input.write_all(secret.expose().as_bytes()).await);
        drop(input.shutdown().await);
    }
}

async fn keep(from: Option<impl AsyncRead + Unpin + Send>) -> std::io::Result<KeptOutput> {
    let mut kept = KeptOutput::default();
    let Some(mut from) = from else {
        return Ok(kept);
    };
    let mut buffer = vec![0; 16 << 10];
    loop {
        match from.read(&mut buffer).await? {
            0 => return Ok(kept),
            length => kept.add(&buffer[..length]),
        }
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests;
