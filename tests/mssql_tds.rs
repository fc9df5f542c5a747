//! Microsoft's driver behind our port, against the simulator on the wire.
#![cfg(all(feature = "simulator", feature = "mssql-tds"))]
#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

#[path = "support/kit.rs"]
mod kit;

use std::time::Duration;

use scorch_recovery::adapter::mssql_tds::{Endpoint, Login, MssqlTdsTransport, Tls};
use scorch_recovery::names::SqlInstance;
use scorch_recovery::simulator::{Listener, TlsMode};
use scorch_recovery::sql::{Database, KeyRestoreOutcome};
use scorch_recovery::transport::{
    CancelSupport, ErrorSupport, MessageSupport, SqlBatch, SqlSession, SqlTransport,
    TransportError, TransportErrorKind, Wire,
};
use scorch_recovery::{Context, Operation, Secret};

use kit::simulated::{Collected, SA, World, named, run, secrets, verify};
use kit::{KEY, after_backup, restore_key, restore_key_again};

const HOUR: Duration = Duration::from_secs(3600);

fn sa() -> Login {
    Login::sql_server("sa", Secret::new(SA.to_owned()))
}

async fn listen(world: &World, instance: &str, mode: TlsMode) -> Listener {
    Listener::bind(world.server(instance), 0, mode)
        .await
        .unwrap()
}

/// The endpoint of a listener, its certificate verified.
fn endpoint(listener: &Listener) -> Endpoint {
    let endpoint = Endpoint::new("127.0.0.1", listener.address().port());
    match listener.ca_pem() {
        Some(pem) => endpoint.tls(Tls::CaPem(pem.as_bytes().to_vec())),
        None => endpoint.tls(Tls::DangerPlaintext),
    }
}

fn transport_of(instance: &str, endpoint: Endpoint) -> MssqlTdsTransport {
    MssqlTdsTransport::builder()
        .instance(named(instance), endpoint, sa())
        .build()
        .unwrap()
}

async fn connect(endpoint: Endpoint) -> Result<Box<dyn SqlSession>, TransportError> {
    let name: SqlInstance = named("SQL01");
    transport_of("SQL01", endpoint).connect(&name, None).await
}

fn numbers(collected: &Collected) -> Vec<i32> {
    collected.messages.iter().map(|m| m.number).collect()
}

#[tokio::test]
async fn every_message_and_every_error_in_the_server_s_order() {
    let world = World::with(&["SQL01"]);
    let listener = listen(&world, "SQL01", TlsMode::Full).await;
    let transport = transport_of("SQL01", endpoint(&listener));
    let capabilities = transport.capabilities();
    assert_eq!(capabilities.messages, MessageSupport::AfterCompletion);
    assert_eq!(capabilities.errors, ErrorSupport::All);
    assert_eq!(capabilities.cancel, CancelSupport::Attention);
    let mut session = transport.connect(&named("SQL01"), None).await.unwrap();
    assert_eq!(session.wire(), Wire::Verified);

    let collected = run(
        &mut *session,
        r"PRINT 'a'; SELECT 1 AS n UNION ALL SELECT 2; RESTORE DATABASE x FROM DISK = N'D:\missing.bak'; PRINT 'b'; SELECT N'z' AS t",
    )
    .await;
    assert_eq!(numbers(&collected), [0, 3201, 3013, 0]);
    assert_eq!(collected.rows.len(), 3);
    let first = &collected.messages[0];
    assert_eq!((first.text.as_str(), first.class, first.line), ("a", 0, 1));
    let second = &collected.messages[1];
    assert_eq!((second.class, second.line), (16, 1));
    assert!(second.text.contains("missing.bak"), "{second:?}");
}

#[tokio::test]
async fn progress_is_told_in_messages() {
    let world = after_backup().await;
    let listener = listen(&world, "SQL01", TlsMode::Full).await;
    let mut session = connect(endpoint(&listener)).await.unwrap();
    let collected = run(
        &mut *session,
        r"BACKUP DATABASE Orchestrator TO DISK = N'\\vault\keys\second.bak' WITH STATS = 10",
    )
    .await;
    let told = numbers(&collected).iter().filter(|n| **n == 3211).count();
    assert!(told >= 9, "{:?}", collected.messages);
    assert_eq!(numbers(&collected).last(), Some(&3014));
}

#[tokio::test]
async fn a_dropped_batch_is_ended_by_attention_and_the_session_goes_on() {
    let mut world = World::new();
    world.add("SQL01", |builder| builder.pace(HOUR));
    let listener = listen(&world, "SQL01", TlsMode::Full).await;
    let mut session = connect(endpoint(&listener)).await.unwrap();
    let mut watcher = connect(endpoint(&listener)).await.unwrap();
    let spid = run(&mut *session, "SELECT @@SPID").await.integer();
    let running = format!(
        "SELECT COUNT(*) FROM sys.dm_exec_requests WHERE session_id = {spid} AND command LIKE 'BACKUP%'"
    );
    let mut sink = Collected::default();
    let backup = SqlBatch::open(r"BACKUP DATABASE master TO DISK = N'\\vault\keys\m.bak'");
    tokio::select! {
        end = session.execute(backup, &mut sink) => panic!("it ended: {end:?}"),
        () = async {
            while run(&mut *watcher, &running).await.integer() == 0 {
                tokio::task::yield_now().await;
            }
        } => {}
    }
    // The same connection, after the BACKUP was ended.
    assert_eq!(run(&mut *session, "SELECT @@SPID").await.integer(), spid);
    assert_eq!(run(&mut *watcher, &running).await.integer(), 0);
    assert!(format!("{session:?}").contains("is_open: true"));
}

