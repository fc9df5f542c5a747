//! A request that runs: its replies as they arise, its end, and what becomes of it when nobody
//! waits for it any more.

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::simulator::engine::{LoginRequest, Request, Session, TransactionRequest};
use crate::simulator::faults::Disconnect;
use crate::simulator::instance::Instance;
use crate::simulator::output::{Gone, Output, Reply};
use crate::simulator::server_error::{ServerError, message};
use crate::transport::SqlValue;

type Work = Pin<Box<dyn Future<Output = (Session, Result<(), Gone>)> + Send>>;

/// A request that runs, with the session that runs it.
///
/// Dropping it aborts the statement where it stands, or leaves it running on its own if
/// [`batch_outlives_socket`](crate::simulator::ModellingChoices::batch_outlives_socket) says so.
pub(crate) struct RunningRequest {
    /// `None` once it has ended.
    work: Option<Work>,
    ended: Option<(Session, Result<(), Gone>)>,
    replies: mpsc::Receiver<Reply>,
    stop: CancellationToken,
    outlives_client: bool,
}

/// What a request does next.
#[derive(Debug)]
pub(crate) enum Step {
    Reply(Reply),
    /// All replies were given. `Gone` means that the session is over.
    Ended(Box<Session>, Result<(), Gone>),
}

impl RunningRequest {
    pub(crate) fn start(mut session: Session, request: Request) -> Self {
        let (output, replies) = Output::channel();
        let outlives_client = session.instance.choices.batch_outlives_socket;
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        let work = async move {
            let killed = session.killed.clone();
            let database = session.database.clone();
            let result = tokio::select! {
                biased;
                () = stopped.cancelled() => {
                    for message in session.end_stopped_batch(database) {
                        // A client that is gone too need not be told.
                        let _ = output.message(message).await;
                    }
                    Ok(())
                }
                () = killed.cancelled() => Err(tell_killed(&output).await),
                result = run(&mut session, request, &output) => result,
            };
            (session, result)
        };
        Self {
            work: Some(Box::pin(work)),
            ended: None,
            replies,
            stop,
            outlives_client,
        }
    }

    /// The next reply, or the end. Not to be called after that.
    ///
    /// Cancel safe.
    pub(crate) async fn next(&mut self) -> Step {
        poll_fn(|context| self.poll_next(context)).await
    }

    /// Whether no reply waits to be taken.
    pub(crate) fn is_silent(&self) -> bool {
        self.replies.is_empty()
    }

    /// Whether it goes on when nobody waits for it any more.
    pub(crate) const fn outlives_client(&self) -> bool {
        self.outlives_client
    }

    /// Aborts the statement where it stands and gives the session back, with the errors that it is
    /// left to tell.
    pub(crate) async fn stop(mut self) -> (Session, Vec<Reply>) {
        self.stop.cancel();
        let mut errors = Vec::new();
        loop {
            match self.next().await {
                Step::Ended(session, _) => return (*session, errors),
                Step::Reply(Reply::Message(message)) if message.is_error() => {
                    errors.push(Reply::Message(message));
                }
                Step::Reply(_) => {}
            }
        }
    }

    fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Step> {
        if let Some(work) = &mut self.work
            && let Poll::Ready(ended) = work.as_mut().poll(context)
        {
            self.work = None;
            self.ended = Some(ended);
        }
        match self.replies.poll_recv(context) {
            Poll::Ready(Some(reply)) => Poll::Ready(Step::Reply(reply)),
            // The work holds the other end, so that this is the end of both.
            Poll::Ready(None) => match self.ended.take() {
                Some((session, result)) => Poll::Ready(Step::Ended(Box::new(session), result)),
                None => Poll::Pending,
            },
            Poll::Pending => Poll::Pending,
        }
    }
}

