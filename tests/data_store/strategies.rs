//! The strategies other than somebody and the host program, under their conditions.

use std::time::Duration;

use scorch_recovery::names::HostName;
use scorch_recovery::orchestrator::{
    DataStoreConfig, DataStoreStrategy, SettingsSnapshot, SilentSetup, SqlAlias,
};
use scorch_recovery::simulator::hosts::{
    HostFault, HostFaultKind, OrchestratorHost, OrchestratorVersion, SimulatedSetup,
};
use scorch_recovery::transport::{RegistryTransport, RegistryView, codes};
use scorch_recovery::{Effect, Error, ErrorKind, Hazard, Observation, Operation, SecretRef};

use super::world::{ALIASES, HOST, Hears, SETUP, SETUP_LOG, Server, World, Writes, named};

const GROUP: &str = "OrchestratorSystemGroup:R";

/// Refused, and nothing was changed.
fn assert_refused(error: &Error, kind: ErrorKind, part: &str) {
    assert_eq!(
        (error.kind(), error.effect()),
        (kind, Effect::None),
        "{error}"
    );
    assert!(error.to_string().contains(part), "{part}: {error}");
}

async fn snapshot(world: &World) -> SettingsSnapshot {
    let backup = DataStoreConfig::backup(&named(HOST), &world.config("Old"));
    backup.run(&world.context()).await.unwrap()
}

#[tokio::test]
async fn a_host_s_own_file_is_put_back_with_its_permissions() {
    let world = World::new().await;
    let host = world.host();
    let old = world.hash();
    let snapshot = snapshot(&world).await;
    let attested = snapshot.attested.as_ref().unwrap();
    assert_eq!(attested.database, named("Old"));
    assert_eq!(
        (snapshot.computer.as_str(), snapshot.file.sha256.as_str()),
        (HOST, old.as_str())
    );
    // It is overwritten, with other permissions; then it is gone.
    host.configure_data_store(&named("SQL01"), &named("New"))
        .unwrap();
    host.set_acl(&world.path(), "Everyone:F").unwrap();
    let write = DataStoreConfig::write(&named(HOST), &world.config("Old"));
    let write = write.strategy(snapshot.clone());
    let cx = world.context();
    assert_eq!(write.observe(&cx).await.unwrap(), Observation::NotDone);
    for round in 0..2 {
        let written = write.run(&cx).await.unwrap();
        assert_eq!(
            (world.hash(), written.after.sha256),
            (old.clone(), old.clone())
        );
        assert_eq!(host.acl(&world.path()).unwrap().as_deref(), Some(GROUP));
        assert_eq!(written.heartbeat.unwrap().database, named("Old"));
        assert_eq!(written.before.is_some(), round == 0);
        assert!(written.unconfirmed[0].contains("unconfirmed"));
        world.assert_all_run();
        if round == 0 {
            host.remove_file(&world.path()).unwrap();
        }
    }
    // As it is in the copy already: nothing is written, and it is looked whether it holds.
    let modified = host.read_file(&world.path()).unwrap();
    let written = write.run(&cx).await.unwrap();
    assert_eq!(written.before.unwrap().sha256, old);
    assert_eq!(host.read_file(&world.path()).unwrap(), modified);
}

