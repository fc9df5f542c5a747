//! `Jobs::inspect`, `Jobs::keep` and `Jobs::cancel`.

use scorch_recovery::orchestrator::{CancelJobs, Jobs};
use scorch_recovery::simulator::{Disconnect, Fault};
use scorch_recovery::sql::{Completeness, Database, Modules};
use scorch_recovery::{Effect, ErrorKind, Hazard, Observation, Operation};

use super::kit::simulated::{World, named};
use super::kit::{assert_error, run_error};
use super::{DATABASE, SEEDS, sql, world};

const REFUSED: (ErrorKind, Effect) = (ErrorKind::ConsentRequired, Effect::None);

async fn inspect(world: &World) -> Jobs {
    let inspect = Jobs::inspect(&named("SQL01"), &named(DATABASE));
    inspect.run(&world.context()).await.unwrap()
}

async fn modules(world: &World) -> Modules {
    let modules = Database::modules(&named("SQL01"), &named(DATABASE));
    modules.run(&world.context()).await.unwrap()
}

async fn cancel(world: &World) -> CancelJobs {
    Jobs::cancel(&named("SQL01"), &named(DATABASE))
        .seen(&inspect(world).await)
        .trusting(&modules(world).await)
}

#[tokio::test]
async fn what_was_seen_is_cancelled_whatever_the_guessed_names_are() {
    for seed in SEEDS {
        let world = world(seed).await;
        let seen = inspect(&world).await;
        assert_eq!(seen.completeness, Completeness::Complete, "{seed}");
        let counts = (seen.running.len(), seen.queued.len(), seen.open.len());
        assert_eq!(counts, (1, 1, 2), "{seen:?}");
        assert!(!seen.is_quiet());
        let operation = cancel(&world).await;
        let cx = world.context();
        assert_eq!(operation.observe(&cx).await.unwrap(), Observation::NotDone);
        let hazards = operation.describe().hazards;
        assert!(
            matches!(&hazards[..], [Hazard::CancelsJobs { jobs }] if jobs.len() == 4),
            "{hazards:?}"
        );
        let cancelled = operation.run(&cx).await.unwrap();
        assert_eq!(cancelled.before, seen);
        assert!(cancelled.after.is_quiet(), "{cancelled:?}");
        assert_eq!(operation.observe(&cx).await.unwrap(), Observation::Done);
        // What there is none of is left alone.
        let nothing = cancel(&world).await;
        assert!(nothing.run(&cx).await.unwrap().before.is_quiet());
        // The one that had ended is as it was.
        let ended = "SELECT COUNT(*) FROM [Microsoft.SystemCenter.Orchestrator.Runtime.Internal].[Jobs] WHERE StatusId = 3";
        let ended = world.sql("SQL01", Some(DATABASE), ended).await;
        assert_eq!(ended.integer(), 3);
    }
}

#[tokio::test]
async fn a_decision_is_about_what_is_there() {
    let world = world(2).await;
    let seen = inspect(&world).await;
    let keep = Jobs::keep(&named("SQL01"), &named(DATABASE));
    let error = run_error(&world, keep.clone()).await;
    assert_error(
        &error,
        (ErrorKind::InvalidInput, Effect::None),
        "nothing seen",
    );
    let keep = keep.seen(&seen);
    let hazards = keep.describe().hazards;
    assert!(
        matches!(&hazards[..], [Hazard::ResumesOldJobs { jobs }] if jobs.len() == 4),
        "{hazards:?}"
    );
    assert_eq!(keep.run(&world.context()).await.unwrap(), seen);
    let operation = cancel(&world).await;
    let untrusted = Jobs::cancel(&named("SQL01"), &named(DATABASE)).seen(&seen);
    assert_error(&run_error(&world, untrusted).await, REFUSED, "no baseline");
    // Something started meanwhile.
    sql(
        &world,
        "INSERT INTO dbo.POLICYINSTANCES (UniqueID, PolicyID, TimeStarted) SELECT TOP (1) NEWID(), UniqueID, GETUTCDATE() FROM dbo.POLICIES",
    )
    .await;
    assert_error(&run_error(&world, keep).await, REFUSED, "keep");
    assert_error(&run_error(&world, operation).await, REFUSED, "cancel");
    assert_eq!(inspect(&world).await.running.len(), 2);
}

#[tokio::test]
async fn what_goes_on_afterwards_is_told() {
    let world = world(3).await;
    // As where a Runbook Server lives: its runs are not orphaned.
    sql(&world, "ALTER PROCEDURE [Microsoft.SystemCenter.Orchestrator.Runtime.Internal].[ClearOrphanedRunbookInstances] AS SELECT 1").await;
    let error = run_error(&world, cancel(&world).await).await;
    assert_error(&error, (ErrorKind::Busy, Effect::Done), "it runs on");
    assert!(error.detail().contains("Runbook "), "{error}");
    let left = inspect(&world).await;
    assert_eq!((left.running.len(), left.open.len()), (1, 0));

    sql(&world, "ALTER PROCEDURE [Microsoft.SystemCenter.Orchestrator.Runtime.Internal].[ClearOrphanedRunbookInstances] @a int AS SELECT 1").await;
    let error = run_error(&world, cancel(&world).await).await;
    assert_error(
        &error,
        (ErrorKind::Unsupported, Effect::None),
        "a parameter",
    );

    sql(
        &world,
        "DROP TABLE [Microsoft.SystemCenter.Orchestrator.Runtime.Internal].[Jobs]",
    )
    .await;
    let seen = inspect(&world).await;
    let Completeness::Incomplete { why, .. } = &seen.completeness else {
        panic!("{seen:?}");
    };
    assert!(why.contains("Jobs"), "{why}");
}

#[tokio::test]
async fn a_lost_answer_leaves_what_the_tables_show() {
    for (part, when, effect) in [
        ("UPDATE [dbo]", Disconnect::Before, Effect::None),
        ("UPDATE [dbo]", Disconnect::After, Effect::Partial),
        (
            "[ClearOrphanedRunbookInstances]",
            Disconnect::After,
            Effect::Partial,
        ),
        ("[CancelJob]", Disconnect::Before, Effect::Partial),
    ] {
        let world = world(11).await;
        let operation = cancel(&world).await;
        let fault = Fault::when_statement_contains(part).disconnect(when);
        world.server("SQL01").faults().install(fault);
        let error = run_error(&world, operation).await;
        let case = format!("{part} {when:?}");
        assert_error(&error, (ErrorKind::Unreachable, effect), &case);
        // What is left is seen anew, and cancelled.
        let again = cancel(&world).await;
        assert!(
            again.run(&world.context()).await.unwrap().after.is_quiet(),
            "{case}"
        );
    }
}
