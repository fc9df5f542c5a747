//! The conversation with one client, from its first byte to its last.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};

use crate::simulator::WireBug;
use crate::simulator::engine::{Request, Session};
use crate::simulator::instance::Instance;
use crate::simulator::output::Reply;
use crate::simulator::running_request::{RunningRequest, Step};
use crate::simulator::server_error::ServerError;
use crate::simulator::tds::cursor::RequestError;
use crate::simulator::tds::dialect::Dialect;
use crate::simulator::tds::login::Login;
use crate::simulator::tds::packet::{
    ATTENTION, LOGIN7, MessageReader, MessageWriter, REPLY, Reset,
};
use crate::simulator::tds::prepared::{PreparedStatements, Resolved};
use crate::simulator::tds::reply::{Broken, ReplyWriter, Shape};
use crate::simulator::tds::request::{self, ClientRequest, Run};
use crate::simulator::tds::secure::{self, Duplex, Opened};
use crate::simulator::tds::sign_in;
use crate::simulator::tds::token::{self, DONE_ATTENTION, DONE_ERROR, DoneKind, TextChange};
use crate::simulator::tds::version::TdsVersion;
use crate::simulator::tls::{Tls, TlsMode};

/// `CurCmd` of the DONE that acknowledges an attention, as captured.
const ATTENTION_COMMAND: u16 = 253;
/// How many bytes may wait for a slow client before its statement waits too.
const MOST_WAITING: usize = 64 * 1024;

/// What the connections of a listener have in common.
#[derive(Debug)]
pub(crate) struct Endpoint {
    pub(crate) instance: Arc<Instance>,
    pub(crate) mode: TlsMode,
    /// How long a client may take until it asks to sign in.
    pub(crate) sign_in_deadline: Duration,
    /// There where the mode needs it.
    pub(crate) tls: Option<Tls>,
    /// The server and port that clients are sent to.
    pub(crate) route: Option<(String, u16)>,
    pub(crate) bug: Option<WireBug>,
}

impl Endpoint {
    pub(super) fn has(&self, bug: WireBug) -> bool {
        self.bug == Some(bug)
    }
}

/// Talks with a client until one of the two ends it.
pub(crate) async fn serve(endpoint: &Endpoint, stream: TcpStream) -> io::Result<()> {
    // Messages are sent when they are complete: waiting for more would only delay them.
    stream.set_nodelay(true)?;
    let deadline = Instant::now().checked_add(endpoint.sign_in_deadline);
    let opening = Box::pin(secure::open(endpoint, stream));
    match in_time(deadline, opening).await? {
        Some(opened) => converse(endpoint, opened, deadline).await,
        None => Ok(()),
    }
}

/// Waits for a client that did not ask to sign in yet.
async fn in_time<T>(
    deadline: Option<Instant>,
    work: impl Future<Output = io::Result<T>>,
) -> io::Result<T> {
    match deadline {
        Some(deadline) => timeout_at(deadline, work)
            .await
            .map_err(|_| io::Error::new(io::ErrorKind::TimedOut, "the client did not sign in"))?,
        None => work.await,
    }
}

/// The conversation with a client that is ready to sign in, until the deadline.
pub(super) async fn converse(
    endpoint: &Endpoint,
    opened: Opened,
    deadline: Option<Instant>,
) -> io::Result<()> {
    let (read, write) = tokio::io::split(opened.stream);
    let mut connection = Connection {
        endpoint,
        reader: MessageReader::new(read),
        writer: MessageWriter::new(write, REPLY),
        prepared: PreparedStatements::default(),
        dialect: Dialect {
            version: TdsVersion::V7_4,
            tells_nullable: !endpoint.has(WireBug::ColumnFlags),
        },
        home: String::new(),
    };
    if let Some(session) = connection.sign_in(opened.tls_first, deadline).await? {
        connection.serve_requests(session).await?;
    }
    // The last packets must arrive: closing without this may overtake them.
    connection.writer.into_stream().shutdown().await
}

/// A client that got past PRELOGIN.
#[derive(Debug)]
struct Connection<'a> {
    endpoint: &'a Endpoint,
    reader: MessageReader<ReadHalf<Box<dyn Duplex>>>,
    writer: MessageWriter<WriteHalf<Box<dyn Duplex>>>,
    prepared: PreparedStatements,
    dialect: Dialect,
    /// The database that the session began in.
    home: String,
}

