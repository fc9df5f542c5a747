//! A transport over which a server says yes when it is asked whether a login has a right, so that an
//! operation does what it would do had it never asked.

use std::sync::Arc;

use async_trait::async_trait;
use scorch_recovery::names::{DatabaseName, SqlInstance};
use scorch_recovery::transport::{
    SqlBatch, SqlCapabilities, SqlSession, SqlSink, SqlTransport, SqlValue, TransportError, Wire,
};

use super::changed_rows::ChangedRows;

#[derive(Debug)]
pub(crate) struct Blinded {
    inner: Arc<dyn SqlTransport>,
    /// The question, as a batch holds it.
    question: String,
}

impl Blinded {
    pub(crate) fn to(inner: Arc<dyn SqlTransport>, permission: &str) -> Self {
        Self {
            inner,
            question: format!("N'{permission}') AS allowed"),
        }
    }
}

#[async_trait]
impl SqlTransport for Blinded {
    fn capabilities(&self) -> SqlCapabilities {
        self.inner.capabilities()
    }

    async fn connect(
        &self,
        instance: &SqlInstance,
        database: Option<&DatabaseName>,
    ) -> Result<Box<dyn SqlSession>, TransportError> {
        let inner = self.inner.connect(instance, database).await?;
        let question = self.question.clone();
        Ok(Box::new(Session { inner, question }))
    }
}

#[derive(Debug)]
struct Session {
    inner: Box<dyn SqlSession>,
    question: String,
}

#[async_trait]
impl SqlSession for Session {
    async fn execute(
        &mut self,
        batch: SqlBatch,
        sink: &mut dyn SqlSink,
    ) -> Result<(), TransportError> {
        let text = batch.redacted();
        // xp_fileexist says no to those without CONTROL SERVER: whom to believe is that question.
        let is_asked = text.contains(&self.question) && !text.contains("xp_fileexist");
        if !is_asked {
            return self.inner.execute(batch, sink).await;
        }
        let yes = |column: &str, value: &mut SqlValue| {
            if column == "allowed" {
                *value = SqlValue::Int(1);
            }
        };
        let mut changed = ChangedRows::new(sink, &yes);
        self.inner.execute(batch, &mut changed).await
    }

    fn wire(&self) -> Wire {
        self.inner.wire()
    }
}
