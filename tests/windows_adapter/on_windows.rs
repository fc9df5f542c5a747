//! The parts, the checks, and their figure.
#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

#[path = "commands.rs"]
mod commands;
#[path = "conformance.rs"]
mod conformance;
#[path = "control.rs"]
mod control;
#[path = "files.rs"]
mod files;
#[path = "folder.rs"]
mod folder;
#[path = "permissions.rs"]
mod permissions;
#[path = "../../examples/played_program.rs"]
#[allow(dead_code, reason = "its main is not called here")]
mod played_program;
#[path = "registry.rs"]
mod registry;
#[path = "service.rs"]
mod service;
#[path = "services.rs"]
mod services;

use std::ffi::OsString;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::process::ExitCode;
use std::time::Instant;

use scorch_recovery::adapter::windows::WindowsHosts;
use scorch_recovery::names::HostName;

type Check = (&'static str, fn() -> Pin<Box<dyn Future<Output = ()>>>);

/// A check by its path: `services::ends_with_codes`.
macro_rules! checks {
    ($($module:ident: $($name:ident),+;)+) => {
        &[$($((concat!(stringify!($module), "::", stringify!($name)), || Box::pin($module::$name()))),+),+]
    };
}

const CHECKS: &[Check] = checks! {
    services: names_and_paths_are_taken_as_they_are, ends_with_codes, tells_headway;
    control: restarts, ends_what_will_not_stop;
    files: is_busy_while_held_and_whole, is_busy_however_it_is_shared, keeps_times_and_attributes, renames_over_what_nobody_holds, writes_through_the_library;
    registry: has_two_views, reads_what_others_wrote;
    commands: runs_here_only, runs_no_shell, runs_from_any_folder, knows_who_runs;
};

/// This machine, by its own name.
fn this_host() -> HostName {
    let name = std::env::var("COMPUTERNAME").expect("Windows knows its name");
    name.parse().expect("it is one")
}

fn hosts() -> WindowsHosts {
    WindowsHosts::new()
}

pub(crate) fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    match arguments
        .first()
        .map(|part| part.to_string_lossy())
        .as_deref()
    {
        Some(service::PART) => return service::play(),
        Some(commands::PART) => return play_program(&arguments[1..]),
        _ => {}
    }
    let part = arguments
        .iter()
        .find(|part| !part.to_string_lossy().starts_with('-'));
    let part = part
        .map(|part| part.to_string_lossy().into_owned())
        .unwrap_or_default();
    let (mut passed, mut failed) = (0, Vec::new());
    for (name, check) in CHECKS.iter().filter(|(name, _)| name.contains(&part)) {
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        let begun = Instant::now();
        match catch_unwind(AssertUnwindSafe(|| runtime.block_on(check()))) {
            Ok(()) => {
                passed += 1;
                println!("passed  {name} ({} ms)", begun.elapsed().as_millis());
            }
            Err(_) => failed.push((*name).to_owned()),
        }
    }
    let suites = conformance::run(&part);
    failed.extend(suites.failed);
    for name in &failed {
        eprintln!("FAILED: {name}");
    }
    for name in &suites.not_applicable {
        println!("not applicable here: {name}");
    }
    println!(
        "adapter::windows: {} of {} checks of its own, {} of the suites for ports to hosts ({} not applicable), {} failed",
        passed,
        passed + failed.iter().filter(|name| name.contains("::")).count(),
        suites.passed,
        suites.not_applicable.len(),
        failed.len()
    );
    if failed.is_empty() && passed + suites.passed > 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn play_program(arguments: &[OsString]) -> ExitCode {
    let (mut input, mut output, mut error) = (io::stdin(), io::stdout(), io::stderr());
    match played_program::play(arguments, &mut input, &mut output, &mut error) {
        Ok(code) => ExitCode::from(code),
        Err(_) => ExitCode::from(99),
    }
}
