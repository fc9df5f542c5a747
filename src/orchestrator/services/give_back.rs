use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::fleet::{Slots, for_each};
use super::inspect::{DeploymentServices, HostServices, InspectServices};
use super::verdict::{HostFailure, HostVerdict, ServiceVerdicts};
use super::work::{Known, Work};
use super::{AT_A_TIME, describe};
use crate::context::Context;
use crate::error::{Effect, Error, ErrorKind, Result};
use crate::names::ServiceName;
use crate::operation::{Description, Observation, Operation, sealed::Sealed};
use crate::orchestrator::{DeploymentHost, computer};
use crate::transport::{ServiceState, ServiceStatus, StartType};

const NAME: &str = "give deployment back";

/// Gives a quiet deployment its start types back, and starts what ran when it was seen.
///
/// # Contract
/// * A start type that somebody set meanwhile, to something else than disabled, stays.
/// * What ran when it was seen runs afterwards, in the same process after the settling time. What did
///   not is not started.
/// * One that does not start keeps none of the others down.
///
/// # Errors
/// `Unsupported` without a port to service managers. What goes wrong on a host is in its verdict;
/// [`ServiceVerdicts::check`] makes an error of it.
///
/// # Cancel safety
/// It may be done again. Dropping the future leaves services as they are at that moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[must_use]
pub struct GiveBackDeployment {
    seen: DeploymentServices,
}

impl GiveBackDeployment {
    pub(super) const fn new(seen: DeploymentServices) -> Self {
        Self { seen }
    }

    fn target(&self) -> String {
        super::target(self.seen.hosts.iter().map(|seen| &seen.host.host))
    }

    async fn give_back(&self, cx: &Context) -> Result<ServiceVerdicts> {
        cx.services()?;
        let slots = Slots::new(AT_A_TIME);
        let hosts = for_each(self.seen.hosts.clone(), |seen| {
            let (cx, slots) = (cx.clone(), slots.clone());
            async move { give_back_host(&cx, &slots, &seen).await }
        });
        Ok(ServiceVerdicts {
            hosts: hosts.await?,
        })
    }
}

/// What was seen of the services that are installed.
fn statuses(seen: &HostServices) -> Vec<(ServiceName, ServiceStatus)> {
    let installed = seen.services.iter();
    installed
        .filter_map(|seen| Some((seen.service.clone(), seen.status.clone()?)))
        .collect()
}

pub(super) async fn give_back_host(
    cx: &Context,
    slots: &Slots,
    seen: &HostServices,
) -> HostVerdict {
    let mut work = Work::of(cx, slots, &seen.host.host, statuses(seen));
    let done = work_back(&mut work).await;
    HostVerdict {
        host: seen.host.host.clone(),
        services: work.verdicts(),
        failure: done.err().map(|error| HostFailure::from(&error)),
    }
}

async fn work_back(work: &mut Work<'_>) -> Result<()> {
    let mut failure = None;
    {
        let slots = work.slots;
        let _slot = slots.take().await;
        match computer::require(work.calls.cx, work.calls.host).await {
            Err(error) if error.kind() == ErrorKind::Incompatible => return Err(error),
            // What can't be seen keeps nothing down.
            _ => {}
        }
        for known in &work.services {
            let wanted = known.before.start_type;
            if wanted == StartType::Disabled {
                continue;
            }
            if let Err(error) = enable(work, known, wanted).await {
                failure.get_or_insert(error);
            }
        }
        if let Err(error) = work.start(Known::ran).await {
            failure.get_or_insert(error);
        }
    }
    let settled = work.settle_stopped().await;
    match failure {
        Some(error) => Err(error.with_effect(Effect::Partial)),
        None => settled,
    }
}

async fn enable(work: &Work<'_>, known: &Known, wanted: StartType) -> Result<()> {
    // What can't be looked at is set all the same: that says what is wrong.
    let now = work.calls.look(&known.name).await.ok();
    match now.map(|status| status.start_type) {
        Some(now) if now != StartType::Disabled => Ok(()),
        now => work.calls.set(&known.name, now, wanted).await,
    }
}

/// How many services are not quiet, how many are not as they were seen, and which are quiet.
pub(super) async fn compare(
    cx: &Context,
    seen: &DeploymentServices,
) -> Result<(usize, usize, String)> {
    let mut not_quiet = 0;
    let mut not_as_seen = 0;
    let mut quiet = Vec::new();
    let deployment = crate::orchestrator::Deployment::of(hosts(seen));
    let now = InspectServices::new(deployment).inspect(cx).await?;
    now.check()?;
    for (before, now) in seen.hosts.iter().zip(&now.hosts) {
        for ((name, before), (_, now)) in statuses(before).iter().zip(&statuses(now)) {
            let is_quiet = is_quiet(now);
            let runs = |status: &ServiceStatus| status.state == ServiceState::Running;
            not_quiet += usize::from(!is_quiet);
            not_as_seen +=
                usize::from(now.start_type != before.start_type || (runs(before) && !runs(now)));
            if is_quiet {
                quiet.push(name.to_string());
            }
        }
    }
    let state = format!("stopped and disabled: {}", quiet.join(", "));
    Ok((not_quiet, not_as_seen, state))
}

fn is_quiet(status: &ServiceStatus) -> bool {
    status.state == ServiceState::Stopped && status.start_type == StartType::Disabled
}

fn hosts(seen: &DeploymentServices) -> Vec<DeploymentHost> {
    seen.hosts.iter().map(|seen| seen.host.clone()).collect()
}

impl Known {
    /// Whether it is stopped and disabled, as it was seen last.
    pub(super) fn is_quiet(&self) -> bool {
        self.after.as_ref().is_some_and(is_quiet)
    }
}

impl Sealed for GiveBackDeployment {}

#[async_trait]
impl Operation for GiveBackDeployment {
    type Output = ServiceVerdicts;

    fn describe(&self) -> Description {
        let verbs = [("config", " start= <as it was seen>"), ("start", "")];
        let action = "give the services their start types back, and start what ran";
        describe(&hosts(&self.seen), action, &verbs, Vec::new())
    }

    async fn observe(&self, cx: &Context) -> Result<Observation> {
        let seen = compare(cx, &self.seen).await;
        let seen = seen.map_err(|error: Error| error.at(NAME, self.target()))?;
        Ok(match seen {
            (_, 0, _) => Observation::Done,
            (0, _, _) => Observation::NotDone,
            (_, _, state) => Observation::Partial { state },
        })
    }

    async fn run(&self, cx: &Context) -> Result<Self::Output> {
        crate::sql::tell(cx, NAME, &self.target(), self.give_back(cx)).await
    }
}
