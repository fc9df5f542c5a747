//! An embedded SQL Server for rehearsals and tests: real cryptography, real files, a real TDS
//! listener, and nothing to install.
//!
//! It listens on loopback only, keeps an instance in one folder, and is no database server for
//! anything else. What nobody could confirm about real servers is a switch in [`ModellingChoices`].
//!
//! How it hangs together: `tds` reads requests and writes replies; `engine` runs the statements
//! that `tsql` reads; `catalog` is what an instance and its databases know; `keys` is the
//! cryptography; `media` is the format of backups; `storage` puts bytes on the disk so that a
//! crash loses nothing acknowledged.
#![doc = ""]
#![doc = include_str!("differences.md")]

mod catalog;
mod edition;
mod engine;
mod faults;
pub mod hosts;
/// Doors for the fuzz targets; only `--cfg fuzzing` opens them.
#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzzing {
    pub use super::tds::fuzzing as tds;
    pub use super::tsql::fuzzing as tsql;
}
mod instance;
mod keys;
mod listener;
mod media;
mod modelling_choices;
mod modelling_switch;
mod orchestrator;
mod output;
mod platform;
mod running_request;
mod server_error;
mod storage;
mod tds;
mod tls;
mod transport;
mod tsql;
mod version;
mod windows_accounts;
mod wire_bug;
mod wire_type;

pub use edition::Edition;
pub use faults::{Disconnect, Fault, Faults};
pub use instance::{InstanceBuilder, SimulatedInstance, StartError};
pub use listener::{Listener, ListenerBuilder, SqlBrowser};
pub use modelling_choices::{CancelledBackup, ModellingChoices};
pub use modelling_switch::ModellingSwitch;
pub use orchestrator::{OrchestratorError, OrchestratorOptions};
pub use platform::Platform;
pub use storage::UnsyncedWrites;
pub use tls::TlsMode;
pub use transport::{SimulatorTransport, SimulatorTransportBuilder};
pub use version::Version;
pub use wire_bug::WireBug;
