//! How the suite gets at the transports that we ship.
#![allow(dead_code, reason = "each test program uses a part of it")]

use std::num::NonZeroU32;
use std::sync::Arc;

use async_trait::async_trait;
use scorch_recovery::Secret;
use scorch_recovery::adapter::tiberius::{Endpoint, Login, TiberiusTransport, Tls};
use scorch_recovery::conformance::{PlayedServer, Protection, SqlTransportFixture};
use scorch_recovery::names::{DatabaseName, SqlInstance};
use scorch_recovery::simulator::{Listener, SimulatedInstance, SimulatorTransport, TlsMode};
use scorch_recovery::transport::{
    SqlBatch, SqlCapabilities, SqlSession, SqlSink, SqlTransport, TransportError, Wire,
};

const PASSWORD: &str = "Correct-Horse-1!";

/// A healthy server, with a door on the network.
#[derive(Debug)]
pub(crate) struct Server {
    instance: SimulatedInstance,
    listener: Listener,
    _folder: tempfile::TempDir,
}

impl Server {
    pub(crate) async fn start() -> Arc<Self> {
        let folder = tempfile::tempdir().unwrap();
        let instance = SimulatedInstance::builder("SQL01", folder.path().join("instance"))
            .machine_secret(folder.path().join("machine.secret"))
            .sa_password(Secret::new(PASSWORD.to_owned()))
            .key_derivation_cost(NonZeroU32::MIN)
            .build()
            .unwrap();
        let listener = Listener::bind(&instance, 0, TlsMode::Full).await.unwrap();
        Arc::new(Self {
            instance,
            listener,
            _folder: folder,
        })
    }

    pub(crate) const fn address(&self) -> std::net::SocketAddr {
        self.listener.address()
    }

    pub(crate) fn ca_pem(&self) -> &str {
        self.listener.ca_pem().unwrap()
    }
}

pub(crate) fn name() -> SqlInstance {
    "SQL01".parse().unwrap()
}

pub(crate) fn password() -> Secret {
    Secret::new(PASSWORD.to_owned())
}

/// The simulator's own transport, which has no wire.
#[derive(Clone, Debug)]
pub(crate) struct InProcess(pub(crate) Arc<Server>);

impl SqlTransportFixture for InProcess {
    fn instance(&self) -> SqlInstance {
        name()
    }

    fn transport(&self) -> Box<dyn SqlTransport> {
        self.with_password(password()).unwrap()
    }

    fn with_password(&self, password: Secret) -> Option<Box<dyn SqlTransport>> {
        let builder =
            SimulatorTransport::builder().instance(name(), &self.0.instance, "sa", password);
        Some(Box::new(builder.build()))
    }
}

