//! `Encryption::verify`.

use scorch_recovery::orchestrator::{Encryption, EncryptionVerified, VerifyEncryption};
use scorch_recovery::sql::{Database, Modules};
use scorch_recovery::{Context, Effect, Error, ErrorKind, Operation};

use super::kit::simulated::{World, named};
use super::kit::{KEY, after_backup, assert_error, restore_key, run_error};
use super::{DATABASE, SEEDS, sql, user, world};

const DELIMITER: &str = r"\`d.T.~De/";
const SCHEMA: &str = "[Microsoft.SystemCenter.Orchestrator.Cryptography]";

fn verify(instance: &str) -> VerifyEncryption {
    Encryption::verify(&named(instance), &named(DATABASE)).as_user(named("service"))
}

async fn modules(cx: &Context, instance: &str) -> Modules {
    let modules = Database::modules(&named(instance), &named(DATABASE));
    modules.run(cx).await.unwrap()
}

/// Tried with the code that is there now, which is what an operator who trusts it does.
async fn trusted(world: &World) -> Result<EncryptionVerified, Error> {
    let cx = world.context();
    let modules = modules(&cx, "SQL01").await;
    verify("SQL01").trusting(&modules).run(&cx).await
}

#[tokio::test]
async fn a_service_decrypts_all_whatever_the_guessed_names_are() {
    for seed in SEEDS {
        let world = world(seed).await;
        user(&world, "service", "Runtime").await;
        user(&world, "manager", "Admins").await;
        let verified = trusted(&world).await.unwrap();
        assert!(verified.is_whole(), "{verified:?}");
        let admins = "Microsoft.SystemCenter.Orchestrator.Admins";
        assert_eq!(verified.unproved_roles, [admins]);
        let [variables, configurations] = &verified.stored[..] else {
            panic!("{verified:?}");
        };
        for stored in [variables, configurations] {
            assert!(stored.values > 0 && stored.values == stored.under_key);
        }
        assert_eq!(variables.column.table.as_str(), "VARIABLES");
        assert_eq!(configurations.column.table.as_str(), "CONFIGURATION");
        // Pairs of delimiters, but those with nothing between them.
        let pairs = |what: &str| {
            format!("SUM((LEN(DataValue) - LEN(REPLACE(DataValue, N'{what}', N''))) / 20)")
        };
        let parts = format!(
            "SELECT {} - {} FROM dbo.CONFIGURATION",
            pairs(DELIMITER),
            pairs(&DELIMITER.repeat(2))
        );
        let parts = world.sql("SQL01", Some(DATABASE), &parts).await.integer();
        assert_eq!(configurations.values, u64::try_from(parts).unwrap());
        assert!(parts > 3);
        assert_eq!(verified.uncounted, []);
        assert!(
            verified
                .constant
                .starts_with(&verified.key_guid.to_uppercase())
        );

        let cx = world.context();
        let both = verify("SQL01").as_user(named("manager"));
        let both = both.as_at_backup(&verified).run(&cx).await.unwrap();
        assert_eq!(both.unproved_roles, Vec::<String>::new());
        assert_eq!(both.users.len(), 2);
    }
}

#[tokio::test]
async fn code_that_nobody_vouches_for_does_not_run() {
    let world = world(3).await;
    user(&world, "service", "Runtime").await;
    sql(
        &world,
        "CREATE TABLE dbo.ran (at int); GRANT INSERT ON dbo.ran TO service",
    )
    .await;
    let cx = world.context();
    let before = modules(&cx, "SQL01").await;
    let verified = verify("SQL01").trusting(&before).run(&cx).await.unwrap();
    let refused = (ErrorKind::ConsentRequired, Effect::None);
    let error = run_error(&world, verify("SQL01")).await;
    assert_error(&error, refused, "no baseline");

    // What came with a backup that somebody had in his hands.
    for change in [
        format!(
            "ALTER PROCEDURE {SCHEMA}.[Decrypt] @a nvarchar(4000), @b nvarchar(4000) OUTPUT AS INSERT dbo.ran VALUES (1); SET @b = N'all is well'"
        ),
        "CREATE TRIGGER grab ON DATABASE FOR ALTER_USER AS SELECT 1".to_owned(),
        "CREATE PROCEDURE dbo.more AS INSERT dbo.ran VALUES (2)".to_owned(),
    ] {
        sql(&world, &change).await;
        let error = run_error(&world, verify("SQL01").trusting(&before)).await;
        assert_error(&error, refused, &change);
        let error = run_error(&world, verify("SQL01").as_at_backup(&verified)).await;
        assert_error(&error, refused, &change);
    }
    let ran = world.sql("SQL01", Some(DATABASE), "SELECT COUNT(*) FROM dbo.ran");
    assert_eq!(ran.await.integer(), 0);
}

