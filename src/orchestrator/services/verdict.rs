use serde::{Deserialize, Serialize};

use crate::error::{Effect, Error, ErrorKind, Result};
use crate::names::{HostName, ServiceName};
use crate::transport::ServiceState;

/// What became of each host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
#[must_use = "a host may have failed; see check"]
pub struct ServiceVerdicts {
    /// One for each host, in the deployment's order.
    pub hosts: Vec<HostVerdict>,
}

/// What became of a host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct HostVerdict {
    /// The host.
    pub host: HostName,
    /// Its services, as they were and as they were seen last.
    pub services: Vec<ServiceVerdict>,
    /// Why it did not go well, if it did not.
    pub failure: Option<HostFailure>,
}

/// What became of a service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ServiceVerdict {
    /// The service.
    pub service: ServiceName,
    /// What it was at before. `None`: it is not installed there.
    pub before: Option<ServiceState>,
    /// What it was seen at last.
    pub after: Option<ServiceState>,
    /// Its process then.
    pub process_id: Option<u32>,
    /// Whether its process was ended, since it would not stop.
    pub was_ended: bool,
}

/// Why a host did not go well: an [`Error`] that crosses JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct HostFailure {
    /// What kind of thing went wrong.
    pub kind: ErrorKind,
    /// Whether anything changed on the host.
    pub effect: Effect,
    /// What happened, in words.
    pub detail: String,
    /// What to do about it.
    pub remedy: Option<String>,
}

impl From<&Error> for HostFailure {
    fn from(error: &Error) -> Self {
        Self {
            kind: error.kind(),
            effect: error.effect(),
            detail: error.detail().to_owned(),
            remedy: error.remedy().map(ToOwned::to_owned),
        }
    }
}

impl ServiceVerdicts {
    /// The hosts where it did not go well.
    pub fn failures(&self) -> impl Iterator<Item = (&HostName, &HostFailure)> {
        let failure = |verdict: &'_ HostVerdict| verdict.failure.is_some();
        let failed = self.hosts.iter().filter(move |verdict| failure(verdict));
        failed.filter_map(|verdict| Some((&verdict.host, verdict.failure.as_ref()?)))
    }

    /// Makes an error of the failures, if there are any.
    ///
    /// # Errors
    /// What the first host failed with, saying it of each. The effect is `Partial` where a host went
    /// well or was changed.
    pub fn check(&self) -> Result<()> {
        check(self.failures(), self.hosts.len())
    }
}

/// Makes one error of the failures of some of `all` hosts.
pub(in crate::orchestrator) fn check<'a>(
    failures: impl Iterator<Item = (&'a HostName, &'a HostFailure)>,
    all: usize,
) -> Result<()> {
    let failures: Vec<_> = failures.collect();
    let Some((_, first)) = failures.first() else {
        return Ok(());
    };
    let said: Vec<String> = failures
        .iter()
        .map(|(host, failure)| format!("{host}: {}", failure.detail))
        .collect();
    let is_untouched = failures.len() == all
        && failures
            .iter()
            .all(|(_, failure)| failure.effect == Effect::None);
    let effect = match failures.len() {
        1 if all == 1 => first.effect,
        _ if is_untouched => Effect::None,
        _ => Effect::Partial,
    };
    let error = Error::new(first.kind, said.join("; ")).with_effect(effect);
    Err(match &first.remedy {
        Some(remedy) => error.with_remedy(remedy.clone()),
        None => error,
    })
}
