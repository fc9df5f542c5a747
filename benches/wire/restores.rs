//! Eight restores at once on one server.

use std::sync::Arc;
use std::time::{Duration, Instant};

use scorch_recovery::names::{DatabaseName, ServerPath};
use scorch_recovery::sql::{Database, RestoreDatabase};
use scorch_recovery::transport::SqlTransport;
use scorch_recovery::{Context, Operation as _};
use tokio::task::JoinSet;

use crate::Measured;
use crate::proof::Source;
use crate::recording::Recorder;
use crate::server::{Begins, FOLDER, Server, instance, send};

const RESTORES: usize = 8;

pub(crate) fn measure(how: Measured) {
    let rounds = match how {
        Measured::NotAtAll => 1,
        Measured::Roughly => 5,
        Measured::Well => 25,
    };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(compare(rounds));
}

async fn compare(rounds: usize) {
    let server = Server::start(Begins::WithOrchestrator);
    let cx = server.context();
    let (orchestrator, other) = (named("Orchestrator"), named("Other"));
    let source = Source::look(&server, &cx, &orchestrator).await;
    for (database, leaf) in [(&orchestrator, "orchestrator.bak"), (&other, "other.bak")] {
        Database::backup(&instance(), database)
            .to_file(path(leaf))
            .run(&cx)
            .await
            .unwrap();
    }
    let operations: Vec<RestoreDatabase> = (1..=RESTORES)
        .map(|index| restore(index, "orchestrator.bak"))
        .collect();

    let mut series = Vec::new();
    for operation in &operations {
        series.push(Arc::new(recorded(&server, operation).await));
    }
    prove(&server, &cx, &source).await;

    let (mut ours, mut own) = (Vec::new(), Vec::new());
    for round in 0..rounds {
        // Neither is always the first.
        for is_ours in [round % 2 == 0, round % 2 == 1] {
            drop_all(&server).await;
            if is_ours {
                ours.push(by_operations(&server, &operations).await);
            } else {
                own.push(by_nobody(&server, &series).await);
            }
            prove(&server, &cx, &source).await;
        }
    }
    let (ours, own) = (median(ours), median(own));
    println!(
        "{RESTORES} restores at once: median of {rounds} rounds in milliseconds: ours {:.1}, the server's own {:.1}, ratio {:.3}; {} of {} databases proved",
        ours.as_secs_f64() * 1000.0,
        own.as_secs_f64() * 1000.0,
        ours.as_secs_f64() / own.as_secs_f64(),
        (2 * rounds + 1) * RESTORES,
        (2 * rounds + 1) * RESTORES,
    );
    find_an_eighth(&server, &cx, &source).await;
}

fn named(name: &str) -> DatabaseName {
    name.parse().unwrap()
}

fn copy(index: usize) -> DatabaseName {
    named(&format!("Restored{index}"))
}

fn path(leaf: &str) -> ServerPath {
    format!(r"{FOLDER}\{leaf}").parse().unwrap()
}

fn restore(index: usize, leaf: &str) -> RestoreDatabase {
    Database::restore(&instance(), &copy(index)).from_file(path(leaf))
}

/// What an operation sends, batch by batch. It has one session: what it does beside that depends on
/// how long the server takes.
async fn recorded(server: &Server, operation: &RestoreDatabase) -> Vec<String> {
    let recorder = Recorder::new(server.transport(), str::to_owned);
    let cx = Context::builder().sql(recorder.clone()).build().unwrap();
    operation.run(&cx).await.unwrap();
    let recording = recorder.take();
    assert_eq!(
        recording.round_trips() - recording.batches(),
        1,
        "it has more than one session"
    );
    recording.sent().map(|sent| sent.clear.clone()).collect()
}

async fn by_operations(server: &Server, operations: &[RestoreDatabase]) -> Duration {
    let cx = Arc::new(server.context());
    let begin = Instant::now();
    let mut running = JoinSet::new();
    for operation in operations {
        let (cx, operation) = (Arc::clone(&cx), operation.clone());
        running.spawn(async move { operation.run(&cx).await.map(|_| ()) });
    }
    for end in running.join_all().await {
        end.unwrap();
    }
    begin.elapsed()
}

async fn by_nobody(server: &Server, series: &[Arc<Vec<String>>]) -> Duration {
    let transport = Arc::new(server.transport());
    let begin = Instant::now();
    let mut running = JoinSet::new();
    for batches in series {
        let (transport, batches) = (Arc::clone(&transport), Arc::clone(batches));
        running.spawn(async move {
            let mut session = transport.connect(&instance(), None).await.unwrap();
            for batch in batches.iter() {
                send(&mut *session, batch).await;
            }
        });
    }
    running.join_all().await;
    begin.elapsed()
}

async fn drop_all(server: &Server) {
    let mut session = server.transport().connect(&instance(), None).await.unwrap();
    for index in 1..=RESTORES {
        send(&mut *session, &format!("DROP DATABASE {}", copy(index))).await;
    }
}

/// Each of them is what was backed up.
async fn prove(server: &Server, cx: &Context, source: &Source) {
    let wrong = disproved(server, cx, source).await;
    assert!(wrong.is_empty(), "{wrong:?}");
}

async fn disproved(server: &Server, cx: &Context, source: &Source) -> Vec<(usize, String)> {
    let mut wrong = Vec::new();
    for index in 1..=RESTORES {
        let problem = source.disproves(server, cx, &copy(index)).await;
        wrong.extend(problem.map(|problem| (index, problem)));
    }
    wrong
}

/// The proof finds one of the eight that is restored from another backup, and one in which a single
/// value does not decrypt.
async fn find_an_eighth(server: &Server, cx: &Context, source: &Source) {
    let mut session = server.transport().connect(&instance(), None).await.unwrap();
    send(&mut *session, &format!("DROP DATABASE {}", copy(8))).await;
    restore(8, "other.bak").run(cx).await.unwrap();
    let garble = format!(
        "UPDATE TOP (1) {}.dbo.VARIABLES SET Value = STUFF(Value, 60, 1, 'G') WHERE Value LIKE '%d.T.~De/%'",
        copy(3)
    );
    send(&mut *session, &garble).await;
    let wrong = disproved(server, cx, source).await;
    let places: Vec<usize> = wrong.iter().map(|(index, _)| *index).collect();
    assert_eq!(places, [3, 8], "{wrong:?}");
    println!("planted: 2 of 2 wrong databases among eight found");
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}
