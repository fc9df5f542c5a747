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
#[path = "support/parts.rs"]
mod parts;
#[path = "support/server.rs"]
mod server;

use std::process::ExitCode;

use clap::Parser;
use orchestrator::verify_variables;
use parts::Parts;
use scorch_recovery::Operation;
use scorch_recovery::sql::{Database, DatabaseKeysVerified, ServiceMasterKey};
use server::{end, key_password};

/// Restores a key file and a backup, and counts the values that decrypt.
#[derive(Debug, Parser)]
struct Arguments {
    #[command(flatten)]
    parts: Parts,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let proof = run(Arguments::parse()).await;
    let is_whole = proof.as_ref().is_ok_and(DatabaseKeysVerified::is_whole);
    let told = proof.map(|proof| {
        serde_json::json!({"values_checked": proof.values(), "values_decrypted": proof.decrypted()})
    });
    let code = end(told);
    if is_whole { code } else { ExitCode::FAILURE }
}

async fn run(arguments: Arguments) -> Result<DatabaseKeysVerified, Box<dyn std::error::Error>> {
    let Parts {
        server,
        key_file,
        backup_file,
        database,
    } = arguments.parts;
    let instance = server.instance.clone();
    let cx = server.context()?;
    ServiceMasterKey::restore(&instance)
        .from_file(key_file)
        .decrypted_by(key_password())
        .run(&cx)
        .await?;
    let restored = Database::restore(&instance, &database)
        .from_file(backup_file)
        .run(&cx)
        .await?;
    let proof = verify_variables(&instance, &restored.name)?;
    Ok(proof.run(&cx).await?)
}
