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
use crate::transport::ServiceState;

const NAME: &str = "stop services";

/// Stops the services of a deployment, and sees them stopped.
///
/// # Contract
/// * On a host where one does not stop, what ran there runs again: a host is down as a whole or up as
///   it was. A stop that takes effect late is seen during the settling time, and the service started.
/// * The process of one that hangs is ended only with the evidence that it was seen
///   ([`ending`](Self::ending)).
///
/// # Errors
/// `InvalidInput` for a deployment that is none, `Unsupported` without a port that is needed. What goes
/// wrong on a host is in its verdict; [`ServiceVerdicts::check`] makes an error of it.
///
/// # Cancel safety
/// A cancellation counts between hosts: one that was begun is finished. Dropping the future leaves the
/// services as they are at that moment, which [`observe`](Operation::observe) tells.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[must_use]
pub struct StopServices {
    deployment: Deployment,
    at_a_time: usize,
    may_end: Vec<EndableProcess>,
}

impl StopServices {
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

    async fn stop(&self, cx: &Context) -> Result<ServiceVerdicts> {
        let aim = Aim::Stop;
        on_deployment(cx, &self.deployment, self.at_a_time, aim, &self.may_end).await
    }
}

impl Sealed for StopServices {}

#[async_trait]
impl Operation for StopServices {
    type Output = ServiceVerdicts;

    fn describe(&self) -> Description {
        describe(
            self.deployment.hosts(),
            "stop the services",
            &[("stop", "")],
            super::hazards(&self.may_end),
        )
    }

    async fn observe(&self, cx: &Context) -> Result<Observation> {
        let is_down = |state| state == ServiceState::Stopped;
        let seen = super::inspect::observe(cx, &self.deployment, is_down).await;
        seen.map_err(|error| error.at(NAME, self.target()))
    }

    async fn run(&self, cx: &Context) -> Result<Self::Output> {
        crate::sql::tell(cx, NAME, &self.target(), self.stop(cx)).await
    }
}
