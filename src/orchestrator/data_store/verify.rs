//! Whether services hold on to a configuration, and which database it names.

use super::config::DataStoreConfig;
use super::heartbeat::{Heartbeat, Heartbeats};
use crate::context::Context;
use crate::error::{Effect, Error};
use crate::orchestrator::services::{Aim, Slots, Turn, on_host};
use crate::orchestrator::{DeploymentHost, HostVerdict, ServiceVerdicts};

/// What a failure left of the services.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Services {
    /// Nobody touched them.
    Untouched,
    /// Some of them may be down.
    Down,
    /// They run, and use another database than they should.
    Misled,
}

/// Restarts or starts the services of a host, and waits for the heartbeat where there is to be one.
pub(super) async fn verify(
    cx: &Context,
    slots: &Slots,
    turn: &mut Turn<'_>,
    host: &DeploymentHost,
    aim: Aim,
    beats_in: Option<&DataStoreConfig>,
) -> Result<(Vec<HostVerdict>, Option<Heartbeat>), (Error, Services)> {
    // It takes its own, and none while the services settle.
    turn.end();
    let verdict = on_host(cx, slots, host, aim, &[]).await;
    let verdicts = ServiceVerdicts {
        hosts: vec![verdict],
    };
    verdicts.check().map_err(|error| {
        let services = match error.effect() {
            Effect::None => Services::Untouched,
            _ => Services::Down,
        };
        (error, services)
    })?;
    let Some(config) = beats_in else {
        return Ok((verdicts.hosts, None));
    };
    // From here on it is finished: what is half-verified would have to be taken back.
    let (instance, database) = (config.instance(), config.database());
    let mut beats = Heartbeats::of(cx, instance, database, &host.host);
    match beats.advancing().await {
        Ok(heartbeat) => Ok((verdicts.hosts, Some(heartbeat))),
        Err(error) => Err((error.with_effect(Effect::Done), Services::Misled)),
    }
}