#[tokio::test]
async fn key_and_database_recover_and_same_or_replaced_is_told() {
    recover(TlsMode::Full, |endpoint| endpoint).await;
}

#[tokio::test]
async fn they_recover_over_tds_8_too() {
    recover(TlsMode::Strict, Endpoint::strict).await;
}

async fn recover(mode: TlsMode, speaking: fn(Endpoint) -> Endpoint) {
    let world = after_backup().await;
    let first = listen(&world, "SQL01", mode).await;
    let second = listen(&world, "SQL02", mode).await;
    let transport = MssqlTdsTransport::builder()
        .instance(named("SQL01"), speaking(endpoint(&first)), sa())
        .instance(named("SQL02"), speaking(endpoint(&second)), sa())
        .build()
        .unwrap();
    let cx = Context::builder()
        .sql(transport)
        .secrets(secrets())
        .allow_unc_host("vault")
        .build()
        .unwrap();
    let other = r"\\vault\keys\other.bak";
    Database::backup(&named("SQL01"), &named("Orchestrator"))
        .to_file(named(other))
        .run(&cx)
        .await
        .unwrap();
    let restored = restore_key("SQL02", KEY).run(&cx).await.unwrap();
    assert_eq!(restored.outcome, KeyRestoreOutcome::Replaced);
    Database::restore(&named("SQL02"), &named("Orchestrator"))
        .from_file(named(other))
        .run(&cx)
        .await
        .unwrap();
    let proof = verify("SQL02", "Orchestrator").run(&cx).await.unwrap();
    assert!(proof.is_whole(), "{proof:?}");

    let again = restore_key_again(&world, &cx).await;
    assert_eq!(again.outcome, KeyRestoreOutcome::Same);
}

#[tokio::test]
async fn only_the_right_certificate_is_accepted() {
    let world = World::with(&["SQL01", "SQL02"]);
    let right = listen(&world, "SQL01", TlsMode::Full).await;
    let wrong = listen(&world, "SQL02", TlsMode::Full).await;
    let ca_of = |listener: &Listener| Tls::CaPem(listener.ca_pem().unwrap().as_bytes().to_vec());
    for (endpoint, part) in [
        (endpoint(&right).tls(ca_of(&wrong)), "certificate"),
        (endpoint(&right).certificate_name("sql09"), "certificate"),
        (endpoint(&right).tls(Tls::SystemRoots), "certificate"),
        (endpoint(&right).tls(Tls::CaPem(Vec::new())), "CA"),
        (
            endpoint(&right).tls(Tls::CaFile("/nowhere/ca.pem".into())),
            "CA file",
        ),
    ] {
        let error = connect(endpoint).await.unwrap_err();
        assert_eq!(error.kind(), TransportErrorKind::Connect, "{error}");
        assert!(error.detail().contains(part), "{error}");
    }
    let named_right = endpoint(&right).certificate_name("localhost");
    assert_eq!(connect(named_right).await.unwrap().wire(), Wire::Verified);
    let any = endpoint(&right).tls(Tls::DangerTrustAnyCertificate);
    assert_eq!(connect(any).await.unwrap().wire(), Wire::Encrypted);
}

#[tokio::test]
async fn a_renewed_certificate_is_looked_at_again() {
    let world = World::with(&["SQL01"]);
    let before = listen(&world, "SQL01", TlsMode::Full).await;
    let after = listen(&world, "SQL01", TlsMode::Full).await;
    // Both authorities are trusted; the server behind the port changes its certificate.
    let both = format!("{}{}", before.ca_pem().unwrap(), after.ca_pem().unwrap());
    let front = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = front.local_addr().unwrap().port();
    let (switch, behind) = tokio::sync::watch::channel(before.address());
    tokio::spawn(async move {
        loop {
            let (mut client, _) = front.accept().await.unwrap();
            let address = *behind.borrow();
            tokio::spawn(async move {
                let mut server = tokio::net::TcpStream::connect(address).await.unwrap();
                let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
            });
        }
    });
    let endpoint = Endpoint::new("127.0.0.1", port).tls(Tls::CaPem(both.into_bytes()));
    let transport = transport_of("SQL01", endpoint);
    transport.connect(&named("SQL01"), None).await.unwrap();
    transport.connect(&named("SQL01"), None).await.unwrap();
    switch.send(after.address()).unwrap();
    let mut session = transport.connect(&named("SQL01"), None).await.unwrap();
    assert_eq!(run(&mut *session, "SELECT 1").await.integer(), 1);
}