#[tokio::test]
async fn a_copy_goes_back_to_the_same_installation_and_names_only() {
    let world = World::new().await;
    let host = world.host();
    let snapshot = snapshot(&world).await;
    host.configure_data_store(&named("SQL01"), &named("New"))
        .unwrap();
    let (before, starts) = (world.hash(), world.starts());
    let cx = world.context();
    let write = async |to: &str, config: &DataStoreConfig, snapshot: &SettingsSnapshot| {
        let write = DataStoreConfig::write(&named(to), config).strategy(snapshot.clone());
        write.run(&cx).await.unwrap_err()
    };
    let old = world.config("Old");
    let error = write(HOST, &world.config("New"), &snapshot).await;
    assert_refused(&error, ErrorKind::InvalidInput, "names Old on SQL01");
    let other = DataStoreConfig::new(&named("SQL00"), &named("Old")).unwrap();
    let error = write(HOST, &other, &snapshot).await;
    assert_refused(&error, ErrorKind::InvalidInput, "names Old on SQL01");
    let error = write("RUNBOOK02", &old, &snapshot).await;
    assert_refused(&error, ErrorKind::InvalidInput, "goes to no other host");
    let mut moved = snapshot.clone();
    moved.computer = "RUNBOOK09".to_owned();
    let error = write(HOST, &old, &moved).await;
    assert_refused(&error, ErrorKind::Incompatible, "it is RUNBOOK01 now");
    // Another copy than was made.
    let content = host.read_file(&snapshot.copy).unwrap();
    host.write_file(&snapshot.copy, b"half a fi").unwrap();
    let error = write(HOST, &old, &snapshot).await;
    assert_refused(&error, ErrorKind::Corrupt, "is not the copy that was made");
    host.write_file(&snapshot.copy, &content).unwrap();
    // Another installation of Windows, and one that is not told.
    let key = r"SOFTWARE\Microsoft\Cryptography";
    let (bits, value, to): (_, _, HostName) = (RegistryView::Bits64, "MachineGuid", named(HOST));
    let set = world.hosts.set(&to, bits, key, value, "another");
    set.await.unwrap();
    let error = write(HOST, &old, &snapshot).await;
    assert_refused(&error, ErrorKind::Incompatible, "installed anew");
    let removed = world.hosts.remove(&to, bits, key, value).await;
    removed.unwrap();
    let error = write(HOST, &old, &snapshot).await;
    assert_refused(&error, ErrorKind::Incompatible, "MachineGuid is unknown");
    let backup = DataStoreConfig::backup(&named(HOST), &old).run(&cx).await;
    assert_refused(&backup.unwrap_err(), ErrorKind::NotFound, "MachineGuid");
    assert_eq!((world.hash(), world.starts()), (before, starts));
    assert_eq!(world.copies().await, Vec::<String>::new());
}

#[tokio::test]
async fn a_backup_is_of_what_the_heartbeat_attests() {
    let world = World::new().await;
    let cx = world.context();
    // It uses another one.
    let backup = DataStoreConfig::backup(&named(HOST), &world.config("New"));
    let error = backup.run(&cx).await.unwrap_err();
    assert_refused(&error, ErrorKind::TimedOut, "stands still");
    // Where no Runbook Server runs nobody attests it, and it says so.
    world.host().stop(&named("orunbook")).unwrap();
    tokio::time::sleep(Duration::from_secs(5)).await;
    let file = r"C:\snapshot.dat";
    let backup = backup.to_file(named(file));
    assert_eq!(backup.observe(&cx).await.unwrap(), Observation::NotDone);
    let made = backup.run(&cx).await.unwrap();
    assert_eq!((made.attested, made.copy), (None, named(file)));
    let error = backup.run(&cx).await.unwrap_err();
    assert_refused(&error, ErrorKind::AlreadyExists, file);
}

fn setup_of(version: OrchestratorVersion) -> SimulatedSetup {
    SimulatedSetup::of(version, named(SETUP_LOG))
}

#[tokio::test]
async fn setup_configures_a_rebuilt_host() {
    let server = Server::new(7).await;
    let world = server.rebuilt(setup_of(OrchestratorVersion::V2022).logs_command_line());
    let hears = Hears::default();
    let cx = world.builder().observer(hears.clone()).build().unwrap();
    let setup = world.setup().await;
    let write = DataStoreConfig::write(&named(HOST), &world.config("New")).strategy(setup);
    assert_eq!(write.observe(&cx).await.unwrap(), Observation::NotDone);
    let described = write.describe();
    assert_eq!(
        described.script,
        [
            r"D:\Setup\Setup.exe /Silent /ServiceUserName:CONTOSO\orchestrator /ServicePassword:*** /Components:ManagementServer,RunbookServer /DbServer:SQL01 /DbNameExisting:New"
        ]
    );
    assert!(matches!(
        &described.hazards[..],
        [Hazard::Reinstalls { .. }, Hazard::SecretOnCommandLine { secrets, .. }] if secrets == &["account"]
    ));
    let written = write.run(&cx).await.unwrap();
    assert_eq!((written.before, written.copy), (None, None));
    assert_eq!(written.after.sha256, world.hash());
    assert_eq!(written.heartbeat.unwrap().database, named("New"));
    assert_eq!(written.exposed_in, [named(SETUP_LOG)]);
    let notice = hears.notices();
    assert!(
        notice.iter().any(|text| text.contains(SETUP_LOG)),
        "{notice:?}"
    );
    world.assert_all_run();
    // It is a rebuilt host no more.
    let error = write.run(&cx).await.unwrap_err();
    assert_refused(&error, ErrorKind::ConsentRequired, "no rebuilt host");
}

