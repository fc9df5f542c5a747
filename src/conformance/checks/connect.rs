//! A connection is made, to where it should be, or there is an error that says why not.

use std::net::TcpStream;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use tracing::instrument::WithSubscriber as _;

use crate::conformance::check::{Check, Miss, Outcome, check, expect, miss, not_applicable};
use crate::conformance::log_capture::LogCapture;
use crate::conformance::player::{Certificate, Cut, ENCRYPT_ON, Play, tokens};
use crate::conformance::scene::{
    Reached, SOON, Scene, Way, canary, fresh_name, tells, told, within,
};
use crate::names::{DatabaseName, SqlInstance};
use crate::secret::Secret;
use crate::transport::{SqlTransport, SqlValue, TransportError, TransportErrorKind};

pub(super) const CHECKS: &[Check] = &[
    check!("connect/answers", answers),
    check!("connect/opens-the-login-s-database", login_s_database),
    check!("connect/opens-the-database-asked-for", database_asked_for),
    check!("connect/refuses-a-missing-database", missing_database),
    check!("connect/refuses-an-unknown-instance", unknown_instance),
    check!("connect/refuses-a-wrong-password", wrong_password),
    check!("connect/tells-no-secret", tells_no_secret),
    check!("connect/fails-at-a-dead-port", dead_port),
    check!("connect/closes-when-dropped", closes_when_dropped),
];

async fn answers(scene: &Scene) -> Outcome {
    let mut client = scene.client().await?;
    client.expect_value("SELECT 1", &SqlValue::Int(1)).await
}

async fn expect_database(
    scene: &Scene,
    asked: Option<&DatabaseName>,
    name: &DatabaseName,
) -> Outcome {
    let mut client = match asked {
        Some(database) => scene.client_in(database).await?,
        None => scene.client().await?,
    };
    let expected = SqlValue::Text(name.as_str().to_owned());
    client.expect_value("SELECT DB_NAME()", &expected).await
}

async fn login_s_database(scene: &Scene) -> Outcome {
    match scene.fixture.default_database() {
        Some(name) => expect_database(scene, None, &name).await,
        None => not_applicable("the fixture names no default database"),
    }
}

async fn database_asked_for(scene: &Scene) -> Outcome {
    let name = scene.other_database()?;
    expect_database(scene, Some(&name), &name).await
}

/// The error of a connect that must fail.
async fn refused(
    transport: &dyn SqlTransport,
    instance: &SqlInstance,
    database: Option<&DatabaseName>,
    kinds: &[TransportErrorKind],
) -> Outcome<TransportError> {
    let what = format!("an error of {kinds:?}");
    match within(SOON, &what, transport.connect(instance, database)).await? {
        Ok(_) => Err(miss(what, "a session")),
        Err(error) => {
            expect(kinds.contains(&error.kind()), what, || told(&error))?;
            Ok(error)
        }
    }
}

async fn missing_database(scene: &Scene) -> Outcome {
    let Ok(missing) = fresh_name().parse() else {
        return not_applicable("no name of a missing database could be made");
    };
    let kinds = [
        TransportErrorKind::Authenticate,
        TransportErrorKind::Connect,
    ];
    let transport = scene.transport();
    refused(&*transport, &scene.instance(), Some(&missing), &kinds).await?;
    Ok(())
}

async fn unknown_instance(scene: &Scene) -> Outcome {
    let Ok(unknown) = "SCORCH-UNKNOWN".parse() else {
        return not_applicable("no name of an unknown instance could be made");
    };
    let kinds = [TransportErrorKind::Unsupported, TransportErrorKind::Connect];
    refused(&*scene.transport(), &unknown, None, &kinds).await?;
    Ok(())
}

async fn wrong_password(scene: &Scene) -> Outcome {
    let Some(transport) = scene.fixture.with_password(Secret::new(canary())) else {
        return not_applicable("the fixture takes no password");
    };
    let kinds = [TransportErrorKind::Authenticate];
    refused(&*transport, &scene.instance(), None, &kinds).await?;
    Ok(())
}

/// Where a password could be told: the transport itself, its error, its log events. The server says
/// it back, and says it in colours.
async fn tells_no_secret(scene: &Scene) -> Outcome {
    let said = Arc::new(OnceLock::<String>::new());
    let to_say = Arc::clone(&said);
    let play: Play = Arc::new(move |player| {
        player.prelogin(Some(ENCRYPT_ON))?;
        player.handshake(Certificate::Good.server()?)?;
        player.read_login()?;
        let secret = to_say.get().map_or("", String::as_str);
        let words = format!("\u{1b}[31mLogin failed with the password '{secret}'.");
        let mut answer = tokens::message(18456, 14, &words);
        answer.extend(tokens::done(tokens::DONE_ERROR, None));
        player.send(&answer)
    });
    let (transport, canary, _served) = match scene.reach(Way::Tls, Cut::default(), play) {
        Ok(reached) => {
            let _ = said.set(reached.canary.clone());
            (reached.transport, reached.canary, Some(reached.served))
        }
        Err(Miss::NotApplicable(_)) => {
            let canary = canary();
            let secret = Secret::new(canary.clone());
            match scene.fixture.with_password(secret) {
                Some(transport) => (transport, canary, None),
                None => return not_applicable("the fixture takes no password"),
            }
        }
        Err(miss) => return Err(miss),
    };
    let log = LogCapture::default();
    let instance = scene.instance();
    let kinds = [TransportErrorKind::Authenticate];
    let work = refused(&*transport, &instance, None, &kinds);
    let error = work.with_subscriber(log.clone()).await?;
    let places = [
        ("the transport's Debug", format!("{transport:?}")),
        ("the error's text", error.to_string()),
        ("the error's detail", error.detail().to_owned()),
        ("the error's Debug", format!("{error:?}")),
        ("the log", log.text()),
    ];
    for (place, text) in places {
        expect(!tells(&text, &canary), "the password nowhere", || {
            format!("it is in {place}")
        })?;
    }
    Ok(())
}

async fn dead_port(scene: &Scene) -> Outcome {
    let play: Play = Arc::new(|_| Ok(()));
    let Reached {
        transport, served, ..
    } = scene.reach(Way::Tls, Cut::default(), play)?;
    let address = served.address;
    drop(served);
    // The port is free once nobody listens there.
    let begun = Instant::now();
    while TcpStream::connect(address).is_ok() && begun.elapsed() < SOON {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let kinds = [TransportErrorKind::Connect];
    refused(&*transport, &scene.instance(), None, &kinds).await?;
    Ok(())
}

async fn closes_when_dropped(scene: &Scene) -> Outcome {
    let play: Play = Arc::new(|player| {
        player.read_prelogin()?;
        player.note(|seen| seen.batches += 1);
        player.hold()
    });
    let reached = scene.reach(Way::Tls, Cut::default(), play)?;
    let instance = scene.instance();
    let connecting = reached.transport.connect(&instance, None);
    let is_under_way = reached.served.wait_until(SOON, |seen| seen.batches > 0);
    tokio::select! {
        result = connecting => {
            let seen = result.map_or_else(|error| told(&error), |_| "a session".to_owned());
            return Err(miss("no end of connecting before the server answers", seen));
        }
        is_under_way = is_under_way => {
            expect(is_under_way, "a PRELOGIN", || "none".to_owned())?;
        }
    }
    let is_closed = reached.served.wait_until(SOON, |seen| seen.ends > 0).await;
    expect(
        is_closed,
        "the connection closed when connecting is given up",
        || "it stays open".to_owned(),
    )
}
