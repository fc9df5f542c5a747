#![allow(unsafe_code, reason = "what windows-service does not offer")]

use std::ptr;
use std::time::Duration;

use async_trait::async_trait;
use windows_service::service::{Service, ServiceAccess, ServiceDependency, ServiceStartType};
use windows_service::service_manager::{ServiceManager, ServiceManagerAccess};
use windows_sys::Win32::Foundation::{ERROR_INVALID_DATA, ERROR_INVALID_LEVEL};
use windows_sys::Win32::System::Services::{
    ChangeServiceConfigW, QueryServiceConfig2W, QueryServiceStatusEx, SC_STATUS_PROCESS_INFO,
    SERVICE_AUTO_START, SERVICE_CONFIG_DELAYED_AUTO_START_INFO, SERVICE_CONTINUE_PENDING,
    SERVICE_DELAYED_AUTO_START_INFO, SERVICE_DEMAND_START, SERVICE_DISABLED, SERVICE_NO_CHANGE,
    SERVICE_PAUSE_PENDING, SERVICE_PAUSED, SERVICE_RUNNING, SERVICE_START_PENDING,
    SERVICE_STATUS_PROCESS, SERVICE_STOP_PENDING, SERVICE_STOPPED,
};

use super::answer::{answered, blocking, failed, last_error};
use super::hosts::{Place, WindowsHosts};
use crate::adapter::image_path;
use crate::names::{HostName, ServiceName};
use crate::transport::{
    HostError, ServiceState, ServiceStatus, ServiceTransport, StartType, TransportErrorKind, codes,
};

#[async_trait]
impl ServiceTransport for WindowsHosts {
    async fn query(
        &self,
        host: &HostName,
        service: &ServiceName,
    ) -> Result<ServiceStatus, HostError> {
        let (place, service) = (self.place(host), service.clone());
        blocking(move || query(&place, &service)).await
    }

    async fn account(
        &self,
        host: &HostName,
        service: &ServiceName,
    ) -> Result<Option<String>, HostError> {
        let (place, service) = (self.place(host), service.clone());
        blocking(move || {
            let service = open(&place, &service, ServiceAccess::QUERY_CONFIG)?;
            let config = service.query_config().map_err(told)?;
            let account = config
                .account_name
                .map(|name| name.to_string_lossy().into_owned());
            Ok(account.filter(|name| !name.is_empty()))
        })
        .await
    }

    async fn start(&self, host: &HostName, service: &ServiceName) -> Result<(), HostError> {
        let (place, service) = (self.place(host), service.clone());
        blocking(move || {
            let service = open(&place, &service, ServiceAccess::START)?;
            service.start::<&str>(&[]).map_err(told)
        })
        .await
    }

    async fn stop(&self, host: &HostName, service: &ServiceName) -> Result<(), HostError> {
        let (place, service) = (self.place(host), service.clone());
        blocking(move || {
            let service = open(&place, &service, ServiceAccess::STOP)?;
            service.stop().map(drop).map_err(told)
        })
        .await
    }

    async fn set_start_type(
        &self,
        host: &HostName,
        service: &ServiceName,
        start_type: StartType,
    ) -> Result<(), HostError> {
        let (place, service) = (self.place(host), service.clone());
        blocking(move || {
            let access = ServiceAccess::QUERY_CONFIG | ServiceAccess::CHANGE_CONFIG;
            set_start_type(&open(&place, &service, access)?, start_type)
        })
        .await
    }
}

fn told(error: windows_service::Error) -> HostError {
    match error {
        windows_service::Error::Winapi(error) => failed(error),
        other => HostError::lost(TransportErrorKind::Unsupported, other.to_string()),
    }
}

fn open(place: &Place, service: &ServiceName, access: ServiceAccess) -> Result<Service, HostError> {
    let connect = ServiceManagerAccess::CONNECT;
    let manager = match place {
        Place::Here => ServiceManager::local_computer(None::<&str>, connect),
        Place::There(name) => ServiceManager::remote_computer(name.as_str(), None::<&str>, connect),
    };
    let manager = manager.map_err(told)?;
    manager.open_service(service.as_str(), access).map_err(told)
}

