use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use scorch_recovery::names::{DatabaseName, SqlInstance};
use scorch_recovery::transport::{
    SqlBatch, SqlCapabilities, SqlSession, SqlSink, SqlTransport, TransportError, Wire,
};

/// What was sent, with `***` for every secret.
pub(crate) type Record = Arc<Mutex<Vec<String>>>;

/// Reaches what the inner transport reaches, and keeps a record of what is sent.
#[derive(Debug)]
pub(crate) struct Recording<T> {
    pub(crate) inner: T,
    pub(crate) sent: Record,
}

#[async_trait]
impl<T: SqlTransport> SqlTransport for Recording<T> {
    fn capabilities(&self) -> SqlCapabilities {
        self.inner.capabilities()
    }

    async fn connect(
        &self,
        instance: &SqlInstance,
        database: Option<&DatabaseName>,
    ) -> Result<Box<dyn SqlSession>, TransportError> {
        let inner = self.inner.connect(instance, database).await?;
        let sent = Arc::clone(&self.sent);
        Ok(Box::new(RecordedSession { inner, sent }))
    }
}

#[derive(Debug)]
struct RecordedSession {
    inner: Box<dyn SqlSession>,
    sent: Record,
}

#[async_trait]
impl SqlSession for RecordedSession {
    async fn execute(
        &mut self,
        batch: SqlBatch,
        sink: &mut dyn SqlSink,
    ) -> Result<(), TransportError> {
        if let Ok(mut sent) = self.sent.lock() {
            // Never the clear text: it may hold a secret.
            sent.push(batch.redacted().to_owned());
        }
        self.inner.execute(batch, sink).await
    }

    fn wire(&self) -> Wire {
        self.inner.wire()
    }
}
