//! Windows hosts beside the simulated SQL Server: files, registry, programs and a service manager with
//! the refusals of the real one, for rehearsals and tests.
//!
//! All time is tokio's, so paused time in tests and real time both work. What a service does follows
//! from what is on its host: an `orunbook` whose `Settings.dat` names a data store that can't be
//! reached starts, and ends 40 seconds later (documented: 30 to 60); one whose data store answers
//! writes its heartbeat there, wherever that is.

mod data_store_writer;
mod faults;
mod files;
mod host;
mod installation;
mod machine;
mod ports;
mod runbook_service;
mod service;
mod settings;
mod setup;
mod simulated_hosts;
mod web_application;
mod web_server;

pub use faults::{HostFault, HostFaultKind, HostFaults};
pub use files::HeldFile;
pub use host::SimulatedHost;
pub use installation::{OrchestratorHost, OrchestratorVersion};
pub use service::{ServiceEnd, SimulatedService};
pub use setup::SimulatedSetup;
pub use simulated_hosts::{SimulatedHosts, SimulatedHostsBuilder};
pub use web_application::{SimulatedWebApplication, WebComponentKind};
pub use web_server::SimulatedWebServers;
