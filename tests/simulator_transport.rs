//! The transport without a socket: what reaches a sink, and what faults do.
#![allow(
    clippy::unwrap_used,
    reason = "a test fails by panicking, its helpers too"
)]

use std::num::NonZeroU32;
use std::time::Duration;

use scorch_recovery::Secret;
use scorch_recovery::names::SqlInstance;
use scorch_recovery::simulator::{
    Disconnect, Fault, ModellingChoices, SimulatedInstance, SimulatorTransport,
};
use scorch_recovery::transport::{
    SqlBatch, SqlColumn, SqlMessage, SqlSession, SqlSink, SqlTransport, SqlValue, TransportError,
    TransportErrorKind,
};
use tempfile::TempDir;
use tokio::time::{Instant, timeout};

const PASSWORD: &str = "Correct-Horse-1!";

struct Server {
    instance: SimulatedInstance,
    _folder: TempDir,
}

impl Server {
    fn start(choices: ModellingChoices) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let instance = SimulatedInstance::builder("SQL01", folder.path().join("instance"))
            .machine_secret(folder.path().join("machine.secret"))
            .sa_password(Secret::new(PASSWORD.to_owned()))
            .key_derivation_cost(NonZeroU32::MIN)
            .modelling(choices)
            .build()
            .unwrap();
        Self {
            instance,
            _folder: folder,
        }
    }

    fn transport(&self, password: &str) -> SimulatorTransport {
        let password = Secret::new(password.to_owned());
        SimulatorTransport::builder()
            .instance(name("SQL01"), &self.instance, "sa", password)
            .build()
    }

    async fn session(&self) -> Box<dyn SqlSession> {
        let transport = self.transport(PASSWORD);
        transport.connect(&name("SQL01"), None).await.unwrap()
    }
}

fn name(text: &str) -> SqlInstance {
    text.parse().unwrap()
}

/// Keeps what it is given, and when.
struct Sink {
    begun: Instant,
    columns: Vec<String>,
    rows: Vec<Vec<SqlValue>>,
    messages: Vec<(u64, SqlMessage)>,
}

impl Sink {
    fn new() -> Self {
        Self {
            begun: Instant::now(),
            columns: Vec::new(),
            rows: Vec::new(),
            messages: Vec::new(),
        }
    }

    fn numbers(&self) -> Vec<i32> {
        self.messages
            .iter()
            .map(|(_, message)| message.number)
            .collect()
    }
}

impl SqlSink for Sink {
    fn columns(&mut self, columns: &[SqlColumn]) {
        self.columns
            .extend(columns.iter().map(|column| column.name.clone()));
    }

    fn row(&mut self, row: Vec<SqlValue>) {
        self.rows.push(row);
    }

    fn message(&mut self, message: SqlMessage) {
        self.messages
            .push((self.begun.elapsed().as_secs(), message));
    }
}

async fn run(session: &mut dyn SqlSession, text: &str) -> (Sink, Result<(), TransportError>) {
    let mut sink = Sink::new();
    let result = session.execute(SqlBatch::open(text), &mut sink).await;
    (sink, result)
}

async fn count(session: &mut dyn SqlSession, from: &str) -> SqlValue {
    let (mut sink, result) = run(session, &format!("SELECT COUNT(*) FROM {from}")).await;
    result.unwrap();
    sink.rows.remove(0).remove(0)
}

#[tokio::test]
async fn rows_messages_and_all_errors_reach_the_sink() {
    let server = Server::start(ModellingChoices::default());
    let mut session = server.session().await;
    let text = r"SELECT 1 AS a, N'x' AS b; RESTORE DATABASE x FROM DISK = N'D:\missing.bak'";
    let (sink, result) = run(&mut *session, text).await;
    result.unwrap();
    assert_eq!(sink.columns, ["a", "b"]);
    assert_eq!(sink.rows, [[SqlValue::Int(1), SqlValue::Text("x".into())]]);
    assert_eq!(sink.numbers(), [3201, 3013]);
    let (sink, _) = run(&mut *session, "USE tempdb").await;
    assert_eq!(sink.numbers(), [5701]);
}

#[tokio::test(start_paused = true)]
async fn messages_arrive_as_they_are_sent() {
    let server = Server::start(ModellingChoices::default());
    let mut session = server.session().await;
    let text = "PRINT 'a'; WAITFOR DELAY '00:10:00'; PRINT 'b'";
    let (sink, result) = run(&mut *session, text).await;
    result.unwrap();
    let seconds: Vec<u64> = sink.messages.iter().map(|(seconds, _)| *seconds).collect();
    assert_eq!(seconds, [0, 600]);
}

