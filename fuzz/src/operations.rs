//! Every operation, recorded once against a simulated server, to be run again with other names.

use std::num::NonZeroU32;
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};

use scorch_recovery::adapter::secrets::MapSecrets;
use scorch_recovery::names::{DatabaseName, SqlInstance};
use scorch_recovery::simulator::{OrchestratorOptions, SimulatedInstance, SimulatorTransport};
use scorch_recovery::sql::{
    Certificate, Database, DatabaseBackup, DatabaseInfo, DatabaseKeys, DatabaseMasterKey,
    DatabaseMasterKeyInfo, Dependents, EncryptedColumn, KeyBackup, KeySentinel, KeySentinelBackup,
    ServiceMasterKey, StoredForm,
};
use scorch_recovery::transport::{
    SqlBatch, SqlCapabilities, SqlColumn, SqlMessage, SqlSink, SqlTransport, SqlValue,
};
use scorch_recovery::{AnyOperation, AnyOutput, Context, Operation, Secret, SecretRef};
use sqlparser::tokenizer::Token;
use tokio::runtime::Runtime;

use crate::judge;
use crate::over::Over;
use crate::recording::{Recorder, Recording, Replay, Sent};

const KEY_FILE: &str = r"\\vault\keys\QfileKey.key";
const OWN_FILE: &str = r"\\vault\keys\QfileOwn.key";
const BACKUP_FILE: &str = r"\\vault\keys\QfileBackup.bak";
const COPY_FILE: &str = r"\\vault\keys\QfileCopy.bak";
const MASTER_FILE: &str = r"\\vault\keys\QfileMaster.key";
const SENTINEL_FILE: &str = r"\\vault\keys\QfileSentinel.bak";
const SENTINEL: &str = "QsentinelD";
const CERTIFICATE: &str = "QcertificateE";
const CERTIFICATE_FILE: &str = r"\\vault\keys\QfileCertificate.cer";
const PRIVATE_FILE: &str = r"\\vault\keys\QfilePrivate.pvk";
const REWRAPPED_FILE: &str = r"\\vault\keys\QfileRewrapped.bak";
const DATABASE: &str = "QdatabaseA";
const BESIDE: &str = "QdatabaseB";
const NEIGHBOUR: &str = "QneighbourC";
const SYMMETRIC: &str = "ORCHESTRATOR_SYM_KEY";
const ASYMMETRIC: &str = "ORCHESTRATOR_ASYM_KEY";
const PASSWORD: &str = "QpasswordKey-1";
const OWN_PASSWORD: &str = "QpasswordOwn-1";
const GENERATED: &str = "q7RtZ0pLw2XcVb9NmK4sDf-QpasswordNew";
const SA: &str = "Sa-Passw0rd-of-fuzzing";
const DELIMITER: &str = r"\`d.T.~De/";

/// What was seen when the operations were recorded, for those that need to have seen it.
#[derive(Default)]
struct Evidence {
    own: Option<KeyBackup>,
    existing: Option<DatabaseInfo>,
    copy: Option<DatabaseBackup>,
    dependents: Option<Dependents>,
    master_key: Option<DatabaseMasterKeyInfo>,
    source_key: Option<DatabaseMasterKeyInfo>,
    sentinel: Option<KeySentinelBackup>,
}

/// An operation and all that it sent.
struct Scene {
    number: usize,
    recording: Recording<Vec<Token>>,
    script: Vec<Vec<Token>>,
}

/// All operations, recorded.
pub struct Scenes {
    scenes: Vec<Scene>,
    evidence: Evidence,
    capabilities: SqlCapabilities,
    runtime: Runtime,
}

/// The values that are made over: names, leaves of paths, two secrets; and what came later, so that
/// the corpora keep their meaning.
const HARMLESS: [&str; 23] = [
    DATABASE,
    BESIDE,
    NEIGHBOUR,
    "QfileKey",
    "QfileOwn",
    "QfileBackup",
    "QfileCopy",
    SYMMETRIC,
    ASYMMETRIC,
    "dbo",
    "VARIABLES",
    "Value",
    DELIMITER,
    PASSWORD,
    OWN_PASSWORD,
    SENTINEL,
    "QfileMaster",
    "QfileSentinel",
    CERTIFICATE,
    "QfileCertificate",
    "QfilePrivate",
    "QfileRewrapped",
    GENERATED,
];

/// Texts that are too plain to be made over inside of others.
const WHOLE: [&str; 3] = ["dbo", "VARIABLES", "Value"];

fn named<T: FromStr<Err: std::fmt::Debug>>(text: &str) -> T {
    text.parse().expect("a harmless name")
}

/// How many operations there are.
const OPERATIONS: usize = 25;

