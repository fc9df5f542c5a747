use std::future::Future;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::time::timeout;

use super::answer::Answer;
use super::check::{Miss, Outcome, expect, miss, not_applicable};
use super::fixture::{PlayedServer, Protection, SqlTransportFixture};
use super::player::{Certificate, Cut, Play, Served};
use crate::names::{DatabaseName, SqlInstance};
use crate::secret::Secret;
use crate::transport::{SqlBatch, SqlSession, SqlTransport, SqlValue, TransportError};

/// How long a healthy server may take for what takes no time.
pub(super) const SOON: Duration = Duration::from_secs(10);

/// What a check has at hand: the fixture, and shorthands over it.
#[derive(Debug)]
pub(super) struct Scene {
    pub(super) fixture: Arc<dyn SqlTransportFixture>,
    /// At which bytes of a session it is cut: every how many.
    pub(super) cut_step: usize,
    pub(super) tally: Arc<Mutex<Tally>>,
}

/// How a check fared with the servers that it played.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tally {
    /// How many sessions came to an end, good or bad.
    pub(super) ends: u32,
    /// How long the longest of them took.
    pub(super) slowest: Duration,
}

/// A session with the healthy server.
#[derive(Debug)]
pub(super) struct Client(pub(super) Box<dyn SqlSession>);

/// A transport to a server that is played here.
#[derive(Debug)]
pub(super) struct Reached {
    pub(super) transport: Box<dyn SqlTransport>,
    pub(super) served: Served,
    /// The password that it signs in with, known nowhere else.
    pub(super) canary: String,
    tally: Arc<Mutex<Tally>>,
}

impl Reached {
    /// Counts the end of a session with the played server.
    pub(super) fn ended(&self, took: Duration) {
        if let Ok(mut tally) = self.tally.lock() {
            tally.ends += 1;
            tally.slowest = tally.slowest.max(took);
        }
    }
}

/// How a played server is to be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    Tls,
    Plain,
    Strict,
}

impl Scene {
    /// Plays a server, and has the fixture make a transport to it.
    pub(super) fn reach(&self, way: Way, cut: Cut, play: Play) -> Outcome<Reached> {
        let no_server = |error: std::io::Error| miss("a played server", error.to_string());
        let ca_pem = Certificate::ca_pem().map_err(no_server)?.to_owned();
        let protection = match way {
            Way::Tls => Protection::Tls { ca_pem },
            Way::Plain => Protection::Plain,
            Way::Strict => Protection::Strict { ca_pem },
        };
        let served = Served::start(play, cut).map_err(no_server)?;
        let canary = canary();
        let server = PlayedServer {
            address: served.address,
            protection,
            login: "scorch".to_owned(),
            password: Secret::new(canary.clone()),
        };
        match self.fixture.reach(&server) {
            Some(transport) => Ok(Reached {
                transport,
                served,
                canary,
                tally: Arc::clone(&self.tally),
            }),
            None => not_applicable(format!("the fixture reaches no played server ({way:?})")),
        }
    }

    pub(super) fn instance(&self) -> SqlInstance {
        self.fixture.instance()
    }

    pub(super) fn transport(&self) -> Box<dyn SqlTransport> {
        self.fixture.transport()
    }

    pub(super) async fn client(&self) -> Outcome<Client> {
        self.client_of(&*self.transport(), None).await
    }

    pub(super) async fn client_in(&self, database: &DatabaseName) -> Outcome<Client> {
        self.client_of(&*self.transport(), Some(database)).await
    }

    async fn client_of(
        &self,
        transport: &dyn SqlTransport,
        database: Option<&DatabaseName>,
    ) -> Outcome<Client> {
        match timeout(SOON, transport.connect(&self.instance(), database)).await {
            Ok(Ok(session)) => Ok(Client(session)),
            Ok(Err(error)) => Err(miss("a session", told(&error))),
            Err(_) => Err(miss("a session", format!("none within {SOON:?}"))),
        }
    }

    pub(super) fn other_database(&self) -> Outcome<DatabaseName> {
        match self.fixture.other_database() {
            Some(name) => Ok(name),
            None => not_applicable("the fixture names no other database"),
        }
    }
}

/// A name that nobody else uses.
pub(super) fn fresh_name() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let now = time::OffsetDateTime::now_utc().unix_timestamp_nanos();
    format!("scorch_{}_{now}_{number}", std::process::id())
}

/// A batch that takes a lock of that name for the session. Every login may.
pub(super) fn lock_for_session(name: &str) -> String {
    format!(
        "EXECUTE sp_getapplock @Resource = N'{name}', @LockMode = 'Exclusive', \
         @LockOwner = 'Session', @LockTimeout = 5000"
    )
}

pub(super) fn unlock_for_session(name: &str) -> String {
    format!("EXECUTE sp_releaseapplock @Resource = N'{name}', @LockOwner = 'Session'")
}

