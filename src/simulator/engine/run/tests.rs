use crate::simulator::SimulatedInstance;
use crate::simulator::engine::Session;
use crate::simulator::engine::test_kit::{Answer, SA_PASSWORD, run, sign_in, start};

mod databases;
mod differences;
mod history;
mod holders;
mod permissions;
mod procedures;
mod properties;
mod queries;
mod recursion;
mod security;
mod statements;
mod switches;
mod tools;

/// An instance, and `sa` in it.
struct Server {
    instance: SimulatedInstance,
    sa: Session,
    _folder: tempfile::TempDir,
}

impl Server {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let instance = start(folder.path(), "SQL01");
        let sa = sign_in(&instance, "sa", SA_PASSWORD);
        Self {
            instance,
            sa,
            _folder: folder,
        }
    }

    /// Runs a batch and expects no error.
    async fn run(&mut self, batch: &str) -> Answer {
        let answer = run(&mut self.sa, batch).await;
        assert_eq!(
            answer.errors(),
            Vec::<i32>::new(),
            "{batch}: {:?}",
            answer.messages
        );
        answer
    }

    /// The one value of a query.
    async fn value(&mut self, query: &str) -> String {
        let answer = self.run(query).await;
        assert_eq!(answer.rows.len(), 1, "{query}");
        answer.rows[0][0].clone()
    }

    /// The errors of a batch.
    async fn errors(&mut self, batch: &str) -> Vec<i32> {
        run(&mut self.sa, batch).await.errors()
    }
}
