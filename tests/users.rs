//! Users find their logins again, and what a hostile database brings is seen before it runs.
#![cfg(feature = "simulator")]
#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

#[path = "support/kit.rs"]
mod kit;

use scorch_recovery::sql::{Database, OrphanedUsers, UserFinding};
use scorch_recovery::transport::{SqlTransport, SqlValue};
use scorch_recovery::{Effect, ErrorKind, Hazard, Observation, Operation};

use kit::simulated::{World, named, run, verify};
use kit::{KEY, back_up_key, restore_key, run_error};

const MOVED: &str = r"\\vault\keys\moved.bak";
const DATABASE: &str = "Orchestrator";

/// SQL01 with the database and these changes to it, and SQL02 on which it was restored.
async fn moved(changes: &[&str]) -> World {
    let world = World::with(&["SQL01", "SQL02"]);
    world.orchestrator("SQL01", 7).await;
    back_up_key(&world, "SQL01", KEY).await;
    for change in changes {
        world.sql("SQL01", Some(DATABASE), change).await;
    }
    let cx = world.context();
    restore_key("SQL02", KEY).run(&cx).await.unwrap();
    Database::backup(&named("SQL01"), &named(DATABASE))
        .to_file(named(MOVED))
        .run(&cx)
        .await
        .unwrap();
    Database::restore(&named("SQL02"), &named(DATABASE))
        .from_file(named(MOVED))
        .run(&cx)
        .await
        .unwrap();
    world
}

async fn users(world: &World) -> OrphanedUsers {
    Database::orphaned_users(&named("SQL02"), &named(DATABASE))
        .run(&world.context())
        .await
        .unwrap()
}

fn finding<'a>(users: &'a OrphanedUsers, name: &str) -> &'a UserFinding {
    let mut known = users.users.iter();
    &known
        .find(|user| user.name.as_str() == name)
        .unwrap_or_else(|| panic!("{name} is not in {users:?}"))
        .finding
}

const ANN: &str =
    "CREATE LOGIN ann WITH PASSWORD = 'Ann-Passw0rd-1', SID = 0xA1A2A3A4A5A6A7A8A9B0B1B2B3B4B5B6";
const BOB: &str = "CREATE LOGIN bob WITH PASSWORD = 'Bob-Passw0rd-1'";

/// Users of four kinds, one of them with the name that a role has in msdb.
const USERS: [&str; 4] = [
    "CREATE USER ann FOR LOGIN ann; CREATE USER alone WITHOUT LOGIN",
    "CREATE USER bob FOR LOGIN bob; ALTER ROLE db_datareader ADD MEMBER bob",
    "CREATE LOGIN dora WITH PASSWORD = 'Dora-Passw0rd-1'",
    "CREATE USER dora FOR LOGIN dora; CREATE USER SQLAgentOperatorRole FOR LOGIN agent",
];
const AGENT: &str = "CREATE LOGIN agent WITH PASSWORD = 'Agent-Passw0rd-1'";

#[tokio::test]
async fn users_belong_to_logins_by_sid_and_by_name_only_if_asked() {
    let mut changes = vec![ANN, BOB, AGENT];
    changes.extend(USERS);
    let world = moved(&order(&changes)).await;
    // The same SID under another name, and the same name under another SID.
    world
        .sql("SQL02", None, &ANN.replace("LOGIN ann", "LOGIN anna"))
        .await;
    world.sql("SQL02", None, BOB).await;
    let cx = world.context();
    let seen = users(&world).await;
    assert!(
        matches!(finding(&seen, "ann"), UserFinding::Matched { login } if login.as_str() == "anna")
    );
    assert!(
        matches!(finding(&seen, "bob"), UserFinding::SameName { login, .. } if login.as_str() == "bob")
    );
    assert_eq!(finding(&seen, "dora"), &UserFinding::NoLogin);
    assert_eq!(
        finding(&seen, "SQLAgentOperatorRole"),
        &UserFinding::NoLogin
    );
    assert_eq!(finding(&seen, "alone"), &UserFinding::WithoutLogin);
    assert_eq!(seen.orphaned().count(), 3);

    let repair = || Database::repair_users(&named("SQL02"), &named(DATABASE));
    let error = run_error(&world, repair()).await;
    assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
    assert!(matches!(&repair().by_name(&seen).describe().hazards[..],
            [Hazard::MapsUsersByName { users }] if users == &["bob as bob"]));
    // A role more is another thing than what was seen.
    let more = "ALTER ROLE db_owner ADD MEMBER bob";
    world.sql("SQL02", Some(DATABASE), more).await;
    let error = run_error(&world, repair().by_name(&seen)).await;
    assert_eq!(
        (error.kind(), error.effect()),
        (ErrorKind::ConsentRequired, Effect::None),
        "{error}"
    );
    let seen = users(&world).await;
    let repair = || repair().by_name(&seen);
    assert_eq!(repair().observe(&cx).await.unwrap(), Observation::NotDone);
    let repaired = repair().run(&cx).await.unwrap();
    assert_eq!(repair().observe(&cx).await.unwrap(), Observation::Done);
    assert_eq!(repaired.mapped.len(), 1);
    assert_eq!(repaired.mapped[0].roles, ["db_datareader", "db_owner"]);
    assert_eq!(repaired.left.len(), 2);
    let mut session = world
        .transport("bob", "Bob-Passw0rd-1")
        .connect(&named("SQL02"), Some(&named(DATABASE)))
        .await
        .unwrap();
    let name = run(&mut *session, "SELECT USER_NAME()").await.rows;
    assert_eq!(name, [[SqlValue::Text("bob".to_owned())]]);
}

