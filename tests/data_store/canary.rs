//! Secrets that strategies are told come out nowhere: not in plans, outputs, errors, progress or logs.

use std::io;
use std::sync::{Arc, Mutex};

use scorch_recovery::orchestrator::{DataStoreConfig, DataStoreStrategy, WriteDataStoreConfig};
use scorch_recovery::simulator::hosts::{OrchestratorVersion, SimulatedSetup};
use scorch_recovery::{AnyOperation, Context, Observer, Operation, Progress, SecretRef};
use tracing_subscriber::fmt::MakeWriter;

use super::wire::PASSWORD;
use super::world::{HOST, SETUP_LOG, Server, World, Writes, named};

/// All that was said.
#[derive(Clone, Debug, Default)]
struct Heard(Arc<Mutex<Vec<u8>>>);

impl Heard {
    fn hear(&self, what: &str) {
        self.0.lock().unwrap().extend_from_slice(what.as_bytes());
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap()).into_owned()
    }
}

impl io::Write for Heard {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Heard {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

impl Observer for Heard {
    fn on_progress(&self, progress: &Progress) {
        self.hear(&format!("{progress:?}\n"));
    }
}

/// Does all that an operation can do, and hears it. Whether it ran well.
async fn perform(heard: &Heard, cx: &Context, write: WriteDataStoreConfig) -> bool {
    let operation = AnyOperation::from(write);
    heard.hear(&format!(
        "{operation:?} {} {:?}",
        serde_json::to_string(&operation).unwrap(),
        operation.describe()
    ));
    match operation.observe(cx).await {
        Ok(seen) => heard.hear(&format!("{seen:?}")),
        Err(error) => heard.hear(&format!("{error} {error:?}")),
    }
    match operation.run(cx).await {
        Ok(output) => {
            let json = serde_json::to_string(&output).unwrap();
            heard.hear(&format!("{output:?} {json}"));
            true
        }
        Err(error) => {
            heard.hear(&format!("{error} {error:?} {:?}", error.remedy()));
            false
        }
    }
}

fn context(world: &World, heard: &Heard) -> Context {
    let writer = world.writer(Writes::AsTold);
    let builder = world.builder().observer(heard.clone());
    builder.data_store_writer(writer).build().unwrap()
}

#[tokio::test]
async fn the_secrets_of_the_strategies_are_heard_nowhere() {
    let server = Server::new(7).await;
    let heard = Heard::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(heard.clone())
        .with_ansi(false)
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let with_login = |world: &World| {
        let login = SecretRef::named("store");
        let config = world.config("New");
        config
            .sql_authentication(&named("orchestrator"), login)
            .unwrap()
    };
    let setup = || SimulatedSetup::of(OrchestratorVersion::V2022, named(SETUP_LOG));
    // It ends well, with its command line in its log; and badly.
    for (setup, ends_well) in [
        (setup().logs_command_line(), true),
        (setup().logs_command_line().fails_with(1603), false),
    ] {
        let world = server.rebuilt(setup);
        let cx = context(&world, &heard);
        let setup = world.setup().await.exposing(&SecretRef::named("store"));
        let write = DataStoreConfig::write(&named(HOST), &with_login(&world)).strategy(setup);
        assert_eq!(perform(&heard, &cx, write).await, ends_well);
        // It was told: the log has it, in UTF-16.
        let log = world.host().read_file(&named(SETUP_LOG)).unwrap();
        let units: Vec<u8> = PASSWORD.encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert!(log.windows(units.len()).any(|window| window == units));
        for call in world.hosts.faults().take_trace() {
            heard.hear(&call);
        }
    }
    let world = server.world(OrchestratorVersion::V2022).await;
    let cx = context(&world, &heard);
    let write = DataStoreConfig::write(&named(HOST), &with_login(&world))
        .strategy(DataStoreStrategy::HostProvided);
    assert!(perform(&heard, &cx, write).await);
    let text = heard.text();
    for part in ["/ServicePassword:***", "change the secrets", "1603"] {
        assert!(text.contains(part), "{part} was not heard");
    }
    assert!(!text.contains(PASSWORD), "the canary was heard");
    println!(
        "canary: {} bytes heard of three writes, 0 leaks",
        text.len()
    );
}
