use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::verdict::ServiceVerdicts;
use super::work::{Aim, on_deployment};
use super::{AT_A_TIME, describe};
use crate::context::Context;
use crate::error::Result;
use crate::operation::{Description, Observation, Operation, sealed::Sealed};
use crate::orchestrator::Deployment;
use crate::transport::ServiceState;

const NAME: &str = "start services";

/// Starts the services of a deployment, all that are installed.
///
/// # Contract
/// * A service is believed to be up when it is in the same process after the settling time (60 seconds,
///   `Deadlines::service_settling`), during which other hosts are worked on.
/// * One that does not start keeps none of the others down.
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
pub struct StartServices {
    deployment: Deployment,
    at_a_time: usize,
}

impl StartServices {
    pub(super) const fn new(deployment: Deployment) -> Self {
        Self {
            deployment,
            at_a_time: AT_A_TIME,
        }
    }

    /// How many hosts are worked on at a time. Default: 16.
    pub const fn at_a_time(mut self, hosts: usize) -> Self {
        self.at_a_time = hosts;
        self
    }

    fn target(&self) -> String {
        super::target(self.deployment.hosts().iter().map(|host| &host.host))
    }

    async fn start(&self, cx: &Context) -> Result<ServiceVerdicts> {
        let aim = Aim::Start;
        on_deployment(cx, &self.deployment, self.at_a_time, aim, &[]).await
    }
}

impl Sealed for StartServices {}

#[async_trait]
impl Operation for StartServices {
    type Output = ServiceVerdicts;

    fn describe(&self) -> Description {
        describe(
            self.deployment.hosts(),
            "start the services",
            &[("start", "")],
            Vec::new(),
        )
    }

    async fn observe(&self, cx: &Context) -> Result<Observation> {
        let is_up = |state| state == ServiceState::Running;
        let seen = super::inspect::observe(cx, &self.deployment, is_up).await;
        seen.map_err(|error| error.at(NAME, self.target()))
    }

    async fn run(&self, cx: &Context) -> Result<Self::Output> {
        crate::sql::tell(cx, NAME, &self.target(), self.start(cx)).await
    }
}
