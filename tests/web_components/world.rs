//! A simulated host with web components, and the databases that they may name.

use std::num::NonZeroU32;

use scorch_recovery::names::{HostName, HostPath};
use scorch_recovery::orchestrator::{
    VerifiedWebComponents, WebCause, WebComponents, WebComponentsInfo,
};
use scorch_recovery::simulator::hosts::{
    OrchestratorHost, OrchestratorVersion, SimulatedHost, SimulatedHosts, SimulatedWebApplication,
    SimulatedWebServers, WebComponentKind,
};
use scorch_recovery::simulator::{OrchestratorOptions, SimulatedInstance, SimulatorTransport};
use scorch_recovery::transport::WebTransport;
use scorch_recovery::{Context, Operation, Secret};

use crate::files::web01;
use crate::host::KEPT;

const SA: &str = "A-long-passw0rd";

pub(crate) struct World {
    folder: tempfile::TempDir,
    server: SimulatedInstance,
    pub(crate) hosts: SimulatedHosts,
    pub(crate) servers: SimulatedWebServers,
    pub(crate) host: SimulatedHost,
    pub(crate) kind: WebComponentKind,
}

impl World {
    /// The databases `Old` and `New` on SQL01; a web.config that names `instance` and `Old`.
    pub(crate) async fn new(kind: WebComponentKind, instance: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let server = SimulatedInstance::builder("SQL01", folder.path().join("sql"))
            .machine_secret(folder.path().join("sql.secret"))
            .sa_password(Secret::new(SA.to_owned()))
            .key_derivation_cost(NonZeroU32::MIN)
            .build()
            .unwrap();
        for database in ["Old", "New"] {
            let (name, options) = (database.parse().unwrap(), OrchestratorOptions::seeded(3));
            let made = server.create_orchestrator_database(&name, &options);
            made.await.unwrap();
        }
        let (hosts, host) = install(&folder, &server, kind, instance, SA);
        Self {
            servers: SimulatedWebServers::on(&hosts),
            folder,
            server,
            hosts,
            host,
            kind,
        }
    }

    /// Another host by the same databases, of which nothing is left of the first.
    pub(crate) fn with(self, kind: WebComponentKind, instance: &str) -> Self {
        self.anew(kind, instance, SA)
    }

    /// The same with an account of the pool that SQL Server does not let in.
    pub(crate) fn with_account_not_let_in(self) -> Self {
        let kind = self.kind;
        self.anew(kind, "SQL01", "wrong")
    }

    fn anew(self, kind: WebComponentKind, instance: &str, password: &str) -> Self {
        let (hosts, host) = install(&self.folder, &self.server, kind, instance, password);
        Self {
            servers: SimulatedWebServers::on(&hosts),
            hosts,
            host,
            kind,
            ..self
        }
    }

    pub(crate) fn web_config(&self) -> HostPath {
        web_config(self.kind)
    }

    pub(crate) fn application(&self) -> SimulatedWebApplication {
        application(self.kind)
    }

    pub(crate) fn run(&self, application: SimulatedWebApplication) {
        self.servers.install(&self.host, application).unwrap();
    }

    pub(crate) fn asked_by(&self, web: impl WebTransport + 'static) -> Context {
        asked_by(&self.hosts, web)
    }

    pub(crate) fn context(&self) -> Context {
        self.asked_by(self.servers.clone())
    }

    pub(crate) async fn read(&self) -> WebComponentsInfo {
        let read = WebComponents::read(&web01());
        read.run(&self.context()).await.unwrap()
    }

    pub(crate) async fn verify(&self, cx: &Context) -> VerifiedWebComponents {
        let verify = WebComponents::verify(&web01()).seen(&self.read().await);
        verify.run(cx).await.unwrap()
    }

    /// What the one application's verdict says it may be, and why.
    pub(crate) async fn causes(&self, cx: &Context) -> (Vec<WebCause>, String) {
        let verified = self.verify(cx).await;
        assert_eq!(verified.verdicts.len(), 1, "{verified:?}");
        let verdict = &verified.verdicts[0];
        assert_eq!(verdict.works, verdict.causes.is_empty());
        assert_eq!(verified.check().is_ok(), verdict.works);
        (
            verdict.causes.iter().copied().collect(),
            verdict.why.clone(),
        )
    }
}

fn install(
    folder: &tempfile::TempDir,
    server: &SimulatedInstance,
    kind: WebComponentKind,
    instance: &str,
    password: &str,
) -> (SimulatedHosts, SimulatedHost) {
    let password = Secret::new(password.to_owned());
    // A host of a name keeps the disk that it had: each has one of its own.
    let disks = tempfile::tempdir_in(folder.path()).unwrap().keep();
    let sql =
        SimulatorTransport::builder().instance("SQL01".parse().unwrap(), server, "sa", password);
    let hosts = SimulatedHosts::builder(disks).sql(sql.build()).build();
    let host = add(&hosts, kind, &web01(), instance);
    (hosts, host)
}

/// A host with web components of that kind, whose data store is `Old` on `instance`.
pub(crate) fn add(
    hosts: &SimulatedHosts,
    kind: WebComponentKind,
    name: &HostName,
    instance: &str,
) -> SimulatedHost {
    let version = match kind {
        WebComponentKind::WebApi => OrchestratorVersion::V2022,
        _ => OrchestratorVersion::V2016,
    };
    let installed = OrchestratorHost::of(version)
        .web_components()
        .data_store(&instance.parse().unwrap(), &"Old".parse().unwrap());
    let host = hosts.add_orchestrator(name, &installed).unwrap();
    host.create_folder(&KEPT.parse().unwrap()).unwrap();
    host
}

/// Where its web.config is.
fn web_config(kind: WebComponentKind) -> HostPath {
    let path = match kind {
        WebComponentKind::WebApi => {
            r"C:\Program Files\Microsoft System Center\2022\Orchestrator\WebApi\web.config"
        }
        _ => {
            r"C:\Program Files (x86)\Microsoft System Center 2016\Orchestrator\Web Service\Orchestrator\web.config"
        }
    };
    path.parse().unwrap()
}

pub(crate) fn application(kind: WebComponentKind) -> SimulatedWebApplication {
    SimulatedWebApplication::new(kind, 81, web_config(kind))
}

pub(crate) fn asked_by(hosts: &SimulatedHosts, web: impl WebTransport + 'static) -> Context {
    Context::builder()
        .files(hosts.clone())
        .commands(hosts.clone())
        .registry(hosts.clone())
        .web(web)
        .build()
        .unwrap()
}
