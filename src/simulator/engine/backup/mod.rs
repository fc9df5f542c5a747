//! BACKUP and RESTORE of databases.

mod backup_database;
mod cell;
mod device;
mod encryption;
mod history;
mod history_procedures;
mod history_tables;
mod inspect;
mod media_message;
mod message;
mod names;
mod new_set;
mod options;
mod permission;
mod progress;
mod restore_database;
mod restore_plan;
mod rows;
mod url;

pub(crate) use self::history_procedures::create_procedures as create_history_procedures;
pub(crate) use self::history_tables::create_tables as create_history_tables;
use self::options::Options;
use crate::simulator::CancelledBackup;
use crate::simulator::engine::Session;
use crate::simulator::instance::{State, same_name};
use crate::simulator::output::Output;
use crate::simulator::server_error::{Failure, Result, ServerError};
use crate::simulator::tsql::ast::{
    BackupStatement, Device, MediaOption, RestoreKind, TextArgument,
};
use crate::transport::SqlMessage;

/// `CurCmd` of the statements' ends, as captured.
const BACKUP_DATABASE: u16 = 228;
const RESTORE_DATABASE: u16 = 229;
const ROWS: u16 = 230;
const BACKUP_LOG: u16 = 235;
const RESTORE_HEADERONLY: u16 = 250;
const RESTORE_FILELISTONLY: u16 = 376;
const RESTORE_VERIFYONLY: u16 = 377;

/// `CurCmd` of a statement's last DONE, also where it fails. `unseen` is that of those whose nobody
/// saw.
pub(crate) const fn command(statement: &BackupStatement, unseen: u16) -> u16 {
    match statement {
        BackupStatement::Backup { is_log: false, .. } => BACKUP_DATABASE,
        BackupStatement::Backup { is_log: true, .. } => BACKUP_LOG,
        BackupStatement::Restore { kind, .. } => match kind {
            RestoreKind::Database => RESTORE_DATABASE,
            RestoreKind::Log | RestoreKind::LabelOnly => unseen,
            RestoreKind::HeaderOnly => RESTORE_HEADERONLY,
            RestoreKind::FileListOnly => RESTORE_FILELISTONLY,
            RestoreKind::VerifyOnly => RESTORE_VERIFYONLY,
        },
    }
}

/// What 3013 calls a statement.
const fn what(statement: &BackupStatement) -> &'static str {
    match statement {
        BackupStatement::Backup { is_log: false, .. } => "BACKUP DATABASE",
        BackupStatement::Backup { is_log: true, .. } => "BACKUP LOG",
        BackupStatement::Restore { kind, .. } => match kind {
            RestoreKind::Database => "RESTORE DATABASE",
            RestoreKind::Log => "RESTORE LOG",
            RestoreKind::HeaderOnly => "RESTORE HEADERONLY",
            RestoreKind::FileListOnly => "RESTORE FILELIST",
            RestoreKind::LabelOnly => "RESTORE LABELONLY",
            RestoreKind::VerifyOnly => "VERIFY DATABASE",
        },
    }
}

/// The statement with the values of variables in their places.
pub(crate) fn resolve(
    statement: &BackupStatement,
    variable: impl Fn(&str) -> Result<String>,
) -> Result<BackupStatement> {
    let argument = |argument: &TextArgument| match argument {
        TextArgument::Literal(_) => Ok(argument.clone()),
        TextArgument::Variable(name) => variable(name).map(TextArgument::Literal),
    };
    let mut resolved = statement.clone();
    let (database, devices, options) = match &mut resolved {
        BackupStatement::Backup {
            database,
            devices,
            options,
            ..
        } => (Some(database), devices, options),
        BackupStatement::Restore {
            database,
            devices,
            options,
            ..
        } => (database.as_mut(), devices, options),
    };
    if let Some(database) = database {
        *database = argument(database)?;
    }
    for device in devices {
        if let Device::Disk(path) | Device::Url(path) = device {
            *path = argument(path)?;
        }
    }
    for option in options {
        match option {
            MediaOption::Description(text)
            | MediaOption::File(text)
            | MediaOption::MediaDescription(text)
            | MediaOption::MediaName(text)
            | MediaOption::Name(text)
            | MediaOption::Standby(text) => *text = argument(text)?,
            MediaOption::Move { logical, to } => {
                *logical = argument(logical)?;
                *to = argument(to)?;
            }
            _ => {}
        }
    }
    Ok(resolved)
}

