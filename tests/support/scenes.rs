//! A scene for each operation: a world in which it can be done.

use scorch_recovery::orchestrator::{
    AuthorizationCache, DeploymentServices, Encryption, Inventory, Jobs, MaintenanceQueue,
};
use scorch_recovery::sql::{
    Certificate, Database, DatabaseMasterKey, Dependents, KeySentinel, Principals, ServiceMasterKey,
};
use scorch_recovery::{AnyOperation, Operation, SecretRef};

use super::kit::simulated::{HASH, HASH_SID, World, named, verify};
use super::kit::{BAK, KEY, after_backup, back_up_key, restore_key};

/// A login that a scene may have use for, and its password.
pub(crate) const LOGIN: &str = "least";
pub(crate) const PASSWORD: &str = "Least-Passw0rd-1";

/// A user with the rights of the Runbook Service, and no login.
pub(crate) const MINIMAL_USER: &str = "CREATE USER minimal WITHOUT LOGIN; \
     ALTER ROLE [Microsoft.SystemCenter.Orchestrator.Runtime] ADD MEMBER minimal";

/// A Management Server whose service was seen stopped.
pub(crate) fn stopped() -> DeploymentServices {
    serde_json::from_str(
        r#"{"hosts":[{"host":{"host":"MS01","roles":["management-server"]},"failure":null,"services":[
            {"service":"omanagement","process":null,"status":{"state":"stopped","process_id":null,
            "exit_code":0,"service_exit_code":0,"checkpoint":0,"wait_hint":{"secs":0,"nanos":0},
            "start_type":"disabled","program":"C:\\o\\m.exe","dependencies":null}}]}]}"#,
    )
    .unwrap()
}

fn secret(name: &str) -> SecretRef {
    SecretRef::named(name)
}

