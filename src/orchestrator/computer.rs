//! Which computer answers at a host's name.

use std::net::IpAddr;

use super::host_registry::HostRegistry;
use crate::context::Context;
use crate::error::{Error, ErrorKind, Result};
use crate::names::HostName;
use crate::transport::RegistryView;

/// Documented: the computer's NetBIOS name.
const NAME: (&str, &str) = (
    r"SYSTEM\CurrentControlSet\Control\ComputerName\ComputerName",
    "ComputerName",
);
/// Made by the setup of Windows: another installation has another one (community).
const GUID: (&str, &str) = (r"SOFTWARE\Microsoft\Cryptography", "MachineGuid");
/// Documented: a NetBIOS name ends there.
const LONGEST: usize = 15;

/// Refuses a name that leads to another computer. Gives the name of the computer; `None` where it can't be
/// seen: the context has no port to registries, or the value is not there.
pub(super) async fn require(cx: &Context, host: &HostName) -> Result<Option<String>> {
    let Ok(registry) = HostRegistry::of(cx, host) else {
        return Ok(None);
    };
    let (key, value) = NAME;
    let Some(found) = registry.get(RegistryView::Bits64, key, value).await? else {
        return Ok(None);
    };
    if !may_be(host, &found) {
        return Err(Error::new(
            ErrorKind::Incompatible,
            format!("the name {host} leads to the computer {found}"),
        )
        .with_remedy(
            "see what the name resolves to, or name the host by its own name, not by an alias",
        ));
    }
    Ok(Some(found))
}

/// What tells one installation of Windows on the host from another one.
pub(super) async fn machine_guid(cx: &Context, host: &HostName) -> Result<Option<String>> {
    let (key, value) = GUID;
    let registry = HostRegistry::of(cx, host)?;
    registry.get(RegistryView::Bits64, key, value).await
}

/// An address says nothing of the name.
fn may_be(host: &HostName, computer: &str) -> bool {
    let host = host.as_str();
    if host.parse::<IpAddr>().is_ok() {
        return true;
    }
    let label = host.split('.').next().unwrap_or(host);
    let short = |name: &str| {
        name.to_uppercase()
            .chars()
            .take(LONGEST)
            .collect::<String>()
    };
    short(label) == short(computer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_that_of_the_computer_without_its_domain_and_what_netbios_cuts_off() {
        for (host, computer, is) in [
            ("RB01", "RB01", true),
            ("rb01.contoso.example", "RB01", true),
            ("a-very-long-host-name", "A-VERY-LONG-HOS", true),
            ("10.0.0.7", "RB01", true),
            ("RB01", "RB02", false),
            ("RB01.contoso.example", "RB011", false),
            ("orchestrator", "RB01", false),
        ] {
            assert_eq!(may_be(&host.parse().unwrap(), computer), is, "{host}");
        }
    }
}
