//! Check × driver, a child process for each cell.

use std::io::Read as _;
use std::process::{Command, ExitCode, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use scorch_recovery::Secret;
use scorch_recovery::conformance::{
    PlayedServer, SqlTransportFixture, Suite, Verdict, sql_transport,
};
use scorch_recovery::names::SqlInstance;
use scorch_recovery::transport::SqlTransport;

use crate::fixtures::{self, Planted};

/// The most by which a child may grow.
const GROWTH: u64 = 64 << 20;
/// How long a child may take for one check, its start included; and for a session cut everywhere.
const LIMIT: Duration = Duration::from_secs(50);
const LIMIT_OF_CUTS: Duration = Duration::from_secs(900);
/// How many children run beside one another. Most of them wait.
const AT_ONCE: usize = 3;

pub(crate) fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match &arguments[..] {
        [word, driver, check] if word == "--child" => child(driver, check),
        _ if arguments.iter().any(|argument| argument == "--list") => ExitCode::SUCCESS,
        _ => parent(&arguments),
    }
}

/// A driver that only reaches played servers.
#[derive(Debug)]
struct Driver(String);

impl SqlTransportFixture for Driver {
    fn instance(&self) -> SqlInstance {
        fixtures::name()
    }

    fn transport(&self) -> Box<dyn SqlTransport> {
        fixtures::to_nowhere()
    }

    fn with_password(&self, _: Secret) -> Option<Box<dyn SqlTransport>> {
        None
    }

    fn reach(&self, server: &PlayedServer) -> Option<Box<dyn SqlTransport>> {
        let transport = fixtures::reach(&self.0, server)?;
        let fault = std::env::var("SCORCH_HOSTILE_FAULT").ok();
        Some(match fault.as_deref() {
            Some(fault) => Box::new(Planted::into(transport, fault)),
            None => transport,
        })
    }
}

fn suite(driver: &str) -> Suite {
    let step = if std::env::var("SCORCH_CUT").is_ok_and(|value| value == "all") {
        1
    } else {
        97
    };
    sql_transport(Driver(driver.to_owned())).cut_every(step)
}

/// Runs one check here, and says what became of it.
fn child(driver: &str, check: &str) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let Ok(runtime) = runtime else {
        return ExitCode::FAILURE;
    };
    // Once before it is measured: libraries keep what they set up.
    let warm = suite(driver).only("wire/verified-is-verified");
    drop(runtime.block_on(warm.run()));
    let report = runtime.block_on(suite(driver).only(check).limit_memory(GROWTH).run());
    for finding in report
        .findings()
        .iter()
        .filter(|finding| finding.check == check)
    {
        println!("{finding}");
        println!("growth {}", finding.growth.unwrap_or(0));
        println!("time {}", finding.duration.as_millis());
        if finding.verdict == Verdict::Passed {
            return ExitCode::SUCCESS;
        }
    }
    ExitCode::FAILURE
}

/// What a child said, or why it said nothing.
struct Cell {
    driver: &'static str,
    check: &'static str,
    is_good: bool,
    growth: u64,
    milliseconds: u64,
    words: String,
}

fn run(driver: &'static str, check: &'static str) -> Cell {
    let mut cell = Cell {
        driver,
        check,
        is_good: false,
        growth: 0,
        milliseconds: 0,
        words: String::new(),
    };
    let limit = if check.contains("any-byte") {
        LIMIT_OF_CUTS
    } else {
        LIMIT
    };
    let started = std::env::current_exe().and_then(|program| {
        Command::new(program)
            .args(["--child", driver, check])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
    });
    let mut child = match started {
        Ok(child) => child,
        Err(error) => {
            cell.words = format!("the child did not start: {error}");
            return cell;
        }
    };
    let begun = Instant::now();
    let status = loop {
        match child.try_wait() {
            Ok(Some(status)) => break Some(status),
            Ok(None) if begun.elapsed() < limit => std::thread::sleep(Duration::from_millis(20)),
            _ => {
                let _ = child.kill();
                let _ = child.wait();
                break None;
            }
        }
    };
    if let Some(mut output) = child.stdout.take() {
        let _ = output.read_to_string(&mut cell.words);
    }
    let number = |name: &str| {
        let line = cell.words.lines().find_map(|line| line.strip_prefix(name));
        line.and_then(|number| number.trim().parse().ok())
            .unwrap_or(0)
    };
    (cell.growth, cell.milliseconds) = (number("growth"), number("time"));
    match status {
        Some(status) => cell.is_good = status.success(),
        None => cell.words.push_str("the child hung, and was ended"),
    }
    cell
}

fn parent(arguments: &[String]) -> ExitCode {
    // What the test harness would take: a part of the name, and options that mean nothing here.
    let parts: Vec<&String> = arguments
        .iter()
        .filter(|argument| !argument.starts_with('-'))
        .collect();
    let is_wanted =
        |check: &str| parts.is_empty() || parts.iter().any(|part| check.contains(part.as_str()));
    let cells: Vec<(&str, &str)> = fixtures::DRIVERS
        .iter()
        .flat_map(|driver| {
            let names = suite(driver).only("hostile/").names();
            names.into_iter().map(move |check| (*driver, check))
        })
        .filter(|(_, check)| is_wanted(check))
        .collect();
    let next = Mutex::new(cells.iter());
    let done = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some((driver, check)) = next.lock().map_or(None, |mut next| next.next()) {
                    let cell = run(driver, check);
                    if let Ok(mut done) = done.lock() {
                        done.push(cell);
                    }
                }
            });
        }
    });
    let done = done.into_inner().unwrap_or_default();
    let mut is_good = !done.is_empty();
    for driver in fixtures::DRIVERS {
        let mine: Vec<&Cell> = done.iter().filter(|cell| cell.driver == *driver).collect();
        for cell in mine.iter().filter(|cell| !cell.is_good) {
            is_good = false;
            println!("BAD {driver} {}\n{}", cell.check, cell.words.trim_end());
        }
        let good = mine.iter().filter(|cell| cell.is_good).count();
        let is_cut = |cell: &&&Cell| cell.check.contains("any-byte");
        let most = |number: fn(&Cell) -> u64, cells: &mut dyn Iterator<Item = &&Cell>| {
            cells.map(|cell| number(cell)).max().unwrap_or(0)
        };
        let slowest = most(
            |cell| cell.milliseconds,
            &mut mine.iter().filter(|cell| !is_cut(cell)),
        );
        let growth = most(|cell| cell.growth, &mut mine.iter());
        println!(
            "hostile: {driver}: {good} of {} checks, at most {slowest} ms each and {} KiB more memory",
            mine.len(),
            growth / 1024
        );
    }
    if is_good {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
