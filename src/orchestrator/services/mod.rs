mod calls;
mod fleet;
mod give_back;
mod inspect;
mod one;
mod order;
mod quiet;
mod restart;
mod start;
mod stop;
mod verdict;
mod work;

pub(super) use calls::HostCalls;
pub(super) use fleet::{Slots, Turn, for_each};
pub use give_back::GiveBackDeployment;
pub use inspect::{DeploymentServices, EndableProcess, HostServices, InspectServices, SeenService};
pub use quiet::{QuietDeployment, QuietedDeployment};
pub use restart::RestartServices;
pub use start::StartServices;
pub use stop::StopServices;
pub(super) use verdict::check;
pub use verdict::{HostFailure, HostVerdict, ServiceVerdict, ServiceVerdicts};
pub(super) use work::{Aim, on_host};

use crate::hazard::Hazard;
use crate::names::HostName;
use crate::operation::Description;
use crate::orchestrator::{Deployment, DeploymentHost};
use crate::permission::Permission;

/// The services of an Orchestrator deployment, on all its hosts.
///
/// Hosts are worked on in parallel, 16 at a time; within one, the order is that of the dependencies
/// that its service manager reports, else `omanagement`, `omonitor`, `oremoting`, `orunbook`
/// (community), and the reverse to stop. Each host has a verdict of its own: one that can't be reached
/// fails alone.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct ServiceControl;

impl ServiceControl {
    /// Looks at the services.
    pub fn status(deployment: &Deployment) -> InspectServices {
        InspectServices::new(deployment.clone())
    }

    /// Stops them.
    pub fn stop(deployment: &Deployment) -> StopServices {
        StopServices::new(deployment.clone())
    }

    /// Starts them.
    pub fn start(deployment: &Deployment) -> StartServices {
        StartServices::new(deployment.clone())
    }

    /// Restarts those that run.
    pub fn restart(deployment: &Deployment) -> RestartServices {
        RestartServices::new(deployment.clone())
    }

    /// Stops them all and keeps them from being started, until they are
    /// [given back](Self::give_back) as they were seen.
    pub fn quiet(seen: &DeploymentServices) -> QuietDeployment {
        QuietDeployment::new(seen.clone())
    }

    /// Gives a quiet deployment its start types back, and starts what ran when it was seen.
    ///
    /// `seen` is what quieting was made from, which its output hands on; after a crash in the middle
    /// of quieting it does as well.
    pub fn give_back(seen: &DeploymentServices) -> GiveBackDeployment {
        GiveBackDeployment::new(seen.clone())
    }
}

/// How many hosts are worked on at a time, unless told otherwise.
pub(super) const AT_A_TIME: usize = 16;
/// What it takes on every host.
const RIGHT: &str = "membership of Administrators";

pub(super) fn target<'a>(hosts: impl Iterator<Item = &'a HostName>) -> String {
    let names: Vec<&str> = hosts.map(HostName::as_str).collect();
    match &names[..] {
        [] => "no hosts".to_owned(),
        [first, .., last] if names.len() > 4 => {
            format!("{} hosts ({first} … {last})", names.len())
        }
        _ => names.join(", "),
    }
}

/// A description with a line of `sc.exe` for each verb of each service.
fn describe(
    hosts: &[DeploymentHost],
    action: &str,
    verbs: &[(&str, &str)],
    hazards: Vec<Hazard>,
) -> Description {
    let mut script = Vec::new();
    for host in hosts {
        for (verb, tail) in verbs {
            let mut services = host.services();
            if *verb == "stop" {
                services.reverse();
            }
            for (service, _) in services {
                script.push(format!(r"sc.exe \\{} {verb} {service}{tail}", host.host));
            }
        }
    }
    Description {
        target: target(hosts.iter().map(|host| &host.host)),
        action: action.to_owned(),
        script,
        hazards,
        permissions: hosts
            .iter()
            .map(|host| Permission::host(RIGHT, &host.host))
            .collect(),
    }
}

fn hazards(may_end: &[EndableProcess]) -> Vec<Hazard> {
    if may_end.is_empty() {
        return Vec::new();
    }
    let process = |process: &EndableProcess| {
        format!(
            "{} of {} on {}",
            process.process_id, process.service, process.host
        )
    };
    vec![Hazard::EndsProcesses {
        processes: may_end.iter().map(process).collect(),
    }]
}
