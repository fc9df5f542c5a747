//! Logins that a restored database needs are made again with their SIDs and passwords, and nobody gets
//! more than was consented to.
#![cfg(feature = "simulator")]
#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

#[path = "support/kit.rs"]
mod kit;

use scorch_recovery::adapter::secrets::MapSecrets;
use scorch_recovery::simulator::{Disconnect, Fault};
use scorch_recovery::sql::{
    CapturedLogin, CapturedPassword, Database, LoginFinding, LoginNote, LoginOutcome,
    PermissionState, Principals, RestorePrincipals, RestoredLogin, RestoredPrincipals,
    ServerPermission,
};
use scorch_recovery::transport::{SqlTransport, SqlValue};
use scorch_recovery::{
    AnyOperation, Context, Effect, ErrorKind, Hazard, Observation, Operation, Secret, SecretRef,
};

use kit::simulated::{SA, World, named, run};

const MOVED: &str = r"\\vault\keys\principals.bak";
const DATABASE: &str = "Shop";
const PASSWORD: &str = "Some-Passw0rd-1";
const SVC: &str = "S-1-5-21-1-2-3-1001";

/// Two machines of a domain, of which SQL01 has a database, and the file server.
fn world() -> World {
    let mut world = World::new();
    world.add("SQL01", |builder| {
        builder
            .windows_account(r"CONTOSO\svc", SVC)
            .windows_group(r"CONTOSO\gone", "S-1-5-21-1-2-3-1002")
            .windows_account(r"CONTOSO\again", "S-1-5-21-1-2-3-1003")
            .windows_account(r"SQL01\local", "S-1-5-21-9-9-9-1000")
    });
    world.add("SQL02", |builder| {
        builder
            .windows_account(r"CONTOSO\svc", SVC)
            .windows_account(r"CONTOSO\again", "S-1-5-21-1-2-3-2003")
    });
    world
}

/// SQL01 with the database and these changes to it.
async fn with(changes: &[&str]) -> World {
    let world = world();
    world
        .sql("SQL01", None, &format!("CREATE DATABASE {DATABASE}"))
        .await;
    for change in changes {
        world.sql("SQL01", Some(DATABASE), change).await;
    }
    world
}

async fn capture(world: &World, instance: &str) -> Principals {
    Principals::capture(&named(instance), &named(DATABASE))
        .run(&world.context())
        .await
        .unwrap()
}

/// Puts the database on SQL02.
async fn move_database(world: &World) {
    let cx = world.context();
    let backup = Database::backup(&named("SQL01"), &named(DATABASE)).to_file(named(MOVED));
    backup.run(&cx).await.unwrap();
    let restore = Database::restore(&named("SQL02"), &named(DATABASE)).from_file(named(MOVED));
    restore.run(&cx).await.unwrap();
    let open = format!("ALTER DATABASE {DATABASE} SET MULTI_USER");
    world.sql("SQL02", None, &open).await;
}

/// A context whose vault has the hashes.
fn context(world: &World, captured: &Principals) -> Context {
    let hashes = MapSecrets::new().secret(hashes(), captured.password_hashes());
    Context::builder()
        .sql(world.transport("sa", SA))
        .secrets(hashes)
        .build()
        .unwrap()
}

fn hashes() -> SecretRef {
    SecretRef::named("hashes")
}

fn restore(captured: &Principals) -> RestorePrincipals {
    captured.restore(&named("SQL02")).password_hashes(hashes())
}

fn login<'a>(captured: &'a Principals, name: &str) -> &'a CapturedLogin {
    let mut logins = captured.logins.iter();
    let found = logins.find(|login| login.name.as_str() == name);
    found.unwrap_or_else(|| panic!("{name} is not in {captured:?}"))
}

fn outcome<'a>(restored: &'a RestoredPrincipals, name: &str) -> &'a RestoredLogin {
    let mut logins = restored.logins.iter();
    let found = logins.find(|login| login.login.as_str() == name);
    found.unwrap_or_else(|| panic!("{name} is not in {restored:?}"))
}

fn finding<'a>(restored: &'a RestoredPrincipals, name: &str) -> &'a LoginFinding {
    match &outcome(restored, name).outcome {
        LoginOutcome::Left { finding } => finding,
        other => panic!("{name}: {other:?}"),
    }
}

