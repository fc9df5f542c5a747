//! Services do what they are told when they are told it, and what is refused bears Windows' number.

use std::sync::Arc;
use std::time::Duration;

use super::expectation::{done, out_of_reach, refused, unreachable_host};
use super::fixture::ServiceTransportFixture;
use crate::conformance::check::{Check, Outcome, check, expect, miss, not_applicable};
use crate::names::{HostName, ServiceName};
use crate::transport::{ServiceState, ServiceStatus, ServiceTransport, StartType, codes};

pub(super) const CHECKS: &[Check<Scene>] = &[
    check!("services/knows-what-is-not-there", knows_what_is_not_there),
    check!("services/tells-what-is-stopped", tells_what_is_stopped),
    check!("services/takes-names-in-any-case", takes_names_in_any_case),
    check!("services/starts-and-stops", starts_and_stops),
    check!(
        "services/starts-only-what-is-stopped",
        starts_only_what_is_stopped
    ),
    check!("services/stops-only-what-runs", stops_only_what_runs),
    check!("services/starts-in-a-new-process", starts_in_a_new_process),
    check!("services/sets-start-types", sets_start_types),
    check!("services/starts-nothing-disabled", starts_nothing_disabled),
    check!("services/minds-dependents", minds_dependents),
    check!("services/tells-the-account", tells_the_account),
    check!(
        "services/knows-no-account-of-nothing",
        knows_no_account_of_nothing
    ),
    check!(
        "services/says-who-is-out-of-reach",
        says_who_is_out_of_reach
    ),
];

/// What a check has at hand.
#[derive(Clone, Debug)]
pub(super) struct Scene(pub(super) Arc<dyn ServiceTransportFixture>);

/// A port, and the host and service it works with.
struct Services {
    port: Box<dyn ServiceTransport>,
    host: HostName,
    service: ServiceName,
}

impl Scene {
    fn services(&self) -> Services {
        Services {
            port: self.0.transport(),
            host: self.0.host(),
            service: self.0.service(),
        }
    }
}

impl Services {
    async fn status_of(&self, service: &ServiceName) -> Outcome<ServiceStatus> {
        done("its status", self.port.query(&self.host, service).await)
    }

    async fn status(&self) -> Outcome<ServiceStatus> {
        self.status_of(&self.service).await
    }

    async fn start(&self) -> Outcome {
        done(
            "its start",
            self.port.start(&self.host, &self.service).await,
        )
    }

    async fn stop(&self) -> Outcome {
        done("its stop", self.port.stop(&self.host, &self.service).await)
    }

