//! Plans of what is done to databases around a restore.

use scorch_recovery::sql::{Database, DatabaseInfo};

use crate::plan::{BACKUP_FILE, BESIDE, DATABASE, LOGIN, NEIGHBOUR, Plan, Seen, Stage, plan};
use crate::simulated::{named, verify};

pub(crate) fn plans() -> Vec<Plan> {
    let mut plans = closing();
    plans.extend(swaps());
    plans.extend(opening());
    plans.extend(people());
    plans
}

async fn inspected(stage: &Stage, database: &str) -> Seen {
    let info: DatabaseInfo = stage
        .run(Database::inspect(&named("SQL01"), &named(database)))
        .await;
    Seen::nothing().and(&info)
}

fn closing() -> Vec<Plan> {
    vec![
        plan!(stage => {
            let check = Database::check_integrity(&named("SQL01"), &named(DATABASE));
            stage.least("SQL01", &check).await;
            Seen::nothing()
        }, _seen => Database::check_integrity(&named("SQL01"), &named(DATABASE))),
        plan!(stage => { inspected(stage, DATABASE).await },
            seen => Database::set_offline(&named("SQL01"), &named(DATABASE)).evicting(&seen.get(0))),
        plan!(stage => { inspected(stage, DATABASE).await },
            seen => Database::restrict(&named("SQL01"), &named(DATABASE)).evicting(&seen.get(0))),
        plan!(stage => { inspected(stage, DATABASE).await },
            seen => Database::rename(&named("SQL01"), &named(DATABASE))
                .to(named(BESIDE))
                .seen(&seen.get(0))),
    ]
}

/// A copy beside, and both as they are seen: the copy first.
async fn beside(stage: &Stage) -> Seen {
    stage.back_up_database("SQL01", BACKUP_FILE).await;
    let existing: DatabaseInfo = stage
        .run(Database::inspect(&named("SQL01"), &named(DATABASE)))
        .await;
    let restored = stage
        .run(
            Database::restore(&named("SQL01"), &named(DATABASE))
                .from_file(named(BACKUP_FILE))
                .beside_as(named(BESIDE)),
        )
        .await;
    Seen::nothing().and(&restored.database).and(&existing)
}

fn swaps() -> Vec<Plan> {
    vec![
        plan!(stage => { beside(stage).await },
            seen => Database::swap(&named("SQL01"), &named(DATABASE))
                .with(&seen.get(0))
                .evicting(&seen.get(1))),
        plan!(stage => { beside(stage).await },
            seen => Database::swap(&named("SQL01"), &named(DATABASE))
                .with(&seen.get(0))
                .evicting(&seen.get(1))
                .aside_as(named(NEIGHBOUR))),
    ]
}

async fn login(stage: &Stage, instance: &str) -> Seen {
    let create = format!("CREATE LOGIN {LOGIN} WITH PASSWORD = 'Some-Passw0rd-of-tests'");
    stage.sql(instance, &create).await;
    Seen::nothing()
}

async fn brokers_off(stage: &Stage) -> Seen {
    let off = format!("ALTER DATABASE {DATABASE} SET DISABLE_BROKER");
    stage.sql("SQL01", &off).await;
    inspected(stage, DATABASE).await
}

fn opening() -> Vec<Plan> {
    vec![
        plan!(stage => { login(stage, "SQL01").await },
            _seen => Database::take_ownership(&named("SQL01"), &named(DATABASE)).by(named(LOGIN))),
        plan!(stage => {
            login(stage, "SQL01").await;
            let owner = format!("ALTER AUTHORIZATION ON DATABASE::{DATABASE} TO {LOGIN}");
            stage.sql("SQL01", &owner).await;
            Seen::nothing()
        }, _seen => Database::take_ownership(&named("SQL01"), &named(DATABASE)).by_sa()),
        plan!(stage => { brokers_off(stage).await },
            seen => Database::enable_broker(&named("SQL01"), &named(DATABASE)).evicting(&seen.get(0))),
        plan!(stage => { brokers_off(stage).await },
            seen => Database::enable_broker(&named("SQL01"), &named(DATABASE))
                .with_new_identity()
                .evicting(&seen.get(0))),
        plan!(stage => {
            let restrict = format!("ALTER DATABASE {DATABASE} SET RESTRICTED_USER");
            stage.sql("SQL01", &restrict).await;
            Seen::nothing()
        }, _seen => Database::open_to_users(&named("SQL01"), &named(DATABASE))
            .proved_by(verify("SQL01", DATABASE))),
    ]
}

/// A user whose login is there, but for its SID; and a trigger that would see it changed. In a
/// database that has no other code: what code is hashed to is not made over.
async fn orphan(stage: &Stage) -> Seen {
    let create = format!(
        "CREATE LOGIN {LOGIN} WITH PASSWORD = 'Some-Passw0rd-of-tests', SID = 0x01020304050607080910111213141516; \
         CREATE DATABASE {BESIDE}; USE {BESIDE}; CREATE USER {LOGIN} FOR LOGIN {LOGIN}; DROP LOGIN {LOGIN}"
    );
    stage.sql("SQL01", &create).await;
    let trigger = "CREATE TRIGGER watch ON DATABASE FOR ALTER_USER AS SELECT 1";
    stage.sql_in("SQL01", BESIDE, trigger).await;
    login(stage, "SQL01").await;
    let (instance, database) = (named("SQL01"), named(BESIDE));
    let users = stage
        .run(Database::orphaned_users(&instance, &database))
        .await;
    let modules = stage.run(Database::modules(&instance, &database)).await;
    Seen::nothing().and(&users).and(&modules)
}

fn people() -> Vec<Plan> {
    vec![
        plan!(stage => { orphan(stage).await },
            _seen => Database::orphaned_users(&named("SQL01"), &named(BESIDE))),
        plan!(stage => { orphan(stage).await },
            _seen => Database::modules(&named("SQL01"), &named(BESIDE))),
        plan!(stage => { orphan(stage).await },
            seen => Database::repair_users(&named("SQL01"), &named(BESIDE))
                .by_name(&seen.get(0))
                .after_seeing(&seen.get(1))),
        plan!(stage => {
            let make = format!(
                "USE {DATABASE}; CREATE USER {LOGIN} WITHOUT LOGIN; \
                 GRANT VIEW DEFINITION ON SYMMETRIC KEY::ORCHESTRATOR_SYM_KEY TO {LOGIN}; \
                 GRANT CONTROL ON ASYMMETRIC KEY::ORCHESTRATOR_ASYM_KEY TO {LOGIN}; \
                 GRANT SELECT ON dbo.VARIABLES TO {LOGIN}"
            );
            stage.sql("SQL01", &make).await;
            Seen::nothing().and(&stage.run(verify("SQL01", DATABASE)).await)
        }, seen => verify("SQL01", DATABASE)
            .as_user(named(LOGIN))
            .as_at_backup(&seen.get(0))),
    ]
}