/// A driver, over TLS.
#[derive(Clone, Debug)]
pub(crate) struct OverWire(pub(crate) Arc<Server>, pub(crate) &'static str);

impl SqlTransportFixture for OverWire {
    fn instance(&self) -> SqlInstance {
        name()
    }

    fn transport(&self) -> Box<dyn SqlTransport> {
        self.with_password(password()).unwrap()
    }

    fn with_password(&self, password: Secret) -> Option<Box<dyn SqlTransport>> {
        let tls = Tls::CaPem(self.0.ca_pem().as_bytes().to_vec());
        let login = Login::sql_server("sa", password);
        over(self.1, self.0.address().port(), tls, login)
    }

    fn reach(&self, server: &PlayedServer) -> Option<Box<dyn SqlTransport>> {
        reach(self.1, server)
    }
}

pub(crate) const TIBERIUS: &str = "tiberius";
pub(crate) const MSSQL_TDS: &str = "mssql-tds";

/// The drivers that speak over a wire.
pub(crate) const DRIVERS: &[&str] = &[
    TIBERIUS,
    #[cfg(feature = "mssql-tds")]
    MSSQL_TDS,
];

fn over(driver: &str, port: u16, tls: Tls, login: Login) -> Option<Box<dyn SqlTransport>> {
    to(driver, Endpoint::new("127.0.0.1", port).tls(tls), login)
}

fn to(driver: &str, endpoint: Endpoint, login: Login) -> Option<Box<dyn SqlTransport>> {
    match driver {
        TIBERIUS => {
            let builder = TiberiusTransport::builder().instance(name(), endpoint, login);
            Some(Box::new(builder.build().unwrap()))
        }
        #[cfg(feature = "mssql-tds")]
        MSSQL_TDS => {
            use scorch_recovery::adapter::mssql_tds::MssqlTdsTransport;
            let builder = MssqlTdsTransport::builder().instance(name(), endpoint, login);
            Some(Box::new(builder.build().unwrap()))
        }
        _ => None,
    }
}

/// A transport over one of them to a server that the suite plays.
pub(crate) fn reach(driver: &str, server: &PlayedServer) -> Option<Box<dyn SqlTransport>> {
    let endpoint = Endpoint::new("127.0.0.1", server.address.port());
    let trusting = |ca_pem: &str| Tls::CaPem(ca_pem.as_bytes().to_vec());
    let endpoint = match &server.protection {
        Protection::Tls { ca_pem } => endpoint.tls(trusting(ca_pem)),
        Protection::Strict { ca_pem } => endpoint.tls(trusting(ca_pem)).strict(),
        Protection::Plain => endpoint.tls(Tls::DangerPlaintext),
        _ => return None,
    };
    let login = Login::sql_server(&server.login, server.password.clone());
    to(driver, endpoint, login)
}

/// The same, but it believes whoever answers.
pub(crate) fn reach_anybody(driver: &str, server: &PlayedServer) -> Option<Box<dyn SqlTransport>> {
    let login = Login::sql_server(&server.login, server.password.clone());
    let port = server.address.port();
    over(driver, port, Tls::DangerTrustAnyCertificate, login)
}

/// A transport whose server is nowhere.
pub(crate) fn to_nowhere() -> Box<dyn SqlTransport> {
    over(
        TIBERIUS,
        9,
        Tls::SystemRoots,
        Login::sql_server("nobody", password()),
    )
    .unwrap()
}

/// A driver with a fault: what it got from the server is too much for it.
#[derive(Debug)]
pub(crate) struct Planted {
    inner: Box<dyn SqlTransport>,
    fault: String,
}

impl Planted {
    pub(crate) fn into(inner: Box<dyn SqlTransport>, fault: &str) -> Self {
        let fault = fault.to_owned();
        Self { inner, fault }
    }
}

#[async_trait]
impl SqlTransport for Planted {
    fn capabilities(&self) -> SqlCapabilities {
        self.inner.capabilities()
    }

    async fn connect(
        &self,
        instance: &SqlInstance,
        database: Option<&DatabaseName>,
    ) -> Result<Box<dyn SqlSession>, TransportError> {
        let inner = self.inner.connect(instance, database).await?;
        let fault = self.fault.clone();
        Ok(Box::new(PlantedSession { inner, fault }))
    }
}

#[derive(Debug)]
struct PlantedSession {
    inner: Box<dyn SqlSession>,
    fault: String,
}

#[async_trait]
impl SqlSession for PlantedSession {
    async fn execute(
        &mut self,
        batch: SqlBatch,
        sink: &mut dyn SqlSink,
    ) -> Result<(), TransportError> {
        let end = self.inner.execute(batch, sink).await;
        match self.fault.as_str() {
            // What came is taken for all that there is.
            "ignore-the-end" => return Ok(()),
            // 100 MiB, each page of it touched.
            "allocate" => drop(std::hint::black_box(vec![1_u8; 100 << 20])),
            // It blocks its thread, so that no deadline helps.
            "hang" => loop {
                std::thread::park();
            },
            other => panic!("there is no fault named {other}"),
        }
        end
    }

    fn wire(&self) -> Wire {
        self.inner.wire()
    }
}
