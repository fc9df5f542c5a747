//! What tests of statements share: instances in temporary folders, and sessions without a client.

use std::num::NonZeroU32;
use std::path::Path;

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
    Session::new(&instance.inner, 51, login.to_owned(), database.to_owned())
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
    let database = state.open_data_file(&bytes).unwrap();
    let mut entry = entry;
    entry.id = state.catalog.free_database_id();
    entry.master_key_copy = None;
    state
        .catalog
        .databases
        .retain(|other| !same_name(&other.name, name));
    to.edit(&mut state, |edit| {
        edit.open(&entry, database);
        Ok(())
    })
    .unwrap();
}

/// What a batch was answered with.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    pub(crate) columns: Vec<crate::simulator::wire_type::WireColumn>,
    /// The rows of all result sets, as text; NULL is `NULL`.
    pub(crate) rows: Vec<Vec<String>>,
    pub(crate) messages: Vec<crate::transport::SqlMessage>,
    /// `CurCmd`, count and error bit of each end.
    pub(crate) ends: Vec<(u16, Option<u64>, bool)>,
}

impl Answer {
    /// The numbers of the errors.
    pub(crate) fn errors(&self) -> Vec<i32> {
        self.messages
            .iter()
            .filter(|m| m.is_error())
            .map(|m| m.number)
            .collect()
    }
}

/// Runs a batch to its end.
pub(crate) async fn run(session: &mut Session, batch: &str) -> Answer {
    use crate::simulator::output::{Output, Reply};
    let (output, mut replies) = Output::channel();
    let work = async {
        let end = session
            .execute(super::Request::Batch(batch.to_owned()), &output)
            .await;
        drop(output);
        end
    };
    let watch = async {
        let mut answer = Answer::default();
        while let Some(reply) = replies.recv().await {
            match reply {
                Reply::Columns(columns) => answer.columns = columns,
                Reply::Row(row) => answer.rows.push(
                    row.iter()
                        .map(|value| match value {
                            value if value.is_null() => "NULL".to_owned(),
                            crate::transport::SqlValue::Bytes(bytes) => {
                                format!("0x{}", hex::encode_upper(bytes))
                            }
                            value => super::value::plain_text(value),
                        })
                        .collect(),
                ),
                Reply::Message(message) => answer.messages.push(message),
                Reply::Done {
                    command,
                    rows,
                    is_error,
                } => {
                    answer.ends.push((command, rows, is_error));
                }
                _ => {}
            }
        }
        answer
    };
    let (_, answer) = tokio::join!(work, watch);
    answer
}

/// Signs in.
pub(crate) fn sign_in(instance: &SimulatedInstance, login: &str, password: &str) -> Session {
    let request = super::LoginRequest {
        user: login.to_owned(),
        password: password.to_owned(),
        database: None,
        host_name: "CLIENT".to_owned(),
        program_name: "test".to_owned(),
        language: None,
        new_password: None,
    };
    Session::open(&instance.inner, &request).unwrap()
}
