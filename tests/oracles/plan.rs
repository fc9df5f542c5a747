//! An operation with some of its options, on a stage where it works: what is recorded once, and then
//! said again with other names.

use std::future::Future;
use std::pin::Pin;
use std::sync::Mutex;

use scorch_recovery::adapter::secrets::MapSecrets;
use scorch_recovery::simulator::{Disconnect, Fault, OrchestratorOptions, SimulatorTransport};
use scorch_recovery::sql::{
    Database, DatabaseBackup, Dependents, KeyBackup, RestoreServiceMasterKey, ServiceMasterKey,
    grant_script,
};
use scorch_recovery::transport::SqlTransport;
use scorch_recovery::{AnyOperation, Context, Operation, Secret, SecretRef};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::over::Over;
use crate::simulated::{SA, World, hashes, named};

pub(crate) const KEY_FILE: &str = r"\\vault\keys\QfileKey.key";
pub(crate) const OWN_FILE: &str = r"\\vault\keys\QfileOwn.key";
/// A URL takes no hostile name, so it stays as it is.
pub(crate) const BACKUP_URL: &str = "https://account.blob.core.windows.net/backups/QurlA.bak";
pub(crate) const OTHER_URL: &str = "https://account.blob.core.windows.net/backups/QurlB.bak";
pub(crate) const BACKUP_FILE: &str = r"\\vault\keys\QfileBackup.bak";
pub(crate) const COPY_FILE: &str = r"\\vault\keys\QfileCopy.bak";
/// On SQL01.
pub(crate) const DATABASE: &str = "QdatabaseA";
pub(crate) const BESIDE: &str = "QdatabaseB";
/// On SQL02, with a key of its own.
pub(crate) const NEIGHBOUR: &str = "QneighbourC";
pub(crate) const DELIMITER: &str = r"\`d.T.~De/";
/// Whom the rights are granted, and who owns and uses databases.
pub(crate) const LOGIN: &str = "QloginL";
/// The secrets by name, and what they are before they are made over.
pub(crate) const SECRETS: [(&str, &str); 2] =
    [("key", "QpasswordKey-1"), ("own", "QpasswordOwn-zU7rT4w0")];

pub(crate) fn key() -> SecretRef {
    SecretRef::named("key")
}

/// As strong as a generated one.
pub(crate) fn own() -> SecretRef {
    SecretRef::named("own")
}

/// A value and whether one of that kind can be read again.
type Readable = (Value, fn(&Value) -> bool);

/// What was seen on the stage before, which becomes evidence of the operation.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen(Vec<Readable>);

impl Seen {
    pub(crate) const fn nothing() -> Self {
        Self(Vec::new())
    }

    #[must_use]
    pub(crate) fn and<T: Serialize + DeserializeOwned>(mut self, value: &T) -> Self {
        let is_read = |value: &Value| T::deserialize(value).is_ok();
        self.0.push((serde_json::to_value(value).unwrap(), is_read));
        self
    }

    /// What was seen as the `at`th.
    pub(crate) fn get<T: DeserializeOwned>(&self, at: usize) -> T {
        T::deserialize(&self.0[at].0).unwrap()
    }

    /// The same with other names; `None` where they are none.
    pub(crate) fn made_over(&self, over: &Over) -> Option<Self> {
        let values = self.0.iter().map(|(value, is_read)| {
            let value = over.value(value)?;
            is_read(&value).then_some((value, *is_read))
        });
        values.collect::<Option<_>>().map(Self)
    }
}

type Preparing<'a> = Pin<Box<dyn Future<Output = Seen> + Send + 'a>>;

/// An operation with some of its options.
pub(crate) struct Plan {
    /// How it is built, as it stands in the source: its options are read from there.
    pub(crate) source: &'static str,
    /// Brings the stage to where the operation works.
    pub(crate) prepare: for<'a> fn(&'a Stage) -> Preparing<'a>,
    pub(crate) make: fn(&Seen) -> AnyOperation,
    /// Whether the operation is to fail, for what it sends then.
    pub(crate) fails: bool,
}

/// `plan!(stage => { .. Seen }, seen => an operation)`.
macro_rules! plan {
    ($stage:ident => $prepare:block, $seen:ident => $make:expr) => {
        $crate::plan::Plan {
            source: stringify!($make),
            prepare: |$stage| Box::pin(async move { $prepare }),
            make: |$seen| {
                let _ = $seen;
                scorch_recovery::AnyOperation::from($make)
            },
            fails: false,
        }
    };
    (fails: $stage:ident => $prepare:block, $seen:ident => $make:expr) => {
        $crate::plan::Plan {
            fails: true,
            ..$crate::plan::plan!($stage => $prepare, $seen => $make)
        }
    };
}
pub(crate) use plan;

/// SQL01 with the database of an Orchestrator, and SQL02 with nothing.
pub(crate) struct Stage {
    world: World,
    /// Who signs in.
    login: Mutex<&'static str>,
}

