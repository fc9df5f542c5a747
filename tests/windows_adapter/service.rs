//! A service, and the part of its process.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use scorch_recovery::adapter::windows::WindowsHosts;
use scorch_recovery::names::ServiceName;
use scorch_recovery::transport::{ServiceState, ServiceStatus, ServiceTransport as _};
use windows_service::service::{
    ServiceAccess, ServiceControl, ServiceControlAccept, ServiceErrorControl, ServiceExitCode,
    ServiceInfo, ServiceStartType, ServiceState as State, ServiceStatus as Status, ServiceType,
};
use windows_service::service_control_handler::{
    ServiceControlHandlerResult, ServiceStatusHandle, register,
};
use windows_service::service_manager::{ServiceManager, ServiceManagerAccess};
use windows_service::{define_windows_service, service_dispatcher};

/// The argument that makes a process a service.
pub(crate) const PART: &str = "be-a-service";

/// How a service of the tests behaves. The last argument of its command line.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Manner {
    /// Starts and stops as it is told.
    Plain,
    /// Is told to stop, says it will, and does not.
    Hangs,
    /// Ends, when it is told to, with a code of its own.
    OwnCode,
    /// Is on its way up, at a checkpoint, until the file beside its program that [`GATE`] names is there.
    Gated,
}

pub(crate) const GATE: &str = "open.txt";
pub(crate) const OWN_CODE: u32 = 42;
pub(crate) const CHECKPOINT: u32 = 7;
pub(crate) const WAIT_HINT: Duration = Duration::from_secs(9);

impl Manner {
    const fn word(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Hangs => "hangs",
            Self::OwnCode => "own-code",
            Self::Gated => "gated",
        }
    }

    fn of_this_process() -> Self {
        let word = std::env::args().nth(2).unwrap_or_default();
        let all = [Self::Plain, Self::Hangs, Self::OwnCode, Self::Gated];
        all.into_iter()
            .find(|manner| manner.word() == word)
            .unwrap_or(Self::Plain)
    }
}

define_windows_service!(ffi_service_main, service_main);

pub(crate) fn play() -> ExitCode {
    // For a service of its own process the name does not count (documented).
    match service_dispatcher::start("", ffi_service_main) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("not started by a service manager: {error}");
            ExitCode::FAILURE
        }
    }
}

fn service_main(arguments: Vec<OsString>) {
    let manner = Manner::of_this_process();
    let (told, stop) = mpsc::channel();
    let handler = move |control| match control {
        ServiceControl::Stop => {
            // It is told once; after that nobody listens.
            let _ = told.send(());
            ServiceControlHandlerResult::NoError
        }
        ServiceControl::Interrogate => ServiceControlHandlerResult::NoError,
        _ => ServiceControlHandlerResult::NotImplemented,
    };
    let name = arguments.into_iter().next().unwrap_or_default();
    let Ok(handle) = register(name, handler) else {
        return;
    };
    if matches!(manner, Manner::Gated) {
        tell(
            &handle,
            State::StartPending,
            ServiceExitCode::NO_ERROR,
            CHECKPOINT,
        );
        let program = std::env::current_exe().unwrap_or_default();
        let gate = program.with_file_name(GATE);
        while !gate.exists() {
            std::thread::sleep(Duration::from_millis(10));
        }
    }
    tell(&handle, State::Running, ServiceExitCode::NO_ERROR, 0);
    // The handler lives as long as the process.
    let _ = stop.recv();
    // Wine loses the answer to a stop if the process is gone before it is given.
    std::thread::sleep(Duration::from_millis(50));
    match manner {
        Manner::Hangs => {
            tell(&handle, State::StopPending, ServiceExitCode::NO_ERROR, 1);
            loop {
                std::thread::park();
            }
        }
        Manner::OwnCode => {
            let own = ServiceExitCode::ServiceSpecific(OWN_CODE);
            tell(&handle, State::Stopped, own, 0);
        }
        Manner::Plain | Manner::Gated => {
            tell(&handle, State::Stopped, ServiceExitCode::NO_ERROR, 0);
        }
    }
}

fn tell(handle: &ServiceStatusHandle, state: State, exit_code: ServiceExitCode, checkpoint: u32) {
    // One that hangs says nothing of how long it will.
    let is_pending = state == State::StartPending;
    let controls_accepted = match state {
        State::Running => ServiceControlAccept::STOP,
        _ => ServiceControlAccept::empty(),
    };
    drop(handle.set_service_status(Status {
        service_type: ServiceType::OWN_PROCESS,
        current_state: state,
        controls_accepted,
        exit_code,
        checkpoint,
        wait_hint: if is_pending {
            WAIT_HINT
        } else {
            Duration::ZERO
        },
        process_id: None,
    }));
}

/// A service of the tests that is installed, until this is dropped.
pub(crate) struct Installed {
    pub(crate) name: ServiceName,
}

impl Installed {
    /// That of this program.
    pub(crate) fn new(name: &str, manner: Manner) -> Self {
        let program = std::env::current_exe().unwrap();
        Self::of(name, manner, &program)
    }

    pub(crate) fn of(name: &str, manner: Manner, program: &Path) -> Self {
        let access = ServiceManagerAccess::CONNECT | ServiceManagerAccess::CREATE_SERVICE;
        let manager = ServiceManager::local_computer(None::<&OsStr>, access).unwrap();
        // What a run that was cut short left behind.
        remove(&manager, name);
        let info = ServiceInfo {
            name: name.into(),
            display_name: format!("Service of the tests: {name}").into(),
            service_type: ServiceType::OWN_PROCESS,
            start_type: ServiceStartType::OnDemand,
            error_control: ServiceErrorControl::Normal,
            executable_path: PathBuf::from(program),
            launch_arguments: vec![PART.into(), manner.word().into()],
            dependencies: Vec::new(),
            account_name: None,
            account_password: None,
        };
        drop(
            manager
                .create_service(&info, ServiceAccess::QUERY_STATUS)
                .unwrap(),
        );
        Self {
            name: name.parse().unwrap(),
        }
    }

    /// Waits until it is so.
    pub(crate) async fn is(&self, hosts: &WindowsHosts, state: ServiceState) -> ServiceStatus {
        let begun = Instant::now();
        loop {
            let status = hosts
                .query(&crate::on_windows::this_host(), &self.name)
                .await
                .unwrap();
            if status.state == state {
                return status;
            }
            assert!(
                begun.elapsed() < Duration::from_secs(30),
                "{}: {status:?}",
                self.name
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

impl Drop for Installed {
    fn drop(&mut self) {
        let access = ServiceManagerAccess::CONNECT;
        if let Ok(manager) = ServiceManager::local_computer(None::<&OsStr>, access) {
            remove(&manager, self.name.as_str());
        }
    }
}

fn remove(manager: &ServiceManager, name: &str) {
    if let Ok(service) = manager.open_service(name, ServiceAccess::DELETE | ServiceAccess::STOP) {
        drop(service.stop());
        drop(service.delete());
    }
}
