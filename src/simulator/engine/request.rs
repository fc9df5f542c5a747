//! What a client asks for: to sign in, and what to run.

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
    /// The language of the session; the usual one where it is `None`.
    pub(crate) language: Option<String>,
    /// What is to be the login's password from now on.
    pub(crate) new_password: Option<String>,
}

/// A parameter of an RPC.
#[derive(Clone, Debug)]
pub(crate) struct Parameter {
    /// With its `@`; empty where it is given by position.
    pub(crate) name: String,
    pub(crate) kind: WireType,
    /// `None` leaves it at its default.
    pub(crate) value: Option<SqlValue>,
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
    /// What drivers begin and end transactions by.
    Transaction(Vec<TransactionRequest>),
}

/// A request about the session's transaction. Names are empty where none is given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum TransactionRequest {
    Begin {
        name: String,
        isolation: Isolation,
    },
    Commit,
    /// To the savepoint of that name, or all of it.
    Rollback {
        name: String,
    },
    Save {
        name: String,
    },
}

/// How a transaction is kept apart from others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Isolation {
    /// As it was.
    Unchanged,
    ReadUncommitted,
    /// Or stricter: here they are all the same.
    ReadCommitted,
}
