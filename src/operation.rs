//! Operations: what this library does, one step at a time.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::context::Context;
use crate::error::{Error, Result};
use crate::hazard::Hazard;
use crate::permission::Permission;

/// What [`Operation::run`] would do, without doing it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Description {
    /// What it is done to: `SQL01\ORCH`, `database Orchestrator on SQL01`.
    pub target: String,
    /// What is done, in words.
    pub action: String,
    /// The T-SQL it stands for, secrets as `***`. What is only known at run time stands in angle
    /// brackets. Statements that only look are left out.
    pub script: Vec<String>,
    /// What it endangers.
    pub hazards: Vec<Hazard>,
    /// The rights that its login needs: with one of them less it fails.
    pub permissions: Vec<Permission>,
}

/// Whether an operation was done, by the looks of things.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "observation", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Observation {
    /// It was done.
    Done,
    /// It runs now.
    InProgress,
    /// It can't be told. Says what was seen.
    Indeterminate {
        /// What was seen, and what would tell.
        seen: String,
    },
    /// It was not done.
    NotDone,
    /// It began and stopped part-way.
    Partial {
        /// What is left, such as `RESTORING`.
        state: String,
    },
}

pub(crate) mod sealed {
    /// Operations are ours; hosts extend ports.
    pub trait Sealed {}
}

/// A typed operation: a plain value that can be described, looked for, and run.
///
/// Sealed: hosts plug in ports, not operations. It holds names of secrets, never secrets.
#[async_trait]
pub trait Operation: std::fmt::Debug + Send + Sync + sealed::Sealed {
    /// What [`run`](Self::run) gives.
    type Output: Send;

    /// Says what `run` would do. Pure: touches nothing.
    fn describe(&self) -> Description;

    /// Looks whether it is done. Reads only.
    ///
    /// # Errors
    /// Those of looking; the effect is always `None`.
    async fn observe(&self, cx: &Context) -> Result<Observation>;

    /// Does it, and checks that it took.
    ///
    /// # Errors
    /// See the operation. [`Error::effect`](crate::Error::effect) says what can have changed.
    async fn run(&self, cx: &Context) -> Result<Self::Output>;
}

/// A part of an operation that its builder was to be told.
pub(crate) fn required<'a, T>(value: Option<&'a T>, setter: &'static str) -> Result<&'a T> {
    value.ok_or_else(|| Error::invalid(setter, format!("it was not said; call .{setter}(…)")))
}

/// A part as a description shows it.
pub(crate) fn shown<T: std::fmt::Display>(value: Option<&T>, setter: &'static str) -> String {
    value.map_or_else(|| format!("<{setter}>"), ToString::to_string)
}
