//! Plans of operations on certificates.

use scorch_recovery::sql::{BackUpCertificate, Certificate, Database};

use crate::plan::{
    BACKUP_FILE, DATABASE, KEY_FILE, NEIGHBOUR, OWN_FILE, Plan, SECRETS, Seen, Stage, key, own,
    plan,
};
use crate::simulated::named;

const CERTIFICATE: &str = "QcertificateD";

pub(crate) fn plans() -> Vec<Plan> {
    vec![
        plan!(stage => { in_master(stage, "SQL01").await; Seen::nothing() },
            _seen => Certificate::inspect(&named("SQL01"), &named("master"), &named(CERTIFICATE))),
        plan!(stage => { in_master(stage, "SQL01").await; Seen::nothing() },
            _seen => Certificate::backup(&named("SQL01"), &named("master"), &named(CERTIFICATE))
                .to_file(named(KEY_FILE))
                .private_key_to_file(named(OWN_FILE))
                .encrypted_by(key())),
        plan!(stage => { by_password(stage).await; Seen::nothing() },
            _seen => Certificate::backup(&named("SQL01"), &named(DATABASE), &named(CERTIFICATE))
                .to_file(named(KEY_FILE))
                .private_key_to_file(named(OWN_FILE))
                .encrypted_by(key())
                .opened_by(own())),
        plan!(stage => { backed_up(stage).await },
            seen => Certificate::restore(&named("SQL02"), &named("master"), &named(CERTIFICATE))
                .from_file(named(KEY_FILE))
                .private_key_from_file(named(OWN_FILE))
                .decrypted_by(key())
                .expecting(&seen.get(0))),
        plan!(stage => {
            let seen = backed_up(stage).await;
            stage.sql("SQL02", &format!("CREATE DATABASE {NEIGHBOUR}")).await;
            let backup: scorch_recovery::sql::CertificateBackup = seen.get(0);
            seen.and(&backup.certificate.thumbprint)
        }, seen => Certificate::restore(&named("SQL02"), &named(NEIGHBOUR), &named(CERTIFICATE))
            .from_file(named(KEY_FILE))
            .private_key_from_file(named(OWN_FILE))
            .decrypted_by(key())
            .protected_by(own())
            .expecting_thumbprint(seen.get::<String>(1))),
        // What is asked of an encrypted backup.
        plan!(stage => {
            in_master(stage, "SQL02").await;
            let back_up = format!(
                "CREATE DATABASE {DATABASE}; BACKUP DATABASE {DATABASE} TO DISK = '{BACKUP_FILE}' WITH FORMAT, \
                 ENCRYPTION (ALGORITHM = AES_256, SERVER CERTIFICATE = {CERTIFICATE}); DROP DATABASE {DATABASE}"
            );
            stage.sql("SQL02", &back_up).await;
            Seen::nothing()
        }, _seen => Database::restore(&named("SQL02"), &named(DATABASE)).from_file(named(BACKUP_FILE))),
    ]
}

const MASTER_KEY: &str = "CREATE MASTER KEY ENCRYPTION BY PASSWORD = 'Own-Passw0rd-of-tests'";

async fn in_master(stage: &Stage, instance: &str) {
    let make = format!("{MASTER_KEY}; CREATE CERTIFICATE {CERTIFICATE} WITH SUBJECT = 's'");
    stage.sql(instance, &make).await;
}

/// In the database, under a password, which is the secret `own`.
async fn by_password(stage: &Stage) {
    let (_, password) = SECRETS[1];
    let make = format!(
        "USE {DATABASE}; CREATE CERTIFICATE {CERTIFICATE} \
         ENCRYPTION BY PASSWORD = '{password}' WITH SUBJECT = 's'"
    );
    stage.sql("SQL01", &make).await;
}

/// From the database `master` of SQL01; that of SQL02 has a master key.
pub(crate) async fn backed_up(stage: &Stage) -> Seen {
    in_master(stage, "SQL01").await;
    let backup: BackUpCertificate =
        Certificate::backup(&named("SQL01"), &named("master"), &named(CERTIFICATE));
    let backup = backup
        .to_file(named(KEY_FILE))
        .private_key_to_file(named(OWN_FILE))
        .encrypted_by(key());
    let backup = stage.run(backup).await;
    stage.sql("SQL02", MASTER_KEY).await;
    Seen::nothing().and(&backup)
}
