//! What every run begins with: a database with users, and its backup restored beside it.

use std::path::{Path, PathBuf};

use scorch_recovery::names::DatabaseName;
use scorch_recovery::simulator::{OrchestratorOptions, SimulatedInstance, SimulatorTransport};
use scorch_recovery::sql::{Database, DatabaseInfo};
use scorch_recovery::transport::{
    SqlBatch, SqlColumn, SqlMessage, SqlSink, SqlTransport, SqlValue,
};
use scorch_recovery::{AnyOperation, Context, Operation as _, Secret};

use crate::processes::{self, SA};

pub(crate) const NAME: &str = "Orchestrator";
pub(crate) const RESTORED: &str = "Orchestrator_restored";
pub(crate) const READER: &str = "Reader-Passw0rd-1";

pub(crate) struct Stage {
    folder: PathBuf,
    pub(crate) renames_offline: bool,
    pub(crate) swap: AnyOperation,
    pub(crate) existing: i64,
    pub(crate) restored: i64,
}

impl Stage {
    pub(crate) async fn prepare(home: &Path, renames_offline: bool) -> Self {
        let folder = home.join("stage");
        std::fs::create_dir_all(&folder).expect("a folder");
        let server = processes::instance(&folder, renames_offline);
        let name: DatabaseName = named(NAME);
        server
            .create_orchestrator_database(&name, &OrchestratorOptions::seeded(11))
            .await
            .expect("a database");
        let cx = Context::builder()
            .sql(transport(&server))
            .build()
            .expect("a context");
        for (database, batch) in [
            (
                None,
                format!("CREATE LOGIN reader WITH PASSWORD = '{READER}'"),
            ),
            (
                Some(NAME),
                "CREATE USER reader FOR LOGIN reader; GRANT SELECT TO reader; DELETE FROM FOLDERS"
                    .to_owned(),
            ),
            (
                Some(NAME),
                "INSERT FOLDERS (UniqueID, Name) VALUES (NEWID(), N'restored')".to_owned(),
            ),
        ] {
            ask(&transport(&server), database, &batch)
                .await
                .expect("it can be prepared");
        }
        let file = r"C:\stage.bak";
        Database::backup(&named("SQL01"), &name)
            .to_file(named(file))
            .run(&cx)
            .await
            .expect("a backup");
        let update = "UPDATE FOLDERS SET Name = N'existing'";
        ask(&transport(&server), Some(NAME), update)
            .await
            .expect("a change");
        let restored = Database::restore(&named("SQL01"), &name)
            .from_file(named(file))
            .run(&cx)
            .await
            .expect("a restored database");
        assert_eq!(restored.name.as_str(), RESTORED);
        let inspect = Database::inspect(&named("SQL01"), &name);
        let existing: DatabaseInfo = inspect.run(&cx).await.expect("what is seen");
        let swap = Database::swap(&named("SQL01"), &name)
            .with(&restored.database)
            .evicting(&existing);
        Self {
            folder,
            renames_offline,
            swap: swap.into(),
            existing: existing.id,
            restored: restored.database.id,
        }
    }

    pub(crate) fn copy_to(&self, home: &Path) {
        copy(&self.folder, home);
    }
}

fn transport(server: &SimulatedInstance) -> SimulatorTransport {
    SimulatorTransport::builder()
        .instance(named("SQL01"), server, "sa", Secret::new(SA.to_owned()))
        .build()
}

pub(crate) fn named<T: std::str::FromStr<Err: std::fmt::Debug>>(text: &str) -> T {
    text.parse().expect("a name")
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("it can be listed") {
        let entry = entry.expect("it can be listed");
        let target = to.join(entry.file_name());
        if entry.file_type().expect("it has a type").is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).expect("it can be copied");
        }
    }
}

#[derive(Default)]
pub(crate) struct Rows {
    pub(crate) rows: Vec<Vec<SqlValue>>,
    error: Option<SqlMessage>,
}

impl SqlSink for Rows {
    fn columns(&mut self, _: &[SqlColumn]) {}

    fn row(&mut self, row: Vec<SqlValue>) {
        self.rows.push(row);
    }

    fn message(&mut self, message: SqlMessage) {
        if message.is_error() {
            self.error.get_or_insert(message);
        }
    }
}

/// What a batch is answered in a database; `Err` where it does not get in, or is refused.
pub(crate) async fn ask(
    transport: &dyn SqlTransport,
    database: Option<&str>,
    batch: &str,
) -> Result<Rows, String> {
    let database: Option<DatabaseName> = database.map(named);
    let mut session = transport
        .connect(&named("SQL01"), database.as_ref())
        .await
        .map_err(|error| error.to_string())?;
    let mut rows = Rows::default();
    session
        .execute(SqlBatch::open(batch), &mut rows)
        .await
        .map_err(|error| error.to_string())?;
    match rows.error {
        Some(error) => Err(error.text),
        None => Ok(rows),
    }
}
