//! Simulated instances for tests: cheap passwords, a file server they share, T-SQL at hand.

use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use scorch_recovery::adapter::secrets::MapSecrets;
use scorch_recovery::names::{DatabaseName, SqlInstance};
use scorch_recovery::simulator::{
    InstanceBuilder, ModellingChoices, OrchestratorOptions, SimulatedInstance, SimulatorTransport,
};
use scorch_recovery::sql::{DatabaseKeys, EncryptedColumn, StoredForm, VerifyDatabaseKeys};
use scorch_recovery::transport::{
    SqlBatch, SqlColumn, SqlMessage, SqlSession, SqlSink, SqlTransport, SqlValue,
};
use scorch_recovery::{Context, ContextBuilder, Observer, Progress, Secret, SecretRef};

pub(crate) const SA: &str = "Sa-Passw0rd-of-tests";
/// The hash of a login's password, as a real server would have made it; of which one, nobody knows.
pub(crate) const HASH: &str = "0x0200A1B2C3D40B30557A9FC4E90E33587DA2C7EC11365B80A5CAEF14395E83A8CDF2173C6186ABD0F51A3F6489AED3F81D42678CB1D6FB20456A8FB4D9FE23486D92B7DC0126";
/// The SID of a login that has it in the secret `hashes`.
pub(crate) const HASH_SID: &str = "c1c2c3c4c5c6c7c8c9d0d1d2d3d4d5d6";

/// What `Principals::password_hashes` gives of that login.
pub(crate) fn hashes() -> Secret {
    Secret::new(format!("{HASH_SID} {HASH}\n"))
}

/// How instances behave where nobody knows what SQL Server does: as `SCORCH_MODELLING` says.
pub(crate) fn choices() -> ModellingChoices {
    let chosen = std::env::var("SCORCH_MODELLING").unwrap_or_default();
    chosen.parse().unwrap()
}

/// Instances by name, and the file server `\\vault`.
pub(crate) struct World {
    folder: tempfile::TempDir,
    servers: Vec<(SqlInstance, SimulatedInstance)>,
}

/// A container and a bucket that all instances reach.
pub(crate) const CONTAINER: &str = "https://account.blob.core.windows.net/backups";
pub(crate) const BUCKET: &str = "s3://storage.corp:9000/bucket";
/// What makes the credentials for them.
pub(crate) const CREDENTIALS: &str = "CREATE CREDENTIAL [https://account.blob.core.windows.net/backups] \
     WITH IDENTITY = 'SHARED ACCESS SIGNATURE', SECRET = 'sv=2022&sig=c4n4ry-of-tests'; \
     CREATE CREDENTIAL [s3://storage.corp:9000] \
     WITH IDENTITY = 'S3 Access Key', SECRET = 'key-of-tests:c4n4ry-of-tests'";

pub(crate) fn named<T: std::str::FromStr<Err: std::fmt::Debug>>(text: &str) -> T {
    text.parse().unwrap()
}

/// Runs a batch in a session that goes on.
pub(crate) async fn run(session: &mut dyn SqlSession, text: &str) -> Collected {
    let mut collected = Collected::default();
    session
        .execute(SqlBatch::open(text), &mut collected)
        .await
        .unwrap();
    collected
}

impl World {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join("vault/keys")).unwrap();
        Self {
            folder,
            servers: Vec::new(),
        }
    }

    /// A world with these instances.
    pub(crate) fn with(names: &[&str]) -> Self {
        let mut world = Self::new();
        for name in names {
            world.add(name, |builder| builder);
        }
        world
    }

    pub(crate) fn add(
        &mut self,
        name: &str,
        set: impl FnOnce(InstanceBuilder) -> InstanceBuilder,
    ) -> SimulatedInstance {
        let home = self.folder.path().join(name);
        std::fs::create_dir_all(&home).unwrap();
        let builder = SimulatedInstance::builder(name, home.join("instance"))
            .machine_secret(home.join("machine.secret"))
            .share("vault", self.folder.path().join("vault"))
            .container(CONTAINER, self.folder.path().join("cloud/container"))
            .container(BUCKET, self.folder.path().join("cloud/bucket"))
            .sa_password(Secret::new(SA.to_owned()))
            .modelling(choices())
            .key_derivation_cost(NonZeroU32::MIN);
        let server = set(builder).build().unwrap();
        self.servers.push((named(name), server.clone()));
        server
    }

    /// Another world in which everything is as it is in this one now.
    pub(crate) fn copied(&self) -> Self {
        let mut copy = Self::new();
        copy_folder(self.folder.path(), copy.folder.path());
        for (name, _) in &self.servers {
            copy.add(&name.to_string(), |builder| builder);
        }
        copy
    }

    pub(crate) fn server(&self, name: &str) -> &SimulatedInstance {
        let name: SqlInstance = named(name);
        &self.servers.iter().find(|(of, _)| *of == name).unwrap().1
    }

    /// A file of the vault as this machine sees it.
    pub(crate) fn vault_file(&self, leaf: &str) -> PathBuf {
        self.folder.path().join("vault/keys").join(leaf)
    }

    pub(crate) fn transport(&self, login: &str, password: &str) -> SimulatorTransport {
        let mut builder = SimulatorTransport::builder();
        for (name, server) in &self.servers {
            builder = builder.instance(
                name.clone(),
                server,
                login,
                Secret::new(password.to_owned()),
            );
        }
        builder.build()
    }

    pub(crate) fn context(&self) -> Context {
        self.builder("sa", SA).build().unwrap()
    }

    pub(crate) fn builder(&self, login: &str, password: &str) -> ContextBuilder {
        Context::builder()
            .sql(self.transport(login, password))
            .secrets(secrets())
            .allow_unc_host("vault")
            .allow_backup_host("account.blob.core.windows.net")
            .allow_backup_host("storage.corp")
    }

    /// Runs T-SQL as sa; an error of the server is a panic.
    pub(crate) async fn sql(&self, name: &str, database: Option<&str>, text: &str) -> Collected {
        let collected = self.try_sql(name, database, text).await;
        assert!(
            collected.errors().is_empty(),
            "{text}: {:?}",
            collected.messages
        );
        collected
    }

    pub(crate) async fn try_sql(
        &self,
        name: &str,
        database: Option<&str>,
        text: &str,
    ) -> Collected {
        let database: Option<DatabaseName> = database.map(named);
        let mut session = self
            .transport("sa", SA)
            .connect(&named(name), database.as_ref())
            .await
            .unwrap();
        run(&mut *session, text).await
    }

    /// Puts the Orchestrator database on an instance.
    pub(crate) async fn orchestrator(&self, name: &str, seed: u64) {
        self.server(name)
            .create_orchestrator_database(
                &named("Orchestrator"),
                &OrchestratorOptions::seeded(seed),
            )
            .await
            .unwrap();
    }
}

fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

pub(crate) fn secrets() -> MapSecrets {
    let secret = |text: &str| Secret::new(text.to_owned());
    MapSecrets::new()
        .secret(SecretRef::named("key"), secret("Key-Passw0rd-of-tests"))
        .secret(SecretRef::named("own"), secret("Own-Passw0rd-of-tests"))
        .secret(SecretRef::named("wrong"), secret("Wrong-Passw0rd-of-tests"))
        .secret(
            SecretRef::named("generated"),
            secret("q7RtZ0pLw2XcVb9NmK4sDf-of-tests"),
        )
        .secret(SecretRef::named("hashes"), hashes())
        .secret(SecretRef::named("short"), secret("Shrt-One1"))
        .secret(
            SecretRef::named("hostile"),
            secret("o'Clock]]\"--99;\u{6f22}"),
        )
}

/// Counts the encrypted variables of an Orchestrator database.
pub(crate) fn verify(instance: &str, database: &str) -> VerifyDatabaseKeys {
    DatabaseKeys::verify(&named(instance), &named(database))
        .symmetric_key(named("ORCHESTRATOR_SYM_KEY"))
        .opened_by_asymmetric_key(named("ORCHESTRATOR_ASYM_KEY"))
        .counting(EncryptedColumn {
            schema: named("dbo"),
            table: named("VARIABLES"),
            column: named("Value"),
            form: StoredForm::DelimitedHexadecimal {
                delimiter: r"\`d.T.~De/".to_owned(),
            },
        })
}

/// All that a batch was answered.
#[derive(Debug, Default)]
pub(crate) struct Collected {
    pub(crate) rows: Vec<Vec<SqlValue>>,
    pub(crate) messages: Vec<SqlMessage>,
}

impl Collected {
    pub(crate) fn errors(&self) -> Vec<i32> {
        self.messages
            .iter()
            .filter(|m| m.is_error())
            .map(|m| m.number)
            .collect()
    }

    /// The only value.
    pub(crate) fn integer(&self) -> i64 {
        match self.rows[0][0] {
            SqlValue::Int(value) => value,
            SqlValue::Bit(value) => i64::from(value),
            ref other => panic!("{other:?} is no number"),
        }
    }
}

impl SqlSink for Collected {
    fn columns(&mut self, _: &[SqlColumn]) {}

    fn row(&mut self, row: Vec<SqlValue>) {
        self.rows.push(row);
    }

    fn message(&mut self, message: SqlMessage) {
        self.messages.push(message);
    }
}

/// Keeps the news.
#[derive(Debug, Default, Clone)]
pub(crate) struct News(std::sync::Arc<Mutex<Vec<Progress>>>);

impl News {
    /// All of it.
    pub(crate) fn all(&self) -> Vec<Progress> {
        self.0.lock().unwrap().clone()
    }

    /// The percentages of each part of the operation.
    pub(crate) fn percents(&self) -> Vec<Vec<f64>> {
        let mut parts: Vec<Vec<f64>> = Vec::new();
        for progress in self.0.lock().unwrap().iter() {
            match progress {
                Progress::Doing { .. } => parts.push(Vec::new()),
                Progress::Percent { percent, .. } => parts.last_mut().unwrap().push(*percent),
                _ => {}
            }
        }
        parts
    }
}

impl Observer for News {
    fn on_progress(&self, progress: &Progress) {
        self.0.lock().unwrap().push(progress.clone());
    }
}
