//! Clients of SQL Server against the simulator's wire.
#![allow(
    clippy::unwrap_used,
    reason = "a test fails by panicking, its helpers too"
)]

use std::num::NonZeroU32;
use std::time::Duration;

use scorch_recovery::Secret;
use scorch_recovery::simulator::{
    Disconnect, Fault, InstanceBuilder, Listener, ModellingChoices, SimulatedInstance, TlsMode,
};
use tempfile::TempDir;
use tiberius::{AuthMethod, Client, Config, EncryptionLevel, Row};
use tokio::net::TcpStream;
use tokio_util::compat::{Compat, TokioAsyncWriteCompatExt};

#[path = "simulator_wire/raw_client.rs"]
mod raw_client;

use raw_client::{
    ATTENTION, ENCRYPT_NOT_SUPPORTED, ENCRYPT_OFF, ENCRYPT_ON, ENCRYPT_REQUIRED, RawClient,
};

const PASSWORD: &str = "Correct-Horse-1!";

/// The end of a connection is seen at once on loopback; this is for a machine under load.
const SOON: Duration = Duration::from_secs(20);

struct Server {
    instance: SimulatedInstance,
    listener: Listener,
    folder: TempDir,
}

type TiberiusClient = Client<Compat<TcpStream>>;

impl Server {
    async fn start(mode: TlsMode) -> Self {
        Self::start_with(mode, |builder| builder).await
    }

    async fn start_with(
        mode: TlsMode,
        adjust: impl FnOnce(InstanceBuilder) -> InstanceBuilder,
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let builder = SimulatedInstance::builder("SQL01", folder.path().join("instance"))
            .machine_secret(folder.path().join("machine.secret"))
            .sa_password(Secret::new(PASSWORD.to_owned()))
            .key_derivation_cost(NonZeroU32::MIN);
        let instance = adjust(builder).build().unwrap();
        let listener = Listener::bind(&instance, 0, mode).await.unwrap();
        Self {
            instance,
            listener,
            folder,
        }
    }

    fn config(&self, encryption: EncryptionLevel) -> Config {
        let mut config = Config::new();
        config.host("localhost");
        config.port(self.listener.address().port());
        config.authentication(AuthMethod::sql_server("sa", PASSWORD));
        config.encryption(encryption);
        if let Some(pem) = self.listener.ca_pem() {
            let file = self.folder.path().join("ca.pem");
            std::fs::write(&file, pem).unwrap();
            config.trust_cert_ca(file.to_str().unwrap());
        }
        config
    }

    async fn connect_with(&self, config: Config) -> tiberius::Result<TiberiusClient> {
        let stream = TcpStream::connect(self.listener.address()).await?;
        Box::pin(Client::connect(config, stream.compat_write())).await
    }

    async fn connect(&self) -> TiberiusClient {
        let level = match self.listener.ca_pem() {
            None => EncryptionLevel::NotSupported,
            Some(_) => EncryptionLevel::Required,
        };
        self.connect_with(self.config(level)).await.unwrap()
    }
}

async fn rows(client: &mut TiberiusClient, text: &str) -> tiberius::Result<Vec<Row>> {
    client.simple_query(text).await?.into_first_result().await
}

async fn number(client: &mut TiberiusClient, text: &str) -> i32 {
    rows(client, text).await.unwrap()[0].get(0).unwrap()
}

fn code(error: &tiberius::error::Error) -> Option<u32> {
    match error {
        tiberius::error::Error::Server(token) => Some(token.code()),
        _ => None,
    }
}

#[tokio::test]
async fn a_client_signs_in_with_and_without_tls() {
    for mode in [TlsMode::Off, TlsMode::Full] {
        let server = Server::start(mode).await;
        assert!(server.listener.address().ip().is_loopback());
        let mut client = server.connect().await;
        assert_eq!(number(&mut client, "SELECT 1").await, 1);
        let found = rows(&mut client, "SELECT @@SERVERNAME").await.unwrap();
        assert_eq!(found[0].get::<&str, _>(0), Some("SQL01"));
    }
}

