//! The parts of a recovery, from the command line: where they are, as the server sees it.

use clap::Args;
use scorch_recovery::names::{DatabaseName, ServerPath};

use crate::server::Server;

/// An instance, a key file, and a backup of a database.
#[derive(Debug, Args)]
pub(crate) struct Parts {
    #[command(flatten)]
    pub(crate) server: Server,
    /// The key file, as the server sees it.
    #[arg(long)]
    pub(crate) key_file: ServerPath,
    /// The backup, as the server sees it.
    #[arg(long)]
    pub(crate) backup_file: ServerPath,
    /// The name of the database.
    #[arg(long, default_value = "Orchestrator")]
    pub(crate) database: DatabaseName,
}
