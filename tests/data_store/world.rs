//! A Management Server that is a Runbook Server too, whose configuration names the database `Old`; the
//! database `New` is to be used. `SQL00` and `SQL01` are two names of one instance.

use std::fmt::Debug;
use std::num::NonZeroU32;
use std::str::FromStr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use scorch_recovery::names::{HostName, HostPath, SqlInstance};
use scorch_recovery::orchestrator::{DataStoreConfig, SilentSetup};
use scorch_recovery::simulator::hosts::{
    OrchestratorHost, OrchestratorVersion, SimulatedHost, SimulatedHosts, SimulatedSetup,
};
use scorch_recovery::simulator::{OrchestratorOptions, SimulatedInstance, SimulatorTransport};
use scorch_recovery::transport::{
    DataStoreValues, DataStoreWriter, FileTransport, HostError, RegistryTransport, RegistryView,
    ServiceState, TransportErrorKind, codes,
};
use scorch_recovery::{Context, ContextBuilder, Observer, Operation, Progress, Secret, SecretRef};

use super::wire::{OneSecret, PASSWORD, Way};

pub(crate) const HOST: &str = "RUNBOOK01";
pub(crate) const ALIASES: &str = r"SOFTWARE\Microsoft\MSSQLServer\Client\ConnectTo";
pub(crate) const SETUP: &str = r"D:\Setup\Setup.exe";
pub(crate) const SETUP_LOG: &str = r"C:\Users\recovery\AppData\Local\SCO\LOGS\setup.log";
const SERVICES: [&str; 4] = ["omanagement", "omonitor", "oremoting", "orunbook"];

pub(crate) fn named<T: FromStr<Err: Debug>>(text: &str) -> T {
    text.parse().unwrap()
}

/// The databases, and the way to them.
pub(crate) struct Server {
    folder: tempfile::TempDir,
    sql: SimulatorTransport,
}

impl Server {
    /// Made in real time; from here on time is simulated.
    pub(crate) async fn new(seed: u64) -> Self {
        let server = Self::in_real_time(seed, &[HOST, "RUNBOOK02"]).await;
        tokio::time::pause();
        server
    }

    pub(crate) async fn in_real_time(seed: u64, runbook_servers: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let sa = || Secret::new(PASSWORD.to_owned());
        let server = SimulatedInstance::builder("SQL01", folder.path().join("sql"))
            .machine_secret(folder.path().join("sql.secret"))
            .sa_password(sa())
            .key_derivation_cost(NonZeroU32::MIN)
            .build()
            .unwrap();
        for database in ["Old", "New"] {
            let mut options = OrchestratorOptions::seeded(seed);
            options.runbook_servers = runbook_servers.iter().map(|&name| name.into()).collect();
            let name = named(database);
            let made = server.create_orchestrator_database(&name, &options);
            made.await.unwrap();
        }
        let sql = SimulatorTransport::builder()
            .instance(named("SQL00"), &server, "sa", sa())
            .instance(named("SQL01"), &server, "sa", sa())
            .build();
        Self { folder, sql }
    }

    /// No host yet.
    pub(crate) fn empty(&self, latency: Duration) -> World {
        let folder = tempfile::tempdir_in(self.folder.path()).unwrap();
        let way = Way {
            inner: self.sql.clone(),
            dead: Arc::default(),
            faults: None,
        };
        let hosts = SimulatedHosts::builder(folder.path())
            .latency(latency)
            .sql(way.clone())
            .build();
        World {
            folders: (None, folder),
            way: Way {
                faults: Some(hosts.clone()),
                ..way
            },
            hosts,
        }
    }

    /// A host whose services all run.
    pub(crate) async fn world(&self, version: OrchestratorVersion) -> World {
        self.world_on(version, "SQL01", "Old").await
    }

    /// A host whose services all run, and use that database.
    pub(crate) async fn world_on(
        &self,
        version: OrchestratorVersion,
        instance: &str,
        database: &str,
    ) -> World {
        let world = self.empty(Duration::ZERO);
        let installed = OrchestratorHost::of(version)
            .management_server()
            .runbook_server()
            .data_store(&named(instance), &named(database));
        let added = world.hosts.add_orchestrator(&named(HOST), &installed);
        let host = added.unwrap();
        for service in SERVICES {
            host.start(&named(service)).await.unwrap();
        }
        tokio::time::sleep(Duration::from_secs(60)).await;
        world
    }

    /// A host that was built anew, with Setup on its disk.
    pub(crate) fn rebuilt(&self, setup: SimulatedSetup) -> World {
        let world = self.empty(Duration::ZERO);
        let host = world.hosts.add(&named(HOST)).unwrap();
        for folder in [r"D:\Setup", r"C:\Users\recovery\AppData\Local\SCO\LOGS"] {
            host.create_folder(&named(folder)).unwrap();
        }
        host.put_setup(&named(SETUP), setup).unwrap();
        world
    }
}

pub(crate) struct World {
    /// The server's, where it is this world's alone, and the hosts': they live as long.
    folders: (Option<tempfile::TempDir>, tempfile::TempDir),
    pub(crate) hosts: SimulatedHosts,
    way: Way,
}

impl World {
    pub(crate) async fn new() -> Self {
        let server = Server::new(7).await;
        let world = server.world(OrchestratorVersion::V2022).await;
        world.keeping(server)
    }

