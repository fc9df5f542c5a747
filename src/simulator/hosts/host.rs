use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sha2::{Digest, Sha256};
use time::OffsetDateTime;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::files::HostFiles;
use super::machine::{DEPENDENCY_DELETED, Machine, refused};
use super::runbook_service;
use super::service::{ServiceEnd, SimulatedService};
use crate::names::{HostName, HostPath, ServiceName};
use crate::secret::Secret;
use crate::simulator::keys::{KeyMaterial, machine_secret};
use crate::transport::{
    CommandOutput, HostError, RegistryView, ServiceState, ServiceStatus, SqlTransport, codes,
};

/// A program of a simulated host: arguments and standard input to what it answers.
type Program =
    Arc<dyn Fn(&SimulatedHost, &[String], Option<&Secret>) -> CommandOutput + Send + Sync>;
type Registry = BTreeMap<(RegistryView, String, String), String>;

/// A simulated Windows host. Clones are one host.
#[derive(Clone)]
pub struct SimulatedHost(pub(super) Arc<Host>);

pub(super) struct Host {
    name: HostName,
    pub(super) files: HostFiles,
    pub(super) registry: Mutex<Registry>,
    machine: Mutex<Machine>,
    /// Told whenever a service's state changes.
    changed: Notify,
    pub(super) programs: Mutex<BTreeMap<String, Program>>,
    pub(super) secret: KeyMaterial,
    pub(super) sql: Option<Arc<dyn SqlTransport>>,
    is_reachable: AtomicBool,
    settings_path: Mutex<Option<HostPath>>,
    /// The wall clock at an instant of tokio's, by which it goes on.
    began: (OffsetDateTime, Instant),
}

impl fmt::Debug for SimulatedHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SimulatedHost").field(&self.0.name).finish()
    }
}

impl Host {
    pub(super) fn machine(&self) -> MutexGuard<'_, Machine> {
        self.machine.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn is_reachable(&self) -> bool {
        self.is_reachable.load(Ordering::Relaxed)
    }

    fn settings(&self) -> MutexGuard<'_, Option<HostPath>> {
        self.settings_path
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn settings_path(&self) -> Option<HostPath> {
        self.settings().clone()
    }
}

/// What the setup of Windows leaves in the registry of a machine. Another machine has another secret, and so
/// another GUID.
fn installed_registry(name: &HostName, secret: &KeyMaterial) -> Registry {
    let label = name.as_str().split('.').next().unwrap_or_default();
    // A NetBIOS name.
    let computer: String = label.to_uppercase().chars().take(15).collect();
    let hash = hex::encode(Sha256::digest(&secret.0));
    let guid = [
        &hash[..8],
        &hash[8..12],
        &hash[12..16],
        &hash[16..20],
        &hash[20..32],
    ];
    [
        (
            r"system\currentcontrolset\control\computername\computername",
            "computername",
            computer,
        ),
        (
            r"software\microsoft\cryptography",
            "machineguid",
            guid.join("-"),
        ),
    ]
    .map(|(key, value, text)| {
        let place = (RegistryView::Bits64, key.to_owned(), value.to_owned());
        (place, text)
    })
    .into()
}

