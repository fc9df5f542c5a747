//! The services of one host, from what they were to what they are to be.

use std::collections::BTreeMap;

use super::calls::HostCalls;
use super::fleet::{Slots, for_each};
use super::inspect::EndableProcess;
use super::one::ended;
use super::order::start_order;
use super::verdict::{HostFailure, HostVerdict, ServiceVerdict, ServiceVerdicts};
use crate::context::Context;
use crate::error::{Effect, Error, ErrorKind, Result};
use crate::names::{HostName, ServiceName};
use crate::orchestrator::{Deployment, DeploymentHost, computer};
use crate::transport::{ServiceState, ServiceStatus};

/// What is to become of the services.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::orchestrator) enum Aim {
    Restart,
    Start,
    Stop,
}

/// What is done on one host, and what is known of it.
pub(super) struct Work<'a> {
    pub(super) calls: HostCalls<'a>,
    pub(super) slots: &'a Slots,
    /// In the order to start them in.
    pub(super) services: Vec<Known>,
}

/// A service that is installed there.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) name: ServiceName,
    pub(super) before: ServiceStatus,
    pub(super) after: Option<ServiceStatus>,
    /// A stop was asked for, and may take effect still.
    stop_asked: bool,
    was_ended: bool,
}

impl Known {
    pub(super) fn ran(&self) -> bool {
        !matches!(
            self.before.state,
            ServiceState::Stopped | ServiceState::StopPending
        )
    }
}

/// Looks at what is installed of a host's services. `None`: it is not.
pub(super) async fn look_at(
    calls: &HostCalls<'_>,
    host: &DeploymentHost,
) -> Result<Vec<(ServiceName, Option<ServiceStatus>)>> {
    let mut services = Vec::new();
    for (name, is_required) in host.services() {
        let status = match calls.look(&name).await {
            Ok(status) => Some(status),
            Err(error) if error.kind() == ErrorKind::NotFound && !is_required => None,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return Err(
                    Error::new(ErrorKind::NotFound, format!("there is no service {name}"))
                        .with_remedy(format!(
                            "see what is installed on {}, and what role the deployment gives it",
                            host.host
                        )),
                );
            }
            Err(error) => return Err(error),
        };
        services.push((name, status));
    }
    Ok(services)
}

impl<'a> Work<'a> {
    /// Looks at the host's services, and finds their order.
    pub(super) async fn begin(
        cx: &'a Context,
        slots: &'a Slots,
        host: &'a DeploymentHost,
    ) -> Result<Self> {
        let name = &host.host;
        computer::require(cx, name).await?;
        let calls = HostCalls { cx, host: name };
        let found = look_at(&calls, host).await?.into_iter();
        let found = found.filter_map(|(name, status)| Some((name, status?)));
        Ok(Self::ordered(calls, slots, found.collect(), false))
    }

    /// Services that were seen before, and may have been told to stop since.
    pub(super) fn of(
        cx: &'a Context,
        slots: &'a Slots,
        host: &'a HostName,
        seen: Vec<(ServiceName, ServiceStatus)>,
    ) -> Self {
        let calls = HostCalls { cx, host };
        Self::ordered(calls, slots, seen.into_iter().collect(), true)
    }

    fn ordered(
        calls: HostCalls<'a>,
        slots: &'a Slots,
        mut found: BTreeMap<ServiceName, ServiceStatus>,
        stop_asked: bool,
    ) -> Self {
        let needs: Vec<(ServiceName, Vec<ServiceName>)> = found
            .iter()
            .map(|(name, status)| {
                (
                    name.clone(),
                    status.dependencies.clone().unwrap_or_default(),
                )
            })
            .collect();
        let services = start_order(&needs)
            .into_iter()
            .filter_map(|name| {
                let before = found.remove(&name)?;
                Some(Known {
                    name,
                    before,
                    after: None,
                    stop_asked,
                    was_ended: false,
                })
            })
            .collect();
        Self {
            calls,
            slots,
            services,
        }
    }

