//! Where connections may end up, over every driver: SQL Server Browser, routing, TDS 8.0, and who
//! may sign in how.
#![cfg(all(feature = "simulator", feature = "tiberius"))]
#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

#[path = "support/simulated.rs"]
#[allow(dead_code, reason = "each test program uses a part of it")]
mod simulated;

use std::time::Duration;

#[cfg(feature = "mssql-tds")]
use scorch_recovery::adapter::mssql_tds::MssqlTdsTransport;
use scorch_recovery::adapter::tiberius::TiberiusTransport;
use scorch_recovery::adapter::{Endpoint, Login, Tls};
use scorch_recovery::simulator::{Listener, TlsMode};
use scorch_recovery::transport::{
    SqlBatch, SqlSession, SqlTransport, SqlValue, TransportError, TransportErrorKind, Wire,
};
use scorch_recovery::{ErrorKind, Secret};

use simulated::{Collected, SA, World, named};

/// A driver: how to make a transport to `SQL01` with it.
type Driver = fn(Endpoint, Login) -> scorch_recovery::Result<Box<dyn SqlTransport>>;

fn tiberius(endpoint: Endpoint, login: Login) -> scorch_recovery::Result<Box<dyn SqlTransport>> {
    let builder = TiberiusTransport::builder().instance(named("SQL01"), endpoint, login);
    Ok(Box::new(builder.build()?))
}

#[cfg(feature = "mssql-tds")]
fn mssql_tds(endpoint: Endpoint, login: Login) -> scorch_recovery::Result<Box<dyn SqlTransport>> {
    let builder = MssqlTdsTransport::builder().instance(named("SQL01"), endpoint, login);
    Ok(Box::new(builder.build()?))
}

const DRIVERS: &[Driver] = &[
    tiberius,
    #[cfg(feature = "mssql-tds")]
    mssql_tds,
];

fn sa() -> Login {
    Login::sql_server("sa", Secret::new(SA.to_owned()))
}

async fn connect(
    driver: Driver,
    endpoint: Endpoint,
) -> Result<Box<dyn SqlSession>, TransportError> {
    let transport = driver(endpoint, sa()).unwrap();
    transport.connect(&named("SQL01"), None).await
}

async fn who(session: &mut dyn SqlSession) -> String {
    let mut collected = Collected::default();
    session
        .execute(SqlBatch::open("SELECT @@SERVERNAME"), &mut collected)
        .await
        .unwrap();
    match collected.rows.remove(0).remove(0) {
        SqlValue::Text(name) => name,
        other => panic!("{other:?}"),
    }
}

fn trusting(listeners: &[&Listener]) -> Tls {
    let pem: String = listeners.iter().filter_map(|l| l.ca_pem()).collect();
    Tls::CaPem(pem.into_bytes())
}

/// Why no session came of it; it was not for want of a right password.
async fn refused(driver: Driver, endpoint: Endpoint, part: &str) {
    let error = connect(driver, endpoint).await.unwrap_err();
    assert_eq!(error.kind(), TransportErrorKind::Connect, "{error}");
    assert!(error.detail().contains(part), "{error}");
}

#[tokio::test]
async fn tds_8_is_spoken_where_asked_for_and_verified() {
    let world = World::with(&["SQL01"]);
    let server = world.server("SQL01");
    for mode in [TlsMode::Strict, TlsMode::Full] {
        let listener = Listener::bind(server, 0, mode).await.unwrap();
        let strict = || Endpoint::new("127.0.0.1", listener.address().port()).strict();
        for driver in DRIVERS {
            let mut session = connect(*driver, strict().tls(trusting(&[&listener])))
                .await
                .unwrap();
            assert_eq!(session.wire(), Wire::Verified);
            assert_eq!(who(&mut *session).await, "SQL01");
            refused(*driver, strict(), "ertificate").await;
            let misnamed = strict().certificate_name("sql09");
            refused(*driver, misnamed.tls(trusting(&[&listener])), "ertificate").await;
            let error = driver(strict().tls(Tls::DangerPlaintext), sa()).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
        }
    }
    // A server that speaks nothing else is not spoken to in another way.
    let listener = Listener::bind(server, 0, TlsMode::Strict).await.unwrap();
    for driver in DRIVERS {
        let older = Endpoint::new("127.0.0.1", listener.address().port());
        let error = connect(*driver, older.tls(trusting(&[&listener])))
            .await
            .unwrap_err();
        assert_eq!(error.kind(), TransportErrorKind::Connect, "{error}");
    }
}

#[tokio::test]
async fn an_encrypted_sign_in_alone_counts_as_plain() {
    let world = World::with(&["SQL01"]);
    let listener = Listener::bind(world.server("SQL01"), 0, TlsMode::Login)
        .await
        .unwrap();
    let endpoint = || Endpoint::new("127.0.0.1", listener.address().port());
    for driver in DRIVERS {
        let plain = connect(*driver, endpoint().tls(Tls::DangerPlaintext))
            .await
            .unwrap();
        assert_eq!(plain.wire(), Wire::Plain);
        let whole = connect(*driver, endpoint().tls(trusting(&[&listener])))
            .await
            .unwrap();
        assert_eq!(whole.wire(), Wire::Verified);
    }
}