/// The text of an argument whose variables were resolved.
fn literal(argument: &TextArgument) -> Result<String> {
    match argument {
        TextArgument::Literal(text) => Ok(text.clone()),
        TextArgument::Variable(name) => Err(ServerError::new(
            137,
            15,
            2,
            format!("Must declare the scalar variable \"{name}\"."),
        )),
    }
}

/// Runs a [resolved](resolve) statement: sends its messages, rows and ends. Errors, with 3013
/// behind them, are the caller's to send, with [`command`].
pub(crate) async fn execute(
    session: &Session,
    statement: &BackupStatement,
    output: &Output,
) -> Result<(), Failure> {
    let abort = Abort {
        session,
        what: Some(what(statement)),
    };
    let result = run(session, statement, output).await;
    abort.forget();
    match result {
        // The statement was not begun.
        Err(Failure::Server(error)) if session.instance.edition.is_azure() => {
            Err(Failure::Server(error))
        }
        Err(Failure::Server(error)) => Err(Failure::Server(
            error.then(message::terminating(what(statement))),
        )),
        result => result,
    }
}

async fn run(
    session: &Session,
    statement: &BackupStatement,
    output: &Output,
) -> Result<(), Failure> {
    if session.instance.edition.is_azure() {
        return Err(not_on_azure(what(statement)).into());
    }
    match statement {
        BackupStatement::Backup {
            is_log,
            database,
            devices,
            options,
        } => {
            check_no_transaction(session)?;
            let (database, options) = (literal(database)?, Options::new(options)?);
            let backup =
                backup_database::run(session, *is_log, &database, devices, options, output);
            Box::pin(backup).await
        }
        BackupStatement::Restore {
            kind,
            database: Some(database),
            devices,
            options,
        } if matches!(kind, RestoreKind::Database | RestoreKind::Log) => {
            check_no_transaction(session)?;
            let (database, options) = (literal(database)?, Options::new(options)?);
            let is_log = *kind == RestoreKind::Log;
            let restore =
                restore_database::run(session, is_log, &database, devices, options, output);
            Box::pin(restore).await
        }
        BackupStatement::Restore {
            kind,
            devices,
            options,
            ..
        } => {
            let options = Options::new(options)?;
            Box::pin(inspect::run(session, *kind, devices, options, output)).await
        }
    }
}

/// Notes that a statement was stopped amid its work, where it is dropped before its end.
struct Abort<'a> {
    session: &'a Session,
    what: Option<&'static str>,
}

impl Abort<'_> {
    fn forget(mut self) {
        self.what = None;
    }
}

impl Drop for Abort<'_> {
    fn drop(&mut self) {
        if self.what.is_some() {
            let mut state = self.session.instance.state();
            if let Some(info) = state.sessions.get_mut(&self.session.spid) {
                info.aborted = self.what;
            }
        }
    }
}

/// What the client of a stopped statement is told.
pub(crate) fn aborted(what: &str, told: CancelledBackup) -> Vec<SqlMessage> {
    let aborted = message::aborted();
    let terminating = message::terminating(what);
    match told {
        CancelledBackup::AbortedThenTerminating => aborted.then(terminating).0,
        CancelledBackup::Nothing => Vec::new(),
        CancelledBackup::TerminatingThenAborted => terminating.then(aborted).0,
    }
}

/// 40510, as seen from Azure SQL Database; that a Managed Instance has the same is unconfirmed.
pub(crate) fn not_on_azure(statement: &str) -> ServerError {
    let text = format!("Statement '{statement}' is not supported in this version of SQL Server.");
    ServerError::new(40_510, 16, 1, text)
}

fn check_no_transaction(session: &Session) -> Result<()> {
    if session.transactions > 0 {
        Err(message::in_transaction())
    } else {
        Ok(())
    }
}

/// Nobody is in the database: 3102 where this session is, 3101 where others are.
fn check_exclusive(session: &Session, state: &State, database: &str) -> Result<()> {
    if same_name(&session.database, database) {
        return Err(message::in_use_by_this_session(database));
    }
    // Who was sent away is on the way out, even if nobody has noticed yet.
    let in_use = state.sessions.iter().any(|(spid, info)| {
        *spid != session.spid && same_name(&info.database, database) && !info.killed.is_cancelled()
    });
    let held = state
        .locks
        .single_user
        .get(&database.to_lowercase())
        .is_some_and(|holder| *holder != session.spid);
    if in_use || held {
        Err(message::database_in_use())
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
