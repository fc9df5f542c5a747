//! Backs up what a recovery needs, the service master key and a database, as two files that any
//! tool can restore. Prints what was written, as JSON.
//!
//! ```text
//! SA=… KEY=… cargo run --example back_up_parts -- --instance SQL01 --address sql01:1433 \
//!     --ca ca.pem --user sa --password-env SA --key-password-env KEY --key-file '\\vault\keys\SQL01.key' \
//!     --backup-file '\\vault\backups\Orchestrator.bak' --allow-unc-host vault
//! ```

#[path = "support/parts.rs"]
mod parts;
#[path = "support/server.rs"]
mod server;

use std::process::ExitCode;

use clap::Parser;
use parts::Parts;
use scorch_recovery::Operation;
use scorch_recovery::sql::{Database, ServiceMasterKey};
use server::{end, key_password};

/// Backs a service master key and a database up to files of the server.
#[derive(Debug, Parser)]
struct Arguments {
    #[command(flatten)]
    parts: Parts,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    end(run(Arguments::parse()).await)
}

async fn run(arguments: Arguments) -> Result<serde_json::Value, Box<dyn std::error::Error>> {
    let Parts {
        server,
        key_file,
        backup_file,
        database,
    } = arguments.parts;
    let instance = server.instance.clone();
    let cx = server.context()?;
    let key = ServiceMasterKey::backup(&instance)
        .to_file(key_file)
        .encrypted_by(key_password())
        .run(&cx)
        .await?;
    let backup = Database::backup(&instance, &database)
        .to_file(backup_file)
        .run(&cx)
        .await?;
    Ok(serde_json::json!({"key": key, "database": backup}))
}
