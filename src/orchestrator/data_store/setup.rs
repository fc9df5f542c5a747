//! A rebuilt host gets its configuration from Setup.

use std::time::Duration;

use super::discovery::{Installed, SettingsFile, only};
use super::kept::with_fact;
use super::setup_logs::SetupLogs;
use super::silent_setup::{SilentSetup, component, not_rebuilt};
use crate::context::Context;
use crate::error::{Effect, Error, ErrorKind, Result};
use crate::names::HostName;
use crate::orchestrator::host_files::HostFiles;
use crate::orchestrator::host_registry::HostRegistry;
use crate::orchestrator::services::Turn;
use crate::orchestrator::{DeploymentHost, computer};
use crate::progress::Progress;
use crate::transport::ExposingCommand;

/// What Setup made of a host.
pub(super) struct SetUp {
    pub(super) after: SettingsFile,
    pub(super) host: DeploymentHost,
    pub(super) logs: SetupLogs,
}

/// What Setup is run with.
pub(super) struct Scene<'a> {
    pub(super) cx: &'a Context,
    pub(super) operation: &'static str,
    pub(super) host: &'a HostName,
    pub(super) setup: &'a SilentSetup,
    pub(super) files: &'a HostFiles<'a>,
}

impl Scene<'_> {
    /// Refuses a host that has something of Orchestrator, and one whose Setup is not there.
    pub(super) async fn require(&self) -> Result<()> {
        // Without a registry the installation can't be told from another one.
        if HostRegistry::of(self.cx, self.host).is_ok() {
            let guid = computer::machine_guid(self.cx, self.host).await?;
            self.setup.require(guid.as_deref())?;
        }
        let installed = Installed::on(self.cx, self.host).await?;
        let (files, _) = installed.settings(self.files).await?;
        let roles = installed.roles.iter();
        let mut found: Vec<String> = roles.map(|role| component(*role).to_owned()).collect();
        found.extend(files.iter().map(|file| file.path.to_string()));
        if !found.is_empty() {
            return Err(not_rebuilt(&found));
        }
        let program = self.setup.program();
        if !self.files.exists(program).await? {
            return Err(
                Error::new(ErrorKind::NotFound, format!("{program}: it is not there")).with_remedy(
                    "copy the whole installation media to the host, and name its Setup.exe",
                ),
            );
        }
        Ok(())
    }

    /// Runs Setup, and looks at what it left. Whatever became of it, its logs are searched.
    pub(super) async fn run(
        &self,
        turn: &mut Turn<'_>,
        command: &ExposingCommand,
    ) -> Result<SetUp> {
        self.cx.report(&Progress::Doing {
            operation: self.operation,
            what: "run Setup",
        });
        let ran = self.files.run_setup(command).await;
        let ran = match ran {
            // It was not started.
            Err(error) if error.effect() == Effect::None => return Err(error),
            ran => ran,
        };
        let deadline = match &ran {
            // It may have ended before what it started.
            Ok(output) if output.exit_code == 0 => self.cx.deadlines().host_program,
            _ => self.cx.deadlines().host,
        };
        let left = self.wait(turn, deadline).await;
        let logs = SetupLogs::search(self.files, self.setup.log_folders(), command).await;
        if let Some(fact) = logs.fact() {
            self.cx.report(&Progress::Notice {
                operation: self.operation,
                text: fact,
            });
        }
        let error = match (left, ran) {
            (Ok((host, after)), Ok(output)) if output.exit_code == 0 => {
                return Ok(SetUp { after, host, logs });
            }
            // Its answer was lost, and it is all there.
            (Ok((host, after)), Err(_)) => return Ok(SetUp { after, host, logs }),
            (left, Ok(output)) if output.exit_code != 0 => {
                let error = Error::new(
                    ErrorKind::Windows,
                    format!("Setup ended with exit code {}", output.exit_code),
                );
                let left = left.map_or_else(
                    |error| error.detail().to_owned(),
                    |_| "and all is there".to_owned(),
                );
                with_fact(&error, &left, Effect::Partial, None)
            }
            (Err(left), Ok(_)) => left.with_effect(Effect::Partial),
            (Err(left), Err(error)) => with_fact(&error, left.detail(), Effect::Unknown, None),
            (Ok(_), Ok(_)) => Error::new(ErrorKind::Internal, "Setup ended in no way"),
        };
        Err(self.failed(&error, &logs))
    }

    /// An error after Setup ran, with all that there is to say.
    pub(super) fn failed(&self, error: &Error, logs: &SetupLogs) -> Error {
        let remedy = format!(
            "what Setup did is not taken back: read its logs, and run {} /Silent /Uninstall before it is run again",
            self.setup.program()
        );
        let effect = match error.effect() {
            Effect::None => Effect::Partial,
            effect => effect,
        };
        let fact = match logs.fact() {
            Some(fact) => format!("Setup was run on {}; {fact}", self.host),
            None => format!("Setup was run on {}", self.host),
        };
        with_fact(error, &fact, effect, Some(&remedy))
    }

    /// Waits until all that is to be installed is there.
    async fn wait(
        &self,
        turn: &mut Turn<'_>,
        deadline: Duration,
    ) -> Result<(DeploymentHost, SettingsFile)> {
        let interval = self.cx.deadlines().change_interval;
        let mut waited = Duration::ZERO;
        loop {
            let left = self.left().await;
            if left.is_ok() || waited >= deadline {
                return left;
            }
            turn.rest(self.cx, interval).await;
            waited += interval;
        }
    }

    async fn left(&self) -> Result<(DeploymentHost, SettingsFile)> {
        let installed = Installed::on(self.cx, self.host).await?;
        let missing = self.setup.roles().difference(&installed.roles);
        let missing: Vec<&str> = missing.map(|role| component(*role)).collect();
        if !missing.is_empty() {
            return Err(Error::new(
                ErrorKind::NotFound,
                format!("{} is not installed", missing.join(" and ")),
            ));
        }
        let (found, looked) = installed.settings(self.files).await?;
        let after = only(found, &looked)?;
        let host = DeploymentHost {
            host: self.host.clone(),
            roles: installed.roles,
        };
        Ok((host, after))
    }
}