/// Who one is in the database after signing in to SQL02.
async fn user_on_second(world: &World, login: &str, password: &str) -> Result<String, String> {
    let transport = world.transport(login, password);
    let (instance, database) = (named("SQL02"), named(DATABASE));
    let connected = transport.connect(&instance, Some(&database)).await;
    let mut session = connected.map_err(|error| error.to_string())?;
    let rows = run(&mut *session, "SELECT USER_NAME()").await.rows;
    match &rows[0][0] {
        SqlValue::Text(name) => Ok(name.clone()),
        other => Err(format!("{other:?}")),
    }
}

fn quoted(name: &str) -> String {
    format!("[{}]", name.replace(']', "]]"))
}

#[tokio::test]
async fn a_login_signs_in_with_its_old_password_and_finds_its_user() {
    let long = "漢".repeat(128);
    // Names that hurt who does not quote them, and one that a role has.
    let names = [
        "ann",
        "o'clock",
        "a]b",
        "] WITH PASSWORD = 'x'; --",
        "db_reader'; SHUTDOWN --",
        "SQLAgentOperatorRole",
        &long,
    ];
    let mut changes = vec!["CREATE SCHEMA Sales".to_owned()];
    for name in names {
        let name = quoted(name);
        changes.push(format!(
            "CREATE LOGIN {name} WITH PASSWORD = '{PASSWORD}', DEFAULT_DATABASE = {DATABASE}; \
             CREATE USER {name} FOR LOGIN {name} WITH DEFAULT_SCHEMA = Sales"
        ));
    }
    let changes: Vec<&str> = changes.iter().map(String::as_str).collect();
    let world = with(&changes).await;
    let captured = capture(&world, "SQL01").await;
    assert_eq!(captured.users.len(), names.len());
    assert!(captured.users.iter().all(|user| {
        user.login.as_ref().map(ToString::to_string) == Some(user.name.to_string())
            && user.default_schema.as_deref() == Some("Sales")
    }));
    move_database(&world).await;
    let orphaned = Database::orphaned_users(&named("SQL02"), &named(DATABASE));
    let before = orphaned.run(&world.context()).await.unwrap();
    assert_eq!(before.orphaned().count(), names.len());

    // It crosses as JSON, without the hashes, which cross as a secret.
    let json = serde_json::to_string(&captured).unwrap();
    let crossed: Principals = serde_json::from_str(&json).unwrap();
    assert_eq!(crossed, captured);
    assert_eq!(crossed.password_hashes().expose(), "");
    let cx = context(&world, &captured);
    let restore = restore(&crossed);
    assert_eq!(restore.observe(&cx).await.unwrap(), Observation::NotDone);
    let restored = restore.run(&cx).await.unwrap();
    assert_eq!(restored.created().count(), names.len(), "{restored:?}");
    assert!(restored.logins.iter().all(|login| login.notes.is_empty()));
    assert_eq!(restore.observe(&cx).await.unwrap(), Observation::Done);
    for name in names {
        let user = user_on_second(&world, name, PASSWORD).await;
        assert_eq!(user.as_deref(), Ok(name));
        assert!(
            user_on_second(&world, name, "Another-Passw0rd")
                .await
                .is_err()
        );
    }
    let after = orphaned.run(&world.context()).await.unwrap();
    assert_eq!(after.orphaned().count(), 0, "{after:?}");
    // Again: nothing is touched.
    let again = restore.run(&cx).await.unwrap();
    let is_left =
        |login: &RestoredLogin| login.outcome == LoginOutcome::Existing && login.notes.is_empty();
    let mut others = again
        .logins
        .iter()
        .filter(|login| login.login.as_str() != "sa");
    assert!(others.all(is_left), "{again:?}");
    // What was captured of SQL02 is what was captured of SQL01.
    let there = capture(&world, "SQL02").await;
    assert_eq!(there.logins, captured.logins);
    assert_eq!(there.users, captured.users);
    assert_eq!(
        there.password_hashes().expose(),
        captured.password_hashes().expose()
    );
}

