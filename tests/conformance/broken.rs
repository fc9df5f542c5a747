//! A transport that is broken, in one way at a time, around one that is not.

use std::mem;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use scorch_recovery::Secret;
use scorch_recovery::conformance::{PlayedServer, Protection, SqlTransportFixture};
use scorch_recovery::names::{DatabaseName, SqlInstance};
use scorch_recovery::transport::{
    SqlBatch, SqlCapabilities, SqlSession, SqlSink, SqlTransport, TransportError,
    TransportErrorKind, Wire,
};

use crate::bent::{Bent, Piece, Pieces};
use crate::fixtures;
use crate::way::{Bend, Way};

/// A fixture whose transports are broken.
#[derive(Debug)]
pub(crate) struct Broken<F> {
    pub(crate) inner: F,
    pub(crate) way: Way,
}

impl<F: SqlTransportFixture> Broken<F> {
    fn wrap(&self, inner: Box<dyn SqlTransport>, password: &Secret) -> Box<dyn SqlTransport> {
        Box::new(BrokenTransport {
            inner: Arc::from(inner),
            way: self.way,
            own: self.inner.instance(),
            password: password.clone(),
        })
    }
}

impl<F: SqlTransportFixture> SqlTransportFixture for Broken<F> {
    fn instance(&self) -> SqlInstance {
        self.inner.instance()
    }

    fn transport(&self) -> Box<dyn SqlTransport> {
        self.wrap(self.inner.transport(), &Secret::new("unknown".to_owned()))
    }

    fn with_password(&self, password: Secret) -> Option<Box<dyn SqlTransport>> {
        let inner = match self.way {
            Way::LetsAnyPasswordIn => self.inner.transport(),
            _ => self.inner.with_password(password.clone())?,
        };
        Some(self.wrap(inner, &password))
    }

    fn reach(&self, server: &PlayedServer) -> Option<Box<dyn SqlTransport>> {
        let mut server = server.clone();
        if self.way == Way::GoesPlain {
            server.protection = Protection::Plain;
        }
        let inner = match self.way {
            Way::TrustsAnyCertificate => fixtures::reach_anybody(fixtures::TIBERIUS, &server)?,
            _ => self.inner.reach(&server)?,
        };
        Some(self.wrap(inner, &server.password))
    }
}

type Session = Arc<tokio::sync::Mutex<Option<Box<dyn SqlSession>>>>;

#[derive(Debug)]
struct BrokenTransport {
    inner: Arc<dyn SqlTransport>,
    way: Way,
    own: SqlInstance,
    password: Secret,
}

/// Sessions that are never closed.
static LEAKED: Mutex<Vec<Session>> = Mutex::new(Vec::new());

#[async_trait]
impl SqlTransport for BrokenTransport {
    fn capabilities(&self) -> SqlCapabilities {
        self.inner.capabilities()
    }

    async fn connect(
        &self,
        instance: &SqlInstance,
        database: Option<&DatabaseName>,
    ) -> Result<Box<dyn SqlSession>, TransportError> {
        let tempdb: Option<DatabaseName> = "tempdb".parse().ok();
        let (instance, database) = match self.way {
            Way::IgnoresTheDatabase => (instance, None),
            Way::GoesToAnotherDatabase => (instance, database.or(tempdb.as_ref())),
            Way::KnowsAnyInstance => (&self.own, database),
            _ => (instance, database),
        };
        let connecting = self.inner.connect(instance, database);
        let connected = match self.way {
            Way::GoesOnConnecting => {
                let inner = Arc::clone(&self.inner);
                let (instance, database) = (instance.clone(), database.cloned());
                let going_on =
                    tokio::spawn(async move { inner.connect(&instance, database.as_ref()).await });
                going_on
                    .await
                    .unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()))
            }
            Way::TakesAnythingForGranted => {
                match tokio::time::timeout(Duration::from_secs(1), connecting).await {
                    Ok(Ok(session)) => Ok(session),
                    _ => return Ok(self.session(None, instance, database)),
                }
            }
            _ => connecting.await,
        };
        let session = match connected {
            Ok(session) => session,
            Err(_) if self.way == Way::Panics => panic!("this way is to panic"),
            Err(error)
                if self.way == Way::WaitsWhereNobodyListens
                    && error.kind() == TransportErrorKind::Connect =>
            {
                std::future::pending().await
            }
            Err(error) if self.way == Way::TellsThePassword => {
                let told = format!("{} ({})", error.detail(), self.password.expose());
                return Err(TransportError::new(error.kind(), told));
            }
            Err(error) => return Err(error),
        };
        Ok(self.session(Some(session), instance, database))
    }
}

