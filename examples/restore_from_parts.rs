//! Restores an Orchestrator database from what somebody has: a key file and a backup, made by
//! whatever tool, on an instance where nothing else lives under the service master key. Prints how
//! many stored values decrypt, as JSON; the exit code is 0 only when all do.
//!
//! ```text
//! SA=… KEY=… cargo run --example restore_from_parts -- --instance SQL02 --address sql02:1433 \
//!     --ca ca.pem --user sa --password-env SA --key-password-env KEY --key-file '\\vault\keys\SQL01.key' \
//!     --backup-file '\\vault\backups\Orchestrator.bak' --allow-unc-host vault
//! ```

#[path = "support/orchestrator.rs"]
mod orchestrator;
#[path = "support/server.rs"]
mod server;

use std::process::ExitCode;

use clap::Parser;
use orchestrator::verify_variables;
use scorch_recovery::Operation;
use scorch_recovery::names::{DatabaseName, ServerPath};
use scorch_recovery::sql::{Database, DatabaseKeysVerified, ServiceMasterKey};
use server::{Server, key_password};

/// Restores a key file and a backup, and counts the values that decrypt.
#[derive(Debug, Parser)]
struct Arguments {
    #[command(flatten)]
    server: Server,
    /// The key file, as the server sees it.
    #[arg(long)]
    key_file: ServerPath,
    /// The backup, as the server sees it.
    #[arg(long)]
    backup_file: ServerPath,
    /// The name of the database.
    #[arg(long, default_value = "Orchestrator")]
    database: DatabaseName,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run(Arguments::parse()).await {
        Ok(proof) => {
            let line = serde_json::json!({"values_checked": proof.values(), "values_decrypted": proof.decrypted()});
            println!("{line}");
            ExitCode::from(u8::from(!proof.is_whole()))
        }
        Err(problem) => {
            eprintln!("{problem}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> Result<DatabaseKeysVerified, Box<dyn std::error::Error>> {
    let instance = arguments.server.instance.clone();
    let cx = arguments.server.context()?;
    ServiceMasterKey::restore(&instance)
        .from_file(arguments.key_file)
        .decrypted_by(key_password())
        .run(&cx)
        .await?;
    let restored = Database::restore(&instance, &arguments.database)
        .from_file(arguments.backup_file)
        .run(&cx)
        .await?;
    let proof = verify_variables(&instance, &restored.name)?;
    Ok(proof.run(&cx).await?)
}
