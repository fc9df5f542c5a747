//! A deployment of simulated hosts: a Management Server that is a Runbook Server too, and another one.

use std::fmt::Debug;
use std::str::FromStr;
use std::time::Duration;

use scorch_recovery::names::{HostName, ServiceName};
use scorch_recovery::orchestrator::Deployment;
use scorch_recovery::simulator::hosts::{SimulatedHost, SimulatedHosts, SimulatedService};
use scorch_recovery::transport::{ServiceState, StartType};
use scorch_recovery::{Context, ContextBuilder};

pub(crate) fn named<T: FromStr<Err: Debug>>(text: &str) -> T {
    text.parse().unwrap()
}

/// A service that takes its time, as they do.
pub(crate) fn service(name: &str) -> SimulatedService {
    SimulatedService::new(named(name), named(&format!(r"C:\o\{name}.exe")))
        .starting_takes(Duration::from_secs(2))
        .stopping_takes(Duration::from_secs(1))
}

/// What a service is at, and when it is started.
pub(crate) type Standing = (String, ServiceState, StartType);

pub(crate) struct World {
    _folder: tempfile::TempDir,
    pub(crate) hosts: SimulatedHosts,
    pub(crate) deployment: Deployment,
}

const MANAGEMENT: [&str; 4] = ["omanagement", "omonitor", "oremoting", "orunbook"];
const RUNBOOK: [&str; 2] = ["orunbook", "oremoting"];

impl World {
    /// All services run.
    pub(crate) async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let hosts = SimulatedHosts::builder(folder.path()).build();
        for (name, services) in Self::installed() {
            let host = hosts.add(&named(name)).unwrap();
            for &of in services {
                host.install(match of {
                    "omonitor" => service(of).needs(named("omanagement")),
                    _ => service(of),
                });
            }
            for &of in services {
                host.start(&named(of)).await.unwrap();
            }
        }
        tokio::time::sleep(Duration::from_secs(10)).await;
        let (ms01, rb01): (HostName, HostName) = (named("MS01"), named("RB01"));
        Self {
            _folder: folder,
            hosts,
            deployment: Deployment::new()
                .management_server(&ms01)
                .runbook_server(&ms01)
                .runbook_server(&rb01),
        }
    }

    const fn installed() -> [(&'static str, &'static [&'static str]); 2] {
        [("MS01", &MANAGEMENT), ("RB01", &RUNBOOK)]
    }

    pub(crate) fn host(&self, name: &str) -> SimulatedHost {
        self.hosts.host(&named(name)).unwrap()
    }

    pub(crate) fn builder(&self) -> ContextBuilder {
        Context::builder()
            .services(self.hosts.clone())
            .commands(self.hosts.clone())
            .registry(self.hosts.clone())
    }

    pub(crate) fn context(&self) -> Context {
        self.builder().build().unwrap()
    }

    /// As the hosts themselves know it, whoever can reach them.
    pub(crate) fn standing(&self) -> Vec<Standing> {
        let mut standing = Vec::new();
        for (name, services) in Self::installed() {
            let host = self.host(name);
            for &of in services {
                let service: ServiceName = named(of);
                let status = host.service(&service).unwrap();
                standing.push((format!("{of} on {name}"), status.state, status.start_type));
            }
        }
        standing
    }

    pub(crate) fn running(&self) -> Vec<String> {
        self.standing()
            .into_iter()
            .filter(|(_, state, _)| *state == ServiceState::Running)
            .map(|(name, _, _)| name)
            .collect()
    }

    pub(crate) fn assert_all_run(&self) {
        assert_eq!(
            self.running().len(),
            self.standing().len(),
            "{:?}",
            self.standing()
        );
    }

    /// How often services were started, all in all.
    pub(crate) fn starts(&self) -> u32 {
        let services = Self::installed();
        let services = services
            .iter()
            .flat_map(|(name, services)| services.iter().map(move |of| (name, of)));
        services
            .map(|(name, of)| self.host(name).starts(&named(of)))
            .sum()
    }
}
