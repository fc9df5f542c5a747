//! A secret appears nowhere: not in Debug, Display, logs, descriptions, JSON or errors, in no form,
//! and not when the server says it back. A leak planted in each sink is found.
#![cfg(all(feature = "simulator", feature = "tiberius"))]
#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

#[path = "support/every_operation.rs"]
mod every_operation;

use std::io::Write;
use std::sync::{Arc, Mutex};

use base64::Engine as _;
#[cfg(feature = "mssql-tds")]
use scorch_recovery::adapter::mssql_tds::MssqlTdsTransport;
use scorch_recovery::adapter::secrets::MapSecrets;
use scorch_recovery::adapter::tiberius::{Endpoint, Login, TiberiusTransport, Tls};
use scorch_recovery::names::SqlInstance;
use scorch_recovery::simulator::{Fault, Listener, SimulatedInstance, SimulatorTransport, TlsMode};
use scorch_recovery::sql::{Principals, ServiceMasterKey};
use scorch_recovery::transport::{
    SqlBatch, SqlColumn, SqlMessage, SqlSink, SqlTransport, SqlValue,
};
use scorch_recovery::{
    AnyOperation, Context, ContextBuilder, Observer, Operation, Progress, Secret, SecretRef,
};
use tracing_subscriber::fmt::MakeWriter;

use every_operation::every_operation;

const CANARY: &str = "Can4ry'o\"clock-9f27d3";
const SA: &str = "Sa-Can4ry-51c0de77";
/// A login's, with its digits as they are written; nobody's password.
const HASH: &str = "0200A1B2C3D40B30557A9FC4E90E33587DA2C7EC11365B80A5CAEF14395E83A8CDF2173C6186ABD0F51A3F6489AED3F81D42678CB1D6FB20456A8FB4D9FE23486D92B7DC0126";

/// Everything that was said anywhere, by sink.
#[derive(Clone, Default)]
struct Heard(Arc<Mutex<Vec<(&'static str, String)>>>);

/// Not what was heard: the context shows its observer, and would be heard with it.
impl std::fmt::Debug for Heard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Heard")
    }
}

impl Heard {
    fn hear(&self, sink: &'static str, words: impl Into<String>) {
        self.0.lock().unwrap().push((sink, words.into()));
    }

    /// The sinks in which a form of a secret was heard.
    fn leaks(&self) -> Vec<&'static str> {
        let mut forms = [CANARY, SA].map(forms).concat();
        forms.extend(forms_of_hash());
        let heard = self.0.lock().unwrap();
        let mut sinks: Vec<&'static str> = heard
            .iter()
            .filter(|(_, words)| forms.iter().any(|form| words.contains(form.as_str())))
            .map(|(sink, _)| *sink)
            .collect();
        sinks.dedup();
        sinks
    }

    fn count(&self, sink: &str) -> usize {
        self.0
            .lock()
            .unwrap()
            .iter()
            .filter(|(of, _)| *of == sink)
            .count()
    }
}

/// Raw, quote-doubled, as Debug escapes it, UTF-16, hexadecimal, base64.
fn forms(secret: &str) -> Vec<String> {
    let wide: Vec<u8> = secret.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let base64 = base64::engine::general_purpose::STANDARD_NO_PAD;
    vec![
        secret.to_owned(),
        secret.replace('\'', "''"),
        format!("{secret:?}").trim_matches('"').to_owned(),
        format!("{:?}", secret.replace('\'', "''"))
            .trim_matches('"')
            .to_owned(),
        secret.chars().flat_map(|c| [c, '\0']).collect(),
        hex::encode(secret),
        hex::encode_upper(secret),
        hex::encode(&wide),
        hex::encode_upper(&wide),
        base64.encode(secret),
        base64.encode(&wide),
    ]
}

/// The digits in capitals and small letters, also of a part, and the bytes in base64.
fn forms_of_hash() -> Vec<String> {
    let bytes = hex::decode(HASH).unwrap();
    let shown = format!("{bytes:?}");
    let base64 = base64::engine::general_purpose::STANDARD_NO_PAD;
    let mut forms = vec![
        base64.encode(&bytes),
        shown.trim_matches(['[', ']']).to_owned(),
    ];
    for part in [HASH, &HASH[20..52], &HASH[100..]] {
        forms.extend([part.to_owned(), part.to_ascii_lowercase()]);
        forms.extend(self::forms(part));
    }
    forms
}

