//! The evidence that the services of a deployment are stopped.

use serde::{Deserialize, Serialize};

use crate::context::Context;
use crate::error::{Effect, Error, ErrorKind, Result};
use crate::operation::Operation;
use crate::orchestrator::services::DeploymentServices;
use crate::orchestrator::{Deployment, ServiceControl};
use crate::transport::ServiceState;

/// The services of a deployment, as they were seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct StoppedServices(DeploymentServices);

impl StoppedServices {
    pub(super) fn of(seen: &DeploymentServices) -> Self {
        Self(seen.clone())
    }

    /// Refuses unless all were stopped, and are still, as far as the context can look.
    pub(super) async fn check(&self, cx: &Context) -> Result<()> {
        require_stopped(&self.0)?;
        if cx.services().is_err() {
            return Ok(());
        }
        let hosts = self.0.hosts.iter().map(|seen| seen.host.clone());
        let deployment = Deployment::of(hosts.collect());
        let now = ServiceControl::status(&deployment).run(cx).await;
        require_stopped(&now.map_err(|error| error.with_effect(Effect::None))?)
    }
}

fn require_stopped(seen: &DeploymentServices) -> Result<()> {
    let refuse = |problem: String| {
        Err(Error::new(
            ErrorKind::ConsentRequired,
            format!("services_stopped: {problem}"),
        )
        .with_remedy(
            "stop them first, with ServiceControl::quiet, and look at them again with ServiceControl::status",
        ))
    };
    if let Some((host, failure)) = seen.failures().next() {
        return refuse(format!("{host} could not be looked at: {}", failure.detail));
    }
    let services = seen.hosts.iter().flat_map(|host| {
        let of_host = host.services.iter();
        of_host.filter_map(move |service| Some((host, service, service.status.as_ref()?)))
    });
    let mut is_any = false;
    for (host, service, status) in services {
        is_any = true;
        if status.state != ServiceState::Stopped {
            let (service, host) = (&service.service, &host.host.host);
            return refuse(format!("{service} on {host} is not stopped"));
        }
    }
    if is_any {
        return Ok(());
    }
    refuse("no service of Orchestrator was seen at all".to_owned())
}