impl Drop for RunningRequest {
    fn drop(&mut self) {
        if !self.outlives_client || self.stop.is_cancelled() {
            return;
        }
        let (Some(work), Ok(runtime)) = (self.work.take(), tokio::runtime::Handle::try_current())
        else {
            return;
        };
        let (_, unused) = mpsc::channel(1);
        let mut replies = std::mem::replace(&mut self.replies, unused);
        runtime.spawn(async move {
            // Its replies are still taken, or it would take itself for abandoned.
            let drain = async { while replies.recv().await.is_some() {} };
            let _ = tokio::join!(work, drain);
        });
    }
}

impl fmt::Debug for RunningRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunningRequest")
            .field("has_ended", &self.work.is_none())
            .field("outlives_client", &self.outlives_client)
            .finish_non_exhaustive()
    }
}

/// Signs in, off the runtime's threads: passwords are hashed slowly on purpose.
pub(crate) async fn open_session(
    instance: Arc<Instance>,
    request: LoginRequest,
) -> Result<Session, ServerError> {
    let open = move || Session::open(&instance, &request);
    match tokio::task::spawn_blocking(open).await {
        Ok(opened) => opened,
        Err(error) => Err(ServerError::unsupported(format!("this sign-in: {error}"))),
    }
}

/// What the client of a session that was killed amid a statement is told, as captured: the message
/// is of no line.
async fn tell_killed(output: &Output) -> Gone {
    let text = "Cannot continue the execution because the session is in the kill state.";
    let mut killed = message(596, 21, 1, text);
    killed.line = 0;
    // A client that is gone too need not be told.
    for reply in [Reply::Message(killed), Reply::Killed] {
        if output.send(reply).await.is_err() {
            break;
        }
    }
    Gone
}

/// Runs a request with the fault that it hits, if any.
async fn run(session: &mut Session, request: Request, output: &Output) -> Result<(), Gone> {
    let fault = session.instance.faults.fire(&text_of(&request));
    if let Some(delay) = fault.delay {
        tokio::time::sleep(delay).await;
    }
    if let Some(message) = fault.message {
        output.message(message).await?;
    }
    match fault.disconnect {
        None => session.execute(request, output).await,
        Some(Disconnect::Before) => Err(Gone),
        Some(Disconnect::After) => {
            session.execute(request, output).await?;
            Err(Gone)
        }
        Some(Disconnect::AfterReplies(count)) => {
            run_until(session, request, output, count).await;
            Err(Gone)
        }
    }
}

/// Runs a request until it has made that many replies.
async fn run_until(session: &mut Session, request: Request, output: &Output, count: usize) {
    // One at a time, so that the statement is not far ahead of what its client saw of it.
    let (inner, mut replies) = Output::of_capacity(1);
    let forward = async {
        for _ in 0..count {
            match replies.recv().await {
                Some(reply) => output.send(reply).await?,
                None => break,
            }
        }
        Ok::<(), Gone>(())
    };
    let work = async {
        let _ = session.execute(request, &inner).await;
        drop(inner);
    };
    tokio::pin!(forward, work);
    tokio::select! {
        biased;
        _ = &mut forward => {}
        () = &mut work => {
            let _ = forward.await;
        }
    }
}

/// The text that faults are matched with: of a call, its name and its texts.
fn text_of(request: &Request) -> String {
    match request {
        Request::Batch(text) => text.clone(),
        Request::Rpc {
            procedure,
            parameters,
        } => {
            let mut text = procedure.clone();
            for parameter in parameters {
                if let Some(SqlValue::Text(value)) = &parameter.value {
                    text.push(' ');
                    text.push_str(value);
                }
            }
            text
        }
        Request::Transaction(requests) => {
            let verbs = requests.iter().map(|request| match request {
                TransactionRequest::Begin { .. } => "BEGIN TRANSACTION",
                TransactionRequest::Commit => "COMMIT TRANSACTION",
                TransactionRequest::Rollback { .. } => "ROLLBACK TRANSACTION",
                TransactionRequest::Save { .. } => "SAVE TRANSACTION",
            });
            verbs.collect::<Vec<_>>().join("; ")
        }
    }
}
