//! What a client is told of its transactions, and the requests that it makes of them.

use super::{Runner, command};
use crate::simulator::engine::frame::Frame;
use crate::simulator::engine::{Isolation, TransactionRequest};
use crate::simulator::output::{Gone, Reply, TransactionChange};
use crate::simulator::server_error::Failure;
use crate::simulator::tsql::ast::TransactionStatement;

/// The transactions of a session as its client sees them: by descriptors.
#[derive(Debug, Default)]
pub(crate) struct TransactionLog {
    /// The open one's descriptor; 0 where there is none.
    current: u64,
    begun: u32,
    untold: Vec<(TransactionChange, u64)>,
}

impl TransactionLog {
    /// The open transaction's descriptor; 0 where there is none.
    pub(crate) const fn current(&self) -> u64 {
        self.current
    }

    /// What the client was not told yet.
    pub(crate) fn take_untold(&mut self) -> Vec<(TransactionChange, u64)> {
        std::mem::take(&mut self.untold)
    }

    /// Descriptors are the server's to choose; no two of this one are the same.
    pub(super) fn begun(&mut self, spid: i16) {
        self.begun = self.begun.wrapping_add(1).max(1);
        self.current = u64::from(spid.unsigned_abs()) << 32 | u64::from(self.begun);
        self.untold.push((TransactionChange::Begun, self.current));
    }

    pub(super) fn ended(&mut self, change: TransactionChange) {
        let ended = std::mem::take(&mut self.current);
        if ended != 0 {
            self.untold.push((change, ended));
        }
    }
}

impl Runner<'_> {
    /// Tells the client what became of its transactions, ahead of the end of a statement.
    pub(super) async fn tell_transactions(&mut self) -> Result<(), Gone> {
        for (change, descriptor) in self.session.transaction_log.take_untold() {
            let reply = Reply::Transaction { change, descriptor };
            self.output.send(reply).await?;
        }
        Ok(())
    }

    /// Runs what a driver asks for by requests of their own. Each is as its statement.
    pub(super) async fn transaction_requests(
        &mut self,
        requests: &[TransactionRequest],
    ) -> Result<(), Gone> {
        for request in requests {
            let named = |name: &String| Some(name.clone()).filter(|name| !name.is_empty());
            let (statement, command) = match request {
                TransactionRequest::Begin { name, isolation } => {
                    match isolation {
                        Isolation::Unchanged => {}
                        Isolation::ReadUncommitted => self.session.memory.reads_uncommitted = true,
                        Isolation::ReadCommitted => self.session.memory.reads_uncommitted = false,
                    }
                    (TransactionStatement::Begin(named(name)), command::BEGIN)
                }
                TransactionRequest::Commit => (TransactionStatement::Commit, command::COMMIT),
                TransactionRequest::Rollback { name } => (
                    TransactionStatement::Rollback(named(name)),
                    command::ROLLBACK,
                ),
                TransactionRequest::Save { name } => {
                    (TransactionStatement::Save(name.clone()), command::BEGIN)
                }
            };
            match self.transaction(&statement).await {
                Ok(()) => {}
                Err(Failure::Gone) => return Err(Gone),
                // What follows was asked for on the condition that this is done.
                Err(Failure::Server(error)) => {
                    return self.fail(&Frame::default(), error, command).await;
                }
            }
        }
        Ok(())
    }
}