/// What is around the database in the tests of findings.
const EVERYTHING: [&str; 5] = [
    "CREATE LOGIN [CONTOSO\\svc] FROM WINDOWS; CREATE LOGIN [CONTOSO\\gone] FROM WINDOWS; \
     CREATE LOGIN [CONTOSO\\again] FROM WINDOWS; CREATE LOGIN [SQL01\\local] FROM WINDOWS; \
     CREATE LOGIN [BUILTIN\\Users] FROM WINDOWS WITH DEFAULT_LANGUAGE = us_english",
    "CREATE LOGIN taken WITH PASSWORD = 'Some-Passw0rd-1'; \
     CREATE LOGIN moved WITH PASSWORD = 'Some-Passw0rd-1', SID = 0xA1A2A3A4A5A6A7A8A9B0B1B2B3B4B5B6; \
     CREATE LOGIN barred WITH PASSWORD = 'Some-Passw0rd-1', CHECK_POLICY = OFF; \
     CREATE LOGIN closed WITH PASSWORD = 'Some-Passw0rd-1', CHECK_EXPIRATION = ON, DEFAULT_LANGUAGE = Deutsch; \
     CREATE LOGIN stranger WITH PASSWORD = 'Some-Passw0rd-1'",
    "CREATE USER [CONTOSO\\svc] FOR LOGIN [CONTOSO\\svc]; CREATE USER [CONTOSO\\gone] FOR LOGIN [CONTOSO\\gone]; \
     CREATE USER [CONTOSO\\again] FOR LOGIN [CONTOSO\\again]; CREATE USER [SQL01\\local] FOR LOGIN [SQL01\\local]; \
     CREATE USER [BUILTIN\\Users] FOR LOGIN [BUILTIN\\Users]; CREATE USER taken FOR LOGIN taken; \
     CREATE USER moved FOR LOGIN moved; CREATE USER barred FOR LOGIN barred; CREATE USER closed FOR LOGIN closed; \
     CREATE USER alone WITHOUT LOGIN",
    "ALTER LOGIN closed DISABLE; USE master; DENY CONNECT SQL TO barred; \
     GRANT VIEW SERVER STATE TO closed; GRANT CREATE ANY DATABASE TO closed WITH GRANT OPTION; \
     GRANT CONTROL SERVER TO [CONTOSO\\svc]; ALTER SERVER ROLE sysadmin ADD MEMBER moved; \
     ALTER SERVER ROLE securityadmin ADD MEMBER closed; ALTER SERVER ROLE dbcreator ADD MEMBER closed",
    "CREATE TABLE dbo.T (a int); CREATE SCHEMA Sales; CREATE ROLE readers; ALTER ROLE readers ADD MEMBER taken; \
     ALTER ROLE db_datareader ADD MEMBER readers; GRANT SELECT ON dbo.T TO readers WITH GRANT OPTION; \
     DENY UPDATE ON dbo.T TO taken; GRANT EXECUTE ON SCHEMA::Sales TO readers; GRANT VIEW DEFINITION TO taken; \
     GRANT IMPERSONATE ON USER::alone TO taken",
];

