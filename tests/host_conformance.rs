//! Simulated hosts are held to the suites that anybody's ports to hosts must pass; and the suites are
//! held to ports that are broken in every way they look for.
#![cfg(feature = "simulator")]
#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

#[path = "host_conformance/broken.rs"]
mod broken;
#[path = "host_conformance/fixture.rs"]
mod fixture;
#[path = "../examples/played_program.rs"]
#[allow(dead_code, reason = "its main is not called here")]
mod played_program;
#[path = "host_conformance/ways.rs"]
mod ways;

use std::collections::BTreeSet;

use fixture::Simulated;
use scorch_recovery::conformance::Report;
use scorch_recovery::conformance::hosts::{
    HostSuite, command_transport, file_transport, registry_transport, service_transport,
};
use ways::{WAYS, Way};

/// The four suites, over simulated hosts that are broken in this way, if in any.
fn suites(way: Option<Way>) -> [HostSuite; 4] {
    [
        file_transport(Simulated::new(way)),
        service_transport(Simulated::new(way)),
        command_transport(Simulated::new(way)),
        registry_transport(Simulated::new(way)),
    ]
}

async fn run(way: Option<Way>, part: &str) -> Vec<Report> {
    let mut reports = Vec::new();
    for suite in suites(way) {
        let suite = suite.only(part);
        if !suite.names().is_empty() {
            reports.push(suite.run().await);
        }
    }
    reports
}

#[tokio::test]
async fn simulated_hosts_conform() {
    let reports = run(None, "").await;
    let mut passed = 0;
    for report in &reports {
        println!("{report}");
        report.assert_passed();
        passed += report.passed().len();
        // The simulated registry has texts only.
        let left_out = report.not_applicable();
        assert!(
            left_out.is_empty() || left_out == ["registry/refuses-what-is-no-text"],
            "{left_out:?}"
        );
    }
    println!("conformance: simulated hosts: {passed} passed");
}

/// What has a default body need not be done; of what is not done nothing is asked but that it is not half done.
#[tokio::test]
async fn ports_need_not_do_what_has_a_default() {
    let mut left_out = Vec::new();
    for report in run(Some(Way::LeavesTheDefaults), "").await {
        report.assert_passed();
        left_out.extend(report.not_applicable());
    }
    let mut optional: Vec<&str> = suites(None).iter().flat_map(HostSuite::names).collect();
    optional.retain(|check| {
        [
            "/renames",
            "/brings-",
            "/exposes-",
            "account",
            "what-is-no-text",
        ]
        .iter()
        .any(|part| check.contains(part))
            && *check != "files/renames-or-changes-nothing"
    });
    assert_eq!(left_out, optional);
}

#[tokio::test]
async fn every_check_is_failed_by_a_way_of_being_broken() {
    let mut found = BTreeSet::new();
    for (way, expected) in WAYS {
        let part = &expected[0][..=expected[0].find('/').unwrap()];
        let failed: Vec<&str> = run(Some(*way), part)
            .await
            .iter()
            .flat_map(Report::failed)
            .collect();
        let missed: Vec<_> = expected
            .iter()
            .filter(|check| !failed.contains(check))
            .collect();
        assert!(
            missed.is_empty(),
            "{way:?} was not found by {missed:?}, but by {failed:?}"
        );
        found.extend(failed);
    }
    let mut never: Vec<&str> = suites(None).iter().flat_map(HostSuite::names).collect();
    let checks = never.len();
    never.retain(|check| !found.contains(check));
    assert_eq!(
        never,
        ["registry/refuses-what-is-no-text"],
        "failed by no way"
    );
    println!(
        "broken: {} of {checks} checks failed by one of {} ways",
        checks - never.len(),
        WAYS.len()
    );
}
