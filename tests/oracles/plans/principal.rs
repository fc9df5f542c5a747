//! Plans of operations on logins, users and rights.

use scorch_recovery::SecretRef;
use scorch_recovery::sql::Principals;

use crate::plan::{BESIDE, DATABASE, LOGIN, Plan, Seen, Stage, plan};
use crate::simulated::{HASH, HASH_SID, named};

pub(crate) fn plans() -> Vec<Plan> {
    vec![
        plan!(stage => { user(stage).await; Seen::nothing() },
            _seen => Principals::capture(&named("SQL01"), &named(BESIDE))),
        // All of a login at once.
        plan!(stage => {
            user(stage).await;
            let rights = format!(
                "USE master; ALTER LOGIN {LOGIN} DISABLE; ALTER SERVER ROLE dbcreator ADD MEMBER {LOGIN}; \
                 ALTER SERVER ROLE sysadmin ADD MEMBER {LOGIN}; GRANT VIEW SERVER STATE TO {LOGIN}; \
                 GRANT CREATE ANY DATABASE TO {LOGIN} WITH GRANT OPTION; DENY ALTER TRACE TO {LOGIN}"
            );
            stage.sql("SQL01", &rights).await;
            stage.sql("SQL02", &format!("CREATE DATABASE {DATABASE}")).await;
            let captured = captured(stage).await;
            Seen::nothing().and(&captured).and(&captured.powers())
        }, seen => seen.get::<Principals>(0).restore(&named("SQL02"))
            .password_hashes(SecretRef::named("hashes"))
            .granting_powers(&seen.get(1))),
        // A login that is there, and lacks what it had.
        plan!(stage => {
            user(stage).await;
            let rights = format!(
                "USE master; ALTER SERVER ROLE dbcreator ADD MEMBER {LOGIN}; \
                 GRANT VIEW SERVER STATE TO {LOGIN}; DENY ALTER TRACE TO {LOGIN}"
            );
            stage.sql("SQL01", &rights).await;
            let captured = captured(stage).await;
            make_login(stage, "SQL02").await;
            Seen::nothing().and(&captured)
        }, seen => seen.get::<Principals>(0).restore(&named("SQL02"))
            .completing(&[named(&seen.get::<Principals>(0).logins[1].name.to_string())])),
        // One of Windows, on the machine that it came from.
        plan!(stage => {
            let make = format!(
                "CREATE LOGIN [BUILTIN\\Users] FROM WINDOWS WITH DEFAULT_DATABASE = {DATABASE}; \
                 CREATE DATABASE {BESIDE}; USE {BESIDE}; CREATE USER {LOGIN} FOR LOGIN [BUILTIN\\Users]"
            );
            stage.sql("SQL01", &make).await;
            let captured = captured(stage).await;
            stage.sql("SQL01", "DROP LOGIN [BUILTIN\\Users]").await;
            Seen::nothing().and(&captured)
        }, seen => seen.get::<Principals>(0).restore(&named("SQL01"))),
    ]
}

/// Of the hash that the secret `hashes` has.
async fn make_login(stage: &Stage, instance: &str) {
    let make = format!(
        "CREATE LOGIN {LOGIN} WITH PASSWORD = {HASH} HASHED, SID = 0x{HASH_SID}, \
         DEFAULT_DATABASE = {}",
        if instance == "SQL01" {
            DATABASE
        } else {
            "master"
        }
    );
    stage.sql(instance, &make).await;
}

/// A database of SQL01 with a user of that login.
async fn user(stage: &Stage) {
    make_login(stage, "SQL01").await;
    let make =
        format!("CREATE DATABASE {BESIDE}; USE {BESIDE}; CREATE USER {LOGIN} FOR LOGIN {LOGIN}");
    stage.sql("SQL01", &make).await;
}

async fn captured(stage: &Stage) -> Principals {
    stage
        .run(Principals::capture(&named("SQL01"), &named(BESIDE)))
        .await
}