#[tokio::test]
async fn what_is_around_a_database_is_read_whole() {
    let world = with(&EVERYTHING).await;
    let captured = capture(&world, "SQL01").await;
    let names: Vec<&str> = captured
        .logins
        .iter()
        .map(|login| login.name.as_str())
        .collect();
    // The owner's, and of the others those that have a user.
    assert_eq!(
        names,
        [
            "sa",
            r"CONTOSO\svc",
            r"CONTOSO\gone",
            r"CONTOSO\again",
            r"SQL01\local",
            r"BUILTIN\Users",
            "taken",
            "moved",
            "barred",
            "closed"
        ]
    );
    let local: Vec<&str> = captured
        .machine_local()
        .map(|login| login.name.as_str())
        .collect();
    assert_eq!(local, [r"SQL01\local", r"BUILTIN\Users"]);
    let right = |name: &str, state: PermissionState| {
        let json = serde_json::json!({ "name": name, "state": state });
        serde_json::from_value::<ServerPermission>(json).unwrap()
    };
    let closed = login(&captured, "closed");
    assert!(closed.is_disabled && closed.checks_policy && closed.checks_expiration);
    assert_eq!(closed.default_language.as_deref(), Some("Deutsch"));
    assert_eq!(closed.server_roles, ["securityadmin", "dbcreator"]);
    let expected = [
        right("CONNECT SQL", PermissionState::Granted),
        right(
            "CREATE ANY DATABASE",
            PermissionState::GrantedWithGrantOption,
        ),
        right("VIEW SERVER STATE", PermissionState::Granted),
    ];
    assert_eq!(closed.permissions, expected);
    let barred = login(&captured, "barred");
    assert!(!barred.is_disabled && !barred.checks_policy);
    assert_eq!(
        barred.permissions,
        [right("CONNECT SQL", PermissionState::Denied)]
    );
    assert_eq!(
        login(&captured, r"CONTOSO\svc").password,
        CapturedPassword::None
    );
    assert_eq!(closed.password, CapturedPassword::Captured);
    let powers: Vec<String> = captured
        .powers()
        .powers
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(
        powers,
        [
            r"CONTOSO\svc: CONTROL SERVER",
            "moved: sysadmin",
            "closed: securityadmin",
            "closed: CREATE ANY DATABASE"
        ]
    );
    let roles: Vec<String> = captured
        .roles
        .iter()
        .map(|role| format!("{} {} {}", role.name, role.is_fixed, role.members.join(",")))
        .collect();
    assert_eq!(roles, ["readers false taken", "db_datareader true readers"]);
    let permissions: Vec<String> = captured
        .permissions
        .iter()
        .map(|of| {
            let schema = of.on.schema.as_deref().unwrap_or("");
            let name = of.on.name.as_deref().unwrap_or("");
            let (principal, right, class) = (&of.principal, &of.name, &of.on.class);
            format!("{:?} {right} {class} {schema}.{name} {principal}", of.state)
        })
        .collect();
    for expected in [
        "Granted VIEW DEFINITION DATABASE . taken",
        "GrantedWithGrantOption SELECT OBJECT_OR_COLUMN dbo.T readers",
        "Denied UPDATE OBJECT_OR_COLUMN dbo.T taken",
        "Granted EXECUTE SCHEMA .Sales readers",
        "Granted IMPERSONATE DATABASE_PRINCIPAL .alone taken",
    ] {
        assert!(
            permissions.iter().any(|of| of == expected),
            "{expected}: {permissions:?}"
        );
    }
}