#[tokio::test]
async fn who_owns_the_database_or_lacks_a_right_proves_nothing() {
    let world = world(1).await;
    sql(&world, "CREATE USER service WITHOUT LOGIN").await;
    let error = trusted(&world).await.unwrap_err();
    assert_error(
        &error,
        (ErrorKind::PermissionDenied, Effect::None),
        "nothing",
    );
    sql(
        &world,
        "GRANT CONTROL ON ASYMMETRIC KEY::ORCHESTRATOR_ASYM_KEY TO service; \
         GRANT VIEW DEFINITION ON SYMMETRIC KEY::ORCHESTRATOR_SYM_KEY TO service; \
         GRANT SELECT ON dbo.VARIABLES TO service",
    )
    .await;
    // What is counted must be read, the configurations too.
    let error = trusted(&world).await.unwrap_err();
    assert_error(
        &error,
        (ErrorKind::PermissionDenied, Effect::None),
        "one table",
    );
    assert!(error.detail().contains("CONFIGURATION"), "{error}");
    sql(&world, "GRANT SELECT ON dbo.CONFIGURATION TO service").await;
    // The keys open; the procedures are not its own to call.
    let error = trusted(&world).await.unwrap_err();
    assert_error(
        &error,
        (ErrorKind::PermissionDenied, Effect::None),
        "keys only",
    );
    assert!(
        error.detail().contains("EXECUTE on the procedure"),
        "{error}"
    );
    for procedure in ["Encrypt", "Decrypt"] {
        sql(
            &world,
            &format!("GRANT EXECUTE ON {SCHEMA}.[{procedure}] TO service"),
        )
        .await;
    }
    let verified = trusted(&world).await.unwrap();
    assert_eq!(verified.unproved_roles.len(), 2);
    assert_eq!(verified.users[0].roles, Vec::<String>::new());

    sql(&world, "REVOKE SELECT ON dbo.CONFIGURATION FROM service").await;
    let without = verify("SQL01").leaving_out_configurations();
    let left = without.clone().trusting(&verified.modules);
    let left = left.run(&world.context()).await.unwrap();
    assert_eq!(left.users[0].keys.columns.len(), 1);
    let error = run_error(&world, without.as_at_backup(&verified)).await;
    assert_error(
        &error,
        (ErrorKind::InvalidInput, Effect::None),
        "what was counted at the backup",
    );

    sql(&world, "ALTER ROLE db_owner ADD MEMBER service").await;
    let error = trusted(&world).await.unwrap_err();
    assert_error(&error, (ErrorKind::InvalidInput, Effect::None), "an owner");
    let nobody = Encryption::verify(&named("SQL01"), &named(DATABASE));
    let error = run_error(&world, nobody).await;
    assert_error(&error, (ErrorKind::InvalidInput, Effect::None), "nobody");
}

#[tokio::test]
async fn null_and_something_else_are_failures() {
    let world = world(2).await;
    user(&world, "service", "Runtime").await;
    let parameters = "@a nvarchar(4000), @b nvarchar(4000) OUTPUT";
    let decrypt = |body: &str| format!("ALTER PROCEDURE {SCHEMA}.[Decrypt] {parameters} AS {body}");
    let encrypt = |body: &str| format!("ALTER PROCEDURE {SCHEMA}.[Encrypt] {parameters} AS {body}");
    for (change, words) in [
        (decrypt("SET @b = NULL"), "gives NULL"),
        (
            decrypt("SELECT 1 AS is_same; SET @b = N'x'"),
            "something else",
        ),
        // The server compares texts without regard to case; what came back must be what went in.
        (
            decrypt("SET @b = N'SCORCH-RECOVERY: A CONSTANT, AND NO SECRET'"),
            "something else",
        ),
        (encrypt("SET @b = NULL"), "gave nothing"),
    ] {
        sql(&world, &change).await;
        let error = trusted(&world).await.unwrap_err();
        assert_error(&error, (ErrorKind::KeyMismatch, Effect::None), &change);
        assert!(error.detail().contains(words), "{change}: {error}");
    }
    for parameters in [
        "@a nvarchar(4000)",
        "@a int, @b int OUTPUT",
        "@a nvarchar(9), @b nvarchar(9), @c nvarchar(9) OUTPUT",
    ] {
        let change = format!("ALTER PROCEDURE {SCHEMA}.[Encrypt] {parameters} AS SELECT 1");
        sql(&world, &change).await;
        let error = trusted(&world).await.unwrap_err();
        assert_error(&error, (ErrorKind::Unsupported, Effect::None), &change);
    }
}