/// Logins first.
fn order<'a>(changes: &[&'a str]) -> Vec<&'a str> {
    let is_login = |change: &&&str| change.starts_with("CREATE LOGIN");
    let logins = changes.iter().filter(is_login);
    let users = changes.iter().filter(|change| !is_login(change));
    logins.chain(users).copied().collect()
}

#[tokio::test]
async fn code_that_a_hostile_backup_brings_is_told_before_it_runs() {
    let world = moved(&[
        BOB,
        "CREATE USER bob FOR LOGIN bob",
        "CREATE PROCEDURE dbo.Answer AS SELECT 1 AS n",
        "CREATE PROCEDURE dbo.Kept AS SELECT 2 AS n",
        "CREATE PROCEDURE dbo.Lost AS SELECT 3 AS n",
    ])
    .await;
    let cx = world.context();
    let modules = |instance: &str| Database::modules(&named(instance), &named(DATABASE));
    let baseline = modules("SQL01").run(&cx).await.unwrap();
    let same = modules("SQL02").run(&cx).await.unwrap();
    assert!(same.differences_from(&baseline).is_none());
    assert!(same.modules.len() >= 3 && same.modules.iter().all(|module| module.sha256.is_some()));

    // What an attacker does to the backup on its way.
    for change in [
        "ALTER PROCEDURE dbo.Answer AS SELECT 42 AS n",
        "CREATE PROCEDURE dbo.[Decrypt] AS SELECT N'a constant' AS value",
        "DROP PROCEDURE dbo.Lost",
        "CREATE TRIGGER grab ON DATABASE FOR ALTER_USER AS EXEC sp_addsrvrolemember 'bob', 'sysadmin'",
        "UPDATE dbo.VARIABLES SET Value = LEFT(Value, 10) + REPLICATE(N'00', 60) + RIGHT(Value, 10) WHERE LEN(Value) > 20",
    ] {
        world.sql("SQL02", Some(DATABASE), change).await;
    }
    let now = modules("SQL02").run(&cx).await.unwrap();
    let differences = now.differences_from(&baseline);
    assert_eq!(differences.changed, ["dbo.Answer"]);
    assert_eq!(differences.added, ["dbo.Decrypt", "grab"]);
    assert_eq!(differences.removed, ["dbo.Lost"]);
    assert_eq!(differences.reach, ["now: trigger grab on the database"]);
    assert!(!differences.is_none());
    // It crosses as JSON, as a kit holds it.
    let kept = serde_json::from_str(&serde_json::to_string(&baseline).unwrap()).unwrap();
    assert_eq!(now.differences_from(&kept), differences);

    // A procedure that says "all is well" is nobody's witness.
    let counted = verify("SQL02", DATABASE).run(&cx).await.unwrap();
    assert!(
        counted.values() > 0 && counted.decrypted() == 0,
        "{counted:?}"
    );

    // ALTER USER would run the trigger as whoever repairs.
    world.sql("SQL02", None, BOB).await;
    let seen = users(&world).await;
    let repair = || Database::repair_users(&named("SQL02"), &named(DATABASE)).by_name(&seen);
    for repair in [repair(), repair().after_seeing(&baseline)] {
        let error = run_error(&world, repair).await;
        assert_eq!(
            (error.kind(), error.effect()),
            (ErrorKind::ConsentRequired, Effect::None),
            "{error}"
        );
        assert!(error.to_string().contains("grab"), "{error}");
    }
    let repaired = repair().after_seeing(&now).run(&cx).await.unwrap();
    assert_eq!(repaired.mapped.len(), 1);
}