#[tokio::test]
async fn others_are_never_touched_and_powers_never_come_by_themselves() {
    let world = with(&EVERYTHING).await;
    let captured = capture(&world, "SQL01").await;
    move_database(&world).await;
    let others = "CREATE LOGIN taken WITH PASSWORD = 'Other-Passw0rd-1'; \
         CREATE LOGIN squatter WITH PASSWORD = 'Other-Passw0rd-1', SID = 0xA1A2A3A4A5A6A7A8A9B0B1B2B3B4B5B6";
    world.sql("SQL02", None, others).await;
    let before = world
        .sql(
            "SQL02",
            None,
            "SELECT name, sid, password_hash FROM sys.sql_logins",
        )
        .await;
    let cx = context(&world, &captured);
    let restore = restore(&captured);
    assert!(restore.describe().hazards.is_empty());
    let restored = restore.run(&cx).await.unwrap();
    assert_eq!(finding(&restored, "sa"), &LoginFinding::OfTheServer);
    assert_eq!(
        finding(&restored, r"CONTOSO\gone"),
        &LoginFinding::AccountUnknown
    );
    assert!(matches!(finding(&restored, r"CONTOSO\again"),
        LoginFinding::AnotherAccount { sid } if sid.ends_with("d3070000")));
    assert_eq!(
        finding(&restored, r"SQL01\local"),
        &LoginFinding::MachineLocal
    );
    assert_eq!(
        finding(&restored, r"BUILTIN\Users"),
        &LoginFinding::MachineLocal
    );
    assert!(matches!(
        finding(&restored, "taken"),
        LoginFinding::NameTaken { .. }
    ));
    assert!(matches!(finding(&restored, "moved"),
        LoginFinding::SidTaken { login } if login.as_str() == "squatter"));
    let withheld = |what: &str| LoginNote::PowerWithheld {
        what: what.to_owned(),
    };
    let svc = outcome(&restored, r"CONTOSO\svc");
    assert_eq!(svc.outcome, LoginOutcome::Created);
    assert_eq!(svc.notes, [withheld("CONTROL SERVER")]);
    let closed = outcome(&restored, "closed");
    assert_eq!(
        closed.notes,
        [withheld("securityadmin"), withheld("CREATE ANY DATABASE")]
    );
    assert_eq!(restored.created().count(), 3, "{restored:?}");
    for row in before.rows {
        let SqlValue::Text(name) = &row[0] else {
            panic!("{row:?}")
        };
        let question =
            format!("SELECT name, sid, password_hash FROM sys.sql_logins WHERE name = '{name}'");
        assert_eq!(
            world.sql("SQL02", None, &question).await.rows,
            std::slice::from_ref(&row)
        );
    }

    let there = capture(&world, "SQL02").await;
    let closed = login(&there, "closed");
    assert!(closed.is_disabled && closed.checks_expiration);
    assert_eq!(closed.default_language.as_deref(), Some("Deutsch"));
    assert_eq!(closed.server_roles, ["dbcreator"]);
    assert!(
        login(&there, r"CONTOSO\svc")
            .permissions
            .iter()
            .all(|of| of.name == "CONNECT SQL")
    );
    for barred in ["barred", "closed"] {
        assert!(
            user_on_second(&world, barred, PASSWORD).await.is_err(),
            "{barred}"
        );
    }
    // Whether what others took stands for it nobody can see.
    assert!(matches!(
        restore.observe(&cx).await.unwrap(),
        Observation::Indeterminate { seen } if seen.contains("taken, moved")
    ));

    // With consent, for one of them: what it lacks is told, and given only where that is asked.
    let powers = captured.powers().only_of(&[named("closed")]);
    let consented = restore.clone().granting_powers(&powers);
    assert!(
        matches!(&consented.describe().hazards[..], [Hazard::GrantsServerPowers { powers }]
        if powers == &["closed: securityadmin", "closed: CREATE ANY DATABASE"])
    );
    let told = consented.run(&cx).await.unwrap();
    let missing = |what: &str| LoginNote::RightMissing {
        what: what.to_owned(),
    };
    assert_eq!(
        outcome(&told, "closed").notes,
        [missing("securityadmin"), missing("CREATE ANY DATABASE")]
    );
    let given = consented
        .completing(&[named("closed")])
        .run(&cx)
        .await
        .unwrap();
    assert_eq!(outcome(&given, "closed").notes, []);
    let there = capture(&world, "SQL02").await;
    assert_eq!(login(&there, "closed"), login(&captured, "closed"));
    assert!(
        login(&there, r"CONTOSO\svc")
            .permissions
            .iter()
            .all(|of| of.name == "CONNECT SQL")
    );
}

#[tokio::test]
async fn consent_is_to_what_was_captured() {
    let world = with(&EVERYTHING).await;
    let captured = capture(&world, "SQL01").await;
    let cx = context(&world, &captured);
    let operation: AnyOperation = restore(&captured)
        .granting_powers(&captured.powers())
        .into();
    let json = serde_json::to_string(&operation).unwrap();
    for forged in [
        json.replace(
            r#"{"login":"moved","what":"sysadmin"}"#,
            r#"{"login":"closed","what":"sysadmin"}"#,
        ),
        json.replace(
            r#"{"login":"moved","what":"sysadmin"}"#,
            r#"{"login":"moved","what":"CONTROL SERVER"}"#,
        ),
    ] {
        assert_ne!(forged, json);
        let forged: AnyOperation = serde_json::from_str(&forged).unwrap();
        let error = forged.run(&cx).await.unwrap_err();
        assert_eq!(
            (error.kind(), error.effect()),
            (ErrorKind::ConsentRequired, Effect::None),
            "{error}"
        );
    }
    let error = restore(&captured)
        .completing(&[named("nobody")])
        .run(&cx)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
    let error = captured
        .restore(&named("SQL02"))
        .run(&cx)
        .await
        .unwrap_err();
    assert_eq!(
        (error.kind(), error.effect()),
        (ErrorKind::InvalidInput, Effect::None),
        "{error}"
    );
    assert!(error.to_string().contains("password_hashes"), "{error}");
    let wrong = MapSecrets::new().secret(hashes(), Secret::new("no hashes".to_owned()));
    let cx = Context::builder()
        .sql(world.transport("sa", SA))
        .secrets(wrong)
        .build()
        .unwrap();
    let error = restore(&captured).run(&cx).await.unwrap_err();
    assert_eq!(
        (error.kind(), error.effect()),
        (ErrorKind::InvalidInput, Effect::None),
        "{error}"
    );
    let logins = world.sql(
        "SQL02",
        None,
        "SELECT COUNT(*) FROM sys.server_principals WHERE type <> 'R'",
    );
    assert_eq!(logins.await.integer(), 1, "sa alone");
}

