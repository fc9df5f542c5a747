//! `Inventory::read`.

use scorch_recovery::orchestrator::{Deployment, Inventory};
use scorch_recovery::simulator::hosts::{SimulatedHosts, SimulatedService};
use scorch_recovery::sql::{Completeness, grant_script};
use scorch_recovery::{ErrorKind, Operation};

use super::kit::run_error;
use super::kit::simulated::{World, named};
use super::{DATABASE, SEEDS, sql, user, world};

const LOGIN: &str = "narrow";
const PASSWORD: &str = "Narrow-Passw0rd-1";

async fn read(world: &World) -> Inventory {
    let read = Inventory::read(&named("SQL01"), &named(DATABASE));
    read.run(&world.context()).await.unwrap()
}

#[tokio::test]
async fn all_is_found_whatever_the_guessed_names_are() {
    for seed in SEEDS {
        let world = world(seed).await;
        user(&world, "service", "Runtime").await;
        sql(&world, "ALTER DATABASE Orchestrator SET ENABLE_BROKER").await;
        let inventory = read(&world).await;
        // All but what takes a port to hosts.
        assert_eq!(inventory.missing().len(), 1, "{:?}", inventory.missing());
        assert!(inventory.missing()[0].starts_with("service accounts: not examined"));
        let servers = &inventory.runbook_servers.found;
        let computers: Vec<&str> = servers.iter().map(|s| s.computer.as_str()).collect();
        assert_eq!(computers, ["RUNBOOK01", "RUNBOOK02"]);
        assert!(servers.iter().all(|server| server.id.is_some()));
        assert!(servers.iter().all(|server| server.last_heartbeat.is_some()));
        assert_eq!(inventory.checked_out.found.len(), 1);
        let runbook = &inventory.checked_out.found[0];
        assert_eq!(runbook.by.as_deref(), Some("S-1-5-21-1-2-3-1001"));
        assert!(
            runbook.name.is_some() && runbook.since.is_some(),
            "{runbook:?}"
        );
        assert_eq!(
            inventory.designers.found[0].machine.as_deref(),
            Some("DESIGNER01")
        );
        let [running] = &inventory.running.found[..] else {
            panic!("{:?}", inventory.running);
        };
        assert!(running.name.as_ref().unwrap().starts_with("Runbook "));
        let [queued] = &inventory.queued.found[..] else {
            panic!("{:?}", inventory.queued);
        };
        assert_eq!(queued.runbook_server, None);
        assert_eq!(queued.is_stop_requested, Some(false));
        assert!(inventory.version.found.as_ref().unwrap().contains('.'));
        let info = inventory.info.found.as_ref().unwrap();
        assert_eq!(info.owner.as_deref(), Some("sa"));
        assert!(info.is_broker_enabled);
        let roles = &inventory.roles.found;
        let runtime = roles.iter().find(|role| role.role.ends_with(".Runtime"));
        assert_eq!(runtime.unwrap().members, ["service"]);
        assert_eq!(inventory.differences, None);
        let json = serde_json::to_string(&inventory).unwrap();
        assert_eq!(serde_json::from_str::<Inventory>(&json).unwrap(), inventory);
    }
}

#[tokio::test]
async fn a_part_that_is_otherwise_is_told_and_the_others_are_read() {
    let world = world(2).await;
    sql(
        &world,
        "DROP TABLE dbo.VERSION; CREATE TABLE dbo.VERSION (Number int)",
    )
    .await;
    sql(&world, "DROP TABLE dbo.CLIENTCONNECTIONS").await;
    sql(
        &world,
        "ALTER TABLE dbo.ACTIONSERVERS ADD OtherBeat datetime NULL, ThirdBeat datetime NULL",
    )
    .await;
    sql(&world, "DROP TABLE dbo.POLICIES").await;
    let inventory = read(&world).await;
    let why = |completeness: &Completeness| match completeness {
        Completeness::Incomplete { what, why } => format!("{what}: {why}"),
        _ => panic!("it is complete"),
    };
    assert_eq!(inventory.version.found, None);
    let version = why(&inventory.version.completeness);
    assert!(
        version.contains("DBVersion") && version.contains("Number"),
        "{version}"
    );
    let designers = why(&inventory.designers.completeness);
    assert!(
        designers.contains("dbo.CLIENTCONNECTIONS: it is not there"),
        "{designers}"
    );
    // Without certainty which one it is, none is told.
    assert!(inventory.runbook_servers.is_complete());
    let beats = &inventory.runbook_servers.found;
    let is_known = beats.iter().any(|server| server.last_heartbeat.is_some());
    // `Heartbeat` is the name that it is known by; of others, one must be the only one.
    let names = world
        .sql(
            "SQL01",
            Some(DATABASE),
            "SELECT COUNT(*) FROM sys.columns WHERE name = 'Heartbeat'",
        )
        .await;
    assert_eq!(is_known, names.integer() == 1);
    // A job has no name any more, and is told.
    assert_eq!(inventory.running.found.len(), 1);
    assert_eq!(inventory.running.found[0].name, None);
    assert_eq!(inventory.queued.found.len(), 1);
}

