//! A Management Server that is a Runbook Server too, whose configuration names the database `Old`; the
//! database `New` is to be used.

use std::fmt::Debug;
use std::num::NonZeroU32;
use std::str::FromStr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use scorch_recovery::names::{HostName, HostPath};
use scorch_recovery::orchestrator::DataStoreConfig;
use scorch_recovery::simulator::hosts::{
    OrchestratorHost, OrchestratorVersion, SimulatedHost, SimulatedHosts,
};
use scorch_recovery::simulator::{OrchestratorOptions, SimulatedInstance, SimulatorTransport};
use scorch_recovery::transport::{
    DataStoreValues, DataStoreWriter, FileTransport, HostError, SecretSource, ServiceState,
    TransportError, TransportErrorKind, codes,
};
use scorch_recovery::{Context, ContextBuilder, Observer, Progress, Secret, SecretRef};

pub(crate) const HOST: &str = "RUNBOOK01";
const SERVICES: [&str; 4] = ["omanagement", "omonitor", "oremoting", "orunbook"];
const PASSWORD: &str = "A-long-passw0rd";

pub(crate) fn named<T: FromStr<Err: Debug>>(text: &str) -> T {
    text.parse().unwrap()
}

#[derive(Debug)]
struct OneSecret;

#[async_trait]
impl SecretSource for OneSecret {
    async fn fetch(&self, _: &SecretRef) -> Result<Secret, TransportError> {
        Ok(Secret::new(PASSWORD.to_owned()))
    }
}

/// The databases, and the way to them.
pub(crate) struct Server {
    folder: tempfile::TempDir,
    sql: SimulatorTransport,
}

impl Server {
    /// Made in real time; from here on time is simulated.
    pub(crate) async fn new(seed: u64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let sa = || Secret::new(PASSWORD.to_owned());
        let server = SimulatedInstance::builder("SQL01", folder.path().join("sql"))
            .machine_secret(folder.path().join("sql.secret"))
            .sa_password(sa())
            .key_derivation_cost(NonZeroU32::MIN)
            .build()
            .unwrap();
        for database in ["Old", "New"] {
            let options = OrchestratorOptions::seeded(seed);
            let name = named(database);
            let made = server.create_orchestrator_database(&name, &options);
            made.await.unwrap();
        }
        let sql = SimulatorTransport::builder()
            .instance(named("SQL01"), &server, "sa", sa())
            .build();
        tokio::time::pause();
        Self { folder, sql }
    }

    /// A host whose services all run.
    pub(crate) async fn world(&self, version: OrchestratorVersion) -> World {
        let folder = tempfile::tempdir_in(self.folder.path()).unwrap();
        let hosts = SimulatedHosts::builder(folder.path())
            .sql(self.sql.clone())
            .build();
        let installed = OrchestratorHost::of(version)
            .management_server()
            .runbook_server()
            .data_store(&named("SQL01"), &named("Old"));
        let host = hosts.add_orchestrator(&named(HOST), &installed).unwrap();
        for service in SERVICES {
            host.start(&named(service)).await.unwrap();
        }
        tokio::time::sleep(Duration::from_secs(60)).await;
        World {
            folders: (None, folder),
            hosts,
            sql: self.sql.clone(),
        }
    }
}

pub(crate) struct World {
    /// The server's, where it is this world's alone, and the hosts': they live as long.
    folders: (Option<tempfile::TempDir>, tempfile::TempDir),
    pub(crate) hosts: SimulatedHosts,
    sql: SimulatorTransport,
}

impl World {
    pub(crate) async fn new() -> Self {
        let server = Server::new(7).await;
        let mut world = server.world(OrchestratorVersion::V2022).await;
        world.folders.0 = Some(server.folder);
        world
    }

    pub(crate) fn host(&self) -> SimulatedHost {
        self.hosts.host(&named(HOST)).unwrap()
    }

    pub(crate) fn builder(&self) -> ContextBuilder {
        Context::builder()
            .sql(self.sql.clone())
            .services(self.hosts.clone())
            .files(self.hosts.clone())
            .registry(self.hosts.clone())
            .secrets(OneSecret)
    }

