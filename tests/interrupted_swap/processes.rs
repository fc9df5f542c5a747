//! The server and the client, each a process of this program.

use std::io::{BufRead as _, BufReader, Read as _};
use std::num::NonZeroU32;
use std::path::Path;
use std::process::{Child, Command, ExitCode, Stdio};

use scorch_recovery::adapter::tiberius::{Endpoint, Login, TiberiusTransport, Tls};
use scorch_recovery::simulator::{Listener, ModellingChoices, SimulatedInstance, TlsMode};
use scorch_recovery::{AnyOperation, Context, Operation as _, Secret};

pub(crate) const SA: &str = "Swap-Passw0rd-1";

const PART: &str = "SCORCH_SWAP_PART";
const HOME: &str = "SCORCH_SWAP_HOME";
const CHOICES: &str = "SCORCH_SWAP_CHOICES";
const PORT: &str = "SCORCH_SWAP_PORT";
const OPERATION: &str = "SCORCH_SWAP_OPERATION";

pub(crate) fn instance(home: &Path, renames_offline: bool) -> SimulatedInstance {
    let mut choices = ModellingChoices::default();
    choices.offline_can_be_renamed = renames_offline;
    SimulatedInstance::builder("SQL01", home.join("instance"))
        .machine_secret(home.join("machine.secret"))
        .sa_password(Secret::new(SA.to_owned()))
        .modelling(choices)
        .key_derivation_cost(NonZeroU32::MIN)
        .build()
        .expect("an instance")
}

pub(crate) fn transport(port: u16, login: &str, password: &str) -> TiberiusTransport {
    let endpoint = Endpoint::new("127.0.0.1", port).tls(Tls::DangerPlaintext);
    let login = Login::sql_server(login, Secret::new(password.to_owned()));
    TiberiusTransport::builder()
        .instance("SQL01".parse().expect("a name"), endpoint, login)
        .build()
        .expect("a transport")
}

pub(crate) fn context(port: u16) -> Context {
    Context::builder()
        .sql(transport(port, "sa", SA))
        .build()
        .expect("a context")
}

fn told(variable: &str) -> String {
    std::env::var(variable).expect("the parent says it")
}

/// The part that this process is started for, if it is a child.
pub(crate) async fn play_a_part() -> Option<ExitCode> {
    match std::env::var(PART).ok()?.as_str() {
        "server" => {
            let instance = instance(Path::new(&told(HOME)), told(CHOICES) == "true");
            let listener = Listener::bind(&instance, 0, TlsMode::Off)
                .await
                .expect("a listener");
            println!("{}", listener.address().port());
            // Until the parent closes it, or is gone.
            let end = tokio::task::spawn_blocking(|| std::io::stdin().read(&mut [0]));
            end.await.expect("an end").expect("an end");
            Some(ExitCode::SUCCESS)
        }
        _ => {
            let operation: AnyOperation =
                serde_json::from_str(&told(OPERATION)).expect("an operation");
            let cx = context(told(PORT).parse().expect("a port"));
            Some(match operation.run(&cx).await {
                Ok(_) => ExitCode::SUCCESS,
                Err(error) => {
                    eprintln!("{error}");
                    ExitCode::FAILURE
                }
            })
        }
    }
}

fn this_program(part: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("this program"));
    command.env(PART, part).stderr(Stdio::null());
    command
}

pub(crate) struct Server {
    child: Child,
    is_running: bool,
    pub(crate) port: u16,
}

impl Server {
    pub(crate) fn start(home: &Path, renames_offline: bool) -> Self {
        let mut child = this_program("server")
            .env(HOME, home)
            .env(CHOICES, renames_offline.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a server");
        let mut line = String::new();
        let output = child.stdout.take().expect("its output");
        BufReader::new(output).read_line(&mut line).expect("a port");
        Self {
            child,
            is_running: true,
            port: line.trim().parse().expect("a port"),
        }
    }

    pub(crate) const fn is_running(&self) -> bool {
        self.is_running
    }

    pub(crate) fn kill(&mut self) {
        self.child.kill().expect("it can be killed");
        self.child.wait().expect("it ends");
        self.is_running = false;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if self.is_running {
            self.kill();
        }
    }
}

pub(crate) struct Client(Child);

impl Client {
    pub(crate) fn start(port: u16, operation: &AnyOperation) -> Self {
        let operation = serde_json::to_string(operation).expect("a text");
        let child = this_program("client")
            .env(PORT, port.to_string())
            .env(OPERATION, operation)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn();
        Self(child.expect("a client"))
    }

    pub(crate) fn kill(&mut self) {
        // It may have noticed and ended by itself.
        let _ = self.0.kill();
    }

    /// Whether it ended well.
    pub(crate) fn wait(&mut self) -> bool {
        self.0.wait().expect("it ends").success()
    }
}
