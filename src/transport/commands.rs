use std::fmt;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::names::{HostName, HostPath};
use crate::secret::Secret;
use crate::transport::{ExposingCommand, HostError, TransportErrorKind};

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

/// How much is kept of each output of a program.
pub const LONGEST_OUTPUT: usize = 1 << 20;

/// Makes text of an output, or of its beginning: adapters read on to the end, and keep
/// [`LONGEST_OUTPUT`] bytes. What is no UTF-8 is replaced; the end says how much is left out.
#[must_use]
pub fn output_text(output: &[u8], length: u64) -> String {
    let kept = &output[..output.len().min(LONGEST_OUTPUT)];
    let mut text = String::from_utf8_lossy(kept).into_owned();
    // What was replaced takes more bytes than it did.
    if text.len() > LONGEST_OUTPUT {
        text.truncate(text.floor_char_boundary(LONGEST_OUTPUT));
    }
    if length > kept.len() as u64 {
        text.push_str(&format!("\n[the first {} of {length} bytes]", kept.len()));
    }
    text
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
/// * A secret of a command line is in no error, in no log and in no `Debug` of the transport.
/// * Output beyond 1 MiB of each kind is dropped, and the end of what is kept says so.
///
/// # Cancel safety
/// Dropping the future may leave the program running.
#[async_trait]
pub trait CommandTransport: fmt::Debug + Send + Sync {
    /// Runs a program to its end.
    async fn run(&self, host: &HostName, command: &HostCommand)
    -> Result<CommandOutput, HostError>;

    /// Runs a program with secrets on its command line to its end. Its output may say them: callers
    /// don't show it. Default: not supported, and nothing is run.
    async fn run_exposing(
        &self,
        host: &HostName,
        command: &ExposingCommand,
    ) -> Result<CommandOutput, HostError> {
        let _ = (host, command);
        Err(HostError::lost(
            TransportErrorKind::Unsupported,
            "it puts no secrets on command lines",
        ))
    }

    /// What runs under a process id; `None`: nothing.
    async fn process(
        &self,
        host: &HostName,
        process_id: u32,
    ) -> Result<Option<ProcessStatus>, HostError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_long_output_says_what_is_left_out() {
        assert_eq!(output_text(b"a\xffb", 3), "a\u{fffd}b");
        let long = vec![b'x'; LONGEST_OUTPUT + 5];
        let text = output_text(&long, 7_000_000);
        assert!(text.ends_with("x\n[the first 1048576 of 7000000 bytes]"));
        assert!(
            output_text(&[0xff; LONGEST_OUTPUT], LONGEST_OUTPUT as u64).len() <= LONGEST_OUTPUT
        );
    }
}
