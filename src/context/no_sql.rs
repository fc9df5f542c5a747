use async_trait::async_trait;

use crate::names::{DatabaseName, SqlInstance};
use crate::transport::{
    CancelSupport, ErrorSupport, MessageSupport, SqlCapabilities, SqlSession, SqlTransport,
    TransportError, TransportErrorKind,
};

/// Stands where a context for hosts alone has no transport to SQL Server.
#[derive(Debug)]
pub(super) struct NoSql;

#[async_trait]
impl SqlTransport for NoSql {
    fn capabilities(&self) -> SqlCapabilities {
        SqlCapabilities {
            messages: MessageSupport::None,
            errors: ErrorSupport::First,
            cancel: CancelSupport::Disconnect,
        }
    }

    async fn connect(
        &self,
        _: &SqlInstance,
        _: Option<&DatabaseName>,
    ) -> Result<Box<dyn SqlSession>, TransportError> {
        Err(TransportError::new(
            TransportErrorKind::Unsupported,
            "the context has no transport to SQL Server; call ContextBuilder::sql",
        ))
    }
}
