//! A statement whose answer was lost: its session is ended, then the state is looked at. It is never
//! sent again.

use std::future::Future;
use std::time::Duration;

use crate::context::Context;
use crate::error::{Effect, Error, Result};
use crate::names::SqlInstance;
use crate::operation::Observation;
use crate::secret::Secret;
use crate::sql::answer::Answer;
use crate::sql::connection::Connection;
use crate::sql::statement::Statement;
use crate::transport::SqlBatch;

/// How many times a session is looked for that is being ended.
const LOOKS: u32 = 60;

/// A session by what no later one shares: ids are given again, with another time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SessionMark {
    pub(crate) session_id: i64,
    /// As the server tells it.
    pub(crate) login_time: String,
}

/// What became of the session.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Ending {
    /// It is gone, so nothing of it runs any more.
    Gone,
    /// It may be there still, and why.
    Unknown(String),
}

/// Sends a statement that changes something, as [`Connection::change`] does. If its answer is lost,
/// the verdict is taken from the state.
pub(crate) async fn change(
    connection: &mut Connection<'_>,
    batch: SqlBatch,
    secrets: &[&Secret],
    deadline: Option<Duration>,
    observe: impl Future<Output = Result<Observation>> + Send,
) -> Result<Answer> {
    match connection.change(batch, secrets, deadline).await {
        Err(error) => Err(settle(connection, error, observe).await),
        answered => answered,
    }
}

/// Gives an error whose effect is `Unknown` the effect that the state shows, once the session that
/// sent the statement is gone. Where that can't be told it stays `Unknown`, with what to do.
pub(crate) async fn settle(
    connection: &mut Connection<'_>,
    error: Error,
    observe: impl Future<Output = Result<Observation>> + Send,
) -> Error {
    if error.effect() != Effect::Unknown {
        return error;
    }
    let Some(mark) = connection.mark().cloned() else {
        return error;
    };
    let (cx, instance) = (connection.cx(), connection.instance().clone());
    let ending = match end(cx, &instance, &mark).await {
        Ok(ending) => ending,
        Err(trouble) => Ending::Unknown(trouble.detail().to_owned()),
    };
    let session = mark.session_id;
    if let Ending::Unknown(why) = ending {
        return error.with_remedy(format!(
            "the session {session} that sent it may run still ({why}); wait until it is gone, then observe, and don't repeat it before"
        ));
    }
    match observe.await {
        Ok(Observation::NotDone) => error
            .with_effect(Effect::None)
            .with_remedy("its session is gone and nothing of it is left; it may be run again"),
        Ok(Observation::Partial { state }) => error.with_effect(Effect::Partial).with_remedy(
            format!("its session is gone and it is left part-way: {state}"),
        ),
        Ok(Observation::Done) => error
            .with_effect(Effect::Done)
            .with_remedy("its session is gone and it was done; it need not be run again"),
        Ok(Observation::Indeterminate { seen }) => {
            error.with_remedy(format!("its session is gone; {seen}"))
        }
        Ok(Observation::InProgress) => {
            error.with_remedy("its session is gone, and the like runs in another; observe later")
        }
        Err(trouble) => error.with_remedy(format!(
            "its session is gone; what it left could not be seen ({})",
            trouble.detail()
        )),
    }
}

/// KILLs the session, and looks until it is gone.
async fn end(cx: &Context, instance: &SqlInstance, mark: &SessionMark) -> Result<Ending> {
    let mut other = Connection::open(cx, instance, None).await?;
    let allowed = Statement::new(
        "SELECT HAS_PERMS_BY_NAME(NULL, NULL, N'VIEW SERVER STATE') AS can_see, \
         HAS_PERMS_BY_NAME(NULL, NULL, N'ALTER ANY CONNECTION') AS can_kill",
    );
    let answer = other.look(allowed.batch()).await?;
    let row = answer.first()?;
    let can_kill = row.is("can_kill")?;
    if !row.is("can_see")? {
        let why = "the login lacks VIEW SERVER STATE, so that it sees its own sessions only";
        return Ok(Ending::Unknown(why.to_owned()));
    }
    for look in 0..LOOKS {
        if !is_there(&mut other, mark).await? {
            return Ok(Ending::Gone);
        }
        if look == 0 && can_kill {
            let kill = Statement::new("KILL ").number(mark.session_id).batch();
            // It may have ended by itself meanwhile (6106): the next look tells.
            if let Err(error) = other.look(kill).await {
                tracing::debug!(%error, "the session could not be killed");
            }
        } else {
            cx.clock().sleep(cx.deadlines().progress_interval).await;
        }
    }
    Ok(Ending::Unknown(if can_kill {
        "it was killed and is still being taken back".to_owned()
    } else {
        "the login lacks ALTER ANY CONNECTION to end it".to_owned()
    }))
}

async fn is_there(other: &mut Connection<'_>, mark: &SessionMark) -> Result<bool> {
    let batch = Statement::new(
        "SELECT CONVERT(nvarchar(30), login_time, 126) AS login_time FROM sys.dm_exec_sessions WHERE session_id = ",
    )
    .number(mark.session_id)
    .batch();
    let answer = other.look(batch).await?;
    let found = answer
        .rows(0)
        .next()
        .map(|row| row.text_or_null("login_time"))
        .transpose()?;
    Ok(found.flatten() == Some(mark.login_time.as_str()))
}
