//! An operation of each variant.

use scorch_recovery::names::{DatabaseName, SqlInstance};
use scorch_recovery::orchestrator::{
    AuthorizationCache, DataStoreConfig, DataStoreInfo, Deployment, DeploymentServices, Encryption,
    Inventory, Jobs, MaintenanceQueue, ServiceControl, SilentSetup, WebComponents,
    WebComponentsInfo,
};
use scorch_recovery::sql::{
    Certificate, Database, DatabaseKeys, DatabaseMasterKey, Dependents, EncryptedColumn,
    KeySentinel, KeySentinelBackup, Principals, ServiceMasterKey, StoredForm,
};
use scorch_recovery::{AnyOperation, SecretRef};

/// One operation of each variant; those with secrets hold that name.
pub(crate) fn every_operation(secret: &SecretRef) -> Vec<AnyOperation> {
    let instance: SqlInstance = "SQL01".parse().unwrap();
    let database: DatabaseName = "master".parse().unwrap();
    let column = EncryptedColumn {
        schema: "dbo".parse().unwrap(),
        table: "t".parse().unwrap(),
        column: "c".parse().unwrap(),
        form: StoredForm::Binary,
    };
    let sentinel: KeySentinelBackup = serde_json::from_str(
        r#"{"file":"C:\\c\\a.bak","database":"s","family_guid":"00","server":"SQL02"}"#,
    )
    .unwrap();
    let principals: Principals = serde_json::from_str(
        r#"{"server":"SQL02","machine":"SQL02","database":"d","users":[],"roles":[],"permissions":[],
            "logins":[{"name":"ann","sid":"a1a2a3a4a5a6a7a8a9b0b1b2b3b4b5b6","kind":"sql",
            "default_database":"master","default_language":"us_english","is_disabled":false,
            "checks_policy":true,"checks_expiration":false,"password":{"password":"captured"},
            "server_roles":[],"permissions":[],"is_machine_local":false}]}"#,
    )
    .unwrap();
    let host = "RB01".parse().unwrap();
    let deployment = Deployment::new().runbook_server(&host);
    let seen: DeploymentServices = serde_json::from_str(
        r#"{"hosts":[{"host":{"host":"RB01","roles":["runbook-server"]},"failure":null,"services":[
            {"service":"orunbook","status":null,"process":null}]}]}"#,
    )
    .unwrap();
    let web: WebComponentsInfo = serde_json::from_str(
        r#"{"host":"RB01","passed_over":[],"consoles":[],"found":[{"path":"C:\\w\\web.config","sha256":"00",
            "encrypted_by":null,"stores":[],"origins":["http://web01:82"],"contradiction":null,
            "applications":[{"site":"w","path":"/","pool":"p","pool_shared_with":[],"bindings":[]}]}]}"#,
    )
    .unwrap();
    let store = DataStoreConfig::new(&instance, &database)
        .unwrap()
        .sql_authentication(&"sco".parse().unwrap(), secret.clone())
        .unwrap();
    let bare: DataStoreInfo = serde_json::from_str(
        r#"{"host":"RB01","computer":"RB01","machine_guid":null,"roles":[],"settings":[],
            "looked_at":[],"aliases":[],"asked":[],"attested":null,"unknown":[]}"#,
    )
    .unwrap();
    let setup = SilentSetup::of(r"D:\Setup.exe".parse().unwrap())
        .runbook_server()
        .service_account(&"sco".parse().unwrap(), secret.clone())
        .product_key(secret.clone())
        .logging_to(r"C:\c".parse().unwrap())
        .exposing(secret)
        .on_rebuilt(&bare);
    let write = DataStoreConfig::write(&host, &store).strategy(setup);
    let operations: Vec<AnyOperation> = vec![
        Certificate::backup(&instance, &database, &"c".parse().unwrap())
            .to_file(r"C:\c\a.cer".parse().unwrap())
            .private_key_to_file(r"C:\c\a.pvk".parse().unwrap())
            .encrypted_by(secret.clone())
            .opened_by(secret.clone())
            .into(),
        Database::backup(&instance, &database)
            .to_file(r"C:\c\a.bak".parse().unwrap())
            .into(),
        DatabaseMasterKey::backup(&instance, &database)
            .to_file(r"C:\c\a.key".parse().unwrap())
            .encrypted_by(secret.clone())
            .opened_by(secret.clone())
            .into(),
        KeySentinel::backup(&instance)
            .to_file(r"C:\c\a.bak".parse().unwrap())
            .into(),
        ServiceMasterKey::backup(&instance)
            .to_file(r"C:\c\a.key".parse().unwrap())
            .encrypted_by(secret.clone())
            .into(),
        Jobs::cancel(&instance, &database).into(),
        Principals::capture(&instance, &database).into(),
        Database::check_integrity(&instance, &database).into(),
        Database::enable_broker(&instance, &database).into(),
        Certificate::inspect(&instance, &database, &"c".parse().unwrap()).into(),
        Database::inspect(&instance, &database).into(),
        DatabaseMasterKey::inspect(&instance, &database).into(),
        Dependents::inspect(&instance).into(),
        Jobs::inspect(&instance, &database).into(),
        Database::modules(&instance, &database).into(),
        Database::orphaned_users(&instance, &database).into(),
        ServiceMasterKey::inspect(&instance).into(),
        Jobs::keep(&instance, &database).into(),
        Database::open_to_users(&instance, &database)
            .proved_by(DatabaseKeys::verify(&instance, &database))
            .into(),
        DatabaseMasterKey::protect_by_password(&instance, &database)
            .password(secret.clone())
            .opened_by(secret.clone())
            .into(),
        DatabaseMasterKey::protect_by_service_master_key(&instance, &database)
            .opened_by(secret.clone())
            .into(),
        ServiceMasterKey::prove_backup(&instance)
            .from_file(r"C:\c\a.key".parse().unwrap())
            .decrypted_by(secret.clone())
            .opening(&sentinel, r"C:\c\a.bak".parse().unwrap())
            .into(),
        Encryption::values(&instance, &database).into(),
        Inventory::read(&instance, &database)
            .deployment(&deployment)
            .into(),
        AuthorizationCache::rebuild(&instance, &database)
            .services_stopped(&seen)
            .into(),
        Encryption::recreate_keys(&instance, &database)
            .services_stopped(&seen)
            .into(),
        Database::rename(&instance, &database)
            .to("renamed".parse().unwrap())
            .into(),
        Database::repair_users(&instance, &database).into(),
        Certificate::restore(&instance, &database, &"c".parse().unwrap())
            .from_file(r"C:\c\a.cer".parse().unwrap())
            .private_key_from_file(r"C:\c\a.pvk".parse().unwrap())
            .decrypted_by(secret.clone())
            .protected_by(secret.clone())
            .into(),
        Database::restore(&instance, &database)
            .from_file(r"C:\c\a.bak".parse().unwrap())
            .into(),
        DatabaseMasterKey::restore(&instance, &database)
            .from_file(r"C:\c\a.key".parse().unwrap())
            .decrypted_by(secret.clone())
            .encrypted_by(secret.clone())
            .opened_by(secret.clone())
            .into(),
        principals
            .restore(&instance)
            .password_hashes(secret.clone())
            .into(),
        ServiceMasterKey::restore(&instance)
            .from_file(r"C:\c\a.key".parse().unwrap())
            .decrypted_by(secret.clone())
            .into(),
        Database::restrict(&instance, &database).into(),
        DatabaseMasterKey::rewrap_through(&instance, &database)
            .for_target(&instance)
            .key_file(r"C:\c\a.key".parse().unwrap())
            .decrypted_by(secret.clone())
            .from_file(r"C:\c\a.bak".parse().unwrap())
            .password(secret.clone())
            .to_file(r"C:\c\b.bak".parse().unwrap())
            .into(),
        Database::set_offline(&instance, &database).into(),
        MaintenanceQueue::start(&instance, &database)
            .services_stopped(&seen)
            .into(),
        Database::swap(&instance, &database).into(),
        Database::take_ownership(&instance, &database)
            .by("owner".parse().unwrap())
            .into(),
        Database::verify(&instance)
            .file(r"C:\c\a.bak".parse().unwrap())
            .into(),
        DatabaseKeys::verify(&instance, &database)
            .symmetric_key("k".parse().unwrap())
            .opened_by_asymmetric_key("a".parse().unwrap())
            .counting(column)
            .into(),
        Encryption::verify(&instance, &database)
            .as_user("verifier".parse().unwrap())
            .into(),
        DatabaseMasterKey::verify_password(&instance, &database)
            .password(secret.clone())
            .into(),
        DataStoreConfig::backup(&host, &store).into(),
        ServiceControl::give_back(&seen).into(),
        ServiceControl::status(&deployment).into(),
        ServiceControl::quiet(&seen).into(),
        DataStoreConfig::read(&host)
            .asking(&instance, &database)
            .into(),
        ServiceControl::restart(&deployment).into(),
        ServiceControl::start(&deployment).into(),
        ServiceControl::stop(&deployment).into(),
        WebComponents::read(&host)
            .also_at(r"C:\w\web.config".parse().unwrap())
            .decrypting_in(r"C:\c".parse().unwrap())
            .into(),
        WebComponents::verify(&host).seen(&web).into(),
        WebComponents::write(&host, &instance, &database)
            .seen(&web)
            .keeping_copies_in(r"C:\c".parse().unwrap())
            .renamed(&"WEB01".parse().unwrap(), &host)
            .into(),
        write.clone().into(),
        DataStoreConfig::write_each(vec![write]).into(),
    ];
    let tags: Vec<String> = operations
        .iter()
        .map(|operation| {
            serde_json::to_value(operation).unwrap()["operation"]
                .as_str()
                .unwrap()
                .to_owned()
        })
        .collect();
    assert_eq!(
        tags,
        AnyOperation::TAGS,
        "an operation of each variant, in their order"
    );
    operations
}
