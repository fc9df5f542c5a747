//! A session: one login, one current database, its variables and open keys.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::simulator::catalog::Guid;
use crate::simulator::instance::Instance;
use crate::simulator::keys::KeyMaterial;
use crate::simulator::output::{Gone, Output};
use crate::simulator::server_error::Result;
use crate::simulator::wire_type::WireType;
use crate::transport::SqlValue;

/// What LOGIN7 asks for.
#[derive(Debug)]
pub(crate) struct LoginRequest {
    pub(crate) user: String,
    pub(crate) password: String,
    /// The database to start in; the login's default where it is `None`.
    pub(crate) database: Option<String>,
    pub(crate) host_name: String,
    pub(crate) program_name: String,
}

/// A parameter of an RPC.
#[derive(Clone, Debug)]
pub(crate) struct Parameter {
    /// With its `@`; empty where it is given by position.
    pub(crate) name: String,
    pub(crate) kind: WireType,
    pub(crate) value: SqlValue,
    pub(crate) is_output: bool,
}

/// What a client asks a session to run.
#[derive(Clone, Debug)]
pub(crate) enum Request {
    Batch(String),
    /// `sp_executesql` and other procedures called by name.
    Rpc {
        procedure: String,
        parameters: Vec<Parameter>,
    },
}

/// A session: dropped when its connection ends.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) instance: Arc<Instance>,
    pub(crate) spid: i16,
    pub(crate) login: String,
    pub(crate) database: String,
    /// The line of the statement that runs now: what its messages carry.
    pub(crate) line: u32,
    /// The procedure that runs now, or empty.
    pub(crate) procedure: String,
    /// Transactions begun and not ended (`@@TRANCOUNT`).
    pub(crate) transactions: u32,
    /// Set by `KILL`: the connection closes.
    pub(crate) killed: CancellationToken,
    /// Database master keys opened by password, by lower-case database name.
    pub(crate) open_master_keys: BTreeMap<String, KeyMaterial>,
    pub(crate) open_symmetric_keys: Vec<OpenSymmetricKey>,
}

#[derive(Clone, Debug)]
pub(crate) struct OpenSymmetricKey {
    pub(crate) database: String,
    pub(crate) name: String,
    pub(crate) guid: Guid,
    pub(crate) material: KeyMaterial,
}

impl Session {
    /// Signs in: checks the password (18456) and the database (4060, then 18456).
    pub(crate) fn open(instance: &Arc<Instance>, request: &LoginRequest) -> Result<Self> {
        let _ = (instance, request);
        Err(crate::simulator::server_error::ServerError::unsupported(
            "signing in yet",
        ))
    }

    /// Runs a request and sends what it answers. Server errors are replies; `Gone` means that the
    /// client is gone or the session was killed, and the session must be dropped.
    pub(crate) async fn execute(&mut self, request: Request, output: &Output) -> Result<(), Gone> {
        let _ = (request, output);
        Err(Gone)
    }
}
