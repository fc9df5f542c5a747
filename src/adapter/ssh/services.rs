use async_trait::async_trait;

use super::connection::Connection;
use super::execute::Executed;
use super::hosts::SshHosts;
use super::registry::{read_key, system_program};
use super::registry_rows::RegistryRow;
use super::service_rows::{ServiceRows, refused};
use super::shell::refusal;
use crate::adapter::image_path;
use crate::names::{HostName, HostPath, ServiceName};
use crate::transport::{
    HostError, RegistryView, ServiceState, ServiceStatus, ServiceTransport, StartType,
    TransportErrorKind, codes,
};

const SC: &str = "sc.exe";

/// What `sc.exe` answers.
enum Told {
    Done(Executed),
    Refused(HostError),
    /// It refuses and tells no number of Windows: a verb that it does not know, or Wine.
    Unnumbered(Executed),
}

async fn sc(
    connection: &Connection,
    verb: &str,
    service: &ServiceName,
    more: &[&str],
) -> Result<Told, HostError> {
    // It would take such a name for an option.
    if service.as_str().ends_with('=') {
        let detail = format!("sc.exe takes the name {service} for an option");
        return Err(HostError::lost(TransportErrorKind::Unsupported, detail));
    }
    let mut arguments = vec![verb, service.as_str()];
    arguments.extend(more);
    let executed = connection
        .run(&system_program(SC), &arguments, None)
        .await?;
    if executed.exit_code == 0 {
        return Ok(Told::Done(executed));
    }
    Ok(match refused(&executed.output.text()) {
        Some(code) => Told::Refused(refusal(code, SC, &executed)),
        None => Told::Unnumbered(executed),
    })
}

/// The numbers of its status: with its process, where the host's `sc.exe` tells that.
async fn rows(connection: &Connection, service: &ServiceName) -> Result<ServiceRows, HostError> {
    for (verb, has_process) in [("queryex", true), ("query", false)] {
        match sc(connection, verb, service, &[]).await? {
            Told::Done(executed) => {
                let output = executed.output.text();
                return ServiceRows::read(&output, has_process).ok_or_else(|| {
                    let detail = format!(
                        "what sc.exe prints of {service} is not of the form that is known: {output}"
                    );
                    HostError::lost(TransportErrorKind::Unknown, detail)
                });
            }
            Told::Refused(error) => return Err(error),
            Told::Unnumbered(_) if has_process => {}
            Told::Unnumbered(executed) => {
                let is_there = key(connection, service).await?.is_some();
                let code = if is_there {
                    codes::GENERAL_FAILURE
                } else {
                    codes::SERVICE_DOES_NOT_EXIST
                };
                return Err(refusal(code, SC, &executed));
            }
        }
    }
    unreachable!("the second verb returns")
}

/// The registry's key of the service, where its service manager keeps what it is told of it (documented).
async fn key(
    connection: &Connection,
    service: &ServiceName,
) -> Result<Option<Vec<RegistryRow>>, HostError> {
    let key = format!(r"SYSTEM\CurrentControlSet\Services\{service}");
    read_key(connection, RegistryView::Bits64, &key).await
}

/// Asks for a change of state. Where the refusal has no number, the state tells why.
async fn control(
    connection: &Connection,
    verb: &str,
    service: &ServiceName,
    already: (ServiceState, u32),
) -> Result<(), HostError> {
    let executed = match sc(connection, verb, service, &[]).await? {
        Told::Done(_) => return Ok(()),
        Told::Refused(error) => return Err(error),
        Told::Unnumbered(executed) => executed,
    };
    let (state, code) = already;
    let is_already = rows(connection, service).await?.state == state;
    Err(refusal(
        if is_already {
            code
        } else {
            codes::GENERAL_FAILURE
        },
        SC,
        &executed,
    ))
}

