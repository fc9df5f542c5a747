//! SQL Server and secrets behind the same faults as the hosts; and servers that nobody reaches any more.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use scorch_recovery::names::{DatabaseName, SqlInstance};
use scorch_recovery::simulator::SimulatorTransport;
use scorch_recovery::simulator::hosts::{HostFaultKind, SimulatedHosts};
use scorch_recovery::transport::{
    SecretSource, SqlBatch, SqlCapabilities, SqlMessage, SqlSession, SqlSink, SqlTransport,
    TransportError, TransportErrorKind, Wire,
};
use scorch_recovery::{Secret, SecretRef};

/// The canary: what it stands in, leaks.
pub(crate) const PASSWORD: &str = "A-long-passw0rd";

fn lost() -> TransportError {
    TransportError::new(TransportErrorKind::Timeout, "no answer")
}

/// The way to the instances, from wherever it is.
#[derive(Clone, Debug)]
pub(crate) struct Way {
    pub(crate) inner: SimulatorTransport,
    /// Where nobody listens any more.
    pub(crate) dead: Arc<Mutex<BTreeSet<SqlInstance>>>,
    /// Whose faults it has. The services of the hosts have none.
    pub(crate) faults: Option<SimulatedHosts>,
}

impl Way {
    fn fire(&self, call: String) -> Option<HostFaultKind> {
        self.faults.as_ref()?.faults().fire(call)
    }
}

#[async_trait]
impl SqlTransport for Way {
    fn capabilities(&self) -> SqlCapabilities {
        self.inner.capabilities()
    }

    async fn connect(
        &self,
        instance: &SqlInstance,
        database: Option<&DatabaseName>,
    ) -> Result<Box<dyn SqlSession>, TransportError> {
        match self.fire(format!("sql.connect {instance}")) {
            None => {}
            Some(HostFaultKind::Refused(_)) => {
                let kind = TransportErrorKind::Authenticate;
                return Err(TransportError::new(kind, "18456 login failed"));
            }
            Some(_) => return Err(lost()),
        }
        if self.dead.lock().unwrap().contains(instance) {
            let kind = TransportErrorKind::Connect;
            return Err(TransportError::new(kind, "nobody listens"));
        }
        let inner = self.inner.connect(instance, database).await?;
        let way = self.clone();
        Ok(Box::new(Faulty { inner, way }))
    }
}

#[derive(Debug)]
struct Faulty {
    inner: Box<dyn SqlSession>,
    way: Way,
}

#[async_trait]
impl SqlSession for Faulty {
    async fn execute(
        &mut self,
        batch: SqlBatch,
        sink: &mut dyn SqlSink,
    ) -> Result<(), TransportError> {
        match self.way.fire("sql.execute".to_owned()) {
            None => self.inner.execute(batch, sink).await,
            Some(HostFaultKind::Refused(_)) => {
                sink.message(SqlMessage {
                    number: 229,
                    state: 5,
                    class: 14,
                    text: "The SELECT permission was denied.".to_owned(),
                    procedure: String::new(),
                    line: 1,
                });
                Ok(())
            }
            Some(HostFaultKind::TimedOutAfter) => {
                self.inner.execute(batch, sink).await?;
                Err(lost())
            }
            Some(_) => Err(lost()),
        }
    }

    fn wire(&self) -> Wire {
        self.inner.wire()
    }
}

/// Every secret is the one password.
#[derive(Debug)]
pub(crate) struct OneSecret(pub(crate) SimulatedHosts);

#[async_trait]
impl SecretSource for OneSecret {
    async fn fetch(&self, name: &SecretRef) -> Result<Secret, TransportError> {
        match self.0.faults().fire(format!("secrets.fetch {name}")) {
            None => Ok(Secret::new(PASSWORD.to_owned())),
            Some(HostFaultKind::Refused(_)) => {
                let kind = TransportErrorKind::Authenticate;
                Err(TransportError::new(kind, "no"))
            }
            Some(_) => Err(lost()),
        }
    }
}