#[tokio::test]
async fn a_wrong_password_is_refused() {
    for mode in [TlsMode::Off, TlsMode::Full] {
        let server = Server::start(mode).await;
        let level = match mode {
            TlsMode::Off => EncryptionLevel::NotSupported,
            _ => EncryptionLevel::Required,
        };
        let mut config = server.config(level);
        config.authentication(AuthMethod::sql_server("sa", "something else"));
        let error = server.connect_with(config).await.unwrap_err();
        assert_eq!(code(&error), Some(18456), "{error}");
    }
}

#[tokio::test]
async fn a_certificate_is_not_trusted_unless_its_authority_is() {
    let server = Server::start(TlsMode::Full).await;
    let mut config = Config::new();
    config.host("localhost");
    config.authentication(AuthMethod::sql_server("sa", PASSWORD));
    config.encryption(EncryptionLevel::Required);
    let error = server.connect_with(config).await.unwrap_err();
    assert_eq!(code(&error), None, "{error}");

    let other = Server::start(TlsMode::Full).await;
    assert_ne!(server.listener.ca_pem(), other.listener.ca_pem());
}

#[tokio::test]
async fn encryption_is_agreed_as_real_servers_do() {
    let off = Server::start(TlsMode::Off).await;
    for asked in [ENCRYPT_OFF, ENCRYPT_ON, ENCRYPT_NOT_SUPPORTED] {
        let (_, answer) = RawClient::connect(off.listener.address(), asked).await;
        assert_eq!(answer, ENCRYPT_NOT_SUPPORTED);
    }
    let full = Server::start(TlsMode::Full).await;
    let (_, answer) = RawClient::connect(full.listener.address(), ENCRYPT_ON).await;
    assert_eq!(answer, ENCRYPT_ON);
    let (mut client, answer) =
        RawClient::connect(full.listener.address(), ENCRYPT_NOT_SUPPORTED).await;
    assert_eq!(answer, ENCRYPT_REQUIRED);
    assert_eq!(client.message().await, None);
}

#[tokio::test]
async fn parameters_and_long_texts_go_both_ways() {
    let server = Server::start(TlsMode::Full).await;
    let mut client = server.connect().await;
    let long = "ä".repeat(40_000);
    let query = client
        .query(
            "SELECT @P1, @P2, @P3",
            &[&7_i32, &long.as_str(), &Some(true)],
        )
        .await
        .unwrap();
    let row = query.into_row().await.unwrap().unwrap();
    assert_eq!(row.get::<i32, _>(0), Some(7));
    assert_eq!(row.get::<&str, _>(1), Some(long.as_str()));
    assert_eq!(row.get::<bool, _>(2), Some(true));
}

#[tokio::test]
async fn a_batch_has_several_results_and_errors_do_not_end_the_session() {
    let server = Server::start(TlsMode::Off).await;
    let mut client = server.connect().await;
    let stream = client.simple_query("SELECT 1; SELECT 2, 3").await.unwrap();
    let results = stream.into_results().await.unwrap();
    assert_eq!(results.len(), 2);
    assert_eq!(results[1][0].get::<i32, _>(1), Some(3));
    let error = rows(
        &mut client,
        r"RESTORE DATABASE x FROM DISK = N'D:\missing.bak'",
    )
    .await
    .unwrap_err();
    assert_eq!(code(&error), Some(3201), "{error}");
    assert_eq!(number(&mut client, "SELECT 4").await, 4);
}

#[tokio::test]
async fn messages_arrive_while_their_batch_runs() {
    let server = Server::start(TlsMode::Off).await;
    let mut client = RawClient::sign_in(server.listener.address(), PASSWORD).await;
    client
        .batch("PRINT 'first'; WAITFOR DELAY '01:00:00'")
        .await;
    let (is_last, body) = client.packet().await.unwrap();
    assert!(!is_last);
    assert_eq!(body[0], 0xAB, "INFO");
}

