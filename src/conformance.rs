//! The tests that anybody's [`SqlTransport`] must pass, and, in [`hosts`], those of the ports to Windows hosts.
//!
//! Every operation believes what a transport states of itself, and what it hands on. So a transport
//! is held to it here: that it keeps its sessions apart and a session together, sends a batch as it
//! is given, tells rows, messages and errors as its [`SqlCapabilities`] claim, ends what was given
//! up, is honest about its [`Wire`], and comes to no harm when the server is broken or hostile.
//!
//! # How to use it
//! Tell the suite how your transport is made ([`SqlTransportFixture`]), run it, look at the
//! [`Report`]. The server may be the simulator or a real SQL Server: nothing is asked of it that a
//! real one would not do. The login needs no permission at all but to connect to the two databases
//! that the fixture names (by default `master` and `tempdb`, which every login may enter); each
//! batch is harmless: `SELECT`, `PRINT`, `RAISERROR`, `WAITFOR`, temporary tables and procedures. A
//! login whose password is tried wrongly (once) may be locked by a policy: use one of the test's own.
//!
//! The hostile servers are played by the suite itself, on loopback: for them the fixture makes a
//! transport to an address that the suite names ([`SqlTransportFixture::reach`]). A transport that
//! has no wire leaves that out, and those checks are reported as not applicable.
//!
//! # A home-made transport
//! This one wraps another and keeps a record of what is sent. It passes, because it claims nothing
//! that the inner one does not, and hands everything on as it comes. (`examples/own_transport`
//! is the same, to run.)
//! ```
//! # #[cfg(feature = "simulator")]
//! # mod example {
#![doc = include_str!("../examples/own_transport/recording.rs")]
//! # use scorch_recovery::conformance::{SqlTransportFixture, sql_transport};
//! # use scorch_recovery::simulator::{SimulatedInstance, SimulatorTransport};
//! # use scorch_recovery::Secret;
//!
//! /// How the suite gets a transport.
//! #[derive(Debug)]
//! struct Fixture {
//!     server: SimulatedInstance,
//!     password: Secret,
//!     sent: Record,
//! }
//!
//! impl SqlTransportFixture for Fixture {
//!     fn instance(&self) -> SqlInstance {
//!         "SQL01".parse().expect("it is a name")
//!     }
//!
//!     fn transport(&self) -> Box<dyn SqlTransport> {
//!         self.with_password(self.password.clone()).expect("it takes one")
//!     }
//!
//!     fn with_password(&self, password: Secret) -> Option<Box<dyn SqlTransport>> {
//!         let inner = SimulatorTransport::builder()
//!             .instance(self.instance(), &self.server, "sa", password)
//!             .build();
//!         Some(Box::new(Recording { inner, sent: self.sent.clone() }))
//!     }
//! }
//!
//! # pub async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let folder = tempfile::tempdir()?;
//! let password = Secret::new("A-long-passw0rd".to_owned());
//! let server = SimulatedInstance::builder("SQL01", folder.path().join("instance"))
//!     .machine_secret(folder.path().join("machine.secret"))
//!     .sa_password(password.clone())
//!     .build()?;
//! let sent = Record::default();
//! let fixture = Fixture { server, password, sent: sent.clone() };
//! let report = sql_transport(fixture).only("session/").run().await;
//! println!("{report}");
//! report.assert_passed();
//! assert!(sent.lock().is_ok_and(|sent| sent.iter().any(|batch| batch == "SELECT @@SPID")));
//! # Ok(())
//! # }
//! # }
//! # #[cfg(feature = "simulator")]
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> { example::run().await }
//! # #[cfg(not(feature = "simulator"))]
//! # fn main() {}
//! ```
//!
//! # What a failure tells
//! The [`Finding`] names the check, what was expected and what was seen. The suite never panics and
//! never hangs: a check runs on a thread of its own, and one that does not come back is a failure,
//! too. It waits in real time (a batch must be seen to run); the checks run beside one another.
//!
//! # Memory
//! How much a driver takes when a server sends without end can only be measured in a process that
//! does nothing else. [`Suite::limit_memory`] turns that into a failure; run the checks named
//! `hostile/…` one by one in child processes for it, as `tests/hostile_servers.rs` does.
//!
//! [`SqlTransport`]: crate::transport::SqlTransport
//! [`SqlCapabilities`]: crate::transport::SqlCapabilities
//! [`Wire`]: crate::transport::Wire

mod answer;
mod check;
mod checks;
mod fixture;
pub mod hosts;
mod log_capture;
mod memory;
mod player;
mod report;
mod scene;
mod suite;

pub use fixture::{PlayedServer, Protection, SqlTransportFixture};
pub use report::{Finding, Report, Verdict};
pub use suite::{Suite, sql_transport};
