//! A session: one login, one current database, its open keys and what it remembers.

mod access;

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::Caller;
use super::request::{LoginRequest, Request};
use super::run;
use super::temporary::TemporaryObjects;
use super::views::Language;
use crate::simulator::catalog::Guid;
use crate::simulator::instance::{Instance, SessionInfo, State, now};
use crate::simulator::keys::KeyMaterial;
use crate::simulator::output::{Gone, Output};
use crate::simulator::server_error::{Result, ServerError};
use crate::transport::SqlMessage;

pub(crate) use access::take_single_user;

/// The first id of a client's session; those below are the server's own.
const FIRST_SPID: i16 = 51;
/// No session's number.
const NO_SPID: i16 = 0;

/// A session: dropped when its connection ends.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) instance: Arc<Instance>,
    pub(crate) spid: i16,
    /// The login that it acts as.
    pub(crate) login: String,
    pub(crate) database: String,
    /// The line of the statement that runs now: what its messages carry.
    pub(crate) line: u32,
    /// The procedure that runs now, or empty.
    pub(crate) procedure: String,
    /// Transactions begun and not ended (`@@TRANCOUNT`).
    pub(crate) transactions: u32,
    /// What the client knows, and is yet to be told, of them.
    pub(crate) transaction_log: run::TransactionLog,
    /// The language that it signed in with.
    pub(crate) first_language: Language,
    /// Set by `KILL`: the connection closes.
    pub(crate) killed: CancellationToken,
    /// Database master keys opened by password, by lower-case database name.
    pub(crate) open_master_keys: BTreeMap<String, KeyMaterial>,
    pub(crate) open_symmetric_keys: Vec<OpenSymmetricKey>,
    pub(crate) memory: SessionMemory,
}

/// What a session remembers from statement to statement.
#[derive(Debug, Default)]
pub(crate) struct SessionMemory {
    /// The login that signed in, where the session acts as another.
    pub(crate) impersonations: Vec<Impersonation>,
    /// EXECUTE AS USER: the database and the user in it.
    pub(crate) impersonated_user: Option<(String, String)>,
    /// EXECUTE AS … WITH NO REVERT.
    pub(crate) reverts_no_more: bool,
    /// `@@ROWCOUNT`.
    pub(crate) row_count: i64,
    /// `@@ERROR`.
    pub(crate) last_error: i32,
    /// SET NOCOUNT ON.
    pub(crate) no_count: bool,
    /// SET XACT_ABORT ON.
    pub(crate) aborts_transactions: bool,
    /// SET IMPLICIT_TRANSACTIONS ON.
    pub(crate) begins_transactions: bool,
    /// SET TRANSACTION ISOLATION LEVEL READ UNCOMMITTED: reads wait for nobody.
    pub(crate) reads_uncommitted: bool,
    /// SET LANGUAGE. Messages are English in all of them: no translation of one is known for sure.
    pub(crate) language: Language,
    /// SET LOCK_TIMEOUT, in milliseconds; `None` waits without end.
    pub(crate) lock_timeout: Option<u64>,
    /// `#t` and `#p`.
    pub(crate) temporary: TemporaryObjects,
    /// What they were when the open transaction began.
    pub(crate) temporary_before: Option<TemporaryObjects>,
    /// `SCOPE_IDENTITY()`.
    pub(crate) identity: Option<i64>,
    /// The single-user database, in lower case, that the session has by having entered it: leaving
    /// it leaves it to others. (Who set a database to single-user keeps it from anywhere.)
    pub(crate) entered: Option<String>,
    /// The databases that the open transaction changed.
    pub(crate) changed_databases: Vec<run::ChangedDatabase>,
    /// The open transaction's name.
    pub(crate) transaction: Option<String>,
    pub(crate) savepoints: Vec<run::Savepoint>,
    /// Where the calls that run now were made. What is left here when a request begins was cut
    /// short.
    pub(crate) calls: Vec<run::CallSite>,
}

/// Who a session was before EXECUTE AS.
#[derive(Debug)]
pub(crate) struct Impersonation {
    pub(crate) login: String,
    pub(crate) user: Option<(String, String)>,
    /// Where REVERT must be called.
    pub(crate) database: String,
}

#[derive(Clone, Debug)]
pub(crate) struct OpenSymmetricKey {
    pub(crate) database: String,
    pub(crate) name: String,
    pub(crate) guid: Guid,
    pub(crate) material: KeyMaterial,
}

impl Session {
    /// Signs in: checks the password (18456) and the database (4060, then 18456).
    pub(crate) fn open(instance: &Arc<Instance>, request: &LoginRequest) -> Result<Self> {
        if !instance.verify_login_password(&request.user, &request.password) {
            return Err(login_failed(&request.user));
        }
        let mut state = instance.state();
        let login = state
            .login(&request.user)
            .ok_or_else(|| login_failed(&request.user))?;
        // Refused like any other (that the error is the same is documented of all that fail).
        if !Caller::of_login(&state, &request.user).has_server("CONNECT SQL") {
            return Err(login_failed(&request.user));
        }
        let name = login.name.clone();
        let wanted = request
            .database
            .clone()
            .unwrap_or_else(|| login.default_database.clone());
        let mut session = Self::new(instance, free_spid(&state), name, "master".to_owned());
        session.database = match session.may_use(&state, &wanted) {
            Ok(database) => database,
            Err(_) => {
                // The session locks the state once more when it is dropped; by then its number,
                // which it never registered, may be another's.
                session.spid = NO_SPID;
                drop(state);
                let error = ServerError::new(
                    4060,
                    11,
                    1,
                    format!(
                        "Cannot open database \"{wanted}\" requested by the login. The login failed."
                    ),
                );
                return Err(error.then(login_failed(&request.user)));
            }
        };
        if take_single_user(&mut state, &session.database, session.spid) {
            session.memory.entered = Some(session.database.to_lowercase());
        }
        if let Some(language) = &request.language {
            // An unknown one leaves the session with the usual one.
            session.first_language = Language::named(language).unwrap_or_default();
            session.memory.language = session.first_language;
        }
        session.register(&mut state, &request.host_name, &request.program_name);
        drop(state);
        if let Some(password) = &request.new_password {
            run::change_own_password(&session, password)?;
        }
        Ok(session)
    }

