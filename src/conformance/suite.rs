use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};

use super::check::{Check, Outcome, miss};
use super::checks;
use super::fixture::SqlTransportFixture;
use super::memory;
use super::report::{Finding, Report, Verdict};
use super::scene::{Scene, Tally};

/// How long one check may take, whatever happens. Cutting a session at every byte takes longer.
const LIMIT: Duration = Duration::from_secs(40);
const LIMIT_OF_CUTS: Duration = Duration::from_secs(900);

/// Checks to run on a transport. Made by [`sql_transport`].
#[derive(Debug)]
#[must_use = "nothing is checked before run()"]
pub struct Suite {
    fixture: Arc<dyn SqlTransportFixture>,
    checks: Vec<&'static Check>,
    beside_one_another: usize,
    memory: Option<u64>,
    cut_step: usize,
}

/// The tests that anybody's [`SqlTransport`](crate::transport::SqlTransport) must pass.
///
/// Nothing is connected before [`run`](Suite::run).
pub fn sql_transport(fixture: impl SqlTransportFixture + 'static) -> Suite {
    Suite {
        fixture: Arc::new(fixture),
        checks: checks::all(),
        beside_one_another: 8,
        memory: None,
        cut_step: 23,
    }
}

impl Suite {
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

    /// How many checks run beside one another. Default: 8. They wait more than they work.
    pub fn beside_one_another(mut self, count: usize) -> Self {
        self.beside_one_another = count.max(1);
        self
    }

    /// Ends a session at every `step`th byte. Default: 23, which takes seconds; 1 is for the proof.
    pub fn cut_every(mut self, step: usize) -> Self {
        self.cut_step = step.max(1);
        self
    }

    /// Fails a check in which the process grew by more than so many bytes, or in which that could
    /// not be measured. For a process that does nothing else; one check runs at a time then.
    pub fn limit_memory(mut self, bytes: u64) -> Self {
        self.memory = Some(bytes);
        self
    }

    /// Runs the checks, on threads of their own.
    ///
    /// # Cancel safety
    /// Dropping the future leaves the checks that run to end by themselves.
    pub async fn run(self) -> Report {
        beside(move || self.run_here()).await
    }

    fn run_here(self) -> Report {
        let workers = match self.memory {
            Some(_) => 1,
            None => self.beside_one_another.min(self.checks.len()),
        };
        let next = Mutex::new(self.checks.iter().enumerate());
        let found = Mutex::new(Vec::new());
        std::thread::scope(|scope| {
            for _ in 0..workers {
                scope.spawn(|| {
                    loop {
                        let taken = next.lock().map_or(None, |mut next| next.next());
                        let Some((at, check)) = taken else { return };
                        let finding = self.perform(check);
                        if let Ok(mut found) = found.lock() {
                            found.push((at, finding));
                        }
                    }
                });
            }
        });
        let mut found = found.into_inner().unwrap_or_default();
        found.sort_by_key(|(at, _)| *at);
        Report::new(found.into_iter().map(|(_, finding)| finding).collect())
    }

    /// Runs one check. It never panics and comes back in any case.
    fn perform(&self, check: &'static Check) -> Finding {
        let before = self.memory.and_then(|_| {
            memory::forget_peak();
            memory::resident()
        });
        let begun = Instant::now();
        let tally = Arc::new(Mutex::new(Tally::default()));
        let scene = Scene {
            fixture: Arc::clone(&self.fixture),
            cut_step: self.cut_step,
            tally: Arc::clone(&tally),
        };
        let limit = if check.name.contains("any-byte") {
            LIMIT_OF_CUTS
        } else {
            LIMIT
        };
        let mut verdict = Verdict::from(on_a_thread(check, scene, limit));
        let duration = begun.elapsed();
        let growth = before
            .zip(memory::peak())
            .map(|(before, peak)| peak.saturating_sub(before));
        if let Some(most) = self.memory
            && verdict == Verdict::Passed
            && growth.is_none_or(|growth| growth > most)
        {
            verdict = Verdict::Failed {
                expected: format!("at most {most} bytes more in memory"),
                seen: growth.map_or_else(
                    || "it can't be measured here".to_owned(),
                    |growth| format!("{growth} bytes more"),
                ),
            };
        }
        let Tally { ends, slowest } = tally
            .lock()
            .map_or_else(|_| Tally::default(), |tally| *tally);
        Finding {
            check: check.name,
            verdict,
            duration,
            ends,
            slowest,
            growth,
        }
    }
}

/// Makes a report on a thread of its own, so that whoever waits for it is not held up.
pub(super) async fn beside(work: impl FnOnce() -> Report + Send + 'static) -> Report {
    let (told, report) = tokio::sync::oneshot::channel();
    let work = move || {
        let _ = told.send(work());
    };
    let started = std::thread::Builder::new()
        .name("conformance suite".to_owned())
        .spawn(work);
    match (started, report.await) {
        (Ok(_), Ok(report)) => report,
        _ => Report::new(Vec::new()),
    }
}

/// Runs one check. It never panics and comes back after `limit` in any case.
pub(super) fn on_a_thread<S: Send + Sync + 'static>(
    check: &'static Check<S>,
    scene: S,
    limit: Duration,
) -> Outcome {
    let (told, outcome) = mpsc::channel();
    let work = move || {
        let result = catch_unwind(AssertUnwindSafe(|| in_a_runtime(check, &scene)));
        // What the transport left behind may panic when it is dropped; the fixture's end is here.
        let dropped = catch_unwind(AssertUnwindSafe(move || drop(scene)));
        let _ = told.send(result.and_then(|outcome| dropped.map(|()| outcome)));
    };
    let started = std::thread::Builder::new()
        .name(check.name.to_owned())
        .spawn(work);
    if let Err(error) = started {
        return Err(miss("a thread for the check", error.to_string()));
    }
    match outcome.recv_timeout(limit) {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(_)) | Err(mpsc::RecvTimeoutError::Disconnected) => {
            Err(miss("no panic", "the transport panicked"))
        }
        Err(mpsc::RecvTimeoutError::Timeout) => Err(miss(
            format!("an end within {limit:?}"),
            "none: the transport blocks its thread",
        )),
    }
}

fn in_a_runtime<S>(check: &Check<S>, scene: &S) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| miss("a runtime for the check", error.to_string()))?;
    let outcome = runtime.block_on((check.run)(scene));
    // What the transport left on it may block; nobody waits for that.
    runtime.shutdown_background();
    outcome
}
