//! Backs one service master key up, with all checks: the smallest useful program, and the one that
//! the cold-process bench measures. Prints what was written, as JSON.
//!
//! ```text
//! SA=… KEY=… cargo run --example back_up_key -- --instance SQL01 --address sql01:1433 --ca ca.pem \
//!     --user sa --password-env SA --key-password-env KEY --file 'C:\keys\SQL01.key'
//! ```

#[path = "support/server.rs"]
mod server;

use std::process::ExitCode;

use clap::Parser;
use scorch_recovery::Operation;
use scorch_recovery::names::ServerPath;
use scorch_recovery::sql::ServiceMasterKey;
use server::{Server, end, key_password};

/// Backs a service master key up to a file of the server.
#[derive(Debug, Parser)]
struct Arguments {
    #[command(flatten)]
    server: Server,
    /// The file to write, as the server sees it.
    #[arg(long)]
    file: ServerPath,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    end(run(Arguments::parse()).await)
}

async fn run(arguments: Arguments) -> Result<String, Box<dyn std::error::Error>> {
    let backup = ServiceMasterKey::backup(&arguments.server.instance)
        .to_file(arguments.file)
        .encrypted_by(key_password());
    let cx = arguments.server.context()?;
    Ok(serde_json::to_string(&backup.run(&cx).await?)?)
}
