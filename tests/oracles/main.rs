//! Every statement that the library can build: each operation with each option, with thousands of
//! hostile names, as it is really sent.
//!
//! Here they are made and counted, and nothing of the library is left out; what they mean is judged by
//! Microsoft's own parser, in `.ci/show/sql-2`, which has them written to the file that
//! `SCORCH_STATEMENTS` names.
#![cfg(feature = "simulator")]
#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

mod hostile;
#[path = "../support/over.rs"]
mod over;
mod plan;
mod plans;
mod recorded;
#[path = "../support/recording.rs"]
mod recording;
#[allow(dead_code, reason = "each test program uses a part of it")]
#[path = "../support/simulated.rs"]
mod simulated;
mod sources;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use hostile::Hostile;
use plan::{Plan, Stage};
use recorded::Recorded;
use scorch_recovery::AnyOperation;
use serde_json::json;

/// Of every operation and every option, at least so many.
const FEWEST_EACH: usize = 20;
/// Of all, no two of them alike, at least so many.
const FEWEST: usize = 10_000;
/// How often each plan is said with other names, and how often that is tried at most.
const ROUNDS: usize = 40;
const MOST_ROUNDS: usize = 400;

/// Statements that nothing here brings about, and why.
const UNSEEN: [(&str, &str); 7] = [
    (
        "KILL ",
        "sent only where a session outlives its connection; it holds nothing but a number",
    ),
    (
        "SELECT GETUTCDATE() AS read_at, ",
        "asked by operations on hosts, of the heartbeats of one",
    ),
    (
        "SELECT c.name AS name FROM sys.columns c JOIN sys.tables t",
        "asked by operations on hosts, of the heartbeats of one",
    ),
    (
        "SELECT IS_ROLEMEMBER(",
        "DBCC CHECKDB alone needs a role, and says so itself",
    ),
    (
        "PRINT ",
        "in a script for an operator's hands; it holds nothing but a literal",
    ),
    (
        "SELECT CAST(percent_complete AS float) AS percent_complete",
        "asked only over a transport that tells nothing while a statement runs",
    ),
    (
        "SELECT HAS_PERMS_BY_NAME(NULL, NULL, N'VIEW SERVER STATE') AS allowed, ",
        "asked only while a restore runs",
    ),
];

/// Plays all plans, on two threads: most of it is waiting for keys.
fn record(plans: &[Plan]) -> Vec<Recorded> {
    let next = AtomicUsize::new(0);
    let recorded = Mutex::new(BTreeMap::new());
    let work = || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap();
        let stage = runtime.block_on(Stage::new());
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(plan) = plans.get(at) else { break };
            let done = runtime.block_on(Recorded::of(plan, &stage.copied()));
            recorded.lock().unwrap().insert(at, done);
        }
    };
    std::thread::scope(|scope| {
        scope.spawn(work);
        scope.spawn(work);
    });
    recorded.into_inner().unwrap().into_values().collect()
}

/// The options in the source of a plan: the builder's methods that are called there.
fn options(plan: &Recorded, methods: &BTreeSet<String>) -> Vec<String> {
    let words: Vec<&str> = plan
        .source
        .split(|c: char| !c.is_alphanumeric() && c != '_')
        .collect();
    let is_called = |method: &&String| words.contains(&method.as_str());
    methods.iter().filter(is_called).cloned().collect()
}

#[test]
fn every_statement_with_hostile_names() {
    let recorded = record(&plans::plans());
    let (operations, builders) = (sources::operations(), sources::builders());
    let tags: Vec<&str> = operations.keys().map(String::as_str).collect();
    let known: BTreeSet<&str> = AnyOperation::SQL_TAGS.iter().copied().collect();
    assert_eq!(
        tags,
        known.into_iter().collect::<Vec<_>>(),
        "the list in any_operation.rs was not understood"
    );

    let seed = std::env::var("SCORCH_SEED").map_or(1, |seed| seed.parse().unwrap());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    let mut hostile = Hostile::seeded(seed);
    let (mut lines, mut all) = (String::new(), BTreeSet::new());
    let mut counts: BTreeMap<(String, String), usize> = BTreeMap::new();
    for (number, plan) in recorded.iter().enumerate() {
        let none = BTreeSet::new();
        let options = options(plan, builders.get(&operations[&plan.tag]).unwrap_or(&none));
        writeln!(lines, "{}", plan.line(number, &options)).unwrap();
        let mut full = 0;
        for _ in 0..MOST_ROUNDS {
            let Some(round) = runtime.block_on(plan.round(&mut hostile)) else {
                continue;
            };
            let line = json!({
                "plan": number, "values": round.values, "sent": round.sent, "full": round.is_full,
                "operation": round.operation, "run": round.run,
            });
            writeln!(lines, "{line}").unwrap();
            all.extend(round.sent.into_iter().map(|(_, text)| text));
            full += usize::from(round.is_full);
            if full == ROUNDS {
                break;
            }
        }
        for option in options.into_iter().chain([String::new()]) {
            *counts.entry((plan.tag.clone(), option)).or_default() += full;
        }
    }
    if let Ok(file) = std::env::var("SCORCH_STATEMENTS") {
        std::fs::write(file, lines).unwrap();
    }

    let mut wrong = Vec::new();
    for (tag, operation) in &operations {
        let methods = builders.get(operation).into_iter().flatten().cloned();
        for option in methods.chain([String::new()]) {
            let found = counts
                .get(&(tag.clone(), option.clone()))
                .copied()
                .unwrap_or_default();
            if found < FEWEST_EACH {
                wrong.push(format!(
                    "{tag} .{option}: {found} times; give it a plan in tests/oracles"
                ));
            }
        }
    }
    wrong.extend(unseen_statements(&recorded));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    println!(
        "{} batches, no two of them alike, of {} plans",
        all.len(),
        recorded.len()
    );
    assert!(all.len() >= FEWEST, "only {} batches", all.len());
}

/// Beginnings of statements in the source that no plan brings about.
fn unseen_statements(recorded: &[Recorded]) -> Vec<String> {
    let is_seen = |beginning: &str| {
        let mut texts = recorded.iter().flat_map(|plan| &plan.texts);
        texts.any(|text| text.contains(beginning))
    };
    let mut wrong = Vec::new();
    for beginning in sources::beginnings() {
        let is_told = UNSEEN.iter().any(|(known, _)| beginning.starts_with(known));
        if is_seen(&beginning) == is_told {
            wrong.push(format!(
                "seen: {}, told to be unseen: {is_told}: {beginning}",
                !is_told
            ));
        }
    }
    wrong
}
