//! Servers that are broken or mean harm. Whatever they do: an error within five seconds (the
//! driver's, or that of a deadline above it), no panic, no hang, no secret told, nothing of theirs
//! in an error that a terminal would obey, and little memory.

mod answer;
mod cut;
mod encryption;
mod greeting;
mod sign_in;
mod strict;
mod value;

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::time::timeout;
use zeroize::Zeroizing;

use crate::conformance::check::{Check, Outcome, expect, miss};
use crate::conformance::player::{
    Certificate, Cut, ENCRYPT_NOT_SUPPORTED, ENCRYPT_ON, Player, Seen, TDS_8,
};
use crate::conformance::scene::{Reached, Scene, Way, tells, told};
use crate::transport::{
    SqlBatch, SqlColumn, SqlMessage, SqlSink, SqlValue, TransportError, TransportErrorKind,
};

/// The checks, by the moment at which the server goes wrong.
pub(super) const CHECKS: &[&[Check]] = &[
    greeting::CHECKS,
    encryption::CHECKS,
    strict::CHECKS,
    sign_in::CHECKS,
    answer::CHECKS,
    value::CHECKS,
    cut::CHECKS,
];

/// The deadline that stands above a transport.
const PATIENCE: Duration = Duration::from_secs(3);
/// Until then there is an error, the driver's or the deadline's, and everything is closed.
const LIMIT: Duration = Duration::from_secs(5);

/// What must come of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Must {
    /// No session: the transport itself says so.
    FailToConnect,
    /// No session; where the server is silent, a deadline may say so.
    NotConnect,
    /// No session, or none that answers: the transport itself says so.
    Fail,
    /// A session, but no whole answer: the transport itself says so.
    FailToAnswer,
    /// A session, but no whole answer; where the server goes on, a deadline may say so.
    NotAnswer,
    /// Anything, as long as it ends.
    EndWell,
}

/// How it ended.
#[derive(Debug)]
pub(super) enum End {
    NotConnected(TransportError),
    NotAnswered(TransportError),
    Answered,
}

/// Takes what an endless answer gives, and keeps nothing of it.
#[derive(Debug, Default)]
struct Drain;

impl SqlSink for Drain {
    fn columns(&mut self, _: &[SqlColumn]) {}

    fn row(&mut self, _: Vec<SqlValue>) {}

    fn message(&mut self, _: SqlMessage) {}
}

/// Signs in and sends a batch that holds a secret.
pub(super) async fn talk(scene: &Scene, reached: &Reached) -> End {
    let instance = scene.instance();
    let mut session = match reached.transport.connect(&instance, None).await {
        Ok(session) => session,
        Err(error) => return End::NotConnected(error),
    };
    let text = Zeroizing::new(format!("SELECT N'{}'", reached.canary));
    let batch = SqlBatch::secret(text, "SELECT N'***'".to_owned());
    match session.execute(batch, &mut Drain).await {
        Ok(()) => End::Answered,
        Err(error) => End::NotAnswered(error),
    }
}

/// Faces a server, and holds the end of it to what must be.
pub(super) async fn face(
    scene: &Scene,
    must: Must,
    way: Way,
    play: fn(&mut Player) -> io::Result<()>,
) -> Outcome {
    let reached = scene.reach(way, Cut::default(), Arc::new(play))?;
    let begun = Instant::now();
    // With the future go its session and its connection.
    let end = timeout(PATIENCE, talk(scene, &reached)).await.ok();
    judge(must, end.as_ref(), begun.elapsed(), &reached)
}

/// Whether an end is as it must be.
pub(super) fn judge(must: Must, end: Option<&End>, took: Duration, reached: &Reached) -> Outcome {
    let seen = || match end {
        None => format!("nothing within {PATIENCE:?}"),
        Some(End::NotConnected(error)) => format!("no session: {}", told(error)),
        Some(End::NotAnswered(error)) => format!("no whole answer: {}", told(error)),
        Some(End::Answered) => "an answer, as if it were whole".to_owned(),
    };
    reached.ended(took);
    expect(took <= LIMIT, format!("an end within {LIMIT:?}"), || {
        format!("it took {took:?}")
    })?;
    let is_right = matches!(
        (must, end),
        (
            Must::FailToConnect | Must::NotConnect | Must::Fail | Must::EndWell,
            Some(End::NotConnected(_))
        ) | (
            Must::FailToAnswer | Must::NotAnswer | Must::Fail | Must::EndWell,
            Some(End::NotAnswered(_))
        ) | (Must::NotConnect | Must::NotAnswer | Must::EndWell, None)
            | (Must::EndWell, Some(End::Answered))
    );
    expect(is_right, format!("{must:?}"), seen)?;
    if let Some(End::NotConnected(error) | End::NotAnswered(error)) = end {
        let is_sent = matches!(end, Some(End::NotAnswered(_)));
        expect_honest(error, is_sent, &reached.canary)?;
    }
    let Seen { clear_logins, .. } = reached.served.seen();
    expect(clear_logins == 0, "no password without TLS", || {
        format!("{clear_logins} in clear text")
    })
}

/// What an error may be when the batch was sent and when it was not, and what it may never hold.
fn expect_honest(error: &TransportError, is_sent: bool, secret: &str) -> Outcome {
    let kind = error.kind();
    let is_right = if is_sent {
        !kind.is_before_send()
    } else {
        kind.is_before_send() || kind == TransportErrorKind::Timeout
    };
    let expected = if is_sent {
        "a kind that says the batch may have run"
    } else {
        "a kind that says nothing was sent"
    };
    expect(is_right, expected, || told(error))?;
    for text in [
        error.to_string(),
        error.detail().to_owned(),
        format!("{error:?}"),
    ] {
        if tells(&text, secret) {
            return Err(miss("no secret in an error", "it is there"));
        }
        expect(
            !text.chars().any(char::is_control),
            "no control characters in an error",
            || told(error),
        )?;
    }
    Ok(())
}

/// A check that faces a server which goes on so: in the manner of TDS 7.4 unless another is named.
macro_rules! threat {
    ($name:literal, $must:ident, $play:expr) => {
        threat!($name, $must, Tls, $play)
    };
    ($name:literal, $must:ident, $way:ident, $play:expr) => {
        $crate::conformance::check::Check {
            name: $name,
            run: |scene| {
                Box::pin($crate::conformance::checks::hostile::face(
                    scene,
                    $crate::conformance::checks::hostile::Must::$must,
                    $crate::conformance::scene::Way::$way,
                    $play,
                ))
            },
        }
    };
}
use threat;

impl Player {
    /// What a healthy server does until it reads the login.
    fn greet(&mut self) -> io::Result<()> {
        self.prelogin(Some(ENCRYPT_ON))?;
        self.handshake(Certificate::Good.server()?)
    }

    /// The same in the manner of TDS 8.0, where PRELOGIN's word on encryption means nothing.
    fn greet_strictly(&mut self) -> io::Result<()> {
        self.handshake_first(Certificate::Good.strict_server(TDS_8)?)?;
        self.prelogin(Some(ENCRYPT_NOT_SUPPORTED))
    }

    /// What a healthy server does until it has read a login.
    fn hear_login(&mut self) -> io::Result<()> {
        self.greet()?;
        self.read_login()
    }

    /// What a healthy server does until it has read a batch.
    fn hear_batch(&mut self) -> io::Result<()> {
        self.greet()?;
        self.until_batch()
    }
}
