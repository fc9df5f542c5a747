//! Plans of operations on keys.

use scorch_recovery::sql::{
    DatabaseKeys, DatabaseMasterKey, DatabaseMasterKeyInfo, Dependents, EncryptedColumn,
    KeySentinel, ServiceMasterKey, StoredForm,
};
use scorch_recovery::sql::{KeyBackup, KeySentinelBackup};

use crate::plan::{
    BACKUP_FILE, COPY_FILE, DATABASE, DELIMITER, KEY_FILE, NEIGHBOUR, OWN_FILE, Plan, SECRETS,
    Seen, Stage, key, own, plan, restore_key,
};
use crate::simulated::named;

pub(crate) fn plans() -> Vec<Plan> {
    let mut plans = service_master_key();
    plans.extend(proofs());
    plans.extend(database_master_key());
    plans.extend(restores_of_database_master_keys());
    plans.extend(rewraps());
    plans.extend(database_keys());
    plans
}

fn service_master_key() -> Vec<Plan> {
    vec![
        plan!(_stage => { Seen::nothing() }, _seen => ServiceMasterKey::inspect(&named("SQL01"))),
        plan!(_stage => { Seen::nothing() }, _seen => ServiceMasterKey::backup(&named("SQL01"))
            .to_file(named(KEY_FILE))
            .encrypted_by(key())),
        plan!(stage => { stage.neighbour().await; Seen::nothing() },
            _seen => Dependents::inspect(&named("SQL02"))),
        plan!(stage => {
            stage.back_up_key("SQL01", KEY_FILE, key()).await;
            Seen::nothing().and(&stage.sha256(KEY_FILE))
        }, seen => ServiceMasterKey::restore(&named("SQL02"))
            .from_file(named(KEY_FILE))
            .decrypted_by(key())
            .expecting_sha256(seen.get::<String>(0))),
        plan!(stage => { replacing(stage).await }, seen => restore_key()
            .replacing(&seen.get(0))
            .keeping(&seen.get(1))
            .recovering(&named(DATABASE))),
        plan!(stage => { replacing(stage).await }, seen => restore_key()
            .forcing(&seen.get(0))
            .keeping(&seen.get(1))),
        plan!(stage => {
            stage.sql("SQL02", "CREATE MASTER KEY ENCRYPTION BY PASSWORD = 'Own-Passw0rd-of-tests'; \
                CREATE CERTIFICATE c WITH SUBJECT = 's'").await;
            let master = DatabaseMasterKey::inspect(&named("SQL02"), &named("master"));
            let master = stage.run(master).await;
            replacing(stage).await.and(&master)
        }, seen => restore_key()
            .replacing(&seen.get(0))
            .including_master(&seen.get(2))
            .keeping(&seen.get(1))
            .recovering(&named(DATABASE))),
    ]
}

/// SQL02 with a neighbour and the restored database: its dependents, and its key.
async fn replacing(stage: &Stage) -> Seen {
    stage.neighbour().await;
    stage.back_up_key("SQL01", KEY_FILE, key()).await;
    stage.back_up_database("SQL01", BACKUP_FILE).await;
    stage.restore_database().await;
    let dependents = stage.dependents("SQL02").await;
    let kept = stage.back_up_key("SQL02", OWN_FILE, own()).await;
    Seen::nothing().and(&dependents).and(&kept)
}

fn proofs() -> Vec<Plan> {
    vec![
        plan!(_stage => { Seen::nothing() }, _seen => KeySentinel::backup(&named("SQL01"))
            .to_file(named(BACKUP_FILE))),
        plan!(_stage => { Seen::nothing() }, _seen => KeySentinel::backup(&named("SQL01"))
            .to_file(named(BACKUP_FILE))
            .as_database(named(NEIGHBOUR))),
        plan!(stage => {
            stage.back_up_key("SQL01", KEY_FILE, key()).await;
            let sentinel = KeySentinel::backup(&named("SQL01"))
                .to_file(named(BACKUP_FILE))
                .as_database(named(NEIGHBOUR));
            let sentinel: KeySentinelBackup = stage.run(sentinel).await;
            Seen::nothing().and(&sentinel).and(&stage.sha256(KEY_FILE))
        }, seen => ServiceMasterKey::prove_backup(&named("SQL02"))
            .from_file(named(KEY_FILE))
            .decrypted_by(key())
            .expecting_sha256(seen.get::<String>(1))
            .opening(&seen.get(0), named(BACKUP_FILE))),
        plan!(stage => {
            stage.back_up_key("SQL01", KEY_FILE, key()).await;
            let dependents = stage.dependents("SQL01").await;
            let second: KeyBackup = stage.back_up_key("SQL01", OWN_FILE, own()).await;
            Seen::nothing().and(&dependents).and(&second)
        }, seen => ServiceMasterKey::prove_backup(&named("SQL01"))
            .from_file(named(KEY_FILE))
            .decrypted_by(key())
            .in_place(&seen.get(0), &seen.get(1))),
    ]
}

async fn inspect(stage: &Stage, instance: &str) -> DatabaseMasterKeyInfo {
    let inspect = DatabaseMasterKey::inspect(&named(instance), &named(DATABASE));
    stage.run(inspect).await
}