    pub(crate) fn context(&self) -> Context {
        self.builder().build().unwrap()
    }

    pub(crate) fn config(&self, database: &str) -> DataStoreConfig {
        DataStoreConfig::new(&named("SQL01"), &named(database)).unwrap()
    }

    pub(crate) fn path(&self) -> HostPath {
        self.host().settings_path().unwrap()
    }

    /// The SHA-256 of the file.
    pub(crate) fn hash(&self) -> String {
        use sha2::{Digest, Sha256};
        hex::encode(Sha256::digest(self.host().read_file(&self.path()).unwrap()))
    }

    /// What is beside the file.
    pub(crate) async fn copies(&self) -> Vec<String> {
        let path = self.path();
        let folder = path.as_str().trim_end_matches(r"\Settings.dat");
        let names = self.hosts.list(&named(HOST), &named(folder)).await.unwrap();
        names
            .into_iter()
            .filter(|name| name.ends_with(".copy"))
            .collect()
    }

    pub(crate) fn starts(&self) -> u32 {
        SERVICES
            .iter()
            .map(|service| self.host().starts(&named(service)))
            .sum()
    }

    pub(crate) fn down(&self) -> Vec<&'static str> {
        let runs = |service: &str| {
            self.host().service(&named(service)).unwrap().state == ServiceState::Running
        };
        SERVICES
            .into_iter()
            .filter(|service| !runs(service))
            .collect()
    }

    pub(crate) fn assert_all_run(&self) {
        assert_eq!(self.down(), Vec::<&str>::new());
    }

    pub(crate) fn writer(&self, writes: Writes) -> Writer {
        Writer {
            hosts: self.hosts.clone(),
            writes,
            heard: Arc::default(),
        }
    }
}

/// What a host program makes of what it is told.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Writes {
    AsTold,
    To(&'static str),
    Garbage,
    Nothing,
    Refused,
    NoAnswer,
    /// It writes, and does not answer.
    AsToldWithoutAnswer,
}

#[derive(Clone, Debug)]
pub(crate) struct Writer {
    hosts: SimulatedHosts,
    writes: Writes,
    heard: Arc<Mutex<Vec<(String, String)>>>,
}

impl Writer {
    /// Server boxes and passwords that it was told.
    pub(crate) fn heard(&self) -> Vec<(String, String)> {
        self.heard.lock().unwrap().clone()
    }
}

#[async_trait]
impl DataStoreWriter for Writer {
    async fn write(&self, host: &HostName, values: &DataStoreValues) -> Result<(), HostError> {
        if let Some(login) = &values.login {
            let told = (values.server.clone(), login.password.expose().to_owned());
            self.heard.lock().unwrap().push(told);
        }
        let host = self.hosts.host(host).unwrap();
        let lost = || Err(HostError::lost(TransportErrorKind::Timeout, "no answer"));
        match self.writes {
            Writes::AsTold => host.configure_data_store(&values.instance, &values.database),
            Writes::To(database) => host.configure_data_store(&values.instance, &named(database)),
            Writes::Garbage => host.write_file(&host.settings_path().unwrap(), b"half a fi"),
            Writes::Nothing => Ok(()),
            Writes::Refused => Err(HostError::refused(codes::ACCESS_DENIED, "no")),
            Writes::NoAnswer => lost(),
            Writes::AsToldWithoutAnswer => {
                host.configure_data_store(&values.instance, &values.database)?;
                lost()
            }
        }
    }
}

/// Hears what is to be done by hand.
#[derive(Clone, Debug, Default)]
pub(crate) struct Hears(Arc<Mutex<Vec<String>>>);

impl Hears {
    pub(crate) fn steps(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

impl Observer for Hears {
    fn on_progress(&self, progress: &Progress) {
        if let Progress::Attend { steps, .. } = progress {
            self.0.lock().unwrap().extend(steps.iter().cloned());
        }
    }
}
