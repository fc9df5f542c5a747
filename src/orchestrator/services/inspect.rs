use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use super::calls::HostCalls;
use super::fleet::{Slots, for_each};
use super::verdict::{HostFailure, check};
use super::work::look_at;
use super::{AT_A_TIME, describe};
use crate::context::Context;
use crate::error::Result;
use crate::names::{HostName, HostPath, ServiceName};
use crate::operation::{Description, Observation, Operation, sealed::Sealed};
use crate::orchestrator::{Deployment, DeploymentHost, computer};
use crate::transport::{ServiceState, ServiceStatus};

const NAME: &str = "look at services";

/// The services that hang when they are told to stop, whose process may be ended (documented: 2022 UR1).
const MAY_HANG: [&str; 2] = ["omonitor", "oremoting"];

/// The services of a deployment, as they were seen. Evidence for what follows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct DeploymentServices {
    /// One for each host, in the deployment's order.
    pub hosts: Vec<HostServices>,
}

/// The services of a host, as they were seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct HostServices {
    /// The host and its roles.
    pub host: DeploymentHost,
    /// Its services. Empty where looking failed.
    pub services: Vec<SeenService>,
    /// Why they could not be looked at.
    pub failure: Option<HostFailure>,
}

/// A service, as it was seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct SeenService {
    /// The service.
    pub service: ServiceName,
    /// What it was at. `None`: it is not installed there.
    pub status: Option<ServiceStatus>,
    /// Its process, where it may be ended if it hangs and could be looked at.
    pub process: Option<EndableProcess>,
}

/// A process that may be ended if its service does not stop. Its number is given again one day, so its
/// program and its start are part of its identity.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct EndableProcess {
    /// The host.
    pub host: HostName,
    /// The service.
    pub service: ServiceName,
    /// The number.
    pub process_id: u32,
    /// The program.
    pub program: HostPath,
    /// Its start, UTC.
    pub started: OffsetDateTime,
}

impl DeploymentServices {
    /// The hosts that could not be looked at.
    pub fn failures(&self) -> impl Iterator<Item = (&HostName, &HostFailure)> {
        let hosts = self.hosts.iter();
        hosts.filter_map(|seen| Some((&seen.host.host, seen.failure.as_ref()?)))
    }

    /// Makes an error of the failures, if there are any.
    ///
    /// # Errors
    /// What the first host failed with, saying it of each.
    pub fn check(&self) -> Result<()> {
        check(self.failures(), self.hosts.len())
            .map_err(|error| error.with_effect(crate::error::Effect::None))
    }

    /// The processes that may be ended if their services hang.
    pub(super) fn endable(&self) -> Vec<EndableProcess> {
        let services = self.hosts.iter().flat_map(|seen| &seen.services);
        services.filter_map(|seen| seen.process.clone()).collect()
    }
}

/// Looks at the services of a deployment.
///
/// # Contract
/// * Reads only. A host that can't be looked at, or whose name leads to another computer, has its failure in the
///   output; the others are told.
/// * Where the context has a port to programs, the processes of `omonitor` and `oremoting` are told
///   with program and start: evidence for ending them if they hang.
///
/// # Errors
/// `InvalidInput` for a deployment that is none, `Unsupported` without a port to service managers.
///
/// # Cancel safety
/// Changes nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[must_use]
pub struct InspectServices {
    deployment: Deployment,
}

impl InspectServices {
    pub(super) const fn new(deployment: Deployment) -> Self {
        Self { deployment }
    }

    fn target(&self) -> String {
        super::target(self.deployment.hosts().iter().map(|host| &host.host))
    }

    pub(super) async fn inspect(&self, cx: &Context) -> Result<DeploymentServices> {
        self.deployment.check()?;
        cx.services()?;
        cx.safe_point()?;
        let slots = Slots::new(AT_A_TIME);
        let hosts = for_each(self.deployment.hosts().to_vec(), |host| {
            let (cx, slots) = (cx.clone(), slots.clone());
            async move { look(&cx, &slots, host).await }
        });
        Ok(DeploymentServices {
            hosts: hosts.await?,
        })
    }
}

async fn look(cx: &Context, slots: &Slots, host: DeploymentHost) -> HostServices {
    let _slot = slots.take().await;
    let calls = HostCalls {
        cx,
        host: &host.host,
    };
    let (services, failure) = match seen(&calls, &host).await {
        Ok(services) => (services, None),
        Err(error) => (Vec::new(), Some(HostFailure::from(&error))),
    };
    HostServices {
        services,
        failure,
        host,
    }
}

async fn seen(calls: &HostCalls<'_>, host: &DeploymentHost) -> Result<Vec<SeenService>> {
    computer::require(calls.cx, calls.host).await?;
    let mut services = Vec::new();
    for (service, status) in look_at(calls, host).await? {
        let process = match &status {
            Some(status) => endable(calls, &service, status).await?,
            None => None,
        };
        services.push(SeenService {
            service,
            status,
            process,
        });
    }
    Ok(services)
}

async fn endable(
    calls: &HostCalls<'_>,
    service: &ServiceName,
    status: &ServiceStatus,
) -> Result<Option<EndableProcess>> {
    let may_hang = MAY_HANG
        .iter()
        .any(|name| service.as_str().eq_ignore_ascii_case(name));
    let Some(process_id) = status.process_id.filter(|_| may_hang) else {
        return Ok(None);
    };
    if calls.cx.commands().is_err() {
        return Ok(None);
    }
    let found = calls.process(process_id).await?;
    Ok(found.map(|found| EndableProcess {
        host: calls.host.clone(),
        service: service.clone(),
        process_id,
        program: found.program,
        started: found.started,
    }))
}

/// What the services of all hosts are at, for `observe`: all so, none so, or some.
pub(super) async fn observe(
    cx: &Context,
    deployment: &Deployment,
    is_done: impl Fn(ServiceState) -> bool,
) -> Result<Observation> {
    let seen = InspectServices::new(deployment.clone());
    let seen = seen.inspect(cx).await?;
    seen.check()?;
    let statuses: Vec<(&HostName, &SeenService, ServiceState)> = seen
        .hosts
        .iter()
        .flat_map(|host| host.services.iter().map(move |service| (host, service)))
        .filter_map(|(host, service)| {
            let state = service.status.as_ref()?.state;
            Some((&host.host.host, service, state))
        })
        .collect();
    let left: Vec<String> = statuses
        .iter()
        .filter(|(_, _, state)| !is_done(*state))
        .map(|(host, seen, state)| {
            format!(
                "{} on {host} is {}",
                seen.service,
                super::one::shown(*state)
            )
        })
        .collect();
    Ok(if left.is_empty() {
        Observation::Done
    } else if left.len() == statuses.len() {
        Observation::NotDone
    } else {
        Observation::Partial {
            state: left.join(", "),
        }
    })
}

impl Sealed for InspectServices {}

#[async_trait]
impl Operation for InspectServices {
    type Output = DeploymentServices;

    fn describe(&self) -> Description {
        describe(
            self.deployment.hosts(),
            "look at the services",
            &[],
            Vec::new(),
        )
    }

    async fn observe(&self, _: &Context) -> Result<Observation> {
        // Looking leaves nothing behind.
        Ok(Observation::NotDone)
    }

    async fn run(&self, cx: &Context) -> Result<Self::Output> {
        crate::sql::tell(cx, NAME, &self.target(), self.inspect(cx)).await
    }
}
