//! The transports that we ship are held to the suite that anybody's must pass.
#![cfg(all(feature = "simulator", feature = "tiberius"))]
#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

#[path = "conformance/fixtures.rs"]
mod fixtures;

use fixtures::{InProcess, OverWire, Server};
use scorch_recovery::conformance::{Report, SqlTransportFixture, Suite, sql_transport};

fn figure(name: &str, report: &Report) {
    println!(
        "conformance: {name}: {} passed, {} not applicable",
        report.passed().len(),
        report.not_applicable().len()
    );
}

/// The parts of a suite whose checks can apply to what has no wire, and to what has.
fn healthy(fixture: impl SqlTransportFixture + 'static) -> Suite {
    sql_transport(fixture).without("hostile/")
}

#[tokio::test]
async fn the_simulator_s_transport_conforms() {
    let server = Server::start().await;
    let report = healthy(InProcess(server)).run().await;
    println!("{report}");
    report.assert_passed();
    // What has no wire: nothing else may be left out.
    let left_out = [
        "connect/fails-at-a-dead-port",
        "connect/closes-when-dropped",
        "wire/verified-is-verified",
        "wire/plain-is-plain",
    ];
    assert_eq!(report.not_applicable(), left_out);
    figure("in process", &report);
}

// The hostile servers are faced in child processes: tests/hostile_servers.rs.
async fn conforms(driver: &'static str, left_out: &[&str]) {
    let server = Server::start().await;
    let report = healthy(OverWire(server, driver)).run().await;
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