#[tokio::test]
async fn who_may_not_see_hashes_is_told_so() {
    let world = with(&EVERYTHING).await;
    let weak = "CREATE LOGIN weak WITH PASSWORD = 'Some-Passw0rd-1'; CREATE USER weak FOR LOGIN weak; \
                USE master; GRANT VIEW ANY DEFINITION TO weak";
    world.sql("SQL01", Some(DATABASE), weak).await;
    let capture = Principals::capture(&named("SQL01"), &named(DATABASE));
    let cx = world.builder("weak", PASSWORD).build().unwrap();
    let captured = capture.run(&cx).await.unwrap();
    assert_eq!(captured.without_password().count(), 5);
    assert_eq!(captured.password_hashes().expose(), "");
    let seen = world.context();
    let restored = captured.restore(&named("SQL02")).run(&seen).await.unwrap();
    assert!(matches!(finding(&restored, "closed"),
        LoginFinding::NoPassword { why } if why.contains("CONTROL SERVER")));
    assert!(
        captured
            .script()
            .expose()
            .contains("PRINT N'The login closed is not made: ")
    );
    // From 2022 on there is a right for it.
    let grant = "GRANT VIEW ANY CRYPTOGRAPHICALLY SECURED DEFINITION TO weak";
    world.sql("SQL01", None, grant).await;
    assert_eq!(
        capture.run(&cx).await.unwrap().without_password().count(),
        0
    );
}

#[tokio::test]
async fn the_script_makes_what_the_operation_makes() {
    let world = with(&EVERYTHING).await;
    let captured = capture(&world, "SQL01").await;
    move_database(&world).await;
    let script = captured.script_granting(&captured.powers());
    let powerless = captured.script();
    assert!(!powerless.expose().contains("sysadmin") && script.expose().contains("sysadmin"));
    // Windows does not know all of them there.
    let answer = world.try_sql("SQL02", None, script.expose()).await;
    assert_eq!(answer.errors(), [15401]);
    for (name, is_made) in [
        ("closed", true),
        ("barred", true),
        ("moved", true),
        (r"SQL01\local", false),
    ] {
        let question = format!("SELECT COUNT(*) FROM sys.server_principals WHERE name = '{name}'");
        let found = world.sql("SQL02", None, &question).await.integer() == 1;
        assert_eq!(found, is_made, "{name}");
    }
    let there = capture(&world, "SQL02").await;
    assert_eq!(login(&there, "moved"), login(&captured, "moved"));
    assert_eq!(login(&there, "barred"), login(&captured, "barred"));
    // Once more, nothing happens.
    let again = world.try_sql("SQL02", None, script.expose()).await;
    assert_eq!(again.errors(), [15401]);
    assert_eq!(capture(&world, "SQL02").await, there);
}

#[tokio::test]
async fn a_run_that_was_cut_short_is_gone_on_with() {
    let world = with(&EVERYTHING).await;
    let captured = capture(&world, "SQL01").await;
    move_database(&world).await;
    let cx = context(&world, &captured);
    let restore = restore(&captured);
    // The connection is lost before the grants of `closed`; what was made before is there.
    let grants = Fault::when_statement_contains("GRANT VIEW SERVER STATE");
    let faults = world.server("SQL02").faults();
    faults.install(grants.disconnect(Disconnect::Before));
    let error = restore.run(&cx).await.unwrap_err();
    assert_eq!(error.effect(), Effect::Unknown, "{error}");
    assert_eq!(faults.outstanding(), 0);
    assert!(matches!(
        restore.observe(&cx).await.unwrap(),
        Observation::Partial { .. }
    ));
    let told = restore.run(&cx).await.unwrap();
    assert!(!outcome(&told, "closed").notes.is_empty());
    let whole = restore.clone().completing(&[named("closed")]);
    whole.run(&cx).await.unwrap();
    assert_eq!(restore.observe(&cx).await.unwrap(), Observation::Done);
}