/// Every event at every level, the driver's included, as text.
struct Events(Heard);

impl Write for Events {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.hear("tracing", String::from_utf8_lossy(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Heard {
    type Writer = Events;

    fn make_writer(&'a self) -> Events {
        Events(self.clone())
    }
}

impl Observer for Heard {
    fn on_progress(&self, progress: &Progress) {
        self.hear("progress", format!("{progress:?}"));
    }
}

fn instance() -> SqlInstance {
    "SQL01".parse().unwrap()
}

struct Scene {
    heard: Heard,
    cx: Context,
    server: SimulatedInstance,
    endpoint: Endpoint,
    _listener: Listener,
    _folder: tempfile::TempDir,
}

/// Makes a context whose transport is a driver with this endpoint and login.
type Driver = fn(ContextBuilder, Endpoint, Login) -> ContextBuilder;

fn tiberius(builder: ContextBuilder, endpoint: Endpoint, login: Login) -> ContextBuilder {
    let transport = TiberiusTransport::builder().instance(instance(), endpoint, login);
    builder.sql(transport.build().unwrap())
}

#[cfg(feature = "mssql-tds")]
fn mssql_tds(builder: ContextBuilder, endpoint: Endpoint, login: Login) -> ContextBuilder {
    let transport = MssqlTdsTransport::builder().instance(instance(), endpoint, login);
    builder.sql(transport.build().unwrap())
}

const DRIVERS: &[Driver] = &[
    tiberius,
    #[cfg(feature = "mssql-tds")]
    mssql_tds,
];

async fn scene(driver: Driver) -> Scene {
    let folder = tempfile::tempdir().unwrap();
    let server = SimulatedInstance::builder("SQL01", folder.path().join("instance"))
        .machine_secret(folder.path().join("machine.secret"))
        .sa_password(Secret::new(SA.to_owned()))
        .key_derivation_cost(std::num::NonZeroU32::MIN)
        .build()
        .unwrap();
    server.create_folder(r"C:\c").unwrap();
    let listener = Listener::bind(&server, 0, TlsMode::Full).await.unwrap();
    let address = listener.address();
    let ca = listener.ca_pem().unwrap().as_bytes().to_vec();
    let endpoint = Endpoint::new(address.ip().to_string(), address.port()).tls(Tls::CaPem(ca));
    let heard = Heard::default();
    let secrets =
        MapSecrets::new().secret(SecretRef::named("canary"), Secret::new(CANARY.to_owned()));
    Scene {
        cx: context(driver, &endpoint, secrets, &heard),
        heard,
        server,
        endpoint,
        _listener: listener,
        _folder: folder,
    }
}

fn context(driver: Driver, endpoint: &Endpoint, secrets: MapSecrets, heard: &Heard) -> Context {
    let login = Login::sql_server("sa", Secret::new(SA.to_owned()));
    driver(Context::builder(), endpoint.clone(), login)
        .secrets(secrets)
        .observer(heard.clone())
        .build()
        .unwrap()
}

impl Scene {
    /// The same with other secrets.
    fn with_secrets(self, driver: Driver, secrets: MapSecrets) -> Self {
        let cx = context(driver, &self.endpoint, secrets, &self.heard);
        Self { cx, ..self }
    }

    /// Does everything with an operation that says something.
    async fn perform(&self, operation: &AnyOperation) {
        let heard = &self.heard;
        heard.hear(
            "Debug",
            format!("{operation:?} {operation:#?} {:?}", self.cx),
        );
        heard.hear("JSON", serde_json::to_string(operation).unwrap());
        let description = operation.describe();
        heard.hear(
            "description",
            format!(
                "{description:?} {}",
                serde_json::to_string(&description).unwrap()
            ),
        );
        match operation.observe(&self.cx).await {
            Ok(observation) => heard.hear("observation", format!("{observation:?}")),
            Err(error) => heard.hear("error", format!("{error} {error:?} {:?}", error.remedy())),
        }
        match operation.run(&self.cx).await {
            Ok(output) => heard.hear(
                "output",
                format!("{output:?} {}", serde_json::to_string(&output).unwrap()),
            ),
            Err(error) => {
                heard.hear("error", format!("{error} {error:?} {:?}", error.remedy()));
                heard.hear("error", format!("{:?}", error.sql_messages()));
            }
        }
    }
}

fn listen(heard: &Heard) -> tracing::subscriber::DefaultGuard {
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(heard.clone())
        .with_ansi(false)
        .finish();
    tracing::subscriber::set_default(subscriber)
}

#[tokio::test]
async fn the_canary_is_heard_nowhere() {
    for driver in DRIVERS {
        operate(&scene(*driver).await).await;
    }
}

/// Does everything with everything that knows a secret.
async fn operate(scene: &Scene) {
    let _guard = listen(&scene.heard);
    for operation in every_operation(&SecretRef::named("canary")) {
        scene.perform(&operation).await;
    }
    for sink in [
        "Debug",
        "JSON",
        "description",
        "observation",
        "error",
        "output",
        "tracing",
        "progress",
    ] {
        assert!(scene.heard.count(sink) > 0, "nothing was heard in {sink}");
    }
    assert_eq!(scene.heard.leaks(), Vec::<&str>::new());
    println!(
        "canary: {} operations, {} events, 0 leaks",
        AnyOperation::TAGS.len(),
        scene.heard.count("tracing")
    );
}

#[tokio::test]
async fn nor_when_the_server_says_it_back() {
    for driver in DRIVERS {
        echo(&scene(*driver).await).await;
    }
}

/// Has the server say the canary in its errors.
async fn echo(scene: &Scene) {
    let _guard = listen(&scene.heard);
    for form in forms(CANARY) {
        for (number, class) in [
            (102, 15),
            (105, 15),
            (50_000, 16),
            (15_240, 16),
            (15_466, 16),
        ] {
            for statement in ["BACKUP SERVICE MASTER KEY", "RESTORE SERVICE MASTER KEY"] {
                let message = SqlMessage {
                    number,
                    state: 1,
                    class,
                    text: format!("Incorrect syntax near '{form}'."),
                    procedure: form.clone(),
                    line: 1,
                };
                scene
                    .server
                    .faults()
                    .install(Fault::when_statement_contains(statement).raise(message));
            }
            for operation in every_operation(&SecretRef::named("canary")) {
                if serde_json::to_string(&operation)
                    .unwrap()
                    .contains("canary")
                {
                    scene.perform(&operation).await;
                }
            }
            scene.server.faults().clear();
        }
    }
    assert!(
        scene.heard.count("error") > 50,
        "{}",
        scene.heard.count("error")
    );
    assert_eq!(scene.heard.leaks(), Vec::<&str>::new());
    println!(
        "canary: said back in {} forms, {} errors, 0 leaks",
        forms(CANARY).len(),
        scene.heard.count("error")
    );
}

/// A login's hash goes from one server to another, and is heard on neither side of the way; nor where
/// the server says it back.
#[tokio::test]
async fn the_hash_of_a_login_is_heard_nowhere() {
    for driver in DRIVERS {
        let scene = scene(*driver).await;
        let mut session = SimulatorTransport::builder()
            .instance(instance(), &scene.server, "sa", Secret::new(SA.to_owned()))
            .build()
            .connect(&instance(), None)
            .await
            .unwrap();
        let make = format!(
            "CREATE LOGIN ann WITH PASSWORD = 0x{HASH} HASHED, SID = 0xA1A2A3A4A5A6A7A8A9B0B1B2B3B4B5B6; \
             CREATE DATABASE d; USE d; CREATE USER ann; USE master"
        );
        let mut run = async |text: &str| {
            let mut heard = Vec::new();
            let mut sink = Sink(&mut heard);
            let batch = SqlBatch::open(text);
            session.execute(batch, &mut sink).await.unwrap();
            assert!(heard.is_empty(), "{heard:?}");
        };
        run(&make).await;
        let guard = listen(&scene.heard);
        let capture = Principals::capture(&instance(), &"d".parse().unwrap());
        scene.perform(&capture.clone().into()).await;
        let captured = capture.run(&scene.cx).await.unwrap();
        assert!(captured.password_hashes().expose().contains(HASH));
        assert!(captured.script().expose().contains(HASH));
        let hear = |what: String| scene.heard.hear("output", what);
        hear(format!("{captured:?} {captured:#?}"));
        hear(format!(
            "{:?} {:?}",
            captured.script(),
            captured.password_hashes()
        ));
        drop(guard);
        run("DROP LOGIN ann").await;

        let guard = listen(&scene.heard);
        let hashes =
            MapSecrets::new().secret(SecretRef::named("hashes"), captured.password_hashes());
        let scene = scene.with_secrets(*driver, hashes);
        let restore: AnyOperation = captured
            .restore(&instance())
            .password_hashes(SecretRef::named("hashes"))
            .into();
        for form in [
            HASH.to_owned(),
            HASH.to_ascii_lowercase(),
            HASH[20..60].to_owned(),
        ] {
            let message = SqlMessage {
                number: 15_021,
                state: 1,
                class: 16,
                text: format!("Invalid value 0x{form}."),
                procedure: form.clone(),
                line: 1,
            };
            let fault = Fault::when_statement_contains("HASHED").raise(message);
            scene.server.faults().install(fault);
            scene.perform(&restore).await;
            assert_eq!(scene.server.faults().outstanding(), 0);
            run("DROP LOGIN ann").await;
        }
        scene.perform(&restore).await;
        drop(guard);
        assert!(scene.heard.count("error") >= 3 && scene.heard.count("output") >= 3);
        assert_eq!(scene.heard.leaks(), Vec::<&str>::new());
    }
    for form in forms_of_hash() {
        let heard = Heard::default();
        heard.hear("output", form);
        assert_eq!(heard.leaks(), ["output"]);
    }
}

/// Keeps the errors.
struct Sink<'a>(&'a mut Vec<SqlMessage>);

impl SqlSink for Sink<'_> {
    fn columns(&mut self, _: &[SqlColumn]) {}

    fn row(&mut self, _: Vec<SqlValue>) {}

    fn message(&mut self, message: SqlMessage) {
        if message.is_error() {
            self.0.push(message);
        }
    }
}

#[tokio::test]
async fn a_wrong_password_of_the_login_is_heard_nowhere() {
    let scene = scene(tiberius).await;
    let _guard = listen(&scene.heard);
    for driver in DRIVERS {
        let login = Login::sql_server(SA, Secret::new(SA.to_owned()));
        let nowhere = Endpoint::new("127.0.0.1", 1);
        let cx = driver(Context::builder(), nowhere, login).build().unwrap();
        let error = ServiceMasterKey::inspect(&instance())
            .run(&cx)
            .await
            .unwrap_err();
        scene.heard.hear("error", format!("{error} {error:?}"));
    }
    scene.heard.hear(
        "Debug",
        format!("{:?}", Login::sql_server("sa", Secret::new(SA.to_owned()))),
    );
    assert_eq!(scene.heard.leaks(), Vec::<&str>::new());
}

#[test]
fn a_planted_leak_is_found_in_each_sink() {
    for sink in [
        "Debug",
        "JSON",
        "description",
        "observation",
        "error",
        "output",
        "progress",
    ] {
        for form in forms(CANARY) {
            let heard = Heard::default();
            heard.hear(sink, format!("before {form} after"));
            assert_eq!(heard.leaks(), [sink]);
        }
    }
    let heard = Heard::default();
    let guard = listen(&heard);
    for form in forms(SA) {
        tracing::trace!(%form, "planted");
    }
    drop(guard);
    assert_eq!(heard.leaks(), ["tracing"]);
    let heard = Heard::default();
    heard.on_progress(&Progress::Notice {
        operation: "x",
        text: CANARY.to_owned(),
    });
    assert_eq!(heard.leaks(), ["progress"]);
    println!("canary: planted leaks found in 8 of 8 sinks");
}