/// A world in which the operation of that tag can be done, the operation, and the instance that it
/// works on. What it must have seen, sa has seen.
pub(crate) async fn scene(tag: &str) -> (World, &'static str, AnyOperation) {
    let world = after_backup().await;
    let cx = world.context();
    let (first, second) = (named("SQL01"), named("SQL02"));
    let database = named("Orchestrator");
    let new_key = || named(r"\\vault\keys\new.key");
    let new_bak = || named(r"\\vault\keys\new.bak");
    let seen = DatabaseMasterKey::inspect(&first, &database)
        .run(&cx)
        .await
        .unwrap();
    let existing = Database::inspect(&first, &database).run(&cx).await.unwrap();
    let certificate = named("held");
    if tag.starts_with("certificate/") {
        let make = "CREATE MASTER KEY ENCRYPTION BY PASSWORD = 'Own-Passw0rd-of-tests'";
        world.sql("SQL02", None, make).await;
        let make = "CREATE CERTIFICATE held WITH SUBJECT = 'of tests'";
        world.sql("SQL01", Some("Orchestrator"), make).await;
    }
    let back_up_certificate = || {
        Certificate::backup(&first, &database, &certificate)
            .to_file(named(r"\\vault\keys\held.cer"))
            .private_key_to_file(named(r"\\vault\keys\held.pvk"))
            .encrypted_by(secret("own"))
    };
    let modules = Database::modules(&first, &database);
    if tag.starts_with("authorization-cache/") || tag.starts_with("maintenance-queue/") {
        let broker = "ALTER DATABASE Orchestrator SET ENABLE_BROKER";
        world.sql("SQL01", None, broker).await;
    }
    let operation: AnyOperation = match tag {
        "authorization-cache/rebuild@1" => AuthorizationCache::rebuild(&first, &database)
            .trusting(&modules.run(&cx).await.unwrap())
            .services_stopped(&stopped())
            .into(),
        "maintenance-queue/start@1" => MaintenanceQueue::start(&first, &database)
            .trusting(&modules.run(&cx).await.unwrap())
            .services_stopped(&stopped())
            .into(),
        "certificate/backup@1" => back_up_certificate().into(),
        "certificate/inspect@1" => Certificate::inspect(&first, &database, &certificate).into(),
        "certificate/restore@1" => {
            back_up_certificate().run(&cx).await.unwrap();
            Certificate::restore(&second, &named("master"), &certificate)
                .from_file(named(r"\\vault\keys\held.cer"))
                .private_key_from_file(named(r"\\vault\keys\held.pvk"))
                .decrypted_by(secret("own"))
                .into()
        }
        "database/backup@1" => Database::backup(&first, &database)
            .to_file(new_bak())
            .into(),
        "database/check-integrity@1" => Database::check_integrity(&first, &database).into(),
        "database/enable-broker@1" => Database::enable_broker(&first, &database)
            .evicting(&existing)
            .into(),
        "database/open-to-users@1" => Database::open_to_users(&first, &database)
            .proved_by(verify("SQL01", "Orchestrator"))
            .into(),
        "database/rename@1" => Database::rename(&first, &database)
            .to(named("Renamed"))
            .seen(&existing)
            .into(),
        "database/restrict@1" => Database::restrict(&first, &database)
            .evicting(&existing)
            .into(),
        "database/set-offline@1" => Database::set_offline(&first, &database)
            .evicting(&existing)
            .into(),
        "database/swap@1" => {
            let restored = Database::restore(&first, &database)
                .from_file(named(BAK))
                .run(&cx)
                .await
                .unwrap();
            Database::swap(&first, &database)
                .with(&restored.database)
                .evicting(&existing)
                .into()
        }
        "database/take-ownership@1" => {
            let make = "CREATE LOGIN owner WITH PASSWORD = 'Owner-Passw0rd-1'";
            world.sql("SQL01", None, make).await;
            Database::take_ownership(&first, &database)
                .by(named("owner"))
                .into()
        }
        "database/inspect@1" => Database::inspect(&first, &database).into(),
        "database/modules@1" => Database::modules(&first, &database).into(),
        "database/orphaned-users@1" => {
            // Somebody whose login can be hidden.
            let make = "CREATE LOGIN ann WITH PASSWORD = 'Ann-Passw0rd-1'; CREATE USER ann";
            world.sql("SQL01", Some("Orchestrator"), make).await;
            Database::orphaned_users(&first, &database).into()
        }
        "database/repair-users@1" => {
            let make = "CREATE LOGIN lost WITH PASSWORD = 'Lost-Passw0rd-1', SID = 0x01020304050607080910111213141516";
            world.sql("SQL01", Some("Orchestrator"), &format!("{make}; CREATE USER lost FOR LOGIN lost; DROP LOGIN lost; CREATE LOGIN lost WITH PASSWORD = 'Lost-Passw0rd-1'")).await;
            // The login that repairs must not change what it repairs.
            let create = format!(
                "CREATE LOGIN {LOGIN} WITH PASSWORD = '{PASSWORD}'; CREATE USER {LOGIN} FOR LOGIN {LOGIN}"
            );
            world.sql("SQL01", Some("Orchestrator"), &create).await;
            let seen = Database::orphaned_users(&first, &database)
                .run(&cx)
                .await
                .unwrap();
            Database::repair_users(&first, &database)
                .by_name(&seen)
                .into()
        }
        "database/restore@1" => Database::restore(&second, &database)
            .from_file(named(BAK))
            .into(),
        "database/verify@1" => Database::verify(&first).file(named(BAK)).into(),
        "database-keys/verify@1" => verify("SQL01", "Orchestrator").into(),
        "database-master-key/backup@1" => DatabaseMasterKey::backup(&first, &database)
            .to_file(new_key())
            .encrypted_by(secret("own"))
            .into(),
        "database-master-key/inspect@1" => DatabaseMasterKey::inspect(&first, &database).into(),
        "database-master-key/protect-by-password@1" => {
            DatabaseMasterKey::protect_by_password(&first, &database)
                .password(secret("generated"))
                .adding_to(&seen)
                .into()
        }
        "database-master-key/protect-by-service-master-key@1" => {
            DatabaseMasterKey::protect_by_service_master_key(&first, &database).into()
        }
        "database-master-key/restore@1" => {
            DatabaseMasterKey::backup(&first, &database)
                .to_file(new_key())
                .encrypted_by(secret("own"))
                .run(&cx)
                .await
                .unwrap();
            DatabaseMasterKey::restore(&first, &database)
                .from_file(new_key())
                .decrypted_by(secret("own"))
                .encrypted_by(secret("generated"))
                .replacing(&seen)
                .into()
        }
        "database-master-key/rewrap-through@1" => {
            DatabaseMasterKey::rewrap_through(&second, &database)
                .for_target(&first)
                .key_file(named(KEY))
                .decrypted_by(secret("key"))
                .from_file(named(BAK))
                .password(secret("generated"))
                .to_file(new_bak())
                .into()
        }
        "database-master-key/verify-password@1" => {
            world
                .sql(
                    "SQL01",
                    Some("Orchestrator"),
                    "ALTER MASTER KEY ADD ENCRYPTION BY PASSWORD = 'Own-Passw0rd-of-tests'",
                )
                .await;
            DatabaseMasterKey::verify_password(&first, &database)
                .password(secret("own"))
                .into()
        }
        "dependents/inspect@1" => Dependents::inspect(&first).into(),
        "encryption/recreate-keys@1" => {
            let values = Encryption::values(&first, &database);
            Encryption::recreate_keys(&first, &database)
                .losing(&values.run(&cx).await.unwrap())
                .trusting(&modules.run(&cx).await.unwrap())
                .services_stopped(&stopped())
                .into()
        }
        "encryption/values@1" => Encryption::values(&first, &database).into(),
        "encryption/verify@1" => {
            world.sql("SQL01", Some("Orchestrator"), MINIMAL_USER).await;
            let modules = modules.run(&cx).await.unwrap();
            Encryption::verify(&first, &database)
                .as_user(named("minimal"))
                .trusting(&modules)
                .into()
        }
        "inventory/read@1" => Inventory::read(&first, &database).into(),
        "jobs/cancel@1" => Jobs::cancel(&first, &database)
            .seen(&Jobs::inspect(&first, &database).run(&cx).await.unwrap())
            .trusting(&modules.run(&cx).await.unwrap())
            .into(),
        "jobs/inspect@1" => Jobs::inspect(&first, &database).into(),
        "jobs/keep@1" => Jobs::keep(&first, &database)
            .seen(&Jobs::inspect(&first, &database).run(&cx).await.unwrap())
            .into(),
        "key-sentinel/backup@1" => KeySentinel::backup(&first).to_file(new_bak()).into(),
        "principals/capture@1" => {
            let make = "CREATE LOGIN ann WITH PASSWORD = 'Ann-Passw0rd-1'; CREATE USER ann";
            world.sql("SQL01", Some("Orchestrator"), make).await;
            Principals::capture(&first, &database).into()
        }
        "principals/restore@1" => {
            let make = format!(
                "CREATE LOGIN ann WITH PASSWORD = {HASH} HASHED, SID = 0x{HASH_SID}; CREATE USER ann; \
                 ALTER SERVER ROLE dbcreator ADD MEMBER ann"
            );
            world.sql("SQL01", Some("Orchestrator"), &make).await;
            let capture = Principals::capture(&first, &database);
            let captured = capture.run(&cx).await.unwrap();
            captured
                .restore(&second)
                .password_hashes(secret("hashes"))
                .into()
        }
        "service-master-key/backup@1" => ServiceMasterKey::backup(&first)
            .to_file(new_key())
            .encrypted_by(secret("own"))
            .into(),
        "service-master-key/inspect@1" => ServiceMasterKey::inspect(&first).into(),
        "service-master-key/prove-backup@1" => {
            let sentinel = KeySentinel::backup(&first)
                .to_file(new_bak())
                .run(&cx)
                .await
                .unwrap();
            ServiceMasterKey::prove_backup(&second)
                .from_file(named(KEY))
                .decrypted_by(secret("key"))
                .opening(&sentinel, new_bak())
                .into()
        }
        "service-master-key/restore@1" => {
            let dependents = Dependents::inspect(&second).run(&cx).await.unwrap();
            let own = back_up_key(&world, "SQL02", r"\\vault\keys\own.key").await;
            restore_key("SQL02", KEY)
                .replacing(&dependents)
                .keeping(&own)
                .into()
        }
        other => panic!(
            "{other} has no scene: say how it is done, so that its rights are held and its round trips counted"
        ),
    };
    let instance = match tag {
        "certificate/restore@1"
        | "database/restore@1"
        | "database-master-key/rewrap-through@1"
        | "principals/restore@1"
        | "service-master-key/prove-backup@1"
        | "service-master-key/restore@1" => "SQL02",
        _ => "SQL01",
    };
    (world, instance, operation)
}