impl BrokenTransport {
    fn session(
        &self,
        session: Option<Box<dyn SqlSession>>,
        instance: &SqlInstance,
        database: Option<&DatabaseName>,
    ) -> Box<dyn SqlSession> {
        let wire = session
            .as_ref()
            .map_or(Wire::Verified, |session| session.wire());
        let session = match self.way {
            Way::SharesOneSession => shared(session),
            _ => Arc::new(tokio::sync::Mutex::new(session)),
        };
        if self.way == Way::KeepsSessionsOpen {
            LEAKED
                .lock()
                .expect("nobody panics with it")
                .push(Arc::clone(&session));
        }
        Box::new(BrokenSession {
            session,
            transport: Arc::clone(&self.inner),
            at: (instance.clone(), database.cloned()),
            way: self.way,
            wire,
            batches: 0,
            last: Vec::new(),
            was_given_up: false,
        })
    }
}

/// One session for every transport of a check; each check has a thread of its own.
fn shared(session: Option<Box<dyn SqlSession>>) -> Session {
    thread_local! {
        static ONE: std::cell::OnceCell<Session> = const { std::cell::OnceCell::new() };
    }
    ONE.with(|one| Arc::clone(one.get_or_init(|| Arc::new(tokio::sync::Mutex::new(session)))))
}

#[derive(Debug)]
struct BrokenSession {
    session: Session,
    transport: Arc<dyn SqlTransport>,
    at: (SqlInstance, Option<DatabaseName>),
    way: Way,
    wire: Wire,
    batches: u32,
    last: Vec<Piece>,
    was_given_up: bool,
}

/// Holds up who gives a batch up.
struct SlowToDrop {
    is_over: bool,
}

impl Drop for SlowToDrop {
    fn drop(&mut self) {
        if !self.is_over {
            std::thread::sleep(Duration::from_secs(2));
        }
    }
}

fn same(batch: &SqlBatch, text: String) -> SqlBatch {
    if batch.holds_secret() {
        SqlBatch::secret(text.into(), batch.redacted().to_owned())
    } else {
        SqlBatch::open(text)
    }
}

impl BrokenSession {
    /// The batches that it makes of one.
    fn bent(&self, batch: &SqlBatch) -> Vec<SqlBatch> {
        let text = batch.clear_text();
        let texts = match self.way {
            Way::TrimsBatches => vec![text.split_whitespace().collect::<Vec<_>>().join(" ")],
            Way::SplitsAtGo => text.split("\nGO\n").map(str::to_owned).collect(),
            Way::AddsALine => vec![format!("\n{text}")],
            Way::Around(before, after) => vec![format!("{before}{text}{after}")],
            Way::CutsLongBatches => {
                vec![
                    text.get(..100_000)
                        .map_or_else(|| text.to_owned(), |part| format!("{part}'")),
                ]
            }
            _ => vec![text.to_owned()],
        };
        texts.into_iter().map(|text| same(batch, text)).collect()
    }

    async fn run(&self, batch: SqlBatch, sink: &mut dyn SqlSink) -> Result<(), TransportError> {
        let mut session = self.session.lock().await;
        match &mut *session {
            Some(session) => session.execute(batch, sink).await,
            None => Ok(()),
        }
    }
}