#[tokio::test]
async fn keys_made_anew_are_not_those_of_the_backup() {
    let world = world(3).await;
    user(&world, "service", "Runtime").await;
    let verified = trusted(&world).await.unwrap();
    for procedure in ["DropOrchestratorKeys", "CreateOrchestratorKeys"] {
        sql(&world, &format!("EXEC {SCHEMA}.[{procedure}]")).await;
    }
    let error = run_error(&world, verify("SQL01").as_at_backup(&verified)).await;
    assert_error(&error, (ErrorKind::KeyMismatch, Effect::None), "made anew");

    // Values that were all typed in again are as many, and decrypt; the constant tells.
    sql(&world, "DELETE FROM dbo.VARIABLES").await;
    let now = trusted(&world).await.unwrap();
    assert_ne!(now.key_guid, verified.key_guid);
    let mut typed_in: serde_json::Value = serde_json::to_value(&verified).unwrap();
    typed_in["users"] = serde_json::to_value(&now.users).unwrap();
    let typed_in: EncryptionVerified = serde_json::from_value(typed_in).unwrap();
    let error = run_error(&world, verify("SQL01").as_at_backup(&typed_in)).await;
    assert_error(&error, (ErrorKind::KeyMismatch, Effect::None), "typed in");
    assert!(error.detail().contains("at the backup"), "{error}");
}

#[tokio::test]
async fn a_part_that_is_gone_or_does_not_decrypt_is_missed() {
    let world = world(3).await;
    user(&world, "service", "Runtime").await;
    let cx = world.context();
    let verified = trusted(&world).await.unwrap();
    let again = || verify("SQL01").as_at_backup(&verified);
    again().run(&cx).await.unwrap();
    sql(
        &world,
        "CREATE TABLE dbo.KEPT (UniqueID uniqueidentifier, DataValue nvarchar(max) NULL); \
         INSERT INTO dbo.KEPT SELECT UniqueID, DataValue FROM dbo.CONFIGURATION",
    )
    .await;
    let before = verified.stored[1].values;
    // In a text of several parts.
    let change = |to: &str| {
        let to = to.replace("@d", &format!("CHARINDEX(N'{DELIMITER}', DataValue"));
        format!(
            "UPDATE TOP (1) dbo.CONFIGURATION SET DataValue = {to} WHERE DataValue LIKE N'%o''brien 2%'"
        )
    };
    for (change, values, decrypted) in [
        (
            change("STUFF(DataValue, @d) + 10, @d, @d) + 10) - @d) - 10, N'')"),
            before - 1,
            before - 1,
        ),
        (
            change("STUFF(DataValue, @d) + 70, 1, N'G')"),
            before,
            before - 1,
        ),
        // Cut off within the last part.
        (
            change("LEFT(DataValue, CHARINDEX(N'o''brien 2', DataValue) + 60)"),
            before,
            before - 1,
        ),
        ("DELETE FROM dbo.CONFIGURATION".to_owned(), 0, 0),
        (
            "UPDATE dbo.CONFIGURATION SET DataValue = NULL".to_owned(),
            0,
            0,
        ),
    ] {
        sql(&world, &change).await;
        let error = run_error(&world, again()).await;
        assert_error(&error, (ErrorKind::KeyMismatch, Effect::None), &change);
        let told = format!(
            "of dbo.CONFIGURATION.DataValue {values} values are there and {decrypted} decrypt, at the backup {before} and {before}"
        );
        assert!(error.detail().contains(&told), "{change}: {error}");
        sql(
            &world,
            "DELETE FROM dbo.CONFIGURATION; \
             INSERT INTO dbo.CONFIGURATION (UniqueID, DataValue) SELECT UniqueID, DataValue FROM dbo.KEPT",
        )
        .await;
        again().run(&cx).await.unwrap();
    }
    // More of them than at the backup is no loss.
    sql(
        &world,
        "INSERT INTO dbo.CONFIGURATION (UniqueID, DataValue) SELECT NEWID(), DataValue FROM dbo.KEPT",
    )
    .await;
    let now = again().run(&cx).await.unwrap();
    assert_eq!(now.stored[1].values, 2 * before);
}

