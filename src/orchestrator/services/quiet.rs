use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::fleet::{Slots, for_each};
use super::give_back::give_back_host;
use super::inspect::{DeploymentServices, EndableProcess, HostServices};
use super::verdict::{HostFailure, HostVerdict, ServiceVerdicts};
use super::work::Work;
use super::{AT_A_TIME, describe};
use crate::context::Context;
use crate::error::{Effect, Error, ErrorKind, Result};
use crate::operation::{Description, Observation, Operation, sealed::Sealed};
use crate::orchestrator::DeploymentHost;
use crate::transport::{ServiceState, StartType};

const NAME: &str = "quiet deployment";

/// A deployment that is quiet: nothing of it runs, and nothing starts it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
#[must_use = "the services stay disabled until they are given back"]
pub struct QuietedDeployment {
    /// What was there before: the evidence for
    /// [`ServiceControl::give_back`](super::ServiceControl::give_back).
    pub before: DeploymentServices,
    /// What became of each host.
    pub verdicts: ServiceVerdicts,
}

/// Stops all services of a deployment and disables them, so that neither a restart of a host nor the
/// services' own recovery starts `orunbook` on a database that is half recovered.
///
/// # Contract
/// * It is all or nothing: where one host fails, all are given back as they were seen.
/// * Start types are disabled first, and then the services stopped.
/// * The operation holds what was seen, so that whoever keeps it can give back after a crash.
/// * What is there now must be what was seen, or what this operation leaves.
///
/// # Errors
/// `InvalidInput` (a host could not be looked at), `ConsentRequired` (a host is not as it was seen):
/// nothing was changed there. What a host fails with, saying of each what became of it.
///
/// # Cancel safety
/// A cancellation counts between hosts; what was done is given back. Dropping the future leaves services
/// as they are at that moment; [`ServiceControl::give_back`](super::ServiceControl::give_back) of what
/// was seen brings them back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[must_use]
pub struct QuietDeployment {
    seen: DeploymentServices,
    may_end: Vec<EndableProcess>,
}

impl QuietDeployment {
    pub(super) const fn new(seen: DeploymentServices) -> Self {
        Self {
            seen,
            may_end: Vec::new(),
        }
    }

    /// Consents to ending the processes of `omonitor` and `oremoting` that were seen, if they are told
    /// to stop and don't (documented: `taskkill /f /pid`). Number, program and start are compared again.
    pub fn ending(mut self, seen: &DeploymentServices) -> Self {
        self.may_end = seen.endable();
        self
    }

    fn hosts(&self) -> Vec<DeploymentHost> {
        let hosts = self.seen.hosts.iter();
        hosts.map(|seen| seen.host.clone()).collect()
    }

    fn target(&self) -> String {
        super::target(self.seen.hosts.iter().map(|seen| &seen.host.host))
    }

    async fn quiet(&self, cx: &Context) -> Result<QuietedDeployment> {
        if self.seen.hosts.is_empty() {
            return Err(Error::invalid("seen", "no host was looked at"));
        }
        if let Some((host, failure)) = self.seen.failures().next() {
            return Err(Error::invalid(
                "seen",
                format!("{host} could not be looked at: {}", failure.detail),
            )
            .with_remedy(
                "mend that and look again; a host that is gone for good is left out of the deployment",
            ));
        }
        cx.services()?;
        if !self.may_end.is_empty() {
            cx.commands()?;
        }
        cx.safe_point()?;
        let slots = Slots::new(AT_A_TIME);
        let hosts = for_each(self.seen.hosts.clone(), |seen| {
            let (cx, slots, may_end) = (cx.clone(), slots.clone(), self.may_end.clone());
            async move { quiet_host(&cx, &slots, &seen, &may_end).await }
        });
        let hosts = hosts.await?;
        let verdicts = ServiceVerdicts { hosts };
        if let Err(error) = verdicts.check() {
            return Err(self.undo(cx, &slots, &verdicts, error).await?);
        }
        Ok(QuietedDeployment {
            before: self.seen.clone(),
            verdicts,
        })
    }

