//! Backs one service master key up, with all checks: the smallest useful program, and the one that
//! the cold-process bench measures.
//!
//! ```text
//! SA=… KEY=… cargo run --release --example back_up_key -- --instance SQL01 --address 127.0.0.1:1433 \
//!     --ca ca.pem --user sa --password-env SA --file 'C:\keys\SQL01.key' --key-password-env KEY
//! ```

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use scorch_recovery::adapter::secrets::MapSecrets;
use scorch_recovery::adapter::tiberius::{Endpoint, Login, TiberiusTransport, Tls};
use scorch_recovery::names::{ServerPath, SqlInstance};
use scorch_recovery::sql::ServiceMasterKey;
use scorch_recovery::{Context, Operation, Secret, SecretRef};

/// Backs a service master key up to a file of the server.
#[derive(Debug, Parser)]
struct Arguments {
    /// The instance: `SQL01` or `SQL01\ORCH`.
    #[arg(long)]
    instance: SqlInstance,
    /// Where it listens.
    #[arg(long, value_name = "HOST:PORT")]
    address: String,
    /// The CA certificate of its TLS certificate, as PEM. Default: the system's roots.
    #[arg(long)]
    ca: Option<PathBuf>,
    /// The login.
    #[arg(long)]
    user: String,
    /// The environment variable with the login's password.
    #[arg(long)]
    password_env: String,
    /// The file to write, as the server sees it.
    #[arg(long)]
    file: ServerPath,
    /// The environment variable with the password for the file.
    #[arg(long)]
    key_password_env: String,
    /// A file server that the path may be on.
    #[arg(long)]
    allow_unc_host: Vec<String>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run(Arguments::parse()).await {
        Ok(written) => {
            println!("{written}");
            ExitCode::SUCCESS
        }
        Err(problem) => {
            eprintln!("{problem}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> Result<String, Box<dyn std::error::Error>> {
    let (host, port) = arguments
        .address
        .rsplit_once(':')
        .ok_or("write the address as HOST:PORT")?;
    let secret = |variable: &str| {
        std::env::var(variable)
            .map(Secret::new)
            .map_err(|error| format!("{variable}: {error}"))
    };
    let tls = arguments.ca.map_or(Tls::SystemRoots, Tls::CaFile);
    let transport = TiberiusTransport::builder()
        .instance(
            arguments.instance.clone(),
            Endpoint::new(host, port.parse()?).tls(tls),
            Login::sql_server(arguments.user, secret(&arguments.password_env)?),
        )
        .build()?;
    let name = SecretRef::named("key-file");
    let secrets = MapSecrets::new().secret(name.clone(), secret(&arguments.key_password_env)?);
    let mut builder = Context::builder().sql(transport).secrets(secrets);
    for host in arguments.allow_unc_host {
        builder = builder.allow_unc_host(host);
    }
    let backup = ServiceMasterKey::backup(&arguments.instance)
        .to_file(arguments.file)
        .encrypted_by(name)
        .run(&builder.build()?)
        .await?;
    Ok(serde_json::to_string(&backup)?)
}
