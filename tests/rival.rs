//! Operations against a rival that won't be kept out.
#![cfg(feature = "simulator")]
#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

#[path = "support/kit.rs"]
mod kit;
#[path = "support/rival.rs"]
mod rival;

use std::time::Duration;

use scorch_recovery::sql::Database;
use scorch_recovery::transport::{SqlBatch, SqlTransport};
use scorch_recovery::{Effect, ErrorKind, Operation};
use tokio::time::{sleep, timeout};

use kit::simulated::{Collected, SA, World, named};
use kit::{BAK, after_backup};
use rival::Rival;

const RUNBOOK_SERVER: &str = "Runbook-Passw0rd";
/// On the test's clock: nothing here may take longer.
const LONG: Duration = Duration::from_secs(3600);

/// The login of a Runbook Server, which may change what is in the database, and owns nothing.
async fn let_in(world: &World) {
    world
        .sql(
            "SQL01",
            None,
            &format!("CREATE LOGIN runbook WITH PASSWORD = '{RUNBOOK_SERVER}'"),
        )
        .await;
    world
        .sql(
            "SQL01",
            Some("Orchestrator"),
            "CREATE USER runbook FOR LOGIN runbook; ALTER ROLE db_datawriter ADD MEMBER runbook; \
             ALTER ROLE db_datareader ADD MEMBER runbook",
        )
        .await;
}

fn runbook_server(world: &World) -> Rival {
    Rival::start(
        world.transport("runbook", RUNBOOK_SERVER),
        named("SQL01"),
        named("Orchestrator"),
    )
}

#[tokio::test(start_paused = true)]
async fn it_takes_the_single_user_s_place_as_soon_as_that_is_free() {
    let world = after_backup().await;
    let_in(&world).await;
    let rival = runbook_server(&world);
    rival.until(|seen| seen.resumed > 0).await;
    let mut holder = world
        .transport("sa", SA)
        .connect(&named("SQL01"), None)
        .await
        .unwrap();
    let mut told = Collected::default();
    let set = "ALTER DATABASE Orchestrator SET SINGLE_USER WITH ROLLBACK IMMEDIATE";
    holder
        .execute(SqlBatch::open(set), &mut told)
        .await
        .unwrap();
    assert!(told.errors().is_empty());
    // It is thrown out, and kept out for as long as the holder is there.
    let before = rival.seen();
    rival.until(|seen| seen.refused >= before.refused + 3).await;
    assert_eq!(rival.seen().entered, before.entered);
    drop(holder);
    rival.until(|seen| seen.entered > before.entered).await;
    let refused = world.try_sql("SQL01", None, "USE Orchestrator").await;
    assert_eq!(refused.errors(), [924], "the place is the rival's now");
    // A single user's database in another's hands: busy, and untouched.
    let existing = Database::inspect(&named("SQL01"), &named("Orchestrator"));
    let seen = timeout(LONG, existing.run(&world.context())).await.unwrap();
    assert!(seen.is_ok() || seen.unwrap_err().kind() == ErrorKind::Busy);
}

#[tokio::test(start_paused = true)]
async fn a_restore_over_its_database_is_busy_and_touches_nothing() {
    let world = after_backup().await;
    let_in(&world).await;
    let cx = world.context();
    let (instance, name) = (named("SQL01"), named("Orchestrator"));
    let existing = Database::inspect(&instance, &name).run(&cx).await.unwrap();
    let copy = Database::backup(&instance, &name)
        .to_file(named(r"\\vault\keys\copy.bak"))
        .run(&cx)
        .await
        .unwrap();
    let rival = runbook_server(&world);
    rival.until(|seen| seen.resumed > 0).await;
    let restore = Database::restore(&instance, &name)
        .from_file(named(BAK))
        .overwriting(&existing, Some(&copy));
    let error = timeout(LONG, restore.run(&cx)).await.unwrap().unwrap_err();
    assert_eq!(
        (error.kind(), error.effect()),
        (ErrorKind::Busy, Effect::None),
        "{error}"
    );
    let before = rival.seen().resumed;
    rival.until(|seen| seen.resumed > before).await;
}

#[tokio::test(start_paused = true)]
async fn a_restored_database_stays_closed_to_it() {
    let world = after_backup().await;
    let_in(&world).await;
    let cx = world.context();
    let (instance, name) = (named("SQL01"), named("Orchestrator"));
    let copy = Database::backup(&instance, &name)
        .to_file(named(r"\\vault\keys\with-runbook.bak"))
        .run(&cx)
        .await
        .unwrap();
    world.sql("SQL01", None, "DROP DATABASE Orchestrator").await;
    let rival = runbook_server(&world);
    rival.until(|seen| seen.refused > 2).await;
    let restore = Database::restore(&instance, &name).from_backup(&copy);
    let restored = timeout(LONG, restore.run(&cx)).await.unwrap().unwrap();
    assert_eq!(restored.database.user_access, "RESTRICTED_USER");
    sleep(Duration::from_secs(60)).await;
    assert_eq!(rival.seen().entered, 0, "nobody gets in before the proof");
    // Opened to all, it is back at its old jobs at once: the hazard that the order of a recovery
    // is about.
    world
        .sql("SQL01", None, "ALTER DATABASE Orchestrator SET MULTI_USER")
        .await;
    rival.until(|seen| seen.resumed > 0).await;
}
