//! Interrupts a swap of databases before, in and after every statement that it sends: the client is
//! killed, the server is killed, or the connection between them is cut. The two are processes of their
//! own, and what passes between them goes through a relay that knows where a statement begins and ends.
//!
//! Each time, one of the two databases answers to the name, or `observe` names both places; no ordinary
//! login gets to the restored database before the proof; and to run the swap again ends it.
//!
//! Without arguments every seventh interruption is taken, with `SCORCH_SWAP=all` every one.

#[path = "interrupted_swap/judge.rs"]
mod judge;
#[path = "interrupted_swap/processes.rs"]
mod processes;
#[path = "interrupted_swap/relay.rs"]
mod relay;
#[path = "interrupted_swap/stage.rs"]
mod stage;

use std::path::Path;
use std::process::ExitCode;

use judge::{Judge, Planted};
use processes::{Client, Server};
use relay::{Interruption, Phase, Relay, Victim};
use stage::Stage;

fn main() -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        if let Some(end) = processes::play_a_part().await {
            return end;
        }
        interrupt_all().await
    })
}

async fn interrupt_all() -> ExitCode {
    let is_all = std::env::var("SCORCH_SWAP").is_ok_and(|value| value == "all");
    let folder = tempfile::tempdir().expect("a folder");
    let (mut taken, mut failed, mut between, mut counted) = (0, 0, 0, 0);
    let mut planted = 0;
    // Whether a database that is offline can be renamed is unconfirmed: the swap goes both ways.
    for renames_offline in [true, false] {
        let home = folder.path().join(format!("offline-{renames_offline}"));
        let stage = Stage::prepare(&home, renames_offline).await;
        let undisturbed = play(&stage, &home.join("undisturbed"), None, Planted::Nothing).await;
        assert_eq!(undisturbed.wrong, Vec::<String>::new(), "undisturbed");
        let statements = undisturbed.statements;
        let all = Interruption::all(statements);
        counted += all.len();
        let step = if is_all { 1 } else { 7 };
        for (index, interruption) in all.iter().step_by(step).enumerate() {
            let home = home.join(format!("run-{index}"));
            let run = play(&stage, &home, Some(*interruption), Planted::Nothing).await;
            taken += 1;
            between += u32::from(run.is_between);
            if !run.wrong.is_empty() {
                failed += 1;
                eprintln!("{interruption}: {}", run.wrong.join("; "));
            }
        }
        let middle = Interruption {
            statement: statements / 2,
            phase: Phase::After,
            victim: Victim::Connection,
        };
        for fault in [Planted::OpenDoor, Planted::LostPlace] {
            let home = home.join(format!("{fault:?}"));
            let run = play(&stage, &home, Some(middle), fault).await;
            assert!(
                run.wrong
                    .iter()
                    .any(|wrong| wrong.contains(fault.told_as())),
                "{fault:?} was not found: {:?}",
                run.wrong
            );
            planted += 1;
        }
    }
    println!(
        "swap: {} of {taken} interruptions ended swapped when run again ({counted} places counted), {between} of them with both places named meanwhile; no ordinary login got in before the proof; {planted} of {planted} planted faults found",
        taken - failed
    );
    if failed == 0 && between > 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// What came of a run.
struct Run {
    wrong: Vec<String>,
    /// Whether neither database answered to the name.
    is_between: bool,
    statements: usize,
}

/// A swap in a copy of the stage, interrupted or not, and what a judge says of what is left.
async fn play(
    stage: &Stage,
    home: &Path,
    interruption: Option<Interruption>,
    planted: Planted,
) -> Run {
    stage.copy_to(home);
    let mut server = Server::start(home, stage.renames_offline);
    let relay = Relay::open(server.port).await;
    let mut client = Client::start(relay.port(), &stage.swap);
    let statements = relay.pass(interruption, &mut server, &mut client).await;
    let is_good = client.wait();
    if !server.is_running() {
        server = Server::start(home, stage.renames_offline);
    }
    let judge = Judge::new(server.port, stage);
    let mut wrong = Vec::new();
    if interruption.is_none() && !is_good {
        wrong.push("the swap failed without an interruption".to_owned());
    }
    if interruption.is_some_and(|interruption| statements < interruption.statement) {
        wrong.push(format!("only {statements} statements were sent"));
    }
    judge.wait_for_the_others().await;
    judge.plant(planted).await;
    let is_between = judge.after_the_interruption(&mut wrong).await;
    judge.after_running_it_again(&mut wrong).await;
    drop(server);
    std::fs::remove_dir_all(home).expect("it can be removed");
    Run {
        wrong,
        is_between,
        statements,
    }
}
