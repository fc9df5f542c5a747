//! What tests of statements share: instances in temporary folders, and sessions without a client.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::path::Path;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::Session;
use crate::secret::Secret;
use crate::simulator::catalog::{Bytes, RecoveryModel};
use crate::simulator::instance::{Instance, NewDatabase, same_name};
use crate::simulator::{InstanceBuilder, SimulatedInstance};

pub(crate) const SA_PASSWORD: &str = "sa's Password 1";

/// An instance in `folder`, on a machine of its own, with passwords that are cheap to derive.
pub(crate) fn builder(folder: &Path, name: &str) -> InstanceBuilder {
    SimulatedInstance::builder(name, folder.join(name))
        .key_derivation_cost(NonZeroU32::MIN)
        .sa_password(Secret::new(SA_PASSWORD.to_owned()))
}

pub(crate) fn start(folder: &Path, name: &str) -> SimulatedInstance {
    builder(folder, name).build().unwrap()
}

pub(crate) fn session(instance: &SimulatedInstance, login: &str, database: &str) -> Session {
    Session {
        instance: Arc::clone(&instance.inner),
        spid: 51,
        login: login.to_owned(),
        database: database.to_owned(),
        killed: CancellationToken::new(),
        line: 1,
        procedure: String::new(),
        transactions: 0,
        open_master_keys: BTreeMap::new(),
        open_symmetric_keys: Vec::new(),
    }
}

pub(crate) fn sa(instance: &SimulatedInstance, database: &str) -> Session {
    session(instance, "sa", database)
}

pub(crate) fn create_database(instance: &Instance, name: &str) {
    let new = NewDatabase {
        name: name.to_owned(),
        owner: Bytes(vec![1]),
        files: Vec::new(),
        recovery_model: RecoveryModel::Simple,
    };
    let mut state = instance.state();
    let id = state.catalog.free_database_id();
    instance
        .edit(&mut state, |edit| {
            let (entry, database) = new.make(instance, id)?;
            edit.open(&entry, database);
            Ok(())
        })
        .unwrap();
}

/// Moves a database to another instance, as a backup and a restore do.
pub(crate) fn move_database(from: &Instance, to: &Instance, name: &str) {
    let (entry, bytes) = {
        let mut state = from.state();
        let entry = state.entry(name).unwrap().clone();
        (
            entry,
            state.database_mut(name).unwrap().data_file().unwrap(),
        )
    };
    let mut state = to.state();
    let mut entry = entry;
    entry.id = state.catalog.free_database_id();
    entry.master_key_copy = None;
    state
        .catalog
        .databases
        .retain(|other| !same_name(&other.name, name));
    to.edit(&mut state, |edit| {
        edit.open(
            &entry,
            crate::simulator::instance::open_data_file(&bytes).unwrap(),
        );
        Ok(())
    })
    .unwrap();
}
