//! Plans of what Orchestrator keeps in its database.

use scorch_recovery::orchestrator::{
    AuthorizationCache, Deployment, DeploymentServices, EncryptedValues, Encryption,
    EncryptionVerified, Inventory, Jobs, MaintenanceQueue,
};
use scorch_recovery::sql::{Database, EncryptedColumn, Modules, StoredForm};

use crate::plan::{DATABASE, LOGIN, Plan, Seen, Stage, plan};
use crate::simulated::named;

pub(crate) fn plans() -> Vec<Plan> {
    let mut plans = inventory();
    plans.extend(encryption());
    plans.extend(keys());
    plans.extend(jobs());
    plans.extend(recipes());
    plans
}

fn inventory() -> Vec<Plan> {
    vec![
        plan!(stage => {
            let read = Inventory::read(&named("SQL01"), &named(DATABASE));
            stage.least("SQL01", &read).await;
            Seen::nothing()
        }, _seen => Inventory::read(&named("SQL01"), &named(DATABASE))),
        plan!(_stage => { Seen::nothing() },
            _seen => Inventory::read(&named("SQL01"), &named(DATABASE))
                .deployment(&Deployment::new().runbook_server(&named("RUNBOOK01")))),
    ]
}

/// Code that names nothing of what is made over: what code is hashed to is not made over. It does what
/// Orchestrator's own does, as far as a caller sees.
async fn plain_code(stage: &Stage) -> Modules {
    for (name, code) in [
        (
            "Encrypt",
            "@given nvarchar(4000), @taken nvarchar(4000) OUTPUT AS \
             SET @taken = CONVERT(nvarchar(4000), CONVERT(varbinary(8000), @given), 2)",
        ),
        (
            "Decrypt",
            "@given nvarchar(4000), @taken nvarchar(4000) OUTPUT AS \
             SET @taken = CONVERT(nvarchar(4000), CONVERT(varbinary(8000), @given, 2))",
        ),
        (
            "DropOrchestratorKeys",
            "AS EXEC (N'DROP SYMMETRIC KEY ORCHESTRATOR' + N'_SYM_KEY; \
             DROP ASYMMETRIC KEY ORCHESTRATOR' + N'_ASYM_KEY; DROP MASTER KEY')",
        ),
        (
            "CreateOrchestratorKeys",
            "AS EXEC (N'CREATE MASTER KEY ENCRYPTION BY PASSWORD = N''Passw0rd-of-plans''; \
             CREATE ASYMMETRIC KEY ORCHESTRATOR' + N'_ASYM_KEY WITH ALGORITHM = RSA_2048; \
             CREATE SYMMETRIC KEY ORCHESTRATOR' + N'_SYM_KEY WITH ALGORITHM = AES_128 \
             ENCRYPTION BY ASYMMETRIC KEY ORCHESTRATOR' + N'_ASYM_KEY')",
        ),
    ] {
        let alter = format!(
            "ALTER PROCEDURE [Microsoft.SystemCenter.Orchestrator.Cryptography].[{name}] {code}"
        );
        stage.sql_in("SQL01", DATABASE, &alter).await;
    }
    let make = format!(
        "USE {DATABASE}; CREATE USER {LOGIN} WITHOUT LOGIN; \
         ALTER ROLE [Microsoft.SystemCenter.Orchestrator.Runtime] ADD MEMBER {LOGIN}"
    );
    stage.sql("SQL01", &make).await;
    stage
        .run(Database::modules(&named("SQL01"), &named(DATABASE)))
        .await
}

fn verify() -> scorch_recovery::orchestrator::VerifyEncryption {
    Encryption::verify(&named("SQL01"), &named(DATABASE)).as_user(named(LOGIN))
}

fn secrets() -> EncryptedColumn {
    EncryptedColumn {
        schema: named("dbo"),
        table: named("SIMULATED_SECRETS"),
        column: named("Value"),
        form: StoredForm::Binary,
    }
}

