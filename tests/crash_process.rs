//! Kills a process at every system call with which its simulated instance touches the disk, and
//! looks what is left. The calls are those that `strace` counts, the embedded engine's own included.
//!
//! Without arguments every twelfth call is taken, with `SCORCH_CRASH=all` every one. Needs `strace`;
//! without it nothing is tested, which is said, and fails where `CI` is set.

#[path = "crash_process/child.rs"]
mod child;
#[path = "crash_process/trace.rs"]
mod trace;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use child::Step;
use trace::{KILLED, Point};

fn main() -> ExitCode {
    if let Some(folder) = std::env::var_os("SCORCH_CRASH_CHILD") {
        return child::work(Path::new(&folder));
    }
    if Command::new("strace").arg("-V").output().is_err() {
        eprintln!("SKIPPED: crash_process needs strace, which is not installed");
        return if std::env::var_os("CI").is_some() {
            ExitCode::FAILURE
        } else {
            ExitCode::SUCCESS
        };
    }
    let is_all = std::env::var("SCORCH_CRASH").is_ok_and(|value| value == "all");
    let folder = tempfile::tempdir().expect("a folder");
    let start = folder.path().join("start");
    child::prepare(&start);

    let undisturbed = copy(&start, folder.path(), "undisturbed");
    let points = trace::points(&undisturbed);
    let wrong = child::judge(&undisturbed);
    assert!(wrong.is_empty(), "undisturbed, and yet: {wrong:?}");
    assert_eq!(
        child::acknowledged(&undisturbed).len(),
        Step::ALL.len(),
        "the undisturbed run did not end"
    );

    let step = if is_all { 1 } else { 12 };
    let chosen: Vec<&Point> = points.iter().step_by(step).collect();
    let mut failed = 0;
    for (index, point) in chosen.iter().enumerate() {
        let home = copy(&start, folder.path(), &format!("killed-{index}"));
        let status = trace::kill_at(&home, point);
        let mut wrong = child::judge(&home);
        if status != KILLED {
            wrong.push(format!("it was not killed but ended with {status}"));
        }
        if !wrong.is_empty() {
            failed += 1;
            eprintln!("killed at {point}: {}", wrong.join("; "));
        }
        std::fs::remove_dir_all(&home).expect("it can be removed");
    }
    assert!(
        trace::finds_a_planted_loss(&start, folder.path()),
        "a planted loss was not found"
    );
    println!(
        "crash: {} of {} kills left everything acknowledged and nothing half done ({} calls counted); a planted loss was found",
        chosen.len() - failed,
        chosen.len(),
        points.len()
    );
    if failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// A copy of a prepared folder.
fn copy(from: &Path, under: &Path, name: &str) -> PathBuf {
    let to = under.join(name);
    copy_folder(from, &to);
    to
}

fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("it can be listed") {
        let entry = entry.expect("it can be listed");
        let target = to.join(entry.file_name());
        if entry.file_type().expect("it has a type").is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).expect("it can be copied");
        }
    }
}
