//! What a service manager knows: its services, and what processes there are.

use std::collections::BTreeMap;
use std::time::Duration;

use time::OffsetDateTime;

use super::service::{ServiceEnd, SimulatedService};
use crate::names::HostPath;
use crate::transport::{HostError, ServiceState, ServiceStatus, StartType, codes};

/// `ERROR_PROCESS_ABORTED`: the exit code of a service whose process was ended from outside.
const PROCESS_ABORTED: u32 = 1067;
/// `ERROR_SERVICE_DEPENDENCY_DELETED`: a service that it needs is not there.
pub(super) const DEPENDENCY_DELETED: u32 = 1075;

/// Lower case: Windows compares names of services without regard to it.
pub(super) fn key(name: &str) -> String {
    name.to_lowercase()
}

#[derive(Debug)]
pub(super) struct Machine {
    pub(super) services: BTreeMap<String, Service>,
    pub(super) processes: BTreeMap<u32, Process>,
    next_process: u32,
}

#[derive(Debug)]
pub(super) struct Service {
    pub(super) is: SimulatedService,
    pub(super) state: ServiceState,
    pub(super) process_id: Option<u32>,
    exit_code: u32,
    service_exit_code: u32,
    pub(super) checkpoint: u32,
    wait_hint: Duration,
    pub(super) start_type: StartType,
    /// How often it was told to start.
    pub(super) starts: u32,
}

#[derive(Clone, Debug)]
pub(super) struct Process {
    pub(super) program: HostPath,
    pub(super) started: OffsetDateTime,
}

/// Windows' words for its error.
pub(super) fn refused(code: u32) -> HostError {
    let text = match code {
        codes::FILE_NOT_FOUND => "The system cannot find the file specified.",
        codes::PATH_NOT_FOUND => "The system cannot find the path specified.",
        codes::ACCESS_DENIED => "Access is denied.",
        codes::SHARING_VIOLATION => {
            "The process cannot access the file because it is being used by another process."
        }
        codes::FILE_EXISTS => "The file exists.",
        codes::DISK_FULL => "There is not enough space on the disk.",
        codes::DEPENDENT_SERVICES_RUNNING => {
            "A stop control has been sent to a service that other running services are dependent on."
        }
        codes::SERVICE_ALREADY_RUNNING => "An instance of the service is already running.",
        codes::SERVICE_DISABLED => {
            "The service cannot be started, either because it is disabled or because it has no enabled devices associated with it."
        }
        codes::SERVICE_DOES_NOT_EXIST => {
            "The specified service does not exist as an installed service."
        }
        codes::SERVICE_CANNOT_ACCEPT_CONTROL => {
            "The service cannot accept control messages at this time."
        }
        codes::SERVICE_NOT_ACTIVE => "The service has not been started.",
        codes::SERVICE_DEPENDENCY_FAIL => "The dependency service or group failed to start.",
        DEPENDENCY_DELETED => {
            "The dependency service does not exist or has been marked for deletion."
        }
        codes::RPC_SERVER_UNAVAILABLE => "The RPC server is unavailable.",
        _ => "The host refused it.",
    };
    HostError::refused(code, text)
}

impl Machine {
    pub(super) const fn new() -> Self {
        Self {
            services: BTreeMap::new(),
            processes: BTreeMap::new(),
            next_process: 1000,
        }
    }

    pub(super) fn install(&mut self, service: SimulatedService) {
        let start_type = service.start_type;
        let installed = Service {
            state: ServiceState::Stopped,
            process_id: None,
            exit_code: codes::SERVICE_NEVER_STARTED,
            service_exit_code: 0,
            checkpoint: 0,
            wait_hint: Duration::ZERO,
            start_type,
            starts: 0,
            is: service,
        };
        self.services
            .insert(key(installed.is.name.as_str()), installed);
    }

    pub(super) fn service(&mut self, name: &str) -> Result<&mut Service, HostError> {
        self.services
            .get_mut(&key(name))
            .ok_or_else(|| refused(codes::SERVICE_DOES_NOT_EXIST))
    }

    /// The service whose process that is.
    pub(super) fn of_process(&mut self, process_id: u32) -> Option<&mut Service> {
        let mut services = self.services.values_mut();
        services.find(|service| service.process_id == Some(process_id))
    }

