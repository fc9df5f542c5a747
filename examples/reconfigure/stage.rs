//! Two simulated instances, and three hosts that use a database on the first.

use std::num::NonZeroU32;
use std::time::Duration;

use async_trait::async_trait;
use scorch_recovery::adapter::secrets::MapSecrets;
use scorch_recovery::names::{DatabaseName, HostName};
use scorch_recovery::orchestrator::Deployment;
use scorch_recovery::simulator::hosts::{OrchestratorHost, OrchestratorVersion, SimulatedHosts};
use scorch_recovery::simulator::{OrchestratorOptions, SimulatedInstance, SimulatorTransport};
use scorch_recovery::transport::{DataStoreValues, DataStoreWriter, HostError, codes};
use scorch_recovery::{Context, Secret};

use super::Failure;

const RUNBOOK_SERVERS: [&str; 2] = ["RUNBOOK01", "RUNBOOK02"];
const MANAGEMENT_SERVER: &str = "MS01";

/// What the rehearsal takes place on.
pub(crate) struct Stage {
    _folder: tempfile::TempDir,
    sql01: SimulatedInstance,
    sql: SimulatorTransport,
    hosts: SimulatedHosts,
    names: Vec<HostName>,
}

/// What a program on the hosts would do, say with the product's own DBDataStore.dll.
#[derive(Debug)]
struct Writer {
    hosts: SimulatedHosts,
    /// The database that it takes instead of the one it is told.
    mistakes_it_for: Option<DatabaseName>,
}

#[async_trait]
impl DataStoreWriter for Writer {
    async fn write(&self, host: &HostName, values: &DataStoreValues) -> Result<(), HostError> {
        let host = self.hosts.host(host).ok_or_else(|| {
            HostError::refused(codes::RPC_SERVER_UNAVAILABLE, "there is no such host")
        })?;
        let database = self.mistakes_it_for.as_ref().unwrap_or(&values.database);
        host.configure_data_store(&values.instance, database)
    }
}

impl Stage {
    pub(crate) async fn new() -> Result<Self, Failure> {
        let folder = tempfile::tempdir()?;
        let password = Secret::new("A-long-passw0rd-of-a-rehearsal".to_owned());
        let database: DatabaseName = "Orchestrator".parse()?;
        let mut servers = Vec::new();
        let mut sql = SimulatorTransport::builder();
        for name in ["SQL01", "SQL02"] {
            let home = folder.path().join(name);
            std::fs::create_dir_all(&home)?;
            let server = SimulatedInstance::builder(name, home.join("instance"))
                .machine_secret(home.join("machine.secret"))
                .sa_password(password.clone())
                .key_derivation_cost(NonZeroU32::MIN)
                .build()?;
            let mut options = OrchestratorOptions::seeded(7);
            options.runbook_servers = RUNBOOK_SERVERS.map(str::to_owned).to_vec();
            server
                .create_orchestrator_database(&database, &options)
                .await?;
            sql = sql.instance(name.parse()?, &server, "sa", password.clone());
            servers.push(server);
        }
        let other = OrchestratorOptions::seeded(8);
        servers[1]
            .create_orchestrator_database(&"Another".parse()?, &other)
            .await?;
        let sql = sql.build();
        // The databases are there; from here on minutes take no time.
        tokio::time::pause();

        let hosts = SimulatedHosts::builder(folder.path().join("hosts"))
            .sql(sql.clone())
            .build();
        let mut names = vec![MANAGEMENT_SERVER.parse()?];
        for name in RUNBOOK_SERVERS {
            names.push(name.parse()?);
        }
        for (at, name) in names.iter().enumerate() {
            let installed = OrchestratorHost::of(OrchestratorVersion::V2022);
            let (installed, services) = if at == 0 {
                (
                    installed.management_server(),
                    &["omanagement", "omonitor", "oremoting"][..],
                )
            } else {
                (installed.runbook_server(), &["oremoting", "orunbook"][..])
            };
            let installed = installed.data_store(&"SQL01".parse()?, &database);
            let host = hosts.add_orchestrator(name, &installed)?;
            for service in services {
                host.start(&service.parse()?).await?;
            }
        }
        tokio::time::sleep(Duration::from_secs(60)).await;
        let sql01 = servers.remove(0);
        Ok(Self {
            _folder: folder,
            sql01,
            sql,
            hosts,
            names,
        })
    }

    pub(crate) fn lose_sql01(&self) {
        self.sql01.kill();
    }

    pub(crate) fn deployment(&self) -> Deployment {
        let runbook_servers = self.names[1..].iter();
        let begun = Deployment::new().management_server(&self.names[0]);
        runbook_servers.fold(begun, |deployment, host| deployment.runbook_server(host))
    }

    pub(crate) fn runbook_servers(&self) -> Vec<HostName> {
        self.names[1..].to_vec()
    }

    /// What operations need. The program that writes may take another database than it is told.
    pub(crate) fn context(&self, mistakes_it_for: Option<&str>) -> Result<Context, Failure> {
        let writer = Writer {
            hosts: self.hosts.clone(),
            mistakes_it_for: mistakes_it_for.map(str::parse).transpose()?,
        };
        let context = Context::builder()
            .sql(self.sql.clone())
            .services(self.hosts.clone())
            .files(self.hosts.clone())
            .registry(self.hosts.clone())
            .data_store_writer(writer)
            .secrets(MapSecrets::new());
        Ok(context.build()?)
    }
}
