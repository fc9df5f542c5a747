//! The ports: what a host plugs in, and the plain types they speak.
//!
//! Ports are small verbs. Waiting, retrying, ordering and T-SQL live above them, once.

mod clock;
mod commands;
mod data_store;
mod deadlines;
mod error;
mod exposing_command;
mod files;
mod host_error;
mod registry;
mod secrets;
mod services;
mod sql;
mod sql_batch;
mod sql_message;
mod sql_value;
mod web;

pub use clock::{Clock, SystemClock};
pub use commands::{
    CommandOutput, CommandTransport, HostCommand, LONGEST_OUTPUT, ProcessStatus, output_text,
};
pub use data_store::{DataStoreLogin, DataStoreValues, DataStoreWriter};
pub use deadlines::Deadlines;
pub(crate) use error::printable;
pub use error::{TransportError, TransportErrorKind};
pub use exposing_command::{CommandArgument, ExposingCommand};
pub use files::{FileStatus, FileTransport, LONGEST_FILE};
pub use host_error::{HostError, codes};
pub use registry::{RegistryTransport, RegistryView};
pub use secrets::SecretSource;
pub use services::{ServiceState, ServiceStatus, ServiceTransport, StartType};
pub use sql::{
    CancelSupport, ErrorSupport, MessageSupport, SqlCapabilities, SqlSession, SqlSink,
    SqlTransport, Wire,
};
pub use sql_batch::SqlBatch;
pub use sql_message::SqlMessage;
pub use sql_value::{SqlColumn, SqlValue};
pub use web::{LONGEST_BODY, WebAnswer, WebCapabilities, WebTransport};
