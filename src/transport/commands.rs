use std::fmt;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::names::{HostName, HostPath};
use crate::secret::Secret;
use crate::transport::HostError;

/// A program with its arguments, to be run on a host.
#[derive(Debug)]
#[allow(
    clippy::exhaustive_structs,
    reason = "adapters must obey all of it, and a new member must reach them"
)]
pub struct HostCommand {
    /// The program, by its whole path: none is looked for.
    pub program: HostPath,
    /// The arguments as the program is to see them. Quoting is the adapter's, done once. Command
    /// lines are public (event 4688): no secret belongs here.
    pub arguments: Vec<String>,
    /// What the program reads from its standard input, if anything. This is where secrets go.
    pub standard_input: Option<Secret>,
}

/// How a program ended.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(
    clippy::exhaustive_structs,
    reason = "adapters state all of it, and a new question must reach them"
)]
pub struct CommandOutput {
    /// Its exit code.
    pub exit_code: u32,
    /// What it wrote, made text: UTF-8, or what could not be read of it replaced.
    pub standard_output: String,
    /// What it wrote to standard error.
    pub standard_error: String,
}

/// What runs under a process id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(
    clippy::exhaustive_structs,
    reason = "adapters state all of it, and a new question must reach them"
)]
pub struct ProcessStatus {
    /// Its program.
    pub program: HostPath,
    /// When it was started, UTC. Numbers are given again: number and start together name a process.
    pub started: OffsetDateTime,
}

/// Runs programs on Windows hosts. The port a host program plugs in.
///
/// # Contract
/// * The program runs once, without a shell, with just these arguments, and its output is not interpreted.
/// * An exit code other than 0 is an answer, not an error.
/// * Output beyond 1 MiB of each kind is dropped, and the end of what is kept says so.
///
/// # Cancel safety
/// Dropping the future may leave the program running.
#[async_trait]
pub trait CommandTransport: fmt::Debug + Send + Sync {
    /// Runs a program to its end.
    async fn run(&self, host: &HostName, command: &HostCommand)
    -> Result<CommandOutput, HostError>;

    /// What runs under a process id; `None`: nothing.
    async fn process(
        &self,
        host: &HostName,
        process_id: u32,
    ) -> Result<Option<ProcessStatus>, HostError>;
}