    /// A session of the server itself: `sa` in master, without a password.
    pub(crate) fn of_the_server(instance: &Arc<Instance>) -> Self {
        let mut state = instance.state();
        let session = Self::new(
            instance,
            free_spid(&state),
            "sa".to_owned(),
            "master".to_owned(),
        );
        session.register(&mut state, machine_of(&instance.name), "SQL Server");
        drop(state);
        session
    }

    /// A session that no view shows yet.
    pub(crate) fn new(
        instance: &Arc<Instance>,
        spid: i16,
        login: String,
        database: String,
    ) -> Self {
        Self {
            instance: Arc::clone(instance),
            spid,
            login,
            database,
            line: 1,
            procedure: String::new(),
            transactions: 0,
            transaction_log: run::TransactionLog::default(),
            killed: CancellationToken::new(),
            first_language: Language::default(),
            open_master_keys: BTreeMap::new(),
            open_symmetric_keys: Vec::new(),
            memory: SessionMemory::default(),
        }
    }

    fn register(&self, state: &mut State, host_name: &str, program_name: &str) {
        let info = SessionInfo {
            login: self.login.clone(),
            database: self.database.clone(),
            login_time: now(),
            host_name: host_name.to_owned(),
            program_name: program_name.to_owned(),
            request: None,
            aborted: None,
            killed: self.killed.clone(),
        };
        state.sessions.insert(self.spid, info);
    }

    /// Runs a request and sends what it answers. Server errors are replies; `Gone` means that the
    /// client is gone, and the session must be dropped. Who runs it ends it when the session is
    /// killed.
    pub(crate) async fn execute(&mut self, request: Request, output: &Output) -> Result<(), Gone> {
        Box::pin(run::request(self, request, output)).await
    }

    /// Puts the session in order after its batch was stopped amid a statement. An open transaction
    /// stays open, as was seen, unless XACT_ABORT is on.
    ///
    /// `database` is where the batch began: a procedure of another database may have been running.
    /// What is to be said of what was stopped.
    pub(crate) fn end_stopped_batch(&mut self, database: String) -> Vec<SqlMessage> {
        let instance = Arc::clone(&self.instance);
        let mut state = instance.state();
        if self.memory.aborts_transactions {
            run::abandon_transaction(self, &mut state);
        }
        if !self.procedure.is_empty() {
            self.procedure.clear();
            self.database = database;
        }
        self.show_idle(&mut state);
        let aborted = state
            .sessions
            .get_mut(&self.spid)
            .and_then(|info| info.aborted.take());
        aborted.map_or_else(Vec::new, |what| {
            super::backup::aborted(what, self.instance.choices.cancelled_backup)
        })
    }

    /// Makes the session what it was after signing in, as `sp_reset_connection` does for pools of
    /// connections. That it closes keys too is an inference: nothing else of a session outlives it.
    ///
    /// # Errors
    /// Fails if the database it began in can't be entered any more.
    pub(crate) fn reset(&mut self, database: &str, keeps_transaction: bool) -> Result<()> {
        let instance = Arc::clone(&self.instance);
        let mut state = instance.state();
        if !keeps_transaction {
            run::abandon_transaction(self, &mut state);
        }
        let spid = self.spid;
        state
            .locks
            .application
            .retain(|lock| lock.spid != spid || (keeps_transaction && lock.of_transaction));
        // That the session is new tells it all.
        self.transaction_log.take_untold();
        let memory = std::mem::take(&mut self.memory);
        self.memory.changed_databases = memory.changed_databases;
        self.memory.language = self.first_language;
        if let Some(first) = memory.impersonations.into_iter().next() {
            self.login = first.login;
        }
        self.open_master_keys.clear();
        self.open_symmetric_keys.clear();
        self.database = self.may_use(&state, database)?;
        take_single_user(&mut state, &self.database, spid);
        self.show_idle(&mut state);
        Ok(())
    }

    /// Lets the views show that nothing runs.
    fn show_idle(&self, state: &mut State) {
        if let Some(info) = state.sessions.get_mut(&self.spid) {
            info.database.clone_from(&self.database);
            info.request = None;
        }
    }
}

/// The machine's name: what stands in front of the instance's.
pub(crate) fn machine_of(name: &str) -> &str {
    name.split_once('\\').map_or(name, |(machine, _)| machine)
}

/// 18456: the same for an unknown login and a wrong password.
fn login_failed(user: &str) -> ServerError {
    ServerError::new(18456, 14, 1, format!("Login failed for user '{user}'."))
}

fn free_spid(state: &State) -> i16 {
    (FIRST_SPID..i16::MAX)
        .find(|spid| !state.sessions.contains_key(spid))
        .unwrap_or(i16::MAX)
}

impl Drop for Session {
    fn drop(&mut self) {
        let instance = Arc::clone(&self.instance);
        let mut state = instance.state();
        run::abandon_transaction(self, &mut state);
        state.sessions.remove(&self.spid);
        state
            .locks
            .single_user
            .retain(|_, holder| *holder != self.spid);
        state
            .locks
            .application
            .retain(|lock| lock.spid != self.spid);
    }
}
