//! What operations cost: how fast statements are built, and how many round trips each operation
//! makes, which is asserted.

use std::hint::black_box;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use criterion::{Criterion, criterion_group, criterion_main};
use scorch_recovery::adapter::secrets::MapSecrets;
use scorch_recovery::names::{DatabaseName, ServerPath, SqlInstance};
use scorch_recovery::simulator::{OrchestratorOptions, SimulatedInstance, SimulatorTransport};
use scorch_recovery::sql::{
    Database, DatabaseKeys, DatabaseMasterKey, Dependents, EncryptedColumn, KeySentinel,
    ServiceMasterKey, StoredForm,
};
use scorch_recovery::transport::{
    SqlBatch, SqlCapabilities, SqlSession, SqlSink, SqlTransport, TransportError, Wire,
};
use scorch_recovery::{AnyOperation, Context, Operation, Secret, SecretRef};

/// Counts connections and batches on their way.
#[derive(Clone, Debug)]
struct Counting {
    inner: SimulatorTransport,
    count: Arc<AtomicUsize>,
}

#[derive(Debug)]
struct CountingSession {
    inner: Box<dyn SqlSession>,
    count: Arc<AtomicUsize>,
}

#[async_trait]
impl SqlTransport for Counting {
    fn capabilities(&self) -> SqlCapabilities {
        self.inner.capabilities()
    }

    async fn connect(
        &self,
        instance: &SqlInstance,
        database: Option<&DatabaseName>,
    ) -> Result<Box<dyn SqlSession>, TransportError> {
        self.count.fetch_add(1, Ordering::Relaxed);
        Ok(Box::new(CountingSession {
            inner: self.inner.connect(instance, database).await?,
            count: self.count.clone(),
        }))
    }
}

#[async_trait]
impl SqlSession for CountingSession {
    async fn execute(
        &mut self,
        batch: SqlBatch,
        sink: &mut dyn SqlSink,
    ) -> Result<(), TransportError> {
        self.count.fetch_add(1, Ordering::Relaxed);
        self.inner.execute(batch, sink).await
    }

    fn wire(&self) -> Wire {
        self.inner.wire()
    }
}

fn path(leaf: &str) -> ServerPath {
    format!(r"C:\bench\{leaf}").parse().expect("a path")
}

/// Each operation with the round trips it makes, signing in counted as one.
fn operations(instance: &SqlInstance, database: &DatabaseName) -> Vec<(AnyOperation, usize)> {
    let key = SecretRef::named("key");
    let column = EncryptedColumn {
        schema: "dbo".parse().expect("a name"),
        table: "VARIABLES".parse().expect("a name"),
        column: "Value".parse().expect("a name"),
        form: StoredForm::DelimitedHexadecimal {
            delimiter: r"\`d.T.~De/".to_owned(),
        },
    };
    vec![
        (ServiceMasterKey::inspect(instance).into(), 3),
        (
            ServiceMasterKey::backup(instance)
                .to_file(path("a.key"))
                .encrypted_by(key.clone())
                .into(),
            4,
        ),
        (Dependents::inspect(instance).into(), 5),
        (DatabaseMasterKey::inspect(instance, database).into(), 4),
        (
            DatabaseMasterKey::backup(instance, database)
                .to_file(path("b.key"))
                .encrypted_by(key.clone())
                .into(),
            6,
        ),
        (
            DatabaseMasterKey::protect_by_service_master_key(instance, database).into(),
            8,
        ),
        (
            DatabaseMasterKey::verify_password(instance, database)
                .password(key)
                .into(),
            4,
        ),
        (
            KeySentinel::backup(instance)
                .to_file(path("sentinel.bak"))
                .into(),
            19,
        ),
        (Database::inspect(instance, database).into(), 3),
        (
            Database::backup(instance, database)
                .to_file(path("a.bak"))
                .into(),
            8,
        ),
        (Database::verify(instance).file(path("a.bak")).into(), 5),
        (
            Database::restore(instance, database)
                .from_file(path("a.bak"))
                .into(),
            14,
        ),
        (
            DatabaseKeys::verify(instance, database)
                .symmetric_key("ORCHESTRATOR_SYM_KEY".parse().expect("a name"))
                .opened_by_asymmetric_key("ORCHESTRATOR_ASYM_KEY".parse().expect("a name"))
                .counting(column)
                .into(),
            4,
        ),
    ]
}

fn round_trips() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let folder = tempfile::tempdir().expect("a folder");
        let password = Secret::new("Bench-Passw0rd-1".to_owned());
        let server = SimulatedInstance::builder("SQL01", folder.path().join("instance"))
            .machine_secret(folder.path().join("machine.secret"))
            .sa_password(password.clone())
            .key_derivation_cost(NonZeroU32::MIN)
            .build()
            .expect("an instance");
        server
            .create_folder(r"C:\bench")
            .expect("a folder of the server");
        let (instance, database): (SqlInstance, DatabaseName) = (
            "SQL01".parse().expect("a name"),
            "Orchestrator".parse().expect("a name"),
        );
        server
            .create_orchestrator_database(&database, &OrchestratorOptions::seeded(1))
            .await
            .expect("a database");
        let count = Arc::new(AtomicUsize::new(0));
        let transport = Counting {
            inner: SimulatorTransport::builder()
                .instance(instance.clone(), &server, "sa", password)
                .build(),
            count: count.clone(),
        };
        let cx = Context::builder()
            .sql(transport)
            .secrets(MapSecrets::new().secret(
                SecretRef::named("key"),
                Secret::new("Bench-Passw0rd-2".to_owned()),
            ))
            .build()
            .expect("a context");
        for (operation, expected) in operations(&instance, &database) {
            count.store(0, Ordering::Relaxed);
            let tag = serde_json::to_value(&operation).expect("JSON")["operation"].clone();
            operation
                .run(&cx)
                .await
                .unwrap_or_else(|error| panic!("{tag}: {error}"));
            let made = count.load(Ordering::Relaxed);
            println!("round trips of {tag}: {made}");
            assert_eq!(made, expected, "{tag}");
        }
    });
}

fn statements(criterion: &mut Criterion) {
    round_trips();
    let instance: SqlInstance = "SQL01".parse().expect("a name");
    let database: DatabaseName = "o'clock]".parse().expect("a name");
    let mut group = criterion.benchmark_group("statement building");
    for (operation, _) in operations(&instance, &database) {
        let tag = serde_json::to_value(&operation).expect("JSON")["operation"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        group.bench_function(tag, |bencher| {
            bencher.iter(|| black_box(&operation).describe())
        });
    }
    group.finish();
}

criterion_group!(benches, statements);
criterion_main!(benches);