    pub(super) fn check_start(&mut self, name: &str) -> Result<(), HostError> {
        let service = self.service(name)?;
        if service.start_type == StartType::Disabled {
            return Err(refused(codes::SERVICE_DISABLED));
        }
        if service.state != ServiceState::Stopped {
            return Err(refused(codes::SERVICE_ALREADY_RUNNING));
        }
        Ok(())
    }

    pub(super) fn check_stop(&mut self, name: &str) -> Result<(), HostError> {
        let state = self.service(name)?.state;
        let code = match state {
            ServiceState::Stopped => codes::SERVICE_NOT_ACTIVE,
            ServiceState::StartPending | ServiceState::StopPending => {
                codes::SERVICE_CANNOT_ACCEPT_CONTROL
            }
            _ if self.has_running_dependents(name) => codes::DEPENDENT_SERVICES_RUNNING,
            _ => return Ok(()),
        };
        Err(refused(code))
    }

    fn has_running_dependents(&self, name: &str) -> bool {
        let name = key(name);
        let needs = |service: &Service| {
            let mut needed = service.is.dependencies.iter();
            needed.any(|needed| key(needed.as_str()) == name)
        };
        let mut services = self.services.values();
        services.any(|service| service.state != ServiceState::Stopped && needs(service))
    }

    pub(super) fn run_program(&mut self, program: HostPath, started: OffsetDateTime) -> u32 {
        // As on Windows, multiples of four.
        self.next_process += 4;
        let process = Process { program, started };
        self.processes.insert(self.next_process, process);
        self.next_process
    }

    /// The service is on its way up, in a process of its own.
    pub(super) fn begin_start(
        &mut self,
        name: &str,
        started: OffsetDateTime,
    ) -> Result<u32, HostError> {
        self.check_start(name)?;
        let program = self.service(name)?.is.program.clone();
        let process_id = self.run_program(program, started);
        let service = self.service(name)?;
        service.state = ServiceState::StartPending;
        service.process_id = Some(process_id);
        (service.exit_code, service.service_exit_code) = (0, 0);
        service.checkpoint = 0;
        service.wait_hint = service.is.starting_takes;
        service.starts += 1;
        Ok(process_id)
    }

    pub(super) fn begin_stop(&mut self, name: &str) -> Result<Option<u32>, HostError> {
        self.check_stop(name)?;
        let service = self.service(name)?;
        service.state = ServiceState::StopPending;
        service.checkpoint = 0;
        service.wait_hint = service.is.stopping_takes;
        Ok(service.process_id)
    }

    pub(super) fn is_up(&mut self, process_id: u32) {
        if let Some(service) = self.of_process(process_id) {
            service.state = ServiceState::Running;
            service.checkpoint = 0;
            service.wait_hint = Duration::ZERO;
        }
    }

    /// A process ended by itself.
    pub(super) fn ended(&mut self, process_id: u32, end: ServiceEnd) {
        let codes = match end {
            ServiceEnd::Well => (0, 0),
            ServiceEnd::WithError(code) => (code, 0),
            ServiceEnd::WithOwnCode(code) => (codes::SERVICE_SPECIFIC_ERROR, code),
        };
        self.processes.remove(&process_id);
        if let Some(service) = self.of_process(process_id) {
            service.state = ServiceState::Stopped;
            service.process_id = None;
            (service.exit_code, service.service_exit_code) = codes;
            service.checkpoint = 0;
            service.wait_hint = Duration::ZERO;
        }
    }

    /// A process is ended from outside. Whether there was one.
    pub(super) fn end_process(&mut self, process_id: u32) -> bool {
        let was_there = self.processes.contains_key(&process_id);
        self.ended(process_id, ServiceEnd::WithError(PROCESS_ABORTED));
        was_there
    }

    pub(super) fn status(&mut self, name: &str) -> Result<ServiceStatus, HostError> {
        let service = self.service(name)?;
        Ok(ServiceStatus {
            state: service.state,
            process_id: service.process_id,
            exit_code: service.exit_code,
            service_exit_code: service.service_exit_code,
            checkpoint: service.checkpoint,
            wait_hint: service.wait_hint,
            start_type: service.start_type,
            program: service.is.program.clone(),
            dependencies: Some(service.is.dependencies.clone()),
        })
    }
}
