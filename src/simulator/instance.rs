//! A simulated instance: one folder, one service master key, its databases and sessions.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use tokio_util::sync::CancellationToken;

use crate::simulator::catalog::{Catalog, Contents};
use crate::simulator::keys::KeyMaterial;
use crate::simulator::storage::Disk;
use crate::simulator::{Faults, ModellingChoices, Version};

/// Sets up a [`SimulatedInstance`].
#[derive(Debug)]
pub struct InstanceBuilder {
    pub(crate) name: String,
    pub(crate) folder: PathBuf,
    pub(crate) machine_secret: PathBuf,
    pub(crate) version: Version,
    pub(crate) choices: ModellingChoices,
    pub(crate) shares: BTreeMap<String, PathBuf>,
}

/// A running SQL Server of this library's own making.
#[derive(Clone, Debug)]
pub struct SimulatedInstance {
    pub(crate) inner: Arc<Instance>,
}

impl SimulatedInstance {
    /// The faults that tests make this instance have.
    #[must_use]
    pub fn faults(&self) -> &Faults {
        &self.inner.faults
    }
}

/// What all sessions of an instance share.
#[derive(Debug)]
pub(crate) struct Instance {
    pub(crate) name: String,
    pub(crate) version: Version,
    pub(crate) choices: ModellingChoices,
    pub(crate) disk: Disk,
    pub(crate) faults: Faults,
    /// Locked for the length of a step, never across an await.
    pub(crate) state: Mutex<State>,
}

#[derive(Debug)]
pub(crate) struct State {
    pub(crate) catalog: Catalog,
    /// `None`: the machine's secret did not open it.
    pub(crate) service_master_key: Option<KeyMaterial>,
    /// The databases that are online, by lower-case name.
    pub(crate) databases: BTreeMap<String, OpenDatabase>,
    pub(crate) sessions: BTreeMap<i16, SessionInfo>,
    pub(crate) locks: Locks,
}

/// What sessions hold against each other.
#[derive(Debug, Default)]
pub(crate) struct Locks {
    /// Who has a single-user database, by lower-case name.
    pub(crate) single_user: BTreeMap<String, i16>,
    pub(crate) application: Vec<ApplicationLock>,
}

/// A lock of `sp_getapplock`.
#[derive(Debug)]
pub(crate) struct ApplicationLock {
    pub(crate) database: String,
    pub(crate) resource: String,
    /// `Exclusive`, `Shared` and so on.
    pub(crate) mode: String,
    pub(crate) spid: i16,
    /// Released by the end of the transaction, not of the session.
    pub(crate) of_transaction: bool,
}

/// An online database: its contents, and its rows in SQLite's memory.
#[derive(Debug)]
pub(crate) struct OpenDatabase {
    pub(crate) contents: Contents,
    pub(crate) rows: rusqlite::Connection,
}

/// What `sys.dm_exec_sessions` and `sys.dm_exec_requests` show of a session.
#[derive(Debug)]
pub(crate) struct SessionInfo {
    pub(crate) login: String,
    pub(crate) database: String,
    pub(crate) login_time: time::PrimitiveDateTime,
    pub(crate) host_name: String,
    pub(crate) program_name: String,
    /// The statement that runs now: `BACKUP DATABASE`, and how far it is.
    pub(crate) request: Option<RequestInfo>,
    /// Set by `KILL` and by closing the database under it.
    pub(crate) killed: CancellationToken,
}

#[derive(Clone, Debug)]
pub(crate) struct RequestInfo {
    pub(crate) command: String,
    pub(crate) percent_complete: f32,
    pub(crate) started: time::PrimitiveDateTime,
}
