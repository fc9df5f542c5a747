use async_trait::async_trait;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::connection::Connection;
use super::execute::Executed;
use super::hosts::SshHosts;
use super::powershell::{self, Answer};
use crate::names::{HostName, HostPath};
use crate::secret::Secret;
use crate::transport::{
    CommandArgument, CommandOutput, CommandTransport, ExposingCommand, HostCommand, HostError,
    ProcessStatus, TransportErrorKind, codes,
};

#[async_trait]
impl CommandTransport for SshHosts {
    async fn run(
        &self,
        host: &HostName,
        command: &HostCommand,
    ) -> Result<CommandOutput, HostError> {
        let connection = self.connection(host).await?;
        let HostCommand {
            program,
            arguments,
            standard_input,
        } = command;
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let executed = connection
            .run(program.as_str(), &arguments, standard_input.as_ref())
            .await?;
        ended(&connection, program, executed).await
    }

    async fn run_exposing(
        &self,
        host: &HostName,
        command: &ExposingCommand,
    ) -> Result<CommandOutput, HostError> {
        let connection = self.connection(host).await?;
        let ExposingCommand { program, arguments } = command;
        let whole: Vec<Secret> = arguments.iter().map(CommandArgument::whole).collect();
        let arguments: Vec<&str> = whole.iter().map(Secret::expose).collect();
        let ran = connection.run_exposing(program.as_str(), &arguments);
        ended(&connection, program, ran.await?).await
    }

    async fn process(
        &self,
        host: &HostName,
        process_id: u32,
    ) -> Result<Option<ProcessStatus>, HostError> {
        let connection = self.connection(host).await?;
        match connection.script(&powershell::process(process_id)).await? {
            Answer::Refused(code) => Err(HostError::refused(
                code,
                format!("the process {process_id}"),
            )),
            Answer::Done(told) if told.is_empty() => Ok(None),
            Answer::Done(told) => status(&told).map(Some).ok_or_else(|| {
                HostError::lost(
                    TransportErrorKind::Unknown,
                    format!("what is told of the process can't be read: {told}"),
                )
            }),
        }
    }
}

/// How a program ended, unless there was none.
async fn ended(
    connection: &Connection,
    program: &HostPath,
    executed: Executed,
) -> Result<CommandOutput, HostError> {
    if executed.exit_code != 0 && connection.is_absent(program.as_str()).await? {
        return Err(HostError::refused(
            codes::FILE_NOT_FOUND,
            format!("{program} is not there"),
        ));
    }
    Ok(CommandOutput {
        exit_code: executed.exit_code,
        standard_output: executed.output.text(),
        standard_error: executed.error.text(),
    })
}

/// The start in its round-trip form, and the path as base64 of UTF-8.
fn status(told: &str) -> Option<ProcessStatus> {
    let (started, path) = told.split_once(' ')?;
    let path = String::from_utf8(BASE64_STANDARD.decode(path).ok()?).ok()?;
    let program: HostPath = path.parse().ok()?;
    let started = OffsetDateTime::parse(started, &Rfc3339).ok()?;
    Some(ProcessStatus { program, started })
}