fn database_master_key() -> Vec<Plan> {
    vec![
        plan!(_stage => { Seen::nothing() },
            _seen => DatabaseMasterKey::inspect(&named("SQL01"), &named(DATABASE))),
        plan!(_stage => { Seen::nothing() },
            _seen => DatabaseMasterKey::backup(&named("SQL01"), &named(DATABASE))
                .to_file(named(KEY_FILE))
                .encrypted_by(key())),
        plan!(stage => { password_added(stage).await; Seen::nothing() },
            _seen => DatabaseMasterKey::backup(&named("SQL01"), &named(DATABASE))
                .to_file(named(KEY_FILE))
                .encrypted_by(key())
                .opened_by(own())),
        plan!(stage => { Seen::nothing().and(&inspect(stage, "SQL01").await) },
            seen => DatabaseMasterKey::protect_by_password(&named("SQL01"), &named(DATABASE))
                .password(own())
                .adding_to(&seen.get(0))),
        plan!(stage => {
            let (_, first) = SECRETS[0];
            let add = format!("USE {DATABASE}; ALTER MASTER KEY ADD ENCRYPTION BY PASSWORD = '{first}'");
            stage.sql("SQL01", &add).await;
            Seen::nothing().and(&inspect(stage, "SQL01").await)
        }, seen => DatabaseMasterKey::protect_by_password(&named("SQL01"), &named(DATABASE))
            .password(own())
            .opened_by(key())
            .adding_to(&seen.get(0))),
        plan!(stage => {
            password_added(stage).await;
            stage.back_up_database("SQL01", BACKUP_FILE).await;
            stage.restore_database().await;
            Seen::nothing()
        }, _seen => DatabaseMasterKey::protect_by_service_master_key(&named("SQL02"), &named(DATABASE))
            .opened_by(own())),
        plan!(stage => { password_added(stage).await; Seen::nothing() },
            _seen => DatabaseMasterKey::verify_password(&named("SQL01"), &named(DATABASE))
                .password(own())),
    ]
}

/// A second protection of the database's key on SQL01, the secret `own`.
async fn password_added(stage: &Stage) {
    let seen = inspect(stage, "SQL01").await;
    let protect = DatabaseMasterKey::protect_by_password(&named("SQL01"), &named(DATABASE));
    stage.run(protect.password(own()).adding_to(&seen)).await;
}

async fn master_key_backed_up(stage: &Stage) {
    let backup = DatabaseMasterKey::backup(&named("SQL01"), &named(DATABASE));
    stage
        .run(backup.to_file(named(KEY_FILE)).encrypted_by(key()))
        .await;
}

fn restores_of_database_master_keys() -> Vec<Plan> {
    vec![
        plan!(stage => {
            master_key_backed_up(stage).await;
            stage.sql("SQL02", &format!("CREATE DATABASE {NEIGHBOUR}")).await;
            Seen::nothing()
        }, _seen => DatabaseMasterKey::restore(&named("SQL02"), &named(NEIGHBOUR))
            .from_file(named(KEY_FILE))
            .decrypted_by(key())
            .encrypted_by(own())),
        plan!(stage => {
            password_added(stage).await;
            master_key_backed_up(stage).await;
            Seen::nothing().and(&inspect(stage, "SQL01").await)
        }, seen => DatabaseMasterKey::restore(&named("SQL01"), &named(DATABASE))
            .from_file(named(KEY_FILE))
            .decrypted_by(key())
            .encrypted_by(own())
            .opened_by(own())
            .replacing(&seen.get(0))),
        plan!(stage => {
            master_key_backed_up(stage).await;
            let sha256 = stage.sha256(KEY_FILE);
            Seen::nothing().and(&inspect(stage, "SQL01").await).and(&sha256)
        }, seen => DatabaseMasterKey::restore(&named("SQL01"), &named(DATABASE))
            .from_file(named(KEY_FILE))
            .decrypted_by(key())
            .encrypted_by(own())
                .expecting_sha256(seen.get::<String>(1))
            .forcing(&seen.get(0))),
    ]
}

/// SQL02 serves as the scratch instance.
fn rewraps() -> Vec<Plan> {
    vec![plan!(stage => {
            stage.back_up_key("SQL01", KEY_FILE, key()).await;
            stage.back_up_database("SQL01", BACKUP_FILE).await;
            Seen::nothing()
        }, _seen => DatabaseMasterKey::rewrap_through(&named("SQL02"), &named(DATABASE))
            .for_target(&named("SQL01"))
            .key_file(named(KEY_FILE))
            .decrypted_by(key())
            .from_file(named(BACKUP_FILE))
            .password(own())
            .to_file(named(COPY_FILE)))]
}

fn database_keys() -> Vec<Plan> {
    vec![plan!(_stage => { Seen::nothing() },
            _seen => DatabaseKeys::verify(&named("SQL01"), &named(DATABASE))
                .symmetric_key(named("ORCHESTRATOR_SYM_KEY"))
                .opened_by_asymmetric_key(named("ORCHESTRATOR_ASYM_KEY"))
                .counting(column(StoredForm::DelimitedHexadecimal {
                    delimiter: DELIMITER.to_owned(),
                }))
                .counting(column(StoredForm::DelimitedHexadecimalWithin {
                    delimiter: DELIMITER.to_owned(),
                }))
                .counting(column(StoredForm::Binary)))]
}

fn column(form: StoredForm) -> EncryptedColumn {
    EncryptedColumn {
        schema: named("dbo"),
        table: named("VARIABLES"),
        column: named("Value"),
        form,
    }
}
