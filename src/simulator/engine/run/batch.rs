//! Batches, and the statements in them.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use super::{Runner, Signal, command};
use crate::simulator::engine::frame::Frame;
use crate::simulator::engine::{Request, Session, backup, keys};
use crate::simulator::instance::{Instance, RequestInfo, now};
use crate::simulator::output::{Gone, Output};
use crate::simulator::server_error::{Failure, ServerError};
use crate::simulator::tsql::ast::{
    BackupStatement, ChangeStatement, DatabaseStatement, FlowStatement, QueryBody, RestoreKind,
    Statement, StatementKind, TableStatement, TransactionStatement,
};
use crate::simulator::tsql::parse_batch;

/// How deep statements and calls may nest in each other while they run.
const DEEPEST_NESTING: u32 = 120;

/// How often a statement looks whether the transaction that it waits for is over.
pub(super) const LOCK_INTERVAL: Duration = Duration::from_millis(5);

/// Runs a request: server errors are replies.
pub(crate) async fn request(
    session: &mut Session,
    request: Request,
    output: &Output,
) -> Result<(), Gone> {
    // An attention drops this future where it waits, and the note must go with it.
    let _note = RequestNote {
        instance: Arc::clone(&session.instance),
        spid: session.spid,
    };
    let mut runner = Runner {
        session,
        output,
        nesting: 0,
        tries: 0,
        ends: 0,
        captured: None,
    };
    runner.forget_calls();
    match request {
        Request::Batch(text) => runner.batch(&text).await,
        Request::Rpc {
            procedure,
            parameters,
        } => runner.rpc(&procedure, parameters).await,
        Request::Transaction(requests) => runner.transaction_requests(&requests).await,
    }
}

/// What the views show of a request, for as long as it runs.
struct RequestNote {
    instance: Arc<Instance>,
    spid: i16,
}

impl Drop for RequestNote {
    fn drop(&mut self) {
        let mut state = self.instance.state();
        if let Some(info) = state.sessions.get_mut(&self.spid) {
            info.request = None;
        }
    }
}

