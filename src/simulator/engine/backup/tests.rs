//! Backups and restores, statement by statement.

mod backups;
mod damage;
mod history;
mod restores;
mod rows_of_media;

use std::path::Path;

use tokio_util::sync::CancellationToken;

use super::*;
use crate::simulator::SimulatedInstance;
use crate::simulator::catalog::{Bytes, DatabaseState, RecoveryModel};
use crate::simulator::engine::test_kit::{builder, create_database, sa, start};
use crate::simulator::instance::{SessionInfo, now};
use crate::simulator::output::Reply;
use crate::simulator::wire_type::WireColumn;
use crate::transport::SqlValue;

const BAK: &str = r"C:\a.bak";

fn argument(text: &str) -> TextArgument {
    TextArgument::Literal(text.to_owned())
}

fn disk(path: &str) -> Device {
    Device::Disk(argument(path))
}

fn backup_to(devices: &[&str], options: Vec<MediaOption>) -> BackupStatement {
    BackupStatement::Backup {
        is_log: false,
        database: argument("Orch"),
        devices: devices.iter().map(|path| disk(path)).collect(),
        options,
    }
}

fn backup(options: Vec<MediaOption>) -> BackupStatement {
    backup_to(&[BAK], options)
}

fn backup_log(path: &str, options: Vec<MediaOption>) -> BackupStatement {
    BackupStatement::Backup {
        is_log: true,
        database: argument("Orch"),
        devices: vec![disk(path)],
        options,
    }
}

fn read(kind: RestoreKind, path: &str, options: Vec<MediaOption>) -> BackupStatement {
    BackupStatement::Restore {
        kind,
        database: None,
        devices: vec![disk(path)],
        options,
    }
}

fn restore_from(
    kind: RestoreKind,
    name: &str,
    devices: &[&str],
    options: Vec<MediaOption>,
) -> BackupStatement {
    BackupStatement::Restore {
        kind,
        database: Some(argument(name)),
        devices: devices.iter().map(|path| disk(path)).collect(),
        options,
    }
}

fn restore(name: &str, options: Vec<MediaOption>) -> BackupStatement {
    restore_from(RestoreKind::Database, name, &[BAK], options)
}

/// MOVE of both files of `Orch` to files named `leaf`.
fn move_to(leaf: &str) -> Vec<MediaOption> {
    [("Orch", "mdf"), ("Orch_log", "ldf")]
        .map(|(logical, extension)| MediaOption::Move {
            logical: argument(logical),
            to: argument(&format!(r"C:\{leaf}.{extension}")),
        })
        .to_vec()
}

fn with(mut options: Vec<MediaOption>, more: &[MediaOption]) -> Vec<MediaOption> {
    options.extend_from_slice(more);
    options
}

/// What a statement answered.
#[derive(Debug, Default)]
struct Answer {
    /// Numbers of messages, and `-CurCmd` of ends, in their order.
    stream: Vec<i64>,
    texts: Vec<String>,
    columns: Vec<WireColumn>,
    rows: Vec<Vec<SqlValue>>,
    /// Numbers, classes and states.
    errors: Vec<(i32, u8, u8)>,
}

impl Answer {
    fn value(&self, row: usize, column: &str) -> &SqlValue {
        let at = self
            .columns
            .iter()
            .position(|known| known.name == column)
            .unwrap();
        &self.rows[row][at]
    }

    fn numbers(&self) -> Vec<i32> {
        self.errors.iter().map(|(number, ..)| *number).collect()
    }
}

async fn answer(session: &Session, statement: &BackupStatement) -> Answer {
    let (output, mut replies) = Output::channel();
    let work = async {
        let result = execute(session, statement, &output).await;
        drop(output);
        result
    };
    let collect = async {
        let mut answer = Answer::default();
        while let Some(reply) = replies.recv().await {
            match reply {
                Reply::Message(message) => {
                    assert_eq!(message.class, 0, "{}", message.text);
                    answer.stream.push(message.number.into());
                    answer.texts.push(message.text);
                }
                Reply::Done { command, .. } => answer.stream.push(-i64::from(command)),
                Reply::Columns(columns) => answer.columns = columns,
                Reply::Row(row) => answer.rows.push(row),
                other => panic!("{other:?}"),
            }
        }
        answer
    };
    let (result, mut answer) = tokio::join!(Box::pin(work), collect);
    match result {
        Ok(()) => {}
        Err(Failure::Gone) => panic!("the session ended"),
        Err(Failure::Server(error)) => {
            let parts = error
                .0
                .iter()
                .map(|part| (part.number, part.class, part.state));
            answer.errors = parts.collect();
            answer.texts = error.0.into_iter().map(|part| part.text).collect();
        }
    }
    answer
}

async fn ok(session: &Session, statement: &BackupStatement) -> Answer {
    let answer = answer(session, statement).await;
    assert!(
        answer.errors.is_empty(),
        "{:?} {:?}",
        answer.errors,
        answer.texts
    );
    answer
}

/// The errors without the 3013 that must be the last.
async fn errors(session: &Session, statement: &BackupStatement) -> Vec<(i32, u8, u8)> {
    let mut errors = answer(session, statement).await.errors;
    assert_eq!(errors.pop(), Some((3013, 16, 1)));
    errors
}

fn insert(instance: &SimulatedInstance, name: &str, value: i64) {
    let inner = &instance.inner;
    let mut state = inner.state();
    let done = inner.edit(&mut state, |edit| {
        let rows = &edit.database(name)?.rows;
        rows.execute_batch("CREATE TABLE IF NOT EXISTS t (a)")
            .unwrap();
        rows.execute("INSERT INTO t VALUES (?1)", [value]).unwrap();
        Ok(())
    });
    done.unwrap();
}

fn values(instance: &SimulatedInstance, name: &str) -> Vec<i64> {
    let state = instance.inner.state();
    let rows = &state.database(name).unwrap().rows;
    let mut statement = rows.prepare("SELECT a FROM t ORDER BY a").unwrap();
    statement
        .query_map([], |row| row.get(0))
        .unwrap()
        .map(Result::unwrap)
        .collect()
}

fn state_of(instance: &SimulatedInstance, name: &str) -> Option<DatabaseState> {
    instance.inner.state().entry(name).map(|entry| entry.state)
}

fn set_model(instance: &SimulatedInstance, model: RecoveryModel) {
    let inner = &instance.inner;
    let mut state = inner.state();
    inner
        .edit(&mut state, |edit| {
            edit.contents("Orch")?.recovery_model = model;
            Ok(())
        })
        .unwrap();
}

/// An instance with the database `Orch`, which holds 1, and a session of sa in `master`.
fn orchestrated(folder: &Path, name: &str) -> (SimulatedInstance, Session) {
    let instance = start(folder, name);
    create_database(&instance.inner, "Orch");
    insert(&instance, "Orch", 1);
    let session = sa(&instance, "master");
    (instance, session)
}

/// Another session, as the views show it.
fn enter(instance: &SimulatedInstance, spid: i16, database: &str) {
    let info = SessionInfo {
        login: "sa".to_owned(),
        database: database.to_owned(),
        login_time: now(),
        host_name: String::new(),
        program_name: String::new(),
        request: None,
        aborted: None,
        killed: CancellationToken::new(),
    };
    instance.inner.state().sessions.insert(spid, info);
}
