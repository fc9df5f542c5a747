//! What `strace` sees and does.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::child;

/// How a killed process ends under strace.
pub(crate) const KILLED: i32 = 137;

const CALLS: &[&str] = &[
    "write",
    "pwrite64",
    "writev",
    "pwritev",
    "fsync",
    "fdatasync",
    "sync_file_range",
    "rename",
    "renameat",
    "renameat2",
    "truncate",
    "ftruncate",
    "fallocate",
    "unlink",
    "unlinkat",
    "rmdir",
    "link",
    "linkat",
];

/// A system call: the n-th of its kind.
#[derive(Clone, Debug)]
pub(crate) struct Point {
    call: String,
    number: usize,
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} number {}", self.call, self.number)
    }
}

fn strace(home: &Path, arguments: &[String]) -> Command {
    let mut command = Command::new("strace");
    command
        .args(arguments)
        .arg(std::env::current_exe().expect("this program has a path"))
        .env("SCORCH_CRASH_CHILD", home)
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command
}

/// Runs the child to its end and lists the calls that touch its instance's folder.
pub(crate) fn points(home: &Path) -> Vec<Point> {
    let log = home.with_extension("strace");
    let arguments = ["-f", "-y", "-s", "0", "-o"].map(str::to_owned).into_iter();
    let arguments: Vec<String> = arguments
        .chain([
            log.display().to_string(),
            "-e".to_owned(),
            format!("trace={}", CALLS.join(",")),
        ])
        .collect();
    let status = strace(home, &arguments).status().expect("strace runs");
    assert!(status.success(), "the undisturbed run failed: {status}");
    let instance = child::instance_folder(home).display().to_string();
    // strace counts each thread by itself.
    let mut counts: BTreeMap<(String, String), usize> = BTreeMap::new();
    let mut points = Vec::new();
    for line in std::fs::read_to_string(&log)
        .expect("the log is text")
        .lines()
    {
        // `1234 fsync(5</folder/file>) = 0`
        let Some((before, _)) = line.split_once('(') else {
            continue;
        };
        let Some((thread, call)) = before.split_once(' ') else {
            continue;
        };
        let call = call.trim();
        if !CALLS.contains(&call) {
            continue;
        }
        let number = counts
            .entry((thread.to_owned(), call.to_owned()))
            .or_default();
        *number += 1;
        if line.contains(&instance) {
            points.push(Point {
                call: call.to_owned(),
                number: *number,
            });
        }
    }
    assert!(points.len() > 100, "only {} calls were seen", points.len());
    points
}

/// Runs the child and kills it as it enters the call.
pub(crate) fn kill_at(home: &Path, point: &Point) -> i32 {
    let arguments = [
        "-f".to_owned(),
        "-o".to_owned(),
        "/dev/null".to_owned(),
        "-e".to_owned(),
        format!("trace={}", point.call),
        "-e".to_owned(),
        format!("inject={}:signal=SIGKILL:when={}", point.call, point.number),
    ];
    let status = strace(home, &arguments).status().expect("strace runs");
    use std::os::unix::process::ExitStatusExt as _;
    status
        .code()
        .unwrap_or_else(|| 128 + status.signal().unwrap_or(0))
}

/// Takes back the last thing that was acknowledged, as a disk that lies would, and judges.
pub(crate) fn finds_a_planted_loss(start: &Path, under: &Path) -> bool {
    let home = crate::copy(start, under, "planted");
    let status = strace(&home, &["-o".to_owned(), "/dev/null".to_owned()])
        .status()
        .expect("strace runs");
    assert!(status.success(), "the run to spoil failed: {status}");
    let instance = child::instance_folder(&home);
    std::fs::remove_dir_all(&instance).expect("it can be removed");
    crate::copy_folder(&child::instance_folder(start), &instance);
    !child::judge(&home).is_empty()
}
