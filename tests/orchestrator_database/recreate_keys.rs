//! `Encryption::values` and `Encryption::recreate_keys`.

use scorch_recovery::orchestrator::{
    Deployment, DeploymentServices, EncryptedValues, Encryption, RecreateOrchestratorKeys,
    ServiceControl,
};
use scorch_recovery::simulator::hosts::{SimulatedHosts, SimulatedService};
use scorch_recovery::simulator::{Disconnect, Fault};
use scorch_recovery::sql::{Database, Modules};
use scorch_recovery::{Effect, ErrorKind, Hazard, Observation, Operation};

use super::kit::simulated::{World, named, verify};
use super::kit::{assert_error, is_whole, run_error};
use super::{DATABASE, SEEDS, sql, world};

const SCHEMA: &str = "[Microsoft.SystemCenter.Orchestrator.Cryptography]";
const DROP: &str = "DropOrchestratorKeys";
const CREATE: &str = "CreateOrchestratorKeys";
const REFUSED: (ErrorKind, Effect) = (ErrorKind::ConsentRequired, Effect::None);

async fn values(world: &World) -> EncryptedValues {
    let list = Encryption::values(&named("SQL01"), &named(DATABASE));
    list.run(&world.context()).await.unwrap()
}

async fn modules(world: &World) -> Modules {
    let modules = Database::modules(&named("SQL01"), &named(DATABASE));
    modules.run(&world.context()).await.unwrap()
}

/// A deployment of one host, whose service was looked at.
async fn services(folder: &tempfile::TempDir) -> (SimulatedHosts, DeploymentServices) {
    let hosts = SimulatedHosts::builder(folder.path()).build();
    let host = hosts.add(&named("MS01")).unwrap();
    let program = named(r"C:\o\omanagement.exe");
    host.install(SimulatedService::new(named("omanagement"), program));
    let deployment = Deployment::new().management_server(&named("MS01"));
    let cx = scorch_recovery::Context::builder().services(hosts.clone());
    let status = ServiceControl::status(&deployment);
    let seen = status.run(&cx.build().unwrap()).await.unwrap();
    (hosts, seen)
}

fn recreate(
    values: &EncryptedValues,
    modules: &Modules,
    seen: &DeploymentServices,
) -> RecreateOrchestratorKeys {
    Encryption::recreate_keys(&named("SQL01"), &named(DATABASE))
        .losing(values)
        .trusting(modules)
        .services_stopped(seen)
}

async fn key_count(world: &World) -> i64 {
    let count = "SELECT COUNT(*) FROM sys.symmetric_keys WHERE name = 'ORCHESTRATOR_SYM_KEY'";
    world.sql("SQL01", Some(DATABASE), count).await.integer()
}

#[tokio::test]
async fn every_place_of_an_encrypted_value_is_listed() {
    for seed in SEEDS {
        let world = world(seed).await;
        let listed = values(&world).await;
        let stored = verify("SQL01", DATABASE)
            .run(&world.context())
            .await
            .unwrap();
        let of = |table: &str| listed.values.iter().filter(|v| v.table == table).count();
        assert_eq!(u64::try_from(of("VARIABLES")).unwrap(), stored.values());
        // In the middle of texts, and as bytes.
        let texts = r"SELECT COUNT(*) FROM dbo.CONFIGURATION WHERE DataValue LIKE N'%\`d.T.~De/%'";
        let texts = world.sql("SQL01", Some(DATABASE), texts).await.integer();
        assert_eq!(i64::try_from(of("CONFIGURATION")).unwrap(), texts);
        assert!(texts > 1);
        assert!(of("SIMULATED_SECRETS") > 1);
        assert!(listed.values.iter().all(|value| value.id.is_some()));
        assert_eq!(listed.by_column().len(), 3);
        let told = serde_json::to_string(&listed).unwrap();
        assert!(!told.contains("De/"), "{told}");
    }
    // By name, where the row or the object of its identifier has one; and tables that are left out.
    let world = world(2).await;
    sql(
        &world,
        "INSERT INTO dbo.OBJECTS (UniqueID, Name, Deleted) SELECT UniqueID, N'the variable', 0 FROM dbo.VARIABLES",
    )
    .await;
    let listed = values(&world).await;
    let variable = listed
        .values
        .iter()
        .find(|value| value.table == "VARIABLES");
    assert_eq!(variable.unwrap().name.as_deref(), Some("the variable"));
    let list = Encryption::values(&named("SQL01"), &named(DATABASE));
    let list = list.leaving_out(named("variables"));
    let fewer = list.run(&world.context()).await.unwrap();
    assert!(fewer.values.iter().all(|value| value.table != "VARIABLES"));
    assert_eq!(fewer.left_out, [named("variables")]);
}