#[tokio::test]
async fn keys_are_verified_as_somebody_who_owns_nothing() {
    let world = moved(&[]).await;
    let cx = world.context();
    let whole = verify("SQL02", DATABASE).run(&cx).await.unwrap();
    assert!(whole.is_whole());
    world
        .sql(
            "SQL02",
            Some(DATABASE),
            "CREATE USER minimal WITHOUT LOGIN; CREATE ROLE Operators",
        )
        .await;
    let verify = |user: &str| verify("SQL02", DATABASE).as_user(named(user));
    assert_eq!(
        verify("o'x").describe().script[0],
        "EXECUTE AS USER = N'o''x' WITH NO REVERT"
    );
    let error = run_error(&world, verify("minimal")).await;
    assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{error}");
    for part in [
        "minimal",
        "ORCHESTRATOR_SYM_KEY",
        "ORCHESTRATOR_ASYM_KEY",
        "VARIABLES",
    ] {
        assert!(error.to_string().contains(part), "{error}");
    }
    let grants = "GRANT VIEW DEFINITION ON SYMMETRIC KEY::ORCHESTRATOR_SYM_KEY TO minimal; \
                  GRANT CONTROL ON ASYMMETRIC KEY::ORCHESTRATOR_ASYM_KEY TO minimal; \
                  GRANT SELECT ON dbo.VARIABLES TO minimal";
    world.sql("SQL02", Some(DATABASE), grants).await;
    let counted = verify("minimal").run(&cx).await.unwrap();
    assert_eq!(counted, whole);

    // Who owns the database proves nothing, and a role or nobody is no user.
    world
        .sql(
            "SQL02",
            Some(DATABASE),
            "CREATE USER chief WITHOUT LOGIN; ALTER ROLE db_owner ADD MEMBER chief",
        )
        .await;
    for (user, kind) in [
        ("chief", ErrorKind::InvalidInput),
        ("dbo", ErrorKind::InvalidInput),
        ("Operators", ErrorKind::NotFound),
        ("nobody", ErrorKind::NotFound),
    ] {
        let error = run_error(&world, verify(user)).await;
        assert_eq!(
            (error.kind(), error.effect()),
            (kind, Effect::None),
            "{error}"
        );
    }

    // A login that may be the user, and is nothing else.
    let open = format!("ALTER DATABASE {DATABASE} SET MULTI_USER");
    world.sql("SQL02", None, &open).await;
    let grants = "CREATE LOGIN tester WITH PASSWORD = 'Tester-Passw0rd-1'; CREATE USER tester FOR LOGIN tester";
    world.sql("SQL02", Some(DATABASE), grants).await;
    let cx = world
        .builder("tester", "Tester-Passw0rd-1")
        .build()
        .unwrap();
    let error = verify("minimal").run(&cx).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{error}");
    assert!(
        error
            .to_string()
            .contains("IMPERSONATE on the user minimal"),
        "{error}"
    );
    let script = scorch_recovery::sql::grant_script(
        &verify("minimal").describe().permissions,
        &named("tester"),
    );
    world.sql("SQL02", None, &script.join("; ")).await;
    assert_eq!(verify("minimal").run(&cx).await.unwrap(), whole);
}

#[tokio::test]
async fn values_that_are_gone_are_missed() {
    let world = moved(&[]).await;
    let cx = world.context();
    let at_backup = verify("SQL01", DATABASE).run(&cx).await.unwrap();
    let now = || verify("SQL02", DATABASE).as_at_backup(&at_backup);
    assert_eq!(now().run(&cx).await.unwrap(), at_backup);
    // All that is left decrypts.
    let delete = r"DELETE TOP (1) FROM VARIABLES WHERE Value LIKE N'\`d.T.~De/%'";
    world.sql("SQL02", Some(DATABASE), delete).await;
    assert!(verify("SQL02", DATABASE).run(&cx).await.unwrap().is_whole());
    let error = run_error(&world, now()).await;
    let seen = (error.kind(), error.effect());
    assert_eq!(seen, (ErrorKind::KeyMismatch, Effect::None), "{error}");
    assert!(error.to_string().contains("dbo.VARIABLES.Value"), "{error}");
    let open = Database::open_to_users(&named("SQL02"), &named(DATABASE)).proved_by(now());
    let error = run_error(&world, open).await;
    assert_eq!(error.kind(), ErrorKind::KeyMismatch, "{error}");

    let uncounted = scorch_recovery::sql::DatabaseKeys::verify(&named("SQL02"), &named(DATABASE))
        .symmetric_key(named("ORCHESTRATOR_SYM_KEY"))
        .opened_by_asymmetric_key(named("ORCHESTRATOR_ASYM_KEY"))
        .as_at_backup(&at_backup);
    let error = run_error(&world, uncounted).await;
    assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
    assert!(error.to_string().contains("as_at_backup"), "{error}");
}

#[tokio::test]
async fn who_became_a_user_for_good_stays_it() {
    let world = World::with(&["SQL01"]);
    world.sql("SQL01", None, "CREATE DATABASE d").await;
    let make = "CREATE USER u WITHOUT LOGIN; CREATE USER v WITHOUT LOGIN";
    world.sql("SQL01", Some("d"), make).await;
    let user = "SELECT USER_ID(USER_NAME()) - USER_ID('u')";
    for (with, expected) in [("", false), (" WITH NO REVERT", true)] {
        let text = format!("EXECUTE AS USER = 'u'{with}; REVERT; {user}");
        let stays = world.sql("SQL01", Some("d"), &text).await.integer() == 0;
        assert_eq!(stays, expected, "{text}");
    }
}
