//! The ports, over simulated hosts.

use std::sync::PoisonError;

use async_trait::async_trait;

use super::host::SimulatedHost;
use super::machine::refused;
use super::simulated_hosts::SimulatedHosts;
use crate::names::{HostName, HostPath, ServiceName};
use crate::secret::Secret;
use crate::transport::{
    CommandArgument, CommandOutput, CommandTransport, ExposingCommand, FileStatus, FileTransport,
    HostCommand, HostError, ProcessStatus, RegistryTransport, RegistryView, ServiceStatus,
    ServiceTransport, StartType, codes, output_text,
};

#[async_trait]
impl ServiceTransport for SimulatedHosts {
    async fn query(
        &self,
        host: &HostName,
        service: &ServiceName,
    ) -> Result<ServiceStatus, HostError> {
        let (what, service) = (format!("services.query {service}"), service.clone());
        self.call(host, what, |host| async move { host.service(&service) })
            .await
    }

    async fn account(
        &self,
        host: &HostName,
        service: &ServiceName,
    ) -> Result<Option<String>, HostError> {
        let (what, service) = (format!("services.account {service}"), service.clone());
        self.call(host, what, |host| async move {
            let mut machine = host.0.machine();
            let account = &machine.service(service.as_str())?.is.account;
            Ok(Some(match account.as_str() {
                "" => "LocalSystem".to_owned(),
                account => account.to_owned(),
            }))
        })
        .await
    }

    async fn start(&self, host: &HostName, service: &ServiceName) -> Result<(), HostError> {
        let (what, service) = (format!("services.start {service}"), service.clone());
        self.call(host, what, |host| async move { host.start(&service).await })
            .await
    }

    async fn stop(&self, host: &HostName, service: &ServiceName) -> Result<(), HostError> {
        let (what, service) = (format!("services.stop {service}"), service.clone());
        self.call(host, what, |host| async move { host.stop(&service) })
            .await
    }

    async fn set_start_type(
        &self,
        host: &HostName,
        service: &ServiceName,
        start_type: StartType,
    ) -> Result<(), HostError> {
        let what = format!("services.set_start_type {service} {start_type:?}");
        let service = service.clone();
        self.call(host, what, move |host| async move {
            host.0.machine().service(service.as_str())?.start_type = start_type;
            Ok(())
        })
        .await
    }
}

#[async_trait]
impl FileTransport for SimulatedHosts {
    async fn stat(
        &self,
        host: &HostName,
        path: &HostPath,
    ) -> Result<Option<FileStatus>, HostError> {
        let (what, path) = (format!("files.stat {path}"), path.clone());
        self.call(host, what, |host| async move { host.0.files.stat(&path) })
            .await
    }

    async fn read(&self, host: &HostName, path: &HostPath) -> Result<Vec<u8>, HostError> {
        let (what, path) = (format!("files.read {path}"), path.clone());
        self.call(host, what, |host| async move { host.0.files.read(&path) })
            .await
    }

    async fn list(&self, host: &HostName, folder: &HostPath) -> Result<Vec<String>, HostError> {
        let (what, path) = (format!("files.list {folder}"), folder.clone());
        self.call(host, what, |host| async move { host.0.files.list(&path) })
            .await
    }

    async fn write_new(
        &self,
        host: &HostName,
        path: &HostPath,
        content: &[u8],
    ) -> Result<(), HostError> {
        let (what, path) = (format!("files.write_new {path}"), path.clone());
        let content = content.to_owned();
        self.call(host, what, move |host| async move {
            host.0.files.write_new(&path, &content)
        })
        .await
    }

    async fn replace(
        &self,
        host: &HostName,
        path: &HostPath,
        content: &[u8],
    ) -> Result<(), HostError> {
        let (what, path) = (format!("files.replace {path}"), path.clone());
        let content = content.to_owned();
        self.call(host, what, move |host| async move {
            host.0.files.replace(&path, &content)
        })
        .await
    }

    async fn copy(&self, host: &HostName, from: &HostPath, to: &HostPath) -> Result<(), HostError> {
        let what = format!("files.copy {from} {to}");
        let (from, to) = (from.clone(), to.clone());
        self.call(
            host,
            what,
            |host| async move { host.0.files.copy(&from, &to) },
        )
        .await
    }

    async fn rename(
        &self,
        host: &HostName,
        from: &HostPath,
        to: &HostPath,
    ) -> Result<(), HostError> {
        let what = format!("files.rename {from} {to}");
        let (from, to) = (from.clone(), to.clone());
        self.call(
            host,
            what,
            |host| async move { host.0.files.rename(&from, &to) },
        )
        .await
    }

    async fn remove(&self, host: &HostName, path: &HostPath) -> Result<(), HostError> {
        let (what, path) = (format!("files.remove {path}"), path.clone());
        self.call(host, what, |host| async move { host.0.files.remove(&path) })
            .await
    }
}