fn query(place: &Place, name: &ServiceName) -> Result<ServiceStatus, HostError> {
    let access = ServiceAccess::QUERY_STATUS | ServiceAccess::QUERY_CONFIG;
    let service = open(place, name, access)?;
    let config = service.query_config().map_err(told)?;
    let start_type = match config.start_type {
        ServiceStartType::AutoStart if is_delayed(&service)? => StartType::AutomaticDelayed,
        ServiceStartType::AutoStart => StartType::Automatic,
        ServiceStartType::OnDemand => StartType::Manual,
        ServiceStartType::Disabled => StartType::Disabled,
        _ => return Err(HostError::refused(ERROR_INVALID_DATA, "it is a driver")),
    };
    let odd = |what: &str, problem: &dyn std::fmt::Display| {
        HostError::refused(ERROR_INVALID_DATA, format!("its {what} is odd: {problem}"))
    };
    let image_path = config.executable_path.to_string_lossy();
    let program = image_path::program(&image_path).ok_or_else(|| odd("program", &image_path))?;
    let mut dependencies = Vec::new();
    for dependency in &config.dependencies {
        // A group is no service; its members are the service manager's affair.
        if let ServiceDependency::Service(needed) = dependency {
            let needed = needed.to_string_lossy().parse();
            dependencies.push(needed.map_err(|problem| odd("dependency", &problem))?);
        }
    }
    // Last, so that it is the freshest.
    let status = status(&service)?;
    let state = match status.dwCurrentState {
        SERVICE_STOPPED => ServiceState::Stopped,
        SERVICE_START_PENDING => ServiceState::StartPending,
        SERVICE_STOP_PENDING => ServiceState::StopPending,
        SERVICE_RUNNING => ServiceState::Running,
        SERVICE_CONTINUE_PENDING => ServiceState::ContinuePending,
        SERVICE_PAUSE_PENDING => ServiceState::PausePending,
        SERVICE_PAUSED => ServiceState::Paused,
        number => return Err(odd("state", &number)),
    };
    Ok(ServiceStatus {
        state,
        process_id: Some(status.dwProcessId).filter(|id| *id != 0),
        exit_code: status.dwWin32ExitCode,
        // It counts with 1066 only (documented).
        service_exit_code: match status.dwWin32ExitCode {
            codes::SERVICE_SPECIFIC_ERROR => status.dwServiceSpecificExitCode,
            _ => 0,
        },
        checkpoint: status.dwCheckPoint,
        wait_hint: Duration::from_millis(status.dwWaitHint.into()),
        start_type,
        program,
        dependencies: Some(dependencies),
    })
}

/// windows-service tells the process of a running service only, not of one that hangs on its way down.
fn status(service: &Service) -> Result<SERVICE_STATUS_PROCESS, HostError> {
    let mut status = SERVICE_STATUS_PROCESS::default();
    let size = u32::try_from(size_of_val(&status)).unwrap_or_default();
    let mut needed = 0;
    // SAFETY: the handle is open as long as `service` is borrowed; the buffer is the structure that this level
    // fills, with its size, and outlives the call.
    let is_told = unsafe {
        QueryServiceStatusEx(
            service.raw_handle(),
            SC_STATUS_PROCESS_INFO,
            ptr::from_mut(&mut status).cast(),
            size,
            &mut needed,
        )
    } != 0;
    if is_told {
        Ok(status)
    } else {
        Err(answered(last_error()))
    }
}

fn is_delayed(service: &Service) -> Result<bool, HostError> {
    let mut info = SERVICE_DELAYED_AUTO_START_INFO::default();
    let size = u32::try_from(size_of_val(&info)).unwrap_or_default();
    let mut needed = 0;
    // SAFETY: the handle is open as long as `service` is borrowed; the buffer is the structure that this level
    // fills, with its size, and outlives the call.
    let is_told = unsafe {
        QueryServiceConfig2W(
            service.raw_handle(),
            SERVICE_CONFIG_DELAYED_AUTO_START_INFO,
            ptr::from_mut(&mut info).cast(),
            size,
            &mut needed,
        )
    } != 0;
    if is_told {
        return Ok(info.fDelayedAutostart != 0);
    }
    match last_error() {
        // A service manager without delayed starts has none.
        ERROR_INVALID_LEVEL => Ok(false),
        code => Err(answered(code)),
    }
}

/// The mark of a delayed start is without effect unless the start is automatic (documented). So it is set first: what
/// is refused after it changed nothing that counts.
fn set_start_type(service: &Service, start_type: StartType) -> Result<(), HostError> {
    let start = match start_type {
        StartType::Automatic | StartType::AutomaticDelayed => {
            let wanted = start_type == StartType::AutomaticDelayed;
            if is_delayed(service)? != wanted {
                service.set_delayed_auto_start(wanted).map_err(told)?;
            }
            SERVICE_AUTO_START
        }
        StartType::Manual => SERVICE_DEMAND_START,
        StartType::Disabled => SERVICE_DISABLED,
    };
    // SAFETY: the handle is open as long as `service` is borrowed; null means "as it is" for every text (documented).
    let is_set = unsafe {
        ChangeServiceConfigW(
            service.raw_handle(),
            SERVICE_NO_CHANGE,
            start,
            SERVICE_NO_CHANGE,
            ptr::null(),
            ptr::null(),
            ptr::null_mut(),
            ptr::null(),
            ptr::null(),
            ptr::null(),
            ptr::null(),
        )
    } != 0;
    if is_set {
        Ok(())
    } else {
        Err(answered(last_error()))
    }
}