#[tokio::test]
async fn a_named_instance_is_found_by_the_browser() {
    let mut world = World::new();
    let server = world.add(r"SQL01\ORCH", |builder| builder);
    let listener = Listener::builder(&server)
        .tls(TlsMode::Full)
        .browser_port(0)
        .bind()
        .await
        .unwrap();
    let browser = listener.browser_address().unwrap().port();
    let instance = |name: &str| {
        Endpoint::named_instance("127.0.0.1", name)
            .browser_port(browser)
            .browser_deadline(Duration::from_millis(100))
            .tls(trusting(&[&listener]))
    };
    for driver in DRIVERS {
        let patient = instance("orch").browser_deadline(Duration::from_secs(30));
        let mut session = connect(*driver, patient).await.unwrap();
        assert_eq!(who(&mut *session).await, r"SQL01\ORCH");
        // The browser does not answer about what it does not know.
        refused(*driver, instance("OTHER"), "no answer in 0.1 seconds").await;
        refused(*driver, instance("two;names"), "give the port").await;
    }
}

#[tokio::test]
async fn a_lying_browser_leads_nowhere() {
    let world = World::with(&["SQL01", "SQL02"]);
    let right = Listener::bind(world.server("SQL01"), 0, TlsMode::Full)
        .await
        .unwrap();
    let other = Listener::bind(world.server("SQL02"), 0, TlsMode::Full)
        .await
        .unwrap();
    for driver in DRIVERS {
        let socket = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let browser = socket.local_addr().unwrap().port();
        let data = format!("InstanceName;ORCH;tcp;{};;", other.address().port());
        let length = u16::try_from(data.len()).unwrap().to_le_bytes();
        let answer = [&[5], &length[..], data.as_bytes()].concat();
        let lying = tokio::spawn(async move {
            let (_, client) = socket.recv_from(&mut [0; 64]).await.unwrap();
            socket.send_to(&answer, client).await.unwrap();
        });
        let endpoint = Endpoint::named_instance("127.0.0.1", "ORCH")
            .browser_port(browser)
            .browser_deadline(Duration::from_secs(30))
            .tls(trusting(&[&right]));
        refused(*driver, endpoint, "ertificate").await;
        lying.await.unwrap();
    }
}

#[tokio::test]
async fn a_redirection_is_followed_once_and_only_where_allowed() {
    let world = World::with(&["SQL01", "SQL02"]);
    for mode in [TlsMode::Full, TlsMode::Strict, TlsMode::Off] {
        let target = Listener::bind(world.server("SQL02"), 0, mode)
            .await
            .unwrap();
        let gate = |host: &'static str, port: u16| {
            Listener::builder(world.server("SQL01"))
                .tls(mode)
                .route_to(host, port)
                .bind()
        };
        let first = gate("localhost", target.address().port()).await.unwrap();
        let second = gate("localhost", first.address().port()).await.unwrap();
        let same_host = gate("127.0.0.1", target.address().port()).await.unwrap();
        let endpoint = |listener: &Listener| {
            let endpoint = Endpoint::new("127.0.0.1", listener.address().port());
            match mode {
                TlsMode::Off => endpoint.tls(Tls::DangerPlaintext),
                TlsMode::Strict => endpoint
                    .strict()
                    .tls(trusting(&[listener, &target, &first])),
                _ => endpoint.tls(trusting(&[listener, &target, &first])),
            }
        };
        for driver in DRIVERS {
            refused(*driver, endpoint(&first), "which was not allowed").await;
            let other = endpoint(&first).may_route_to("sql02");
            refused(*driver, other, "which was not allowed").await;

            let allowed = endpoint(&first).may_route_to("LOCALHOST");
            let mut session = connect(*driver, allowed).await.unwrap();
            assert_eq!(who(&mut *session).await, "SQL02");
            let mut session = connect(*driver, endpoint(&same_host)).await.unwrap();
            assert_eq!(who(&mut *session).await, "SQL02");

            let twice = endpoint(&second).may_route_to("localhost");
            refused(*driver, twice, "sends it on again").await;
        }
    }
}

#[tokio::test]
async fn a_redirection_is_verified_against_the_new_name() {
    let world = World::with(&["SQL01", "SQL02"]);
    let target = Listener::bind(world.server("SQL02"), 0, TlsMode::Full)
        .await
        .unwrap();
    let gate = Listener::builder(world.server("SQL01"))
        .tls(TlsMode::Full)
        .route_to("localhost", target.address().port())
        .bind()
        .await
        .unwrap();
    for driver in DRIVERS {
        let endpoint = Endpoint::new("127.0.0.1", gate.address().port()).may_route_to("localhost");
        // Only the gate's authority is trusted.
        refused(*driver, endpoint.tls(trusting(&[&gate])), "ertificate").await;
    }
}

#[tokio::test]
async fn a_silent_server_meets_the_deadline() {
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = silent.local_addr().unwrap().port();
    for driver in DRIVERS {
        let endpoint = Endpoint::new("127.0.0.1", port)
            .tls(Tls::DangerPlaintext)
            .connect_deadline(Duration::from_millis(100));
        let error = connect(*driver, endpoint).await.unwrap_err();
        assert_eq!(error.kind(), TransportErrorKind::Timeout, "{error}");
    }
}

#[cfg(not(any(windows, feature = "kerberos")))]
#[tokio::test]
async fn integrated_authentication_names_what_it_needs() {
    let transport = tiberius(Endpoint::new("127.0.0.1", 1), Login::integrated()).unwrap();
    let error = transport.connect(&named("SQL01"), None).await.unwrap_err();
    assert_eq!(error.kind(), TransportErrorKind::Unsupported, "{error}");
    assert!(error.detail().contains("`kerberos`"), "{error}");
}
