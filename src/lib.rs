//! Recovers a System Center Orchestrator deployment after its database or its server was lost.
//!
//! An Orchestrator database holds encrypted values. Its keys hang under the *service master key* of
//! the SQL Server instance it was made on; on another instance, or after that key changed, nothing
//! decrypts (error 15581). So key and database are backed up and restored as one recovery.
//!
//! # What is here
//! * **Operations** ([`sql`]): plain values that [`describe`](Operation::describe) what they would
//!   do, [`observe`](Operation::observe) whether it is done, and [`run`](Operation::run).
//!   [`AnyOperation`] is any of them, serializable.
//! * **Operations on Orchestrator's own data** ([`orchestrator`]): its inventory, jobs, encryption.
//! * **Operations on hosts** ([`orchestrator`]): their services, their web components.
//! * **Ports** ([`transport`]): how to reach SQL Server, where secrets come from, the clock. Hosts
//!   plug in their own.
//! * **Adapters** ([`adapter`]): what we ship behind the ports.
//! * **A conformance suite** (`conformance`, a feature): the tests that anybody's transport must pass.
//! * **A simulator** (`simulator`, a feature): an embedded SQL Server to rehearse a disaster on.
//!
//! # The rules it keeps
//! * What endangers others is refused unless the operation carries what was seen of them.
//! * Every [`Error`] says what went wrong ([`ErrorKind`]) and whether anything changed ([`Effect`]).
//! * Secrets are [`Secret`]s, asked for by name ([`SecretRef`]) when they are needed; they appear in
//!   no output, and statements that hold them go over protected connections only.
//! * Success of a statement is not believed: what it did is looked at.
//!
//! # Example
//! A service master key is backed up on a simulated instance.
//! ```
//! # #[cfg(feature = "simulator")]
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use scorch_recovery::adapter::secrets::MapSecrets;
//! use scorch_recovery::simulator::{SimulatedInstance, SimulatorTransport};
//! use scorch_recovery::sql::{FileExamination, ServiceMasterKey};
//! use scorch_recovery::{Context, Operation, Secret, SecretRef};
//!
//! let folder = tempfile::tempdir()?;
//! let sa = Secret::new("A-long-passw0rd".into());
//! let server = SimulatedInstance::builder("SQL01", folder.path().join("instance"))
//!     .machine_secret(folder.path().join("machine.secret"))
//!     .sa_password(sa.clone())
//!     .build()?;
//! server.create_folder(r"C:\keys")?;
//!
//! let instance = "SQL01".parse()?;
//! let smk = SecretRef::named("smk-backup");
//! let cx = Context::builder()
//!     .sql(SimulatorTransport::builder().instance("SQL01".parse()?, &server, "sa", sa).build())
//!     .secrets(MapSecrets::new().secret(smk.clone(), Secret::new("An0ther-long-one".into())))
//!     .build()?;
//!
//! let backup = ServiceMasterKey::backup(&instance)
//!     .to_file(r"C:\keys\SQL01.key".parse()?)
//!     .encrypted_by(smk);
//! assert_eq!(
//!     backup.describe().script,
//!     [r"BACKUP SERVICE MASTER KEY TO FILE = N'C:\keys\SQL01.key' ENCRYPTION BY PASSWORD = '***'"]
//! );
//! let key = backup.run(&cx).await?;
//! assert!(matches!(key.examination, FileExamination::Hashed { .. }));
//! # Ok(())
//! # }
//! # #[cfg(not(feature = "simulator"))]
//! # fn main() {}
//! ```

#![doc(test(attr(deny(warnings), allow(dead_code))))]

pub mod adapter;
mod any_operation;
mod cancellation;
#[cfg(feature = "conformance")]
pub mod conformance;
mod context;
mod error;
mod hazard;
pub mod names;
mod operation;
pub mod orchestrator;
mod permission;
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
pub use permission::{Permission, Securable};
pub use progress::{NoObserver, Observer, Progress};
pub use secret::{Secret, SecretRef};

/// The README's code is compiled too.
#[cfg(all(doctest, feature = "tiberius"))]
#[doc = include_str!("../README.md")]
struct Readme;