    /// Stops all that is not stopped, in the reverse order.
    pub(super) async fn stop(&mut self, may_end: &[EndableProcess]) -> Result<()> {
        for known in self.services.iter_mut().rev() {
            let mut endable = may_end.iter();
            let endable = endable.find(|process| {
                process.service == known.name && is_same(&process.host, self.calls.host)
            });
            if known.before.state == ServiceState::Stopped {
                continue;
            }
            known.stop_asked = true;
            known.was_ended = self.calls.bring_down(&known.name, endable).await?;
        }
        Ok(())
    }

    /// Starts those of them, in order; one that fails does not keep the others down. `wanted` is asked
    /// of each.
    pub(super) async fn start(&mut self, wanted: impl Fn(&Known) -> bool) -> Result<()> {
        let mut failure = None;
        for known in &mut self.services {
            if !wanted(known) {
                continue;
            }
            match self.calls.bring_up(&known.name).await {
                Ok(status) => known.after = Some(status),
                Err(error) => {
                    known.after = None;
                    failure.get_or_insert(error);
                }
            }
        }
        failure.map_or(Ok(()), Err)
    }

    /// Waits for the settling time, without a slot, and sees that what was started is up still, in the
    /// same process.
    pub(super) async fn settle(&mut self) -> Result<()> {
        let settling = self.calls.cx.deadlines().service_settling;
        self.calls.cx.clock().sleep(settling).await;
        let _slot = self.slots.take().await;
        let mut failure = None;
        for known in &mut self.services {
            let Some(started) = known.after.take() else {
                continue;
            };
            match self.calls.look(&known.name).await {
                Ok(status) => {
                    let is_same = status.process_id == started.process_id;
                    if status.state == ServiceState::Running && !is_same {
                        failure.get_or_insert_with(|| restarted(&known.name));
                    } else if status.state != ServiceState::Running {
                        failure.get_or_insert_with(|| ended(&known.name, &status));
                    }
                    known.after = Some(status);
                }
                Err(error) => {
                    failure.get_or_insert_with(|| error.with_effect(Effect::Done));
                }
            }
        }
        failure.map_or(Ok(()), Err)
    }

    /// What ran is to run again, and to go on running: a stop that was asked for may take effect after
    /// the start.
    pub(super) async fn bring_back(&mut self) -> Result<()> {
        {
            let slots = self.slots;
            let _slot = slots.take().await;
            self.start(Known::ran).await?;
        }
        self.settle_stopped().await
    }

    /// Settles; what went down though it had been told to stop, and not by itself, is started once more.
    pub(super) async fn settle_stopped(&mut self) -> Result<()> {
        let settled = self.settle().await;
        let is_late = |known: &Known| {
            let went_down = |status: &ServiceStatus| {
                !matches!(
                    status.state,
                    ServiceState::Running | ServiceState::StartPending
                ) && status.exit_code == 0
            };
            known.ran() && known.stop_asked && known.after.as_ref().is_some_and(went_down)
        };
        if settled.is_ok() || !self.services.iter().any(is_late) {
            return settled;
        }
        {
            let slots = self.slots;
            let _slot = slots.take().await;
            self.start(is_late).await?;
        }
        self.settle().await
    }

    /// Looks at all of them for the last time.
    pub(super) async fn look_again(&mut self) -> Result<()> {
        for known in &mut self.services {
            known.after = Some(self.calls.look(&known.name).await?);
        }
        Ok(())
    }

    /// Whether anything was asked to change.
    pub(super) fn is_touched(&self) -> bool {
        self.services.iter().any(|known| known.stop_asked)
    }

    pub(super) fn verdicts(&self) -> Vec<ServiceVerdict> {
        let verdict = |known: &Known| ServiceVerdict {
            service: known.name.clone(),
            before: Some(known.before.state),
            after: known.after.as_ref().map(|status| status.state),
            process_id: known.after.as_ref().and_then(|status| status.process_id),
            was_ended: known.was_ended,
        };
        self.services.iter().map(verdict).collect()
    }
}