/// The operation of that number, with harmless names.
fn operation(number: usize, evidence: &Evidence) -> Option<AnyOperation> {
    let (source, target) = (named("SQL01"), named("SQL02"));
    let database = named(DATABASE);
    let (key, own) = (SecretRef::named("key"), SecretRef::named("own"));
    let (generated, throwaway) = (SecretRef::named("generated"), named("SQL03"));
    let certificate = named(CERTIFICATE);
    let column = |form| EncryptedColumn {
        schema: named("dbo"),
        table: named("VARIABLES"),
        column: named("Value"),
        form,
    };
    Some(match number {
        0 => ServiceMasterKey::inspect(&source).into(),
        1 => ServiceMasterKey::backup(&source)
            .to_file(named(KEY_FILE))
            .encrypted_by(key)
            .into(),
        2 => Database::backup(&source, &database)
            .to_file(named(BACKUP_FILE))
            .into(),
        3 => Database::inspect(&source, &database).into(),
        4 => DatabaseMasterKey::inspect(&source, &database).into(),
        5 => DatabaseKeys::verify(&source, &database)
            .symmetric_key(named(SYMMETRIC))
            .opened_by_asymmetric_key(named(ASYMMETRIC))
            .counting(column(StoredForm::DelimitedHexadecimal {
                delimiter: DELIMITER.to_owned(),
            }))
            .counting(column(StoredForm::Binary))
            .into(),
        6 => Database::verify(&target).file(named(BACKUP_FILE)).into(),
        7 => Database::restore(&target, &database)
            .from_file(named(BACKUP_FILE))
            .into(),
        8 => Database::restore(&target, &database)
            .from_file(named(BACKUP_FILE))
            .position(1)
            .beside_as(named(BESIDE))
            .into(),
        9 => Database::restore(&target, &database)
            .from_file(named(BACKUP_FILE))
            .overwriting(evidence.existing.as_ref()?, evidence.copy.as_ref())
            .into(),
        10 => Dependents::inspect(&target).into(),
        11 => ServiceMasterKey::backup(&target)
            .to_file(named(OWN_FILE))
            .encrypted_by(own)
            .into(),
        12 => ServiceMasterKey::restore(&target)
            .from_file(named(KEY_FILE))
            .decrypted_by(key)
            .replacing(evidence.dependents.as_ref()?)
            .keeping(evidence.own.as_ref()?)
            .recovering(&database)
            .into(),
        13 => DatabaseMasterKey::backup(&source, &database)
            .to_file(named(MASTER_FILE))
            .encrypted_by(key)
            .into(),
        14 => DatabaseMasterKey::verify_password(&source, &database)
            .password(own)
            .into(),
        15 => DatabaseMasterKey::restore(&target, &database)
            .from_file(named(MASTER_FILE))
            .decrypted_by(key)
            .encrypted_by(own)
            .replacing(evidence.master_key.as_ref()?)
            .into(),
        16 => DatabaseMasterKey::protect_by_service_master_key(&target, &database).into(),
        17 => DatabaseMasterKey::inspect(&target, &database).into(),
        18 => KeySentinel::backup(&source)
            .as_database(named(SENTINEL))
            .to_file(named(SENTINEL_FILE))
            .into(),
        19 => ServiceMasterKey::prove_backup(&throwaway)
            .from_file(named(KEY_FILE))
            .decrypted_by(key)
            .opening(evidence.sentinel.as_ref()?, named(SENTINEL_FILE))
            .into(),
        20 => Certificate::backup(&source, &database, &certificate)
            .to_file(named(CERTIFICATE_FILE))
            .private_key_to_file(named(PRIVATE_FILE))
            .encrypted_by(key)
            .into(),
        21 => Certificate::restore(&target, &database, &certificate)
            .from_file(named(CERTIFICATE_FILE))
            .private_key_from_file(named(PRIVATE_FILE))
            .decrypted_by(key)
            .into(),
        22 => Certificate::inspect(&target, &database, &certificate).into(),
        23 => DatabaseMasterKey::rewrap_through(&throwaway, &database)
            .for_target(&target)
            .key_file(named(KEY_FILE))
            .decrypted_by(key)
            .from_file(named(BACKUP_FILE))
            .password(generated)
            .to_file(named(REWRAPPED_FILE))
            .into(),
        _ => DatabaseMasterKey::protect_by_password(&source, &database)
            .password(generated)
            .adding_to(evidence.source_key.as_ref()?)
            .into(),
    })
}

/// The secrets, as they were recorded.
const PASSWORDS: [&str; 3] = [PASSWORD, OWN_PASSWORD, GENERATED];

