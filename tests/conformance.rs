//! The transports that we ship are held to the suite that anybody's must pass; and the suite is
//! held to a transport that is broken in every way it looks for.
#![cfg(all(feature = "simulator", feature = "tiberius"))]
#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

#[path = "conformance/bent.rs"]
mod bent;
#[path = "conformance/broken.rs"]
mod broken;
#[path = "conformance/fixtures.rs"]
mod fixtures;
#[path = "conformance/way.rs"]
mod way;
#[path = "conformance/ways.rs"]
mod ways;

use std::collections::BTreeSet;
use std::sync::Arc;

use broken::Broken;
use fixtures::{InProcess, OverWire, Server};
use scorch_recovery::conformance::{Report, sql_transport};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use ways::{Case, FAILS_ALONE, IN_PROCESS, NOT_BROKEN, ON_THE_WIRE};

/// One suite at a time: some of its checks tell a late answer from none.
static TURN: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

fn figure(name: &str, report: &Report) {
    println!(
        "conformance: {name}: {} passed, {} not applicable",
        report.passed().len(),
        report.not_applicable().len()
    );
}

#[tokio::test]
async fn the_simulator_s_transport_conforms() {
    let _turn = TURN.lock().await;
    let server = Server::start().await;
    let suite = sql_transport(InProcess(server));
    let needs_a_wire = |check: &&str| {
        check.starts_with("hostile/")
            || [
                "connect/fails-at-a-dead-port",
                "connect/closes-when-dropped",
                "wire/verified-is-verified",
                "wire/plain-is-plain",
            ]
            .contains(check)
    };
    let mut left_out = suite.names();
    left_out.retain(needs_a_wire);
    let report = suite.run().await;
    println!("{report}");
    report.assert_passed();
    // Nothing else may be left out.
    assert_eq!(report.not_applicable(), left_out);
    figure("in process", &report);
}

/// Holds a driver to the suite. `tests/hostile_servers.rs` has it face the hostile servers, one by
/// one; here it does only where `SCORCH_WHOLE_SUITE` is set.
async fn conforms(driver: &'static str, left_out: &[&str]) {
    let _turn = TURN.lock().await;
    let server = Server::start().await;
    let mut suite = sql_transport(OverWire(server, driver));
    if std::env::var_os("SCORCH_WHOLE_SUITE").is_none() {
        suite = suite.without("hostile/");
    }
    let report = suite.run().await;
    println!("{report}");
    report.assert_passed();
    assert_eq!(report.not_applicable(), left_out);
    figure(driver, &report);
}

#[tokio::test]
async fn tiberius_conforms() {
    let left_out = [
        "message/notices-come-as-claimed",
        "message/notices-come-live",
        "message/notices-keep-their-place",
        "message/notices-come-whole",
        "cancel/keeps-the-session",
    ];
    conforms(fixtures::TIBERIUS, &left_out).await;
}

#[cfg(feature = "mssql-tds")]
#[tokio::test]
async fn mssql_tds_conforms() {
    let left_out = [
        "message/notices-come-live",
        "message/notices-keep-their-place",
    ];
    conforms(fixtures::MSSQL_TDS, &left_out).await;
}

/// How many suites run beside one another. They wait more than they work.
const AT_ONCE: usize = 8;

/// What a broken transport was made of.
#[derive(Clone, Copy, Debug)]
enum Inner {
    InProcess,
    Driver(&'static str),
}

/// What came of holding it to its part of the suite.
struct Broke {
    failed: Vec<&'static str>,
    not_applicable: Vec<&'static str>,
    /// Empty where it failed what it must, and nothing else.
    wrong: String,
}

async fn break_it(case: &Case, inner: Inner) -> Broke {
    // A server of its own: what one way leaves there is not in another's way.
    let (server, way) = (Server::start().await, case.way);
    let suite = match inner {
        Inner::InProcess => {
            let inner = InProcess(server);
            sql_transport(Broken { inner, way }).without("hostile/")
        }
        Inner::Driver(name) => {
            let inner = OverWire(server, name);
            sql_transport(Broken { inner, way })
        }
    };
    let report = suite.only(case.part).run().await;
    let failed = report.failed();
    let is_of = |check: &str, part: &str| match part.strip_suffix('*') {
        Some(beginning) => check.starts_with(beginning),
        None => check == part,
    };
    let mut also = failed.clone();
    also.retain(|check| !case.expected.iter().any(|part| is_of(check, part)));
    let mut not = case.expected.to_vec();
    not.retain(|part| !failed.iter().any(|check| is_of(check, part)));
    let mut wrong = String::new();
    if !also.is_empty() || !not.is_empty() {
        wrong = format!("{way:?} ({inner:?}): also failed {also:?}, did not fail {not:?}");
        for finding in report.findings() {
            if also.contains(&finding.check) {
                wrong.push_str(&format!("\n    {finding}"));
            }
        }
    }
    let not_applicable = report.not_applicable();
    Broke {
        failed,
        not_applicable,
        wrong,
    }
}

/// Every way, and what it is a way of.
fn cases() -> Vec<(&'static Case, Inner)> {
    let tables = [
        (IN_PROCESS, Inner::InProcess),
        (ON_THE_WIRE, Inner::Driver(fixtures::TIBERIUS)),
        #[cfg(feature = "mssql-tds")]
        (ways::ON_THE_OTHER_WIRE, Inner::Driver(fixtures::MSSQL_TDS)),
    ];
    let cases = tables
        .into_iter()
        .flat_map(|(cases, inner)| cases.iter().map(move |case| (case, inner)));
    // Faults of this test itself, planted by the demonstration. Each must be told of.
    match std::env::var("SCORCH_PLANT_WAY").as_deref() {
        Ok("breaks nothing") => vec![(&NOT_BROKEN, Inner::InProcess)],
        Ok("is left out") => cases.filter(|(case, _)| case.way != FAILS_ALONE).collect(),
        Ok(other) => panic!("there is no fault named {other}"),
        Err(_) => cases.collect(),
    }
}

#[tokio::test]
async fn every_check_is_failed_by_a_way_of_being_broken() {
    let _turn = TURN.lock().await;
    let turns = Arc::new(Semaphore::new(AT_ONCE));
    let mut running = JoinSet::new();
    for (case, inner) in cases() {
        let turns = Arc::clone(&turns);
        running.spawn(async move {
            let _turn = turns.acquire().await.unwrap();
            break_it(case, inner).await
        });
    }
    let ways = running.len();
    let (mut found, mut unreached) = (BTreeSet::new(), BTreeSet::new());
    let mut wrong = Vec::new();
    while let Some(ended) = running.join_next().await {
        let broke = ended.unwrap();
        found.extend(broke.failed);
        unreached.extend(broke.not_applicable);
        wrong.extend(Some(broke.wrong).filter(|wrong| !wrong.is_empty()));
    }
    let mut never = sql_transport(InProcess(Server::start().await)).names();
    let checks = never.len();
    never.retain(|check| !found.contains(check));
    println!(
        "broken: {} of {checks} checks failed by a way of being broken, {} of {ways} ways found",
        found.len(),
        ways - wrong.len(),
    );
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    if cfg!(not(feature = "mssql-tds")) {
        // Nothing in this build reaches such servers.
        never.retain(|check| !unreached.contains(check));
    }
    assert!(never.is_empty(), "no way of being broken fails {never:?}");
}