#[tokio::test]
async fn new_keys_are_made_for_what_was_seen_and_nothing_else() {
    let world = world(3).await;
    let folder = tempfile::tempdir().unwrap();
    let (hosts, stopped) = services(&folder).await;
    let (listed, code) = (values(&world).await, modules(&world).await);
    let operation = recreate(&listed, &code, &stopped);
    let hazards = operation.describe().hazards;
    assert!(
        matches!(&hazards[..], [Hazard::DestroysEncryptedValues { values, .. }] if values.len() == 3),
        "{hazards:?}"
    );

    // Without one of the three, or with another one, nothing is done.
    let bare = Encryption::recreate_keys(&named("SQL01"), &named(DATABASE));
    let error = run_error(&world, bare.clone().losing(&listed)).await;
    assert_error(&error, (ErrorKind::InvalidInput, Effect::None), "services");
    let error = run_error(&world, bare.losing(&listed).services_stopped(&stopped)).await;
    assert_error(&error, REFUSED, "code");
    hosts
        .host(&named("MS01"))
        .unwrap()
        .start(&named("omanagement"))
        .await
        .unwrap();
    let with_hosts = world.builder("sa", super::kit::simulated::SA);
    let with_hosts = with_hosts.services(hosts.clone()).build().unwrap();
    let error = operation.run(&with_hosts).await.unwrap_err();
    assert_error(&error, REFUSED, "a service was started since");
    assert!(error.detail().contains("omanagement"), "{error}");
    sql(
        &world,
        r"INSERT INTO dbo.VARIABLES (UniqueID, Value) VALUES (NEWID(), N'\`d.T.~De/00\`d.T.~De/')",
    )
    .await;
    let error = run_error(&world, operation).await;
    assert_error(&error, REFUSED, "a value more");
    assert!(is_whole_but_one(&world).await);

    let listed = values(&world).await;
    let operation = recreate(&listed, &code, &stopped);
    let cx = world.context();
    assert_eq!(operation.observe(&cx).await.unwrap(), Observation::NotDone);
    let made = operation.run(&cx).await.unwrap();
    assert_eq!(made.before, listed.key_guid);
    assert_ne!(Some(made.key_guid), listed.key_guid);
    assert_eq!(made.lost, listed);
    assert_eq!(operation.observe(&cx).await.unwrap(), Observation::Done);
    let after = verify("SQL01", DATABASE).run(&cx).await.unwrap();
    assert_eq!(after.decrypted(), 0);
    // Not twice by the same consent.
    let error = run_error(&world, operation).await;
    assert_error(&error, REFUSED, "again");
}

async fn is_whole_but_one(world: &World) -> bool {
    let counted = verify("SQL01", DATABASE)
        .run(&world.context())
        .await
        .unwrap();
    counted.values() == counted.decrypted() + 1
}