#[async_trait]
impl CommandTransport for SimulatedHosts {
    async fn run(
        &self,
        host: &HostName,
        command: &HostCommand,
    ) -> Result<CommandOutput, HostError> {
        let HostCommand {
            program,
            arguments,
            standard_input,
        } = command;
        let what = format!(
            "commands.run {} {}",
            program.file_name(),
            arguments.join(" ")
        );
        let (program, arguments) = (program.clone(), arguments.clone());
        let input = standard_input.clone();
        self.call(host, what, move |host| async move {
            run(&host, &program, &arguments, input.as_ref())
        })
        .await
    }

    async fn run_exposing(
        &self,
        host: &HostName,
        command: &ExposingCommand,
    ) -> Result<CommandOutput, HostError> {
        let ExposingCommand { program, arguments } = command;
        let shown: Vec<String> = arguments.iter().map(CommandArgument::shown).collect();
        let what = format!("commands.run {} {}", program.file_name(), shown.join(" "));
        let program = program.clone();
        let whole = |argument: &CommandArgument| argument.whole().expose().to_owned();
        let arguments: Vec<String> = arguments.iter().map(whole).collect();
        self.call(host, what, move |host| async move {
            run(&host, &program, &arguments, None)
        })
        .await
    }

    async fn process(
        &self,
        host: &HostName,
        process_id: u32,
    ) -> Result<Option<ProcessStatus>, HostError> {
        let what = format!("commands.process {process_id}");
        self.call(host, what, move |host| async move {
            let machine = host.0.machine();
            let process = machine.processes.get(&process_id).cloned();
            Ok(process.map(|process| ProcessStatus {
                program: process.program,
                started: process.started,
            }))
        })
        .await
    }
}

fn run(
    host: &SimulatedHost,
    program: &HostPath,
    arguments: &[String],
    input: Option<&Secret>,
) -> Result<CommandOutput, HostError> {
    let path = program.as_str().to_lowercase();
    if path == r"c:\windows\system32\taskkill.exe" {
        return Ok(task_kill(host, arguments));
    }
    let program = {
        let programs = host.0.programs.lock();
        let programs = programs.unwrap_or_else(PoisonError::into_inner);
        programs.get(&path).cloned()
    };
    let program = program.ok_or_else(|| refused(codes::FILE_NOT_FOUND))?;
    let output = program(host, arguments, input);
    let bounded = |text: String| output_text(text.as_bytes(), text.len() as u64);
    Ok(CommandOutput {
        exit_code: output.exit_code,
        standard_output: bounded(output.standard_output),
        standard_error: bounded(output.standard_error),
    })
}

/// `taskkill /f /pid N`, and nothing else that it can.
fn task_kill(host: &SimulatedHost, arguments: &[String]) -> CommandOutput {
    let answer = |exit_code, output: String, error: String| CommandOutput {
        exit_code,
        standard_output: output,
        standard_error: error,
    };
    let words: Vec<String> = arguments.iter().map(|word| word.to_lowercase()).collect();
    let process_id = match &words[..] {
        [force, pid, number] if force == "/f" && pid == "/pid" => number.parse().ok(),
        _ => None,
    };
    let Some(process_id) = process_id else {
        return answer(1, String::new(), "ERROR: Invalid syntax.".to_owned());
    };
    if host.end_process(process_id) {
        let done = format!("SUCCESS: The process with PID {process_id} has been terminated.");
        answer(0, done, String::new())
    } else {
        let missing = format!("ERROR: The process \"{process_id}\" not found.");
        answer(128, String::new(), missing)
    }
}

#[async_trait]
impl RegistryTransport for SimulatedHosts {
    async fn get(
        &self,
        host: &HostName,
        view: RegistryView,
        key: &str,
        value: &str,
    ) -> Result<Option<String>, HostError> {
        let what = format!("registry.get {view:?} {key} {value}");
        let place = (view, key.to_lowercase(), value.to_lowercase());
        self.call(host, what, move |host| async move {
            let registry = host.0.registry.lock();
            let registry = registry.unwrap_or_else(PoisonError::into_inner);
            Ok(registry.get(&place).cloned())
        })
        .await
    }

    async fn set(
        &self,
        host: &HostName,
        view: RegistryView,
        key: &str,
        value: &str,
        text: &str,
    ) -> Result<(), HostError> {
        let what = format!("registry.set {view:?} {key} {value}");
        let place = (view, key.to_lowercase(), value.to_lowercase());
        let text = text.to_owned();
        self.call(host, what, move |host| async move {
            let registry = host.0.registry.lock();
            let mut registry = registry.unwrap_or_else(PoisonError::into_inner);
            registry.insert(place, text);
            Ok(())
        })
        .await
    }

    async fn remove(
        &self,
        host: &HostName,
        view: RegistryView,
        key: &str,
        value: &str,
    ) -> Result<(), HostError> {
        let what = format!("registry.remove {view:?} {key} {value}");
        let place = (view, key.to_lowercase(), value.to_lowercase());
        self.call(host, what, move |host| async move {
            let registry = host.0.registry.lock();
            let mut registry = registry.unwrap_or_else(PoisonError::into_inner);
            let removed = registry.remove(&place);
            removed
                .map(drop)
                .ok_or_else(|| refused(codes::FILE_NOT_FOUND))
        })
        .await
    }
}
