use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::names::{HostName, ServiceName};

/// What Orchestrator has on a host, as far as services go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum HostRole {
    /// The Management Server: `omanagement`, `omonitor`, `oremoting` (documented).
    ManagementServer,
    /// A Runbook Server: `orunbook`, `oremoting` (documented).
    RunbookServer,
}

impl HostRole {
    /// Its services, and whether the role is nothing without them.
    const fn services(self) -> &'static [(&'static str, bool)] {
        match self {
            Self::ManagementServer => &[
                ("omanagement", true),
                ("omonitor", false),
                ("oremoting", false),
            ],
            Self::RunbookServer => &[("orunbook", true), ("oremoting", false)],
        }
    }
}

/// A host of a deployment with all that Orchestrator has on it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct DeploymentHost {
    /// Its name.
    pub host: HostName,
    /// Its roles.
    pub roles: BTreeSet<HostRole>,
}

impl DeploymentHost {
    /// Its services, each once, and whether a role is nothing without it.
    pub(crate) fn services(&self) -> Vec<(ServiceName, bool)> {
        let mut services: Vec<(ServiceName, bool)> = Vec::new();
        for (name, is_required) in self.roles.iter().flat_map(|role| role.services()) {
            let is_known = services.iter().any(|(known, _)| known.as_str() == *name);
            if let (false, Ok(name)) = (is_known, name.parse()) {
                services.push((name, *is_required));
            }
        }
        services
    }
}

/// The hosts of an Orchestrator deployment. One with two roles is one host.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[must_use]
pub struct Deployment {
    hosts: Vec<DeploymentHost>,
}

impl Deployment {
    /// Begins with no hosts.
    pub const fn new() -> Self {
        Self { hosts: Vec::new() }
    }

    /// Adds the Management Server.
    pub fn management_server(self, host: &HostName) -> Self {
        self.with(host, HostRole::ManagementServer)
    }

    /// Adds a Runbook Server.
    pub fn runbook_server(self, host: &HostName) -> Self {
        self.with(host, HostRole::RunbookServer)
    }

    /// One of these hosts.
    pub(crate) const fn of(hosts: Vec<DeploymentHost>) -> Self {
        Self { hosts }
    }

    /// Its hosts, as they were added.
    #[must_use]
    pub fn hosts(&self) -> &[DeploymentHost] {
        &self.hosts
    }

    fn with(mut self, host: &HostName, role: HostRole) -> Self {
        let name = host.as_str().to_lowercase();
        let mut known = self.hosts.iter_mut();
        let known = known.find(|known| known.host.as_str().to_lowercase() == name);
        match known {
            Some(known) => {
                known.roles.insert(role);
            }
            None => self.hosts.push(DeploymentHost {
                host: host.clone(),
                roles: BTreeSet::from([role]),
            }),
        }
        self
    }

    /// Refuses what can't be one: nothing, or a name that means another machine on each machine.
    pub(crate) fn check(&self) -> Result<()> {
        if self.hosts.is_empty() {
            return Err(Error::invalid(
                "deployment",
                "it has no hosts; call Deployment::management_server and runbook_server",
            ));
        }
        let mut hosts = self.hosts.iter();
        match hosts.find(|known| is_loopback(known.host.as_str())) {
            Some(found) => Err(Error::invalid(
                "deployment",
                format!(
                    "{} is another machine on each machine; give the host's own name",
                    found.host
                ),
            )),
            None => Ok(()),
        }
    }
}

/// Whether a name means the machine itself, whichever it is.
pub(crate) fn is_loopback(name: &str) -> bool {
    let name = name.to_lowercase();
    let is_address = |address: std::net::IpAddr| address.is_loopback() || address.is_unspecified();
    matches!(name.as_str(), "." | "(local)" | "localhost")
        || name.starts_with("localhost.")
        // Windows reads 127.1 as an address, too.
        || name
            .strip_prefix("127.")
            .is_some_and(|rest| rest.chars().all(|c| c.is_ascii_digit() || c == '.'))
        || name.parse().is_ok_and(is_address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_with_two_roles_is_one_with_each_service_once() {
        let deployment = Deployment::new()
            .management_server(&"MS01".parse().unwrap())
            .runbook_server(&"ms01".parse().unwrap())
            .runbook_server(&"RB01".parse().unwrap());
        assert_eq!(deployment.hosts().len(), 2);
        let services: Vec<String> = deployment.hosts()[0]
            .services()
            .iter()
            .map(|(name, _)| name.to_string())
            .collect();
        assert_eq!(
            services,
            ["omanagement", "omonitor", "oremoting", "orunbook"]
        );
    }

    #[test]
    fn names_that_mean_every_machine_are_refused() {
        for name in [
            "localhost",
            "LOCALHOST",
            "localhost.localdomain",
            "127.0.0.1",
            "127.1",
            "0.0.0.0",
        ] {
            let deployment = Deployment::new().management_server(&name.parse().unwrap());
            assert!(deployment.check().is_err(), "{name}");
        }
        let deployment = Deployment::new().management_server(&"localhost2".parse().unwrap());
        assert!(deployment.check().is_ok());
        assert!(Deployment::new().check().is_err());
    }
}