impl SimulatedHost {
    pub(super) fn new(
        name: HostName,
        folder: &Path,
        sql: Option<Arc<dyn SqlTransport>>,
    ) -> io::Result<Self> {
        std::fs::create_dir_all(folder)?;
        let secret = machine_secret(&folder.join("machine.secret"))?;
        Ok(Self(Arc::new(Host {
            registry: Mutex::new(installed_registry(&name, &secret)),
            name,
            files: HostFiles::new(folder.join("disk")),
            machine: Mutex::new(Machine::new()),
            changed: Notify::new(),
            programs: Mutex::default(),
            secret,
            sql,
            is_reachable: AtomicBool::new(true),
            settings_path: Mutex::default(),
            began: (OffsetDateTime::now_utc(), Instant::now()),
        })))
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &HostName {
        &self.0.name
    }

    /// The time there, which goes on with tokio's clock.
    #[must_use]
    pub fn now(&self) -> OffsetDateTime {
        let (wall, instant) = self.0.began;
        wall + instant.elapsed()
    }

    /// Lets it be reached, or not: then every call is refused with 1722. What runs there goes on.
    pub fn set_reachable(&self, is_reachable: bool) {
        self.0.is_reachable.store(is_reachable, Ordering::Relaxed);
    }

    pub(super) fn set_settings_path(&self, path: HostPath) {
        *self.0.settings() = Some(path);
    }

    /// Installs a service, stopped.
    pub fn install(&self, service: SimulatedService) {
        self.0.machine().install(service);
    }

    /// What a service is at, whoever can reach the host.
    ///
    /// # Errors
    /// 1060.
    pub fn service(&self, name: &ServiceName) -> Result<ServiceStatus, HostError> {
        self.0.machine().status(name.as_str())
    }

    /// How often a service was started.
    #[must_use]
    pub fn starts(&self, name: &ServiceName) -> u32 {
        let mut machine = self.0.machine();
        machine
            .service(name.as_str())
            .map_or(0, |service| service.starts)
    }

    /// A program of the host, by its whole path: what it answers.
    pub fn install_program(
        &self,
        path: &HostPath,
        program: impl Fn(&Self, &[String], Option<&Secret>) -> CommandOutput + Send + Sync + 'static,
    ) {
        let programs = self.0.programs.lock();
        let mut programs = programs.unwrap_or_else(PoisonError::into_inner);
        programs.insert(path.as_str().to_lowercase(), Arc::new(program));
    }

    /// Lets another program have the number of a process that ended, as Windows does.
    pub fn give_process_id_again(&self, process_id: u32, program: HostPath) {
        let started = self.now();
        let process = super::machine::Process { program, started };
        self.0.machine().processes.insert(process_id, process);
    }

    /// Whether a process of that number runs.
    #[must_use]
    pub fn has_process(&self, process_id: u32) -> bool {
        self.0.machine().processes.contains_key(&process_id)
    }

    /// Starts a service as its service manager does: what it needs first.
    ///
    /// # Errors
    /// 1056, 1058, 1060, 1068, 1075.
    pub async fn start(&self, name: &ServiceName) -> Result<(), HostError> {
        let needed = {
            let mut machine = self.0.machine();
            machine.check_start(name.as_str())?;
            machine.service(name.as_str())?.is.dependencies.clone()
        };
        for needed in needed {
            // Services need one another in a tree; a ring of them is refused when it is met again.
            Box::pin(self.start_needed(&needed)).await?;
        }
        let process_id = self.0.machine().begin_start(name.as_str(), self.now())?;
        self.0.changed.notify_waiters();
        let takes = self.0.machine().service(name.as_str())?.is.starting_takes;
        self.pending(process_id, takes, Self::is_up);
        Ok(())
    }

    async fn start_needed(&self, name: &ServiceName) -> Result<(), HostError> {
        let state = self
            .0
            .machine()
            .status(name.as_str())
            .map(|status| status.state);
        match state {
            Err(_) => return Err(refused(DEPENDENCY_DELETED)),
            Ok(ServiceState::Stopped) => self
                .start(name)
                .await
                .map_err(|_| refused(codes::SERVICE_DEPENDENCY_FAIL))?,
            Ok(_) => {}
        }
        loop {
            let changed = self.0.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            match self.0.machine().status(name.as_str())?.state {
                ServiceState::Running => return Ok(()),
                ServiceState::Stopped => return Err(refused(codes::SERVICE_DEPENDENCY_FAIL)),
                _ => {}
            }
            changed.await;
        }
    }

    /// Asks a service to stop, as its service manager does.
    ///
    /// # Errors
    /// 1051, 1060, 1061, 1062.
    pub fn stop(&self, name: &ServiceName) -> Result<(), HostError> {
        let after = {
            let mut machine = self.0.machine();
            machine.check_stop(name.as_str())?;
            machine.service(name.as_str())?.is.shows_stop_after
        };
        if after.is_zero() {
            return self.begin_stop(name);
        }
        let (host, name) = (self.clone(), name.clone());
        tokio::spawn(async move {
            tokio::time::sleep(after).await;
            // It may have been told twice, or be gone.
            drop(host.begin_stop(&name));
        });
        Ok(())
    }

    fn begin_stop(&self, name: &ServiceName) -> Result<(), HostError> {
        let (process_id, service) = {
            let mut machine = self.0.machine();
            let process_id = machine.begin_stop(name.as_str())?;
            (process_id, machine.service(name.as_str())?.is.clone())
        };
        self.0.changed.notify_waiters();
        if let Some(process_id) = process_id
            && !service.hangs_on_stop
        {
            self.pending(process_id, service.stopping_takes, |host, process_id| {
                host.end(process_id, ServiceEnd::Well);
            });
        }
        Ok(())
    }

    /// Ends a process from outside. Whether there was one.
    pub fn end_process(&self, process_id: u32) -> bool {
        let was_there = self.0.machine().end_process(process_id);
        self.0.changed.notify_waiters();
        was_there
    }

    /// Goes through a pending state, with checkpoints, to its end.
    fn pending(
        &self,
        process_id: u32,
        takes: Duration,
        then: impl FnOnce(&Self, u32) + Send + 'static,
    ) {
        const STEPS: u32 = 4;
        if takes.is_zero() {
            return then(self, process_id);
        }
        let host = self.clone();
        tokio::spawn(async move {
            for checkpoint in 1..=STEPS {
                tokio::time::sleep(takes / STEPS).await;
                let mut machine = host.0.machine();
                match machine.of_process(process_id) {
                    Some(service) => service.checkpoint = checkpoint,
                    // It was ended meanwhile.
                    None => return,
                }
            }
            then(&host, process_id);
        });
    }

    fn is_up(&self, process_id: u32) {
        let service = {
            let mut machine = self.0.machine();
            let Some(service) = machine.of_process(process_id) else {
                return;
            };
            service.is.clone()
        };
        if let Some(end) = service.start_fails {
            return self.end(process_id, end);
        }
        self.0.machine().is_up(process_id);
        self.0.changed.notify_waiters();
        if let Some((time, end)) = service.ends_after {
            let host = self.clone();
            tokio::spawn(async move {
                tokio::time::sleep(time).await;
                host.end(process_id, end);
            });
        }
        if service.is_runbook_service {
            tokio::spawn(runbook_service::run(Arc::downgrade(&self.0), process_id));
        }
    }

    pub(super) fn end(&self, process_id: u32, end: ServiceEnd) {
        self.0.machine().ended(process_id, end);
        self.0.changed.notify_waiters();
    }
}