#[tokio::test]
async fn signing_in_can_fail() {
    let server = Server::start(ModellingChoices::default());
    let wrong = server.transport("something else");
    let error = wrong.connect(&name("SQL01"), None).await.unwrap_err();
    assert_eq!(error.kind(), TransportErrorKind::Authenticate);
    assert!(error.detail().contains("18456"), "{error}");
    let database = "Missing".parse().unwrap();
    let right = server.transport(PASSWORD);
    let error = right
        .connect(&name("SQL01"), Some(&database))
        .await
        .unwrap_err();
    assert!(error.detail().contains("4060"), "{error}");
    let error = right.connect(&name("SQL02"), None).await.unwrap_err();
    assert_eq!(error.kind(), TransportErrorKind::Unsupported);
}

#[tokio::test(start_paused = true)]
async fn abandoning_a_statement_ends_it_and_keeps_its_session() {
    let server = Server::start(ModellingChoices::default());
    let mut observer = server.session().await;
    let mut session = server.session().await;
    const SESSIONS: &str = "sys.dm_exec_sessions WHERE is_user_process = 1";
    assert_eq!(count(&mut *observer, SESSIONS).await, SqlValue::Int(2));
    let statement = run(&mut *session, "WAITFOR DELAY '01:00:00'");
    assert!(timeout(Duration::from_secs(5), statement).await.is_err());
    // It answers at once, so the statement is over.
    let begun = Instant::now();
    let (sink, result) = run(&mut *session, "SELECT 1").await;
    result.unwrap();
    assert_eq!(sink.rows.len(), 1);
    assert!(begun.elapsed() < Duration::from_secs(5));
    // Given up again, and left alone: the end of the session is the end of it.
    let statement = run(&mut *session, "WAITFOR DELAY '01:00:00'");
    assert!(timeout(Duration::from_secs(5), statement).await.is_err());
    drop(session);
    let gone = async {
        while count(&mut *observer, SESSIONS).await != SqlValue::Int(1) {
            tokio::task::yield_now().await;
        }
    };
    timeout(Duration::from_secs(60), gone).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_abandoned_statement_can_go_on() {
    let mut choices = ModellingChoices::default();
    choices.batch_outlives_socket = true;
    let server = Server::start(choices);
    let mut observer = server.session().await;
    let mut session = server.session().await;
    const MADE: &str = "sys.databases WHERE name = 'Made'";
    let statement = run(
        &mut *session,
        "WAITFOR DELAY '00:10:00'; CREATE DATABASE Made",
    );
    assert!(timeout(Duration::from_secs(5), statement).await.is_err());
    drop(session);
    assert_eq!(count(&mut *observer, MADE).await, SqlValue::Int(0));
    tokio::time::sleep(Duration::from_secs(700)).await;
    assert_eq!(count(&mut *observer, MADE).await, SqlValue::Int(1));
}

#[tokio::test(start_paused = true)]
async fn faults_delay_speak_and_cut_off() {
    let server = Server::start(ModellingChoices::default());
    let faults = server.instance.faults();
    let warning = SqlMessage {
        number: 50_001,
        state: 1,
        class: 10,
        text: "something is wrong".to_owned(),
        procedure: String::new(),
        line: 1,
    };
    faults.install(
        Fault::when_statement_contains("select 1")
            .delay(Duration::from_secs(60))
            .raise(warning),
    );
    let mut session = server.session().await;
    let (sink, result) = run(&mut *session, "SELECT 1").await;
    result.unwrap();
    assert_eq!(sink.messages[0].0, 60);
    assert_eq!(sink.numbers(), [50_001]);
    assert_eq!(sink.rows.len(), 1);

    for (disconnect, messages) in [
        (Disconnect::Before, 0),
        (Disconnect::AfterReplies(1), 1),
        (Disconnect::After, 2),
    ] {
        faults.install(Fault::when_statement_contains("PRINT").disconnect(disconnect));
        let mut session = server.session().await;
        let (sink, result) = run(&mut *session, "PRINT 'a' PRINT 'b'").await;
        assert_eq!(sink.messages.len(), messages, "{disconnect:?}");
        assert_eq!(result.unwrap_err().kind(), TransportErrorKind::Interrupted);
    }
    assert_eq!(faults.outstanding(), 0);
}
