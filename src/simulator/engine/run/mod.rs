//! Runs what a client asked for, statement by statement.

mod backup;
mod batch;
mod change;
mod database;
mod database_option;
mod dbcc;
mod flow;
mod insert;
mod kill;
mod lock;
mod login;
mod new_login;
mod option;
mod permission;
mod procedure;
mod procedure_definition;
mod product;
mod query;
mod queue;
mod raise;
mod registry;
mod rpc;
mod schema;
mod server;
mod system;
mod table;
mod table_definition;
mod target;
#[cfg(test)]
mod tests;
mod transaction;
mod transaction_log;
mod trigger;
mod user;

use super::Session;
use super::evaluate::Context;
use super::frame::Frame;
use crate::simulator::instance::State;
use crate::simulator::output::{Gone, Output, Reply};
use crate::simulator::server_error::ServerError;
use crate::transport::SqlMessage;

pub(crate) use batch::request;
pub(crate) use login::change_own_password;
pub(crate) use procedure::CallSite;
pub(crate) use transaction::{ChangedDatabase, Savepoint, abandon as abandon_transaction};
pub(crate) use transaction_log::TransactionLog;

/// `CurCmd` of the ends of statements. Those with a comment were seen on a real wire.
pub(crate) mod command {
    /// Seen: a batch that fails to parse.
    pub(crate) const NONE: u16 = 253;
    /// Seen.
    pub(crate) const SELECT: u16 = 193;
    /// As TDS documents INSERT.
    pub(crate) const INSERT: u16 = 195;
    /// As TDS documents DELETE.
    pub(crate) const DELETE: u16 = 196;
    /// As TDS documents UPDATE.
    pub(crate) const UPDATE: u16 = 197;
    /// Unconfirmed.
    pub(crate) const CREATE_TABLE: u16 = 198;
    /// Unconfirmed.
    pub(crate) const DROP_TABLE: u16 = 199;
    /// Seen.
    pub(crate) const CREATE_DATABASE: u16 = 203;
    /// Seen.
    pub(crate) const DROP_DATABASE: u16 = 204;
    /// Seen.
    pub(crate) const ROLLBACK: u16 = 210;
    /// Seen.
    pub(crate) const BEGIN: u16 = 212;
    /// Unconfirmed.
    pub(crate) const COMMIT: u16 = 213;
    /// Seen.
    pub(crate) const ALTER_DATABASE: u16 = 215;
    /// As TDS documents EXECUTE.
    pub(crate) const EXECUTE: u16 = 224;
    /// Seen.
    pub(crate) const USE: u16 = 226;
}

/// How a statement ended, for those around it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Signal {
    Next,
    Break,
    Continue,
    Return(i32),
}

/// Runs the statements of a batch or of a procedure.
#[derive(Debug)]
struct Runner<'s> {
    session: &'s mut Session,
    output: &'s Output,
    /// How many statements are around the one that runs.
    nesting: u32,
    /// How many TRY blocks are: errors go to them instead of the client.
    tries: u32,
    /// The number of ends that were sent.
    ends: u64,
    /// Where a procedure's result sets go instead of the client (INSERT … EXEC).
    captured: Option<Vec<super::query::Rowset>>,
}

impl Runner<'_> {
    /// Looks at the state with the variables of a frame. The state is locked meanwhile.
    fn with_context<T>(&self, frame: &Frame, look: impl FnOnce(&Context<'_>) -> T) -> T {
        let instance = &self.session.instance;
        let state = instance.state();
        look(&Context {
            instance,
            state: &state,
            session: self.session,
            frame,
            named: None,
        })
    }

    async fn done(&mut self, command: u16, rows: Option<u64>) -> Result<(), Gone> {
        self.tell_transactions().await?;
        self.ends += 1;
        let rows = rows.filter(|_| !self.session.memory.no_count);
        self.output
            .send(Reply::Done {
                command,
                rows,
                is_error: false,
            })
            .await
    }

    /// Sends a message of the statement that runs.
    async fn notice(&mut self, frame: &Frame, message: SqlMessage) -> Result<(), Gone> {
        let output = self.output.at(self.session.line, &frame.procedure);
        output.message(message).await
    }

    /// Sends an error and the end of its statement.
    async fn fail(&mut self, frame: &Frame, error: ServerError, command: u16) -> Result<(), Gone> {
        for message in error.0 {
            if message.is_error() {
                self.session.memory.last_error = message.number;
            }
            self.notice(frame, message).await?;
        }
        self.tell_transactions().await?;
        self.ends += 1;
        self.output
            .send(Reply::Done {
                command,
                rows: None,
                is_error: true,
            })
            .await
    }
}

/// What a session acts on, without the session: the state and who it is.
fn read<'a>(state: &'a State, session: &'a Session, frame: &'a Frame) -> Context<'a> {
    Context {
        instance: &session.instance,
        state,
        session,
        frame,
        named: None,
    }
}