fn context(sql: impl SqlTransport + 'static, passwords: &[String; 3]) -> Context {
    let mut secrets = MapSecrets::new();
    for (name, password) in ["key", "own", "generated"].into_iter().zip(passwords) {
        secrets = secrets.secret(SecretRef::named(name), Secret::new(password.clone()));
    }
    Context::builder()
        .sql(sql)
        .secrets(secrets)
        .allow_unc_host("vault")
        .build()
        .expect("a context")
}

/// Takes answers that nobody reads.
struct Nothing;

impl SqlSink for Nothing {
    fn columns(&mut self, _: &[SqlColumn]) {}

    fn row(&mut self, _: Vec<SqlValue>) {}

    fn message(&mut self, _: SqlMessage) {}
}

impl Scenes {
    /// Runs every operation on simulated servers and records it.
    ///
    /// # Panics
    /// If one of them fails.
    #[must_use]
    pub fn record() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .expect("a runtime");
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::create_dir_all(folder.path().join("vault/keys")).expect("a folder");
        let server = |name: &str| {
            let home = folder.path().join(name);
            std::fs::create_dir_all(&home).expect("a folder");
            SimulatedInstance::builder(name, home.join("instance"))
                .machine_secret(home.join("machine.secret"))
                .share("vault", folder.path().join("vault"))
                .sa_password(Secret::new(SA.to_owned()))
                .key_derivation_cost(NonZeroU32::MIN)
                .build()
                .expect("a server")
        };
        let (source, target, throwaway) = (server("SQL01"), server("SQL02"), server("SQL03"));
        let mut builder = SimulatorTransport::builder();
        for server in [&source, &target, &throwaway] {
            let sa = Secret::new(SA.to_owned());
            builder = builder.instance(named(server.name()), server, "sa", sa);
        }
        let recorder = Recorder::new(builder.build(), judge::tokens);
        let mut scenes = Self {
            scenes: Vec::new(),
            evidence: Evidence::default(),
            capabilities: recorder.capabilities(),
            runtime,
        };
        for (server, database) in [(&source, DATABASE), (&target, NEIGHBOUR)] {
            let (name, options) = (named(database), OrchestratorOptions::seeded(7));
            let create = server.create_orchestrator_database(&name, &options);
            scenes.runtime.block_on(create).expect("a database");
        }
        for number in 0..OPERATIONS {
            scenes.look(&recorder, number);
            scenes.scene(&recorder, number);
        }
        scenes.check_reach();
        scenes
    }

    /// With other values, each as long as the recorded one, every batch is reached.
    fn check_reach(&self) {
        let values: Vec<String> = HARMLESS
            .iter()
            .zip(('g'..='z').chain('G'..='Z'))
            .map(|(harmless, letter)| {
                let other = |c: char| if c.is_ascii_alphabetic() { letter } else { c };
                harmless.chars().map(other).collect()
            })
            .collect();
        for (number, scene) in (0..).zip(&self.scenes) {
            let batches = scene.recording.batches();
            assert!(batches > 0, "operation {number} sent nothing");
            let reached = self.run(number, &values);
            assert_eq!(reached, Some((batches, batches)), "operation {number}");
        }
    }

    /// Sees what the next operation must have seen.
    fn look(&mut self, recorder: &Recorder<Vec<Token>>, number: usize) {
        let cx = context(recorder.clone(), &PASSWORDS.map(str::to_owned));
        let (source, target, database) = (named("SQL01"), named("SQL02"), named(DATABASE));
        if number == 9 {
            let existing = Database::inspect(&target, &database);
            let existing = self
                .runtime
                .block_on(existing.run(&cx))
                .expect("a database");
            let copy = Database::backup(&target, &database).to_file(named(COPY_FILE));
            let copy = self.runtime.block_on(copy.run(&cx)).expect("a copy");
            (self.evidence.existing, self.evidence.copy) = (Some(existing), Some(copy));
        }
        if number == 10 {
            // Its key would not open before that of the server it comes from is restored.
            self.sql(recorder, &target, None, format!("DROP DATABASE {BESIDE}"));
        }
        if number == 15 || number == 24 {
            let instance = if number == 15 { &target } else { &source };
            let seen = DatabaseMasterKey::inspect(instance, &database);
            let seen = Some(self.runtime.block_on(seen.run(&cx)).expect("a master key"));
            if number == 15 {
                self.evidence.master_key = seen;
            } else {
                self.evidence.source_key = seen;
            }
        }
        if number == 20 {
            let create = format!("CREATE CERTIFICATE {CERTIFICATE} WITH SUBJECT = N's'");
            self.sql(recorder, &source, Some(&database), create);
        }
        let _ = recorder.take();
    }

    fn sql(
        &self,
        recorder: &Recorder<Vec<Token>>,
        instance: &SqlInstance,
        database: Option<&DatabaseName>,
        text: String,
    ) {
        self.runtime.block_on(async {
            let session = recorder.connect(instance, database).await;
            session
                .expect("a session")
                .execute(SqlBatch::open(text), &mut Nothing)
                .await
                .expect("an answer");
        });
    }

    fn scene(&mut self, recorder: &Recorder<Vec<Token>>, number: usize) {
        let operation = operation(number, &self.evidence).expect("what must have been seen");
        let cx = context(recorder.clone(), &PASSWORDS.map(str::to_owned));
        let output = match self.runtime.block_on(operation.run(&cx)) {
            Ok(output) => output,
            Err(error) => panic!("{operation:?}: {error:?}"),
        };
        match output {
            AnyOutput::InspectDependents(seen) => self.evidence.dependents = Some(seen),
            AnyOutput::BackUpServiceMasterKey(seen) => self.evidence.own = Some(seen),
            AnyOutput::BackUpKeySentinel(seen) => self.evidence.sentinel = Some(seen),
            _ => {}
        }
        let script = operation.describe().script;
        self.scenes.push(Scene {
            number,
            recording: recorder.take(),
            script: script.iter().map(|text| judge::tokens(text)).collect(),
        });
    }

    /// Runs an operation with other values against what was recorded. Gives how many batches were
    /// the recorded ones, made over, and how many there were; `None` where the values are none.
    ///
    /// # Panics
    /// If a statement is not the recorded one, made over.
    #[must_use]
    pub fn run(&self, number: u8, values: &[String]) -> Option<(usize, usize)> {
        let scene = &self.scenes[usize::from(number) % self.scenes.len()];
        let has_harmless = |value: &String| HARMLESS.iter().any(|text| value.contains(text));
        if values.iter().any(has_harmless) {
            return None;
        }
        let mut over = Over::default();
        let mut secrets = PASSWORDS.map(str::to_owned);
        for (at, harmless) in HARMLESS.into_iter().enumerate() {
            let Some(value) = values.get(at).filter(|value| !value.is_empty()) else {
                continue;
            };
            over = match harmless {
                PASSWORD | OWN_PASSWORD | GENERATED => {
                    // What makes it strong enough stays.
                    let strong = if harmless == GENERATED {
                        &GENERATED[..22]
                    } else {
                        "Aa1!"
                    };
                    let secret = format!("{strong}{value}");
                    if values.iter().any(|value| value.contains(&secret)) {
                        return None;
                    }
                    let which = PASSWORDS
                        .iter()
                        .position(|password| *password == harmless)?;
                    secrets[which] = secret.clone();
                    over.anywhere(harmless, &secret)
                }
                _ if WHOLE.contains(&harmless) => over.whole(harmless, value),
                _ => over.anywhere(harmless, value),
            };
        }
        let evidence = Evidence {
            own: Some(over.value(self.evidence.own.as_ref()?)?),
            existing: Some(over.value(self.evidence.existing.as_ref()?)?),
            copy: Some(over.value(self.evidence.copy.as_ref()?)?),
            dependents: Some(over.value(self.evidence.dependents.as_ref()?)?),
            master_key: Some(over.value(self.evidence.master_key.as_ref()?)?),
            source_key: Some(over.value(self.evidence.source_key.as_ref()?)?),
            sentinel: Some(over.value(self.evidence.sentinel.as_ref()?)?),
        };
        let operation = over.value(&operation(scene.number, &evidence)?)?;
        let script = operation.describe().script;
        assert_eq!(script.len(), scene.script.len());
        for (recorded, shown) in scene.script.iter().zip(&script) {
            judge::check(&over, recorded, shown);
        }
        let over = Arc::new(over);
        let checked = Arc::new(Mutex::new(0));
        let look = {
            let (over, checked) = (Arc::clone(&over), Arc::clone(&checked));
            let secrets = secrets.to_vec();
            Arc::new(move |sent: &Sent<Vec<Token>>, batch: &SqlBatch| {
                judge::check(&over, &sent.clear, batch.clear_text());
                judge::check(&over, &sent.redacted, batch.redacted());
                for secret in &secrets {
                    let is_shown = batch.redacted().contains(secret.as_str());
                    assert!(!is_shown, "a secret is shown");
                }
                *checked.lock().unwrap_or_else(PoisonError::into_inner) += 1;
            })
        };
        let replay = Replay::new(&scene.recording, self.capabilities, over, look);
        let cx = context(replay, &secrets);
        let _ = self.runtime.block_on(operation.run(&cx));
        let checked = *checked.lock().unwrap_or_else(PoisonError::into_inner);
        Some((checked, scene.recording.batches()))
    }
}
