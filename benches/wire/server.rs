//! The server, a process of its own: this program once more.

use std::io::{BufRead as _, BufReader, Read as _};
use std::num::NonZeroU32;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, ExitCode, Stdio};

use scorch_recovery::adapter::tiberius::{Endpoint, Login, TiberiusTransport, Tls};
use scorch_recovery::names::SqlInstance;
use scorch_recovery::simulator::{
    Listener, OrchestratorOptions, SimulatedInstance, SimulatorTransport, TlsMode,
};
use scorch_recovery::transport::{
    SqlBatch, SqlColumn, SqlMessage, SqlSession, SqlSink, SqlTransport as _, SqlValue,
};
use scorch_recovery::{Context, Secret};

use crate::databases;

const SA: &str = "Bench-Passw0rd-1";
const HOME: &str = "SCORCH_BENCH_HOME";
const DATABASES: &str = "SCORCH_BENCH_DATABASES";

/// What the server has when it begins.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Begins {
    /// So many databases of every kind.
    WithDatabases(usize),
    /// Two Orchestrator databases, `Orchestrator` and `Other`, and a folder for backups.
    WithOrchestrator,
}

/// Where backups go.
pub(crate) const FOLDER: &str = r"C:\bench";

pub(crate) fn instance() -> SqlInstance {
    "SQL01".parse().unwrap()
}

/// Whether this process is to be the server.
pub(crate) fn is_child() -> bool {
    std::env::var_os(HOME).is_some()
}

/// Is the server until the parent closes its input, or is gone.
pub(crate) fn serve() -> ExitCode {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let home = std::env::var(HOME).unwrap();
        let home = Path::new(&home);
        let server = SimulatedInstance::builder("SQL01", home.join("instance"))
            .machine_secret(home.join("machine.secret"))
            .sa_password(Secret::new(SA.to_owned()))
            .key_derivation_cost(NonZeroU32::MIN)
            .build()
            .unwrap();
        match std::env::var(DATABASES) {
            Ok(count) => make_databases(&server, count.parse().unwrap()).await,
            Err(_) => make_orchestrator(&server).await,
        }
        let listener = Listener::bind(&server, 0, TlsMode::Off).await.unwrap();
        println!("{}", listener.address().port());
        let end = tokio::task::spawn_blocking(|| std::io::stdin().read(&mut [0]));
        end.await.unwrap().unwrap();
    });
    ExitCode::SUCCESS
}

async fn make_databases(server: &SimulatedInstance, count: usize) {
    let transport = SimulatorTransport::builder()
        .instance(instance(), server, "sa", Secret::new(SA.to_owned()))
        .build();
    let mut session = transport.connect(&instance(), None).await.unwrap();
    server.create_folder(FOLDER).unwrap();
    for batch in databases::script(count) {
        send(&mut *session, &batch).await;
    }
    for (of, copies) in databases::copies(count) {
        server.copy_database(&of, &copies).unwrap();
    }
}

async fn make_orchestrator(server: &SimulatedInstance) {
    server.create_folder(FOLDER).unwrap();
    for (name, seed) in [("Orchestrator", 1), ("Other", 2)] {
        server
            .create_orchestrator_database(
                &name.parse().unwrap(),
                &OrchestratorOptions::seeded(seed),
            )
            .await
            .unwrap();
    }
}

pub(crate) struct Server {
    child: Child,
    port: u16,
    /// Kept open: a server that writes to a closed one would fail.
    _output: BufReader<ChildStdout>,
    _home: tempfile::TempDir,
}

impl Server {
    pub(crate) fn start(begins: Begins) -> Self {
        let home = tempfile::tempdir().unwrap();
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.env(HOME, home.path());
        if let Begins::WithDatabases(count) = begins {
            command.env(DATABASES, count.to_string());
        }
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        Self {
            child,
            port: line.trim().parse().expect("the server did not start"),
            _output: output,
            _home: home,
        }
    }

    pub(crate) fn transport(&self) -> TiberiusTransport {
        let endpoint = Endpoint::new("127.0.0.1", self.port).tls(Tls::DangerPlaintext);
        let login = Login::sql_server("sa", Secret::new(SA.to_owned()));
        TiberiusTransport::builder()
            .instance(instance(), endpoint, login)
            .build()
            .unwrap()
    }

    pub(crate) fn context(&self) -> Context {
        Context::builder().sql(self.transport()).build().unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a batch was answered.
#[derive(Default)]
pub(crate) struct Answered {
    pub(crate) rows: Vec<Vec<SqlValue>>,
    errors: Vec<SqlMessage>,
}

impl SqlSink for Answered {
    fn columns(&mut self, _: &[SqlColumn]) {}

    fn row(&mut self, row: Vec<SqlValue>) {
        self.rows.push(row);
    }

    fn message(&mut self, message: SqlMessage) {
        if message.is_error() {
            self.errors.push(message);
        }
    }
}

/// Sends a batch as it is; an error of the server is a panic.
pub(crate) async fn send(session: &mut dyn SqlSession, batch: &str) -> Answered {
    let mut answered = Answered::default();
    session
        .execute(SqlBatch::open(batch), &mut answered)
        .await
        .unwrap_or_else(|error| panic!("{batch}: {error}"));
    assert!(answered.errors.is_empty(), "{batch}: {:?}", answered.errors);
    answered
}
