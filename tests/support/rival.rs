//! A client that won't be kept out: it comes back every two seconds, takes the place of a
//! single-user database when that is free, and goes on with old jobs, as a Runbook Server does.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use scorch_recovery::names::{DatabaseName, SqlInstance};
use scorch_recovery::simulator::SimulatorTransport;
use scorch_recovery::transport::{
    SqlBatch, SqlColumn, SqlMessage, SqlSink, SqlTransport, SqlValue,
};

/// How often it tries, on tokio's clock.
const INTERVAL: Duration = Duration::from_secs(2);

/// What it does whenever it is in. (The table is one of the known ones, in whatever columns.)
const RESUME: &str = "UPDATE dbo.POLICIES SET Version = Version + 1";

/// A rival at work, until it is dropped.
pub(crate) struct Rival {
    seen: Arc<Mutex<Seen>>,
    work: tokio::task::JoinHandle<()>,
}

/// What became of its attempts.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Seen {
    pub(crate) refused: u32,
    /// How often it signed in.
    pub(crate) entered: u32,
    /// How often it changed the rows of jobs.
    pub(crate) resumed: u32,
}

impl Rival {
    pub(crate) fn start(
        transport: SimulatorTransport,
        instance: SqlInstance,
        database: DatabaseName,
    ) -> Self {
        let seen = Arc::<Mutex<Seen>>::default();
        let shared = Arc::clone(&seen);
        let work = tokio::spawn(async move {
            loop {
                match transport.connect(&instance, Some(&database)).await {
                    Err(_) => shared.lock().unwrap().refused += 1,
                    Ok(mut session) => {
                        shared.lock().unwrap().entered += 1;
                        let mut errors = Errors(false);
                        // Stays, and works, until it is thrown out.
                        while session
                            .execute(SqlBatch::open(RESUME), &mut errors)
                            .await
                            .is_ok()
                        {
                            if !std::mem::take(&mut errors.0) {
                                shared.lock().unwrap().resumed += 1;
                            }
                            tokio::time::sleep(INTERVAL).await;
                        }
                    }
                }
                tokio::time::sleep(INTERVAL).await;
            }
        });
        Self { seen, work }
    }

    pub(crate) fn seen(&self) -> Seen {
        *self.seen.lock().unwrap()
    }

    /// Waits until that is so, at most a simulated hour.
    pub(crate) async fn until(&self, so: impl Fn(Seen) -> bool) {
        for _ in 0..3600 {
            if so(self.seen()) {
                return;
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        panic!("{:?}", self.seen());
    }
}

impl Drop for Rival {
    fn drop(&mut self) {
        self.work.abort();
    }
}

/// Whether an error came.
struct Errors(bool);

impl SqlSink for Errors {
    fn columns(&mut self, _: &[SqlColumn]) {}

    fn row(&mut self, _: Vec<SqlValue>) {}

    fn message(&mut self, message: SqlMessage) {
        self.0 |= message.is_error();
    }
}