/// Does it on every host of a deployment, so many at a time.
pub(super) async fn on_deployment(
    cx: &Context,
    deployment: &Deployment,
    at_a_time: usize,
    aim: Aim,
    may_end: &[EndableProcess],
) -> Result<ServiceVerdicts> {
    deployment.check()?;
    cx.services()?;
    if !may_end.is_empty() {
        cx.commands()?;
    }
    cx.safe_point()?;
    let slots = Slots::new(at_a_time);
    let hosts = for_each(deployment.hosts().to_vec(), |host| {
        let (cx, slots, may_end) = (cx.clone(), slots.clone(), may_end.to_vec());
        async move { on_host(&cx, &slots, &host, aim, &may_end).await }
    });
    Ok(ServiceVerdicts {
        hosts: hosts.await?,
    })
}

/// Does what is to be done on one host, in a slot.
pub(in crate::orchestrator) async fn on_host(
    cx: &Context,
    slots: &Slots,
    host: &DeploymentHost,
    aim: Aim,
    may_end: &[EndableProcess],
) -> HostVerdict {
    let mut services = Vec::new();
    let done = aimed(cx, slots, host, aim, may_end, &mut services).await;
    HostVerdict {
        host: host.host.clone(),
        services,
        failure: done.err().map(|error| HostFailure::from(&error)),
    }
}

async fn aimed(
    cx: &Context,
    slots: &Slots,
    host: &DeploymentHost,
    aim: Aim,
    may_end: &[EndableProcess],
    verdicts: &mut Vec<ServiceVerdict>,
) -> Result<()> {
    let slot = slots.take().await;
    cx.safe_point()?;
    let mut work = Work::begin(cx, slots, host).await?;
    // From here on nothing is left half-way: a request to stop counts between hosts only.
    let stopped = match aim {
        Aim::Start => Ok(()),
        Aim::Restart | Aim::Stop => work.stop(may_end).await,
    };
    let done = match (aim, stopped) {
        (Aim::Stop, Ok(())) => {
            let seen = work.look_again().await;
            drop(slot);
            seen.map_err(|error| error.with_effect(Effect::Done))
        }
        (Aim::Start, _) => {
            let started = work.start(|_| true).await;
            drop(slot);
            match (started, work.settle().await) {
                (Err(error), _) | (Ok(()), Err(error)) => Err(error),
                (Ok(()), Ok(())) => Ok(()),
            }
        }
        (Aim::Restart, Ok(())) => {
            let started = work.start(Known::ran).await;
            drop(slot);
            match started {
                Ok(()) => work.settle_stopped().await,
                Err(error) => {
                    // The others may be struck by a late stop all the same.
                    drop(work.settle_stopped().await);
                    Err(error.with_effect(Effect::Partial))
                }
            }
        }
        (_, Err(error)) => {
            drop(slot);
            Err(give_up(&mut work, error).await)
        }
    };
    *verdicts = work.verdicts();
    done
}

/// What a host fails with once what ran there was started again, or not.
pub(super) async fn give_up(work: &mut Work<'_>, error: Error) -> Error {
    if !work.is_touched() {
        return error.with_effect(Effect::None);
    }
    let (said, remedy) = match work.bring_back().await {
        Ok(()) => ("what ran before runs again".to_owned(), None),
        Err(back) => (
            format!("and not all that ran before runs again: {}", back.detail()),
            back.remedy().map(ToOwned::to_owned),
        ),
    };
    let remedy = error.remedy().map(ToOwned::to_owned).or(remedy);
    let told = Error::new(error.kind(), format!("{}; {said}", error.detail()))
        .with_effect(Effect::Partial);
    match remedy {
        Some(remedy) => told.with_remedy(remedy),
        None => told,
    }
}

fn restarted(service: &ServiceName) -> Error {
    Error::new(
        ErrorKind::Windows,
        format!("{service} ended and was started again by its host while it should settle"),
    )
    .with_effect(Effect::Done)
    .with_remedy("look into the host's event log, System and Application")
}

pub(super) fn is_same(one: &HostName, other: &HostName) -> bool {
    one.as_str().to_lowercase() == other.as_str().to_lowercase()
}
