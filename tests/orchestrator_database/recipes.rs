//! `AuthorizationCache::rebuild` and `MaintenanceQueue::start`.

use scorch_recovery::orchestrator::{
    AuthorizationCache, DeploymentServices, MaintenanceQueue, RebuildAuthorizationCache,
    StartMaintenanceQueue,
};
use scorch_recovery::simulator::{Disconnect, Fault};
use scorch_recovery::sql::{Database, Modules};
use scorch_recovery::{Effect, ErrorKind, Observation, Operation};

use super::kit::simulated::{World, named};
use super::kit::{assert_error, run_error};
use super::{DATABASE, SEEDS, sql, world};

const ROOT: &str = "Microsoft.SystemCenter.Orchestrator";
const REFUSED: (ErrorKind, Effect) = (ErrorKind::ConsentRequired, Effect::None);

/// A Management Server whose service was seen in that state.
fn seen(state: &str) -> DeploymentServices {
    let json = r#"{"hosts":[{"host":{"host":"MS01","roles":["management-server"]},"failure":null,"services":[
        {"service":"omanagement","process":null,"status":{"state":"STATE","process_id":null,
        "exit_code":0,"service_exit_code":0,"checkpoint":0,"wait_hint":{"secs":0,"nanos":0},
        "start_type":"disabled","program":"C:\\o\\m.exe","dependencies":null}}]}]}"#;
    serde_json::from_str(&json.replace("STATE", state)).unwrap()
}

async fn modules(world: &World) -> Modules {
    let modules = Database::modules(&named("SQL01"), &named(DATABASE));
    modules.run(&world.context()).await.unwrap()
}

async fn rebuild(world: &World) -> RebuildAuthorizationCache {
    AuthorizationCache::rebuild(&named("SQL01"), &named(DATABASE))
        .trusting(&modules(world).await)
        .services_stopped(&seen("stopped"))
}

async fn start(world: &World) -> StartMaintenanceQueue {
    MaintenanceQueue::start(&named("SQL01"), &named(DATABASE))
        .trusting(&modules(world).await)
        .services_stopped(&seen("stopped"))
}

async fn broker(world: &World, on: bool) {
    let to = if on { "ENABLE" } else { "DISABLE" };
    let set = format!("ALTER DATABASE {DATABASE} SET {to}_BROKER WITH ROLLBACK IMMEDIATE");
    world.sql("SQL01", None, &set).await;
}

async fn cached(world: &World) -> i64 {
    let count = format!("SELECT COUNT(*) FROM [{ROOT}.Internal].[AuthorizationCache]");
    world.sql("SQL01", Some(DATABASE), &count).await.integer()
}

#[tokio::test]
async fn the_recipes_do_what_they_say_whatever_the_guessed_names_are() {
    for seed in SEEDS {
        let world = world(seed).await;
        broker(&world, true).await;
        let cx = world.context();
        let rebuilt = rebuild(&world).await.run(&cx).await.unwrap();
        assert_eq!((rebuilt.before, rebuilt.tokens, rebuilt.after), (1, 2, 2));
        // Again, it is the same.
        let rebuilt = rebuild(&world).await.run(&cx).await.unwrap();
        assert_eq!((rebuilt.before, rebuilt.after), (2, 2));

        let operation = start(&world).await;
        assert_eq!(operation.observe(&cx).await.unwrap(), Observation::NotDone);
        let started = operation.run(&cx).await.unwrap();
        assert!(!started.was_enabled);
        assert_eq!(started.tasks.len(), 3);
        let observed = operation.observe(&cx).await.unwrap();
        assert!(
            matches!(observed, Observation::Indeterminate { .. }),
            "{observed:?}"
        );
        assert!(start(&world).await.run(&cx).await.unwrap().was_enabled);
        let ran = "SELECT COUNT(*) FROM sys.columns c JOIN sys.objects o ON o.object_id = c.object_id \
             WHERE o.name = 'MaintenanceTasks' AND c.name LIKE 'LastExecution%'";
        assert_eq!(world.sql("SQL01", Some(DATABASE), ran).await.integer(), 1);
    }
}