impl Runner<'_> {
    async fn batch(&mut self, text: &str) -> Result<(), Gone> {
        let mut frame = Frame::default();
        self.session.line = 1;
        match parse_batch(text) {
            Ok(statements) => {
                self.top_statements(&statements, &mut frame).await?;
            }
            Err(error) => return self.fail(&frame, error, command::NONE).await,
        }
        if self.ends == 0 {
            self.done(command::NONE, None).await?;
        }
        Ok(())
    }

    /// Runs statements that nothing is around: an error of a batch-aborting kind ends them.
    pub(super) async fn top_statements(
        &mut self,
        statements: &[Statement],
        frame: &mut Frame,
    ) -> Result<Signal, Gone> {
        match self.statements(statements, frame).await {
            Ok(signal) => Ok(signal),
            Err(Failure::Gone) => Err(Gone),
            // What aborts a batch was told to the client where it happened.
            Err(Failure::Server(_)) => Ok(Signal::Next),
        }
    }

    pub(super) async fn statements(
        &mut self,
        statements: &[Statement],
        frame: &mut Frame,
    ) -> Result<Signal, Failure> {
        for statement in statements {
            let signal = self.statement(statement, frame).await?;
            if signal != Signal::Next {
                return Ok(signal);
            }
        }
        Ok(Signal::Next)
    }

    /// Boxed, because statements hold statements.
    pub(super) fn statement<'a>(
        &'a mut self,
        statement: &'a Statement,
        frame: &'a mut Frame,
    ) -> Pin<Box<dyn Future<Output = Result<Signal, Failure>> + Send + 'a>> {
        Box::pin(async move {
            // A batch without waits must not keep the runtime's thread to itself.
            tokio::task::consume_budget().await;
            self.session.line = statement.line;
            self.session.procedure.clone_from(&frame.procedure);
            self.nesting += 1;
            let result = if self.nesting > DEEPEST_NESTING {
                Err(too_deep().into())
            } else {
                self.patiently(&statement.kind, frame).await
            };
            self.nesting -= 1;
            match result {
                Err(Failure::Server(error)) => self.failed(statement, error, frame).await,
                Ok(signal) => {
                    if !matches!(&statement.kind, StatementKind::Flow(flow) if keeps_error(flow)) {
                        self.session.memory.last_error = 0;
                    }
                    Ok(signal)
                }
                gone => gone,
            }
        })
    }

    /// Runs a statement, and again as long as another session's transaction is in its way.
    async fn patiently(
        &mut self,
        kind: &StatementKind,
        frame: &mut Frame,
    ) -> Result<Signal, Failure> {
        let mut waited = Duration::ZERO;
        loop {
            let result = self.kind(kind, frame).await;
            let limit = self.session.memory.lock_timeout.map(Duration::from_millis);
            match &result {
                Err(Failure::Server(error))
                    if error
                        .0
                        .first()
                        .is_some_and(|message| matches!(message.number, 1222 | 5061))
                        && limit.is_none_or(|limit| waited < limit) =>
                {
                    tokio::time::sleep(LOCK_INTERVAL).await;
                    waited += LOCK_INTERVAL;
                }
                _ => return result,
            }
        }
    }

    /// An error of a statement: to the TRY around it, or to the client, after which the batch goes
    /// on unless the error is one that ends it.
    async fn failed(
        &mut self,
        statement: &Statement,
        mut error: ServerError,
        frame: &Frame,
    ) -> Result<Signal, Failure> {
        // An empty error was told already, and is on its way out of the batch.
        if self.tries > 0 || error.0.is_empty() {
            for message in &mut error.0 {
                if message.line <= 1 {
                    message.line = statement.line;
                }
                if message.procedure.is_empty() {
                    message.procedure.clone_from(&frame.procedure);
                }
            }
            return Err(Failure::Server(error));
        }
        // Documented: RAISERROR does not honor XACT_ABORT.
        let is_raised = matches!(
            statement.kind,
            StatementKind::Flow(FlowStatement::RaiseError { .. })
        );
        let is_over =
            aborts_batch(&error) || (self.session.memory.aborts_transactions && !is_raised);
        let is_fatal = error.0.iter().any(|message| message.class >= 20);
        if is_over && !is_fatal {
            // The client is told with the end of the statement.
            self.roll_back_all();
        }
        let command = if is_refused(&statement.kind, &error) {
            command::NONE
        } else {
            command_of(
                &statement.kind,
                self.session.instance.choices.unseen_command,
            )
        };
        self.fail(frame, error, command).await?;
        if is_fatal {
            return Err(Failure::Gone);
        }
        if is_over {
            return Err(Failure::Server(ServerError(Vec::new())));
        }
        Ok(Signal::Next)
    }

    async fn kind(&mut self, kind: &StatementKind, frame: &mut Frame) -> Result<Signal, Failure> {
        if let Some(name) = request_name(kind) {
            self.note_request(name);
        }
        if begins_transaction(kind) {
            self.begin_implicitly();
        }
        match kind {
            StatementKind::Flow(flow) => return self.flow(flow, frame).await,
            StatementKind::Query(query) => self.query(query, frame).await?,
            StatementKind::Change(change) => self.change(change, frame).await?,
            StatementKind::Table(table) => self.table(table, frame).await?,
            StatementKind::Database(database) => self.database(database, frame).await?,
            StatementKind::Check(check) => self.dbcc(check, frame).await?,
            StatementKind::Security(security) => self.security(security, frame).await?,
            StatementKind::Procedure(procedure) => self.define_procedure(procedure, frame).await?,
            StatementKind::Execute(execute) => self.execute(execute, frame).await?,
            StatementKind::Key(key) => {
                self.ends += 1;
                let output = self.output.at(self.session.line, &frame.procedure);
                keys::execute(self.session, key, &output)
                    .await
                    .inspect_err(|_| self.ends -= 1)?;
            }
            StatementKind::Backup(statement) => {
                let statement = backup::resolve(statement, |name| {
                    let value = &frame.variable(name)?.value;
                    Ok(crate::simulator::engine::evaluate::text(value)?.unwrap_or_default())
                })?;
                self.backup(&statement, &frame.procedure).await?;
            }
        }
        Ok(Signal::Next)
    }

    /// Tells the views what the session runs.
    pub(super) fn note_request(&self, command: &str) {
        let mut state = self.session.instance.state();
        if let Some(info) = state.sessions.get_mut(&self.session.spid) {
            info.database.clone_from(&self.session.database);
            info.request = Some(RequestInfo {
                command: command.to_owned(),
                percent_complete: 0.0,
                started: now(),
            });
        }
    }
}

/// 217.
fn too_deep() -> ServerError {
    ServerError::new(
        217,
        16,
        1,
        "Maximum stored procedure, function, trigger, or view nesting level exceeded (limit 32).",
    )
}

/// Whether `@@ERROR` is left as it is: tests of it and jumps do not reset it.
const fn keeps_error(flow: &FlowStatement) -> bool {
    matches!(
        flow,
        FlowStatement::Block(_)
            | FlowStatement::Try { .. }
            | FlowStatement::RaiseError { .. }
            | FlowStatement::While { .. }
    )
}

