//! A long statement, watched from a second session.

use std::future::Future;

use crate::context::Context;
use crate::error::Result;
use crate::names::SqlInstance;
use crate::operation::Observation;
use crate::progress::Progress;
use crate::sql::answer::Answer;
use crate::sql::connection::Connection;
use crate::sql::lost_session;
use crate::sql::statement::Statement;
use crate::transport::SqlBatch;

/// Runs a long statement and tells how far it is. Progress comes from `sys.dm_exec_requests` on a
/// second session, because most transports don't report messages while a statement runs.
pub(crate) async fn change(
    connection: &mut Connection<'_>,
    operation: &'static str,
    batch: SqlBatch,
) -> Result<Answer> {
    let cx = connection.cx();
    let instance = connection.instance().clone();
    let session_id = connection.session_id();
    let deadline = cx.deadlines().backup_or_restore;
    let statement = connection.change(batch, &[], deadline);
    tokio::select! {
        biased;
        answer = statement => answer,
        never = watch(cx, &instance, operation, session_id) => match never {},
    }
}

/// The same, for an operation that can be looked for: where the answer is lost, the session is ended
/// and the error's effect is what the state shows.
pub(crate) async fn change_observed(
    connection: &mut Connection<'_>,
    operation: &'static str,
    batch: SqlBatch,
    observe: impl Future<Output = Result<Observation>> + Send,
) -> Result<Answer> {
    match change(connection, operation, batch).await {
        Err(error) => Err(lost_session::settle(connection, error, observe).await),
        answered => answered,
    }
}

/// Tells the percentage until it is dropped. Trouble with it is no trouble of the statement's.
async fn watch(
    cx: &Context,
    instance: &SqlInstance,
    operation: &'static str,
    session_id: i64,
) -> std::convert::Infallible {
    let Err(error) = poll(cx, instance, operation, session_id).await;
    cx.report(&Progress::Notice {
        operation,
        text: format!("how far it is can't be read: {error}"),
    });
    std::future::pending().await
}

async fn poll(
    cx: &Context,
    instance: &SqlInstance,
    operation: &'static str,
    session_id: i64,
) -> Result<std::convert::Infallible> {
    cx.clock().sleep(cx.deadlines().progress_interval).await;
    let mut watcher = Connection::open(cx, instance, None).await?;
    loop {
        let batch = Statement::new("SELECT CAST(percent_complete AS float) AS percent_complete FROM sys.dm_exec_requests WHERE session_id = ")
            .number(session_id)
            .batch();
        let answer = watcher.look(batch).await?;
        let percent = answer
            .rows(0)
            .next()
            .map(|row| row.float_or_null("percent_complete"))
            .transpose()?;
        if let Some(percent) = percent.flatten() {
            cx.report(&Progress::Percent { operation, percent });
        }
        cx.clock().sleep(cx.deadlines().progress_interval).await;
    }
}
