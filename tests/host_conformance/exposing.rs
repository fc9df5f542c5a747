//! Programs that get secrets on their command lines in broken ways.

use scorch_recovery::Secret;
use scorch_recovery::names::HostName;
use scorch_recovery::transport::{
    CommandArgument, CommandOutput, CommandTransport as _, ExposingCommand, HostError,
    TransportErrorKind,
};

use super::Broken;
use crate::ways::Way;

impl Broken {
    pub(super) async fn expose(
        &self,
        host: &HostName,
        command: &ExposingCommand,
    ) -> Result<CommandOutput, HostError> {
        let ExposingCommand { program, arguments } = command;
        let (mut program, mut arguments) = (program.clone(), arguments.clone());
        let whole: Vec<Secret> = arguments.iter().map(CommandArgument::whole).collect();
        let line = whole.iter().map(Secret::expose).collect::<Vec<_>>();
        let line = line.join(" ");
        match self.way {
            Some(Way::LeavesTheDefaults) => {
                let detail = "it puts no secrets on command lines";
                return Err(HostError::lost(TransportErrorKind::Unsupported, detail));
            }
            Some(Way::FindsAnyProgram) => program = r"C:\Tools\played program.exe".parse().unwrap(),
            Some(Way::LogsSecrets) => tracing::debug!(line, "runs"),
            Some(Way::DropsPrefixes) => {
                for argument in &mut arguments {
                    if let CommandArgument::Exposing { prefix, .. } = argument {
                        prefix.clear();
                    }
                }
            }
            Some(Way::ExpandsSecrets) => {
                for argument in &mut arguments {
                    if let CommandArgument::Exposing { secret, .. } = argument {
                        let expanded = secret.expose().replace("%PATH%", r"C:\Windows");
                        *secret = Secret::new(expanded);
                    }
                }
            }
            _ => {}
        }
        let command = ExposingCommand { program, arguments };
        match (self.way, self.inner.run_exposing(host, &command).await) {
            (Some(Way::ForgetsCodes), Ok(mut output)) => {
                output.exit_code = output.exit_code.min(1);
                Ok(output)
            }
            (Some(Way::TellsSecrets), Err(HostError::Refused { code, text })) => {
                Err(HostError::refused(code, format!("{line}: {text}")))
            }
            (_, ran) => ran,
        }
    }
}
