use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::inspect::{DeploymentServices, EndableProcess};
use super::verdict::ServiceVerdicts;
use super::work::{Aim, on_deployment};
use super::{AT_A_TIME, describe};
use crate::context::Context;
use crate::error::Result;
use crate::operation::{Description, Observation, Operation, sealed::Sealed};
use crate::orchestrator::Deployment;

const NAME: &str = "restart services";

/// Restarts the services of a deployment that run; those that don't stay down.
///
/// # Contract
/// * What ran before runs after, whatever fails in between; also where a stop that was not answered
///   takes effect after the start, within the settling time.
/// * A service is believed to be up when it is in the same process after the settling time (60 seconds,
///   `Deadlines::service_settling`), during which other hosts are worked on.
/// * A host with two roles is restarted once.
/// * The process of one that hangs is ended only with the evidence that it was seen
///   ([`ending`](Self::ending)).
///
/// # Errors
/// `InvalidInput` for a deployment that is none, `Unsupported` without a port that is needed. What goes
/// wrong on a host is in its verdict; [`ServiceVerdicts::check`] makes an error of it.
///
/// # Cancel safety
/// A cancellation counts between hosts: one that was begun is finished. Dropping the future leaves the
/// services as they are at that moment, which [`ServiceControl::status`](super::ServiceControl::status)
/// tells.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[must_use]
pub struct RestartServices {
    deployment: Deployment,
    at_a_time: usize,
    may_end: Vec<EndableProcess>,
}

impl RestartServices {
    pub(super) const fn new(deployment: Deployment) -> Self {
        Self {
            deployment,
            at_a_time: AT_A_TIME,
            may_end: Vec::new(),
        }
    }

    /// How many hosts are worked on at a time. Default: 16.
    pub const fn at_a_time(mut self, hosts: usize) -> Self {
        self.at_a_time = hosts;
        self
    }

    /// Consents to ending the processes of `omonitor` and `oremoting` that were seen, if they are told
    /// to stop and don't (documented: `taskkill /f /pid`). Number, program and start are compared again.
    pub fn ending(mut self, seen: &DeploymentServices) -> Self {
        self.may_end = seen.endable();
        self
    }

    fn target(&self) -> String {
        super::target(self.deployment.hosts().iter().map(|host| &host.host))
    }

    async fn restart(&self, cx: &Context) -> Result<ServiceVerdicts> {
        let aim = Aim::Restart;
        on_deployment(cx, &self.deployment, self.at_a_time, aim, &self.may_end).await
    }
}

impl Sealed for RestartServices {}

#[async_trait]
impl Operation for RestartServices {
    type Output = ServiceVerdicts;

    fn describe(&self) -> Description {
        describe(
            self.deployment.hosts(),
            "restart the services that run",
            &[("stop", ""), ("start", "")],
            super::hazards(&self.may_end),
        )
    }

    async fn observe(&self, _: &Context) -> Result<Observation> {
        Ok(Observation::Indeterminate {
            seen: "a restart leaves no trace that can be told from another one; ServiceControl::status tells what runs in which process".to_owned(),
        })
    }

    async fn run(&self, cx: &Context) -> Result<Self::Output> {
        crate::sql::tell(cx, NAME, &self.target(), self.restart(cx)).await
    }
}
