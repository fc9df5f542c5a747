//! Runs a simulated SQL Server instance on this machine, for rehearsals and for other programs'
//! tests.
//!
//! ```text
//! SA='a long password' cargo run --features simulator --example simulator -- \
//!     --instance SQL01 --port 0 --dir /tmp/sql01 --sa-password-env SA --tls full
//! ```
//!
//! When it is ready it prints one line of JSON,
//! `{"instance":…,"address":"127.0.0.1:N","browser":…,"ca":…}`, and runs until its standard input closes or it is told to terminate. It listens on loopback
//! only. Everything it keeps lies under `--dir`; started again there, it goes on where it was.

use std::error::Error;
use std::io::Read;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::{env, fs};

use clap::Parser;
use scorch_recovery::Secret;
use scorch_recovery::simulator::{
    Edition, Listener, OrchestratorOptions, Platform, SimulatedInstance, TlsMode, Version, WireBug,
};
use serde::Serialize;
use tokio::sync::oneshot;

/// A simulated SQL Server instance, on loopback.
#[derive(Debug, Parser)]
struct Arguments {
    /// The instance's name: `SQL01` or `SQL01\ORCH`.
    #[arg(long)]
    instance: String,
    /// The port to listen at; 0 for a free one.
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// The folder for all that it keeps. Made where it is missing.
    #[arg(long)]
    dir: PathBuf,
    /// The environment variable with the password of `sa`.
    #[arg(long)]
    sa_password_env: String,
    /// How connections are encrypted: `off`, `login`, `full` or `strict`.
    #[arg(long, default_value = "off", value_parser = tls_mode)]
    tls: TlsMode,
    /// The SQL Server it poses as: `2014`, `2016`, `2017`, `2019`, `2022` or `2025`.
    #[arg(long, default_value_t = Version::Sql2022)]
    version: Version,
    /// The edition it poses as: `developer`, `enterprise`, `standard`, `web`, `express`,
    /// `azure-sql-database` or `managed-instance`.
    #[arg(long, default_value_t = Edition::Developer)]
    edition: Edition,
    /// The operating system it poses as when it is made: `windows` or `linux`.
    #[arg(long, default_value_t = Platform::Windows)]
    platform: Platform,
    /// Runs a SQL Browser at this port (UDP), for clients that ask for the instance by its name; 0
    /// for a free one.
    #[arg(long, value_name = "PORT")]
    browser_port: Option<u16>,
    /// Sends clients that sign in to another server.
    #[arg(long, value_name = "HOST:PORT", value_parser = server)]
    route_to: Option<(String, u16)>,
    /// Plants a mistake on the wire: `tls-record-per-packet`, `login-ack-version` or
    /// `column-flags`.
    #[arg(long, value_parser = wire_bug)]
    wire_bug: Option<WireBug>,
    /// A folder that the server sees as `\\NAME`. May be given several times.
    #[arg(long, value_name = "NAME=DIR", value_parser = share)]
    share: Vec<(String, PathBuf)>,
    /// Makes a database `Orchestrator` with encrypted values, unless it is there already.
    #[arg(long)]
    orchestrator: bool,
    /// Decides what is in that database, and all names in it that are only guessed.
    #[arg(long, default_value_t = 1, requires = "orchestrator")]
    seed: u64,
}

/// The line that says that clients may come.
#[derive(Serialize)]
struct Ready<'a> {
    instance: &'a str,
    address: SocketAddr,
    /// Where its SQL Browser answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    browser: Option<SocketAddr>,
    /// The file with the certificate of the authority to trust.
    #[serde(skip_serializing_if = "Option::is_none")]
    ca: Option<PathBuf>,
}

fn tls_mode(text: &str) -> Result<TlsMode, String> {
    match text {
        "off" => Ok(TlsMode::Off),
        "login" => Ok(TlsMode::Login),
        "full" => Ok(TlsMode::Full),
        "strict" => Ok(TlsMode::Strict),
        _ => Err("there is `off`, `login`, `full` and `strict`".to_owned()),
    }
}

