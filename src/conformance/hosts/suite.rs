use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::fixture::{
    CommandTransportFixture, FileTransportFixture, RegistryTransportFixture,
    ServiceTransportFixture, WebTransportFixture,
};
use super::{commands, files, registry, services, web};
use crate::conformance::check::{Check, Outcome};
use crate::conformance::report::{Finding, Report, Verdict};
use crate::conformance::suite::{beside, on_a_thread};

/// How long one check may take. Services are slow, and so are programs behind several shells.
const LIMIT: Duration = Duration::from_secs(180);

/// Checks to run on a port to hosts, one after the other.
#[must_use = "nothing is checked before run()"]
pub struct HostSuite {
    checks: Vec<Prepared>,
}

struct Prepared {
    name: &'static str,
    perform: Box<dyn FnOnce() -> Outcome + Send>,
}

impl fmt::Debug for HostSuite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("HostSuite").field(&self.names()).finish()
    }
}

/// The tests that anybody's [`FileTransport`](crate::transport::FileTransport) must pass.
pub fn file_transport(fixture: impl FileTransportFixture + 'static) -> HostSuite {
    HostSuite::new(files::CHECKS, files::Scene(Arc::new(fixture)))
}

/// The tests that anybody's [`ServiceTransport`](crate::transport::ServiceTransport) must pass.
pub fn service_transport(fixture: impl ServiceTransportFixture + 'static) -> HostSuite {
    HostSuite::new(services::CHECKS, services::Scene(Arc::new(fixture)))
}

/// The tests that anybody's [`CommandTransport`](crate::transport::CommandTransport) must pass.
pub fn command_transport(fixture: impl CommandTransportFixture + 'static) -> HostSuite {
    HostSuite::new(commands::CHECKS, commands::Scene(Arc::new(fixture)))
}

/// The tests that anybody's [`RegistryTransport`](crate::transport::RegistryTransport) must pass.
pub fn registry_transport(fixture: impl RegistryTransportFixture + 'static) -> HostSuite {
    HostSuite::new(registry::CHECKS, registry::Scene(Arc::new(fixture)))
}

/// The tests that anybody's [`WebTransport`](crate::transport::WebTransport) must pass, if it reaches web
/// servers of this machine.
pub fn web_transport(fixture: impl WebTransportFixture + 'static) -> HostSuite {
    HostSuite::new(web::CHECKS, web::Scene(Arc::new(fixture)))
}

impl HostSuite {
    fn new<S: Clone + Send + Sync + 'static>(checks: &'static [Check<S>], scene: S) -> Self {
        let prepare = |check: &'static Check<S>| {
            let scene = scene.clone();
            Prepared {
                name: check.name,
                perform: Box::new(move || on_a_thread(check, scene, LIMIT)),
            }
        };
        Self {
            checks: checks.iter().map(prepare).collect(),
        }
    }

    /// The names of the checks that will run, in their order.
    #[must_use]
    pub fn names(&self) -> Vec<&'static str> {
        self.checks.iter().map(|check| check.name).collect()
    }

    /// Leaves out every check whose name does not contain `part`.
    pub fn only(mut self, part: &str) -> Self {
        self.checks.retain(|check| check.name.contains(part));
        self
    }

    /// Leaves out every check whose name contains `part`.
    pub fn without(mut self, part: &str) -> Self {
        self.checks.retain(|check| !check.name.contains(part));
        self
    }

    /// Runs the checks, on threads of their own. It never panics and comes back in any case.
    ///
    /// # Cancel safety
    /// Dropping the future leaves the checks to end by themselves.
    pub async fn run(self) -> Report {
        beside(move || {
            let perform = |check: Prepared| {
                let begun = Instant::now();
                let verdict = Verdict::from((check.perform)());
                Finding {
                    check: check.name,
                    verdict,
                    duration: begun.elapsed(),
                    ends: 0,
                    slowest: Duration::ZERO,
                    growth: None,
                }
            };
            Report::new(self.checks.into_iter().map(perform).collect())
        })
        .await
    }
}
