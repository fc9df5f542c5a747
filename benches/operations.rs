//! What operations cost: how fast statements are built, and how many round trips each operation
//! makes, which is asserted.
#![allow(clippy::unwrap_used, reason = "a bench that can't go on fails")]

#[path = "../tests/support/every_operation.rs"]
mod every_operation;
#[path = "../tests/support/kit.rs"]
mod kit;
#[path = "../tests/support/over.rs"]
#[allow(dead_code, reason = "nothing is made over here")]
mod over;
#[path = "../tests/support/recording.rs"]
#[allow(dead_code, reason = "nothing is replayed here")]
mod recording;
#[path = "../tests/support/scenes.rs"]
mod scenes;

use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use scorch_recovery::{AnyOperation, Context, Operation, SecretRef};

use every_operation::every_operation;
use kit::simulated::{SA, secrets};
use recording::Recorder;
use scenes::scene;

/// The round trips that each operation makes in its scene, signing in counted as one.
const ROUND_TRIPS: &[(&str, usize)] = &[
    ("authorization-cache/rebuild@1", 12),
    ("certificate/backup@1", 10),
    ("certificate/inspect@1", 3),
    ("certificate/restore@1", 12),
    ("database-keys/verify@1", 4),
    ("database-master-key/backup@1", 6),
    ("database-master-key/inspect@1", 4),
    ("database-master-key/protect-by-password@1", 12),
    ("database-master-key/protect-by-service-master-key@1", 8),
    ("database-master-key/restore@1", 12),
    ("database-master-key/rewrap-through@1", 63),
    ("database-master-key/verify-password@1", 5),
    ("database/backup@1", 8),
    ("database/check-integrity@1", 4),
    ("database/enable-broker@1", 7),
    ("database/inspect@1", 3),
    ("database/modules@1", 4),
    ("database/open-to-users@1", 9),
    ("database/orphaned-users@1", 4),
    ("database/rename@1", 6),
    ("database/repair-users@1", 7),
    ("database/restore@1", 13),
    ("database/restrict@1", 5),
    ("database/set-offline@1", 5),
    ("database/swap@1", 30),
    ("database/take-ownership@1", 8),
    ("database/verify@1", 5),
    ("dependents/inspect@1", 5),
    ("encryption/recreate-keys@1", 23),
    ("encryption/values@1", 18),
    ("encryption/verify@1", 21),
    ("inventory/read@1", 12),
    ("jobs/cancel@1", 15),
    ("jobs/inspect@1", 6),
    ("jobs/keep@1", 6),
    ("key-sentinel/backup@1", 19),
    ("maintenance-queue/start@1", 11),
    ("principals/capture@1", 3),
    ("principals/restore@1", 5),
    ("service-master-key/backup@1", 4),
    ("service-master-key/inspect@1", 3),
    ("service-master-key/prove-backup@1", 57),
    ("service-master-key/restore@1", 10),
];

/// The round trips that the operation of that tag made.
async fn made(tag: &str) -> usize {
    let (world, _, operation) = scene(tag).await;
    let recorder = Recorder::new(world.transport("sa", SA), |_| ());
    let cx = Context::builder()
        .sql(recorder.clone())
        .secrets(secrets())
        .allow_unc_host("vault")
        .build()
        .unwrap();
    if let Err(error) = operation.run(&cx).await {
        panic!("{tag}: {error}");
    }
    recorder.take().round_trips()
}

fn round_trips() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let mut wrong = Vec::new();
    for tag in AnyOperation::SQL_TAGS {
        let made = runtime.block_on(made(tag));
        println!("round trips of {tag}: {made}");
        match ROUND_TRIPS.iter().find(|(known, _)| known == tag) {
            Some((_, expected)) if *expected == made => {}
            Some((_, expected)) => wrong.push(format!("{tag}: {made}, not {expected}")),
            None => wrong.push(format!("{tag}: {made}, and no number to hold it to")),
        }
    }
    for (known, _) in ROUND_TRIPS {
        if !AnyOperation::SQL_TAGS.contains(known) {
            wrong.push(format!("{known}: there is no such operation"));
        }
    }
    assert!(wrong.is_empty(), "round trips: {}", wrong.join("; "));
}

fn statements(criterion: &mut Criterion) {
    round_trips();
    let mut group = criterion.benchmark_group("statement building");
    group
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1));
    let operations = every_operation(&SecretRef::named("key"));
    for (operation, tag) in operations.iter().zip(AnyOperation::TAGS) {
        group.bench_function(*tag, |bencher| {
            bencher.iter(|| black_box(operation).describe())
        });
    }
    group.finish();
}

criterion_group!(benches, statements);
criterion_main!(benches);