    /// Gives back what was changed, and says so.
    async fn undo(
        &self,
        cx: &Context,
        slots: &Slots,
        verdicts: &ServiceVerdicts,
        error: Error,
    ) -> Result<Error> {
        let is_touched = |verdict: &HostVerdict| {
            let untouched = |failure: &HostFailure| failure.effect == Effect::None;
            !verdict.failure.as_ref().is_some_and(untouched)
        };
        let pairs = self.seen.hosts.iter().zip(&verdicts.hosts);
        let touched: Vec<HostServices> = pairs
            .filter(|(_, verdict)| is_touched(verdict))
            .map(|(seen, _)| seen.clone())
            .collect();
        if touched.is_empty() {
            return Ok(error.with_effect(Effect::None));
        }
        let given = for_each(touched, |seen| {
            let (cx, slots) = (cx.clone(), slots.clone());
            async move { give_back_host(&cx, &slots, &seen).await }
        });
        let given = ServiceVerdicts {
            hosts: given.await?,
        };
        let back = given.check().err();
        let said = back.as_ref().map_or_else(
            || "all was given back as it was seen".to_owned(),
            |back| format!("and not all could be given back: {}", back.detail()),
        );
        let told = Error::new(error.kind(), format!("{}; {said}", error.detail()))
            .with_effect(Effect::Partial);
        let back = back.as_ref().and_then(Error::remedy);
        Ok(match error.remedy().or(back) {
            Some(remedy) => told.with_remedy(remedy),
            None => told,
        })
    }
}

async fn quiet_host(
    cx: &Context,
    slots: &Slots,
    seen: &HostServices,
    may_end: &[EndableProcess],
) -> HostVerdict {
    let mut services = Vec::new();
    let work = async {
        let _slot = slots.take().await;
        cx.safe_point()?;
        let mut work = Work::begin(cx, slots, &seen.host).await?;
        check(&work, seen)?;
        let done = hush(&mut work, may_end).await;
        services = work.verdicts();
        done
    };
    let done = work.await;
    HostVerdict {
        host: seen.host.host.clone(),
        services,
        failure: done.err().map(|error: Error| HostFailure::from(&error)),
    }
}

/// What is there must be what was seen, or what we leave.
fn check(work: &Work<'_>, seen: &HostServices) -> Result<()> {
    for known in &work.services {
        let name = &known.name;
        let mut all = seen.services.iter();
        let before = all.find(|seen| seen.service == *name);
        let before = before.and_then(|seen| seen.status.as_ref());
        let is_so = before.is_some_and(|before| {
            let now = &known.before;
            let is_type =
                now.start_type == before.start_type || now.start_type == StartType::Disabled;
            let was_down = before.state == ServiceState::Stopped;
            is_type && (!was_down || now.state == ServiceState::Stopped)
        });
        if !is_so {
            return Err(Error::new(
                ErrorKind::ConsentRequired,
                format!("{name} is not as it was seen"),
            )
            .with_remedy("look at the services again, and quiet the deployment as it is"));
        }
    }
    Ok(())
}

async fn hush(work: &mut Work<'_>, may_end: &[EndableProcess]) -> Result<()> {
    let partly = |error: Error| error.with_effect(Effect::Partial);
    for known in &work.services {
        let known_type = Some(known.before.start_type);
        let set = work.calls.set(&known.name, known_type, StartType::Disabled);
        set.await.map_err(partly)?;
    }
    work.stop(may_end).await.map_err(partly)?;
    work.look_again().await.map_err(partly)?;
    match work.services.iter().find(|known| !known.is_quiet()) {
        None => Ok(()),
        Some(known) => Err(partly(Error::new(
            ErrorKind::Busy,
            format!(
                "{} was started, or enabled, by somebody else meanwhile",
                known.name
            ),
        ))),
    }
}

impl Sealed for QuietDeployment {}

#[async_trait]
impl Operation for QuietDeployment {
    type Output = QuietedDeployment;

    fn describe(&self) -> Description {
        let verbs = [("config", " start= disabled"), ("stop", "")];
        let hazards = super::hazards(&self.may_end);
        describe(
            &self.hosts(),
            "stop all services and disable them",
            &verbs,
            hazards,
        )
    }

    async fn observe(&self, cx: &Context) -> Result<Observation> {
        let seen = super::give_back::compare(cx, &self.seen).await;
        let seen = seen.map_err(|error| error.at(NAME, self.target()))?;
        Ok(match seen {
            // Where nothing ran and all was disabled it is both.
            (0, _, _) => Observation::Done,
            (_, 0, _) => Observation::NotDone,
            (_, _, state) => Observation::Partial { state },
        })
    }

    async fn run(&self, cx: &Context) -> Result<Self::Output> {
        crate::sql::tell(cx, NAME, &self.target(), self.quiet(cx)).await
    }
}
