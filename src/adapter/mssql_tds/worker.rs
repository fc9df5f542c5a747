use mssql_tds::connection::tds_client::{
    BatchErrorMode, ExecuteOptions, ResultSet as _, StatementResult, TdsClient,
};
use mssql_tds::core::CancelHandle;
use mssql_tds::error::{Error, SqlErrorInfo, SqlInfoMessage};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::bounds::Bounds;
use super::value::value;
use crate::transport::{
    SqlBatch, SqlColumn, SqlMessage, SqlValue, TransportError, TransportErrorKind,
};

/// How long the server may take to acknowledge an attention. A BACKUP that is being written stops
/// within seconds; past this the connection is closed, which ends it too.
const ATTENTION_SECONDS: u32 = 60;

/// A batch to run.
pub(super) struct Command {
    pub(super) batch: SqlBatch,
    pub(super) events: mpsc::Sender<Event>,
    pub(super) cancel: CancellationToken,
}

/// A piece of the answer.
pub(super) enum Event {
    Columns(Vec<SqlColumn>),
    Row(Vec<SqlValue>),
    Message(SqlMessage),
    End(Result<(), TransportError>),
}

/// Runs batches until the session is dropped or the connection is lost.
pub(super) async fn work(
    mut client: TdsClient,
    mut commands: mpsc::Receiver<Command>,
    mut bounds: Bounds,
) {
    // Of the sign-in: nobody asked for them.
    client.take_info_messages();
    while let Some(command) = commands.recv().await {
        let events = command.events.clone();
        let end = run(&mut client, command, &mut bounds).await;
        let is_lost = end.is_err();
        // Whoever asked may have gone.
        let _ = events.send(Event::End(end)).await;
        if is_lost {
            return;
        }
    }
}

/// `Err`: the connection is not to be used again.
async fn run(
    client: &mut TdsClient,
    command: Command,
    bounds: &mut Bounds,
) -> Result<(), TransportError> {
    let Command {
        batch,
        events,
        cancel,
    } = command;
    if cancel.is_cancelled() {
        return Ok(());
    }
    let mut handle = CancelHandle::from(cancel);
    handle.set_cancel_timeout_secs(ATTENTION_SECONDS);
    let options = ExecuteOptions::new()
        .cancel(&handle)
        .on_error(BatchErrorMode::Continue);
    let text = batch.clear_text().to_owned();
    drop(batch);
    let mut result = bounds.keep(client.execute(text, options)).await?;
    loop {
        tell_messages(client, &events).await;
        match result {
            Ok(StatementResult::Rows) => {
                tell_columns(client, &events).await;
                if let Err(error) = tell_rows(client, &events, bounds).await? {
                    tell_messages(client, &events).await;
                    if Continuation::End == tell_error(client, &events, error).await? {
                        return Ok(());
                    }
                }
            }
            Ok(StatementResult::NoRows { .. }) => {}
            Ok(StatementResult::End) => return Ok(()),
            Err(error) => {
                if Continuation::End == tell_error(client, &events, error).await? {
                    return Ok(());
                }
            }
        }
        result = bounds.keep(client.advance()).await?;
    }
}

#[derive(PartialEq, Eq)]
enum Continuation {
    Batch,
    End,
}

/// What an error of the driver means: errors of the server are told.
async fn tell_error(
    client: &TdsClient,
    events: &mpsc::Sender<Event>,
    error: Error,
) -> Result<Continuation, TransportError> {
    match error {
        Error::SqlServerError { diagnostics } => {
            let fatal = diagnostics.errors.iter().find(|error| error.class >= 20);
            let fatal = fatal.map(|error| error.number);
            for error in diagnostics.errors {
                tell(events, Event::Message(error_message(error))).await;
            }
            if let Some(number) = fatal {
                return Err(TransportError::new(
                    TransportErrorKind::Interrupted,
                    format!("the server ended the session with error {number}"),
                ));
            }
            if client.is_connection_dead() {
                return Err(unreadable());
            }
            Ok(if client.has_open_batch() {
                Continuation::Batch
            } else {
                Continuation::End
            })
        }
        // Ended by attention, and acknowledged: nobody waits for this answer.
        Error::OperationCancelledError(_) if !client.is_connection_dead() => Ok(Continuation::End),
        Error::OperationCancelledError(_) => Err(TransportError::new(
            TransportErrorKind::Interrupted,
            "the server did not acknowledge that the batch was cancelled",
        )),
        Error::Io(problem) => Err(TransportError::new(
            TransportErrorKind::Interrupted,
            problem.to_string(),
        )),
        Error::ConnectionClosed(_) => Err(TransportError::new(
            TransportErrorKind::Interrupted,
            "the connection was closed",
        )),
        // What the driver says of a malformed answer can hold bytes of the wire.
        _ => Err(unreadable()),
    }
}

fn unreadable() -> TransportError {
    TransportError::new(
        TransportErrorKind::Interrupted,
        "the answer can't be read: it breaks the protocol",
    )
}

async fn tell(events: &mpsc::Sender<Event>, event: Event) {
    // Whoever asked may have gone; the driver then hears it from the token of the batch.
    let _ = events.send(event).await;
}

async fn tell_columns(client: &TdsClient, events: &mpsc::Sender<Event>) {
    let columns = client
        .get_metadata()
        .iter()
        .map(|column| SqlColumn {
            name: column.column_name.clone(),
        })
        .collect();
    tell(events, Event::Columns(columns)).await;
}

async fn tell_rows(
    client: &mut TdsClient,
    events: &mpsc::Sender<Event>,
    bounds: &mut Bounds,
) -> Result<Result<(), Error>, TransportError> {
    loop {
        match bounds.keep(client.next_row()).await? {
            Ok(Some(row)) => {
                let row: Option<Vec<SqlValue>> = row.into_iter().map(value).collect();
                tell(events, Event::Row(row.ok_or_else(unreadable)?)).await;
            }
            Ok(None) => return Ok(Ok(())),
            Err(error) => return Ok(Err(error)),
        }
    }
}

async fn tell_messages(client: &mut TdsClient, events: &mpsc::Sender<Event>) {
    for message in client.take_info_messages() {
        tell(events, Event::Message(info_message(message))).await;
    }
}

fn info_message(message: SqlInfoMessage) -> SqlMessage {
    SqlMessage {
        number: number(message.number),
        state: message.state,
        class: class(message.class),
        text: message.message,
        procedure: message.proc_name.unwrap_or_default(),
        line: line(message.line_number),
    }
}

fn error_message(error: SqlErrorInfo) -> SqlMessage {
    SqlMessage {
        number: number(error.number),
        state: error.state,
        class: class(error.class),
        text: error.message,
        procedure: error.proc_name.unwrap_or_default(),
        line: line(error.line_number),
    }
}

fn number(number: u32) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

fn class(class: i32) -> u8 {
    u8::try_from(class).unwrap_or(u8::MAX)
}

fn line(line: Option<i32>) -> u32 {
    line.and_then(|line| u32::try_from(line).ok())
        .unwrap_or_default()
}