#[tokio::test]
async fn setup_wants_a_rebuilt_host_and_consent_to_each_secret() {
    let server = Server::new(7).await;
    let world = server.rebuilt(setup_of(OrchestratorVersion::V2022));
    let cx = world.context();
    let full = world.setup().await;
    let config = world.config("New");
    let write = async |config: &DataStoreConfig, setup: SilentSetup| {
        let write = DataStoreConfig::write(&named(HOST), config).strategy(setup);
        write.run(&cx).await.unwrap_err()
    };
    let (none, consent) = (ErrorKind::InvalidInput, ErrorKind::ConsentRequired);
    let bare = SilentSetup::of(named(SETUP));
    assert_refused(&write(&config, bare.clone()).await, none, "runbook_server");
    let bare = bare.runbook_server();
    let error = write(&config, bare.clone()).await;
    assert_refused(&error, none, "service_account");
    let account = SecretRef::named("account");
    let bare = bare.service_account(&named("o"), account.clone());
    assert_refused(&write(&config, bare.clone()).await, none, "logging_to");
    let bare = bare.logging_to(named(r"C:\logs"));
    assert_refused(&write(&config, bare.clone()).await, consent, "account");
    let bare = bare.exposing(&account);
    assert_refused(&write(&config, bare.clone()).await, none, "on_rebuilt");
    // A secret more than was consented to, and what it has no option for.
    let login = config.clone();
    let login = login.sql_authentication(&named("sco"), SecretRef::named("store"));
    let error = write(&login.unwrap(), full.clone()).await;
    assert_refused(&error, consent, "account, store");
    let port = config.clone().port(1433.try_into().unwrap()).unwrap();
    assert_refused(&write(&port, full.clone()).await, none, "port");
    // Another installation than was seen; another host; one that has something.
    let (to, bits): (HostName, _) = (named(HOST), RegistryView::Bits64);
    let key = r"SOFTWARE\Microsoft\Cryptography";
    let guid = world.hosts.get(&to, bits, key, "MachineGuid").await;
    let guid = guid.unwrap().unwrap();
    let set = async |text: &str| {
        let set = world.hosts.set(&to, bits, key, "MachineGuid", text);
        set.await.unwrap();
    };
    set("another").await;
    let error = write(&config, full.clone()).await;
    assert_refused(&error, consent, "installed anew");
    set(&guid).await;
    let installed = OrchestratorHost::of(OrchestratorVersion::V2022).runbook_server();
    let other = named("RUNBOOK02");
    world.hosts.add_orchestrator(&other, &installed).unwrap();
    let info = DataStoreConfig::read(&other).run(&cx).await.unwrap();
    let error = write(&config, full.clone().on_rebuilt(&info)).await;
    assert_refused(&error, consent, "RUNBOOK02");
    let elsewhere = DataStoreConfig::write(&other, &config).strategy(bare.on_rebuilt(&info));
    let error = elsewhere.run(&cx).await.unwrap_err();
    assert_refused(&error, consent, "RunbookServer");
    // No Setup there.
    world.host().remove_file(&named(SETUP)).unwrap();
    let error = write(&config, full).await;
    assert_refused(&error, ErrorKind::NotFound, "Setup.exe");
    assert!(world.host().service(&named("orunbook")).is_err());
}

#[tokio::test]
async fn what_setup_leaves_when_it_fails_is_told() {
    let server = Server::new(7).await;
    // It ends badly; it names a database that orunbook can't reach.
    let world = server.rebuilt(setup_of(OrchestratorVersion::V2022).fails_with(1603));
    let setup = world.setup().await;
    let write = DataStoreConfig::write(&named(HOST), &world.config("New")).strategy(setup);
    let error = write.run(&world.context()).await.unwrap_err();
    assert_eq!(error.effect(), Effect::Partial, "{error}");
    for part in ["exit code 1603", "ManagementServer", "Setup was run"] {
        assert!(error.detail().contains(part), "{part}: {error}");
    }
    assert!(error.remedy().unwrap().contains("/Silent /Uninstall"));
    let world = server.rebuilt(setup_of(OrchestratorVersion::V2022));
    let setup = world.setup().await;
    let config = world.config("New");
    let asked = DataStoreConfig::read(&named(HOST)).asking(&named("SQL01"), &named("New"));
    world.kill("SQL01");
    let info = asked.run(&world.context()).await.unwrap();
    let asked = info.asked(&named("SQL01"), &named("New")).unwrap();
    let write = DataStoreConfig::write(&named(HOST), &config)
        .strategy(setup)
        .without_heartbeat(asked);
    let error = write.run(&world.context()).await.unwrap_err();
    assert!(error.detail().contains("orunbook"), "{error}");
    assert_ne!(error.effect(), Effect::None);
}

