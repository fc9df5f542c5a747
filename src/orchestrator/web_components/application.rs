use roxmltree::Node;
use serde::{Deserialize, Serialize};

use super::xml;

/// An application of IIS.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct IisApplication {
    /// The site's name.
    pub site: String,
    /// The application's path in it: `/`, `/Orchestrator2012`.
    pub path: String,
    /// Its application pool, where it or a default names one.
    pub pool: Option<String>,
    /// The other applications in that pool, as `SITE/PATH`.
    pub pool_shared_with: Vec<String>,
    /// Where the site listens, as far as it speaks HTTP.
    pub bindings: Vec<IisBinding>,
}

/// Where a site of IIS listens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct IisBinding {
    /// Whether it takes TLS to get there.
    pub is_https: bool,
    /// The address of this machine; `None`: all of them.
    pub address: Option<String>,
    /// The port.
    pub port: u16,
    /// The name that it must be asked by; `None`: any.
    pub host_name: Option<String>,
}

impl IisApplication {
    /// As IIS's own tools write it: `SITE/PATH`.
    #[must_use]
    pub fn identifier(&self) -> String {
        format!("{}{}", self.site, self.path)
    }
}

impl IisBinding {
    /// Reads `address:port:name`, as IIS writes it (documented: `bindingInformation`).
    fn parse(protocol: &str, information: &str) -> Option<Self> {
        let is_https = match protocol.to_ascii_lowercase().as_str() {
            "http" => false,
            "https" => true,
            _ => return None,
        };
        // An address of IPv6 holds colons, and stands in brackets.
        let (rest, host_name) = information.rsplit_once(':')?;
        let (address, port) = rest.rsplit_once(':')?;
        let said = |text: &str| (!text.is_empty() && text != "*").then(|| text.to_owned());
        Some(Self {
            is_https,
            address: said(address),
            port: port.parse().ok().filter(|port| *port != 0)?,
            host_name: said(host_name),
        })
    }
}

/// Where a site listens.
pub(super) fn bindings(site: Node<'_, '_>) -> Vec<IisBinding> {
    let all = site.children().filter(|node| xml::is(*node, "bindings"));
    let all = all.flat_map(|node| node.children().filter(|node| xml::is(*node, "binding")));
    all.filter_map(|binding| {
        IisBinding::parse(
            xml::attribute(binding, "protocol")?,
            xml::attribute(binding, "bindingInformation")?,
        )
    })
    .collect()
}

/// The pool that `applicationDefaults` of a site, or of all of them, name.
pub(super) fn default_pool(parent: Node<'_, '_>) -> Option<String> {
    let mut defaults = parent
        .children()
        .filter(|node| xml::is(*node, "applicationDefaults"));
    defaults.find_map(|node| xml::attribute(node, "applicationPool").map(str::to_owned))
}

/// Says of each application which others are in its pool. IIS compares the names of pools without regard
/// to case (unconfirmed): two that may be one are taken for one.
pub(super) fn note_neighbours(applications: &mut [IisApplication]) {
    let pool_of =
        |application: &IisApplication| application.pool.as_ref().map(|pool| pool.to_lowercase());
    let all: Vec<(Option<String>, String)> = applications
        .iter()
        .map(|application| (pool_of(application), application.identifier()))
        .collect();
    for (at, application) in applications.iter_mut().enumerate() {
        let pool = pool_of(application);
        let is_neighbour = |(other, (its_pool, _)): &(usize, &(Option<String>, String))| {
            *other != at && pool.is_some() && *its_pool == pool
        };
        let neighbours = all.iter().enumerate().filter(is_neighbour);
        application.pool_shared_with = neighbours.map(|(_, (_, name))| name.clone()).collect();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bindings_are_read() {
        let read = |protocol, information| {
            IisBinding::parse(protocol, information).map(|binding| {
                let IisBinding {
                    is_https,
                    address,
                    port,
                    host_name,
                } = binding;
                (is_https, address, port, host_name)
            })
        };
        let text = |text: &str| Some(text.to_owned());
        for (protocol, information, expected) in [
            ("http", "*:81:", Some((false, None, 81, None))),
            ("HTTPS", ":443:", Some((true, None, 443, None))),
            (
                "http",
                "10.0.0.7:82:web.example",
                Some((false, text("10.0.0.7"), 82, text("web.example"))),
            ),
            ("http", "[::1]:81:", Some((false, text("[::1]"), 81, None))),
            ("net.tcp", "808:*", None),
            ("http", "81", None),
            ("http", "*:x:", None),
            ("http", "*:0:", None),
        ] {
            assert_eq!(read(protocol, information), expected, "{information}");
        }
    }
}