#[tokio::test]
async fn an_attention_stops_the_batch_and_is_acknowledged_in_its_own_message() {
    let server = Server::start(TlsMode::Off).await;
    let mut client = RawClient::sign_in(server.listener.address(), PASSWORD).await;
    client.batch("WAITFOR DELAY '01:00:00'").await;
    client.send(ATTENTION, &[]).await;
    let batch = client.message().await.unwrap();
    assert_eq!(batch[..3], [0xFD, 0x02, 0], "DONE with an error");
    let acknowledgement = client.message().await.unwrap();
    assert_eq!(acknowledgement.len(), 13);
    assert_eq!(
        acknowledgement[..3],
        [0xFD, 0x20, 0],
        "DONE of an attention"
    );
    const RUNNING: &str = "SELECT COUNT(*) FROM sys.dm_exec_requests WHERE session_id <> @@SPID";
    let mut observer = server.connect().await;
    assert_eq!(number(&mut observer, RUNNING).await, 0);
    // Nothing runs: an attention is acknowledged all the same.
    client.send(ATTENTION, &[]).await;
    assert_eq!(client.message().await.unwrap()[..3], [0xFD, 0x20, 0]);
    client.batch("SELECT 1").await;
    assert_eq!(client.message().await.unwrap()[0], 0x81, "COLMETADATA");
}

#[tokio::test]
async fn an_attention_can_be_acknowledged_in_the_batch_s_message() {
    let mut choices = ModellingChoices::default();
    choices.attention_in_own_message = false;
    let server = Server::start_with(TlsMode::Off, |builder| builder.modelling(choices)).await;
    let mut client = RawClient::sign_in(server.listener.address(), PASSWORD).await;
    client.batch("WAITFOR DELAY '01:00:00'").await;
    client.send(ATTENTION, &[]).await;
    assert_eq!(client.message().await.unwrap()[..3], [0xFD, 0x22, 0]);
    client.batch("SELECT 1").await;
    assert_eq!(client.message().await.unwrap()[0], 0x81);
}

#[tokio::test]
async fn a_pooled_connection_is_reset_for_its_next_user() {
    let server = Server::start(TlsMode::Off).await;
    let mut client = RawClient::sign_in(server.listener.address(), PASSWORD).await;
    client.batch("USE tempdb; BEGIN TRANSACTION").await;
    client.message().await.unwrap();
    client
        .batch_after_reset("IF DB_NAME() = 'master' AND @@TRANCOUNT = 0 PRINT 'new'")
        .await;
    let reply = client.message().await.unwrap();
    assert_eq!(reply[..6], [0xE3, 3, 0, 18, 0, 0], "the reset is told");
    let printed = reply.windows(6).any(|bytes| bytes == b"n\0e\0w\0");
    assert!(printed && reply.contains(&0xAB), "the session is as new");
}