#[tokio::test]
async fn what_is_half_done_is_told_and_goes_on() {
    let world = world(1).await;
    let folder = tempfile::tempdir().unwrap();
    let (_hosts, stopped) = services(&folder).await;
    let listed = values(&world).await;
    let cx = world.context();
    let alter = async |procedure: &str, body: &str| {
        sql(
            &world,
            &format!("ALTER PROCEDURE {SCHEMA}.[{procedure}] AS {body}"),
        )
        .await;
        recreate(&listed, &modules(&world).await, &stopped)
    };
    let refusal = "RAISERROR (N'the test wants it so', 16, 1)";
    let text = |name: &str| {
        format!(
            "SELECT definition FROM sys.sql_modules WHERE definition LIKE N'%|[{name}|]%' ESCAPE N'|'"
        )
    };
    let create = world.sql("SQL01", Some(DATABASE), &text(CREATE)).await;
    let scorch_recovery::transport::SqlValue::Text(create) = &create.rows[0][0] else {
        panic!("{create:?}");
    };

    // Refused before anything is dropped.
    let operation = alter(DROP, refusal).await;
    let error = run_error(&world, operation).await;
    assert_error(
        &error,
        (ErrorKind::SqlServer, Effect::None),
        "dropping is refused",
    );
    assert!(is_whole(&cx, "SQL01").await);
    // A procedure that does nothing is not believed.
    let operation = alter(DROP, "SELECT 1").await;
    let error = run_error(&world, operation).await;
    assert_eq!(error.effect(), Effect::None, "{error}");
    assert!(is_whole(&cx, "SQL01").await);
    // Dropped, and making is refused.
    let body = "BEGIN DROP SYMMETRIC KEY ORCHESTRATOR_SYM_KEY; DROP ASYMMETRIC KEY ORCHESTRATOR_ASYM_KEY; DROP MASTER KEY END";
    let _ = alter(DROP, body).await;
    let operation = alter(CREATE, refusal).await;
    let error = run_error(&world, operation.clone()).await;
    assert_error(
        &error,
        (ErrorKind::SqlServer, Effect::Partial),
        "making is refused",
    );
    assert_eq!(key_count(&world).await, 0);
    let observed = operation.observe(&cx).await.unwrap();
    assert!(
        matches!(observed, Observation::Partial { .. }),
        "{observed:?}"
    );
    // It goes on from there, for the same list.
    sql(&world, &create.replacen("CREATE", "ALTER", 1)).await;
    let operation = recreate(&listed, &modules(&world).await, &stopped);
    let made = operation.run(&cx).await.unwrap();
    assert_eq!(made.before, None);
    assert_eq!(made.lost.values, listed.values);
    assert_eq!(key_count(&world).await, 1);
}

#[tokio::test]
async fn a_lost_answer_is_looked_for_and_never_sent_again() {
    let folder = tempfile::tempdir().unwrap();
    let (_hosts, stopped) = services(&folder).await;
    for (statement, when, effect) in [
        (DROP, Disconnect::Before, Effect::None),
        (DROP, Disconnect::After, Effect::Partial),
        (CREATE, Disconnect::Before, Effect::Partial),
        (CREATE, Disconnect::After, Effect::Done),
    ] {
        let world = world(7).await;
        let (listed, code) = (values(&world).await, modules(&world).await);
        let operation = recreate(&listed, &code, &stopped);
        let case = format!("{statement} {when:?}");
        let fault = Fault::when_statement_contains(format!("{SCHEMA}.[{statement}]"));
        world
            .server("SQL01")
            .faults()
            .install(fault.disconnect(when));
        let error = run_error(&world, operation.clone()).await;
        assert_error(&error, (ErrorKind::Unreachable, effect), &case);
        let observed = operation.observe(&world.context()).await.unwrap();
        match effect {
            Effect::None => assert_eq!(observed, Observation::NotDone, "{case}"),
            Effect::Done => assert_eq!(observed, Observation::Done, "{case}"),
            _ => {
                assert!(matches!(observed, Observation::Partial { .. }), "{case}");
                let made = operation.run(&world.context()).await.unwrap();
                assert_eq!(made.before, None, "{case}");
            }
        }
    }
}
