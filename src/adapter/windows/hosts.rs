use std::collections::{BTreeMap, BTreeSet};

use super::computer::own_names;
use crate::names::HostName;

/// Windows hosts by Windows' own calls. The port to service managers, files, programs and registries.
///
/// A name that is this machine's (as Windows tells it), or that means every machine itself (`localhost`), leads to
/// this machine; any other is the name of the computer to call. Other machines need the rights of an administrator
/// there and its firewall open: RPC for services and registry, SMB for files. Programs are run on this machine only;
/// for those of others there is OpenSSH (`adapter::ssh`).
#[derive(Clone, Debug)]
pub struct WindowsHosts {
    own: BTreeSet<String>,
    computers: BTreeMap<String, HostName>,
}

/// Where a host is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Here,
    There(HostName),
}

impl WindowsHosts {
    /// Asks Windows for the names of this machine.
    #[must_use]
    pub fn new() -> Self {
        Self {
            own: own_names().collect(),
            computers: BTreeMap::new(),
        }
    }

    /// Lets `host` mean this machine too.
    #[must_use]
    pub fn this_machine(mut self, host: &HostName) -> Self {
        self.own.insert(key(host));
        self
    }

    /// Lets `host` mean the computer of another name or address.
    #[must_use]
    pub fn computer(mut self, host: &HostName, computer: HostName) -> Self {
        self.computers.insert(key(host), computer);
        self
    }

    pub(super) fn place(&self, host: &HostName) -> Place {
        let host = self.computers.get(&key(host)).unwrap_or(host);
        let name = key(host);
        if self.own.contains(&name) || means_itself(&name) {
            return Place::Here;
        }
        Place::There(host.clone())
    }
}

impl Default for WindowsHosts {
    fn default() -> Self {
        Self::new()
    }
}

fn key(host: &HostName) -> String {
    host.as_str().to_lowercase()
}

/// Whether every machine means itself by the name. In doubt not: then Windows' calls find the way back.
fn means_itself(name: &str) -> bool {
    name == "localhost" || name == "127.0.0.1"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_names_lead_here_and_others_to_their_computer() {
        let host = |name: &str| name.parse::<HostName>().unwrap();
        let hosts = WindowsHosts::new()
            .this_machine(&host("MS01"))
            .computer(&host("rb01"), host("10.0.0.7"))
            .computer(&host("rb02"), host("localhost"));
        let own = own_names().next().expect("Windows knows its name");
        for name in [
            "ms01",
            "localhost",
            "127.0.0.1",
            "RB02",
            &own.to_uppercase(),
        ] {
            assert_eq!(hosts.place(&host(name)), Place::Here, "{name}");
        }
        let there = |name| Place::There(host(name));
        assert_eq!(hosts.place(&host("RB01")), there("10.0.0.7"));
        assert_eq!(hosts.place(&host("RB03")), there("RB03"));
    }
}