    /// Waits until a service is so.
    async fn wait_for(&self, service: &ServiceName, state: ServiceState) -> Outcome<ServiceStatus> {
        let mut status = self.status_of(service).await?;
        for _ in 0..300 {
            if status.state == state {
                return Ok(status);
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
            status = self.status_of(service).await?;
        }
        Err(miss(
            format!("{service}: {state:?} within 30 seconds"),
            format!("{status:?}"),
        ))
    }

    async fn is(&self, state: ServiceState) -> Outcome<ServiceStatus> {
        self.wait_for(&self.service, state).await
    }
}

async fn knows_what_is_not_there(scene: &Scene) -> Outcome {
    let services = scene.services();
    for name in [
        "scorch-no-such-service",
        "no such 'service' & %PATH% ^ $x",
        "Dienst Büro",
    ] {
        let none: ServiceName = name.parse().map_err(|_| miss("a name", name))?;
        let (port, host) = (&services.port, &services.host);
        let missing = [codes::SERVICE_DOES_NOT_EXIST];
        refused("its status", &missing, port.query(host, &none).await)?;
        refused("its start", &missing, port.start(host, &none).await)?;
        refused("its stop", &missing, port.stop(host, &none).await)?;
        let set = port.set_start_type(host, &none, StartType::Manual).await;
        refused("its start type", &missing, set)?;
    }
    Ok(())
}

async fn tells_what_is_stopped(scene: &Scene) -> Outcome {
    let status = scene.services().status().await?;
    let is_so = status.state == ServiceState::Stopped
        && status.process_id.is_none()
        && status.start_type == StartType::Manual
        && !status.program.as_str().contains('"');
    expect(
        is_so,
        "stopped, without a process, started by hand, and its program's path alone",
        || format!("{status:?}"),
    )
}

async fn takes_names_in_any_case(scene: &Scene) -> Outcome {
    let services = scene.services();
    let name = services.service.as_str();
    let upper = name.to_uppercase();
    let other = if upper == name {
        name.to_lowercase()
    } else {
        upper
    };
    let other: ServiceName = other.parse().map_err(|_| miss("a name", name))?;
    let (one, two) = (services.status().await?, services.status_of(&other).await?);
    expect(one == two, format!("{one:?}"), || format!("{two:?}"))
}

async fn starts_and_stops(scene: &Scene) -> Outcome {
    let services = scene.services();
    services.start().await?;
    let running = services.is(ServiceState::Running).await?;
    expect(
        running.process_id.is_some_and(|id| id != 0) && running.exit_code == 0,
        "a process, and no exit code",
        || format!("{running:?}"),
    )?;
    services.stop().await?;
    let stopped = services.is(ServiceState::Stopped).await?;
    expect(
        stopped.process_id.is_none() && stopped.exit_code == 0,
        "no process, and an end of its own will",
        || format!("{stopped:?}"),
    )
}

async fn starts_only_what_is_stopped(scene: &Scene) -> Outcome {
    let services = scene.services();
    services.start().await?;
    services.is(ServiceState::Running).await?;
    let again = services.port.start(&services.host, &services.service).await;
    let outcome = refused("a second start", &[codes::SERVICE_ALREADY_RUNNING], again);
    services.stop().await?;
    services.is(ServiceState::Stopped).await?;
    outcome
}

async fn stops_only_what_runs(scene: &Scene) -> Outcome {
    let services = scene.services();
    let stopped = services.port.stop(&services.host, &services.service).await;
    refused(
        "a stop of what is stopped",
        &[codes::SERVICE_NOT_ACTIVE],
        stopped,
    )
}

async fn starts_in_a_new_process(scene: &Scene) -> Outcome {
    let services = scene.services();
    let mut processes = Vec::new();
    for _ in 0..2 {
        services.start().await?;
        let running = services.is(ServiceState::Running).await?;
        // Asked again, it is the same one.
        let again = services.status().await?;
        expect(
            running.process_id == again.process_id,
            "one process while it runs",
            || format!("{:?}, then {:?}", running.process_id, again.process_id),
        )?;
        processes.push(running.process_id);
        services.stop().await?;
        services.is(ServiceState::Stopped).await?;
    }
    expect(
        processes[0] != processes[1],
        "another process after a restart",
        || format!("{processes:?}"),
    )
}

async fn sets_start_types(scene: &Scene) -> Outcome {
    let services = scene.services();
    for &start_type in scene.0.start_types() {
        let (host, service) = (&services.host, &services.service);
        let set = services
            .port
            .set_start_type(host, service, start_type)
            .await;
        done("its start type", set)?;
        let status = services.status().await?;
        expect(
            status.start_type == start_type && status.state == ServiceState::Stopped,
            format!("{start_type:?}, and stopped still"),
            || format!("{status:?}"),
        )?;
    }
    manual(&services).await
}

async fn manual(services: &Services) -> Outcome {
    let (host, service) = (&services.host, &services.service);
    let set = services
        .port
        .set_start_type(host, service, StartType::Manual)
        .await;
    done("its start type", set)
}

async fn starts_nothing_disabled(scene: &Scene) -> Outcome {
    let services = scene.services();
    let (host, service) = (&services.host, &services.service);
    let set = services
        .port
        .set_start_type(host, service, StartType::Disabled)
        .await;
    done("its start type", set)?;
    let started = services.port.start(host, service).await;
    manual(&services).await?;
    refused("its start", &[codes::SERVICE_DISABLED], started)?;
    services.is(ServiceState::Stopped).await.map(drop)
}

async fn minds_dependents(scene: &Scene) -> Outcome {
    let Some(dependent) = scene.0.dependent() else {
        return not_applicable("the service manager does not mind dependents");
    };
    let services = scene.services();
    let told = services.status_of(&dependent).await?.dependencies;
    let names_it = |needed: &Vec<ServiceName>| {
        let name = services.service.as_str();
        needed
            .iter()
            .any(|other| other.as_str().eq_ignore_ascii_case(name))
    };
    expect(
        told.as_ref().is_some_and(names_it),
        format!("{dependent} needs {}", services.service),
        || format!("{told:?}"),
    )?;
    let started = services.port.start(&services.host, &dependent).await;
    done("the dependent's start", started)?;
    services.is(ServiceState::Running).await?;
    services.wait_for(&dependent, ServiceState::Running).await?;
    let stopped = services.port.stop(&services.host, &services.service).await;
    let outcome = refused("its stop", &[codes::DEPENDENT_SERVICES_RUNNING], stopped);
    done(
        "the dependent's stop",
        services.port.stop(&services.host, &dependent).await,
    )?;
    services.wait_for(&dependent, ServiceState::Stopped).await?;
    services.stop().await?;
    services.is(ServiceState::Stopped).await?;
    outcome
}

/// The account that the port tells for the service; not applicable to a port that tells none.
async fn account(services: &Services) -> Outcome<String> {
    let told = services.port.account(&services.host, &services.service);
    match done("its account", told.await)? {
        Some(account) => Ok(account),
        None => not_applicable("the port tells no accounts"),
    }
}

async fn tells_the_account(scene: &Scene) -> Outcome {
    let Some(wanted) = scene.0.account() else {
        return not_applicable("it is not told which account the service runs as");
    };
    let told = account(&scene.services()).await?;
    expect(
        told.to_lowercase() == wanted.to_lowercase(),
        format!("the account {wanted}"),
        || told,
    )
}

async fn knows_no_account_of_nothing(scene: &Scene) -> Outcome {
    let services = scene.services();
    account(&services).await?;
    let (port, host) = (&services.port, &services.host);
    for name in [
        "scorch-no-such-service",
        "no such 'service' & ^ $x",
        "Dienst Büro",
    ] {
        let none: ServiceName = name.parse().map_err(|_| miss("a name", name))?;
        let missing = [codes::SERVICE_DOES_NOT_EXIST];
        refused("its account", &missing, port.account(host, &none).await)?;
    }
    match scene.0.unreachable_host() {
        Some(host) => out_of_reach(port.account(&host, &services.service).await),
        None => Ok(()),
    }
}

async fn says_who_is_out_of_reach(scene: &Scene) -> Outcome {
    let host = unreachable_host(&*scene.0)?;
    let services = scene.services();
    out_of_reach(services.port.query(&host, &services.service).await)?;
    out_of_reach(services.port.start(&host, &services.service).await)?;
    out_of_reach(services.port.stop(&host, &services.service).await)
}
