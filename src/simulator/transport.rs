//! The shortest way to an instance: a transport without a socket.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::names::{DatabaseName, SqlInstance};
use crate::secret::Secret;
use crate::simulator::SimulatedInstance;
use crate::simulator::engine::{LoginRequest, Request, Session};
use crate::simulator::output::Reply;
use crate::simulator::running_request::{RunningRequest, Step, open_session};
use crate::simulator::server_error::ServerError;
use crate::transport::{
    CancelSupport, ErrorSupport, MessageSupport, SqlBatch, SqlCapabilities, SqlColumn, SqlSession,
    SqlSink, SqlTransport, TransportError, TransportErrorKind, Wire,
};

/// Connects to simulated instances inside this process.
#[derive(Clone, Debug, Default)]
pub struct SimulatorTransport {
    instances: BTreeMap<SqlInstance, Target>,
}

#[derive(Clone, Debug)]
struct Target {
    instance: SimulatedInstance,
    login: String,
    password: Secret,
}

/// Sets up a [`SimulatorTransport`].
#[derive(Debug, Default)]
pub struct SimulatorTransportBuilder {
    transport: SimulatorTransport,
}

impl SimulatorTransport {
    /// Begins with no instances.
    #[must_use]
    pub fn builder() -> SimulatorTransportBuilder {
        SimulatorTransportBuilder::default()
    }
}

impl SimulatorTransportBuilder {
    /// Lets the transport reach `instance` under `name`, signing in as `login`.
    #[must_use]
    pub fn instance(
        mut self,
        name: SqlInstance,
        instance: &SimulatedInstance,
        login: &str,
        password: Secret,
    ) -> Self {
        let target = Target {
            instance: instance.clone(),
            login: login.to_owned(),
            password,
        };
        self.transport.instances.insert(name, target);
        self
    }

    /// The transport.
    #[must_use]
    pub fn build(self) -> SimulatorTransport {
        self.transport
    }
}

#[async_trait]
impl SqlTransport for SimulatorTransport {
    fn capabilities(&self) -> SqlCapabilities {
        SqlCapabilities {
            messages: MessageSupport::Live,
            errors: ErrorSupport::All,
            cancel: CancelSupport::Attention,
        }
    }

    async fn connect(
        &self,
        instance: &SqlInstance,
        database: Option<&DatabaseName>,
    ) -> Result<Box<dyn SqlSession>, TransportError> {
        let target = self.instances.get(instance).ok_or_else(|| {
            TransportError::new(
                TransportErrorKind::Unsupported,
                format!("this transport knows no instance {instance}; give it to its builder"),
            )
        })?;
        let request = LoginRequest {
            user: target.login.clone(),
            password: target.password.expose().to_owned(),
            database: database.map(|name| name.as_str().to_owned()),
            host_name: "simulator".to_owned(),
            program_name: env!("CARGO_PKG_NAME").to_owned(),
            language: None,
            new_password: None,
        };
        let instance = Arc::clone(&target.instance.inner);
        let session = open_session(instance, request)
            .await
            .map_err(|error| refused(&error))?;
        Ok(Box::new(InProcessSession(State::Idle(Idle::new(session)))))
    }
}

fn refused(error: &ServerError) -> TransportError {
    let texts: Vec<String> = error
        .0
        .iter()
        .map(|message| format!("{} {}", message.number, message.text))
        .collect();
    TransportError::new(TransportErrorKind::Authenticate, texts.join(" "))
}

/// A session without a connection under it.
struct InProcessSession(State);

enum State {
    Idle(Idle),
    /// A statement was given up, and is being stopped, as by an attention.
    Stopping(JoinHandle<Idle>),
    Over,
}

impl State {
    /// The session, once it is at rest.
    ///
    /// Cancel safe.
    async fn take(&mut self) -> Result<Session, TransportError> {
        if let Self::Stopping(stopping) = self {
            *self = stopping.await.map_or(Self::Over, Self::Idle);
        }
        let session = match std::mem::replace(self, Self::Over) {
            Self::Idle(idle) => idle.take(),
            _ => None,
        };
        session
            .filter(|session| !session.killed.is_cancelled())
            .ok_or_else(|| {
                TransportError::new(
                    TransportErrorKind::Connect,
                    "the session is over; connect again",
                )
            })
    }
}

