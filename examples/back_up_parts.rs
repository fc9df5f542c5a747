//! Backs up what a recovery needs, the service master key and a database, as two files that any
//! tool can restore. Prints what was written, as JSON.
//!
//! ```text
//! SA=… KEY=… cargo run --example back_up_parts -- --instance SQL01 --address sql01:1433 \
//!     --ca ca.pem --user sa --password-env SA --key-password-env KEY --key-file '\\vault\keys\SQL01.key' \
//!     --backup-file '\\vault\backups\Orchestrator.bak' --allow-unc-host vault
//! ```

#[path = "support/server.rs"]
mod server;

use std::process::ExitCode;

use clap::Parser;
use scorch_recovery::Operation;
use scorch_recovery::names::{DatabaseName, ServerPath};
use scorch_recovery::sql::{Database, ServiceMasterKey};
use server::{Server, key_password};

/// Backs a service master key and a database up to files of the server.
#[derive(Debug, Parser)]
struct Arguments {
    #[command(flatten)]
    server: Server,
    /// The key file to write, as the server sees it.
    #[arg(long)]
    key_file: ServerPath,
    /// The backup to write, as the server sees it.
    #[arg(long)]
    backup_file: ServerPath,
    /// The name of the database.
    #[arg(long, default_value = "Orchestrator")]
    database: DatabaseName,
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

async fn run(arguments: Arguments) -> Result<serde_json::Value, Box<dyn std::error::Error>> {
    let instance = arguments.server.instance.clone();
    let cx = arguments.server.context()?;
    let key = ServiceMasterKey::backup(&instance)
        .to_file(arguments.key_file)
        .encrypted_by(key_password())
        .run(&cx)
        .await?;
    let database = Database::backup(&instance, &arguments.database)
        .to_file(arguments.backup_file)
        .run(&cx)
        .await?;
    Ok(serde_json::json!({"key": key, "database": database}))
}