/// Names that can't be bound and values that can't be converted end a batch; most else doesn't.
fn aborts_batch(error: &ServerError) -> bool {
    error.0.is_empty()
        || error.0.iter().any(|message| {
            matches!(
                message.number,
                137 | 207 | 208 | 213 | 217 | 241 | 245 | 1087 | 1205 | 4104 | 4121 | 50_900
            )
        })
}

/// Whether a statement failed before it began, as the captures' `CurCmd` shows: USE of what can't be
/// used, and changes of system databases.
fn is_refused(kind: &StatementKind, error: &ServerError) -> bool {
    let number = error.0.first().map(|message| message.number);
    matches!(kind, StatementKind::Flow(FlowStatement::Use(_)))
        || matches!(number, Some(3708 | 5058 | 12104))
}

/// `CurCmd` of a statement. `unseen` is that of those whose nobody saw.
const fn command_of(kind: &StatementKind, unseen: u16) -> u16 {
    match kind {
        StatementKind::Query(_) => command::SELECT,
        StatementKind::Change(ChangeStatement::Insert { .. }) => command::INSERT,
        StatementKind::Change(ChangeStatement::Update { .. }) => command::UPDATE,
        StatementKind::Change(ChangeStatement::Delete { .. }) => command::DELETE,
        StatementKind::Table(TableStatement::Create { .. }) => command::CREATE_TABLE,
        StatementKind::Table(TableStatement::Drop { .. }) => command::DROP_TABLE,
        StatementKind::Database(DatabaseStatement::Create { .. }) => command::CREATE_DATABASE,
        StatementKind::Database(DatabaseStatement::Drop { .. }) => command::DROP_DATABASE,
        StatementKind::Database(_) => command::ALTER_DATABASE,
        StatementKind::Execute(_) => command::EXECUTE,
        StatementKind::Check(_) | StatementKind::Key(_) => unseen,
        StatementKind::Backup(statement) => backup::command(statement, unseen),
        StatementKind::Flow(FlowStatement::Use(_)) => command::USE,
        StatementKind::Flow(FlowStatement::Transaction(statement)) => match statement {
            TransactionStatement::Begin(_) | TransactionStatement::Save(_) => command::BEGIN,
            TransactionStatement::Commit => command::COMMIT,
            TransactionStatement::Rollback(_) => command::ROLLBACK,
        },
        StatementKind::Flow(_)
        | StatementKind::Procedure(_)
        | StatementKind::Security(_)
        | StatementKind::Table(_) => command::NONE,
    }
}

/// Statements with which a transaction begins where they are implicit (documented); a SELECT only
/// where it reads something.
fn begins_transaction(kind: &StatementKind) -> bool {
    match kind {
        StatementKind::Query(query) => match &query.body {
            QueryBody::Select(select) => select.from.is_some(),
            QueryBody::Set { .. } => true,
        },
        StatementKind::Change(_)
        | StatementKind::Table(_)
        | StatementKind::Security(_)
        | StatementKind::Procedure(_) => true,
        _ => false,
    }
}

/// What `sys.dm_exec_requests` shows in `command`; `None` leaves what is there.
const fn request_name(kind: &StatementKind) -> Option<&'static str> {
    Some(match kind {
        StatementKind::Query(_) => "SELECT",
        StatementKind::Change(ChangeStatement::Insert { .. }) => "INSERT",
        StatementKind::Change(ChangeStatement::Update { .. }) => "UPDATE",
        StatementKind::Change(ChangeStatement::Delete { .. }) => "DELETE",
        StatementKind::Database(DatabaseStatement::Create { .. }) => "CREATE DATABASE",
        StatementKind::Database(DatabaseStatement::Drop { .. }) => "DROP DATABASE",
        StatementKind::Database(_) => "ALTER DATABASE",
        StatementKind::Check(_) => "DBCC",
        StatementKind::Execute(_) => "EXECUTE",
        StatementKind::Backup(BackupStatement::Backup { is_log: true, .. }) => "BACKUP LOG",
        StatementKind::Backup(BackupStatement::Backup { .. }) => "BACKUP DATABASE",
        StatementKind::Backup(BackupStatement::Restore { kind, .. }) => match kind {
            RestoreKind::Database => "RESTORE DATABASE",
            RestoreKind::Log => "RESTORE LOG",
            RestoreKind::HeaderOnly => "RESTORE HEADERONLY",
            RestoreKind::FileListOnly => "RESTORE FILELISTONLY",
            RestoreKind::LabelOnly => "RESTORE LABELONLY",
            RestoreKind::VerifyOnly => "RESTORE VERIFYONLY",
        },
        StatementKind::Flow(FlowStatement::WaitForDelay(_)) => "WAITFOR",
        StatementKind::Flow(FlowStatement::Kill { .. }) => "KILL",
        StatementKind::Flow(_) => return None,
        _ => "SELECT",
    })
}
