//! A host's name that leads to another computer: nothing of that one is read, and nothing changes there.

use std::collections::BTreeMap;
use std::path::PathBuf;

use async_trait::async_trait;
use scorch_recovery::names::{HostName, WebUrl};
use scorch_recovery::orchestrator::{
    WebComponents, WebComponentsInfo, WebConfigStyle, WriteWebComponents,
};
use scorch_recovery::simulator::hosts::{
    HostFault, HostFaultKind, SimulatedHost, SimulatedHosts, SimulatedWebServers, WebComponentKind,
};
use scorch_recovery::transport::{HostError, WebAnswer, WebCapabilities, WebTransport};
use scorch_recovery::{Context, Effect, Error, ErrorKind, Operation};

use crate::files::web01;
use crate::host::KEPT;
use crate::world::{add, application, asked_by};

const NOWHERE: &str = "SQL09";

/// Hosts without a database: whether the web components work is no matter here.
struct Scene {
    folder: tempfile::TempDir,
    hosts: SimulatedHosts,
    servers: SimulatedWebServers,
    kind: WebComponentKind,
    web01: SimulatedHost,
}

impl Scene {
    fn new(kind: WebComponentKind) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let hosts = SimulatedHosts::builder(folder.path()).build();
        let this = Self {
            servers: SimulatedWebServers::on(&hosts),
            web01: add(&hosts, kind, &web01(), NOWHERE),
            folder,
            hosts,
            kind,
        };
        this.servers
            .install(&this.web01, application(kind))
            .unwrap();
        this
    }

    fn api() -> Self {
        Self::new(WebComponentKind::WebApi)
    }

    fn asked_by(&self, web: impl WebTransport + 'static) -> Context {
        asked_by(&self.hosts, web)
    }

    fn context(&self) -> Context {
        self.asked_by(self.servers.clone())
    }

    async fn read(&self, host: &HostName) -> WebComponentsInfo {
        let read = WebComponents::read(host);
        read.run(&self.context()).await.unwrap()
    }

    /// Every file on the disks of hosts.
    fn disks(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut folders = vec![self.folder.path().to_owned()];
        let mut files = BTreeMap::new();
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    files.insert(path.clone(), std::fs::read(path).unwrap());
                }
            }
        }
        files
    }

    /// What each operation says that asks the host.
    async fn refused(&self, host: &HostName) -> Vec<Error> {
        let cx = self.context();
        let mut info = self.read(&web01()).await;
        assert_eq!(info.found.len(), 1);
        info.host = host.clone();
        let write = write(host, &info);
        let read = WebComponents::read(host).decrypting_in(KEPT.parse().unwrap());
        let verify = WebComponents::verify(host).seen(&info);
        let before = self.disks();
        let _ = self.hosts.faults().take_trace();
        let errors = vec![
            read.run(&cx).await.unwrap_err(),
            write.observe(&cx).await.unwrap_err(),
            write.run(&cx).await.unwrap_err(),
            verify.run(&cx).await.unwrap_err(),
        ];
        for call in self.hosts.faults().take_trace() {
            assert!(call.starts_with(&format!("{host} registry.get")), "{call}");
        }
        assert_eq!(self.disks(), before);
        errors
    }
}

fn name(text: &str) -> HostName {
    text.parse().unwrap()
}

fn write(host: &HostName, seen: &WebComponentsInfo) -> WriteWebComponents {
    WebComponents::write(host, &"SQL01".parse().unwrap(), &"New".parse().unwrap())
        .seen(seen)
        .keeping_copies_in(KEPT.parse().unwrap())
}

#[tokio::test]
async fn a_name_that_leads_elsewhere_is_refused_and_nothing_is_changed_there() {
    for kind in [WebComponentKind::WebApi, WebComponentKind::WebService] {
        let scene = Scene::new(kind);
        assert_eq!(
            scene.read(&web01()).await.computer.as_deref(),
            Some("WEB01")
        );
        for other in ["WEB02", "web02.contoso.example"] {
            scene.hosts.lead(&name(other), &scene.web01);
            for error in scene.refused(&name(other)).await {
                assert_eq!(
                    (error.kind(), error.effect()),
                    (ErrorKind::Incompatible, Effect::None),
                    "{error}"
                );
                let said = format!("{other} leads to the computer WEB01");
                assert!(error.detail().contains(&said), "{error}");
                assert!(error.remedy().is_some());
            }
        }
    }
}

