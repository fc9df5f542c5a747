//! A transport of one's own, held to the conformance suite: it keeps a record of what is sent.
//!
//! ```sh
//! cargo run --features simulator --example own_transport
//! ```

mod recording;

use recording::{Record, Recording};
use scorch_recovery::Secret;
use scorch_recovery::conformance::{SqlTransportFixture, sql_transport};
use scorch_recovery::names::SqlInstance;
use scorch_recovery::simulator::{SimulatedInstance, SimulatorTransport};
use scorch_recovery::transport::SqlTransport;

/// How the suite gets a transport.
#[derive(Debug)]
struct Fixture {
    server: SimulatedInstance,
    password: Secret,
    sent: Record,
}

impl SqlTransportFixture for Fixture {
    fn instance(&self) -> SqlInstance {
        "SQL01".parse().expect("it is a name")
    }

    fn transport(&self) -> Box<dyn SqlTransport> {
        self.with_password(self.password.clone())
            .expect("it takes a password")
    }

    fn with_password(&self, password: Secret) -> Option<Box<dyn SqlTransport>> {
        let inner = SimulatorTransport::builder()
            .instance(self.instance(), &self.server, "sa", password)
            .build();
        let sent = self.sent.clone();
        Some(Box::new(Recording { inner, sent }))
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    let password = Secret::new("A-long-passw0rd".to_owned());
    let server = SimulatedInstance::builder("SQL01", folder.path().join("instance"))
        .machine_secret(folder.path().join("machine.secret"))
        .sa_password(password.clone())
        .build()?;
    let sent = Record::default();
    let fixture = Fixture {
        server,
        password,
        sent: sent.clone(),
    };
    let report = sql_transport(fixture).without("hostile/").run().await;
    println!("{report}");
    let batches = sent.lock().map_or(0, |sent| sent.len());
    println!("{batches} batches were sent");
    report.assert_passed();
    Ok(())
}