/// The session between two statements. As a connection would notice: one that is killed then ends.
struct Idle {
    spid: i16,
    /// `None` once it was killed.
    session: Slot,
    _watch: DropGuard,
}

type Slot = Arc<Mutex<Option<Session>>>;

impl Idle {
    fn new(session: Session) -> Self {
        let spid = session.spid;
        let killed = session.killed.clone();
        let slot = Arc::new(Mutex::new(Some(session)));
        let closed = CancellationToken::new();
        let (watched, is_closed) = (Arc::downgrade(&slot), closed.clone());
        tokio::spawn(async move {
            tokio::select! {
                () = is_closed.cancelled() => {}
                () = killed.cancelled() => {
                    if let Some(slot) = watched.upgrade() {
                        drop(take(&slot));
                    }
                }
            }
        });
        Self {
            spid,
            session: slot,
            _watch: closed.drop_guard(),
        }
    }

    fn take(self) -> Option<Session> {
        take(&self.session)
    }
}

fn take(slot: &Slot) -> Option<Session> {
    slot.lock().unwrap_or_else(PoisonError::into_inner).take()
}

/// A statement whose answer is being taken. Giving it up stops it; the session stays usable, unless
/// the statement is one that outlives its client.
struct Attended<'a> {
    running: Option<RunningRequest>,
    state: &'a mut State,
}

impl Drop for Attended<'_> {
    fn drop(&mut self) {
        let running = self.running.take();
        let running = running.filter(|running| !running.outlives_client());
        if let (Some(running), Ok(runtime)) = (running, Handle::try_current()) {
            *self.state =
                State::Stopping(runtime.spawn(async move { Idle::new(running.stop().await.0) }));
        }
    }
}

#[async_trait]
impl SqlSession for InProcessSession {
    async fn execute(
        &mut self,
        batch: SqlBatch,
        sink: &mut dyn SqlSink,
    ) -> Result<(), TransportError> {
        let session = self.0.take().await?;
        let request = Request::Batch(batch.clear_text().to_owned());
        let mut attended = Attended {
            running: Some(RunningRequest::start(session, request)),
            state: &mut self.0,
        };
        while let Some(running) = &mut attended.running {
            match running.next().await {
                Step::Reply(reply) => give(sink, reply),
                Step::Ended(session, Ok(())) => {
                    attended.running = None;
                    *attended.state = State::Idle(Idle::new(*session));
                }
                Step::Ended(_, Err(_)) => {
                    attended.running = None;
                    return Err(TransportError::new(
                        TransportErrorKind::Interrupted,
                        "the server closed the connection",
                    ));
                }
            }
        }
        Ok(())
    }

    fn wire(&self) -> Wire {
        Wire::InProcess
    }
}

impl fmt::Debug for InProcessSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InProcessSession")
            .field(
                "spid",
                &match &self.0 {
                    State::Idle(session) => Some(session.spid),
                    State::Stopping(_) | State::Over => None,
                },
            )
            .finish()
    }
}

/// What a reply is to a sink. Ends of statements and changes of the session are nothing to it.
fn give(sink: &mut dyn SqlSink, reply: Reply) {
    match reply {
        Reply::Columns(columns) => {
            let columns: Vec<SqlColumn> = columns
                .into_iter()
                .map(|column| SqlColumn { name: column.name })
                .collect();
            sink.columns(&columns);
        }
        Reply::Row(row) => sink.row(row),
        Reply::Message(message) => sink.message(message),
        Reply::Done { .. }
        | Reply::Killed
        | Reply::Database { .. }
        | Reply::Language { .. }
        | Reply::Transaction { .. }
        | Reply::ReturnValue { .. }
        | Reply::ReturnStatus(_) => {}
    }
}