#[async_trait]
impl SqlSession for BrokenSession {
    async fn execute(
        &mut self,
        batch: SqlBatch,
        sink: &mut dyn SqlSink,
    ) -> Result<(), TransportError> {
        self.batches += 1;
        let way = self.way;
        let died = TransportError::new(TransportErrorKind::Connect, "the session is dead");
        if mem::replace(&mut self.was_given_up, true) {
            match way {
                Way::DiesWhenDropped => return Err(died),
                Way::AnswersWithTheLastAnswer => {
                    mem::take(&mut self.last)
                        .into_iter()
                        .for_each(|piece| piece.give(sink));
                    self.was_given_up = false;
                    return Ok(());
                }
                _ => {}
            }
        }
        let mut slow = SlowToDrop {
            is_over: way != Way::IsSlowToDrop,
        };
        match way {
            Way::HangsForEver => loop {
                std::thread::park();
            },
            // Longer than any check of a hostile server may take.
            Way::BlocksItsThread => std::thread::sleep(Duration::from_secs(6)),
            _ => {}
        }
        if way == Way::ConnectsForEachBatch {
            let session = self
                .transport
                .connect(&self.at.0, self.at.1.as_ref())
                .await?;
            *self.session.lock().await = Some(session);
        }
        if let Way::Before(text) = way {
            self.run(SqlBatch::open(text), &mut Pieces::default())
                .await?;
        }
        if way == Way::RefusesEmptyBatches && batch.clear_text().trim().is_empty() {
            return Err(TransportError::new(
                TransportErrorKind::Unknown,
                "there is nothing in it",
            ));
        }
        let mut end = Ok(());
        for batch in self.bent(&batch) {
            let again = same(&batch, batch.clear_text().to_owned());
            // What a variant held can't be told from its value: by the batch, then.
            let way = match way {
                Way::Answer(Bend::VariantsAsNull) if batch.clear_text().contains("sql_variant") => {
                    Way::Answer(Bend::ValuesAsNull)
                }
                way => way,
            };
            let mut bent = Bent::new(way, sink);
            end = match way {
                Way::GoesOnWhenDropped => {
                    let session = Arc::clone(&self.session);
                    let going_on = tokio::spawn(async move {
                        let mut kept = Pieces::default();
                        let mut session = session.lock().await;
                        let end = match &mut *session {
                            Some(session) => session.execute(batch, &mut kept).await,
                            None => Ok(()),
                        };
                        (kept.0, end)
                    });
                    let (kept, end) = going_on.await.expect("it does not panic");
                    kept.into_iter().for_each(|piece| piece.give(&mut bent));
                    end
                }
                Way::TakesAnythingForGranted => {
                    let limit = Duration::from_secs(1);
                    let _ = tokio::time::timeout(limit, self.run(batch, &mut bent)).await;
                    Ok(())
                }
                Way::EndsAtTheFirstError => {
                    let failed = bent.failed();
                    tokio::select! {
                        biased;
                        end = self.run(batch, &mut bent) => end,
                        () = failed.notified() => Ok(()),
                    }
                }
                _ => self.run(batch, &mut bent).await,
            };
            bent.finish();
            let had_error = bent.had_error();
            if way == Way::AnswersWithTheLastAnswer {
                self.last = bent.kept();
            }
            if way == Way::RepeatsAfterErrors && had_error {
                end = self.run(again, &mut Pieces::default()).await;
            }
            if way == Way::ReturnsErrorsAsErr && had_error {
                end = Err(TransportError::new(
                    TransportErrorKind::Interrupted,
                    "an error",
                ));
            }
            // An answer with an error is still in the way of the next.
            self.was_given_up = way == Way::AnswersWithTheLastAnswer && had_error;
        }
        slow.is_over = true;
        if way == Way::SaysThatNothingWasSent {
            end = end
                .map_err(|error| TransportError::new(TransportErrorKind::Connect, error.detail()));
        }
        if way == Way::Panics && self.wire != Wire::InProcess {
            panic!("this way is to panic");
        }
        end
    }

    fn wire(&self) -> Wire {
        match self.way {
            Way::ChangesItsWire if self.batches > 0 => Wire::Plain,
            Way::SaysItIsVerified => Wire::Verified,
            Way::SaysItIsPlain => Wire::Plain,
            _ => self.wire,
        }
    }
}