/// A world whose configuration names SQL00, which died; and the consent to lead that name elsewhere.
pub(crate) async fn redirected(server: &Server, version: OrchestratorVersion) -> (World, SqlAlias) {
    let world = server.world_on(version, "SQL00", "New").await;
    world.kill("SQL00");
    let (instance, database) = (named("SQL00"), named("New"));
    let read = DataStoreConfig::read(&named(HOST)).asking(&instance, &database);
    let info = read.run(&world.context()).await.unwrap();
    let alias = SqlAlias::redirecting(&info, &instance, &database).unwrap();
    (world, alias)
}

#[tokio::test]
async fn an_alias_leads_what_the_file_names_elsewhere() {
    let server = Server::new(7).await;
    // Clients of 32 bits, and of 64.
    for version in [OrchestratorVersion::V2016, OrchestratorVersion::V2025] {
        let (world, alias) = redirected(&server, version).await;
        let (cx, before) = (world.context(), world.hash());
        let write = DataStoreConfig::write(&named(HOST), &world.config("New")).strategy(alias);
        let described = write.describe();
        assert_eq!(
            described.script[0],
            r#"reg.exe add "HKLM\SOFTWARE\Microsoft\MSSQLServer\Client\ConnectTo" /v "SQL00" /t REG_SZ /d "DBMSSOCN,SQL01" /f /reg:32"#
        );
        assert!(described.script[1].ends_with("/reg:64"));
        assert!(matches!(
            &described.hazards[..],
            [Hazard::RedirectsAllClients { name, to, .. }] if name == "SQL00" && to == "SQL01"
        ));
        assert_eq!(write.observe(&cx).await.unwrap(), Observation::NotDone);
        let written = write.run(&cx).await.unwrap();
        let led = Some("DBMSSOCN,SQL01".to_owned());
        assert_eq!(world.aliases("SQL00").await, [led.clone(), led]);
        assert_eq!(written.heartbeat.unwrap().database, named("New"));
        assert_eq!(
            (world.hash(), written.after.sha256),
            (before.clone(), before)
        );
        for part in ["32", "certificate", "service principal name", "unconfirmed"] {
            let told = &written.unconfirmed;
            assert!(told.iter().any(|text| text.contains(part)), "{part}");
        }
        world.assert_all_run();
        // The aliases that there were stand in a file, too: there were none.
        let copies = world.copies().await;
        assert!(copies.iter().any(|name| name.ends_with(".aliases.json")));
        assert!(matches!(
            write.observe(&cx).await.unwrap(),
            Observation::Indeterminate { .. }
        ));
    }
}

#[tokio::test]
async fn an_alias_is_refused_while_the_old_server_answers_or_others_are_there() {
    let server = Server::new(7).await;
    let (world, alias) = redirected(&server, OrchestratorVersion::V2022).await;
    let cx = world.context();
    let config = world.config("New");
    let write = async |config: &DataStoreConfig| {
        let write = DataStoreConfig::write(&named(HOST), config).strategy(alias.clone());
        write.run(&cx).await.unwrap_err()
    };
    let starts = world.starts();
    let consent = ErrorKind::ConsentRequired;
    world.revive("SQL00");
    assert_refused(&write(&config).await, consent, "SQL00 answers");
    let read = DataStoreConfig::read(&named(HOST)).asking(&named("SQL00"), &named("New"));
    let info = read.run(&cx).await.unwrap();
    let error = SqlAlias::redirecting(&info, &named("SQL00"), &named("New")).unwrap_err();
    assert_refused(&error, ErrorKind::InvalidInput, "while it lives");
    // Its login may be refused: it answers all the same.
    let refused = HostFaultKind::Refused(codes::ACCESS_DENIED);
    let login = HostFault::when_call_contains("sql.connect SQL00", refused);
    world.hosts.faults().install(login);
    assert_refused(&write(&config).await, consent, "SQL00 answers");
    world.kill("SQL00");
    // Somebody made one since.
    let view = RegistryView::Bits64;
    world.set_alias(view, "SQL00", "DBMSSOCN,SQL07").await;
    assert_refused(&write(&config).await, consent, "not those that were seen");
    let host = named(HOST);
    let gone = world.hosts.remove(&host, view, ALIASES, "SQL00").await;
    gone.unwrap();
    // What an alias can't do.
    let none = ErrorKind::InvalidInput;
    assert_refused(&write(&world.config("Old")).await, none, "database");
    let itself = DataStoreConfig::new(&named("SQL00"), &named("New")).unwrap();
    assert_refused(&write(&itself).await, none, "lead to itself");
    // Where it is to lead nobody can sign in.
    world.kill("SQL01");
    let error = write(&config).await;
    assert_refused(&error, ErrorKind::Unreachable, "nobody listens");
    assert_eq!(world.aliases("SQL00").await, [None, None]);
    assert_eq!(world.starts(), starts);
    assert_eq!(world.copies().await, Vec::<String>::new());
}

