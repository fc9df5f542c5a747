//! How an example reaches one instance, from its command line, and how it ends. Passwords come from
//! the environment.

use std::error::Error;
use std::fmt::Display;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use scorch_recovery::adapter::secrets::MapSecrets;
use scorch_recovery::adapter::tiberius::{Endpoint, Login, TiberiusTransport, Tls};
use scorch_recovery::names::SqlInstance;
use scorch_recovery::{Context, Secret, SecretRef};

/// One instance, and the password of a key file.
#[derive(Debug, Args)]
pub(crate) struct Server {
    /// The instance: `SQL01` or `SQL01\ORCH`.
    #[arg(long)]
    pub(crate) instance: SqlInstance,
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
    /// The environment variable with the password of the key file.
    #[arg(long)]
    key_password_env: String,
    /// A file server that paths may be on.
    #[arg(long)]
    allow_unc_host: Vec<String>,
}

/// The name under which the context knows the key file's password.
pub(crate) fn key_password() -> SecretRef {
    SecretRef::named("key-file")
}

impl Server {
    pub(crate) fn context(self) -> Result<Context, Box<dyn Error>> {
        let (host, port) = self
            .address
            .rsplit_once(':')
            .ok_or("write the address as HOST:PORT")?;
        let login = Login::sql_server(self.user, secret(&self.password_env)?);
        let endpoint =
            Endpoint::new(host, port.parse()?).tls(self.ca.map_or(Tls::SystemRoots, Tls::CaFile));
        let transport = TiberiusTransport::builder()
            .instance(self.instance, endpoint, login)
            .build()?;
        let secrets = MapSecrets::new().secret(key_password(), secret(&self.key_password_env)?);
        let builder = Context::builder().sql(transport).secrets(secrets);
        let builder = self
            .allow_unc_host
            .into_iter()
            .fold(builder, |builder, host| builder.allow_unc_host(host));
        Ok(builder.build()?)
    }
}

/// Prints what a program has to say, or why it failed, and gives the code that it ends with.
pub(crate) fn end(told: Result<impl Display, Box<dyn Error>>) -> ExitCode {
    match told {
        Ok(told) => {
            println!("{told}");
            ExitCode::SUCCESS
        }
        Err(problem) => {
            eprintln!("{problem}");
            ExitCode::FAILURE
        }
    }
}

fn secret(variable: &str) -> Result<Secret, String> {
    std::env::var(variable)
        .map(Secret::new)
        .map_err(|error| format!("{variable}: {error}"))
}
