use std::collections::BTreeSet;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::write::WriteDataStoreConfig;
use super::written::WrittenDataStoreConfig;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::names::HostName;
use crate::operation::{Description, Observation, Operation, sealed::Sealed};
use crate::orchestrator::HostFailure;
use crate::orchestrator::services::{AT_A_TIME, Slots, check, for_each};

const NAME: &str = "write data store configurations";

/// Configures the data stores of many hosts, each by its own strategy.
///
/// # Contract
/// * Each is written as [`WriteDataStoreConfig`] says, and has a verdict of its own: one that can't be reached
///   fails alone, and the others go on.
/// * 16 hosts are worked on at a time, unless told otherwise. A host that is waited for, because somebody
///   types or its services settle, is none of them.
///
/// # Errors
/// `InvalidInput` for no host or one that is named twice. What goes wrong on a host is in its verdict;
/// [`WrittenDataStoreConfigs::check`] makes an error of it.
///
/// # Cancel safety
/// As for each.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[must_use]
pub struct WriteDataStoreConfigs {
    writes: Vec<WriteDataStoreConfig>,
    at_a_time: usize,
}

/// What became of each host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
#[must_use = "a host may have failed; see check"]
pub struct WrittenDataStoreConfigs {
    /// One for each host, in the order that was asked for.
    pub hosts: Vec<DataStoreVerdict>,
}

/// What became of a host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct DataStoreVerdict {
    /// The host.
    pub host: HostName,
    /// What was written there, where it held.
    pub written: Option<WrittenDataStoreConfig>,
    /// Why it did not go well, if it did not.
    pub failure: Option<HostFailure>,
}

impl WriteDataStoreConfigs {
    pub(super) const fn new(writes: Vec<WriteDataStoreConfig>) -> Self {
        Self {
            writes,
            at_a_time: AT_A_TIME,
        }
    }

    /// How many hosts are worked on at a time. Default: 16.
    pub const fn at_a_time(mut self, hosts: usize) -> Self {
        self.at_a_time = hosts;
        self
    }

    fn target(&self) -> String {
        crate::orchestrator::services::target(self.writes.iter().map(WriteDataStoreConfig::host))
    }

    async fn write(&self, cx: &Context) -> Result<WrittenDataStoreConfigs> {
        if self.writes.is_empty() {
            return Err(Error::invalid("writes", "there are none"));
        }
        let mut known = BTreeSet::new();
        for write in &self.writes {
            if !known.insert(write.host().as_str().to_lowercase()) {
                let twice = format!("{} is named twice", write.host());
                return Err(Error::invalid("writes", twice));
            }
        }
        cx.services()?;
        cx.files()?;
        cx.safe_point()?;
        let slots = Slots::new(self.at_a_time);
        let hosts = for_each(self.writes.clone(), |write| {
            let (cx, slots) = (cx.clone(), slots.clone());
            async move {
                let host = write.host().clone();
                let (written, failure) = match write.write(&cx, &slots).await {
                    Ok(written) => (Some(written), None),
                    Err(error) => (None, Some(HostFailure::from(&error))),
                };
                DataStoreVerdict {
                    host,
                    written,
                    failure,
                }
            }
        });
        Ok(WrittenDataStoreConfigs {
            hosts: hosts.await?,
        })
    }
}

impl WrittenDataStoreConfigs {
    /// The hosts where it did not go well.
    pub fn failures(&self) -> impl Iterator<Item = (&HostName, &HostFailure)> {
        let hosts = self.hosts.iter();
        hosts.filter_map(|verdict| Some((&verdict.host, verdict.failure.as_ref()?)))
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

impl Sealed for WriteDataStoreConfigs {}

#[async_trait]
impl Operation for WriteDataStoreConfigs {
    type Output = WrittenDataStoreConfigs;

    fn describe(&self) -> Description {
        let mut all = Description {
            target: self.target(),
            action: "configure the data store of each host".to_owned(),
            script: Vec::new(),
            hazards: Vec::new(),
            permissions: Vec::new(),
        };
        for one in self.writes.iter().map(Operation::describe) {
            all.script
                .push(format!("on {}: {}", one.target, one.action));
            all.script.extend(one.script);
            all.hazards.extend(one.hazards);
            all.permissions.extend(one.permissions);
        }
        all
    }

    async fn observe(&self, cx: &Context) -> Result<Observation> {
        let mut seen = Vec::new();
        for write in &self.writes {
            let one = write.observe(cx).await?;
            seen.push(format!("{}: {}", write.host(), shown(one)));
        }
        Ok(Observation::Indeterminate {
            seen: seen.join("; "),
        })
    }

    async fn run(&self, cx: &Context) -> Result<Self::Output> {
        crate::sql::tell(cx, NAME, &self.target(), self.write(cx)).await
    }
}

fn shown(observation: Observation) -> String {
    match observation {
        Observation::Done => "done".to_owned(),
        Observation::InProgress => "in progress".to_owned(),
        Observation::NotDone => "not done".to_owned(),
        Observation::Indeterminate { seen } => seen,
        Observation::Partial { state } => state,
    }
}