#[tokio::test]
async fn an_alias_that_leads_astray_is_taken_back() {
    let server = Server::new(7).await;
    let world = server
        .world_on(OrchestratorVersion::V2022, "SQL00", "New")
        .await;
    // There is one already, for the other kind of programs.
    let old = "DBMSSOCN,SQL05";
    world.set_alias(RegistryView::Bits32, "SQL00", old).await;
    world.kill("SQL00");
    let (instance, database) = (named("SQL00"), named("New"));
    let read = DataStoreConfig::read(&named(HOST)).asking(&instance, &database);
    let info = read.run(&world.context()).await.unwrap();
    let alias = SqlAlias::redirecting(&info, &instance, &database).unwrap();
    // orunbook does not come up: it is brought up while the alias stands, and then that goes.
    let start = HostFault::when_call_contains(
        "services.start orunbook",
        HostFaultKind::Refused(codes::SERVICE_REQUEST_TIMEOUT),
    );
    world.hosts.faults().install(start.times(3));
    let write = DataStoreConfig::write(&named(HOST), &world.config("New")).strategy(alias);
    let error = write.run(&world.context()).await.unwrap_err();
    assert_eq!(error.effect(), Effect::Partial, "{error}");
    for part in ["the aliases are as they were", "what ran before runs again"] {
        assert!(error.detail().contains(part), "{part}: {error}");
    }
    assert_eq!(world.aliases("SQL00").await, [Some(old.to_owned()), None]);
    tokio::time::sleep(Duration::from_secs(120)).await;
    world.assert_all_run();
    assert_eq!(world.copies().await, Vec::<String>::new());
}

#[tokio::test]
async fn going_without_the_heartbeat_takes_the_evidence_that_there_is_none() {
    let server = Server::new(7).await;
    let world = server.world(OrchestratorVersion::V2022).await;
    let writer = world.writer(Writes::AsTold);
    let cx = world.builder().data_store_writer(writer).build().unwrap();
    let (instance, database) = (named("SQL01"), named("New"));
    let read = DataStoreConfig::read(&named(HOST)).asking(&instance, &database);
    let write = DataStoreConfig::write(&named(HOST), &world.config("New"))
        .strategy(DataStoreStrategy::HostProvided);
    let starts = world.starts();
    // It answers, and knows the host: the evidence that it stood still does not keep it from being heard.
    let info = read.run(&cx).await.unwrap();
    let still = info.asked(&instance, &database).unwrap().clone();
    // Not from here: without evidence it is refused, and with other evidence.
    world.hosts.faults().install(
        HostFault::when_call_contains(
            "sql.connect SQL01",
            HostFaultKind::Refused(codes::ACCESS_DENIED),
        )
        .times(4),
    );
    let denied = ErrorKind::PermissionDenied;
    assert_refused(&write.run(&cx).await.unwrap_err(), denied, "18456");
    let other = write.clone().without_heartbeat(&still);
    let error = other.run(&cx).await.unwrap_err();
    assert_refused(&error, ErrorKind::ConsentRequired, "not as it was seen");
    assert_eq!(world.starts(), starts);
    let info = read.run(&cx).await.unwrap();
    let asked = info.asked(&instance, &database).unwrap();
    let written = write.clone().without_heartbeat(asked).run(&cx).await;
    let written = written.unwrap();
    assert_eq!(written.heartbeat, None);
    assert!(
        written.unconfirmed[0].contains("which database is used"),
        "{:?}",
        written.unconfirmed
    );
    world.assert_all_run();
    // Now it can be had.
    world
        .host()
        .configure_data_store(&instance, &named("Old"))
        .unwrap();
    let written = write.without_heartbeat(asked).run(&cx).await.unwrap();
    assert_eq!(written.heartbeat.unwrap().database, database);
}