    /// With the server for itself.
    pub(crate) fn keeping(mut self, server: Server) -> Self {
        self.folders.0 = Some(server.folder);
        self
    }

    pub(crate) fn host(&self) -> SimulatedHost {
        self.hosts.host(&named(HOST)).unwrap()
    }

    /// Nobody reaches that instance any more, from nowhere.
    pub(crate) fn kill(&self, instance: &str) {
        self.way.dead.lock().unwrap().insert(named(instance));
    }

    pub(crate) fn revive(&self, instance: &str) {
        let instance: SqlInstance = named(instance);
        self.way.dead.lock().unwrap().remove(&instance);
    }

    pub(crate) fn builder(&self) -> ContextBuilder {
        Context::builder()
            .sql(self.way.clone())
            .services(self.hosts.clone())
            .files(self.hosts.clone())
            .commands(self.hosts.clone())
            .registry(self.hosts.clone())
            .secrets(OneSecret(self.hosts.clone()))
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
        let Some(path) = self.host().settings_path() else {
            return Vec::new();
        };
        let folder = path.as_str().trim_end_matches(r"\Settings.dat");
        let names = self.hosts.list(&named(HOST), &named(folder)).await.unwrap();
        let is_copy = |name: &String| {
            [".copy", ".json", ".put"]
                .iter()
                .any(|end| name.ends_with(end))
        };
        names.into_iter().filter(is_copy).collect()
    }

    /// The aliases for an instance, of 32 and of 64 bits.
    pub(crate) async fn aliases(&self, name: &str) -> [Option<String>; 2] {
        let get = async |view| {
            let got = self.hosts.get(&named(HOST), view, ALIASES, name).await;
            got.unwrap()
        };
        [
            get(RegistryView::Bits32).await,
            get(RegistryView::Bits64).await,
        ]
    }

    pub(crate) async fn set_alias(&self, view: RegistryView, name: &str, text: &str) {
        let host = named(HOST);
        let set = self.hosts.set(&host, view, ALIASES, name, text);
        set.await.unwrap();
    }

    pub(crate) fn starts(&self) -> u32 {
        SERVICES
            .iter()
            .map(|service| self.host().starts(&named(service)))
            .sum()
    }

    /// The services that are installed and don't run.
    pub(crate) fn down(&self) -> Vec<&'static str> {
        let is_down = |service: &&str| {
            let status = self.host().service(&named(service));
            status.is_ok_and(|status| status.state != ServiceState::Running)
        };
        SERVICES.into_iter().filter(is_down).collect()
    }

    pub(crate) fn assert_all_run(&self) {
        assert_eq!(self.down(), Vec::<&str>::new());
        assert!(self.host().service(&named("orunbook")).is_ok());
    }

    pub(crate) fn writer(&self, writes: Writes) -> Writer {
        Writer {
            hosts: self.hosts.clone(),
            writes,
            heard: Arc::default(),
        }
    }

    /// What Setup is told, with all consents.
    pub(crate) async fn setup(&self) -> SilentSetup {
        let read = DataStoreConfig::read(&named(HOST));
        let info = read.run(&self.context()).await.unwrap();
        let account = SecretRef::named("account");
        SilentSetup::of(named(SETUP))
            .management_server()
            .runbook_server()
            .service_account(&named(r"CONTOSO\orchestrator"), account.clone())
            .logging_to(named(SETUP_LOG.trim_end_matches(r"\setup.log")))
            .exposing(&account)
            .on_rebuilt(&info)
    }
}

/// What a host program makes of what it is told.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Writes {
    AsTold,
    To(&'static str),
    Garbage,
    /// Another database than it was told, and permissions of its own.
    WithOtherPermissions,
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
            Writes::WithOtherPermissions => {
                host.configure_data_store(&values.instance, &named("None"))?;
                host.set_acl(&host.settings_path().unwrap(), "Everyone:F")
            }
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

/// Hears what is to be done by hand, and notices.
#[derive(Clone, Debug, Default)]
pub(crate) struct Hears {
    steps: Arc<Mutex<Vec<String>>>,
    notices: Arc<Mutex<Vec<String>>>,
}

impl Hears {
    pub(crate) fn steps(&self) -> Vec<String> {
        self.steps.lock().unwrap().clone()
    }

    pub(crate) fn notices(&self) -> Vec<String> {
        self.notices.lock().unwrap().clone()
    }
}

impl Observer for Hears {
    fn on_progress(&self, progress: &Progress) {
        match progress {
            Progress::Attend { steps, .. } => {
                self.steps.lock().unwrap().extend(steps.iter().cloned());
            }
            Progress::Notice { text, .. } => self.notices.lock().unwrap().push(text.clone()),
            _ => {}
        }
    }
}

/// Types the values in, ten seconds after it was asked to.
#[derive(Clone, Debug)]
pub(crate) struct Somebody(pub(crate) SimulatedHost);

impl Observer for Somebody {
    fn on_progress(&self, progress: &Progress) {
        if !matches!(progress, Progress::Attend { .. }) {
            return;
        }
        let host = self.0.clone();
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_secs(10)).await;
            host.configure_data_store(&named("SQL01"), &named("New"))
                .unwrap();
        });
    }
}
