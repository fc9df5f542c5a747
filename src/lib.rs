//! Recovers a System Center Orchestrator deployment after its database or its server was lost.

pub mod names;
pub mod secret;
#[cfg(feature = "simulator")]
pub mod simulator;
pub mod transport;