#[tokio::test]
async fn they_run_after_the_broker_with_the_services_down_and_code_that_is_known() {
    let world = world(2).await;
    broker(&world, false).await;
    let off = (ErrorKind::Incompatible, Effect::None);
    assert_error(
        &run_error(&world, rebuild(&world).await).await,
        off,
        "cache",
    );
    assert_error(&run_error(&world, start(&world).await).await, off, "queue");
    broker(&world, true).await;

    let (instance, database) = (named("SQL01"), named(DATABASE));
    let code = modules(&world).await;
    for state in ["running", "stop-pending"] {
        let cache = AuthorizationCache::rebuild(&instance, &database).trusting(&code);
        let cache = cache.services_stopped(&seen(state));
        assert_error(&run_error(&world, cache).await, REFUSED, state);
        let queue = MaintenanceQueue::start(&instance, &database).trusting(&code);
        let queue = queue.services_stopped(&seen(state));
        assert_error(&run_error(&world, queue).await, REFUSED, state);
    }
    let unsaid = AuthorizationCache::rebuild(&instance, &database).trusting(&code);
    let error = run_error(&world, unsaid).await;
    assert_error(&error, (ErrorKind::InvalidInput, Effect::None), "services");
    let (cache, queue) = (rebuild(&world).await, start(&world).await);
    sql(&world, "CREATE PROCEDURE dbo.more AS SELECT 1").await;
    assert_error(&run_error(&world, cache).await, REFUSED, "code");
    assert_error(&run_error(&world, queue).await, REFUSED, "code");
    assert_eq!(cached(&world).await, 1);
}

#[tokio::test]
async fn another_schema_than_the_known_one_is_left_alone() {
    let world = world(3).await;
    broker(&world, true).await;
    for (change, cache) in [
        (
            format!(
                "ALTER PROCEDURE [{ROOT}].[ComputeAuthorizationCache] @a int, @b int AS SELECT 1"
            ),
            true,
        ),
        (
            format!("ALTER PROCEDURE [{ROOT}.Maintenance].[EnqueueRecurrentTask] AS SELECT 1"),
            false,
        ),
        (
            format!(
                "DROP TABLE [{ROOT}.Internal].[SecurityTokens]; CREATE TABLE dbo.SecurityTokens (Id int)"
            ),
            true,
        ),
    ] {
        sql(&world, &change).await;
        let error = if cache {
            run_error(&world, rebuild(&world).await).await
        } else {
            run_error(&world, start(&world).await).await
        };
        assert_error(&error, (ErrorKind::Unsupported, Effect::None), &change);
    }
    assert_eq!(cached(&world).await, 1);
}

#[tokio::test]
async fn what_is_half_done_is_told_and_done_again() {
    for (part, when, effect) in [
        ("TRUNCATE TABLE", Disconnect::Before, Effect::Unknown),
        (
            "[ComputeAuthorizationCache]",
            Disconnect::Before,
            Effect::Unknown,
        ),
    ] {
        let world = world(7).await;
        broker(&world, true).await;
        let operation = rebuild(&world).await;
        let fault = Fault::when_statement_contains(part).disconnect(when);
        world.server("SQL01").faults().install(fault);
        let error = run_error(&world, operation.clone()).await;
        assert_error(&error, (ErrorKind::Unreachable, effect), part);
        assert!(
            error.remedy().unwrap().contains("may be run again"),
            "{error}"
        );
        let rebuilt = operation.run(&world.context()).await.unwrap();
        assert_eq!(rebuilt.after, 2);
    }
    let world = world(7).await;
    broker(&world, true).await;
    let fault = Fault::when_statement_contains("ALTER QUEUE").disconnect(Disconnect::Before);
    world.server("SQL01").faults().install(fault);
    let error = run_error(&world, start(&world).await).await;
    assert_error(&error, (ErrorKind::Unreachable, Effect::None), "the queue");
    let fails = format!(
        "ALTER PROCEDURE [{ROOT}.Maintenance].[EnqueueRecurrentTask] @taskName nvarchar(250) AS RAISERROR (N'no', 16, 1)"
    );
    sql(&world, &fails).await;
    let error = run_error(&world, start(&world).await).await;
    assert_error(&error, (ErrorKind::SqlServer, Effect::Partial), "a task");
}
