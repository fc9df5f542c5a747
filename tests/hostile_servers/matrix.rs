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
const AT_ONCE: usize = 4;

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

fn cut_step() -> usize {
    if std::env::var("SCORCH_CUT").is_ok_and(|value| value == "all") {
        1
    } else {
        97
    }
}

fn suite(driver: &str) -> Suite {
    sql_transport(Driver(driver.to_owned())).cut_every(cut_step())
}

/// Whether a check ends sessions at one byte after the other.
fn is_of_cuts(check: &str) -> bool {
    check.contains("any-byte")
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
        println!("ends {}", finding.ends);
        println!("slowest {}", finding.slowest.as_millis());
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
    /// How many sessions came to an end, and the milliseconds of the slowest.
    ends: u64,
    slowest: u64,
    words: String,
}

fn run(driver: &'static str, check: &'static str) -> Cell {
    let mut cell = Cell {
        driver,
        check,
        is_good: false,
        growth: 0,
        ends: 0,
        slowest: 0,
        words: String::new(),
    };
    let limit = if is_of_cuts(check) {
        LIMIT_OF_CUTS
    } else {
        LIMIT
    };
    let started = std::env::current_exe().and_then(|program| {
        let mut command = Command::new(program);
        command.args(["--child", driver, check]);
        if is_of_cuts(check) {
            // OpenSSL reads the system's authorities for every connection, also where only another
            // one counts, and that takes nearly all of the time of thousands of sessions.
            command.env("SSL_CERT_FILE", "/dev/null");
            command.env("SSL_CERT_DIR", "/dev/null");
        }
        command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn()
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
    (cell.growth, cell.ends, cell.slowest) = (number("growth"), number("ends"), number("slowest"));
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
    let mut cells: Vec<(&str, &str)> = fixtures::DRIVERS
        .iter()
        .flat_map(|driver| {
            let names = suite(driver).only("hostile/").names();
            names.into_iter().map(move |check| (*driver, check))
        })
        .filter(|(_, check)| is_wanted(check))
        .collect();
    // What takes longest begins first.
    cells.sort_by_key(|(_, check)| !is_of_cuts(check));
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
        is_good &= mine.iter().all(|cell| cell.is_good);
        print_figures(driver, &mine);
    }
    if is_good {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn print_figures(driver: &str, cells: &[&Cell]) {
    for cell in cells.iter().filter(|cell| !cell.is_good) {
        println!("BAD {driver} {}\n{}", cell.check, cell.words.trim_end());
    }
    let good: Vec<&&Cell> = cells.iter().filter(|cell| cell.is_good).collect();
    // The last session of each such check is not cut any more, which ends the check.
    let cuts: u64 = good
        .iter()
        .filter(|cell| is_of_cuts(cell.check))
        .map(|cell| cell.ends.saturating_sub(1))
        .sum();
    let bad_cuts = cells
        .iter()
        .filter(|cell| !cell.is_good && is_of_cuts(cell.check))
        .count();
    let most = |number: fn(&Cell) -> u64| cells.iter().map(|cell| number(cell)).max().unwrap_or(0);
    println!(
        "hostile: {driver}: {} of {} checks, {cuts} of {} cuts at every {}, at most {} ms each and {} KiB more memory",
        good.len(),
        cells.len(),
        // A check ends at the first cut that is not survived.
        cuts + u64::try_from(bad_cuts).unwrap_or(u64::MAX),
        match cut_step() {
            1 => "byte".to_owned(),
            step => format!("{step}th byte"),
        },
        most(|cell| cell.slowest),
        most(|cell| cell.growth) / 1024
    );
}
