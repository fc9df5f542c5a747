//! The suite's hostile servers against the drivers that we ship, each check in a child process: it
//! ends within its time, and the child grows by no more than 64 MiB.
//!
//! This program is its own child. `SCORCH_CUT=all` ends sessions at every byte; `SCORCH_HOSTILE_FAULT`
//! plants a fault into the driver (`hang`, `allocate`, `ignore-the-end`), which must be found.
#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

#[cfg(all(feature = "simulator", feature = "tiberius"))]
#[path = "conformance/fixtures.rs"]
mod fixtures;
#[cfg(all(feature = "simulator", feature = "tiberius"))]
#[path = "hostile_servers/matrix.rs"]
mod matrix;

fn main() -> std::process::ExitCode {
    #[cfg(all(feature = "simulator", feature = "tiberius"))]
    return matrix::main();
    #[cfg(not(all(feature = "simulator", feature = "tiberius")))]
    std::process::ExitCode::SUCCESS
}