/// A login that has no more rights than an operation needs.
const LEAST: &str = "least";

impl Stage {
    pub(crate) async fn new() -> Self {
        let world = World::with(&["SQL01", "SQL02"]);
        let (name, options) = (named(DATABASE), OrchestratorOptions::seeded(7));
        let creating = world
            .server("SQL01")
            .create_orchestrator_database(&name, &options);
        creating.await.unwrap();
        Self {
            world,
            login: Mutex::new("sa"),
        }
    }

    /// Another stage that is as this one: keys take long to make.
    pub(crate) fn copied(&self) -> Self {
        Self {
            world: self.world.copied(),
            login: Mutex::new(*self.login.lock().unwrap()),
        }
    }

    /// What the plan's operation goes over.
    pub(crate) fn transport(&self) -> SimulatorTransport {
        self.world.transport(&self.login.lock().unwrap(), SA)
    }

    /// From now on a login signs in that may do what `operation` needs and nothing else.
    pub(crate) async fn least(&self, instance: &str, operation: &impl Operation) {
        let create = format!("CREATE LOGIN {LEAST} WITH PASSWORD = N'{SA}'");
        self.sql(instance, &create).await;
        let permissions = operation.describe().permissions;
        let script = grant_script(&permissions, &named(LEAST)).join("; ");
        self.sql(instance, &script).await;
        *self.login.lock().unwrap() = LEAST;
    }

    /// Runs an operation, with the harmless secrets.
    pub(crate) async fn run<O: Operation>(&self, operation: O) -> O::Output {
        let cx = context(self.world.transport("sa", SA), &SECRETS);
        operation.run(&cx).await.unwrap()
    }

    pub(crate) async fn sql(&self, instance: &str, text: &str) {
        self.world.sql(instance, None, text).await;
    }

    pub(crate) async fn sql_in(&self, instance: &str, database: &str, text: &str) {
        self.world.sql(instance, Some(database), text).await;
    }

    /// The answer to the first statement of SQL01 that contains `part` is lost.
    pub(crate) fn lose_answer_to(&self, part: &str) {
        let fault = Fault::when_statement_contains(part).disconnect(Disconnect::After);
        self.world.server("SQL01").faults().install(fault);
    }

    pub(crate) async fn back_up_key(
        &self,
        instance: &str,
        file: &str,
        secret: SecretRef,
    ) -> KeyBackup {
        let operation = ServiceMasterKey::backup(&named(instance))
            .to_file(named(file))
            .encrypted_by(secret);
        self.run(operation).await
    }

    pub(crate) async fn back_up_database(&self, instance: &str, file: &str) -> DatabaseBackup {
        let operation = Database::backup(&named(instance), &named(DATABASE)).to_file(named(file));
        self.run(operation).await
    }

    pub(crate) async fn restore_database(&self) {
        let operation = Database::restore(&named("SQL02"), &named(DATABASE));
        self.run(operation.from_file(named(BACKUP_FILE))).await;
    }

    pub(crate) async fn dependents(&self, instance: &str) -> Dependents {
        self.run(Dependents::inspect(&named(instance))).await
    }

    /// A database of SQL02's own, with a key under its service master key.
    pub(crate) async fn neighbour(&self) {
        let create = format!(
            "CREATE DATABASE {NEIGHBOUR}; USE {NEIGHBOUR}; \
             CREATE MASTER KEY ENCRYPTION BY PASSWORD = 'Own-Passw0rd-of-tests'; \
             CREATE CERTIFICATE c WITH SUBJECT = 's'"
        );
        self.sql("SQL02", &create).await;
    }

    /// The SHA-256 of a file of the vault, in hexadecimal.
    pub(crate) fn sha256(&self, file: &str) -> String {
        // Windows takes capitals and small letters for the same.
        let leaf = file.rsplit('\\').next().unwrap().to_lowercase();
        let content = std::fs::read(self.world.vault_file(&leaf)).unwrap();
        hex::encode(Sha256::digest(content))
    }
}

/// The restore of SQL01's key on SQL02.
pub(crate) fn restore_key() -> RestoreServiceMasterKey {
    ServiceMasterKey::restore(&named("SQL02"))
        .from_file(named(KEY_FILE))
        .decrypted_by(key())
}

pub(crate) fn context<S: AsRef<str>>(
    sql: impl SqlTransport + 'static,
    secrets: &[(&str, S)],
) -> Context {
    let mut all = MapSecrets::new().secret(SecretRef::named("hashes"), hashes());
    for (name, text) in secrets {
        all = all.secret(
            SecretRef::named(*name),
            Secret::new(text.as_ref().to_owned()),
        );
    }
    Context::builder()
        .sql(sql)
        .secrets(all)
        .allow_unc_host("vault")
        .allow_backup_host("account.blob.core.windows.net")
        .build()
        .unwrap()
}