#[async_trait]
impl ServiceTransport for SshHosts {
    async fn query(
        &self,
        host: &HostName,
        service: &ServiceName,
    ) -> Result<ServiceStatus, HostError> {
        let connection = self.connection(host).await?;
        let rows = rows(&connection, service).await?;
        let config = key(&connection, service).await?.unwrap_or_default();
        let unread = |what: &str| {
            let detail = format!("the registry tells no {what} of {service} that can be read");
            HostError::refused(codes::BAD_PATH_NAME, detail)
        };
        Ok(ServiceStatus {
            state: rows.state,
            process_id: rows.process_id,
            exit_code: rows.exit_code,
            service_exit_code: rows.service_exit_code,
            checkpoint: rows.checkpoint,
            wait_hint: rows.wait_hint,
            start_type: start_type(&config).ok_or_else(|| unread("start type"))?,
            program: program(&config).ok_or_else(|| unread("program"))?,
            dependencies: Some(dependencies(&config)),
        })
    }

    async fn account(
        &self,
        host: &HostName,
        service: &ServiceName,
    ) -> Result<Option<String>, HostError> {
        let connection = self.connection(host).await?;
        match key(&connection, service).await? {
            Some(config) => Ok(account(&config)),
            None => Err(HostError::refused(
                codes::SERVICE_DOES_NOT_EXIST,
                format!("{service} is not there"),
            )),
        }
    }

    async fn start(&self, host: &HostName, service: &ServiceName) -> Result<(), HostError> {
        let connection = self.connection(host).await?;
        let already = (ServiceState::Running, codes::SERVICE_ALREADY_RUNNING);
        control(&connection, "start", service, already).await
    }

    async fn stop(&self, host: &HostName, service: &ServiceName) -> Result<(), HostError> {
        let connection = self.connection(host).await?;
        let already = (ServiceState::Stopped, codes::SERVICE_NOT_ACTIVE);
        control(&connection, "stop", service, already).await
    }

    async fn set_start_type(
        &self,
        host: &HostName,
        service: &ServiceName,
        start_type: StartType,
    ) -> Result<(), HostError> {
        let connection = self.connection(host).await?;
        let word = match start_type {
            StartType::Automatic => "auto",
            StartType::AutomaticDelayed => "delayed-auto",
            StartType::Manual => "demand",
            StartType::Disabled => "disabled",
        };
        // Two words: sc.exe wants the blank (documented).
        match sc(&connection, "config", service, &["start=", word]).await? {
            Told::Done(_) => Ok(()),
            Told::Refused(error) => Err(error),
            Told::Unnumbered(executed) => {
                rows(&connection, service).await?;
                Err(refusal(codes::GENERAL_FAILURE, SC, &executed))
            }
        }
    }
}

fn account(config: &[RegistryRow]) -> Option<String> {
    let account = &value(config, "ObjectName")?.data;
    // Of other letters what reg.exe prints can't be relied on.
    let is_plain = account.chars().all(|c| matches!(c, ' '..='~') && c != '?');
    (is_plain && !account.is_empty()).then(|| account.clone())
}

fn value<'a>(config: &'a [RegistryRow], name: &str) -> Option<&'a RegistryRow> {
    config
        .iter()
        .find(|row| row.name.eq_ignore_ascii_case(name))
}

fn start_type(config: &[RegistryRow]) -> Option<StartType> {
    // 0 and 1 are those of drivers, which start with the machine too.
    let is_delayed = || value(config, "DelayedAutostart").and_then(RegistryRow::number) == Some(1);
    match value(config, "Start")?.number()? {
        2 if is_delayed() => Some(StartType::AutomaticDelayed),
        0..=2 => Some(StartType::Automatic),
        3 => Some(StartType::Manual),
        4 => Some(StartType::Disabled),
        _ => None,
    }
}

fn program(config: &[RegistryRow]) -> Option<HostPath> {
    image_path::program(&value(config, "ImagePath")?.data)
}

fn dependencies(config: &[RegistryRow]) -> Vec<ServiceName> {
    let texts = value(config, "DependOnService").map_or_else(Vec::new, RegistryRow::texts);
    // `+` marks a group of services, which no service manager stops or starts as one.
    let names = texts.into_iter().filter(|text| !text.starts_with('+'));
    names.filter_map(|name| name.parse().ok()).collect()
}
