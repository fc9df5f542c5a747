//! The ports: what a host plugs in, and the plain types they speak.
//!
//! Ports are small verbs. Waiting, retrying, ordering and T-SQL live above them, once.

mod clock;
mod deadlines;
mod error;
mod secrets;
mod sql;
mod sql_batch;
mod sql_message;
mod sql_value;

pub use clock::{Clock, SystemClock};
pub use deadlines::Deadlines;
pub(crate) use error::printable;
pub use error::{TransportError, TransportErrorKind};
pub use secrets::SecretSource;
pub use sql::{
    CancelSupport, ErrorSupport, MessageSupport, SqlCapabilities, SqlSession, SqlSink,
    SqlTransport, Wire,
};
pub use sql_batch::SqlBatch;
pub use sql_message::SqlMessage;
pub use sql_value::{SqlColumn, SqlValue};
