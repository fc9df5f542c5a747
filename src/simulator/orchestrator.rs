//! An Orchestrator database, made as its installer would: by T-SQL, with keys that nobody knows.
//!
//! Names of keys and schemas are documented, names of most tables are community knowledge, and the
//! rest is guessed. What is guessed varies by seed, so that no code can come to rely on it.

mod runtime;
mod script;
mod seed;

use std::fmt;

use crate::names::DatabaseName;
use crate::simulator::SimulatedInstance;
use crate::simulator::engine::{Request, Session};
use crate::simulator::output::{Output, Reply};
use crate::transport::SqlMessage;

/// What an Orchestrator database is made from.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct OrchestratorOptions {
    /// Decides how much there is of everything, and all names that are only guessed.
    pub seed: u64,
    /// The Runbook Servers in ACTIONSERVERS.
    pub runbook_servers: Vec<String>,
}

impl OrchestratorOptions {
    /// A database of that seed, with two Runbook Servers.
    #[must_use]
    pub fn seeded(seed: u64) -> Self {
        Self {
            seed,
            runbook_servers: vec!["RUNBOOK01".to_owned(), "RUNBOOK02".to_owned()],
        }
    }
}

/// Why the database could not be made: what the server said to which statement.
#[derive(Clone, Debug, thiserror::Error)]
pub struct OrchestratorError {
    batch: String,
    message: Option<SqlMessage>,
}

impl OrchestratorError {
    /// The number of the server's error, such as 1801 for a database that exists.
    #[must_use]
    pub fn number(&self) -> Option<i32> {
        self.message.as_ref().map(|message| message.number)
    }
}

impl fmt::Display for OrchestratorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = self.batch.lines().next().unwrap_or_default();
        match &self.message {
            Some(message) => write!(f, "error {} at {words}: {}", message.number, message.text),
            None => write!(f, "the instance was stopped at {words}"),
        }
    }
}

impl SimulatedInstance {
    /// Makes an Orchestrator database of that name, with encrypted values in it.
    ///
    /// # Errors
    /// What the server says, such as 1801 where a database of that name exists. What was made before
    /// stays.
    ///
    /// # Cancel safety
    /// Dropping the future leaves an unfinished database.
    pub async fn create_orchestrator_database(
        &self,
        name: &DatabaseName,
        options: &OrchestratorOptions,
    ) -> Result<(), OrchestratorError> {
        let mut session = Session::of_the_server(&self.inner);
        for batch in script::batches(name, options) {
            run(&mut session, batch).await?;
        }
        Ok(())
    }
}

async fn run(session: &mut Session, batch: String) -> Result<(), OrchestratorError> {
    let (output, mut replies) = Output::channel();
    let work = async {
        let end = session
            .execute(Request::Batch(batch.clone()), &output)
            .await;
        drop(output);
        end
    };
    let watch = async {
        let mut error = None;
        while let Some(reply) = replies.recv().await {
            if let Reply::Message(message) = reply
                && message.is_error()
            {
                error.get_or_insert(message);
            }
        }
        error
    };
    match tokio::join!(work, watch) {
        (Ok(()), None) => Ok(()),
        (_, message) => Err(OrchestratorError { batch, message }),
    }
}
