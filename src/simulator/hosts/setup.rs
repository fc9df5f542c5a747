use super::host::SimulatedHost;
use super::installation::{OrchestratorHost, OrchestratorVersion};
use crate::names::{HostPath, ServiceName};
use crate::transport::{CommandOutput, HostError};

/// `ERROR_INVALID_PARAMETER`. What Setup ends with is not documented.
const INVALID_PARAMETER: u32 = 87;
/// `ERROR_INSTALL_FAILURE`.
const INSTALL_FAILURE: u32 = 1603;

/// A Setup of Orchestrator on a simulated host, as the table of its options has it: it installs what it is
/// told to over a database that exists, and starts it.
#[derive(Clone, Debug)]
#[must_use]
pub struct SimulatedSetup {
    version: OrchestratorVersion,
    log: HostPath,
    logs_command_line: bool,
    exit_code: u32,
}

impl SimulatedSetup {
    /// Setup of that version, which logs to that file.
    pub const fn of(version: OrchestratorVersion, log: HostPath) -> Self {
        Self {
            version,
            log,
            logs_command_line: false,
            exit_code: 0,
        }
    }

    /// It logs its command line, with the passwords.
    pub const fn logs_command_line(mut self) -> Self {
        self.logs_command_line = true;
        self
    }

    /// It ends with that code, and has installed nothing.
    pub const fn fails_with(mut self, exit_code: u32) -> Self {
        self.exit_code = exit_code;
        self
    }

    fn run(&self, host: &SimulatedHost, arguments: &[String]) -> u32 {
        let line = arguments.join(" ");
        let log = match self.logs_command_line {
            true => format!("command line: {line}\r\n"),
            false => format!("{} options\r\n", arguments.len()),
        };
        let units = log.encode_utf16().flat_map(u16::to_le_bytes);
        // A log that can't be written stops no Setup.
        let _ = host.write_file(&self.log, &units.collect::<Vec<u8>>());
        if self.exit_code != 0 {
            return self.exit_code;
        }
        let Some((what, services)) = self.told(arguments) else {
            return INVALID_PARAMETER;
        };
        if host.install_orchestrator(&what).is_err() {
            return INSTALL_FAILURE;
        }
        let host = host.clone();
        tokio::spawn(async move {
            for service in services {
                let _ = host.start(&service).await;
            }
        });
        0
    }

    /// What it is told to install. `None`: an option is missing, or one too many.
    fn told(&self, arguments: &[String]) -> Option<(OrchestratorHost, Vec<ServiceName>)> {
        let option = |name: &str| {
            let mut all = arguments.iter();
            all.find_map(|argument| argument.strip_prefix(name))
        };
        let is_silent = arguments.iter().any(|argument| argument == "/Silent");
        let has_account = option("/ServiceUserName:").is_some_and(|user| !user.is_empty())
            && option("/ServicePassword:").is_some_and(|password| !password.is_empty());
        if !is_silent || !has_account || option("/DbNameNew:").is_some() {
            return None;
        }
        let instance = option("/DbServer:")?.parse().ok()?;
        let database = option("/DbNameExisting:")?.parse().ok()?;
        let mut what = OrchestratorHost::of(self.version).data_store(&instance, &database);
        let mut services = vec!["oremoting"];
        for component in option("/Components:")?.split(',') {
            match component {
                "ManagementServer" => {
                    what = what.management_server();
                    services.extend(["omanagement", "omonitor"]);
                }
                "RunbookServer" => {
                    what = what.runbook_server();
                    services.push("orunbook");
                }
                _ => return None,
            }
        }
        let services = services.iter().filter_map(|name| name.parse().ok());
        Some((what, services.collect()))
    }
}

impl SimulatedHost {
    /// Puts Setup on the host's disk, to be run there.
    ///
    /// # Errors
    /// Those of the host's files.
    pub fn put_setup(&self, program: &HostPath, setup: SimulatedSetup) -> Result<(), HostError> {
        self.write_file(program, b"MZ")?;
        self.install_program(program, move |host, arguments, _| CommandOutput {
            exit_code: setup.run(host, arguments),
            standard_output: String::new(),
            standard_error: String::new(),
        });
        Ok(())
    }
}