/// Which computer it is can't be told: the question is repeated, and then nothing is done.
#[tokio::test]
async fn where_the_name_can_not_be_asked_for_nothing_is_done() {
    let scene = Scene::api();
    let faults = scene.hosts.faults();
    let lost = HostFault::when_call_contains("registry.get", HostFaultKind::TimedOutBefore);
    // The reading before has its answer; each of the four is asked three times.
    faults.install(lost.passing(1).times(12));
    for error in scene.refused(&web01()).await {
        assert_eq!(
            (error.kind(), error.effect()),
            (ErrorKind::TimedOut, Effect::None),
            "{error}"
        );
    }
    assert_eq!(faults.outstanding(), 0);
    // Without a port to registries it is not asked for, and what was seen says so.
    let cx = Context::builder()
        .files(scene.hosts.clone())
        .build()
        .unwrap();
    scene.hosts.lead(&name("WEB02"), &scene.web01);
    let info = WebComponents::read(&name("WEB02")).run(&cx).await.unwrap();
    assert_eq!((info.computer.as_deref(), info.found.len()), (None, 1));
}

/// An address says nothing of a name; that another computer has it now than when it was looked at, does.
#[tokio::test]
async fn an_address_that_leads_elsewhere_since_is_refused() {
    let scene = Scene::api();
    let cx = scene.context();
    let address = name("10.0.0.7");
    scene.hosts.lead(&address, &scene.web01);
    let info = scene.read(&address).await;
    assert_eq!(info.computer.as_deref(), Some("WEB01"));
    let operation = write(&address, &info);

    // The same files, on another computer.
    let other = add(&scene.hosts, scene.kind, &name("WEB02"), NOWHERE);
    let path = &info.found[0].path;
    assert_eq!(
        other.read_file(path).unwrap(),
        scene.web01.read_file(path).unwrap()
    );
    scene.hosts.lead(&address, &other);
    let before = scene.disks();
    let error = operation.run(&cx).await.unwrap_err();
    assert_eq!(
        (error.kind(), error.effect()),
        (ErrorKind::Incompatible, Effect::None),
        "{error}"
    );
    let said = "10.0.0.7 led to the computer WEB01 when it was looked at, and leads to WEB02";
    assert!(error.detail().contains(said), "{error}");
    // What was seen of one host is no evidence for another.
    let error = write(&name("WEB02"), &info).run(&cx).await.unwrap_err();
    assert_eq!(
        (error.kind(), error.effect()),
        (ErrorKind::InvalidInput, Effect::None),
        "{error}"
    );
    assert_eq!(scene.disks(), before);
    // And where it leads back it is done.
    scene.hosts.lead(&address, &scene.web01);
    let written = operation.run(&cx).await.unwrap();
    assert_eq!(written.computer.as_deref(), Some("WEB01"));
    assert_ne!(scene.disks(), before);
}

/// Asks from where the caller is: whoever has the address answers.
#[derive(Debug)]
struct FromOutside(SimulatedWebServers);

#[async_trait]
impl WebTransport for FromOutside {
    fn capabilities(&self) -> WebCapabilities {
        WebCapabilities {
            is_on_host: false,
            ..self.0.capabilities()
        }
    }

    async fn get(&self, host: &HostName, url: &WebUrl) -> Result<WebAnswer, HostError> {
        self.0.get(host, url).await
    }
}

#[tokio::test]
async fn an_address_is_asked_whoever_has_it() {
    let scene = Scene::api();
    let alias = name("orchestrator");
    scene.hosts.lead(&alias, &scene.web01);
    let asking = WebComponents::verify(&alias).asking(
        WebConfigStyle::Environment,
        "http://orchestrator:81/api/login".parse().unwrap(),
    );
    let outside = scene.asked_by(FromOutside(scene.servers.clone()));
    let answered = asking.run(&outside).await.unwrap();
    assert_eq!(answered.verdicts[0].status, Some(500), "{answered:?}");
    let error = asking.run(&scene.context()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Incompatible, "{error}");
}