#[tokio::test]
async fn who_may_not_see_is_told_what_is_missing_and_what_would_help() {
    let world = world(3).await;
    let operation = Inventory::read(&named("SQL01"), &named(DATABASE));
    let create = format!("CREATE LOGIN {LOGIN} WITH PASSWORD = '{PASSWORD}'");
    world.sql("SQL01", None, &create).await;
    let narrow = world.builder(LOGIN, PASSWORD).build().unwrap();
    // Not even a user there.
    let error = operation.run(&narrow).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{error}");

    let least = grant_script(&operation.describe().permissions, &named(LOGIN));
    world.sql("SQL01", None, &least.join("; ")).await;
    let inventory = operation.run(&narrow).await.unwrap();
    assert!(inventory.runbook_servers.found.is_empty());
    assert!(inventory.missing().len() >= 8, "{:?}", inventory.missing());

    // A table that is seen and may not be read.
    let one = format!("GRANT VIEW DEFINITION ON dbo.VERSION TO {LOGIN}");
    sql(&world, &one).await;
    let inventory = operation.run(&narrow).await.unwrap();
    let Completeness::Incomplete { why, .. } = &inventory.version.completeness else {
        panic!("{:?}", inventory.version);
    };
    assert!(why.contains("229"), "{why}");

    let all = grant_script(&operation.rights_for_all(), &named(LOGIN));
    world.sql("SQL01", None, &all.join("; ")).await;
    let inventory = operation.run(&narrow).await.unwrap();
    assert_eq!(inventory.missing().len(), 1, "{:?}", inventory.missing());
}

#[tokio::test]
async fn a_deployment_is_held_against_the_database_and_its_services_accounts_told() {
    let world = world(7).await;
    let folder = tempfile::tempdir().unwrap();
    let hosts = SimulatedHosts::builder(folder.path()).build();
    for (name, services) in [
        ("MS01", &["omanagement", "omonitor", "oremoting"][..]),
        ("runbook01.contoso.example", &["orunbook"][..]),
    ] {
        let host = hosts.add(&named(name)).unwrap();
        for service in services {
            let program = format!(r"C:\o\{service}.exe");
            let service = SimulatedService::new(named(service), named(&program));
            host.install(service.account(r"CONTOSO\svc-orchestrator"));
        }
    }
    let cx = world.builder("sa", super::kit::simulated::SA);
    let cx = cx.services(hosts).build().unwrap();
    let deployment = Deployment::new()
        .management_server(&named("MS01"))
        .runbook_server(&named("runbook01.contoso.example"));
    let read = Inventory::read(&named("SQL01"), &named(DATABASE));
    let inventory = read.clone().deployment(&deployment).run(&cx).await.unwrap();
    assert_eq!(inventory.missing(), Vec::<String>::new());
    let differences = inventory.differences.unwrap();
    assert_eq!(differences.forgotten, ["RUNBOOK02"]);
    assert_eq!(differences.unknown, Vec::new());
    let accounts = &inventory.service_accounts.found;
    // oremoting is not installed on the Runbook Server.
    assert_eq!(accounts.len(), 4, "{accounts:?}");
    assert!(
        accounts
            .iter()
            .all(|one| one.account == r"CONTOSO\svc-orchestrator")
    );

    // A host that nobody answers for is told, and the others are there.
    let gone = deployment.clone().runbook_server(&named("GONE"));
    let inventory = read.clone().deployment(&gone).run(&cx).await.unwrap();
    assert_eq!(inventory.service_accounts.found.len(), 4);
    assert!(
        inventory.missing()[0].contains("GONE"),
        "{:?}",
        inventory.missing()
    );
    assert_eq!(inventory.differences.unwrap().unknown, [named("GONE")]);

    let nothing = read.deployment(&Deployment::new().runbook_server(&named("localhost")));
    let error = run_error(&world, nothing).await;
    assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
}