impl<'a> Connection<'a> {
    fn reply_writer(&self, shape: Shape) -> ReplyWriter<'a> {
        ReplyWriter::new(&self.endpoint.instance.name, shape, self.dialect)
    }

    async fn sign_in(
        &mut self,
        tls_first: bool,
        deadline: Option<Instant>,
    ) -> io::Result<Option<Session>> {
        let Some(message) = in_time(deadline, self.reader.next()).await? else {
            return Ok(None);
        };
        if message.kind != LOGIN7 {
            return Err(invalid("the client did not sign in"));
        }
        let opened = match Login::read(&message.body, tls_first) {
            Ok(login) => {
                // What it is refused with must be read, too.
                self.dialect.version = login.tds_version;
                let session = sign_in::session_for(self.endpoint, &login).await;
                session.map(|session| (login, session))
            }
            Err(RequestError::Unsupported(what)) => Err(ServerError::unsupported(what)),
            Err(error) => return Err(malformed(error)),
        };
        match opened {
            Ok((login, session)) => {
                if let Some(route) = sign_in::route(self.endpoint, &login) {
                    sign_in::put_elsewhere(self.writer.body(), self.endpoint, &login, route);
                    self.writer.end_message();
                    self.writer.flush().await?;
                    return Ok(None);
                }
                sign_in::put_welcome(self.writer.body(), self.endpoint, &login, &session);
                self.writer.end_message();
                self.writer.flush().await?;
                self.writer.set_packet_size(login.packet_size);
                self.reader.trust();
                self.home.clone_from(&session.database);
                Ok(Some(session))
            }
            Err(error) => {
                self.put_failure(Shape::Batch, error);
                self.writer.end_message();
                self.writer.flush().await?;
                Ok(None)
            }
        }
    }

    async fn serve_requests(&mut self, mut session: Session) -> io::Result<()> {
        loop {
            let killed = session.killed.clone();
            let message = tokio::select! {
                biased;
                () = killed.cancelled() => return Ok(()),
                message = self.reader.next() => message?,
            };
            let Some(message) = message else {
                return Ok(());
            };
            if message.reset != Reset::No {
                self.reset(&mut session, message.reset)?;
            }
            match request::read(&message, self.dialect.version) {
                Ok(ClientRequest::Run(mut run)) => {
                    if message.reset != Reset::No {
                        // Its transaction may have ended with that.
                        run.transaction = None;
                    }
                    match self.answer(session, run).await? {
                        Some(kept) => session = kept,
                        None => return Ok(()),
                    }
                }
                Ok(ClientRequest::Attention) => self.acknowledge_attention(false),
                Err(RequestError::Unsupported(what)) => {
                    self.put_failure(request::shape(&message), ServerError::unsupported(what));
                    self.writer.end_message();
                }
                Err(error) => return Err(malformed(error)),
            }
            tokio::select! {
                biased;
                flushed = self.writer.flush() => flushed?,
                // A client that does not read is not waited for.
                () = killed.cancelled() => return Ok(()),
            }
        }
    }

    /// Makes the session new for another user of the connection, and begins the reply with that.
    fn reset(&mut self, session: &mut Session, reset: Reset) -> io::Result<()> {
        let before = session.database.clone();
        session
            .reset(&self.home, reset == Reset::AllButTransaction)
            .map_err(|error| {
                let what = error.0.first().map_or("", |message| &message.text);
                io::Error::other(format!("the session can't be reset: {what}"))
            })?;
        self.prepared = PreparedStatements::default();
        let out = self.writer.body();
        token::put_reset(out, self.dialect.version);
        if session.database != before {
            token::put_text_change(out, TextChange::Database, &session.database, &before);
        }
        Ok(())
    }

    /// Answers a request. The session is given back unless the conversation is over.
    async fn answer(&mut self, mut session: Session, run: Run) -> io::Result<Option<Session>> {
        let Run {
            requests,
            shape,
            transaction,
        } = run;
        let current = session.transaction_log.current();
        if transaction.is_some_and(|meant| meant != 0 && meant != current) {
            self.put_failure(shape, stale_transaction());
            self.writer.end_message();
            return Ok(Some(session));
        }
        let mut requests = requests.into_iter().peekable();
        while let Some(request) = requests.next() {
            let more = requests.peek().is_some();
            match self.prepared.resolve(request) {
                Ok(Resolved::Run {
                    request,
                    returned,
                    ahead,
                }) => {
                    let end = End {
                        shape,
                        returned,
                        ahead,
                        more,
                    };
                    match self.run(session, request, end).await? {
                        Course::Ended(kept) => session = *kept,
                        Course::Stopped(kept) => return Ok(Some(*kept)),
                        Course::Over => return Ok(None),
                    }
                }
                Ok(Resolved::Answered { returned }) => {
                    let reply = self.reply_writer(shape);
                    reply.end(self.writer.body(), returned, more);
                }
                Err(error) => self.put_failed(shape, error, more),
            }
        }
        self.writer.end_message();
        Ok(Some(session))
    }

    /// Runs a request, and answers it with its own replies and what is returned besides.
    ///
    /// A client that leaves meanwhile takes its statement with it: that is decided where
    /// `running` is dropped.
    async fn run(&mut self, session: Session, request: Request, end: End) -> io::Result<Course> {
        let killed = session.killed.clone();
        let mut running = RunningRequest::start(session, request);
        let mut reply = self.reply_writer(end.shape);
        loop {
            let is_held_up = self.writer.waiting() >= MOST_WAITING;
            tokio::select! {
                biased;
                message = self.reader.next() => match message? {
                    Some(message) if message.kind == ATTENTION => {
                        let (mut session, errors) = running.stop().await;
                        for error in errors {
                            // Made here, so that it can be sent.
                            let _ = reply.put(self.writer.body(), error);
                        }
                        let out = self.writer.body();
                        for (change, descriptor) in session.transaction_log.take_untold() {
                            token::put_transaction(out, change, descriptor, self.dialect.version);
                        }
                        self.acknowledge_attention(true);
                        return Ok(Course::Stopped(Box::new(session)));
                    }
                    Some(_) => return Err(invalid("a request came before the last one's end")),
                    None => return Ok(Course::Over),
                },
                flushed = self.writer.flush(), if !self.writer.is_flushed() => flushed?,
                // The statement sees this itself unless it waits for its client.
                () = killed.cancelled(), if is_held_up => return Ok(Course::Over),
                step = running.next(), if !is_held_up => match step {
                    Step::Reply(item) => {
                        match reply.put(self.writer.body(), end.placed(item)) {
                            Ok(()) if running.is_silent() => self.writer.cut_all(),
                            Ok(()) => self.writer.cut(),
                            Err(Broken) => return self.hang_up().await,
                        }
                    }
                    Step::Ended(session, Ok(())) => {
                        reply.end(self.writer.body(), end.returned, end.more);
                        return Ok(Course::Ended(session));
                    }
                    Step::Ended(session, Err(_)) => {
                        drop(session);
                        return self.hang_up().await;
                    }
                },
            }
        }
    }

    /// Sends what there is, without the end that a reply has, for the connection to be closed.
    async fn hang_up(&mut self) -> io::Result<Course> {
        self.writer.cut_all();
        self.writer.flush().await?;
        Ok(Course::Over)
    }

    fn acknowledge_attention(&mut self, was_running: bool) {
        let choices = &self.endpoint.instance.choices;
        let version = self.dialect.version;
        let mut status = DONE_ATTENTION;
        if was_running && choices.attention_in_own_message {
            let out = self.writer.body();
            token::put_done(
                out,
                DoneKind::Statement,
                DONE_ERROR,
                ATTENTION_COMMAND,
                None,
                version,
            );
            self.writer.end_message();
        } else if was_running {
            status |= DONE_ERROR;
        }
        let out = self.writer.body();
        let (kind, command) = (DoneKind::Statement, ATTENTION_COMMAND);
        token::put_done(out, kind, status, command, None, version);
        self.writer.end_message();
    }

    fn put_failure(&mut self, shape: Shape, error: ServerError) {
        self.put_failed(shape, error, false);
    }

    /// Writes the whole reply to a request that no session runs.
    fn put_failed(&mut self, shape: Shape, error: ServerError, more: bool) {
        let mut reply = self.reply_writer(shape);
        let out = self.writer.body();
        for message in error.0 {
            // A message can always be sent.
            let _ = reply.put(out, Reply::Message(message));
        }
        reply.end(out, Vec::new(), more);
    }
}

/// How the reply to a request ends.
#[derive(Debug)]
struct End {
    shape: Shape,
    returned: Vec<Reply>,
    /// See [`Resolved::Run`].
    ahead: i16,
    /// Another reply follows in the same message.
    more: bool,
}

impl End {
    /// A reply with the place that its client knows.
    fn placed(&self, mut reply: Reply) -> Reply {
        if let Reply::ReturnValue { ordinal, .. } = &mut reply {
            *ordinal = ordinal.saturating_add_signed(self.ahead);
        }
        reply
    }
}

/// What became of a request.
#[derive(Debug)]
enum Course {
    Ended(Box<Session>),
    /// By an attention, which was acknowledged.
    Stopped(Box<Session>),
    /// And the conversation with it.
    Over,
}

/// 3989. That a request without a descriptor, or with none, is taken is not confirmed.
fn stale_transaction() -> ServerError {
    ServerError::new(
        3989,
        16,
        1,
        "New request is not allowed to start because it should come with valid transaction \
         descriptor.",
    )
}

pub(super) fn malformed(error: RequestError) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

pub(super) fn invalid(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}