#[tokio::test]
async fn a_plain_wire_is_called_plain() {
    let world = World::with(&["SQL01"]);
    let listener = listen(&world, "SQL01", TlsMode::Off).await;
    let mut session = connect(endpoint(&listener)).await.unwrap();
    assert_eq!(session.wire(), Wire::Plain);
    assert_eq!(run(&mut *session, "SELECT 1").await.integer(), 1);
    // A server that does not encrypt is refused where TLS was asked for.
    for tls in [Tls::SystemRoots, Tls::DangerTrustAnyCertificate] {
        let error = connect(endpoint(&listener).tls(tls)).await.unwrap_err();
        assert_eq!(error.kind(), TransportErrorKind::Connect, "{error}");
    }
}

#[tokio::test]
async fn a_refused_sign_in_says_so() {
    let world = World::with(&["SQL01"]);
    let listener = listen(&world, "SQL01", TlsMode::Full).await;
    let wrong = MssqlTdsTransport::builder()
        .instance(
            named("SQL01"),
            endpoint(&listener),
            Login::sql_server("sa", Secret::new("Wrong-Passw0rd".to_owned())),
        )
        .build()
        .unwrap();
    let error = wrong.connect(&named("SQL01"), None).await.unwrap_err();
    assert_eq!(error.kind(), TransportErrorKind::Authenticate);
    assert!(error.detail().contains("18456"), "{error}");
    assert!(!error.detail().contains("Wrong-Passw0rd"), "{error}");
    assert!(!format!("{wrong:?}").contains("Wrong-Passw0rd"));
    let right = transport_of("SQL01", endpoint(&listener));
    let error = right
        .connect(&named("SQL01"), Some(&named("Missing")))
        .await
        .unwrap_err();
    assert!(error.detail().contains("4060"), "{error}");
    let error = right.connect(&named("SQL02"), None).await.unwrap_err();
    assert_eq!(error.kind(), TransportErrorKind::Connect);
}

#[tokio::test]
async fn silence_and_a_fatal_error_end_the_session() {
    let world = World::with(&["SQL01"]);
    let listener = listen(&world, "SQL01", TlsMode::Full).await;
    let idle = endpoint(&listener).idle_deadline(Duration::from_millis(200));
    let mut session = connect(idle).await.unwrap();
    let mut sink = Collected::default();
    let error = session
        .execute(SqlBatch::open("WAITFOR DELAY '01:00:00'"), &mut sink)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), TransportErrorKind::Timeout, "{error}");
    let error = session
        .execute(SqlBatch::open("SELECT 1"), &mut sink)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), TransportErrorKind::Connect, "{error}");

    let mut session = connect(endpoint(&listener)).await.unwrap();
    let error = session
        .execute(
            SqlBatch::open("RAISERROR('over', 20, 1) WITH LOG"),
            &mut sink,
        )
        .await
        .unwrap_err();
    assert_eq!(error.kind(), TransportErrorKind::Interrupted, "{error}");
    assert_eq!(sink.errors().first(), Some(&50_000), "{:?}", sink.messages);
}

#[tokio::test]
async fn a_server_that_never_answers_meets_the_deadline() {
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = silent.local_addr().unwrap().port();
    for tls in [Tls::SystemRoots, Tls::DangerPlaintext] {
        let endpoint = Endpoint::new("127.0.0.1", port)
            .tls(tls)
            .connect_deadline(Duration::from_millis(200));
        let error = connect(endpoint).await.unwrap_err();
        assert_eq!(error.kind(), TransportErrorKind::Timeout, "{error}");
    }
}

/// What was logged by `log`, which the driver falls back to where nobody listens to `tracing`.
static LOGGED: std::sync::Mutex<Vec<String>> = std::sync::Mutex::new(Vec::new());

struct Logger;

impl log::Log for Logger {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        let mut logged = LOGGED.lock().unwrap();
        logged.push(format!("{}: {}", record.target(), record.args()));
    }

    fn flush(&self) {}
}

#[tokio::test]
async fn the_driver_logs_nothing() {
    static LOGGER: Logger = Logger;
    log::set_logger(&LOGGER).unwrap();
    log::set_max_level(log::LevelFilter::Trace);
    log::info!("heard");
    let world = World::with(&["SQL01"]);
    let listener = listen(&world, "SQL01", TlsMode::Full).await;
    let mut session = connect(endpoint(&listener)).await.unwrap();
    run(&mut *session, "SELECT 'Canary-Passw0rd'; PRINT 'x'").await;
    drop(session);
    connect(endpoint(&listener).certificate_name("sql09"))
        .await
        .unwrap_err();
    let logged = LOGGED.lock().unwrap();
    assert!(logged.iter().any(|line| line.ends_with("heard")));
    let driver = logged.iter().find(|line| line.starts_with("mssql_tds::"));
    assert_eq!(driver, None);
    assert!(!logged.iter().any(|line| line.contains("Canary")));
}