/// Waits until that many other sessions are there.
async fn until_other_sessions(client: &mut TiberiusClient, expected: i32) {
    const COUNT: &str = "SELECT COUNT(*) FROM sys.dm_exec_sessions \
                         WHERE is_user_process = 1 AND session_id <> @@SPID";
    let seen = async {
        while number(client, COUNT).await != expected {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(SOON, seen).await.unwrap();
}

#[tokio::test]
async fn the_end_of_a_connection_ends_its_batch() {
    let server = Server::start(TlsMode::Off).await;
    let mut observer = server.connect().await;
    let mut client = RawClient::sign_in(server.listener.address(), PASSWORD).await;
    client.batch("WAITFOR DELAY '01:00:00'").await;
    until_other_sessions(&mut observer, 1).await;
    drop(client);
    until_other_sessions(&mut observer, 0).await;
}

#[tokio::test]
async fn a_batch_can_outlive_its_connection() {
    let mut choices = ModellingChoices::default();
    choices.batch_outlives_socket = true;
    let server = Server::start_with(TlsMode::Off, |builder| builder.modelling(choices)).await;
    let mut observer = server.connect().await;
    let mut client = RawClient::sign_in(server.listener.address(), PASSWORD).await;
    // The batch waits for a lock of the observer's until its client is gone.
    let lock = "EXEC sp_getapplock @Resource = 'gate', @LockMode = 'Exclusive', \
                @LockOwner = 'Session'";
    rows(&mut observer, lock).await.unwrap();
    client
        .batch(&format!("PRINT 'begun'; {lock}; CREATE DATABASE Made"))
        .await;
    client.packet().await.unwrap();
    client.leave().await;
    let release = "EXEC sp_releaseapplock @Resource = 'gate', @LockOwner = 'Session'";
    rows(&mut observer, release).await.unwrap();
    let made = async {
        while rows(
            &mut observer,
            "SELECT 1 FROM sys.databases WHERE name = 'Made'",
        )
        .await
        .unwrap()
        .is_empty()
        {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(SOON, made).await.unwrap();
}

#[tokio::test]
async fn kill_closes_the_connection() {
    let server = Server::start(TlsMode::Off).await;
    let mut killer = server.connect().await;
    for batch in [None, Some("WAITFOR DELAY '01:00:00'")] {
        let mut victim = RawClient::sign_in(server.listener.address(), PASSWORD).await;
        if let Some(batch) = batch {
            victim.batch(batch).await;
        }
        let spid = "SELECT CAST(MAX(session_id) AS int) FROM sys.dm_exec_sessions";
        let spid = number(&mut killer, spid).await;
        rows(&mut killer, &format!("KILL {spid}")).await.unwrap();
        while let Some((_, body)) = victim.packet().await {
            assert_eq!(body[0], 0xAA, "nothing but ERROR 596");
        }
    }
}

#[tokio::test]
async fn a_port_is_taken_once() {
    let server = Server::start(TlsMode::Off).await;
    let port = server.listener.address().port();
    let again = Listener::bind(&server.instance, port, TlsMode::Off).await;
    assert_eq!(again.unwrap_err().kind(), std::io::ErrorKind::AddrInUse);
}

#[tokio::test]
async fn dropping_the_listener_closes_it_and_its_connections() {
    let server = Server::start(TlsMode::Off).await;
    let address = server.listener.address();
    let mut client = RawClient::sign_in(address, PASSWORD).await;
    drop(server.listener);
    assert_eq!(client.message().await, None);
    let refused = async { while TcpStream::connect(address).await.is_ok() {} };
    tokio::time::timeout(SOON, refused).await.unwrap();
}

#[tokio::test]
async fn faults_strike_before_inside_and_after_a_statement() {
    let server = Server::start(TlsMode::Off).await;
    let fault = |text: &str, disconnect| {
        let fault = Fault::when_statement_contains(text).disconnect(disconnect);
        server.instance.faults().install(fault);
    };
    fault("database before", Disconnect::Before);
    fault("database after", Disconnect::After);
    fault("inside", Disconnect::AfterReplies(1));
    for name in ["Before", "After"] {
        let mut client = server.connect().await;
        let error = rows(&mut client, &format!("CREATE DATABASE {name}"))
            .await
            .unwrap_err();
        assert_eq!(code(&error), None, "{error}");
    }
    let mut inside = RawClient::sign_in(server.listener.address(), PASSWORD).await;
    inside.batch("PRINT 'inside'; PRINT 'not seen'").await;
    let (is_last, body) = inside.packet().await.unwrap();
    assert!(!is_last && body[0] == 0xAB);
    assert_eq!(inside.packet().await, None);

    assert_eq!(server.instance.faults().outstanding(), 0);
    let mut client = server.connect().await;
    let text = "SELECT name FROM sys.databases WHERE name IN ('Before', 'After')";
    let found = rows(&mut client, text).await.unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].get::<&str, _>(0), Some("After"));
}