fn wire_bug(text: &str) -> Result<WireBug, String> {
    match text {
        "tls-record-per-packet" => Ok(WireBug::TlsRecordPerPacket),
        "login-ack-version" => Ok(WireBug::LoginAckVersion),
        "column-flags" => Ok(WireBug::ColumnFlags),
        _ => Err(
            "there is `tls-record-per-packet`, `login-ack-version` and `column-flags`".to_owned(),
        ),
    }
}

fn server(text: &str) -> Result<(String, u16), String> {
    match text.rsplit_once(':') {
        Some((host, port)) if !host.is_empty() => {
            let port = port.parse().map_err(|error| format!("{port}: {error}"))?;
            Ok((host.to_owned(), port))
        }
        _ => Err("write HOST:PORT".to_owned()),
    }
}

fn share(text: &str) -> Result<(String, PathBuf), String> {
    match text.split_once('=') {
        Some((name, folder)) if !name.is_empty() && !folder.is_empty() => {
            Ok((name.to_owned(), folder.into()))
        }
        _ => Err("write NAME=DIR".to_owned()),
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse();
    let password = env::var(&arguments.sa_password_env).map_err(|error| {
        format!(
            "the environment variable {}: {error}",
            arguments.sa_password_env
        )
    })?;
    fs::create_dir_all(&arguments.dir)?;
    let mut builder =
        SimulatedInstance::builder(&arguments.instance, arguments.dir.join("instance"))
            .machine_secret(arguments.dir.join("machine.secret"))
            .version(arguments.version)
            .edition(arguments.edition)
            .platform(arguments.platform)
            .sa_password(Secret::new(password));
    for (name, folder) in arguments.share {
        builder = builder.share(name, folder);
    }
    let instance = builder.build()?;
    if arguments.orchestrator {
        make_orchestrator_database(&instance, arguments.seed).await?;
    }
    let mut listener = Listener::builder(&instance)
        .port(arguments.port)
        .tls(arguments.tls);
    if let Some(port) = arguments.browser_port {
        listener = listener.browser_port(port);
    }
    if let Some((host, port)) = arguments.route_to {
        listener = listener.route_to(host, port);
    }
    if let Some(bug) = arguments.wire_bug {
        listener = listener.wire_bug(bug);
    }
    let listener = listener.bind().await?;

    let authority = listener
        .ca_pem()
        .map(|pem| (arguments.dir.join("ca.pem"), pem));
    if let Some((file, pem)) = &authority {
        fs::write(file, pem)?;
    }
    let ready = Ready {
        instance: instance.name(),
        address: listener.address(),
        browser: listener.browser_address(),
        ca: authority.map(|(file, _)| file),
    };
    println!("{}", serde_json::to_string(&ready)?);
    told_to_end().await?;
    Ok(())
}

async fn make_orchestrator_database(
    instance: &SimulatedInstance,
    seed: u64,
) -> Result<(), Box<dyn Error>> {
    /// A database of that name exists: it was made at an earlier start.
    const EXISTS: i32 = 1801;
    let options = OrchestratorOptions::seeded(seed);
    match instance
        .create_orchestrator_database(&"Orchestrator".parse()?, &options)
        .await
    {
        Err(error) if error.number() != Some(EXISTS) => Err(error.into()),
        _ => Ok(()),
    }
}

/// Waits until standard input closes or the process is told to terminate.
async fn told_to_end() -> std::io::Result<()> {
    let (closed, input_closed) = oneshot::channel();
    // A thread of its own: one of the runtime's would hold up the end until the input closes.
    std::thread::spawn(move || {
        let mut input = std::io::stdin().lock();
        let mut unread = [0; 1024];
        while matches!(input.read(&mut unread), Ok(1..)) {}
        let _ = closed.send(());
    });
    tokio::select! {
        _ = input_closed => Ok(()),
        ended = terminated() => ended,
    }
}

#[cfg(unix)]
async fn terminated() -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};

    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}

#[cfg(not(unix))]
async fn terminated() -> std::io::Result<()> {
    tokio::signal::ctrl_c().await
}