#[tokio::test]
async fn a_database_without_configurations_says_so() {
    let world = world(2).await;
    user(&world, "service", "Runtime").await;
    let cx = world.context();
    let verified = trusted(&world).await.unwrap();
    for (change, why) in [
        ("DROP TABLE dbo.CONFIGURATION", "it is not there"),
        (
            "CREATE TABLE dbo.CONFIGURATION (UniqueID uniqueidentifier, Other nvarchar(max))",
            "no such column",
        ),
        (
            "DROP TABLE dbo.CONFIGURATION; CREATE TABLE dbo.CONFIGURATION (DataValue varbinary(max))",
            "no text, but varbinary",
        ),
    ] {
        sql(&world, change).await;
        let now = trusted(&world).await.unwrap();
        assert!(now.is_whole(), "{change}");
        assert_eq!(now.stored.len(), 1);
        let [uncounted] = &now.uncounted[..] else {
            panic!("{change}: {now:?}");
        };
        assert_eq!(uncounted.column.table.as_str(), "CONFIGURATION");
        assert!(uncounted.why.contains(why), "{change}: {}", uncounted.why);
        // What was not there at the backup is not missed; what was there is.
        verify("SQL01").as_at_backup(&now).run(&cx).await.unwrap();
        let error = run_error(&world, verify("SQL01").as_at_backup(&verified)).await;
        assert_error(&error, (ErrorKind::KeyMismatch, Effect::None), change);
        let told = format!(
            "dbo.CONFIGURATION.DataValue had {} values",
            verified.stored[1].values
        );
        assert!(error.detail().contains(&told), "{error}");
    }
    // Found as the database spells it; one that somebody counts as his own is not counted twice.
    sql(
        &world,
        "DROP TABLE dbo.CONFIGURATION; CREATE TABLE dbo.Configuration (DATAVALUE nvarchar(max))",
    )
    .await;
    let now = trusted(&world).await.unwrap();
    let found = &now.stored[1].column;
    assert_eq!(found.table.as_str(), "Configuration");
    assert_eq!(found.column.as_str(), "DATAVALUE");
    let modules = modules(&cx, "SQL01").await;
    let own = verify("SQL01").counting(found.clone()).trusting(&modules);
    assert_eq!(own.run(&cx).await.unwrap().stored.len(), 2);
}

#[tokio::test]
async fn a_restored_database_is_held_against_its_backup() {
    let world = after_backup().await;
    let cx = world.context();
    user(&world, "service", "Runtime").await;
    let bak = r"\\vault\keys\with-user.bak";
    Database::backup(&named("SQL01"), &named(DATABASE))
        .to_file(named(bak))
        .run(&cx)
        .await
        .unwrap();
    let verified = trusted(&world).await.unwrap();
    let restore = || Database::restore(&named("SQL02"), &named(DATABASE)).from_file(named(bak));
    restore().run(&cx).await.unwrap();
    let again = || verify("SQL02").as_at_backup(&verified);
    let error = run_error(&world, again()).await;
    assert_error(
        &error,
        (ErrorKind::KeyMismatch, Effect::None),
        "without its key",
    );

    // In the order of the book: the key, then the database.
    world.sql("SQL02", None, "DROP DATABASE Orchestrator").await;
    restore_key("SQL02", KEY).run(&cx).await.unwrap();
    restore().run(&cx).await.unwrap();
    let restored = again().run(&cx).await.unwrap();
    assert!(restored.is_whole());
    assert_eq!(restored.key_guid, verified.key_guid);
    assert_ne!(restored.server, verified.server);
    // Nothing of what is stored is in what is told.
    let told = format!("{restored:?} {}", serde_json::to_string(&restored).unwrap());
    assert!(!told.contains("value 1"), "{told}");
}
