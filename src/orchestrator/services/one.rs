//! One service on one host, up or down. Waiting and trying again are here, once.

use std::time::Duration;

use super::calls::{ATTEMPTS, HostCalls};
use super::inspect::EndableProcess;
use crate::error::{Effect, Error, ErrorKind, Result};
use crate::names::ServiceName;
use crate::transport::{HostError, ServiceState, ServiceStatus, StartType, codes};

/// Waits this many times a deadline as a whole, however much headway there is.
const AS_A_WHOLE: u32 = 5;

impl HostCalls<'_> {
    /// Waits while a service starts or stops, and it makes headway. Gives what it is at then, which
    /// is a pending state still where it made none.
    pub(super) async fn rest(&self, service: &ServiceName) -> Result<ServiceStatus> {
        self.rest_from(service, is_pending).await
    }

    /// Waits as [`rest`](Self::rest) does, while the service is in a state that it is to leave.
    async fn rest_from(
        &self,
        service: &ServiceName,
        leaves: impl Fn(ServiceState) -> bool + Send,
    ) -> Result<ServiceStatus> {
        let deadlines = self.cx.deadlines();
        let (mut idle, mut waited) = (Duration::ZERO, Duration::ZERO);
        let mut seen = None;
        loop {
            let status = self.look(service).await?;
            if !leaves(status.state) {
                return Ok(status);
            }
            let headway = (status.state, status.checkpoint, status.process_id);
            if seen.replace(headway) != Some(headway) {
                idle = Duration::ZERO;
            }
            let longest = deadlines.service.max(status.wait_hint);
            if idle >= longest || waited >= deadlines.service * AS_A_WHOLE {
                return Ok(status);
            }
            self.pause().await;
            idle += deadlines.service_interval;
            waited += deadlines.service_interval;
        }
    }

    /// Stops a service, and sees it stopped. Whether its process had to be ended.
    pub(super) async fn bring_down(
        &self,
        service: &ServiceName,
        may_end: Option<&EndableProcess>,
    ) -> Result<bool> {
        let mut last = None;
        let mut was_told = false;
        for _ in 0..ATTEMPTS {
            // One that was told to stop may run on for a while before it says that it is stopping.
            let leaves = |state| is_pending(state) || (was_told && state == ServiceState::Running);
            let status = self.rest_from(service, leaves).await.map_err(unknown)?;
            match status.state {
                ServiceState::Stopped => return Ok(false),
                ServiceState::StopPending => {
                    return self.end_hung(service, &status, may_end).await;
                }
                _ => {}
            }
            match self.stop(service).await? {
                // It is looked at, whatever was said.
                Ok(()) => was_told = true,
                Err(HostError::Refused {
                    code: codes::SERVICE_NOT_ACTIVE | codes::SERVICE_CANNOT_ACCEPT_CONTROL,
                    ..
                }) => {}
                Err(error @ HostError::Refused { .. }) => {
                    return Err(about(service, "stop", Error::from_host(error)));
                }
                Err(error) => last = Some(error),
            }
        }
        let status = self.rest(service).await.map_err(unknown)?;
        match (status.state, last) {
            (ServiceState::Stopped, _) => Ok(false),
            (ServiceState::StopPending, _) => self.end_hung(service, &status, may_end).await,
            (_, Some(error)) => Err(about(service, "stop", Error::from_host(error))),
            (state, None) => Err(Error::new(
                ErrorKind::Busy,
                format!("{service} does not stop: it is {}", shown(state)),
            )
            .with_effect(Effect::Unknown)),
        }
    }

    /// Ends the process of a service that was told to stop and does not, if that was seen and allowed.
    async fn end_hung(
        &self,
        service: &ServiceName,
        status: &ServiceStatus,
        may_end: Option<&EndableProcess>,
    ) -> Result<bool> {
        let hangs = |why: &str| {
            Error::new(
                ErrorKind::TimedOut,
                format!("{service} was told to stop and does not{why}"),
            )
            .with_effect(Effect::Partial)
        };
        let Some(seen) = may_end else {
            return Err(hangs("").with_remedy(
                "wait; of omonitor and oremoting the process may be ended (documented): look at the services and give what was seen to the builder's .ending(…)",
            ));
        };
        let consent = |problem: String| {
            Error::new(
                ErrorKind::ConsentRequired,
                format!("{service} does not stop, and its process is not the one that may be ended: {problem}"),
            )
            .with_effect(Effect::Partial)
            .with_remedy("look at the services again and give what was seen to .ending(…)")
        };
        let Some(process_id) = status.process_id else {
            return Err(hangs(", and its process is not known"));
        };
        if process_id != seen.process_id {
            return Err(consent(format!(
                "it is {process_id}, {} was seen",
                seen.process_id
            )));
        }
        // Numbers are given again: the program and the start say whose it is.
        let Some(found) = self.process(process_id).await? else {
            return self.see_ended(service).await;
        };
        let is_same = |path: &crate::names::HostPath| {
            path.as_str().to_lowercase() == seen.program.as_str().to_lowercase()
        };
        if !is_same(&found.program) || !is_same(&status.program) || found.started != seen.started {
            return Err(consent(format!(
                "{process_id} is {} since {}",
                found.program, found.started
            )));
        }
        match self.end_process(process_id).await? {
            Ok(output) if output.exit_code == 0 => {}
            Ok(output) => {
                tracing::debug!(exit_code = output.exit_code, "taskkill");
            }
            Err(error @ HostError::Refused { .. }) => {
                return Err(
                    about(service, "end", Error::from_host(error)).with_effect(Effect::Partial)
                );
            }
            Err(HostError::Lost(_)) => {}
        }
        self.see_ended(service).await
    }

    async fn see_ended(&self, service: &ServiceName) -> Result<bool> {
        let status = self.rest(service).await.map_err(unknown)?;
        if status.state == ServiceState::Stopped {
            return Ok(true);
        }
        Err(Error::new(
            ErrorKind::TimedOut,
            format!("{service} does not stop, and its process does not end"),
        )
        .with_effect(Effect::Partial))
    }

    /// Starts a service, and sees it running. A start that fails is tried again, as the documentation
    /// of `orunbook` advises: what runs already is not started twice (1056).
    pub(super) async fn bring_up(&self, service: &ServiceName) -> Result<ServiceStatus> {
        let mut last = None;
        for attempt in 0..=ATTEMPTS {
            if attempt > 1 {
                self.pause().await;
            }
            let status = match self.rest(service).await {
                Ok(status) => status,
                Err(error) => {
                    last = Some(error);
                    continue;
                }
            };
            match status.state {
                ServiceState::Stopped if attempt > 0 => {
                    last.get_or_insert_with(|| ended(service, &status));
                }
                ServiceState::Stopped => {}
                ServiceState::StartPending | ServiceState::StopPending => {
                    return Err(Error::new(
                        ErrorKind::TimedOut,
                        format!("{service} is {} and gets no further", shown(status.state)),
                    )
                    .with_effect(Effect::Partial)
                    .with_remedy("look at it later, and start it once it is stopped"));
                }
                _ => return Ok(status),
            }
            if attempt == ATTEMPTS {
                break;
            }
            match self.start(service).await? {
                Ok(()) => last = None,
                Err(HostError::Refused {
                    code: codes::SERVICE_ALREADY_RUNNING,
                    ..
                }) => {}
                Err(error) => {
                    let is_final = matches!(
                        error.code(),
                        Some(codes::SERVICE_DISABLED | codes::SERVICE_DOES_NOT_EXIST)
                    );
                    let error = about(service, "start", Error::from_host(error));
                    if is_final {
                        return Err(error);
                    }
                    last = Some(error);
                }
            }
        }
        Err(last.unwrap_or_else(|| {
            Error::new(ErrorKind::Internal, format!("{service} was not started"))
        }))
    }

    /// Sets when a service is started, and sees it set.
    pub(super) async fn set(
        &self,
        service: &ServiceName,
        known: Option<StartType>,
        wanted: StartType,
    ) -> Result<()> {
        let mut known = known;
        let mut last = None;
        for attempt in 0..=ATTEMPTS {
            if attempt > 1 {
                self.pause().await;
            }
            let is = match known.take() {
                Some(is) => is,
                None => match self.look(service).await {
                    Ok(status) => status.start_type,
                    Err(error) => {
                        last = Some(error);
                        continue;
                    }
                },
            };
            if is == wanted {
                return Ok(());
            }
            if attempt == ATTEMPTS {
                break;
            }
            if let Err(error) = self.set_start_type(service, wanted).await? {
                last = Some(about(
                    service,
                    "set the start type of",
                    Error::from_host(error),
                ));
            }
        }
        Err(last.unwrap_or_else(|| {
            Error::new(
                ErrorKind::Busy,
                format!("the start type of {service} does not become {wanted:?}"),
            )
            .with_effect(Effect::Unknown)
        }))
    }
}

