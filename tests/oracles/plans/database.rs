//! Plans of operations on databases.

use scorch_recovery::sql::{
    BackUpDatabase, BackupCipher, BackupCompression, Database, DatabaseInfo, RestoreDatabase,
};

use crate::plan::{
    BACKUP_FILE, BACKUP_URL, BESIDE, COPY_FILE, DATABASE, OTHER_URL, Plan, Seen, Stage, plan,
};
use crate::simulated::{CREDENTIALS, named};

use super::certificate;

/// Where instances put databases.
const DATA: &str = r"C:\Program Files\Microsoft SQL Server\MSSQL16.MSSQLSERVER\MSSQL\DATA";

pub(crate) fn plans() -> Vec<Plan> {
    let mut plans = backups();
    plans.extend(restores());
    plans
}

async fn backed_up(stage: &Stage) -> Seen {
    stage.back_up_database("SQL01", BACKUP_FILE).await;
    Seen::nothing()
}

fn backups() -> Vec<Plan> {
    vec![
        plan!(stage => {
            let backup = Database::backup(&named("SQL01"), &named(DATABASE));
            stage.least("SQL01", &backup).await;
            Seen::nothing()
        }, _seen => Database::backup(&named("SQL01"), &named(DATABASE)).to_file(named(BACKUP_FILE))),
        plan!(_stage => { Seen::nothing() },
            _seen => Database::inspect(&named("SQL01"), &named(DATABASE))),
        plan!(_stage => { Seen::nothing() },
            _seen => Database::backup(&named("SQL01"), &named(DATABASE)).to_file(named(BACKUP_FILE))),
        plan!(stage => { backed_up(stage).await },
            _seen => Database::verify(&named("SQL02")).file(named(BACKUP_FILE)).position(1)),
        plan!(stage => { backed_up(stage).await },
            _seen => Database::verify(&named("SQL02"))
                .file(named(BACKUP_FILE))
                .newest_of(named(DATABASE))),
        plan!(stage => { striped(stage).await },
            _seen => Database::verify(&named("SQL02"))
                .file(named(BACKUP_FILE))
                .and_file(named(COPY_FILE))),
        plan!(stage => { certificate::backed_up(stage).await },
            seen => Database::backup(&named("SQL01"), &named(DATABASE))
                .to_file(named(BACKUP_FILE))
                .and_file(named(COPY_FILE))
                .compression(BackupCompression::None)
                .encrypted_by(BackupCipher::Aes256, &seen.get(0))
                .block_size(65_536)
                .buffer_count(16)
                .max_transfer_size(4_194_304)),
        plan!(_stage => { Seen::nothing() },
            _seen => Database::backup(&named("SQL01"), &named(DATABASE))
                .to_file(named(BACKUP_FILE))
                .compression(BackupCompression::MsXpress)),
        plan!(stage => {
            credentials(stage).await;
            stage.least("SQL01", &to_urls()).await;
            Seen::nothing()
        }, _seen => Database::backup(&named("SQL01"), &named(DATABASE))
            .to_url(named(BACKUP_URL))
            .and_url(named(OTHER_URL))),
        plan!(stage => { backed_up_to_urls(stage).await },
            _seen => Database::verify(&named("SQL02"))
                .url(named(BACKUP_URL))
                .and_url(named(OTHER_URL))),
        // What is done when the answer is lost: the session is ended and the state looked at.
        plan!(fails: stage => { stage.lose_answer_to("BACKUP DATABASE "); Seen::nothing() },
            _seen => Database::backup(&named("SQL01"), &named(DATABASE)).to_file(named(BACKUP_FILE))),
    ]
}

async fn striped(stage: &Stage) -> Seen {
    let operation = Database::backup(&named("SQL01"), &named(DATABASE))
        .to_file(named(BACKUP_FILE))
        .and_file(named(COPY_FILE));
    stage.run(operation).await;
    Seen::nothing()
}

fn to_urls() -> BackUpDatabase {
    Database::backup(&named("SQL01"), &named(DATABASE))
        .to_url(named(BACKUP_URL))
        .and_url(named(OTHER_URL))
}

async fn credentials(stage: &Stage) {
    for instance in ["SQL01", "SQL02"] {
        stage.sql(instance, CREDENTIALS).await;
    }
}

async fn backed_up_to_urls(stage: &Stage) -> Seen {
    credentials(stage).await;
    Seen::nothing().and(&stage.run(to_urls()).await)
}

fn plain_restore() -> RestoreDatabase {
    Database::restore(&named("SQL02"), &named(DATABASE)).from_file(named(BACKUP_FILE))
}

fn restores() -> Vec<Plan> {
    vec![
        plan!(stage => {
            let seen = backed_up(stage).await;
            stage.least("SQL02", &plain_restore()).await;
            seen
        }, _seen => Database::restore(&named("SQL02"), &named(DATABASE)).from_file(named(BACKUP_FILE))),
        plan!(stage => { backed_up(stage).await },
            _seen => Database::restore(&named("SQL02"), &named(DATABASE)).from_file(named(BACKUP_FILE))),
        plan!(stage => { striped(stage).await },
            _seen => Database::restore(&named("SQL02"), &named(DATABASE))
                .from_file(named(BACKUP_FILE))
                .and_file(named(COPY_FILE))
                .newest_of(named(DATABASE))),
        plan!(stage => { backed_up_to_urls(stage).await },
            _seen => Database::restore(&named("SQL02"), &named(DATABASE))
                .from_url(named(BACKUP_URL))
                .and_url(named(OTHER_URL))),
        plan!(stage => { backed_up_to_urls(stage).await },
            seen => Database::restore(&named("SQL02"), &named(DATABASE)).from_backup(&seen.get(0))),
        plan!(stage => { backed_up(stage).await; stage.restore_database().await; Seen::nothing() },
            _seen => Database::restore(&named("SQL02"), &named(DATABASE))
                .from_file(named(BACKUP_FILE))
                .position(1)
                .beside_as(named(BESIDE))),
        plan!(stage => {
            backed_up(stage).await;
            // Its files have names that are not made of its own.
            let restore = format!(
                "RESTORE DATABASE {DATABASE} FROM DISK = N'{BACKUP_FILE}' WITH \
                 MOVE N'{DATABASE}' TO N'{DATA}\\one.mdf', MOVE N'{DATABASE}_log' TO N'{DATA}\\two.ldf'"
            );
            stage.sql("SQL02", &restore).await;
            let existing = Database::inspect(&named("SQL02"), &named(DATABASE));
            let existing: DatabaseInfo = stage.run(existing).await;
            let copy = stage.back_up_database("SQL02", COPY_FILE).await;
            Seen::nothing().and(&existing).and(&copy)
        }, seen => Database::restore(&named("SQL02"), &named(DATABASE))
            .from_file(named(BACKUP_FILE))
            .overwriting(&seen.get(0), Some(&seen.get(1)))),
    ]
}
