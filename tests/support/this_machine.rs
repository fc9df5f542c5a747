//! The curl of this machine in the place of that of a Windows host.

use std::process::Command;

use async_trait::async_trait;
use scorch_recovery::names::HostName;
use scorch_recovery::transport::{
    CommandOutput, CommandTransport, HostCommand, HostError, ProcessStatus,
};

/// Runs the curl of this machine where that of a Windows host is meant, with the arguments as they are.
#[derive(Debug)]
pub(crate) struct ThisMachine;

#[async_trait]
impl CommandTransport for ThisMachine {
    async fn run(&self, _: &HostName, command: &HostCommand) -> Result<CommandOutput, HostError> {
        assert_eq!(command.program.as_str(), r"C:\Windows\System32\curl.exe");
        assert!(command.standard_input.is_none());
        let arguments = command.arguments.clone();
        let run =
            tokio::task::spawn_blocking(move || Command::new("curl").args(arguments).output());
        let output = run.await.unwrap().unwrap();
        Ok(CommandOutput {
            exit_code: u32::try_from(output.status.code().unwrap()).unwrap(),
            standard_output: String::from_utf8_lossy(&output.stdout).into_owned(),
            standard_error: String::from_utf8_lossy(&output.stderr).into_owned(),
        })
    }

    async fn process(&self, _: &HostName, _: u32) -> Result<Option<ProcessStatus>, HostError> {
        panic!("nothing here asks for processes")
    }
}

/// Whether curl is here. Not to have it is loud, and an error where everything must run.
pub(crate) fn has_curl() -> bool {
    let has = Command::new("curl").arg("--version").output().is_ok();
    if !has {
        // Wine has none, and is no place to install one.
        let must = cfg!(unix) && std::env::var_os("CI").is_some();
        assert!(!must, "curl is not installed");
        println!("SKIPPED: curl is not installed");
    }
    has
}