/// A batch that says whether another session holds the lock of that name.
pub(super) fn is_locked(name: &str) -> String {
    format!(
        "DECLARE @got int; \
         EXECUTE @got = sp_getapplock @Resource = N'{name}', @LockMode = 'Exclusive', \
         @LockOwner = 'Session', @LockTimeout = 0; \
         IF @got >= 0 {}; \
         SELECT CASE WHEN @got >= 0 THEN 0 ELSE 1 END",
        unlock_for_session(name)
    )
}

/// A password that is surely wrong and known nowhere else.
pub(super) fn canary() -> String {
    format!("Canary-{}", fresh_name())
}

/// Whether `text` holds `secret`, as it is or as numbers.
pub(super) fn tells(text: &str, secret: &str) -> bool {
    let bytes = secret.as_bytes();
    let list = format!("{bytes:?}");
    let utf16: Vec<u8> = secret.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let lower = text.to_lowercase();
    text.contains(secret)
        || text.contains(list.trim_matches(['[', ']']))
        || lower.contains(&hex::encode(bytes))
        || lower.contains(&hex::encode(utf16))
}

/// An error as a report shows it.
pub(super) fn told(error: &TransportError) -> String {
    format!("{:?}: {}", error.kind(), error.detail().escape_debug())
}

impl Client {
    /// Runs a batch whose answer must be whole; SQL Server's errors are for the caller.
    pub(super) async fn answer(&mut self, text: &str) -> Outcome<Answer> {
        let mut answer = Answer::default();
        let running = self.0.execute(SqlBatch::open(text), &mut answer);
        match timeout(SOON, running).await {
            Ok(Ok(())) => Ok(answer),
            Ok(Err(error)) => Err(miss(
                format!("the whole answer to: {}", short(text)),
                told(&error),
            )),
            Err(_) => Err(miss(
                format!("the whole answer to: {}", short(text)),
                format!("none within {SOON:?}; until then: {}", answer.outline()),
            )),
        }
    }

    /// Runs a batch without errors.
    pub(super) async fn run(&mut self, text: &str) -> Outcome<Answer> {
        let answer = self.answer(text).await?;
        expect(
            answer.errors().is_empty(),
            format!("no error from: {}", short(text)),
            || answer.outline(),
        )?;
        Ok(answer)
    }

    /// The rows of a batch's only result set.
    pub(super) async fn rows(&mut self, text: &str) -> Outcome<Vec<Vec<SqlValue>>> {
        let answer = self.run(text).await?;
        Ok(answer.rows().into_iter().cloned().collect())
    }

    /// The only value of a batch.
    pub(super) async fn value(&mut self, text: &str) -> Outcome<SqlValue> {
        let mut rows = self.rows(text).await?;
        match (rows.pop(), rows.is_empty()) {
            (Some(mut row), true) if row.len() == 1 => Ok(row.remove(0)),
            (last, _) => Err(miss(
                format!("one row with one value from: {}", short(text)),
                format!("{} other rows and {last:?}", rows.len()),
            )),
        }
    }

    pub(super) async fn expect_value(&mut self, text: &str, expected: &SqlValue) -> Outcome {
        let seen = self.value(text).await?;
        expect(
            seen == *expected,
            format!("{} from: {}", plainly(expected), short(text)),
            || plainly(&seen),
        )
    }

    pub(super) async fn integer(&mut self, text: &str) -> Outcome<i64> {
        match self.value(text).await? {
            SqlValue::Int(value) => Ok(value),
            SqlValue::Bit(value) => Ok(value.into()),
            other => Err(miss(
                format!("a number from: {}", short(text)),
                format!("{other:?}"),
            )),
        }
    }

    /// Asks until the number is as expected; fails when that takes long.
    pub(super) async fn wait_for(&mut self, text: &str, expected: i64, what: &str) -> Outcome {
        let begun = Instant::now();
        loop {
            let seen = self.integer(text).await?;
            if seen == expected {
                return Ok(());
            }
            if begun.elapsed() > SOON {
                return Err(miss(what, format!("not so after {SOON:?}")));
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

/// The beginning of a batch, for reports.
pub(super) fn short(text: &str) -> String {
    const MOST: usize = 120;
    let mut words = text.escape_debug().to_string();
    if let Some((at, _)) = words.char_indices().nth(MOST) {
        words.truncate(at);
        words.push('…');
    }
    words
}

/// A value of the suite's own, shown: it is nobody's secret.
pub(super) fn plainly(value: &SqlValue) -> String {
    match value {
        SqlValue::Text(text) => format!("Text({:?})", short(text)),
        SqlValue::Bytes(bytes) if bytes.len() <= 16 => format!("Bytes({})", hex::encode(bytes)),
        other => format!("{other:?}"),
    }
}

/// Waits for something that a hung transport would never give.
pub(super) async fn within<F: Future + Send>(
    limit: Duration,
    what: &str,
    work: F,
) -> Result<F::Output, Miss>
where
    F::Output: Send,
{
    timeout(limit, work)
        .await
        .map_err(|_| miss(what, format!("not within {limit:?}")))
}