fn encryption() -> Vec<Plan> {
    vec![
        plan!(stage => { Seen::nothing().and(&plain_code(stage).await) },
            seen => verify().as_user(named(LOGIN)).trusting(&seen.get::<Modules>(0))),
        plan!(stage => { Seen::nothing().and(&plain_code(stage).await) },
            seen => verify()
                .leaving_out_configurations()
                .trusting(&seen.get::<Modules>(0))),
        plan!(stage => {
            let modules = plain_code(stage).await;
            let verified: EncryptionVerified = stage
                .run(verify().counting(secrets()).trusting(&modules))
                .await;
            Seen::nothing().and(&verified)
        }, seen => verify()
            .counting(secrets())
            .as_at_backup(&seen.get::<EncryptionVerified>(0))),
    ]
}

/// A Management Server whose service was seen stopped.
fn stopped() -> DeploymentServices {
    serde_json::from_str(
        r#"{"hosts":[{"host":{"host":"MS01","roles":["management-server"]},"failure":null,"services":[
            {"service":"omanagement","process":null,"status":{"state":"stopped","process_id":null,
            "exit_code":0,"service_exit_code":0,"checkpoint":0,"wait_hint":{"secs":0,"nanos":0},
            "start_type":"disabled","program":"C:\\o\\m.exe","dependencies":null}}]}]}"#,
    )
    .unwrap()
}

fn keys() -> Vec<Plan> {
    vec![
        plan!(_stage => { Seen::nothing() },
            _seen => Encryption::values(&named("SQL01"), &named(DATABASE))
                .leaving_out(named("EVENTS"))),
        plan!(stage => {
            let modules = plain_code(stage).await;
            let values = Encryption::values(&named("SQL01"), &named(DATABASE));
            let values: EncryptedValues = stage.run(values).await;
            Seen::nothing().and(&values).and(&modules)
        }, seen => Encryption::recreate_keys(&named("SQL01"), &named(DATABASE))
            .losing(&seen.get::<EncryptedValues>(0))
            .trusting(&seen.get::<Modules>(1))
            .services_stopped(&stopped())),
    ]
}

fn jobs() -> Vec<Plan> {
    vec![
        plan!(stage => {
            let inspect = Jobs::inspect(&named("SQL01"), &named(DATABASE));
            stage.least("SQL01", &inspect).await;
            Seen::nothing()
        }, _seen => Jobs::inspect(&named("SQL01"), &named(DATABASE))),
        plan!(stage => {
            let inspect = Jobs::inspect(&named("SQL01"), &named(DATABASE));
            Seen::nothing().and(&stage.run(inspect).await)
        }, seen => Jobs::keep(&named("SQL01"), &named(DATABASE)).seen(&seen.get::<Jobs>(0))),
        plan!(stage => {
            let modules = plain_code(stage).await;
            let inspect = Jobs::inspect(&named("SQL01"), &named(DATABASE));
            let jobs: Jobs = stage.run(inspect).await;
            Seen::nothing().and(&jobs).and(&modules)
        }, seen => Jobs::cancel(&named("SQL01"), &named(DATABASE))
            .seen(&seen.get::<Jobs>(0))
            .trusting(&seen.get::<Modules>(1))),
    ]
}

async fn with_broker(stage: &Stage) -> Seen {
    let on = format!("ALTER DATABASE {DATABASE} SET ENABLE_BROKER");
    stage.sql("SQL01", &on).await;
    Seen::nothing().and(&plain_code(stage).await)
}

fn recipes() -> Vec<Plan> {
    vec![
        plan!(stage => { with_broker(stage).await },
            seen => AuthorizationCache::rebuild(&named("SQL01"), &named(DATABASE))
                .trusting(&seen.get::<Modules>(0))
                .services_stopped(&stopped())),
        plan!(stage => { with_broker(stage).await },
            seen => MaintenanceQueue::start(&named("SQL01"), &named(DATABASE))
                .trusting(&seen.get::<Modules>(0))
                .services_stopped(&stopped())),
    ]
}
