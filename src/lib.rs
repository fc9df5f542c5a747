//! Recovers a System Center Orchestrator deployment after its database or its server was lost.

pub mod adapter;
mod any_operation;
mod cancellation;
mod context;
mod error;
mod hazard;
pub mod names;
mod operation;
mod progress;
mod secret;
#[cfg(feature = "simulator")]
pub mod simulator;
pub mod sql;
pub mod transport;

pub use any_operation::{AnyOperation, AnyOutput};
pub use cancellation::Cancellation;
pub use context::{Context, ContextBuilder};
pub use error::{Effect, Error, ErrorKind, Result};
pub use hazard::Hazard;
pub use operation::{Description, Observation, Operation};
pub use progress::{NoObserver, Observer, Progress};
pub use secret::{Secret, SecretRef};
