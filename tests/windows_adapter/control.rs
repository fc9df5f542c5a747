//! The library's own operations, on this machine.

use std::time::Duration;

use scorch_recovery::adapter::windows::WindowsHosts;
use scorch_recovery::names::{HostName, ServiceName};
use scorch_recovery::orchestrator::{Deployment, HostVerdict, ServiceControl, ServiceVerdicts};
use scorch_recovery::transport::{
    CommandTransport as _, Deadlines, HostError, ServiceState, ServiceStatus, ServiceTransport,
    StartType,
};
use scorch_recovery::{Context, ErrorKind, Operation as _};

use super::service::{Installed, Manner};
use super::{hosts, this_host};

/// Wine's service manager does not notice that a process ended, and tells what its service was at for ever. That of
/// Windows tells that it is stopped, with 1067 (documented). So does this.
#[derive(Debug)]
struct Noticing(WindowsHosts);

#[async_trait::async_trait]
impl ServiceTransport for Noticing {
    async fn query(
        &self,
        host: &HostName,
        service: &ServiceName,
    ) -> Result<ServiceStatus, HostError> {
        let mut status = self.0.query(host, service).await?;
        if let Some(process_id) = status.process_id
            && self.0.process(host, process_id).await?.is_none()
        {
            status.state = ServiceState::Stopped;
            status.process_id = None;
            status.exit_code = 1067;
        }
        Ok(status)
    }

    async fn start(&self, host: &HostName, service: &ServiceName) -> Result<(), HostError> {
        self.0.start(host, service).await
    }

    async fn stop(&self, host: &HostName, service: &ServiceName) -> Result<(), HostError> {
        self.0.stop(host, service).await
    }

    async fn set_start_type(
        &self,
        host: &HostName,
        service: &ServiceName,
        start_type: StartType,
    ) -> Result<(), HostError> {
        self.0.set_start_type(host, service, start_type).await
    }
}

fn context() -> Context {
    let mut deadlines = Deadlines::default();
    deadlines.service_settling = Duration::from_millis(500);
    deadlines.service_interval = Duration::from_millis(20);
    // A service that hangs is waited for as long; longer than one that says it will take its time.
    deadlines.service = Duration::from_secs(1);
    let cx = Context::builder()
        .services(Noticing(hosts()))
        .commands(hosts());
    cx.deadlines(deadlines).build().unwrap()
}

fn one(verdicts: ServiceVerdicts) -> HostVerdict {
    let [verdict] = <[HostVerdict; 1]>::try_from(verdicts.hosts).unwrap();
    verdict
}

/// That of the host, which went well.
fn well(verdicts: ServiceVerdicts) -> HostVerdict {
    verdicts.check().unwrap();
    one(verdicts)
}

fn process(verdict: &HostVerdict, name: &str) -> Option<u32> {
    let mut services = verdict.services.iter();
    services
        .find(|seen| seen.service.as_str() == name)
        .unwrap()
        .process_id
}

pub(crate) async fn restarts() {
    let (cx, deployment) = (context(), Deployment::new().management_server(&this_host()));
    let management = Installed::new("omanagement", Manner::Plain);
    let monitor = Installed::new("omonitor", Manner::Plain);
    let stopped = Installed::new("oremoting", Manner::Plain);
    for service in [&management, &monitor] {
        hosts().start(&this_host(), &service.name).await.unwrap();
        service.is(&hosts(), ServiceState::Running).await;
    }
    let seen = ServiceControl::status(&deployment).run(&cx).await.unwrap();
    seen.check().unwrap();
    let before = |name: &str| {
        let mut services = seen.hosts[0].services.iter();
        let seen = services.find(|seen| seen.service.as_str() == name).unwrap();
        seen.status.as_ref().unwrap().process_id
    };
    let restarted = ServiceControl::restart(&deployment).run(&cx).await.unwrap();
    let verdict = well(restarted);
    for name in ["omanagement", "omonitor"] {
        let process = process(&verdict, name);
        assert!(
            process.is_some() && process != before(name),
            "{name}: {verdict:?}"
        );
    }
    assert_eq!(process(&verdict, "oremoting"), None);
    stopped.is(&hosts(), ServiceState::Stopped).await;
    let stop = ServiceControl::stop(&deployment).run(&cx).await.unwrap();
    stop.check().unwrap();
    management.is(&hosts(), ServiceState::Stopped).await;
    monitor.is(&hosts(), ServiceState::Stopped).await;
}

pub(crate) async fn ends_what_will_not_stop() {
    let (cx, deployment) = (context(), Deployment::new().management_server(&this_host()));
    let management = Installed::new("omanagement", Manner::Plain);
    let monitor = Installed::new("omonitor", Manner::Hangs);
    for service in [&management, &monitor] {
        hosts().start(&this_host(), &service.name).await.unwrap();
        service.is(&hosts(), ServiceState::Running).await;
    }
    let seen = ServiceControl::status(&deployment).run(&cx).await.unwrap();
    seen.check().unwrap();
    // Without consent it is left, and what ran beside it runs again.
    let left = one(ServiceControl::restart(&deployment).run(&cx).await.unwrap());
    assert_eq!(
        left.failure.as_ref().map(|failure| failure.kind),
        Some(ErrorKind::TimedOut)
    );
    let hanging = monitor.is(&hosts(), ServiceState::StopPending).await;
    management.is(&hosts(), ServiceState::Running).await;
    // With what was seen it is ended, by its number, and started again.
    let restart = ServiceControl::stop(&deployment).ending(&seen);
    let verdict = well(restart.run(&cx).await.unwrap());
    let ended = verdict.services.iter().find(|seen| seen.was_ended).unwrap();
    assert_eq!(ended.service.as_str(), "omonitor");
    let gone = hosts()
        .process(&this_host(), hanging.process_id.unwrap())
        .await;
    assert_eq!(gone.unwrap(), None, "its process goes on");
    let started = ServiceControl::start(&deployment).run(&cx).await.unwrap();
    let verdict = well(started);
    let again = process(&verdict, "omonitor");
    assert!(
        again.is_some() && again != hanging.process_id,
        "{verdict:?}"
    );
    // It hangs again; the way out is the same.
    let seen = ServiceControl::status(&deployment).run(&cx).await.unwrap();
    seen.check().unwrap();
    let restart = ServiceControl::restart(&deployment).ending(&seen);
    let verdict = well(restart.run(&cx).await.unwrap());
    assert_ne!(process(&verdict, "omonitor"), again);
    assert_eq!(
        verdict
            .services
            .iter()
            .filter(|seen| seen.was_ended)
            .count(),
        1,
        "{verdict:?}"
    );
    let seen = ServiceControl::status(&deployment).run(&cx).await.unwrap();
    seen.check().unwrap();
    let stop = ServiceControl::stop(&deployment).ending(&seen);
    stop.run(&cx).await.unwrap().check().unwrap();
}
