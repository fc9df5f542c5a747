//! What operations cost their own process, over the real wire, with the server in another one:
//!
//! * `dependents`: the CPU time of an inventory of an instance with 5,000 databases;
//! * `restores`: how long eight restores at once take, and the same batches sent by nobody's
//!   operation, which is the server's own time.
//!
//! `cargo bench --bench wire` measures; `-- dependents` or `-- restores` one of them, `-- --roughly` less
//! often. Without `--bench`, as `cargo test` runs it, less is made and only the results are looked at. What
//! is measured is printed and not judged here: results are, and a wrong one is a panic.
#![allow(clippy::unwrap_used, reason = "a bench that can't go on fails")]

mod databases;
mod dependents;
#[path = "../../tests/support/over.rs"]
#[allow(dead_code, reason = "nothing is made over here")]
mod over;
mod proof;
#[path = "../../tests/support/recording.rs"]
#[allow(dead_code, reason = "what was recorded is sent again, not played back")]
mod recording;
mod restores;
mod server;

use std::process::ExitCode;

/// What a run is for.
#[derive(Clone, Copy, Debug)]
enum Measured {
    /// For its results.
    NotAtAll,
    /// To see something large.
    Roughly,
    Well,
}

fn main() -> ExitCode {
    if server::is_child() {
        return server::serve();
    }
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let has = |option: &str| arguments.iter().any(|argument| argument == option);
    let how = match (has("--bench"), has("--roughly")) {
        (false, _) => Measured::NotAtAll,
        (true, true) => Measured::Roughly,
        (true, false) => Measured::Well,
    };
    let chosen: Vec<&str> = arguments
        .iter()
        .map(String::as_str)
        .filter(|argument| !argument.starts_with('-'))
        .collect();
    let is_chosen = |name: &str| chosen.is_empty() || chosen.contains(&name);
    if is_chosen("dependents") {
        dependents::measure(how);
    }
    if is_chosen("restores") {
        restores::measure(how);
    }
    ExitCode::SUCCESS
}