const fn is_pending(state: ServiceState) -> bool {
    matches!(
        state,
        ServiceState::StartPending | ServiceState::StopPending
    )
}

/// A service that ended instead of running.
pub(super) fn ended(service: &ServiceName, status: &ServiceStatus) -> Error {
    let code = match status.exit_code {
        codes::SERVICE_SPECIFIC_ERROR => format!("its own code {}", status.service_exit_code),
        code => format!("error {code} (0x{code:08X})"),
    };
    let error = Error::new(
        ErrorKind::Windows,
        format!("{service} was started and ended again with {code}"),
    )
    .with_effect(Effect::Done);
    if service.as_str().eq_ignore_ascii_case("orunbook") {
        return error.with_remedy(
            "orunbook ends 30 to 60 seconds after its start where its data store can't be reached (documented): see that SQL Server answers and which data store its host is configured for",
        );
    }
    error.with_remedy("look into the host's event log, System and Application")
}

fn about(service: &ServiceName, verb: &str, error: Error) -> Error {
    let told = Error::new(
        error.kind(),
        format!("{verb} {service}: {}", error.detail()),
    )
    .with_effect(error.effect());
    match error.remedy() {
        Some(remedy) => told.with_remedy(remedy),
        None => told,
    }
}

/// What can't be looked at any more may have changed.
fn unknown(error: Error) -> Error {
    error.with_effect(Effect::Unknown)
}

pub(super) const fn shown(state: ServiceState) -> &'static str {
    match state {
        ServiceState::Stopped => "stopped",
        ServiceState::StartPending => "starting",
        ServiceState::StopPending => "stopping",
        ServiceState::Running => "running",
        ServiceState::ContinuePending => "about to go on",
        ServiceState::PausePending => "about to pause",
        ServiceState::Paused => "paused",
    }
}
